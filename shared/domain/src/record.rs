//! What is written to the table: transactions over our records, as plain data.

use crate::budget::{Budget, DayCount};
use crate::coverage::Made;
use crate::enrolment::{Enrolment, EnrolmentKey};
use crate::family::{Family, ImageRole, ImageRow};
use crate::history::{HistoryItem, Subject};
use crate::ids::{AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region, StackName};
use crate::policy::Watch;
use crate::press::{Press, PressKey};
use crate::switch::Switch;
use crate::time::Slot;
use jiff::Timestamp;
use std::collections::BTreeSet;
use thiserror::Error;

/// Writes that the table takes in one transaction.
pub const WRITES_MAX: usize = 100;

/// Writes and checks that are carried out together or not at all: up to 100, each of another
/// record, and not only checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    writes: Vec<Write>,
}

/// Writes that are no transaction.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransactionError {
    /// There is nothing to write, or there are only checks.
    #[error("a transaction writes nothing; this is a defect: report it")]
    Empty,
    /// There are too many.
    #[error(
        "a transaction has {0} writes, and the table takes {WRITES_MAX}; this is a defect: report it"
    )]
    TooMany(usize),
    /// Two writes have one record.
    #[error("a transaction writes {0:?} twice; this is a defect: report it")]
    Twice(Record),
}

impl Transaction {
    /// The writes as one transaction.
    pub fn new(writes: Vec<Write>) -> Result<Self, TransactionError> {
        if writes.iter().all(|write| matches!(write, Write::Check(..))) {
            return Err(TransactionError::Empty);
        }
        if writes.len() > WRITES_MAX {
            return Err(TransactionError::TooMany(writes.len()));
        }
        let mut records = BTreeSet::new();
        match writes.iter().map(Write::record).find(|record| !records.insert(record.clone())) {
            Some(record) => Err(TransactionError::Twice(record)),
            None => Ok(Self { writes }),
        }
    }

    /// A button alone.
    pub fn press(write: PressWrite) -> Self {
        Self { writes: vec![Write::from(write)] }
    }

    /// A record that remembers what was announced, with the history items that are announced.
    pub fn announcing(record: Write, history: Vec<HistoryItem>) -> Result<Self, TransactionError> {
        Self::new([record].into_iter().chain(history.into_iter().map(Write::from)).collect())
    }

    /// Its writes.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Its writes, to make another transaction of them.
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    /// The first family that it writes.
    pub fn family(&self) -> Option<&FamilyWrite> {
        self.writes
            .iter()
            .find_map(|write| if let Write::Family(write) = write { Some(&**write) } else { None })
    }

    /// The history items that it writes, in order.
    pub fn history(&self) -> impl Iterator<Item = &HistoryItem> {
        self.writes
            .iter()
            .filter_map(|write| if let Write::History(item) = write { Some(&**item) } else { None })
    }
}

/// What must be so of a record, or nothing of the transaction is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// There is no such record.
    Absent,
    /// It has this revision.
    Revision(u64),
}

impl Expected {
    /// Nobody has written the record since it was read. Revision 0 was read where there is no
    /// record.
    pub fn read_at(revision: u64) -> Self {
        if revision == 0 { Self::Absent } else { Self::Revision(revision) }
    }

    /// The revision that the write gives the record.
    pub fn next(self) -> u64 {
        match self {
            Self::Absent => 1,
            Self::Revision(revision) => revision.saturating_add(1),
        }
    }
}

impl From<Option<u64>> for Expected {
    fn from(revision: Option<u64>) -> Self {
        revision.map_or(Self::Absent, Self::Revision)
    }
}

/// One write of a transaction, with its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A family's own record. Its pending hints stay as they are.
    Family(Box<FamilyWrite>),
    /// An image of a family, without a condition: the family's own record has one.
    Image(FamilyId, Box<ImageRow>),
    /// The family of an image. There is none, or it is the same.
    Pointer(Region, ImageId, FamilyId),
    /// A family in its instance's list, without a condition.
    Listing(Box<Listing>),
    /// A history item. There is none of this number.
    History(Box<HistoryItem>),
    /// A button.
    Press(Box<PressWrite>),
    /// An instance's enrolment.
    Enrolment(EnrolmentKey, Expected, Box<Enrolment>),
    /// An account's images of the hour. The table has the revision before.
    HourCount(AccountId, Budget),
    /// A policy's images of the day. The table has the revision before.
    DayCount(PolicyName, DayCount),
    /// A policy's text under its hash, without a condition: the same hash has the same text.
    PolicyText {
        /// The hash.
        hash: String,
        /// The text.
        text: String,
    },
    /// What was announced of a policy.
    Watch(PolicyName, Expected, Box<Watch>),
    /// What is recorded of a stack's kill switch.
    KillSwitch(StackName, Expected, Box<Switch>),
    /// A condition alone: nothing is written to this record.
    Check(Revisioned, Expected),
}

impl Write {
    /// The record that it writes or checks.
    pub fn record(&self) -> Record {
        match self {
            Write::Family(write) => Record::Of(Revisioned::Family(write.family.id.clone())),
            Write::Image(family, row) => Record::Image(family.clone(), row.image_role.clone()),
            Write::Pointer(region, image, _) => Record::Pointer(region.clone(), image.clone()),
            Write::Listing(listing) => Record::Listing(listing.family.clone()),
            Write::History(item) => Record::History(item.subject.clone(), item.seq),
            Write::Press(write) => Record::Of(Revisioned::Press(write.key().clone())),
            Write::Enrolment(key, ..) => Record::Of(Revisioned::Enrolment(key.clone())),
            Write::HourCount(account, _) => Record::Of(Revisioned::HourCount(account.clone())),
            Write::DayCount(policy, _) => Record::Of(Revisioned::DayCount(policy.clone())),
            Write::PolicyText { hash, .. } => Record::PolicyText(hash.clone()),
            Write::Watch(policy, ..) => Record::Of(Revisioned::Watch(policy.clone())),
            Write::KillSwitch(stack, ..) => Record::Of(Revisioned::KillSwitch(stack.clone())),
            Write::Check(record, _) => Record::Of(record.clone()),
        }
    }
}

