//! What the whole suite left behind: calls against roles, and logs.

use crate::cloud::{Cloud, regions, tags_of};
use amiline_contracts::stack::Stack;
use amiline_contracts::statements::of_role;
use amiline_local::aws::text;
use amiline_local::template::{parameters, transformed};
use amiline_local::{HOME_REGION, STACK};
use std::collections::BTreeSet;

const ROLES: [(&str, &str); 4] = [
    ("create-image", "CreateImageRole"),
    ("distribute-image", "DistributeImageRole"),
    ("schedule-tick", "ScheduleTickRole"),
    ("notify", "NotifyRole"),
];

/// Granted, and used by no call of these stories.
const IMPLIED: [(&str, &str); 23] = [
    // Lambda writes what a function prints.
    ("*", "logs:CreateLogStream"),
    ("*", "logs:PutLogEvents"),
    // A transaction may check a record that it does not write.
    ("create-image", "dynamodb:ConditionCheckItem"),
    ("distribute-image", "dynamodb:ConditionCheckItem"),
    // Lambda polls the queue and the stream with the function's role.
    ("*", "sqs:ReceiveMessage"),
    ("*", "sqs:DeleteMessage"),
    ("*", "sqs:GetQueueAttributes"),
    ("notify", "dynamodb:DescribeStream"),
    ("notify", "dynamodb:GetRecords"),
    ("notify", "dynamodb:GetShardIterator"),
    ("notify", "dynamodb:ListStreams"),
    // Lambda tells the dead-letter queue which records of the stream it gave up.
    ("notify", "sqs:SendMessage"),
    // EC2 and EBS use the key with the role's rights when they write an encrypted snapshot; the
    // local EC2 asks no KMS.
    ("create-image", "kms:CreateGrant"),
    ("create-image", "kms:Decrypt"),
    ("create-image", "kms:DescribeKey"),
    ("create-image", "kms:GenerateDataKeyWithoutPlaintext"),
    ("create-image", "kms:ReEncryptFrom"),
    ("create-image", "kms:ReEncryptTo"),
    ("distribute-image", "kms:CreateGrant"),
    ("distribute-image", "kms:Decrypt"),
    ("distribute-image", "kms:GenerateDataKeyWithoutPlaintext"),
    ("distribute-image", "kms:ReEncryptFrom"),
    ("distribute-image", "kms:ReEncryptTo"),
];

