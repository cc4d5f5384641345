//! Why a press, or an instance's schedule tag, is answered without an image. Each says what to do.

use crate::enrolment::BadSchedule;
use crate::ids::{DeviceName, InvalidId, PolicyName, Region, short_digest};
use crate::policy::BeyondBounds;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

/// Why a press is answered without an image.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error, IntoStaticStr, VariantNames,
)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Rejection {
    /// The tag's value cannot be a policy's name.
    #[error("{0}")]
    BadValue(#[from] InvalidId),
    /// There is no such policy.
    #[error("there is no policy {policy}; {}create it or tag with another name", meant(near.as_ref()))]
    UnknownPolicy {
        /// The name.
        policy: PolicyName,
        /// The policy that was probably meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        near: Option<PolicyName>,
    },
    /// The policy's text is not valid.
    #[error("policy {policy}: {problem}")]
    InvalidPolicy {
        /// Its name.
        policy: PolicyName,
        /// What is wrong with it, in the words of `amiline policy check`.
        problem: String,
    },
    /// The policy asks for more than the stack allows.
    #[error("policy {policy}: {beyond}")]
    BeyondBounds {
        /// Its name.
        policy: PolicyName,
        /// What is beyond.
        beyond: BeyondBounds,
    },
    /// The instance is in a Region that the stack does not allow.
    #[error("Region {region} is not allowed for this stack; add it to AllowedRegions")]
    RegionNotAllowed {
        /// The Region.
        region: Region,
    },
    /// The instance is shutting down or terminated.
    #[error("the instance is terminated")]
    Terminated,
    /// The policy reboots, and the instance is a member of an Auto Scaling group.
    #[error(
        "policy {policy} reboots the instance, which is a member of Auto Scaling group {group}: the group replaces a \
         member that reboots; put the instance into standby and detach it, or tag with a policy without create.reboot"
    )]
    AutoScalingMember {
        /// The policy's name.
        policy: PolicyName,
        /// The group's name, made safe.
        group: String,
    },
    /// CreateImage needs an EBS root.
    #[error(
        "the instance has an instance-store root; EC2 makes images of instances with an EBS root only"
    )]
    InstanceStoreRoot,
    /// The tag of the schedule cannot be used as it is.
    #[error("{0}")]
    BadSchedule(#[from] BadSchedule),
    /// The policy has no schedule to follow.
    #[error("policy {policy} has no schedule; give it one, or press for single images")]
    NoSchedule {
        /// The policy's name.
        policy: PolicyName,
    },
    /// The policy leaves out what the image starts from.
    #[error(
        "policy {policy} leaves out {device}, which is this instance's root device: no image starts without it; take it \
         out of create.exclude_devices or tag with another policy"
    )]
    RootLeftOut {
        /// The policy's name.
        policy: PolicyName,
        /// The root device.
        device: DeviceName,
    },
    /// Too many images were asked for in the last hour.
    #[error("over the limit of {max} images per hour for this stack; {}", when_free(*free))]
    HourlyLimit {
        /// The limit.
        max: u32,
        /// From when there is room again; none if there never is.
        free: Option<Timestamp>,
    },
    /// The policy's day is full.
    #[error("policy {policy} allows {max} images a day, which were made; tag again after {free}")]
    DailyLimit {
        /// The policy's name.
        policy: PolicyName,
        /// Its limit.
        max: u32,
        /// From when more may be made.
        free: Timestamp,
    },
    /// The instance was imaged a short while ago.
    #[error("this instance may be imaged again at {free}; tag again then")]
    TooSoon {
        /// When it may be.
        free: Timestamp,
    },
}

fn meant(near: Option<&PolicyName>) -> String {
    near.map_or_else(String::new, |near| format!("did you mean {near}? Otherwise "))
}

/// What to do about a full hour.
fn when_free(free: Option<Timestamp>) -> String {
    match free {
        Some(free) => format!("tag again after {free}"),
        None => "raise the stack's MaxImagesPerHour".to_owned(),
    }
}

impl Rejection {
    /// Identifies the refusal of a value: the same until the value or the reason is another one.
    /// When it will be over, and what was probably meant, is no part of it.
    pub fn identity(&self, value: &str) -> String {
        let detail = match self {
            Rejection::InvalidPolicy { problem, .. } => problem.clone(),
            Rejection::BeyondBounds { beyond, .. } => beyond.to_string(),
            Rejection::RootLeftOut { device, .. } => device.to_string(),
            Rejection::AutoScalingMember { group, .. } => group.clone(),
            Rejection::RegionNotAllowed { .. }
            | Rejection::BadValue(_)
            | Rejection::UnknownPolicy { .. }
            | Rejection::Terminated
            | Rejection::InstanceStoreRoot
            | Rejection::BadSchedule(_)
            | Rejection::NoSchedule { .. }
            | Rejection::HourlyLimit { .. }
            | Rejection::DailyLimit { .. }
            | Rejection::TooSoon { .. } => String::new(),
        };
        short_digest(&["refusal", value, self.code(), &detail], 16)
    }

    /// The code.
    pub fn code(&self) -> &'static str {
        self.into()
    }
}

/// A rejection as it is announced, which says how often the same was repeated without a word
/// before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReason {
    /// Why.
    #[serde(flatten)]
    pub rejection: Rejection,
    /// How often the same refusal was only answered on the instance since it was announced last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
}

/// Refusals that were counted and not announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    /// How many.
    pub count: u32,
    /// Since when.
    pub since: Timestamp,
}

impl From<Rejection> for RequestReason {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, repeats: None }
    }
}

impl fmt::Display for RequestReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rejection, repeats } = self;
        match repeats {
            None => write!(f, "{rejection}"),
            Some(Repeats { count: 1, since }) => {
                write!(f, "{rejection} (refused once more since {since})")
            }
            Some(Repeats { count, since }) => {
                write!(f, "{rejection} (refused {count} times more since {since})")
            }
        }
    }
}
