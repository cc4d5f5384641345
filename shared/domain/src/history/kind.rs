//! What may happen, and how much attention each asks for.

use crate::family::Outcome;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A press was accepted.
    ImageRequested,
    /// EC2 is making the source image.
    ImageCreating,
    /// The source image is available.
    ImageAvailable,
    /// The source image failed.
    ImageFailed,
    /// EC2 is making a copy.
    CopyStarted,
    /// A copy is available.
    CopyAvailable,
    /// A copy failed.
    CopyFailed,
    /// An image was shared.
    ImageShared,
    /// An image could not be shared.
    ShareFailed,
    /// Somebody deregistered an image.
    ImageDeregistered,
    /// Somebody disabled an image.
    ImageDisabled,
    /// Somebody enabled an image again.
    ImageEnabled,
    /// Somebody made an image public: everybody may launch it.
    ImageMadePublic,
    /// Somebody shared an image with others than its policy names.
    SharedByOthers,
    /// Somebody took back a share that the policy promises.
    ShareTakenBack,
    /// After somebody's hand an image is shared as its policy says again.
    SharesInOrder,
    /// A second image carries the intent of a recorded one.
    DuplicateFound,
    /// Everything the policy asks for exists.
    FamilyComplete,
    /// Something of it is missing.
    FamilyPartial,
    /// There is no image.
    FamilyFailed,
    /// The press was refused.
    RequestRejected,
    /// Somebody asked for another attempt.
    FamilyRetried,
    /// Slots of a schedule passed without an image; one is made now.
    SlotsMissed,
    /// An enrolled instance has no image in a Region that is as new as its policy promises.
    CoverageLost,
    /// It has one again, or is no longer promised one.
    CoverageRestored,
    /// An instance is there and no longer follows a policy's schedule: its tag does not name it any
    /// more.
    EnrolmentEnded,
    /// A policy cannot be used as it was written.
    PolicyRefused,
    /// It can be used again.
    PolicyAccepted,
    /// Somebody turned the kill switch on.
    KillSwitchOn,
    /// Somebody turned it off.
    KillSwitchOff,
}

/// How much attention an event asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As intended.
    Info,
    /// Something is not as asked for.
    Warning,
    /// Somebody has to act.
    Error,
}

