//! The messages that wake a function: EventBridge envelopes as AWS sends them, and our own in the
//! same shape. An event is a hint: what it says is checked for form here and read again before
//! anything is done.

mod wire;

pub use wire::{
    announce_history, decode, digest_due, family_due, family_due_early, look_at_coverage,
    look_at_followers, look_at_instance, look_at_policy, look_at_schedule, look_at_shares,
};

use crate::day::Day;
use crate::digest::DigestKey;
use crate::ids::{AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region};
use crate::image::ImageState;
use crate::policy::Followers;
use jiff::Timestamp;
use std::collections::BTreeMap;
use thiserror::Error;

/// The largest message that is read, in bytes. EventBridge delivers at most 256 KiB.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// The `source` of our own messages.
pub const OUR_SOURCE: &str = "amiline";

/// A message, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `Tag Change on Resource` of an instance.
    InstanceTagged(InstanceTagged),
    /// `EC2 AMI State Change`.
    ImageState(ImageStateChange),
    /// Ours: an instance may carry a pressed button.
    LookAtInstance {
        /// Where.
        region: Region,
        /// Which.
        instance: InstanceId,
    },
    /// Ours: an instance's turn in a schedule has come, or its enrolment is to be looked at.
    LookAtSchedule {
        /// Where.
        region: Region,
        /// Which.
        instance: InstanceId,
        /// Also tell what has become of its coverage.
        coverage: bool,
    },
    /// Ours: a policy cannot be used as it was written, or can be again.
    LookAtPolicy(PolicyAsked),
    /// Ours: a family's time has come.
    FamilyDue(FamilyDue),
    /// Ours: a history item was not published in time.
    AnnounceHistory {
        /// Its partition key.
        pk: String,
        /// Its sort key.
        sk: String,
    },
    /// Ours: the schedule.
    Tick(Tick),
    /// Ours: the daily schedule. The digests of this day are due.
    DayEnded(Day),
    /// Ours: a digest is due.
    DigestDue(DigestKey),
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageKind {
    /// [`Message::InstanceTagged`].
    InstanceTagged,
    /// [`Message::ImageState`].
    ImageState,
    /// [`Message::LookAtInstance`].
    LookAtInstance,
    /// [`Message::LookAtSchedule`].
    LookAtSchedule,
    /// [`Message::LookAtPolicy`].
    LookAtPolicy,
    /// [`Message::FamilyDue`].
    FamilyDue,
    /// [`Message::AnnounceHistory`].
    AnnounceHistory,
    /// [`Message::Tick`].
    Tick,
    /// [`Message::DayEnded`].
    DayEnded,
    /// [`Message::DigestDue`].
    DigestDue,
}

impl MessageKind {
    const ALL: [MessageKind; 10] = [
        MessageKind::InstanceTagged,
        MessageKind::ImageState,
        MessageKind::LookAtInstance,
        MessageKind::LookAtSchedule,
        MessageKind::LookAtPolicy,
        MessageKind::FamilyDue,
        MessageKind::AnnounceHistory,
        MessageKind::Tick,
        MessageKind::DayEnded,
        MessageKind::DigestDue,
    ];

    /// The kind of an event; none if no function handles it.
    fn of(source: &str, detail_type: &str) -> Option<Self> {
        let is_it = |kind: &Self| kind.source() == source && kind.detail_type() == detail_type;
        Self::ALL.into_iter().find(is_it)
    }

    /// The event's `source`.
    fn source(self) -> &'static str {
        match self {
            MessageKind::InstanceTagged => "aws.tag",
            MessageKind::ImageState => "aws.ec2",
            MessageKind::LookAtInstance
            | MessageKind::LookAtSchedule
            | MessageKind::LookAtPolicy
            | MessageKind::FamilyDue
            | MessageKind::AnnounceHistory
            | MessageKind::Tick
            | MessageKind::DayEnded
            | MessageKind::DigestDue => OUR_SOURCE,
        }
    }

    /// The event's `detail-type`.
    pub fn detail_type(self) -> &'static str {
        match self {
            MessageKind::InstanceTagged => "Tag Change on Resource",
            MessageKind::ImageState => "EC2 AMI State Change",
            MessageKind::LookAtInstance => "LookAtInstance",
            MessageKind::LookAtSchedule => "LookAtSchedule",
            MessageKind::LookAtPolicy => "LookAtPolicy",
            MessageKind::FamilyDue => "FamilyDue",
            MessageKind::AnnounceHistory => "AnnounceHistory",
            MessageKind::Tick => "Tick",
            MessageKind::DayEnded => "DayEnded",
            MessageKind::DigestDue => "DigestDue",
        }
    }
}

