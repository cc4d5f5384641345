//! A family: the image made for one press or one slot of a schedule, its copies, and how far their
//! work has come.

use crate::description::ImageDescription;
use crate::ids::{
    AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region, SnapshotId, StackName,
};
use crate::image::{ImageState, InstanceName, ObservedImage};
use crate::key::{ImageKey, IntentKey};
use crate::making::Making;
use crate::name::ImageName;
use crate::policy::PolicyRef;
use crate::press::PressKey;
use crate::reason::{AwsError, ImageReason, OutcomeReason, Reason, RequestReason};
use crate::tags::{TagKeys, Trigger};
use crate::target::ShareTarget;
use crate::time::Slot;
use crate::work::{WorkRecord, WorkState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which image of the family: the one made from the instance, or the copy in a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ImageRole {
    /// Made from the instance by CreateImage.
    Source,
    /// Made by CopyImage in this Region. In the source's own Region it is the encrypted copy.
    Copy(Region),
}

impl ImageRole {
    /// Whether this is the image made from the instance.
    pub fn is_source(&self) -> bool {
        matches!(self, ImageRole::Source)
    }
}

impl fmt::Display for ImageRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageRole::Source => f.write_str("source"),
            ImageRole::Copy(region) => fmt::Display::fmt(region, f),
        }
    }
}

impl From<ImageRole> for String {
    fn from(image_role: ImageRole) -> String {
        image_role.to_string()
    }
}

impl TryFrom<String> for ImageRole {
    type Error = crate::ids::InvalidId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "source" {
            Ok(ImageRole::Source)
        } else {
            Region::new(text).map(ImageRole::Copy)
        }
    }
}

/// How far one image has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowState {
    /// To be made; no call that could have had an effect is open.
    Wanted,
    /// A creating call was announced in the record; whether it had an effect is not known.
    Calling,
    /// EC2 gave it an id and is making it.
    Pending,
    /// A describe saw it available.
    Available,
    /// A describe saw it failed, or the call was refused for good.
    Failed,
    /// Not available by the policy's deadline.
    TimedOut,
    /// Disabled by somebody.
    Disabled,
    /// Deregistered by somebody.
    Deregistered,
}

impl RowState {
    /// Whether work on it is still to come.
    pub fn is_open(self) -> bool {
        match self {
            RowState::Wanted | RowState::Calling | RowState::Pending => true,
            RowState::Available
            | RowState::Failed
            | RowState::TimedOut
            | RowState::Disabled
            | RowState::Deregistered => false,
        }
    }
}

/// How far sharing one image has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShareState {
    /// The policy shares nothing, or not this image.
    NotWanted,
    /// To be shared; repeating the call is harmless.
    Wanted,
    /// Shared with everybody whom the policy names.
    Shared,
    /// Refused for good.
    Failed,
}

