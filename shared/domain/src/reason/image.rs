//! Why an image is not there, or not shared, and why a family ended with less than was asked for.

use super::{AwsError, Rejection};
use crate::escape::one_line;
use crate::family::{Family, ImageRole, ImageRow, RowState};
use crate::history::REASON_CHARACTERS;
use crate::ids::Region;
use crate::policy::BeyondBounds;
use crate::target::{SHOWN_MAX, ShareTarget, SomeTargets};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

/// Characters of AWS's messages in a family's summary, shared by its images: two are whole, however
/// long they are.
const SUMMARY_CHARACTERS: usize = 2 * REASON_CHARACTERS;
/// Characters that a refused target takes with its error.
const TARGET_CHARACTERS: usize = 600;

/// Why an image is not there, or not shared.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error, IntoStaticStr, VariantNames,
)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ImageReason {
    /// AWS refused the call, or its outcome is not known.
    #[error("{0}")]
    AwsError(Box<AwsError>),
    /// EC2 began the image, and it failed.
    #[error("{}", message.as_deref().unwrap_or("EC2 gave no reason"))]
    FailedInEc2 {
        /// EC2's own reason, on one line.
        message: Option<String>,
    },
    /// EC2 does not know the instance, or not yet.
    #[error("EC2 does not show the instance")]
    InstanceNotShown,
    /// The instance is waited for.
    #[error("the instance is pending; EC2 makes an image of it once it runs")]
    InstancePending,
    /// The instance was waited for too long.
    #[error("the instance is still pending after {minutes} minutes; tag it again when it runs")]
    InstanceStillPending {
        /// For how long.
        minutes: i64,
    },
    /// No image can be made of the instance as it is now.
    #[error("{rejection}")]
    Unfit {
        /// Why.
        rejection: Rejection,
    },
    /// The stack does not allow it any more.
    #[error("{beyond}")]
    NotAllowedAnyMore {
        /// What the policy asks for.
        beyond: BeyondBounds,
    },
    /// Foreign images have all the names that it could have.
    #[error("images that are not ours hold every name for it; deregister or rename them")]
    NamesTaken,
    /// There is nothing to copy.
    #[error("the source image is gone")]
    SourceGone,
    /// The source is not ours to copy any more.
    #[error("our tags were taken off the source image, so it is left alone")]
    SourceUnmanaged,
    /// It was not available by the policy's deadline.
    #[error("not available within {hours} hours{}", in_brackets(last.as_deref()))]
    NotByDeadline {
        /// The deadline.
        hours: u32,
        /// What was known of it last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<Box<ImageReason>>,
    },
    /// EC2 refused the call that shares it.
    #[error("not shared: {0}")]
    NotShared(Box<AwsError>),
    /// EC2 refused some of those with whom it is to be shared.
    #[error("{}", not_shared_with(refused, *others, then.as_deref()))]
    NotSharedWith {
        /// The first of them, each with EC2's error.
        refused: BTreeMap<ShareTarget, AwsError>,
        /// How many more there are.
        others: usize,
        /// The error that ended the sharing before everybody had an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<Box<AwsError>>,
    },
    /// So many are refused that it takes another look to share it with the others.
    #[error("several of those whom it is shared with are refused; the rest follows")]
    SharingGoesOn,
    /// It was not shared by the policy's deadline.
    #[error("not shared by the deadline: {}", last.as_ref().map_or_else(|| "its image was not to be seen".to_owned(), ToString::to_string))]
    NotSharedByDeadline {
        /// What was known of it last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<Box<ImageReason>>,
    },
    /// It is not ours to share any more.
    #[error("its tag {tag} was taken off, so it is left alone")]
    Unmanaged {
        /// The tag by which the stack knows its images.
        tag: String,
    },
    /// It is disabled, and nobody can launch it.
    #[error("disabled by somebody, which took its launch permissions away")]
    DisabledBySomebody,
    /// It was disabled and enabled again.
    #[error("not shared: disabling it took its launch permissions away")]
    PermissionsLost,
    /// Somebody took launch permissions away that the policy gives.
    #[error("somebody took back the share with {targets}{}", after(before.as_deref()))]
    ShareTakenBack {
        /// From whom.
        targets: SomeTargets,
        /// Why it was not shared with all before that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Box<ImageReason>>,
    },
}

impl ImageReason {
    /// EC2 refused some of the row's targets.
    pub fn not_shared_with(row: &ImageRow, then: Option<AwsError>) -> Self {
        let shown = row.refused_targets.iter().take(SHOWN_MAX);
        ImageReason::NotSharedWith {
            refused: shown.map(|(target, error)| (target.clone(), error.clone())).collect(),
            others: row.refused_targets.len().saturating_sub(SHOWN_MAX),
            then: then.map(Box::new),
        }
    }

    /// With at most so many characters of AWS's messages, and targets in proportion: for one of
    /// many in a summary.
    fn shortened(self, characters: usize) -> Self {
        self.rebuilt(characters, |before| Some(before.shortened(characters)))
    }

    /// Without what was known before it, so that reasons do not nest without end.
    pub fn alone(self) -> Self {
        self.rebuilt(usize::MAX, |_| None)
    }

