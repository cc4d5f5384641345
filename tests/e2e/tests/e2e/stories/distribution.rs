//! Where copies go and who may launch them, as a policy says it for each Region and for whole
//! organizations.

use crate::cloud::{BUTTON, Cloud, Image, SOON};
use crate::inbox::all_went_well;
use crate::operator::amiline;
use amiline_local::aws::{list, text};
use amiline_local::{ACCOUNTS_SHARED_WITH, HOME_REGION};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What the stack of all stories is deployed with.
pub(crate) const ORGANIZATION: &str =
    "arn:aws:organizations::123456789012:organization/o-123example";
pub(crate) const UNIT: &str =
    "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111";
pub(crate) const EUROPES_KEY: &str = "alias/amiline-eu";
const EUROPE: &str = "eu-west-1";

/// A member of the organization and of no list.
const MEMBER: &str = "333333333333";
const STRANGER: &str = "444444444444";

pub(crate) async fn each_destination_has_its_key_and_time_and_an_organization_may_launch(
    cloud: &Cloud,
) {
    let key = make_key(cloud).await;
    let policy = json!({
        "encrypt": {"kms_key": "alias/amiline"},
        "distribute": {
            "within_minutes": 120,
            "regions": ["us-west-2", {"region": EUROPE, "kms_key": EUROPES_KEY, "within_minutes": 60}],
        },
        "share": {
            "accounts": ACCOUNTS_SHARED_WITH, "organizations": [ORGANIZATION], "organizational_units": [UNIT],
        },
    });
    put_policy(cloud, "spread", &policy).await;
    cloud
        .control("/_local/ec2/organization", json!({"arn": ORGANIZATION, "accounts": [MEMBER]}))
        .await;
    let instance = cloud.pressed("spread").await;
    cloud.answered(&instance, "available", SOON).await;
    let (image, copies) = cloud.one_family(&instance).await;
    for made in copies.iter().chain([&image]) {
        let everybody = ACCOUNTS_SHARED_WITH.into_iter().chain([ORGANIZATION, UNIT]);
        assert_eq!(
            shared_with(cloud, made).await,
            everybody.map(str::to_owned).collect(),
            "{made:?}"
        );
        assert!(sees(cloud, MEMBER, made).await && !sees(cloud, STRANGER, made).await, "{made:?}");
    }
    for copy in &copies {
        for snapshot in cloud.snapshots(copy).await {
            let europe = copy.region == EUROPE;
            let minutes = if europe { "60" } else { "120" };
            assert_eq!(text(&snapshot, "/transferType"), "time-based", "{snapshot}");
            assert_eq!(text(&snapshot, "/completionDurationMinutes"), minutes, "{snapshot}");
            assert_eq!(text(&snapshot, "/kmsKeyId") == key, europe, "{snapshot}");
        }
    }
    cloud.told(&instance, &all_went_well()).await;
}

pub(crate) async fn what_somebody_shares_by_hand_is_told_and_left_alone(cloud: &Cloud) {
    put_policy(cloud, "alone", &json!({})).await;
    // An image with an encrypted snapshot cannot be public.
    cloud.ec2("DisableEbsEncryptionByDefault", &[]).await;
    let instance = cloud.launch().await;
    cloud.ec2("EnableEbsEncryptionByDefault", &[]).await;
    cloud.tag(&instance, BUTTON, "alone").await;
    cloud.answered(&instance, "available", SOON).await;
    let image = cloud.images_of(&instance).await.remove(0);
    cloud.ec2("DisableImageBlockPublicAccess", &[]).await;
    for (kind, target) in [("UserId", STRANGER), ("Group", "all")] {
        let permission = format!("LaunchPermission.Add.1.{kind}");
        cloud.ec2("ModifyImageAttribute", &[("ImageId", &image.id), (&permission, target)]).await;
    }
    for _ in 0..2 {
        cloud.sweep_all_shares().await;
        cloud
            .answered_by_ticks(
                &instance,
                &format!("available {} in 1 Region (public)", image.id),
                SOON,
            )
            .await;
        cloud.idle("distribute-image").await;
    }
    let expected = [
        "image-creating",
        "image-available",
        "family-complete",
        "image-made-public",
        "shared-by-others",
    ];
    let told = cloud.told(&instance, &expected.map(|event| (event, HOME_REGION))).await;
    let said: String = told.iter().map(|one| text(&one.message, "/reason/text")).collect();
    for taken_back in
        [format!("'Remove=[{{UserId={STRANGER}}}]'"), "'Remove=[{Group=all}]'".to_owned()]
    {
        assert!(said.contains(&taken_back), "{said}");
    }
    assert_eq!(
        shared_with(cloud, &image).await,
        [STRANGER, "all"].map(str::to_owned).into(),
        "it is left alone"
    );
    let tree = amiline(cloud, &["lineage", &image.id]);
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    assert!(tree.contains(&format!(
        "PUBLIC: somebody shared it with everybody, also shared by somebody with {STRANGER}"
    )));
}

pub(crate) async fn an_organization_or_a_key_that_the_stack_does_not_name_is_refused(
    cloud: &Cloud,
) {
    let other = ORGANIZATION.replace("o-123example", "o-stranger999");
    let outsiders =
        json!({"encrypt": {"kms_key": "alias/amiline"}, "share": {"organizations": [other]}});
    let stolen =
        json!({"distribute": {"regions": [{"region": EUROPE, "kms_key": "alias/payroll"}]}});
    for (name, policy, reason) in
        [("outsiders", outsiders, "o-stranger999"), ("stolen", stolen, "alias/payroll")]
    {
        put_policy(cloud, name, &policy).await;
        let instance = cloud.pressed(name).await;
        let answer = cloud.answered(&instance, "rejected", SOON).await;
        assert!(answer.contains(reason), "{answer}");
        assert!(cloud.images_of(&instance).await.is_empty());
    }
}

async fn put_policy(cloud: &Cloud, name: &str, policy: &Value) {
    let value = policy.to_string();
    let asked =
        json!({"Name": format!("/amiline/policies/{name}"), "Value": value, "Type": "String"});
    cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
}

/// The key that exists in one Region only; its ARN.
async fn make_key(cloud: &Cloud) -> String {
    let kms = async |action: &str, asked: Value| {
        cloud.aws.json("kms", EUROPE, &format!("TrentService.{action}"), &asked).await.unwrap()
    };
    let key = kms("CreateKey", json!({})).await;
    let id = text(&key, "/KeyMetadata/KeyId");
    kms("CreateAlias", json!({"AliasName": EUROPES_KEY, "TargetKeyId": id})).await;
    text(&key, "/KeyMetadata/Arn").to_owned()
}

async fn shared_with(cloud: &Cloud, image: &Image) -> BTreeSet<String> {
    let asked = [("ImageId", image.id.as_str()), ("Attribute", "launchPermission")];
    let answer = cloud.ec2_in(image.region, "DescribeImageAttribute", &asked).await;
    let kinds = ["/userId", "/organizationArn", "/organizationalUnitArn", "/group"];
    list(&answer, "/launchPermission")
        .iter()
        .map(|one| kinds.map(|kind| text(one, kind)).concat())
        .collect()
}

async fn sees(cloud: &Cloud, account: &str, image: &Image) -> bool {
    let found = cloud
        .as_account(account)
        .ec2(image.region, "DescribeImages", &[("ImageId.1", &image.id)])
        .await;
    found.is_ok_and(|answer| !list(&answer, "/imagesSet").is_empty())
}