/// One image of a family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRow {
    /// Which one.
    pub image_role: ImageRole,
    /// Where it lives.
    pub region: Region,
    /// The family's version when this row was last written.
    pub written_at: u64,
    /// Counts the images tried for this place, from 1. The next one only after this one was seen
    /// failed.
    pub attempt: u32,
    /// How often the name was changed because a foreign image held it (0, then 2, 3, 4).
    pub rename: u8,
    /// The name that the creating call gives or gave.
    pub name: ImageName,
    /// How far it has come.
    pub state: RowState,
    /// Its id, once known. For this attempt it never changes.
    pub image: Option<ImageId>,
    /// When this attempt began; the deadline counts from here.
    pub since: Timestamp,
    /// When the latest creating call was announced.
    pub called_at: Option<Timestamp>,
    /// When EC2 was last asked about it.
    pub looked_at: Option<Timestamp>,
    /// Refused calls since the last one that worked; it spaces out the next ones.
    pub refusals: u32,
    /// No call for it before then.
    pub not_before: Option<Timestamp>,
    /// Since when the instance was seen pending, while it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_since: Option<Timestamp>,
    /// Whether a call of this attempt may have had an effect that nobody has seen yet.
    pub maybe_made: bool,
    /// Why a repeated call was refused for good, while an earlier one may have had its effect.
    pub refused: Option<ImageReason>,
    /// The image is looked at again soon, whatever the family's phase: an event and a read did not
    /// agree.
    pub recheck: Option<Recheck>,
    /// The image that holds the name, when EC2 refused it as taken and that image has not been seen
    /// yet.
    pub name_owner: Option<ImageId>,
    /// Why it failed or could not be shared.
    pub reason: Option<ImageReason>,
    /// Its snapshots.
    pub snapshots: Vec<SnapshotId>,
    /// Whether its snapshots are encrypted.
    pub encrypted: Option<bool>,
    /// Whether its encryption is what the policy asks; known for the source only, and only if the
    /// policy asks.
    pub as_wanted: Option<bool>,
    /// How far sharing it has come.
    pub share: ShareState,
    /// With whom it was shared.
    pub shared_with: BTreeSet<ShareTarget>,
    /// Whom EC2 refused, of those whom the policy names, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_targets: BTreeMap<ShareTarget, AwsError>,
    /// When it was shared last: EC2 may show older permissions for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_at: Option<Timestamp>,
    /// With whom somebody shared it whom the policy does not name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shared_by_others: BTreeSet<ShareTarget>,
    /// Whether everybody may launch it, which is always somebody's doing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
    /// Other images that carry the same intent. Never copied, never shared; somebody has to look at
    /// them.
    pub duplicates: BTreeSet<ImageId>,
}

/// Looks at one image that follow each other closely for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recheck {
    /// The state that an event gave; none if a read simply did not show the image.
    pub told: Option<ImageState>,
    /// When the next look is.
    pub next: Timestamp,
    /// When they end.
    pub until: Timestamp,
}

/// How far the family's work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Images are being made, copied or shared.
    Working,
    /// The outcome is recorded; the button's tag is being removed.
    Answering,
    /// Nothing is left to do.
    Settled,
}

/// How a family ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every image is available and shared as the policy asks.
    Complete,
    /// There is an available image, but something is missing.
    Partial,
    /// There is no image.
    Failed,
    /// Nothing was tried.
    Rejected,
}

impl Outcome {
    /// As in notifications and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Partial => "partial",
            Outcome::Failed => "failed",
            Outcome::Rejected => "rejected",
        }
    }
}

/// Which function's turn it is, since each has other rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May call CreateImage.
    Create,
    /// May call CopyImage and share.
    Distribute,
}

/// An answer that is to be corrected on the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerStatus {
    /// Its words; and those of later ones of which it is not known whether they were written.
    pub words: BTreeSet<String>,
    /// Whether a read did not show it that may have been from before it was written.
    pub doubted: bool,
}

