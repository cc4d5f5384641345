//! CreateImage.

use crate::ec2_images::{ImageDevice, NewImage};
use crate::ec2_instances::{Attached, Instance, check_tags, root_name};
use crate::refusal::Refusal;
use crate::state::{Later, State};
use crate::versioned::Versioned;
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::image::{ImageState, InstanceState, RootDevice};
use amiline_domain::making::Treatment;
use amiline_domain::plan::CreateStep;

/// Seconds between two snapshots of a volume
/// (aws-behaviour.md#fifteen-seconds-between-snapshots-of-a-volume).
const BETWEEN_SNAPSHOTS: i64 = 15;

impl State {
    /// CreateImage. Sent twice it makes two images, unless the name stands in the way
    /// (aws-behaviour.md#createimage-has-no-client-token). In which order EC2 checks is not
    /// documented.
    pub(crate) fn create_image(&mut self, step: &CreateStep) -> Result<ImageId, Refusal> {
        let region = &step.region;
        let instance = self.known_instance(region, &step.instance)?.clone();
        check_tags(&step.tags)?;
        check_source(&instance)?;
        let volumes = volumes_of(&instance, step)?;
        self.check_name(region, step.name.as_str())?;
        self.check_rates(region, &instance, step.reboot)?;
        let now = self.now;
        self.change_instance(region, &step.instance, |instance| {
            instance.snapshot_at = Some(now);
            instance.reboots += u32::from(step.reboot);
        });
        let doomed = self.region_mut(region).failures.pop_front();
        // Snapshots are encrypted as their volumes are
        // (aws-behaviour.md#device-mappings-of-createimage).
        let id = self.insert_image(NewImage {
            region: region.clone(),
            name: step.name.to_string(),
            source_instance: Some(step.instance.clone()),
            // aws-behaviour.md#where-an-image-says-that-it-comes-from.
            source_image: Some(instance.launched_from.clone()),
            keys: volumes.iter().map(|volume| volume.key.clone()).collect(),
            devices: volumes
                .into_iter()
                .map(|volume| ImageDevice {
                    name: volume.device,
                    delete_on_termination: volume.delete_on_termination,
                })
                .collect(),
            tags: step.tags.clone(),
            is_copy: false,
            within_minutes: None,
            doomed,
        });
        if let Some(seconds) = self.region(region).create_seconds {
            self.schedule(seconds, Later::Settle(region.clone(), id.clone()));
        }
        Ok(id)
    }

    fn check_rates(
        &self,
        region: &Region,
        instance: &Instance,
        reboot: bool,
    ) -> Result<(), Refusal> {
        let elapsed = instance.snapshot_at.map(|at| self.now.as_second() - at.as_second());
        if self.settings.volume_rate && elapsed.is_some_and(|seconds| seconds < BETWEEN_SNAPSHOTS) {
            return Err(Refusal::new(
                "SnapshotCreationPerVolumeRateExceeded",
                "The maximum per volume CreateSnapshot request rate has been exceeded.",
            ));
        }
        let pending = self.region(region).images.values().map(Versioned::current).filter(|image| {
            image.source_instance.as_ref() == Some(&instance.id)
                && image.state == ImageState::Pending
        });
        if !reboot && self.settings.no_reboot_max.is_some_and(|max| pending.count() >= max) {
            return Err(Refusal::new(
                "ConcurrentCreateImageNoRebootLimitExceeded",
                "Wait for the current CreateImage requests to complete.",
            ));
        }
        Ok(())
    }
}

/// The instance's volumes, as the call changes them
/// (aws-behaviour.md#device-mappings-of-createimage). That a device which the instance lacks may be
/// left out is not documented; for any other EC2 wants a snapshot or a size (seen in third-party
/// reports: "Either snapshot ID or volume size must be provided"). What it says of a root that is
/// left out is not documented either.
fn volumes_of(instance: &Instance, step: &CreateStep) -> Result<Vec<Attached>, Refusal> {
    let mut volumes = instance.volumes.clone();
    for (device, treatment) in &step.devices {
        let place = volumes.iter().position(|volume| volume.device == *device);
        match (treatment, place) {
            (Treatment::LeftOut, _) if *device == root_name() => {
                let message = format!("The root device {device} cannot be left out.");
                return Err(Refusal::new("InvalidBlockDeviceMapping", message));
            }
            (Treatment::LeftOut, None) => {}
            (Treatment::LeftOut, Some(place)) => {
                volumes.remove(place);
            }
            (Treatment::Deleted | Treatment::Kept, Some(place)) => {
                volumes[place].delete_on_termination = *treatment == Treatment::Deleted;
            }
            (Treatment::Deleted | Treatment::Kept, None) => {
                let message =
                    format!("Either snapshot ID or volume size must be provided for: {device}");
                return Err(Refusal::new("InvalidBlockDeviceMapping", message));
            }
        }
    }
    Ok(volumes)
}

fn check_source(instance: &Instance) -> Result<(), Refusal> {
    // Reported of pending instances (aws-behaviour.md#states-in-which-ec2-makes-an-image). The text
    // says that stopping ones are taken.
    if instance.state == InstanceState::Pending {
        let message = "Instance is not in state 'running' or 'stopping' or 'stopped'";
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    if instance.state.is_gone() {
        let message = format!(
            "The instance '{}' is not in a state from which an image can be made.",
            instance.id
        );
        return Err(Refusal::new("IncorrectInstanceState", message));
    }
    if instance.root_device == RootDevice::InstanceStore {
        // Which code CreateImage gives is not documented
        // (aws-behaviour.md#createimage-needs-an-ebs-root-device).
        return Err(Refusal::new(
            "NonEBSInstance",
            "The specified instance does not have an EBS root volume.",
        ));
    }
    Ok(())
}
