//! What EC2 says, at one moment.

use super::inbox::Notification;
use super::{BUTTON, Scene};
use crate::aws::{Aws, AwsError, list, text};
use crate::{DESTINATION_REGIONS, HOME_REGION};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A snapshot behind an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapshotSeen {
    /// Its id.
    pub snapshot_id: String,
    /// As in `completed`.
    pub state: String,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Under which key.
    pub kms_key_id: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An image, as DescribeImages, DescribeImageAttribute and DescribeSnapshots show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSeen {
    /// Where.
    pub region: String,
    /// Which.
    pub image_id: String,
    /// As in `available`.
    pub state: String,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Whether every snapshot is encrypted.
    pub encrypted: bool,
    /// Who may launch it besides its owner.
    pub shared_with: Vec<String>,
    /// The instance that it was made from; copies have none.
    pub source_instance: Option<String>,
    /// The image that it was copied from; of an image made from an instance, the one that the
    /// instance was launched from.
    pub source_image: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its snapshots.
    pub snapshots: Vec<SnapshotSeen>,
}

/// Everything that was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// The button's value; none once it has sprung back.
    pub press: Option<String>,
    /// The answer on the instance.
    pub status: Option<String>,
    /// The image made from the instance first, then the copies.
    pub images: Vec<ImageSeen>,
    /// Notifications, in the order of their arrival.
    pub notifications: Vec<Notification>,
}

impl Observation {
    /// The image made from the instance.
    pub fn home(&self) -> Option<&ImageSeen> {
        self.images.iter().find(|image| image.source_instance.is_some())
    }

    /// The family, by the tag of the image made from the instance.
    pub fn family(&self) -> Option<&str> {
        self.home()?.tags.get("amiline:family").map(String::as_str)
    }
}

/// Looks at the instance, and at the images and copies made from it. Notifications are not read
/// here.
pub(super) async fn observe(aws: &Aws, scene: &Scene) -> Result<Observation, AwsError> {
    let asked = [("InstanceId.1", scene.instance.as_str())];
    let answer = aws.ec2(HOME_REGION, "DescribeInstances", &asked).await?;
    let mut tags = tags_of(&answer, "/reservationSet/0/instancesSet/0/tagSet");
    let mut seen = Observation {
        press: tags.remove(BUTTON.0),
        status: tags.remove("amiline:status"),
        ..Observation::default()
    };
    seen.images = images(aws, HOME_REGION, "source-instance-id", &scene.instance).await?;
    let Some(family) = seen.family().map(str::to_owned) else { return Ok(seen) };
    for region in DESTINATION_REGIONS.into_iter().chain([HOME_REGION]) {
        for image in images(aws, region, "tag:amiline:family", &family).await? {
            // At home the image made from the instance carries the tag as well.
            if !seen.images.iter().any(|known| known.image_id == image.image_id) {
                seen.images.push(image);
            }
        }
    }
    Ok(seen)
}

async fn images(
    aws: &Aws,
    region: &str,
    filter: &str,
    value: &str,
) -> Result<Vec<ImageSeen>, AwsError> {
    let asked = [("Owner.1", "self"), ("Filter.1.Name", filter), ("Filter.1.Value.1", value)];
    let answer = aws.ec2(region, "DescribeImages", &asked).await?;
    let mut seen = Vec::new();
    for image in list(&answer, "/imagesSet") {
        let image_id = text(image, "/imageId");
        let attribute = [("ImageId", image_id), ("Attribute", "launchPermission")];
        let permissions = aws.ec2(region, "DescribeImageAttribute", &attribute).await?;
        let snapshots = snapshots(aws, region, image).await?;
        // One of them says who it is: nobody who may launch the image is left out.
        let kinds = ["/userId", "/organizationArn", "/organizationalUnitArn", "/group"];
        let who = |one: &Value| kinds.map(|kind| text(one, kind)).concat();
        let shared_with = list(&permissions, "/launchPermission").iter().map(who).collect();
        let some =
            |pointer: &str| Some(text(image, pointer).to_owned()).filter(|found| !found.is_empty());
        let devices = list(image, "/blockDeviceMapping");
        seen.push(ImageSeen {
            region: region.to_owned(),
            image_id: image_id.to_owned(),
            state: text(image, "/imageState").to_owned(),
            state_reason: some("/stateReason/message"),
            encrypted: !devices.is_empty()
                && devices.iter().all(|device| text(device, "/ebs/encrypted") == "true"),
            shared_with,
            source_instance: some("/sourceInstanceId"),
            source_image: some("/sourceImageId"),
            tags: tags_of(image, "/tagSet"),
            snapshots,
        });
    }
    Ok(seen)
}

async fn snapshots(aws: &Aws, region: &str, image: &Value) -> Result<Vec<SnapshotSeen>, AwsError> {
    let devices = list(image, "/blockDeviceMapping").iter();
    let ids: Vec<&str> =
        devices.map(|device| text(device, "/ebs/snapshotId")).filter(|id| !id.is_empty()).collect();
    if ids.is_empty() {
        // DescribeSnapshots without ids would describe all.
        return Ok(Vec::new());
    }
    let asked: Vec<(String, &str)> =
        (1..).zip(ids).map(|(n, id)| (format!("SnapshotId.{n}"), id)).collect();
    let asked: Vec<(&str, &str)> = asked.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    let answer = aws.ec2(region, "DescribeSnapshots", &asked).await?;
    let key = |snapshot: &Value| text(snapshot, "/kmsKeyId").to_owned();
    Ok(list(&answer, "/snapshotSet")
        .iter()
        .map(|snapshot| SnapshotSeen {
            snapshot_id: text(snapshot, "/snapshotId").to_owned(),
            state: text(snapshot, "/status").to_owned(),
            encrypted: text(snapshot, "/encrypted") == "true",
            kms_key_id: Some(key(snapshot)).filter(|key| !key.is_empty()),
            tags: tags_of(snapshot, "/tagSet"),
        })
        .collect())
}

fn tags_of(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    list(value, pointer)
        .iter()
        .map(|tag| (text(tag, "/key").to_owned(), text(tag, "/value").to_owned()))
        .collect()
}