    /// With at most so many characters of AWS's messages, and with what is made of what was known
    /// before it.
    fn rebuilt(self, characters: usize, before: impl Fn(Self) -> Option<Self>) -> Self {
        let nested =
            |inner: Option<Box<Self>>| inner.and_then(|inner| before(*inner)).map(Box::new);
        match self {
            ImageReason::AwsError(error) => ImageReason::AwsError(Box::new(error.cut(characters))),
            ImageReason::NotShared(error) => {
                ImageReason::NotShared(Box::new(error.cut(characters)))
            }
            ImageReason::FailedInEc2 { message } => ImageReason::FailedInEc2 {
                message: message.map(|message| one_line(&message, characters)),
            },
            ImageReason::NotSharedWith { refused, others, then } => {
                let kept = characters.div_ceil(TARGET_CHARACTERS).min(refused.len());
                ImageReason::NotSharedWith {
                    others: others.saturating_add(refused.len().saturating_sub(kept)),
                    refused: refused.into_iter().take(kept).collect(),
                    then: then.map(|then| Box::new(then.cut(characters))),
                }
            }
            ImageReason::NotByDeadline { hours, last } => {
                ImageReason::NotByDeadline { hours, last: nested(last) }
            }
            ImageReason::NotSharedByDeadline { last } => {
                ImageReason::NotSharedByDeadline { last: nested(last) }
            }
            ImageReason::ShareTakenBack { targets, before } => {
                ImageReason::ShareTakenBack { targets, before: nested(before) }
            }
            reason @ (ImageReason::InstanceNotShown
            | ImageReason::InstancePending
            | ImageReason::InstanceStillPending { .. }
            | ImageReason::Unfit { .. }
            | ImageReason::NotAllowedAnyMore { .. }
            | ImageReason::NamesTaken
            | ImageReason::SourceGone
            | ImageReason::SourceUnmanaged
            | ImageReason::SharingGoesOn
            | ImageReason::Unmanaged { .. }
            | ImageReason::DisabledBySomebody
            | ImageReason::PermissionsLost) => reason,
        }
    }
}

impl From<AwsError> for ImageReason {
    fn from(error: AwsError) -> Self {
        ImageReason::AwsError(Box::new(error))
    }
}

fn in_brackets(last: Option<&ImageReason>) -> String {
    last.map(|last| format!(" ({last})")).unwrap_or_default()
}

fn after(before: Option<&ImageReason>) -> String {
    before.map(|before| format!("; {before}")).unwrap_or_default()
}

fn not_shared_with(
    refused: &BTreeMap<ShareTarget, AwsError>,
    others: usize,
    then: Option<&AwsError>,
) -> String {
    let each: Vec<String> =
        refused.iter().map(|(target, error)| format!("{target}: {error}")).collect();
    let others = if others == 0 { String::new() } else { format!("; and with {others} more") };
    let then = then.map(|then| format!("; and then {then}")).unwrap_or_default();
    format!("not shared with {}{others}{then}", each.join("; with "))
}

/// Why a family ended with less than was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum OutcomeReason {
    /// Images are missing, or not as they should be.
    ImagesMissing {
        /// Each of them.
        missing: Vec<MissingImage>,
    },
}

/// An image that is missing, or not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingImage {
    /// Where the copy should be; none for the image made from the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<Region>,
    /// How far it came.
    pub state: RowState,
    /// Why; none where the state says all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ImageReason>,
}

impl OutcomeReason {
    /// Of the family as it stands.
    pub fn of(family: &Family) -> Self {
        let missing: Vec<MissingImage> =
            family.rows.values().filter_map(MissingImage::of).collect();
        // Each image's own event says it whole. Together they have to fit into one message.
        let each = SUMMARY_CHARACTERS.checked_div(missing.len()).unwrap_or(SUMMARY_CHARACTERS);
        let shortened = |image: MissingImage| {
            let reason = image.reason.map(|reason| reason.shortened(each));
            MissingImage { reason, ..image }
        };
        OutcomeReason::ImagesMissing { missing: missing.into_iter().map(shortened).collect() }
    }
}

impl MissingImage {
    fn of(row: &ImageRow) -> Option<Self> {
        let copy = match &row.image_role {
            ImageRole::Source => None,
            ImageRole::Copy(region) => Some(region.clone()),
        };
        let missing = Self { copy, state: row.state, reason: row.reason.clone() };
        (missing.reason.is_some() || missing.of_state().is_some()).then_some(missing)
    }

    /// What its state says, where that is enough.
    fn of_state(&self) -> Option<&'static str> {
        match self.state {
            RowState::Deregistered => Some("deregistered by somebody"),
            RowState::Disabled => Some("disabled by somebody"),
            RowState::TimedOut => Some("not available by the deadline"),
            RowState::Wanted
            | RowState::Calling
            | RowState::Pending
            | RowState::Available
            | RowState::Failed => None,
        }
    }
}

impl fmt::Display for MissingImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(region) = &self.copy {
            write!(f, "{region}: ")?;
        }
        match &self.reason {
            Some(reason) => reason.fmt(f),
            None => f.write_str(self.of_state().unwrap_or_default()),
        }
    }
}

impl fmt::Display for OutcomeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutcomeReason::ImagesMissing { missing } = self;
        let mut separator = "";
        for image in missing {
            write!(f, "{separator}{image}")?;
            separator = "; ";
        }
        if missing.is_empty() { f.write_str("no reason was given") } else { Ok(()) }
    }
}
