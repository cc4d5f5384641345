//! `regional.yaml`: what every other Region gets.

use crate::{HOME, plain, regional};
use amiline_contracts::stack::Stack;
use amiline_contracts::statements::{of_document, of_role};
use serde_json::json;

const INBOUND: &str = "arn:aws:events:us-east-1:111111111111:event-bus/amiline-inbound";
const KEY: [(&str, &str); 2] =
    [("CreateKey", "true"), ("ShareWithAccounts", "222222222222,444444444444")];

#[test]
fn events_are_forwarded_to_the_home_stacks_inbound_bus() {
    assert!(INBOUND.ends_with(&format!(
        "/{}",
        plain().one("InboundBus").properties["Name"].as_str().unwrap()
    )));
    for rule in regional("us-west-2", &[]).all("AWS::Events::Rule") {
        let targets = rule.properties["Targets"].as_array().unwrap();
        let [target] = targets.as_slice() else { panic!("one target") };
        // A bus in another Region is only reached with a role
        // (aws-behaviour.md#a-bus-in-another-region-needs-a-role).
        assert_eq!(
            (&target["Arn"], &target["RoleArn"]),
            (&json!(INBOUND), &json!("ForwardRole.Arn"))
        );
    }
}

#[test]
fn the_forwarding_role_may_put_events_on_that_bus_and_nothing_else() {
    let role = regional("us-west-2", &[]).one("ForwardRole");
    let statements = of_role(&role);
    let [statement] = statements.as_slice() else { panic!("one statement") };
    assert_eq!(
        (&statement.actions[..], &statement.resources[..]),
        (&["events:PutEvents".to_owned()][..], &[INBOUND.to_owned()][..])
    );
    assert_eq!(
        role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"],
        json!({"Service": "events.amazonaws.com"})
    );
}

#[test]
fn nobody_outside_the_account_may_put_events_on_a_bus() {
    let stack = plain();
    for bus in ["InboundBus", "OutcomeBus"] {
        assert!(stack.one(bus).properties["Policy"].is_null(), "{bus}");
    }
    assert!(
        !stack.resources().iter().any(|resource| resource.kind == "AWS::Events::EventBusPolicy")
    );
}

#[test]
fn at_home_it_forwards_nothing_so_that_no_event_arrives_twice() {
    let kinds = |stack: Stack| {
        stack.resources().into_iter().map(|resource| resource.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(regional(HOME, &[])), Vec::<String>::new());
    let mut made = kinds(regional(HOME, &KEY));
    made.sort();
    assert_eq!(made, ["AWS::KMS::Alias", "AWS::KMS::Key"]);
}

#[test]
fn the_key_and_its_alias_outlive_the_stack_because_images_need_them() {
    let stack = regional("us-west-2", &KEY);
    for id in ["ImageKey", "ImageKeyAlias"] {
        let definition = stack.one(id).definition;
        assert_eq!(
            (&definition["DeletionPolicy"], &definition["UpdateReplacePolicy"]),
            (&json!("RetainExceptOnCreate"), &json!("Retain"))
        );
    }
    assert_eq!(stack.one("ImageKeyAlias").properties["AliasName"], "alias/amiline");
    assert_eq!(stack.one("ImageKey").properties["EnableKeyRotation"], true);
}

#[test]
fn other_accounts_may_use_the_key_to_launch_and_only_if_named() {
    let alone = regional("us-west-2", &[("CreateKey", "true")]).one("ImageKey");
    let statements = of_document("ImageKey", &alone.properties["KeyPolicy"]);
    let [owner] = statements.as_slice() else { panic!("only the account itself") };
    assert_eq!(owner.principal, json!({"AWS": "arn:aws:iam::111111111111:root"}));

    let shared = regional("us-west-2", &KEY).one("ImageKey");
    for statement in of_document("ImageKey", &shared.properties["KeyPolicy"]).into_iter().skip(1) {
        assert_eq!(statement.principal, json!({"AWS": ["222222222222", "444444444444"]}));
        match statement.sid.as_str() {
            "SharedAccountsSeeTheKey" => assert_eq!(statement.actions, ["kms:DescribeKey"]),
            "SharedAccountsLetEbsUseTheKey" => {
                assert_eq!(statement.actions, ["kms:CreateGrant"]);
                assert_eq!(statement.condition("Bool", "kms:GrantIsForAWSResource"), ["true"]);
            }
            _ => assert_eq!(
                statement.condition("StringEquals", "kms:ViaService"),
                ["ec2.us-west-2.amazonaws.com"]
            ),
        }
    }
}

/// "*" is everybody: without the test of where the caller is, everybody could decrypt.
#[test]
fn an_organization_may_use_the_key_to_launch_and_nobody_outside_of_it() {
    let ids = ["o-123example", "o-another111"];
    let path = "o-123example/r-ab12/ou-ab12-11111111/*";
    for (parameter, given, operator, key, named) in [
        (
            "ShareWithOrganizations",
            ids.join(","),
            "StringEquals",
            "aws:PrincipalOrgID",
            ids.to_vec(),
        ),
        (
            "ShareWithOrganizationPaths",
            path.to_owned(),
            "ForAnyValue:StringLike",
            "aws:PrincipalOrgPaths",
            vec![path],
        ),
    ] {
        let shared =
            regional("us-west-2", &[("CreateKey", "true"), (parameter, &given)]).one("ImageKey");
        let statements = of_document("ImageKey", &shared.properties["KeyPolicy"]);
        assert_eq!(statements.len(), 4, "{parameter}");
        for statement in statements.iter().skip(1) {
            assert_eq!(statement.principal, json!({"AWS": "*"}));
            assert_eq!(statement.condition(operator, key), named, "{}", statement.sid);
            let sees = statement.actions == ["kms:DescribeKey"];
            let by_ec2 = statement.condition["StringEquals"]["kms:ViaService"]
                == "ec2.us-west-2.amazonaws.com";
            assert!(sees || by_ec2, "{}", statement.sid);
            if statement.actions == ["kms:CreateGrant"] {
                assert_eq!(statement.condition("Bool", "kms:GrantIsForAWSResource"), ["true"]);
            }
        }
    }
}
