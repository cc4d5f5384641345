//! Presses that go well.

use crate::cloud::{BUTTON, Cloud, SOON, STATUS, eventually, holds, tags_of};
use crate::inbox::all_went_well;
use crate::operator::amiline;
use amiline_local::aws::{list, text};
use amiline_local::gateway::Record;
use amiline_local::{ACCOUNT, ACCOUNTS_SHARED_WITH, DESTINATION_REGIONS, HOME_REGION, KEY_ALIAS};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most calls that one image with two destinations may take, by function. What a function's
/// poller reads of queues and streams is not in the log: Lambda does that.
const BUDGET: [(&str, &[(&str, usize)]); 3] = [
    (
        "create-image",
        &[
            // The press with the hour's count, and what was told of the policy.
            ("dynamodb:BatchGetItem", 2),
            ("dynamodb:TransactWriteItems", 3),
            ("dynamodb:UpdateItem", 1),
            ("ec2:CreateImage", 1),
            ("ec2:CreateTags", 1),
            ("ec2:DescribeInstances", 1),
            // The kill switch, once more if the work takes longer than it is remembered.
            ("ssm:GetParameter", 2),
            ("ssm:GetParameters", 1),
        ],
    ),
    (
        "distribute-image",
        &[
            // Three pointers, and the policy's text once in each process.
            ("dynamodb:GetItem", 6),
            ("dynamodb:Query", 5),
            ("dynamodb:TransactWriteItems", 9),
            ("dynamodb:UpdateItem", 3),
            ("ec2:CopyImage", 2),
            ("ec2:CreateTags", 1),
            ("ec2:DeleteTags", 1),
            // Three events; two of them at once cost the knock above and the holder's second look
            // at both copies.
            ("ec2:DescribeImages", 6),
            ("ec2:DescribeSnapshots", 1),
            ("ec2:ModifyImageAttribute", 3),
            ("kms:DescribeKey", 1),
            // The kill switch, once in each process within its time.
            ("ssm:GetParameter", 4),
        ],
    ),
    ("notify", &[("dynamodb:UpdateItem", 5), ("events:PutEvents", 5), ("sns:Publish", 6)]),
];