pub(crate) async fn each_role_grants_what_is_used(cloud: &Cloud) {
    let template = transformed().expect("infra/template.yaml can be transformed");
    let parameters = parameters();
    let given: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let stack = Stack::new(&template, STACK, HOME_REGION, &given);
    let calls = cloud.local.calls_since(0);
    let mut wrong = Vec::new();
    for (function, role) in ROLES {
        let statements = of_role(&stack.one(role));
        let granted: BTreeSet<String> = statements
            .into_iter()
            .filter(|statement| statement.allows)
            .flat_map(|statement| statement.actions)
            .collect();
        let mut used = BTreeSet::new();
        for call in calls.iter().filter(|call| {
            call.caller == function && call.status.is_some_and(|status| status < 400)
        }) {
            used.extend(permissions(call));
        }
        let implied = |action: &String| {
            IMPLIED.iter().any(|(who, what)| (*who == "*" || *who == function) && what == action)
        };
        for action in used.difference(&granted) {
            wrong.push(format!("{function} used {action}, which its role does not grant"));
        }
        for action in granted.difference(&used).filter(|action| !implied(action)) {
            wrong.push(format!("{function} never used {action}, which its role grants"));
        }
        for action in granted.iter().filter(|action| used.contains(*action) && implied(action)) {
            wrong.push(format!("{function} used {action} itself, so it is not only implied"));
        }
        cloud.note(format!("{function} uses {}", used.into_iter().collect::<Vec<_>>().join(" ")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The permissions that a call needs.
fn permissions(call: &amiline_local::gateway::Record) -> Vec<String> {
    let service = call.service.as_str();
    match call.action.as_str() {
        // A transaction needs those of its parts.
        "TransactWriteItems" => {
            let kinds =
                call.parameters["Operations"].as_array().expect("the parts of a transaction");
            let needs = |kind: &serde_json::Value| match kind.as_str() {
                Some("Put") => "dynamodb:PutItem".to_owned(),
                Some("Update") => "dynamodb:UpdateItem".to_owned(),
                Some("Delete") => "dynamodb:DeleteItem".to_owned(),
                Some("ConditionCheck") => "dynamodb:ConditionCheckItem".to_owned(),
                _ => panic!("not a part of a transaction: {kind}"),
            };
            kinds.iter().map(needs).collect()
        }
        "SendMessageBatch" => vec!["sqs:SendMessage".to_owned()],
        action => vec![format!("{service}:{action}")],
    }
}

/// Whatever the functions made, on whatever way: it says whose it is, and so do its snapshots.
pub(crate) async fn nothing_is_untagged(cloud: &Cloud) {
    let calls = cloud.local.calls_since(0);
    let made = calls.iter().filter(|call| call.caller.ends_with("-image"));
    let made: BTreeSet<String> = made.filter_map(|call| call.made.clone()).collect();
    let mut seen = BTreeSet::new();
    for region in regions() {
        for image in
            cloud.images(region, &[]).await.into_iter().filter(|image| made.contains(&image.id))
        {
            assert_eq!(
                image.tags.get("amiline:managed-by").map(String::as_str),
                Some(STACK),
                "{image:?}"
            );
            assert!(image.tags.contains_key("amiline:intent"), "{image:?}");
            if text(&image.shown, "/imageState") == "available" {
                for snapshot in cloud.snapshots(&image).await {
                    let tags = tags_of(&snapshot, "/tagSet");
                    assert_eq!(
                        tags.get("amiline:managed-by").map(String::as_str),
                        Some(STACK),
                        "{snapshot}"
                    );
                    assert_eq!(
                        tags.get("amiline:intent"),
                        image.tags.get("amiline:intent"),
                        "{snapshot}"
                    );
                }
            }
            seen.insert(image.id);
        }
    }
    assert_eq!(seen, made, "an image that a function made cannot be seen");
    assert!(made.len() > 20, "too few images for a whole suite: {made:?}");
}

/// Tags and messages full of line breaks and quotes went through these logs.
pub(crate) async fn every_line_of_every_log_is_one_json_object(cloud: &Cloud) {
    for name in cloud.local.deployed().functions.values() {
        let log = std::fs::read(cloud.local.function_log(name))
            .unwrap_or_else(|error| panic!("the log of {name}: {error}"));
        let log =
            String::from_utf8(log).unwrap_or_else(|error| panic!("the log of {name}: {error}"));
        let mut lines = 0;
        for line in log.split('\n').filter(|line| !line.is_empty()) {
            let parsed: Result<serde_json::Map<String, serde_json::Value>, _> =
                serde_json::from_str(line);
            assert!(parsed.is_ok(), "{name} logged {line:?}");
            assert!(!line.chars().any(char::is_control), "{name} logged {line:?}");
            // A field of that name would come beside the line's own message, and a reader keeps one
            // of them.
            assert!(line.matches("\"message\":").count() <= 1, "{name} logged {line:?}");
            lines += 1;
        }
        assert!(lines > 0, "{name} logged nothing");
    }
    assert_eq!(cloud.dead_letters().await, 0, "messages were given up in some story");
}

/// Also by what arrived after its story had ended. SNS may deliver twice; the local one does not.
pub(crate) async fn nobody_was_told_anything_twice(cloud: &Cloud) {
    cloud.idle("notify").await;
    let mut seen = BTreeSet::new();
    for told in cloud.all_notifications().await {
        assert!(
            seen.insert(text(&told.message, "/outcome_id").to_owned()),
            "a second time: {told:?}"
        );
    }
    assert!(seen.len() > 50, "too few notifications for a whole suite: {}", seen.len());
}
