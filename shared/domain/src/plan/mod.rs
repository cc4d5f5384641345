//! The planner of a family: from the record and what EC2 shows to what is missing.
//!
//! One look at a family goes round these steps until nothing is left to do at `now`: [`reads`] says
//! what must be read, [`absorb`] takes in what was read, [`decide`] announces calls in the record
//! and returns them, and [`Duty::conclude`] takes in how a call ended. [`due`] says when to come
//! back. The record is written between `decide` and the calls, so that a crash leaves an intent
//! that the next look finishes.

mod absorb;
mod backoff;
mod begin;
mod conclude;
mod decide;
mod duty;
mod instance;
mod permissions;
mod recheck;
mod restate;
mod retry;
mod share;
mod slot;
mod transitions;
mod wait;

#[cfg(test)]
mod tests;

pub use absorb::absorb;
pub use begin::{Begun, begin, refuse};
pub use decide::decide;
pub use duty::{
    AnswerStep, CreateAction, CreateRead, Creating, DistributeAction, DistributeRead, Distributing,
    Duty,
};
pub use retry::{NothingToRetry, retry};
pub use share::{SHARE_CALLS_MAX, ShareRefused, Sharing, Stopped};
pub use slot::{Scheduled, begin_slot, refuse_enrolment};
pub use wait::{due, reads};

use crate::bounds::Bounds;
use crate::description::ImageDescription;
use crate::family::{Family, ImageRole, ImageRow};
use crate::fault::Fault;
use crate::history::Fact;
use crate::ids::{AccountId, DeviceName, ImageId, InstanceId, KeyAlias, Region};
use crate::image::{ImageState, ObservedImage, ObservedInstance, SnapshotKeys};
use crate::making::Treatment;
use crate::name::ImageName;
use crate::policy::{CopyMinutes, Policy};
use crate::reason::AwsError;
use crate::record::PressWrite;
use crate::tags::{TagKeys, Trigger};
use crate::target::ShareTarget;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How long after an unanswered CreateImage its image is looked for before the same name is sent
/// again, in seconds.
pub const UNKNOWN_OUTCOME_SECONDS: i64 = 300;

/// What the planner is told besides the record and the reads.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The stack's tag keys.
    pub keys: &'a TagKeys,
    /// The policy that the family began under; none for a rejected press.
    pub policy: Option<&'a Policy>,
    /// What the stack allows now, which may be less than when the family began.
    pub bounds: &'a Bounds,
    /// The moment of the look.
    pub now: Timestamp,
    /// Whether the kill switch is on: then nothing is called, but what is known is still recorded.
    pub paused: bool,
}

/// What woke the family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FamilyHint {
    /// Every unsettled image may have moved on.
    pub everything: bool,
    /// An event named this image.
    pub image: Option<ImageHint>,
    /// Somebody may have changed the button while its press is under way.
    pub button: bool,
    /// Somebody may have changed who may launch the images: EC2 sends no event of that.
    pub shares: bool,
}

/// What an event said about an image. A hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageHint {
    /// Where.
    pub region: Region,
    /// Which.
    pub image: ImageId,
    /// The state that the event gave.
    pub state: ImageState,
}

/// What a read of a row showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowShown {
    /// Every image found.
    Seen(Vec<ObservedImage>),
    /// The read failed; nothing may be concluded from it.
    Unread,
}

/// What a read of an image's launch permissions showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionsShown {
    /// Everybody who has one, the group of everybody aside.
    Read(BTreeSet<ShareTarget>),
    /// The read failed.
    Unread,
}

/// What a read of the source's keys showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysShown {
    /// The keys.
    Read(SnapshotKeys),
    /// The read failed.
    Unread,
}

/// What a read of the instance showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceShown {
    /// The instance; none if EC2 does not show it.
    Seen(Option<ObservedInstance>),
    /// The read failed.
    Unread,
}

/// Everything read in this look so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// By place.
    pub rows: BTreeMap<ImageRole, RowShown>,
    /// Of the source.
    pub source_keys: Option<KeysShown>,
    /// The instance.
    pub instance: Option<InstanceShown>,
    /// Launch permissions, by place.
    pub permissions: BTreeMap<ImageRole, PermissionsShown>,
}