impl Message {
    /// What it is about.
    pub fn kind(&self) -> MessageKind {
        match self {
            Message::InstanceTagged(_) => MessageKind::InstanceTagged,
            Message::ImageState(_) => MessageKind::ImageState,
            Message::LookAtInstance { .. } => MessageKind::LookAtInstance,
            Message::LookAtSchedule { .. } => MessageKind::LookAtSchedule,
            Message::LookAtPolicy(_) => MessageKind::LookAtPolicy,
            Message::FamilyDue(_) => MessageKind::FamilyDue,
            Message::AnnounceHistory { .. } => MessageKind::AnnounceHistory,
            Message::Tick(_) => MessageKind::Tick,
            Message::DayEnded(_) => MessageKind::DayEnded,
            Message::DigestDue(_) => MessageKind::DigestDue,
        }
    }
}

/// A policy to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyAsked {
    /// Which.
    pub policy: PolicyName,
    /// The instances that follow it, if the sweep found that it gives them no image.
    pub followers: Followers,
}

/// A family to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyDue {
    /// Which.
    pub family: FamilyId,
    /// Look at everything that is unsettled, though its time has not come.
    pub early: bool,
    /// Also ask EC2 with whom its images are shared.
    pub shares: bool,
}

/// A tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tick {
    /// Also wake families that are due only within so many seconds. The schedule sends none; a
    /// person who will not wait may.
    pub due_within_seconds: u32,
    /// Compare every instance's tag with its enrolment, and do nothing else. The hourly schedule
    /// asks for it.
    pub sweep: bool,
    /// With a sweep: ask with whom every image is shared, though it is not every family's turn. The
    /// schedule never does; a person who will not wait may.
    pub all_shares: bool,
}

/// A tag change of an instance (aws-behaviour.md#tag-change-events: `tags` is the full set after
/// the change).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceTagged {
    /// The account that the event names.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// Which.
    pub instance: InstanceId,
    /// When, in whole seconds.
    pub time: Timestamp,
    /// Keys that were added, changed or removed.
    pub changed_keys: Vec<String>,
    /// The tags after the change.
    pub tags: BTreeMap<String, String>,
}

/// A state change of an image (aws-behaviour.md#ami-state-change-events).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStateChange {
    /// The account that the event names.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// Which.
    pub image: ImageId,
    /// The state that it says.
    pub state: ImageState,
}

/// A message that cannot be used, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadEvent {
    /// Too long.
    #[error("the message has {bytes} bytes; at most {BODY_BYTES_MAX} are read")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON, or not of the form that its type has.
    #[error("the message is not of the form expected: {0}")]
    Malformed(String),
    /// A field that does not hold what it should.
    #[error("{field}: {problem}")]
    BadField {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A type that no function handles.
    #[error("no function handles \"{detail_type}\" from \"{source_name}\"")]
    Unknown {
        /// The `source`.
        source_name: String,
        /// The `detail-type`.
        detail_type: String,
    },
}

impl BadEvent {
    /// A message that was read, and is for another function.
    pub fn not_for(function: &str, kind: MessageKind) -> Self {
        BadEvent::BadField {
            field: "detail-type",
            problem: format!("{} is not for {function}", kind.detail_type()),
        }
    }

    /// A short stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            BadEvent::TooLong { .. } => "too-long",
            BadEvent::Malformed(_) => "malformed",
            BadEvent::BadField { .. } => "bad-field",
            BadEvent::Unknown { .. } => "unknown-type",
        }
    }
}
