//! Images whose policy says what they are called, which tags they have and which devices.

use crate::cloud::{BUTTON, Cloud, SOON, Tags, tags_of};
use crate::inbox::all_went_well;
use amiline_local::HOME_REGION;
use amiline_local::aws::{list, text};
use serde_json::json;
use std::collections::BTreeMap;

/// A text as people write it into tags, and worse.
const TEAM: &str = "web \"front\"\n{\"level\":\"ERROR\"}";

pub(crate) async fn images_are_made_as_their_policy_says(cloud: &Cloud) {
    let policy = json!({
        "create": {
            "name": "{tag:Name}/{date}",
            "tags": {"Stage": "test"},
            "carry_tags": ["Team", "Owner"],
            "exclude_devices": ["/dev/sdb", "/dev/sdz"],
            "delete_on_termination": {"/dev/xvda": false, "/dev/sdz2": true},
        },
        "encrypt": {"kms_key": "alias/amiline"},
        "distribute": {"regions": ["us-west-2", "eu-west-1"]},
    });
    let asked =
        json!({"Name": "/amiline/policies/made", "Value": policy.to_string(), "Type": "String"});
    cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
    let asked = [
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "8"),
        ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
        ("BlockDeviceMapping.1.Ebs.KmsKeyId", "alias/amiline"),
        ("BlockDeviceMapping.2.DeviceName", "/dev/sdb"),
        ("BlockDeviceMapping.2.Ebs.VolumeSize", "8"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "shop front"),
        ("TagSpecification.1.Tag.2.Key", "Team"),
        ("TagSpecification.1.Tag.2.Value", TEAM),
        ("TagSpecification.1.Tag.3.Key", "Secret"),
        ("TagSpecification.1.Tag.3.Value", "not ours to tell"),
    ];
    let instance =
        text(&cloud.ec2("RunInstances", &asked).await, "/instancesSet/0/instanceId").to_owned();
    cloud.tag(&instance, BUTTON, "made").await;
    let status = cloud.answered(&instance, "available", SOON).await;
    assert!(status.ends_with(" in 3 Regions"), "{status}");

    let (image, copies) = cloud.one_family(&instance).await;
    // The volume that is not under the key is left out, so home needs no encrypted copy.
    assert!(cloud.images(HOME_REGION, &[("source-image-id", &image.id)]).await.is_empty());
    let expected: Tags = [("Stage", "test"), ("Team", TEAM)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    for made in copies.iter().chain([&image]) {
        let name = text(&made.shown, "/name");
        assert!(name.starts_with("shop-front/20"), "{name}");
        assert_eq!(made.tags.get("Name").map(String::as_str), Some(name));
        let mut all = vec![made.tags.clone()];
        all.extend(cloud.snapshots(made).await.iter().map(|snapshot| tags_of(snapshot, "/tagSet")));
        for tags in all {
            let ours = |key: &String| key.starts_with("amiline") || key == "Name";
            let theirs: Tags = tags.into_iter().filter(|(key, _)| !ours(key)).collect();
            assert_eq!(theirs, expected, "of {made:?}");
        }
        let devices: BTreeMap<&str, &str> = list(&made.shown, "/blockDeviceMapping")
            .iter()
            .map(|device| (text(device, "/deviceName"), text(device, "/ebs/deleteOnTermination")))
            .collect();
        assert_eq!(devices, [("/dev/xvda", "false")].into(), "of {made:?}");
    }
    cloud.told(&instance, &all_went_well()).await;
}
