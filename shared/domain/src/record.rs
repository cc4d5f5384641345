//! What is written to the table: one transaction per change of a family, as plain data.

use crate::budget::{Budget, DayCount};
use crate::enrolment::{Enrolment, EnrolmentKey};
use crate::family::{Family, ImageRow};
use crate::history::HistoryItem;
use crate::ids::{ImageId, PolicyName, Region, StackName};
use crate::policy::Watch;
use crate::press::{Press, PressKey};
use crate::switch::Switch;
use crate::time::Slot;
use jiff::Timestamp;

/// One transaction: all of it is written, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The family as it will be; its `version` is the new one.
    pub family: Family,
    /// The version it must have now; `None`: it must not exist.
    pub expected_version: Option<u64>,
    /// If given, nobody may have knocked since: the number of wakes that was loaded.
    pub expected_wakes: Option<u64>,
    /// The rows that changed.
    pub rows: Vec<ImageRow>,
    /// Images whose pointer to the family is new.
    pub pointers: Vec<(Region, ImageId)>,
    /// What happened, in order. Announced items are marked unannounced until they are published.
    pub history: Vec<HistoryItem>,
    /// A change of the press.
    pub press: Option<PressWrite>,
    /// A change of the instance's enrolment.
    pub enrolment: Option<EnrolmentWrite>,
    /// The hour's count, conditional on the version before it.
    pub budget: Option<Budget>,
    /// A policy's day, conditional on the version before it.
    pub day: Option<(PolicyName, DayCount)>,
    /// A policy's text under its hash, written if it is not there.
    pub policy_text: Option<(String, String)>,
}

/// A conditional change of an enrolment; nobody may have written since `expected_rev` was read (0: no item was there).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentWrite {
    /// Of which instance.
    pub key: EnrolmentKey,
    /// The version that was read.
    pub expected_rev: u64,
    /// What it becomes.
    pub enrolment: Enrolment,
}

/// A conditional change of what was told of a policy; nobody may have written since `expected_rev` was read (0: no item
/// was there).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchWrite {
    /// Of which policy.
    pub policy: PolicyName,
    /// The version that was read.
    pub expected_rev: u64,
    /// What it becomes.
    pub watch: Watch,
}

/// A conditional change of what is recorded of a kill switch; nobody may have written since `expected_rev` was read (0:
/// no item was there).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchWrite {
    /// Of which stack.
    pub stack: StackName,
    /// The version that was read.
    pub expected_rev: u64,
    /// What it becomes.
    pub switch: Switch,
}

/// News that belong to no family, with the record that says that they are told: all of it is written, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsCommit {
    /// The record.
    pub record: NewsRecord,
    /// What happened, in order.
    pub history: Vec<HistoryItem>,
}

/// A record that remembers what was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewsRecord {
    /// An instance's enrolment.
    Enrolment(EnrolmentWrite),
    /// A policy's watch.
    Policy(WatchWrite),
    /// A stack's kill switch.
    KillSwitch(SwitchWrite),
}

/// A conditional change of a press.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a transaction has one of it")]
pub enum PressWrite {
    /// A new press; nobody may have written since `expected_rev` was read (0: no item was there).
    Begin {
        /// Which button.
        key: PressKey,
        /// The version that was read.
        expected_rev: u64,
        /// What it becomes.
        press: Press,
    },
    /// A schedule has an image made of the instance: the same interval holds for presses. Nobody may have written since
    /// `expected_rev` was read (0: no item was there).
    Imaged {
        /// Which button has to wait.
        key: PressKey,
        /// The version that was read.
        expected_rev: u64,
        /// When the image was asked for.
        at: Slot,
    },
    /// Accepted becomes answered; it must be accepted with this slot.
    Answer {
        /// Which button.
        key: PressKey,
        /// Which press of it.
        slot: Slot,
    },
    /// Answered becomes idle; it must be answered with this slot.
    Clear {
        /// Which button.
        key: PressKey,
        /// Which press of it.
        slot: Slot,
        /// When the tag was removed.
        cleared_at: Timestamp,
        /// What the status tag will say.
        answer: Option<String>,
    },
}
