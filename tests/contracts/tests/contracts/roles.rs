//! What each role may do, and what no role may.

use crate::{FUNCTIONS, HOME, TEMPLATE, both, plain, wide};
use amiline_contracts::stack::Stack;
use amiline_contracts::statements::{Statement, changes_ec2, of_role, of_roles};
use serde_json::json;
use std::collections::BTreeSet;

fn granted(stack: &Stack, role: &str) -> Vec<Statement> {
    of_role(&stack.one(role)).into_iter().filter(|statement| statement.allows).collect()
}

fn actions(statements: &[Statement]) -> BTreeSet<&str> {
    statements.iter().flat_map(|statement| &statement.actions).map(String::as_str).collect()
}

fn set<'a>(texts: &[&'a str]) -> BTreeSet<&'a str> {
    texts.iter().copied().collect()
}

#[test]
fn no_role_is_granted_a_family_of_actions() {
    for stack in both() {
        for statement in of_roles(&stack).iter().filter(|statement| statement.allows) {
            for action in &statement.actions {
                assert!(
                    !action.contains('*'),
                    "{}: {} grants {action}",
                    statement.holder,
                    statement.sid
                );
            }
            assert!(!statement.resources.is_empty());
        }
    }
}

#[test]
fn no_change_in_ec2_is_granted_on_everything_and_none_on_images_without_a_condition() {
    for statement in of_roles(&wide()).iter().filter(|statement| statement.allows) {
        if !statement.actions.iter().any(|action| changes_ec2(action)) {
            continue;
        }
        assert!(!statement.resources.iter().any(|resource| resource == "*"), "{}", statement.sid);
        if statement.covers("image") || statement.covers("snapshot") {
            assert!(!statement.condition.is_null(), "{}", statement.sid);
        }
    }
}

#[test]
fn nothing_is_created_without_the_stack_name_on_its_snapshots() {
    let stack = wide();
    for (role, action) in
        [("CreateImageRole", "ec2:CreateImage"), ("DistributeImageRole", "ec2:CopyImage")]
    {
        let statements = granted(&stack, role);
        let creating =
            statements.iter().filter(|statement| statement.actions.iter().any(|a| a == action));
        let on_snapshots: Vec<_> =
            creating.filter(|statement| statement.covers("snapshot")).collect();
        assert!(!on_snapshots.is_empty());
        for statement in on_snapshots {
            assert_eq!(
                statement.condition("StringEquals", "aws:RequestTag/amiline-stack"),
                ["amiline"],
                "{action}"
            );
        }
    }
}

#[test]
fn images_and_snapshots_are_tagged_in_the_creating_call_only() {
    let stack = wide();
    let calls: [(&str, &[&str]); 2] = [
        ("CreateImageRole", &["CreateImage"]),
        ("DistributeImageRole", &["CopyImage", "CopySnapshot"]),
    ];
    for (role, calls) in calls {
        for statement in granted(&stack, role) {
            let tags =
                statement.actions.iter().any(|a| a == "ec2:CreateTags" || a == "ec2:DeleteTags");
            if tags && (statement.covers("image") || statement.covers("snapshot")) {
                assert_eq!(statement.actions, ["ec2:CreateTags"]);
                assert_eq!(statement.condition("StringEquals", "ec2:CreateAction"), calls);
            }
        }
    }
}

/// EC2 asks IAM about the source and its snapshots as well, which are not tagged by the call.
#[test]
fn a_copy_may_be_made_of_an_own_image_and_its_snapshots_which_the_call_does_not_tag() {
    let statements = granted(&wide(), "DistributeImageRole");
    let on = |kind: &str| {
        let resource = format!("arn:aws:ec2:*::{kind}");
        let found = statements
            .iter()
            .filter(|s| s.actions == ["ec2:CopyImage"] && s.resources == [resource.as_str()]);
        let found: Vec<_> = found.collect();
        let [statement] = found.as_slice() else { panic!("one statement about {kind}") };
        (*statement).clone()
    };
    assert_eq!(on("image/ami-*").condition("StringEqualsIfExists", "ec2:Owner"), ["111111111111"]);
    assert!(on("snapshot/snap-*").condition.is_null());
}