impl Severity {
    /// As in notifications.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl EventKind {
    /// As in notifications.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::ImageRequested => "image-requested",
            EventKind::ImageCreating => "image-creating",
            EventKind::ImageAvailable => "image-available",
            EventKind::ImageFailed => "image-failed",
            EventKind::CopyStarted => "copy-started",
            EventKind::CopyAvailable => "copy-available",
            EventKind::CopyFailed => "copy-failed",
            EventKind::ImageShared => "image-shared",
            EventKind::ShareFailed => "share-failed",
            EventKind::ImageDeregistered => "image-deregistered",
            EventKind::ImageDisabled => "image-disabled",
            EventKind::ImageEnabled => "image-enabled",
            EventKind::ImageMadePublic => "image-made-public",
            EventKind::SharedByOthers => "shared-by-others",
            EventKind::ShareTakenBack => "share-taken-back",
            EventKind::SharesInOrder => "shares-in-order",
            EventKind::DuplicateFound => "duplicate-found",
            EventKind::FamilyComplete => "family-complete",
            EventKind::FamilyPartial => "family-partial",
            EventKind::FamilyFailed => "family-failed",
            EventKind::RequestRejected => "request-rejected",
            EventKind::FamilyRetried => "family-retried",
            EventKind::SlotsMissed => "slots-missed",
            EventKind::CoverageLost => "coverage-lost",
            EventKind::CoverageRestored => "coverage-restored",
            EventKind::EnrolmentEnded => "enrolment-ended",
            EventKind::PolicyRefused => "policy-refused",
            EventKind::PolicyAccepted => "policy-accepted",
            EventKind::KillSwitchOn => "kill-switch-on",
            EventKind::KillSwitchOff => "kill-switch-off",
        }
    }

    /// Whether it is published. The others stand in the history only: steps that a later event
    /// implies.
    pub fn is_announced(self) -> bool {
        match self {
            EventKind::ImageRequested
            | EventKind::CopyStarted
            | EventKind::ImageShared
            | EventKind::FamilyRetried => false,
            EventKind::ImageCreating
            | EventKind::ImageAvailable
            | EventKind::ImageFailed
            | EventKind::CopyAvailable
            | EventKind::CopyFailed
            | EventKind::ShareFailed
            | EventKind::ImageDeregistered
            | EventKind::ImageDisabled
            | EventKind::ImageEnabled
            | EventKind::ImageMadePublic
            | EventKind::SharedByOthers
            | EventKind::ShareTakenBack
            | EventKind::SharesInOrder
            | EventKind::DuplicateFound
            | EventKind::FamilyComplete
            | EventKind::FamilyPartial
            | EventKind::FamilyFailed
            | EventKind::RequestRejected
            | EventKind::SlotsMissed
            | EventKind::CoverageLost
            | EventKind::CoverageRestored
            | EventKind::EnrolmentEnded
            | EventKind::PolicyRefused
            | EventKind::PolicyAccepted
            | EventKind::KillSwitchOn
            | EventKind::KillSwitchOff => true,
        }
    }

    /// Whether it is a step on the way to a family's end, which is told of anyway.
    pub fn is_step(self) -> bool {
        match self {
            EventKind::ImageRequested
            | EventKind::ImageCreating
            | EventKind::ImageAvailable
            | EventKind::ImageFailed
            | EventKind::CopyStarted
            | EventKind::CopyAvailable
            | EventKind::CopyFailed
            | EventKind::ImageShared
            | EventKind::ShareFailed
            | EventKind::FamilyRetried => true,
            EventKind::ImageDeregistered
            | EventKind::ImageDisabled
            | EventKind::ImageEnabled
            | EventKind::ImageMadePublic
            | EventKind::SharedByOthers
            | EventKind::ShareTakenBack
            | EventKind::SharesInOrder
            | EventKind::DuplicateFound
            | EventKind::FamilyComplete
            | EventKind::FamilyPartial
            | EventKind::FamilyFailed
            | EventKind::RequestRejected
            | EventKind::SlotsMissed
            | EventKind::CoverageLost
            | EventKind::CoverageRestored
            | EventKind::EnrolmentEnded
            | EventKind::PolicyRefused
            | EventKind::PolicyAccepted
            | EventKind::KillSwitchOn
            | EventKind::KillSwitchOff => false,
        }
    }

    /// How a family ended, for the events that end it.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            EventKind::FamilyComplete => Some(Outcome::Complete),
            EventKind::FamilyPartial => Some(Outcome::Partial),
            EventKind::FamilyFailed => Some(Outcome::Failed),
            EventKind::RequestRejected => Some(Outcome::Rejected),
            EventKind::ImageRequested
            | EventKind::ImageCreating
            | EventKind::ImageAvailable
            | EventKind::ImageFailed
            | EventKind::CopyStarted
            | EventKind::CopyAvailable
            | EventKind::CopyFailed
            | EventKind::ImageShared
            | EventKind::ShareFailed
            | EventKind::ImageDeregistered
            | EventKind::ImageDisabled
            | EventKind::ImageEnabled
            | EventKind::ImageMadePublic
            | EventKind::SharedByOthers
            | EventKind::ShareTakenBack
            | EventKind::SharesInOrder
            | EventKind::DuplicateFound
            | EventKind::FamilyRetried
            | EventKind::SlotsMissed
            | EventKind::CoverageLost
            | EventKind::CoverageRestored
            | EventKind::EnrolmentEnded
            | EventKind::PolicyRefused
            | EventKind::PolicyAccepted
            | EventKind::KillSwitchOn
            | EventKind::KillSwitchOff => None,
        }
    }

    /// How much attention it asks for.
    pub fn severity(self) -> Severity {
        match self {
            EventKind::ImageRequested
            | EventKind::ImageCreating
            | EventKind::ImageAvailable
            | EventKind::CopyStarted
            | EventKind::CopyAvailable
            | EventKind::ImageShared
            | EventKind::ImageEnabled
            | EventKind::SharesInOrder
            | EventKind::FamilyComplete
            | EventKind::FamilyRetried
            | EventKind::CoverageRestored
            | EventKind::PolicyAccepted
            | EventKind::KillSwitchOff => Severity::Info,
            // The end of the family follows and asks for somebody, once: nothing can be retried
            // before it.
            EventKind::ImageFailed | EventKind::CopyFailed | EventKind::ShareFailed => {
                Severity::Warning
            }
            EventKind::RequestRejected
            | EventKind::ImageDisabled
            | EventKind::ImageDeregistered
            | EventKind::SharedByOthers
            | EventKind::ShareTakenBack
            | EventKind::EnrolmentEnded
            | EventKind::SlotsMissed
            | EventKind::KillSwitchOn => Severity::Warning,
            EventKind::DuplicateFound
            | EventKind::ImageMadePublic
            | EventKind::FamilyPartial
            | EventKind::FamilyFailed
            | EventKind::CoverageLost
            | EventKind::PolicyRefused => Severity::Error,
        }
    }
}
