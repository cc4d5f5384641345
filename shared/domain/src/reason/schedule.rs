//! Why an instance has no image from its schedule, or has one again.

use super::Rejection;
use crate::enrolment::MISSED_MAX;
use crate::ids::{ImageId, PolicyName};
use crate::policy::Followers;
use crate::time::utc;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

/// Why an instance has no image from its schedule, or has one again.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error, IntoStaticStr, VariantNames,
)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ScheduleReason {
    /// Slots passed before the instance's turn came.
    #[error("{} missed; the slot of {slot} is made {minutes_late} minutes late", earlier(*slots))]
    SlotsMissed {
        /// How many, `MISSED_MAX` for more.
        slots: usize,
        /// The slot that an image is made for.
        slot: Timestamp,
        /// How late.
        minutes_late: i64,
    },
    /// The newest image is older than the policy promises.
    #[error(
        "the newest available image is {image} from {}, {hours} hours ago; there is none for the slot of {}",
        utc(*from), utc(*slot)
    )]
    ImageTooOld {
        /// The newest image.
        image: ImageId,
        /// Its slot, or when it was asked for.
        from: Timestamp,
        /// How old it is.
        hours: i64,
        /// The slot for which there is no image.
        slot: Timestamp,
    },
    /// There is no image.
    #[error("there is no available image at all; the slot of {} was {hours} hours ago", utc(*slot))]
    NoImage {
        /// The slot for which there is no image.
        slot: Timestamp,
        /// How long ago it was.
        hours: i64,
    },
    /// There is an image that is new enough.
    #[error("there is an image again that is new enough")]
    ImageNewEnough,
    /// Nothing is promised any more.
    #[error("no image is promised there any more: the tag, the instance or the policy changed")]
    NothingPromised,
    /// The schedule tag does not name the policy any more.
    #[error(
        "{}, so no further image is made under {policy}; if a tool took it off, let it ignore the tag and set it again",
        tag_now(key, value.as_deref())
    )]
    EnrolmentEnded {
        /// The policy.
        policy: PolicyName,
        /// The tag's key.
        key: String,
        /// What the tag says now, made safe and cut; none if it is gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Instances follow a policy that gives them no image.
    #[error("{}", no_image_for(followers, rejection))]
    FollowersWithoutImages {
        /// Why not.
        rejection: Rejection,
        /// Which instances.
        followers: Followers,
    },
    /// The policy gives them images again.
    #[error("the policy has a schedule again, so the instances that follow it get images")]
    ScheduleBack,
    /// Nobody has looked at the instance since the tag or the policy changed.
    #[error(
        "the instance was not looked at since the tag or the policy changed; the hourly sweep does, if its Region is watched"
    )]
    NotLookedAt,
}

fn earlier(slots: usize) -> String {
    match slots {
        1 => "1 earlier slot was".to_owned(),
        MISSED_MAX.. => format!("{MISSED_MAX} or more earlier slots were"),
        slots => format!("{slots} earlier slots were"),
    }
}

fn tag_now(key: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("the tag {key} says \"{value}\" now"),
        None => format!("the tag {key} is gone from the instance"),
    }
}

fn no_image_for(followers: &Followers, rejection: &Rejection) -> String {
    match followers.count {
        1 => format!("1 instance follows it and gets no image: {rejection}. It is {followers}"),
        count => format!(
            "{count} instances follow it and get no image: {rejection}. They are {followers}"
        ),
    }
}