/// Policies add tags of their own to images and snapshots, whose keys no role can know.
#[test]
fn what_is_created_may_have_further_tags() {
    let stack = wide();
    for role in ["CreateImageRole", "DistributeImageRole"] {
        let creating = ["ec2:CreateImage", "ec2:CopyImage", "ec2:CreateTags"];
        let statements = granted(&stack, role);
        let statements =
            statements.iter().filter(|s| s.actions.iter().any(|a| creating.contains(&a.as_str())));
        let of_what_is_made: Vec<_> =
            statements.filter(|s| s.covers("image") || s.covers("snapshot")).collect();
        assert!(of_what_is_made.len() >= 2, "{role}");
        for statement in of_what_is_made {
            assert!(!statement.condition.to_string().contains("aws:TagKeys"), "{}", statement.sid);
        }
    }
}

#[test]
fn of_an_instances_tags_only_the_status_is_written_and_only_the_button_removed() {
    let stack = wide();
    for role in ["CreateImageRole", "DistributeImageRole"] {
        let statements = granted(&stack, role);
        for (action, key) in
            [("ec2:CreateTags", "amiline:status"), ("ec2:DeleteTags", "amiline:image")]
        {
            let on_instances: Vec<_> = statements
                .iter()
                .filter(|s| s.covers("instance") && s.actions.iter().any(|a| a == action))
                .collect();
            let [statement] = on_instances.as_slice() else {
                panic!("{role} has one statement for {action}")
            };
            assert_eq!(statement.actions, [action]);
            assert_eq!(statement.condition("ForAllValues:StringEquals", "aws:TagKeys"), [key]);
            // DeleteTags without keys deletes every tag, and ForAllValues is true of no keys.
            assert_eq!(statement.condition("Null", "aws:TagKeys"), ["false"]);
        }
    }
}

#[test]
fn only_images_of_this_stack_are_shared() {
    let stack = wide();
    let statements = of_roles(&stack);
    let sharing: Vec<_> = statements
        .iter()
        .filter(|s| s.allows && s.actions.iter().any(|a| a.starts_with("ec2:Modify")))
        .collect();
    let [statement] = sharing.as_slice() else { panic!("one statement shares") };
    assert_eq!(statement.holder, "DistributeImageRole");
    assert_eq!(statement.actions, ["ec2:ModifyImageAttribute"]);
    assert_eq!(statement.condition("StringEquals", "aws:ResourceTag/amiline-stack"), ["amiline"]);
}

#[test]
fn whoever_shares_images_may_see_with_whom_they_are_shared() {
    let stack = wide();
    let statements = of_roles(&stack);
    let of = |action: &str| -> BTreeSet<String> {
        let has = statements.iter().filter(|s| s.allows && s.actions.iter().any(|a| a == action));
        has.map(|statement| statement.holder.clone()).collect()
    };
    assert_eq!(of("ec2:DescribeImageAttribute"), of("ec2:ModifyImageAttribute"));
    // The tick finds the families to ask, wherever their copies are.
    let tick = granted(&stack, "ScheduleTickRole");
    let listing: Vec<_> =
        tick.iter().filter(|s| s.actions == ["ec2:DescribeImages", "ec2:DescribeTags"]).collect();
    let [statement] = listing.as_slice() else { panic!("one statement lists images") };
    let regions = statement.condition("StringEquals", "aws:RequestedRegion");
    assert_eq!(
        regions.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        set(&["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-3", "sa-east-1"])
    );
}

#[test]
fn whoever_makes_or_shares_images_is_denied_it_outside_the_allowed_regions() {
    for (stack, regions) in [
        (plain(), set(&["us-east-1"])),
        (wide(), set(&["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-3", "sa-east-1"])),
    ] {
        for (_, role, _) in FUNCTIONS.iter() {
            let statements = of_role(&stack.one(role));
            if !statements
                .iter()
                .any(|s| s.allows && s.actions.iter().any(|action| changes_ec2(action)))
            {
                continue;
            }
            let denials: Vec<_> = statements.iter().filter(|statement| !statement.allows).collect();
            let [denial] = denials.as_slice() else { panic!("{role} has one denial") };
            assert_eq!(denial.resources, ["*"]);
            let spreads = ["ec2:CreateImage", "ec2:CopyImage", "ec2:ModifyImageAttribute"];
            for action in actions(&statements).iter().filter(|action| spreads.contains(action)) {
                assert!(
                    denial.actions.iter().any(|denied| denied == action),
                    "{role} may {action} anywhere"
                );
            }
            let allowed = denial.condition("StringNotEquals", "aws:RequestedRegion");
            assert_eq!(
                allowed.iter().map(String::as_str).collect::<BTreeSet<_>>(),
                regions,
                "{role}"
            );
        }
    }
}