impl From<HistoryItem> for Write {
    fn from(item: HistoryItem) -> Self {
        Self::History(Box::new(item))
    }
}

impl From<PressWrite> for Write {
    fn from(write: PressWrite) -> Self {
        Self::Press(Box::new(write))
    }
}

/// A record with a revision, by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revisioned {
    /// A family.
    Family(FamilyId),
    /// A button.
    Press(PressKey),
    /// An instance's enrolment.
    Enrolment(EnrolmentKey),
    /// An account's images of the hour.
    HourCount(AccountId),
    /// A policy's images of the day.
    DayCount(PolicyName),
    /// What was announced of a policy.
    Watch(PolicyName),
    /// What is recorded of a stack's kill switch.
    KillSwitch(StackName),
}

/// Any record, by its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// One with a revision.
    Of(Revisioned),
    /// An image of a family.
    Image(FamilyId, ImageRole),
    /// The family of an image.
    Pointer(Region, ImageId),
    /// A family in its instance's list.
    Listing(FamilyId),
    /// A history item.
    History(Subject, u64),
    /// A policy's text.
    PolicyText(String),
}

/// A family's own record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyWrite {
    /// The family as it will be; its `version` is the new one.
    pub family: Family,
    /// The version that it has now.
    pub expected: Expected,
    /// If given, the hints that are pending: nobody may have left another.
    pub pending_hints: Option<u64>,
}

/// A family in the list of its instance's families: where its images are available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The family.
    pub family: FamilyId,
    /// The instance's Region.
    pub region: Region,
    /// The instance.
    pub instance: InstanceId,
    /// The family's slot, by which the list is ordered.
    pub slot: Slot,
    /// None of a family that was refused before it had a policy.
    pub made: Option<Made>,
}

impl Listing {
    /// Of a family as it is.
    pub fn of(family: &Family) -> Self {
        Self {
            family: family.id.clone(),
            region: family.region.clone(),
            instance: family.instance.clone(),
            slot: family.slot,
            made: Made::of(family),
        }
    }
}

/// A change of a button.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a write has it boxed")]
pub enum PressWrite {
    /// It becomes this press.
    Put {
        /// The button.
        key: PressKey,
        /// What was read.
        expected: Expected,
        /// The press; its `rev` is the new one.
        press: Press,
    },
    /// An image was requested for a schedule: the minimum interval holds for presses too.
    Imaged {
        /// The button that has to wait.
        key: PressKey,
        /// What was read.
        expected: Expected,
        /// When the image was requested.
        at: Slot,
    },
    /// Its due time is set or removed.
    DueTime {
        /// The button.
        key: PressKey,
        /// What was read.
        expected: Expected,
        /// The due time.
        at: Option<Timestamp>,
    },
    /// Accepted becomes answered; it must be accepted with this slot.
    Answer {
        /// The button.
        key: PressKey,
        /// The slot of the press.
        slot: Slot,
    },
    /// Answered becomes idle; it must be answered with this slot.
    Clear {
        /// The button.
        key: PressKey,
        /// The slot of the press.
        slot: Slot,
        /// When the tag was removed.
        cleared_at: Timestamp,
        /// What the status tag will say.
        answer: Option<String>,
    },
}

impl PressWrite {
    /// The button.
    pub fn key(&self) -> &PressKey {
        match self {
            PressWrite::Put { key, .. }
            | PressWrite::Imaged { key, .. }
            | PressWrite::DueTime { key, .. }
            | PressWrite::Answer { key, .. }
            | PressWrite::Clear { key, .. } => key,
        }
    }
}

/// A new version of a family, with everything that is written with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyChange {
    /// The family as it will be; its `version` is the new one.
    pub family: Family,
    /// The version that it has now.
    pub expected: Expected,
    /// If given, the hints that are pending: nobody may have left another.
    pub pending_hints: Option<u64>,
    /// The images that changed.
    pub rows: Vec<ImageRow>,
    /// Images that were found to belong to the family. One may be named twice.
    pub pointers: Vec<(Region, ImageId)>,
    /// What happened, in order.
    pub history: Vec<HistoryItem>,
    /// What else is written.
    pub with: Vec<Write>,
}

impl FamilyChange {
    /// All of it as one transaction.
    pub fn transaction(self) -> Result<Transaction, TransactionError> {
        let Self { family, expected, pending_hints, rows, pointers, history, with } = self;
        let id = &family.id;
        // The list says where the images are available, so it follows every change of an image.
        let listed = expected == Expected::Absent || !rows.is_empty();
        let listing = listed.then(|| Write::Listing(Box::new(Listing::of(&family))));
        let rows = rows.into_iter().map(|row| Write::Image(id.clone(), Box::new(row)));
        let pointers: BTreeSet<_> = pointers.into_iter().collect();
        let pointers =
            pointers.into_iter().map(|(region, image)| Write::Pointer(region, image, id.clone()));
        let others: Vec<Write> = rows
            .chain(pointers)
            .chain(history.into_iter().map(Write::from))
            .chain(with)
            .chain(listing)
            .collect();
        let family = Write::Family(Box::new(FamilyWrite { family, expected, pending_hints }));
        Transaction::new([family].into_iter().chain(others).collect())
    }
}

#[cfg(test)]
mod tests;
