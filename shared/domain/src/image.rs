//! Images and instances as EC2 shows them: plain data that adapters fill in.

use crate::escape::one_line;
use crate::ids::{AccountId, DeviceName, ImageId, InstanceId, Region, SnapshotId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The states of an AMI (EC2's `ImageState`; aws-behaviour.md#image-states).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Whether everybody may launch it.
    pub public: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The `Name` tag of an instance: one line of at most 64 characters, and never empty. It helps
/// people to recognise the instance. Nothing is decided by it, since everybody who may tag chooses
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct InstanceName(String);

/// EC2's own tag key for names.
const NAME_TAG: &str = "Name";
/// Characters of a name that are kept.
const NAME_MAX: usize = 64;

impl InstanceName {
    /// The name that a tag's value gives; none if nothing is left of it.
    pub fn of(value: &str) -> Option<Self> {
        let value = value.trim();
        (!value.is_empty()).then(|| Self(one_line(value, NAME_MAX)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for InstanceName {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::of(&text).ok_or("a name is not empty")
    }
}

/// What kind of root device an instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootDevice {
    /// An EBS volume: CreateImage works.
    Ebs,
    /// Instance store: CreateImage cannot make an image of it.
    InstanceStore,
}

/// The states of an instance (EC2's `InstanceStateName`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// Being launched or started. EC2 makes no image of it yet.
    Pending,
    /// Running.
    Running,
    /// Being stopped.
    Stopping,
    /// Stopped.
    Stopped,
    /// Being terminated.
    ShuttingDown,
    /// Terminated; EC2 shows it for about an hour.
    Terminated,
}

impl InstanceState {
    /// The state of this name; none if EC2 has no such state.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "pending" => Some(InstanceState::Pending),
            "running" => Some(InstanceState::Running),
            "stopping" => Some(InstanceState::Stopping),
            "stopped" => Some(InstanceState::Stopped),
            "shutting-down" => Some(InstanceState::ShuttingDown),
            "terminated" => Some(InstanceState::Terminated),
            _ => None,
        }
    }

    /// Whether it will never be imaged any more.
    pub fn is_gone(self) -> bool {
        match self {
            InstanceState::ShuttingDown | InstanceState::Terminated => true,
            InstanceState::Pending
            | InstanceState::Running
            | InstanceState::Stopping
            | InstanceState::Stopped => false,
        }
    }

    /// Whether EC2 makes an image of it now (aws-behaviour.md#states-in-which-ec2-makes-an-image).
    pub fn can_be_imaged(self) -> bool {
        match self {
            InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => true,
            InstanceState::Pending | InstanceState::ShuttingDown | InstanceState::Terminated => {
                false
            }
        }
    }
}

/// The tag of a group's members, which people cannot write
/// (aws-behaviour.md#members-of-a-group-carry-a-tag).
const AUTO_SCALING_GROUP: &str = "aws:autoscaling:groupName";

/// One instance as a describe showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedInstance {
    /// Its id.
    pub id: InstanceId,
    /// Where it is.
    pub region: Region,
    /// Its state.
    pub state: InstanceState,
    /// Whether it was launched with hibernation configured. Images of such an instance may not be
    /// reachable after launch (aws-behaviour.md#createimage-reboots-unless-told-otherwise).
    pub hibernation: bool,
    /// Its root device.
    pub root_device: RootDevice,
    /// The root device's name.
    pub root_name: Option<DeviceName>,
    /// The devices under which it has EBS volumes. One that no policy can name is left out.
    pub devices: BTreeSet<DeviceName>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl ObservedInstance {
    /// What people call it.
    pub fn name(&self) -> Option<InstanceName> {
        self.tags.get(NAME_TAG).and_then(|value| InstanceName::of(value))
    }

    /// The Auto Scaling group that it is a member of.
    pub fn auto_scaling_group(&self) -> Option<&str> {
        self.tags.get(AUTO_SCALING_GROUP).map(String::as_str)
    }
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
        self.wanted.is_some()
            && !self.keys.is_empty()
            && self.keys.iter().all(|key| *key == self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_line_or_there_is_none() {
        let name = |value: &str| InstanceName::of(value).map(|name| name.to_string());
        assert_eq!(name("web-1"), Some("web-1".to_owned()));
        assert_eq!(name(" a\nb\u{202e} "), Some("a?b?".to_owned()));
        assert_eq!(name(" \u{a0} "), None);
        let long = name(&"\u{1f4b0}".repeat(256)).unwrap();
        assert_eq!((long.chars().count(), long.ends_with('…')), (64, true));
        let kept: InstanceName = serde_json::from_str("\"web-1\"").unwrap();
        assert_eq!(serde_json::to_string(&kept).unwrap(), "\"web-1\"");
        assert!(serde_json::from_str::<InstanceName>("\"\"").is_err());
    }
}