/// The record of a family. Bounded: history is in items of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Its id, derived from the intent.
    pub id: FamilyId,
    /// What the engine keeps in it.
    pub work: WorkState<Role>,
    /// The stack that manages it.
    pub stack: StackName,
    /// The account.
    pub account: AccountId,
    /// The Region of the instance and of the source image.
    pub region: Region,
    /// The instance.
    pub instance: InstanceId,
    /// Its `Name` tag when the family began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<InstanceName>,
    /// What asked for it.
    #[serde(rename = "button")]
    pub trigger: Trigger,
    /// When the press was accepted, or the schedule's slot.
    pub slot: Slot,
    /// The tag's value as it was pressed; removing the tag is conditional on it. Of a schedule: the
    /// policy's name.
    pub requested: String,
    /// The policy that images are made under, as its text was then; none if the request was
    /// rejected.
    pub policy: Option<PolicyRef>,
    /// The policy that a rejected request named, if there is one of that name. Its text is not
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_policy: Option<PolicyName>,
    /// Why the request was rejected, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejection: Option<RequestReason>,
    /// How its images are made, beyond the usual; from when it began.
    #[serde(default, skip_serializing_if = "Making::is_usual")]
    pub making: Making,
    /// How far its work has come.
    pub phase: Phase,
    /// How it ended, once it did.
    pub outcome: Option<Outcome>,
    /// The answer for the instance's status tag.
    pub status: Option<String>,
    /// The image that the status names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_image: Option<ImageId>,
    /// Whether the answer still has to be written.
    pub status_due: bool,
    /// The answer that the new one corrects: it is written only where the instance still shows this
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_over: Option<FormerStatus>,
    /// The value that the button was changed to while this press was under way. It waits until this
    /// one is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_value: Option<String>,
    /// Whether an image came back to life while the answer was being given: then the work goes on
    /// after it.
    pub reopen: bool,
    /// Refused attempts to answer; it spaces out the next ones.
    pub answer_refusals: u32,
    /// No attempt to answer before then.
    pub answer_not_before: Option<Timestamp>,
    /// Counts how often it was taken up again after it had ended (`amiline retry`, a late image).
    pub round: u32,
    /// Number of the newest history item.
    pub seq: u64,
    /// Hash of the newest history item.
    pub last_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The version at which each row was last written. A query is not isolated from transactions,
    /// so rows and record may be read from different moments; this tells.
    pub row_versions: BTreeMap<ImageRole, u64>,
    /// Its images, by place.
    #[serde(skip)]
    pub rows: BTreeMap<ImageRole, ImageRow>,
}

impl WorkRecord for Family {
    type Role = Role;

    fn state(&self) -> &WorkState<Role> {
        &self.work
    }

    fn state_mut(&mut self) -> &mut WorkState<Role> {
        &mut self.work
    }
}

impl Family {
    /// Whether record and rows were read from one moment. If not, read again.
    pub fn is_whole(&self) -> bool {
        self.rows.len() == self.row_versions.len()
            && self
                .rows
                .values()
                .all(|row| self.row_versions.get(&row.image_role) == Some(&row.written_at))
    }

    /// Marks rows as written with the family's version.
    pub fn stamp(&mut self, image_roles: &BTreeSet<ImageRole>) {
        let version = self.work.version;
        for image_role in image_roles {
            if let Some(row) = self.rows.get_mut(image_role) {
                row.written_at = version;
                self.row_versions.insert(image_role.clone(), version);
            }
        }
    }

    /// The row of the source image.
    pub fn source(&self) -> Option<&ImageRow> {
        self.rows.get(&ImageRole::Source)
    }

    /// The source image's id.
    pub fn source_image(&self) -> Option<&ImageId> {
        self.source().and_then(|row| row.image.as_ref())
    }

    /// The key of a row's current attempt; none for a copy whose source is not known.
    pub fn key_of(&self, row: &ImageRow) -> Option<ImageKey> {
        match &row.image_role {
            ImageRole::Source => Some(ImageKey::create(&self.id, row.attempt)),
            ImageRole::Copy(region) => self
                .source_image()
                .map(|source| ImageKey::copy(&self.id, source, region, row.attempt)),
        }
    }

    /// The name of an image with this key, for a family of this policy.
    pub fn image_name(&self, policy: &PolicyName, key: &ImageKey, rename: u8) -> ImageName {
        match &self.making.stem {
            Some(stem) => ImageName::of(stem, key, rename),
            None => ImageName::new(policy, &self.instance, self.slot, key, rename),
        }
    }

    /// Why it ended with less than was asked for, if it did.
    pub fn reason(&self) -> Option<Reason> {
        match self.outcome? {
            Outcome::Complete => None,
            Outcome::Partial | Outcome::Failed => Some(OutcomeReason::of(self).into()),
            Outcome::Rejected => self.rejection.clone().map(Reason::from),
        }
    }

    /// The policy that the request named, if there is one of that name.
    pub fn policy_name(&self) -> Option<&PolicyName> {
        self.policy.as_ref().map(|policy| &policy.name).or(self.rejected_policy.as_ref())
    }

