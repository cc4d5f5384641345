//! Instances: their state, volumes and tags.

use crate::cloud::FakeCloud;
use crate::refusal::Refusal;
use crate::state::{Later, State};
use crate::versioned::Versioned;
use amiline_domain::ids::{DeviceName, ImageId, InstanceId, Region};
use amiline_domain::image::{InstanceState, ObservedInstance, RootDevice};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Seconds for which a terminated instance is still shown.
const SHOWN_AFTER_TERMINATION: i64 = 3600;
/// Tags that a resource may have (aws-behaviour.md#limits-of-tags).
const TAGS_MAX: usize = 50;

/// How a volume is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Volume {
    /// Not at all.
    Plain,
    /// Under the key that AWS manages for EBS.
    AwsManaged,
    /// Under the customer-managed key with this alias in the instance's Region.
    Under(String),
}

/// What to launch. The default is one unencrypted EBS root volume and no tag.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Its root device.
    pub root_device: RootDevice,
    /// Its EBS volumes: the root's, and then `/dev/sdb` and so on.
    pub volumes: Vec<Volume>,
    /// The image it is launched from; none for one of Amazon's.
    pub image: Option<ImageId>,
    /// Seconds for which it is pending; `None`: until the test says otherwise.
    pub pending_seconds: Option<i64>,
    /// Whether hibernation is configured.
    pub hibernation: bool,
    /// Its tags. Whether RunInstances emits a tag event is not documented
    /// (aws-behaviour.md#tags-given-at-creation-send-no-event), so none is emitted.
    pub tags: BTreeMap<String, String>,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            root_device: RootDevice::Ebs,
            volumes: vec![Volume::Plain],
            image: None,
            pending_seconds: Some(0),
            hibernation: false,
            tags: BTreeMap::new(),
        }
    }
}

/// A volume that is attached to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Under which name.
    pub device: DeviceName,
    /// The ARN of its key; `None` if it is not encrypted.
    pub key: Option<String>,
    /// Whether it is deleted with the instance.
    pub delete_on_termination: bool,
}

/// The name of the root device of every instance.
pub(crate) fn root_name() -> DeviceName {
    device(0)
}

/// The name of the volume at this place.
fn device(place: u8) -> DeviceName {
    let name = if place == 0 {
        "/dev/xvda".to_owned()
    } else {
        format!("/dev/sd{}", char::from(b'a' + place))
    };
    DeviceName::new(name).expect("a device's name")
}

/// An instance as it is.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its state.
    pub state: InstanceState,
    /// Whether hibernation is configured.
    pub hibernation: bool,
    /// Its root device.
    pub root_device: RootDevice,
    /// The image it was launched from.
    pub launched_from: ImageId,
    /// Its EBS volumes.
    pub volumes: Vec<Attached>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// How often CreateImage rebooted it.
    pub reboots: u32,
    pub(crate) tag_version: u64,
    pub(crate) snapshot_at: Option<Timestamp>,
    pub(crate) gone_at: Option<Timestamp>,
}

impl Instance {
    fn shown_at(&self, at: Timestamp) -> bool {
        self.gone_at
            .is_none_or(|gone| at < gone + SignedDuration::from_secs(SHOWN_AFTER_TERMINATION))
    }

    fn observed(&self, region: &Region) -> ObservedInstance {
        ObservedInstance {
            id: self.id.clone(),
            region: region.clone(),
            state: self.state,
            hibernation: self.hibernation,
            root_device: self.root_device,
            root_name: Some(root_name()),
            devices: self.volumes.iter().map(|volume| volume.device.clone()).collect(),
            tags: self.tags.clone(),
        }
    }
}

impl State {
    /// DescribeInstances of one instance, as far behind as the Region's describes are.
    pub(crate) fn describe_instance(
        &self,
        region: &Region,
        id: &InstanceId,
    ) -> Option<ObservedInstance> {
        let seen = self.seen_until(region);
        let instance = self.region(region).instances.get(id)?.as_of(seen)?;
        instance.shown_at(seen).then(|| instance.observed(region))
    }

