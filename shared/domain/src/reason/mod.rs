//! Why something is as it is. Records, histories and notifications hold a reason as a code with its
//! data; it becomes words here and nowhere else.
//!
//! Each area has a closed set of its own: requests, images, what somebody did to an image by hand,
//! schedules, policies, and the kill switch. A code is used once over all areas.

mod aws;
mod by_hand;
mod image;
mod policy;
mod request;
mod schedule;
mod switch;

#[cfg(test)]
mod tests;

pub use aws::AwsError;
pub use by_hand::ByHandReason;
pub use image::{ImageReason, MissingImage, OutcomeReason};
pub use policy::PolicyReason;
pub use request::{Rejection, Repeats, RequestReason};
pub use schedule::ScheduleReason;
pub use switch::SwitchReason;

use crate::escape::one_line;
use crate::history::REASONS_CHARACTERS;
use serde::{Deserialize, Serialize};
use std::fmt;
use strum::VariantNames;

/// A reason of any area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reason {
    /// Why a press or an enrolment got no image.
    Request(RequestReason),
    /// Why an image is not there, or not shared.
    Image(ImageReason),
    /// Why a family ended with less than was asked for.
    Outcome(OutcomeReason),
    /// What somebody did to an image.
    ByHand(ByHandReason),
    /// Why an instance has no image from its schedule.
    Schedule(ScheduleReason),
    /// Whether a policy can be used.
    Policy(PolicyReason),
    /// Who turned the kill switch.
    Switch(SwitchReason),
}

impl Reason {
    /// The code.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Request(reason) => reason.rejection.code(),
            Reason::Image(reason) => reason.into(),
            Reason::Outcome(reason) => reason.into(),
            Reason::ByHand(reason) => reason.into(),
            Reason::Schedule(reason) => reason.into(),
            Reason::Policy(reason) => reason.into(),
            Reason::Switch(reason) => reason.into(),
        }
    }

    /// Every area with its codes.
    pub fn codes() -> [(&'static str, &'static [&'static str]); 7] {
        [
            ("request", Rejection::VARIANTS),
            ("image", ImageReason::VARIANTS),
            ("outcome", OutcomeReason::VARIANTS),
            ("by hand", ByHandReason::VARIANTS),
            ("schedule", ScheduleReason::VARIANTS),
            ("policy", PolicyReason::VARIANTS),
            ("kill switch", SwitchReason::VARIANTS),
        ]
    }

    /// In words, on one line.
    pub fn text(&self) -> String {
        one_line(&self.to_string(), REASONS_CHARACTERS)
    }

    /// As programs get it: code, words and data.
    pub fn document(&self) -> ReasonDocument<'_> {
        ReasonDocument { reason: self, text: self.text() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Request(reason) => reason.fmt(f),
            Reason::Image(reason) => reason.fmt(f),
            Reason::Outcome(reason) => reason.fmt(f),
            Reason::ByHand(reason) => reason.fmt(f),
            Reason::Schedule(reason) => reason.fmt(f),
            Reason::Policy(reason) => reason.fmt(f),
            Reason::Switch(reason) => reason.fmt(f),
        }
    }
}

/// A reason in a notification: `{"code": …, "text": …}` and the data of that code.
#[derive(Debug, Clone, Serialize)]
pub struct ReasonDocument<'a> {
    #[serde(flatten)]
    reason: &'a Reason,
    text: String,
}

macro_rules! of_area {
    ($($area:ident: $reason:ty),*) => {
        $(impl From<$reason> for Reason {
            fn from(reason: $reason) -> Reason {
                Reason::$area(reason)
            }
        })*
    };
}

of_area!(
    Request: RequestReason, Image: ImageReason, Outcome: OutcomeReason, ByHand: ByHandReason,
    Schedule: ScheduleReason, Policy: PolicyReason, Switch: SwitchReason
);