    /// What EC2 shows as the description of its images. It is the same for every attempt and copy.
    pub fn description(&self) -> ImageDescription {
        let policy = self.policy.as_ref().map(|policy| &policy.name);
        let name = self.instance_name.as_ref();
        let usual = || ImageDescription::usual(policy, &self.instance, name, self.slot);
        self.making.description.clone().unwrap_or_else(usual)
    }

    /// The button that this family answers; none if a schedule asked for it.
    pub fn press_key(&self) -> Option<PressKey> {
        match self.trigger {
            Trigger::Press(button) => Some(PressKey {
                account: self.account.clone(),
                region: self.region.clone(),
                instance: self.instance.clone(),
                button,
            }),
            Trigger::Schedule(_) | Trigger::Enrolment => None,
        }
    }

    /// The intent that made it.
    pub fn intent(&self) -> IntentKey<'_> {
        IntentKey {
            stack: &self.stack,
            account: &self.account,
            region: &self.region,
            instance: &self.instance,
            trigger: &self.trigger,
            slot: self.slot,
        }
    }

    /// Whether an image is the one that a row's call made. Tags can be forged by anyone who may
    /// tag, so every one of owner, name, intent, managed-by and source must match, and the caller
    /// holds the record that names the intent.
    pub fn owns(&self, row: &ImageRow, image: &ObservedImage, keys: &TagKeys) -> bool {
        image.name == row.name.as_str() && self.claims(row, image, keys)
    }

    /// Like [`Family::owns`], whatever the name: EC2 enforces unique names, so a second image for
    /// one intent has another.
    pub fn claims(&self, row: &ImageRow, image: &ObservedImage, keys: &TagKeys) -> bool {
        let tag = |key: &str| image.tags.get(key).map(String::as_str);
        self.manages(image, keys)
            && self.key_of(row).is_some_and(|key| tag(&keys.intent()) == Some(key.as_str()))
            && self.stems_from_here(row, image)
    }

    /// Whether an image was made of what the row's call made it of.
    pub fn stems_from_here(&self, row: &ImageRow, image: &ObservedImage) -> bool {
        match &row.image_role {
            ImageRole::Source => image.source_instance.as_ref() == Some(&self.instance),
            ImageRole::Copy(_) => image.source_image.as_ref() == self.source_image(),
        }
    }

    /// Takes the work up again, or sees to it that it is once the answer is given.
    pub fn take_up_again(&mut self) {
        match self.phase {
            Phase::Working => {}
            Phase::Answering => self.reopen = true,
            Phase::Settled => {
                self.phase = Phase::Working;
                self.outcome = None;
                self.reopen = false;
                self.round = self.round.saturating_add(1);
            }
        }
    }

    /// Whether an image is this account's and says that this stack manages it. No other image is
    /// ever changed or copied.
    pub fn manages(&self, image: &ObservedImage, keys: &TagKeys) -> bool {
        image.owner.as_ref() == Some(&self.account)
            && image.tags.get(&keys.managed_by()).map(String::as_str) == Some(self.stack.as_str())
    }

    /// Whether somebody shared an image with others than the policy names.
    pub fn is_shared_by_others(&self) -> bool {
        self.rows.values().any(|row| row.public || !row.shared_by_others.is_empty())
    }

    /// Whether every image is available and shared as the policy asks.
    pub fn is_complete(&self) -> bool {
        self.rows
            .values()
            .all(|row| row.state == RowState::Available && row.share != ShareState::Failed)
    }

    /// The image that people launch at home: the encrypted copy if there is one, else the source.
    pub fn home_image(&self) -> Option<&ImageId> {
        self.rows
            .get(&ImageRole::Copy(self.region.clone()))
            .filter(|row| row.state == RowState::Available)
            .and_then(|row| row.image.as_ref())
            .or_else(|| self.source_image())
    }
}