    /// DescribeTags with a key: every instance that is shown with it, and the tag's value.
    pub(crate) fn instances_with_tag(
        &self,
        region: &Region,
        key: &str,
    ) -> Vec<(InstanceId, String)> {
        let seen = self.seen_until(region);
        let shown =
            self.region(region).instances.values().filter_map(|instance| instance.as_of(seen));
        shown
            .filter(|instance| instance.shown_at(seen))
            .filter_map(|instance| Some((instance.id.clone(), instance.tags.get(key)?.clone())))
            .collect()
    }

    /// Whether DescribeTags would show any instance with a key.
    pub(crate) fn shows_any_with_tag(&self, region: &Region, key: &str) -> bool {
        let seen = self.seen_until(region);
        let mut shown =
            self.region(region).instances.values().filter_map(|instance| instance.as_of(seen));
        shown.any(|instance| instance.tags.contains_key(key) && instance.shown_at(seen))
    }

    /// The instance as it is, for a call that needs it (aws-behaviour.md#an-unknown-instance).
    pub(crate) fn known_instance(
        &self,
        region: &Region,
        id: &InstanceId,
    ) -> Result<&Instance, Refusal> {
        let instances = &self.region(region).instances;
        let found = instances
            .get(id)
            .map(Versioned::current)
            .filter(|instance| instance.shown_at(self.now));
        found.ok_or_else(|| {
            Refusal::new(
                "InvalidInstanceID.NotFound",
                format!("The instance ID '{id}' does not exist"),
            )
        })
    }

    pub(crate) fn change_instance<R>(
        &mut self,
        region: &Region,
        id: &InstanceId,
        change: impl FnOnce(&mut Instance) -> R,
    ) -> R {
        let now = self.now;
        self.region_mut(region)
            .instances
            .get_mut(id)
            .expect("a launched instance")
            .change(now, change)
    }

    /// A volume. That a launch lets volumes be deleted with the instance unless it says otherwise
    /// is not documented for volumes besides the root's; the local AWS does so.
    fn attached(&self, region: &Region, device: DeviceName, volume: &Volume) -> Attached {
        let keys = &self.region(region).keys;
        let key = match volume {
            Volume::Plain => None,
            Volume::AwsManaged => Some(keys.aws_managed()),
            Volume::Under(alias) => {
                Some(keys.arn(alias).expect("a key with that alias in the Region"))
            }
        };
        Attached { device, key, delete_on_termination: true }
    }

    /// CreateTags of one tag. A tag that already has the value is no change, and no event.
    pub(crate) fn tag_instance(
        &mut self,
        region: &Region,
        id: &InstanceId,
        key: &str,
        value: &str,
    ) -> Result<(), Refusal> {
        let instance = self.known_instance(region, id)?;
        check_tag(key, value)?;
        if instance.tags.get(key).map(String::as_str) == Some(value) {
            return Ok(());
        }
        if instance.tags.len() >= TAGS_MAX && !instance.tags.contains_key(key) {
            return Err(tag_limit());
        }
        self.change_instance(region, id, |instance| {
            instance.tags.insert(key.to_owned(), value.to_owned());
            instance.tag_version += 1;
        });
        self.emit_tag_change(region, id, key);
        Ok(())
    }

    /// A pending instance runs.
    pub(crate) fn run_instance(&mut self, region: &Region, id: &InstanceId) {
        let pending = |state: &Self| {
            let instances = &state.region(region).instances;
            instances
                .get(id)
                .is_some_and(|instance| instance.current().state == InstanceState::Pending)
        };
        if pending(self) {
            self.change_instance(region, id, |instance| instance.state = InstanceState::Running);
            self.line(format_args!("{id} in {region} runs"));
        }
    }