/// A person presses from the command, waits, and reads each step.
pub(crate) async fn a_press_from_the_command(cloud: &Cloud) {
    let instance = cloud.launch().await;
    let output = amiline(cloud, &["press", &instance, "--policy", "default", "--wait"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{said}");
    let (image, _) = cloud.one_family(&instance).await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines.first(),
        Some(&format!("Pressed {instance} in {HOME_REGION} for default").as_str()),
        "{said}"
    );
    assert!(lines.contains(&format!("available {} in 3 Regions", image.id).as_str()), "{said}");
    assert!(
        lines.last().is_some_and(|line| line.starts_with("fam-") && line.ends_with(": complete")),
        "{said}"
    );
    assert!(!text(&image.shown, "/description").is_empty(), "{image:?}");

    let refused = amiline(cloud, &["press", &instance, "--policy", "nobody", "--json"]);
    let error: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(
        (refused.status.code(), &error["error"]["kind"]),
        (Some(3), &json!("not-found")),
        "{error}"
    );
}

pub(crate) async fn a_press_end_to_end(cloud: &Cloud) {
    let instance = cloud.launch().await;
    let mark = cloud.mark();
    cloud.tag(&instance, BUTTON, "default").await;
    let status = cloud.answered(&instance, "available", SOON).await;
    let (image, copies) = cloud.one_family(&instance).await;
    assert_eq!(status, format!("available {} in 3 Regions", image.id));
    assert_eq!(cloud.created(&instance), 1);
    assert_eq!(cloud.copied(&image.id), 2, "copies wake nothing new");

    for made in copies.iter().chain([&image]) {
        assert_eq!(text(&made.shown, "/imageState"), "available");
        let key = cloud
            .aws
            .json("kms", made.region, "TrentService.DescribeKey", &json!({"KeyId": KEY_ALIAS}))
            .await;
        let key = key.unwrap();
        for snapshot in cloud.snapshots(made).await {
            assert_eq!(text(&snapshot, "/encrypted"), "true", "{made:?}");
            assert_eq!(text(&snapshot, "/kmsKeyId"), text(&key, "/KeyMetadata/Arn"), "{made:?}");
            let tags = tags_of(&snapshot, "/tagSet");
            let ours = |(key, _): &(&String, &String)| key.starts_with("amiline");
            let expected: BTreeMap<_, _> = made.tags.iter().filter(ours).collect();
            assert_eq!(
                tags.iter().filter(ours).collect::<BTreeMap<_, _>>(),
                expected,
                "of snapshots and of {made:?}"
            );
        }
        for (key, value) in [
            ("amiline:managed-by", "amiline"),
            ("amiline-stack", "amiline"),
            ("amiline:policy", "default"),
            ("amiline:source-instance", &instance),
        ] {
            assert_eq!(made.tags.get(key).map(String::as_str), Some(value), "{key} of {made:?}");
        }
        // Not what we see of our image, but what they see of it.
        for account in ACCOUNTS_SHARED_WITH {
            let seen = cloud
                .as_account(account)
                .ec2(made.region, "DescribeImages", &[("ImageId.1", &made.id)])
                .await;
            assert_eq!(text(&seen.unwrap(), "/imagesSet/0/imageId"), made.id);
        }
        let stranger = cloud.as_account("333333333333");
        let seen = stranger.ec2(made.region, "DescribeImages", &[("ImageId.1", &made.id)]).await;
        assert!(
            seen.map_or(true, |seen| list(&seen, "/imagesSet").is_empty()),
            "anybody sees {made:?}"
        );
    }

    let family = image.tags["amiline:family"].as_str();
    for told in cloud.told(&instance, &all_went_well()).await {
        let field = |name: &str| told.message[name].as_str().map(str::to_owned);
        assert_eq!(field("family").as_deref(), Some(family));
        assert!(told.subject.contains(&instance), "{told:?}");
        for name in ["event", "outcome", "policy", "region", "account", "severity"] {
            assert_eq!(
                told.attributes.get(name).cloned(),
                field(name),
                "attribute {name} of {told:?}"
            );
        }
        assert_eq!(told.attributes["account"], ACCOUNT);
    }
    within_budget(cloud, mark).await;
}

/// Counts the calls of the functions once they have come to rest.
async fn within_budget(cloud: &Cloud, mark: usize) {
    for function in ["create-image", "distribute-image"] {
        cloud.idle(function).await;
    }
    eventually(SOON, "all notifications noted as sent", async || {
        let noted = cloud.calls(mark, "notify", "dynamodb:UpdateItem").len();
        holds(noted >= 5, &noted)
    })
    .await;
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    // A process that starts opens its connections with a read that means nothing; how many start is
    // Lambda's choice.
    let warms = |call: &Record| {
        call.error.as_deref() == Some("DryRunOperation")
            || call.parameters.get("Key").and_then(Value::as_str) == Some("WARM WARM")
            || call.parameters.get("Entries") == Some(&json!(0))
    };
    for call in cloud.local.calls_since(mark).into_iter().filter(|call| !warms(call)) {
        *counts
            .entry((call.caller.clone(), format!("{}:{}", call.service, call.action)))
            .or_default() += 1;
    }
    counts.retain(|(caller, _), _| BUDGET.iter().any(|(function, _)| function == caller));
    for ((function, action), count) in &counts {
        cloud.note(format!("{function:17} {action:28} {count}"));
    }
    for ((function, action), count) in counts {
        let (_, budget) = BUDGET.iter().find(|(name, _)| *name == function).unwrap();
        let most = budget.iter().find(|(name, _)| *name == action).map_or(0, |(_, most)| *most);
        assert!(
            count <= most,
            "{function} made {count} calls of {action} for one image; at most {most} are meant"
        );
    }
}

/// The first minute of a user: run an instance and tag it at once, while EC2 refuses to make an
/// image of it.
pub(crate) async fn run_and_tag_at_once(cloud: &Cloud) {
    let pending = async |seconds: u32| {
        cloud
            .aws
            .control("/_local/ec2/instance-pending", &json!({"seconds": seconds}))
            .await
            .expect("a setting");
    };
    let mark = cloud.mark();
    pending(8).await;
    let instance = cloud.pressed("default").await;
    pending(0).await;
    eventually(SOON, "the answer that it is waited for", async || {
        let tags = cloud.tags(&instance).await;
        let waits =
            tags.get(STATUS).is_some_and(|status| status == "waiting until the instance runs");
        holds(waits && tags.contains_key(BUTTON), &tags)
    })
    .await;
    assert!(
        cloud.calls(mark, "create-image", "ec2:CreateImage").is_empty(),
        "it is pending, and nothing was called"
    );
    // Nobody has to wait for the tick's five minutes here.
    let status = cloud.answered_by_ticks(&instance, "available", SOON).await;
    assert!(status.ends_with(" in 3 Regions"), "{status}");
    assert_eq!(
        cloud.calls(mark, "create-image", "ec2:CreateImage").len(),
        1,
        "one call, and it was not refused"
    );
    cloud.one_family(&instance).await;
    cloud.told(&instance, &all_went_well()).await;
}

pub(crate) async fn one_tag_event_twenty_times(cloud: &Cloud) {
    cloud
        .control("/_local/ec2/drop-events", json!({"detail_types": ["Tag Change on Resource"]}))
        .await;
    let instance = cloud.pressed("default").await;
    let mark = cloud.mark();
    // Each look's first read takes so long that others begin meanwhile.
    let slow = json!({"caller": "create-image", "action": "dynamodb:BatchGetItem", "count": 20, "fault": "delay", "milliseconds": 400});
    cloud.fault(slow).await;
    let body = tag_event(&instance, "default");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (aws, url, body) = (cloud.local.aws(), cloud.queue("create-image"), body.clone());
            std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    for _ in 0..5 {
                        let asked = json!({"QueueUrl": url, "MessageBody": body});
                        aws.json("sqs", HOME_REGION, "AmazonSQS.SendMessage", &asked)
                            .await
                            .unwrap();
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    cloud.answered(&instance, "available", SOON).await;
    cloud.idle("create-image").await;
    let looks = cloud.calls(mark, "create-image", "ec2:DescribeInstances").len();
    assert!(looks >= 20, "{looks} looks for 20 deliveries");
    let reads = cloud.calls(mark, "create-image", "dynamodb:BatchGetItem");
    let span = |read: &amiline_local::gateway::Record| {
        let begin: jiff::Timestamp = read.time.parse().unwrap();
        (
            begin,
            begin + jiff::SignedDuration::from_millis(i64::try_from(read.milliseconds).unwrap()),
        )
    };
    let spans: Vec<_> = reads.iter().map(|read| span(read)).collect();
    let overlapping = spans
        .iter()
        .enumerate()
        .any(|(n, (_, end))| spans[n + 1..].iter().any(|(begin, _)| begin < end));
    assert!(overlapping, "no two invocations overlapped: {spans:?}");

    let (image, _) = cloud.one_family(&instance).await;
    assert_eq!(cloud.created(&instance), 1);
    let tried = cloud.calls(mark, "create-image", "ec2:CreateImage").len();
    assert_eq!(tried, 1, "CreateImage was called {tried} times");
    assert_eq!(cloud.copied(&image.id), 2);
    cloud.told(&instance, &all_went_well()).await;
    assert_eq!(cloud.dead_letters().await, 0);
}

/// What EventBridge delivers when a button is pressed.
fn tag_event(instance: &str, value: &str) -> String {
    json!({
        "version": "0",
        "id": "bddcf1d6-0251-35a1-aab0-adc1fb47c11c",
        "detail-type": "Tag Change on Resource",
        "source": "aws.tag",
        "account": ACCOUNT,
        "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": HOME_REGION,
        "resources": [format!("arn:aws:ec2:{HOME_REGION}:{ACCOUNT}:instance/{instance}")],
        "detail": {
            "changed-tag-keys": [BUTTON],
            "service": "ec2",
            "resource-type": "instance",
            "version": 1,
            "tags": {BUTTON: value},
        },
    })
    .to_string()
}

pub(crate) async fn presses_before_and_after_the_answer(cloud: &Cloud) {
    let instance = cloud.pressed("default").await;
    eventually(SOON, "an image under way", async || {
        let tags = cloud.tags(&instance).await;
        holds(tags.get(STATUS).is_some_and(|status| status.starts_with("creating")), &tags)
    })
    .await;
    // A second press of a button that has not sprung back.
    cloud.untag(&instance, BUTTON).await;
    cloud.tag(&instance, BUTTON, "default").await;
    cloud.answered(&instance, "available", SOON).await;
    cloud.idle("create-image").await;
    assert_eq!(cloud.created(&instance), 1, "two presses before the answer make one image");
    let (first, _) = cloud.one_family(&instance).await;
    cloud.told(&instance, &all_went_well()).await;

    cloud.tag(&instance, BUTTON, "default").await;
    eventually(SOON, "two images", async || {
        let images = cloud.images_of(&instance).await;
        holds(images.len() == 2, &images)
    })
    .await;
    cloud.answered(&instance, "available", SOON).await;
    let images = cloud.images_of(&instance).await;
    let second = images.iter().find(|image| image.id != first.id).unwrap();
    assert_ne!(first.tags["amiline:family"], second.tags["amiline:family"]);
    let twice: Vec<_> = all_went_well().into_iter().chain(all_went_well()).collect();
    cloud.told(&instance, &twice).await;

    // Both removals of the tag were ours, and made nothing.
    cloud.idle("create-image").await;
    assert_eq!(cloud.created(&instance), 2);
    for image in images {
        assert_eq!(cloud.copied(&image.id), DESTINATION_REGIONS.len());
    }
}
