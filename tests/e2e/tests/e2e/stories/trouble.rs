//! One Region in trouble: the others complete, the family says why it is partial, and a retry
//! completes it.

use crate::cloud::{Cloud, SOON};
use crate::operator::amiline;
use amiline_local::aws::text;
use amiline_local::{HOME_REGION, KEY_ALIAS};
use serde_json::json;

const TROUBLED: &str = "eu-west-1";
const PARTIAL: [(&str, &str); 5] = [
    ("image-creating", HOME_REGION),
    ("image-available", HOME_REGION),
    ("copy-available", "us-west-2"),
    ("copy-failed", TROUBLED),
    ("family-partial", HOME_REGION),
];

pub(crate) async fn one_region_denied_then_retried(cloud: &Cloud) {
    let deny = json!({"caller": "distribute-image", "action": "ec2:CopyImage", "region": TROUBLED, "count": 100, "fault": "deny"});
    cloud.fault(deny).await;
    let instance = cloud.pressed("default").await;
    let family = partial(cloud, &instance).await;
    cloud.calm().await;
    retried(cloud, &instance, &family).await;
}

pub(crate) async fn one_key_missing_then_retried(cloud: &Cloud) {
    let kms = async |action: &str, asked: serde_json::Value| {
        let answer =
            cloud.aws.json("kms", TROUBLED, &format!("TrentService.{action}"), &asked).await;
        answer.unwrap_or_else(|error| panic!("{action}: {error}"))
    };
    let key = kms("DescribeKey", json!({"KeyId": KEY_ALIAS})).await;
    let key = text(&key, "/KeyMetadata/KeyId").to_owned();
    kms("DeleteAlias", json!({"AliasName": KEY_ALIAS})).await;
    let instance = cloud.pressed("default").await;
    let ended = partial(cloud, &instance).await;
    kms("CreateAlias", json!({"AliasName": KEY_ALIAS, "TargetKeyId": key})).await;
    retried(cloud, &instance, &ended).await;
}

/// Waits for the answer, and checks that everybody is told the reason. Gives the family.
async fn partial(cloud: &Cloud, instance: &str) -> String {
    let status = cloud.answered(instance, "partial", SOON).await;
    let images = cloud.images_of(instance).await;
    assert_eq!(images.len(), 1);
    assert!(
        status.starts_with(&format!("partial {} in 2 Regions: {TROUBLED}: ", images[0].id)),
        "{status}"
    );
    let copies = cloud.copies_of(&images[0].id).await;
    let usable: Vec<_> = copies
        .iter()
        .filter(|copy| text(&copy.shown, "/imageState") == "available")
        .map(|copy| copy.region)
        .collect();
    assert_eq!(usable, ["us-west-2"]);
    let told = cloud.told(instance, &PARTIAL).await;
    for about in ["copy-failed", "family-partial"] {
        let told = told.iter().find(|one| one.event() == about).unwrap();
        let reason = text(&told.message, "/reason/text");
        assert!(!reason.is_empty(), "no reason in {told:?}");
        assert_ne!(told.attributes["severity"], "info", "{told:?}");
        if reason.contains("UnauthorizedOperation") {
            // What explains a denial is at its end: which policy denied, and what to decode.
            let policy = "with an explicit deny in a service control policy: arn:aws:organizations::222222222222:policy/";
            assert!(reason.contains(policy) && reason.contains("(request "), "{reason}");
            assert!(reason.contains(&"4fVx".repeat(225)), "the encoded part is whole: {reason}");
        }
        cloud.note(format!("{about}: {reason}"));
    }
    assert_eq!(told.iter().filter(|one| text(&one.message, "/outcome") == "partial").count(), 1);
    images[0].tags["amiline:family"].clone()
}

async fn retried(cloud: &Cloud, instance: &str, family: &str) {
    let before = cloud.images_of(instance).await;
    let kept = cloud
        .copies_of(&before[0].id)
        .await
        .into_iter()
        .find(|copy| copy.region == "us-west-2")
        .unwrap();
    let output = amiline(cloud, &["retry", family]);
    assert!(output.status.success(), "{output:?}");
    cloud.answered(instance, "available", SOON).await;
    let after = cloud.images_of(instance).await;
    assert_eq!((after.len(), &after[0].id), (1, &before[0].id), "the image is left alone");
    let copies = cloud.copies_of(&after[0].id).await;
    let usable: Vec<_> =
        copies.iter().filter(|copy| text(&copy.shown, "/imageState") == "available").collect();
    assert_eq!(usable.len(), 2, "{copies:?}");
    assert!(usable.iter().any(|copy| copy.id == kept.id), "the copy that was there is left alone");
    let told =
        PARTIAL.into_iter().chain([("copy-available", TROUBLED), ("family-complete", HOME_REGION)]);
    cloud.told(instance, &told.collect::<Vec<_>>()).await;
    assert_eq!(cloud.created(instance), 1);
}