    /// DeleteTags of one key; with a value only if the tag has it
    /// (aws-behaviour.md#deletetags-with-a-value). Whether it was there.
    pub(crate) fn untag_instance(
        &mut self,
        region: &Region,
        id: &InstanceId,
        key: &str,
        value: Option<&str>,
    ) -> Result<bool, Refusal> {
        let instance = self.known_instance(region, id)?;
        let present =
            instance.tags.get(key).is_some_and(|now| value.is_none_or(|value| now == value));
        if present {
            self.change_instance(region, id, |instance| {
                instance.tags.remove(key);
                instance.tag_version += 1;
            });
            self.emit_tag_change(region, id, key);
        }
        Ok(present)
    }
}

/// Limits of one tag (aws-behaviour.md#limits-of-tags).
pub(crate) fn check_tag(key: &str, value: &str) -> Result<(), Refusal> {
    if key.chars().count() > 128
        || value.chars().count() > 256
        || key.starts_with("aws:")
        || key.is_empty()
    {
        return Err(Refusal::new(
            "InvalidParameterValue",
            "Tag key or value is too long, empty or reserved",
        ));
    }
    Ok(())
}

/// Limits of the tags of a creating call (aws-behaviour.md#limits-of-tags).
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > TAGS_MAX {
        return Err(tag_limit());
    }
    tags.iter().try_for_each(|(key, value)| check_tag(key, value))
}

fn tag_limit() -> Refusal {
    Refusal::new("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
}

impl FakeCloud {
    /// Somebody launches an instance with one unencrypted volume.
    pub fn launch(&self, region: &Region) -> InstanceId {
        self.launch_with(region, Launch::default())
    }

    /// Somebody launches an instance.
    pub fn launch_with(&self, region: &Region, launch: Launch) -> InstanceId {
        let mut state = self.state.borrow_mut();
        let id = state.ids.instance();
        let launched_from = launch.image.unwrap_or_else(|| state.ids.image());
        let volumes = (0..)
            .zip(&launch.volumes)
            .map(|(place, volume)| state.attached(region, device(place), volume));
        let volumes = volumes.collect();
        let instance = Instance {
            id: id.clone(),
            state: if launch.pending_seconds == Some(0) {
                InstanceState::Running
            } else {
                InstanceState::Pending
            },
            hibernation: launch.hibernation,
            root_device: launch.root_device,
            launched_from,
            volumes,
            tags: launch.tags,
            reboots: 0,
            tag_version: 0,
            snapshot_at: None,
            gone_at: None,
        };
        let now = state.now;
        state.region_mut(region).instances.insert(id.clone(), Versioned::new(now, instance));
        if let Some(seconds) = launch.pending_seconds.filter(|seconds| *seconds > 0) {
            state.schedule(seconds, Later::Run(region.clone(), id.clone()));
        }
        state.line(format_args!("somebody launches {id} in {region}"));
        id
    }

    /// Somebody attaches a volume; `false` if the name is taken.
    pub fn attach(&self, region: &Region, id: &InstanceId, name: &str, volume: &Volume) -> bool {
        let mut state = self.state.borrow_mut();
        let attached =
            state.attached(region, DeviceName::new(name).expect("a device's name"), volume);
        state.line(format_args!("somebody attaches a volume to {id} in {region} as {name}"));
        state.change_instance(region, id, |instance| {
            let free = instance.volumes.iter().all(|volume| volume.device != attached.device);
            if free {
                instance.volumes.push(attached);
            }
            free
        })
    }

    /// Somebody detaches a volume.
    pub fn detach(&self, region: &Region, id: &InstanceId, name: &str) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("somebody detaches {name} from {id} in {region}"));
        state.change_instance(region, id, |instance| {
            instance.volumes.retain(|volume| volume.device.as_str() != name);
        });
    }

    /// An instance as it is now, however far reads lag behind.
    pub fn instance_now(&self, region: &Region, id: &InstanceId) -> Instance {
        let state = self.state.borrow();
        state.region(region).instances.get(id).expect("a launched instance").current().clone()
    }

    /// One tag of an instance as it is now.
    pub fn tag_of(&self, region: &Region, id: &InstanceId, key: &str) -> Option<String> {
        self.instance_now(region, id).tags.get(key).cloned()
    }
}