#[test]
fn whoever_commits_may_check_a_record_and_nobody_deletes_one() {
    let stack = wide();
    for (_, role, _) in FUNCTIONS.iter() {
        let statements = granted(&stack, role);
        let actions = actions(&statements);
        let commits = actions.contains("dynamodb:PutItem");
        assert_eq!(
            commits,
            matches!(role.as_str(), "CreateImageRole" | "DistributeImageRole"),
            "{role}"
        );
        assert_eq!(commits, actions.contains("dynamodb:ConditionCheckItem"), "{role}");
        assert!(!actions.contains("dynamodb:DeleteItem"), "{role}");
    }
}

#[test]
fn the_tick_changes_nothing() {
    let stack = wide();
    let statements = granted(&stack, "ScheduleTickRole");
    assert_eq!(
        actions(&statements),
        set(&[
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "ec2:DescribeImages",
            "ec2:DescribeTags",
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "sqs:SendMessage",
            "ssm:GetParameterHistory",
            "ssm:GetParametersByPath",
        ])
    );
    let queries: Vec<_> = statements.iter().filter(|s| s.actions == ["dynamodb:Query"]).collect();
    let [indexes, images] = queries.as_slice() else { panic!("two statements let it query") };
    assert_eq!(indexes.resources, ["LineageTable.Arn/index/due", "LineageTable.Arn/index/listing"]);
    assert_eq!(images.resources, ["LineageTable.Arn"]);
    assert_eq!(images.condition("ForAllValues:StringLike", "dynamodb:LeadingKeys"), ["INSTANCE#*"]);
    assert_eq!(images.condition("Null", "dynamodb:LeadingKeys"), ["false"]);
}

#[test]
fn only_notify_announces_and_only_to_its_topics_and_its_bus() {
    let stack = wide();
    let statements = of_roles(&stack);
    let publishing: Vec<_> =
        statements.iter().filter(|s| s.actions.iter().any(|a| a.starts_with("sns:"))).collect();
    let [statement] = publishing.as_slice() else { panic!("one statement publishes") };
    assert_eq!(
        (statement.holder.as_str(), &statement.actions[..]),
        ("NotifyRole", &["sns:Publish".to_owned()][..])
    );
    assert_eq!(
        statement.resources,
        ["NotificationTopic", "AttentionTopic", "DigestTopic", "ChatTopic"]
    );
    let putting: Vec<_> =
        statements.iter().filter(|s| s.actions.iter().any(|a| a.starts_with("events:"))).collect();
    let [statement] = putting.as_slice() else { panic!("one statement puts events on a bus") };
    assert_eq!(
        (statement.holder.as_str(), &statement.actions[..]),
        ("NotifyRole", &["events:PutEvents".to_owned()][..])
    );
    assert_eq!(statement.resources, ["OutcomeBus.Arn"]);
    assert!(
        !actions(&granted(&stack, "NotifyRole")).iter().any(|action| action.starts_with("ec2:"))
    );
}

#[test]
fn a_function_consumes_its_own_queue_and_writes_its_own_log() {
    let stack = wide();
    for (function, role, _) in FUNCTIONS.iter() {
        let name = function.trim_end_matches("Function");
        for statement in granted(&stack, role) {
            if statement.actions.iter().any(|action| action.starts_with("logs:")) {
                assert_eq!(statement.resources, [format!("{name}LogGroup.Arn")], "{role}");
            }
            if statement
                .actions
                .iter()
                .any(|a| a == "sqs:ReceiveMessage" || a == "sqs:DeleteMessage")
            {
                assert_eq!(statement.resources, [format!("{name}Queue.Arn")], "{role}");
            }
        }
    }
}

#[test]
fn every_mapping_has_the_permissions_that_its_poller_needs() {
    let stack = wide();
    for mapping in stack.all("AWS::Lambda::EventSourceMapping") {
        let function = mapping.properties["FunctionName"].as_str().unwrap();
        let (_, role, _) = FUNCTIONS.iter().find(|(id, ..)| id == function).expect("a function");
        let statements = granted(&stack, role);
        let source = mapping.properties["EventSourceArn"].as_str().unwrap();
        let (resource, needed) = if source == "LineageTable.StreamArn" {
            let needed =
                ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
            ("LineageTable.Arn/stream/*", needed)
        } else {
            (source, ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])
        };
        let here: Vec<_> = statements.into_iter().filter(|s| s.resources == [resource]).collect();
        assert!(set(&needed).is_subset(&actions(&here)), "{role} cannot read {source}");
    }
}

