//! Images and instances as EC2 shows them: plain data that adapters fill in.

use crate::ids::{AccountId, DeviceName, ImageId, InstanceId, Region, SnapshotId};
use std::collections::{BTreeMap, BTreeSet};

/// The states of an AMI (EC2's `ImageState`; aws-facts.md section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// Being made.
    Pending,
    /// Usable.
    Available,
    /// Will never be usable: EC2's `failed`, `invalid` and `error`.
    Failed,
    /// Passing; `transient` and any state that EC2 may add.
    Transient,
    /// Disabled: hidden, not launchable, not shared.
    Disabled,
    /// Gone, though it may be shown a little longer.
    Deregistered,
}

/// One image as a describe showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedImage {
    /// Its id.
    pub id: ImageId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: Option<AccountId>,
    /// Its state.
    pub state: ImageState,
    /// Why it failed, as EC2 says it.
    pub state_reason: Option<String>,
    /// The instance it was made from, for CreateImage only.
    pub source_instance: Option<InstanceId>,
    /// The image it was copied from.
    pub source_image: Option<ImageId>,
    /// The snapshots of its block devices. During a copy some may be missing.
    pub snapshots: Vec<SnapshotId>,
    /// Whether every block device with a snapshot is encrypted.
    pub encrypted: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What kind of root device an instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootDevice {
    /// An EBS volume: CreateImage works.
    Ebs,
    /// Instance store: CreateImage cannot make an image of it.
    InstanceStore,
}

/// Whether an instance can still be imaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// Pending, running, stopping or stopped.
    Present,
    /// Shutting down or terminated.
    Gone,
}

/// One instance as a describe showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedInstance {
    /// Its id.
    pub id: InstanceId,
    /// Where it is.
    pub region: Region,
    /// Whether it still exists.
    pub state: InstanceState,
    /// Its root device.
    pub root_device: RootDevice,
    /// The root device's name.
    pub root_name: Option<DeviceName>,
    /// The devices under which it has EBS volumes. One that no policy can name is left out.
    pub devices: BTreeSet<DeviceName>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// How the snapshots of an image are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotKeys {
    /// ARN of the key of each snapshot; `None` for one that is not encrypted.
    pub keys: Vec<Option<String>>,
    /// ARN of the key that the policy's alias names in that Region; `None` if there is no such key.
    pub wanted: Option<String>,
}

impl SnapshotKeys {
    /// Whether every snapshot is under the wanted key.
    pub fn all_as_wanted(&self) -> bool {
        self.wanted.is_some() && !self.keys.is_empty() && self.keys.iter().all(|key| *key == self.wanted)
    }
}