impl Observed {
    /// Whether this look saw the row's own image available and managed by this stack. Every call
    /// that changes or copies an image asks this first.
    pub(crate) fn saw_available(&self, family: &Family, row: &ImageRow, keys: &TagKeys) -> bool {
        match self.rows.get(&row.image_role) {
            Some(RowShown::Seen(images)) => images.iter().any(|image| {
                Some(&image.id) == row.image.as_ref()
                    && image.state == ImageState::Available
                    && family.manages(image, keys)
            }),
            Some(RowShown::Unread) | None => false,
        }
    }
}

/// CreateImage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateStep {
    /// Where.
    pub region: Region,
    /// Of which instance.
    pub instance: InstanceId,
    /// The name that makes it at most one.
    pub name: ImageName,
    /// For people.
    pub description: ImageDescription,
    /// Whether EC2 may reboot the instance.
    pub reboot: bool,
    /// What becomes of devices, for those of which the image does not say what the instance says.
    pub devices: BTreeMap<DeviceName, Treatment>,
    /// For image and snapshots, in the creating call.
    pub tags: BTreeMap<String, String>,
}

/// CopyImage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStep {
    /// Where the source is.
    pub source_region: Region,
    /// The source.
    pub source: ImageId,
    /// Where the copy goes.
    pub destination: Region,
    /// Its name.
    pub name: ImageName,
    /// For people: that of the source.
    pub description: ImageDescription,
    /// The token that makes it at most one.
    pub client_token: String,
    /// Encrypt the copy; always where its source is encrypted.
    pub encrypted: bool,
    /// Under this key; without one, under the account's default key for EBS in the destination.
    pub kms_key: Option<KeyAlias>,
    /// Have EC2 complete each snapshot within this time.
    pub within_minutes: Option<CopyMinutes>,
    /// For image and snapshots, in the creating call.
    pub tags: BTreeMap<String, String>,
}

/// ModifyImageAttribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareStep {
    /// Which row.
    pub image_role: ImageRole,
    /// Where.
    pub region: Region,
    /// Which image.
    pub image: ImageId,
    /// Who is added. Never a group.
    pub targets: BTreeSet<ShareTarget>,
}

/// One tag of the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagStep {
    /// Where.
    pub region: Region,
    /// Which instance.
    pub instance: InstanceId,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The status of the instance, for one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusStep {
    /// The instance's account.
    pub account: AccountId,
    /// What is answered.
    pub trigger: Trigger,
    /// The tag.
    pub tag: TagStep,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// EC2 gave this image.
    Image(ImageId),
    /// Done.
    Done,
    /// The image was shared with some, and not with others.
    Shared {
        /// Who got it.
        shared: BTreeSet<ShareTarget>,
        /// Who is refused for good, and why.
        refused: BTreeMap<ShareTarget, AwsError>,
        /// Why it was stopped before everybody had an answer.
        stopped: Option<Stopped>,
    },
    /// The instance does not exist any more.
    Gone,
    /// It was not made: too little time was left in the invocation.
    NoTime,
    /// EC2 refused the name: this image has it, if the message said which.
    NameTaken(Option<ImageId>),
    /// Anything else.
    Refused {
        /// What kind of failure.
        fault: Fault,
        /// What AWS said.
        error: AwsError,
    },
}

/// What a step of the planner changed besides the family itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What happened, in order.
    pub facts: Vec<Fact>,
    /// Images whose pointers have to be written.
    pub pointers: Vec<(Region, ImageId)>,
    /// A change of the press, in the same transaction.
    pub press: Option<PressWrite>,
    /// Rows that changed.
    pub rows: BTreeSet<ImageRole>,
    /// Whether the family's own record changed in a way worth writing.
    pub family: bool,
}

impl Changes {
    /// Adds what another step changed.
    pub fn merge(&mut self, other: Changes) {
        self.facts.extend(other.facts);
        self.pointers.extend(other.pointers);
        self.rows.extend(other.rows);
        self.family |= other.family;
        if other.press.is_some() {
            self.press = other.press;
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.pointers.is_empty()
            && self.press.is_none()
            && self.rows.is_empty()
            && !self.family
    }
}
