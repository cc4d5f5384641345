//! What a kind of work brings to the engine.

use super::EngineError;
use crate::ports::{CallError, Committed};
use amiline_domain::record::Expected;
use amiline_domain::work::WorkRecord;
use jiff::Timestamp;
use std::fmt::Display;

/// What a decision is given besides the record.
pub(crate) struct Input<'a, K: Kind> {
    /// What was loaded with the record.
    pub(crate) given: &'a K::Given,
    /// What woke the invocation.
    pub(crate) hint: &'a K::Hint,
    /// What was read so far.
    pub(crate) observed: &'a K::Observed,
    /// The moment of the decision.
    pub(crate) now: Timestamp,
    /// Whether the kill switch is on: then nothing is called, but what is known is still recorded.
    pub(crate) paused: bool,
}

impl<K: Kind> Clone for Input<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for Input<'_, K> {}

/// A kind of work, as one function does it. The decisions are pure functions of the domain; the
/// rest are calls over ports.
pub(crate) trait Kind: Sized {
    /// What names a record.
    type Id: Clone + Display;
    /// The functions that work on a record.
    type Role: Copy + PartialEq;
    /// What is kept in the table.
    type Record: WorkRecord<Role = Self::Role>;
    /// What decisions need that is loaded once, with the record.
    type Given;
    /// What woke the invocation.
    type Hint: Clone;
    /// What the reads showed.
    type Observed: Default;
    /// A read.
    type Read;
    /// A call that changes something.
    type Action;
    /// How a call ended.
    type Ended;
    /// What decisions changed besides the record itself, and what is written with it.
    type Changes: Default;
    /// What the record is written as.
    type Transaction;
    /// Why work did not come to its end.
    type Error: From<CallError> + From<EngineError>;

    /// Whose part this is.
    const ROLE: Self::Role;

    /// The record, for messages: `family fam-…`.
    fn describe(id: &Self::Id) -> String;
    /// The record's name.
    fn id(record: &Self::Record) -> &Self::Id;
    /// The hint that says besides that anything may have happened.
    fn of_anything(hint: Self::Hint) -> Self::Hint;

    /// Takes in what was read. It is asked again after each round of reads, with everything read so
    /// far.
    fn absorb(
        &self,
        record: &mut Self::Record,
        input: Input<'_, Self>,
        changes: &mut Self::Changes,
    );
    /// The reads that are needed now and were not made yet.
    fn reads(&self, record: &Self::Record, input: Input<'_, Self>) -> Vec<Self::Read>;
    /// The calls to make now, with the record already saying so.
    fn decide(
        &self,
        record: &mut Self::Record,
        input: Input<'_, Self>,
        changes: &mut Self::Changes,
    ) -> Vec<Self::Action>;
    /// Takes in how an announced call ended, and forgets what was read before it and is no longer
    /// so.
    fn conclude(
        &self,
        record: &mut Self::Record,
        call: (&Self::Action, &Self::Ended),
        at: (&Self::Given, Timestamp),
        observed: &mut Self::Observed,
        changes: &mut Self::Changes,
    );
    /// When the record is due with no event asking for it, and whose part that is. `None`: never.
    fn due(&self, record: &Self::Record, input: Input<'_, Self>)
    -> Option<(Timestamp, Self::Role)>;
    /// Whether there is nothing to write but what the engine keeps itself.
    fn is_empty(changes: &Self::Changes) -> bool;
    /// Makes of what happened what is written of it. It happens once, however often the write is
    /// tried.
    fn seal(record: &mut Self::Record, changes: &mut Self::Changes, now: Timestamp);
    /// Marks what is written as of the record's version.
    fn stamp(record: &mut Self::Record, changes: &Self::Changes);
    /// What writes the record and its changes, if it is as `expected` and no other hints than
    /// `pending_hints` wait.
    fn transaction(
        record: Self::Record,
        changes: &Self::Changes,
        expected: Expected,
        pending_hints: Option<u64>,
    ) -> Result<Self::Transaction, Self::Error>;
    /// What was written, for the log.
    fn log_written(changes: &Self::Changes);

    /// The time.
    fn now(&self) -> Timestamp;
    /// Whether the kill switch is on.
    async fn is_paused(&self) -> bool;
    /// The record, in one piece; `None` if there is none.
    async fn load(&self, id: &Self::Id) -> Result<Option<Self::Record>, CallError>;
    /// What decisions need besides the record.
    async fn given(&self, record: &Self::Record) -> Result<Self::Given, Self::Error>;
    /// Leaves a hint for the holder of the lease; `false` if it has none any more.
    async fn leave_hint(&self, id: &Self::Id, holder: &str) -> Result<bool, CallError>;
    /// Makes the reads, all at once. A read that fails shows that, and is not the end of the work.
    async fn read(
        &self,
        record: &Self::Record,
        given: &Self::Given,
        reads: Vec<Self::Read>,
        observed: &mut Self::Observed,
    );
    /// Makes one call. The engine makes it under the record's lease.
    async fn perform(&self, action: &Self::Action) -> Self::Ended;
    /// Writes.
    async fn commit(&self, transaction: &Self::Transaction) -> Result<Committed, CallError>;
    /// Tells the function whose part is due. The due time is recorded, so a message that is not
    /// sent costs time only.
    async fn hand_over(&self, id: &Self::Id, role: Self::Role);
}