#[test]
fn without_a_key_nothing_is_granted_in_kms() {
    assert!(!actions(&of_roles(&plain())).iter().any(|action| action.starts_with("kms:")));
}

#[test]
fn keys_are_those_that_the_parameters_name_whichever_of_them_are_given() {
    let with = |own: &str, further: &str| {
        Stack::new(&TEMPLATE, "amiline", HOME, &[("KeyAlias", own), ("AllowedKeyAliases", further)])
    };
    for (own, further, named) in [
        ("alias/amiline", "", &["alias/amiline"][..]),
        ("", "alias/europe", &["alias/europe"]),
        ("", "alias/europe,alias/asia", &["alias/europe", "alias/asia"]),
    ] {
        let statements = of_roles(&with(own, further));
        let kms: Vec<_> =
            statements.iter().filter(|s| s.actions.iter().any(|a| a.starts_with("kms:"))).collect();
        assert_eq!(kms.len(), 6, "three of each role");
        for statement in kms {
            assert_eq!(
                statement.condition("ForAnyValue:StringEquals", "kms:ResourceAliases"),
                named
            );
        }
    }
}

#[test]
fn the_stacks_keys_are_the_only_ones_and_used_by_way_of_ec2() {
    let stack = wide();
    let statements = of_roles(&stack);
    let kms: Vec<_> =
        statements.iter().filter(|s| s.actions.iter().any(|a| a.starts_with("kms:"))).collect();
    for statement in &kms {
        assert!(["CreateImageRole", "DistributeImageRole"].contains(&statement.holder.as_str()));
        let named = ["alias/amiline", "alias/europe", "alias/asia"];
        assert_eq!(statement.condition("ForAnyValue:StringEquals", "kms:ResourceAliases"), named);
        // Looking at the key is all that distribute-image does itself; create-image does nothing
        // with keys.
        if statement.holder == "CreateImageRole" || statement.actions != ["kms:DescribeKey"] {
            assert_eq!(
                statement.condition("StringLike", "kms:ViaService"),
                ["ec2.*.amazonaws.com"],
                "{}",
                statement.sid
            );
        }
        if statement.actions.iter().any(|action| action == "kms:CreateGrant") {
            assert_eq!(statement.condition("Bool", "kms:GrantIsForAWSResource"), ["true"]);
        }
    }
    // What encrypted copies need (aws-behaviour.md#kms-rights-of-an-encrypted-copy).
    let kms: Vec<Statement> = kms.into_iter().cloned().collect();
    assert_eq!(
        actions(&kms),
        set(&[
            "kms:DescribeKey",
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ])
    );
}

#[test]
fn policies_are_read_by_create_image_and_the_tick_and_written_by_nobody() {
    let stack = wide();
    for (_, role, _) in FUNCTIONS.iter() {
        for statement in granted(&stack, role) {
            if statement.actions.iter().any(|action| action.starts_with("ssm:")) {
                let reads = [
                    "ssm:GetParameter",
                    "ssm:GetParameters",
                    "ssm:GetParametersByPath",
                    "ssm:GetParameterHistory",
                ];
                let switch =
                    statement.resources.iter().any(|resource| resource.ends_with("/kill-switch"));
                // A switch is off only where SSM says that there is no such parameter.
                assert_eq!(
                    switch,
                    statement.actions == ["ssm:GetParameter"],
                    "{role}: {}",
                    statement.sid
                );
                assert!(
                    statement.actions.iter().all(|action| reads.contains(&action.as_str())),
                    "{role}"
                );
                let policies =
                    statement.resources.iter().any(|resource| resource.contains("/policies"));
                let may_read = ["CreateImageRole", "ScheduleTickRole"].contains(&role.as_str());
                assert!(switch || policies && may_read, "{role}: {}", statement.sid);
            }
        }
    }
}

#[test]
fn each_role_trusts_one_service() {
    for role in wide().all("AWS::IAM::Role") {
        let service = if role.id == "TickScheduleRole" {
            "scheduler.amazonaws.com"
        } else {
            "lambda.amazonaws.com"
        };
        let trust = &role.properties["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!(trust.as_array().map(Vec::len), Some(1), "{}", role.id);
        assert_eq!(trust[0]["Principal"], json!({"Service": service}), "{}", role.id);
    }
}
