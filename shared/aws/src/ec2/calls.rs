//! The calls that change something in EC2. Each function has only its own.

use crate::client::no_retries;
use crate::errors::{Call, is_throttled};
use crate::settings::{CreateImage, DistributeImage};
use crate::time::pause;
use crate::world::{Aws, Operator, WorksOnFamilies};
use amiline_app::ports::{
    ButtonPresser, CallError, ImageCopier, ImageCreator, ImageSharer, InstanceTagger,
};
use amiline_domain::ids::{DeviceName, ImageId};
use amiline_domain::making::Treatment;
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep, TagStep};
use amiline_domain::target::ShareTarget;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, LaunchPermission, LaunchPermissionModifications,
    ResourceType, Tag, TagSpecification,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often CreateImage is sent when it is refused as one too many.
const CREATE_TRIES_MAX: u32 = 3;
const CREATE_PAUSE: Duration = Duration::from_millis(800);

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// The mappings that differ from the instance's. `NoDevice` leaves a device out; of those that
/// stay, EC2 lets nothing else be changed than whether their volumes are deleted with the instance
/// (aws-behaviour.md#device-mappings-of-createimage).
fn mappings(devices: &BTreeMap<DeviceName, Treatment>) -> Option<Vec<BlockDeviceMapping>> {
    let mapping = |(name, treatment): (&DeviceName, &Treatment)| {
        let mapping = BlockDeviceMapping::builder().device_name(name.as_str());
        let kept = |delete: bool| EbsBlockDevice::builder().delete_on_termination(delete).build();
        match treatment {
            Treatment::LeftOut => mapping.no_device(""),
            Treatment::Deleted => mapping.ebs(kept(true)),
            Treatment::Kept => mapping.ebs(kept(false)),
        }
        .build()
    };
    (!devices.is_empty()).then(|| devices.iter().map(mapping).collect())
}

/// The tags go on in the creating call, so that no image or snapshot is ever without them
/// (invariant 3).
fn tag_specifications(tags: &BTreeMap<String, String>) -> Vec<TagSpecification> {
    [ResourceType::Image, ResourceType::Snapshot]
        .into_iter()
        .map(|resource| {
            let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
            TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()
        })
        .collect()
}

fn image_id(call: Call<'_>, id: Option<&str>) -> Result<ImageId, CallError> {
    // The image exists; only its id is not known, so the outcome counts as unknown and it is looked
    // for.
    let id = id.ok_or_else(|| call.unreadable("the answer has no image id"))?;
    ImageId::new(id).map_err(|e| call.unreadable(&e.to_string()))
}

impl ImageCreator for Aws<CreateImage> {
    async fn create_image(&self, step: &CreateStep) -> Result<ImageId, CallError> {
        let mut tries = 1;
        loop {
            match self.create_image_once(step).await {
                Err(error) if is_throttled(&error) && tries < CREATE_TRIES_MAX => {
                    pause(CREATE_PAUSE * tries).await;
                    tries += 1;
                }
                ended => return ended,
            }
        }
    }
}

impl Aws<CreateImage> {
    /// CreateImage has no client token, so the SDK, which would also repeat it after a lost reply,
    /// must not.
    async fn create_image_once(&self, step: &CreateStep) -> Result<ImageId, CallError> {
        let call = Call::new("ec2:CreateImage", step.instance.as_str(), &step.region);
        let request = self
            .clients
            .ec2(&step.region)
            .create_image()
            .instance_id(step.instance.as_str())
            .name(step.name.as_str())
            .description(step.description.as_str())
            .no_reboot(!step.reboot)
            .set_block_device_mappings(mappings(&step.devices))
            .set_tag_specifications(Some(tag_specifications(&step.tags)))
            .customize()
            .config_override(aws_sdk_ec2::config::Config::builder().retry_config(no_retries()));
        let answer = request.send().await.map_err(|e| call.failed(e))?;
        image_id(call, answer.image_id())
    }
}

impl ImageCopier for Aws<DistributeImage> {
    async fn copy_image(&self, step: &CopyStep) -> Result<ImageId, CallError> {
        let call = Call::new("ec2:CopyImage", step.source.as_str(), &step.destination);
        // CopyImageTags is left off: what the source's tags say of the source would be wrong on the
        // copy, and which wins when both name a key is not documented.
        let mut request = self
            .clients
            .ec2(&step.destination)
            .copy_image()
            .source_region(step.source_region.as_str())
            .source_image_id(step.source.as_str())
            .name(step.name.as_str())
            .description(step.description.as_str())
            .client_token(&step.client_token)
            .set_snapshot_copy_completion_duration_minutes(
                step.within_minutes.map(|minutes| minutes.get().into()),
            )
            .set_tag_specifications(Some(tag_specifications(&step.tags)));
        // EC2 refuses `false` for an encrypted source (aws-behaviour.md#which-key-a-copy-gets).
        if step.encrypted || step.kms_key.is_some() {
            request = request.encrypted(true);
        }
        if let Some(key) = &step.kms_key {
            request = request.kms_key_id(key.as_str());
        }
        let answer = request.send().await.map_err(|e| call.failed(e))?;
        image_id(call, answer.image_id())
    }
}

/// A launch permission. None of them can be a group, which is how an image would become public
/// (invariant 13).
fn permission(target: &ShareTarget) -> LaunchPermission {
    let permission = LaunchPermission::builder();
    match target {
        ShareTarget::Account(id) => permission.user_id(id.as_str()),
        ShareTarget::Organization(arn) => permission.organization_arn(arn.as_str()),
        ShareTarget::OrganizationalUnit(arn) => permission.organizational_unit_arn(arn.as_str()),
    }
    .build()
}

impl ImageSharer for Aws<DistributeImage> {
    async fn share_image(&self, step: &ShareStep) -> Result<(), CallError> {
        let permissions = step.targets.iter().map(permission).collect();
        let call = Call::new("ec2:ModifyImageAttribute", step.image.as_str(), &step.region);
        self.clients
            .ec2(&step.region)
            .modify_image_attribute()
            .image_id(step.image.as_str())
            .launch_permission(
                LaunchPermissionModifications::builder().set_add(Some(permissions)).build(),
            )
            .send()
            .await
            .map_err(|e| call.failed(e))?;
        Ok(())
    }
}

impl<S: WorksOnFamilies> InstanceTagger for Aws<S> {
    async fn remove_tag(&self, step: &TagStep) -> Result<(), CallError> {
        let call = Call::new("ec2:DeleteTags", step.instance.as_str(), &step.region);
        let request =
            self.clients.ec2(&step.region).delete_tags().resources(step.instance.as_str());
        // With a value EC2 removes the tag only if it has that value; without any tag it would
        // remove them all (aws-behaviour.md#deletetags-with-a-value).
        request.tags(tag(&step.key, &step.value)).send().await.map_err(|e| call.failed(e))?;
        Ok(())
    }

    async fn write_tag(&self, step: &TagStep) -> Result<(), CallError> {
        create_tag(self, step).await
    }
}

impl ButtonPresser for Aws<Operator> {
    async fn press_button(&self, step: &TagStep) -> Result<(), CallError> {
        create_tag(self, step).await
    }
}

async fn create_tag<S>(aws: &Aws<S>, step: &TagStep) -> Result<(), CallError> {
    let call = Call::new("ec2:CreateTags", step.instance.as_str(), &step.region);
    let request = aws.clients.ec2(&step.region).create_tags().resources(step.instance.as_str());
    request.tags(tag(&step.key, &step.value)).send().await.map_err(|e| call.failed(e))?;
    Ok(())
}
