//! The engine: brings a record as far as it can go now, whatever kind of work the record is of.
//!
//! One run loads the record, takes its lease, and goes round: read, take in, decide, write the
//! intent together with the lease, call, take in how the calls ended. When nothing is left to do it
//! writes the due time and gives the lease up. A kind of work brings the record, the reads, the
//! calls and the pure functions over them (`Kind`); crashes, lost replies, conflicts, leases and
//! hints are the engine's alone, and its tests prove them with a kind of their own.
//!
//! What the engine promises every kind:
//! - No call is made before the record that announces it was written, under a lease of this
//!   invocation.
//! - A record is given up without a due time only if the kind asks for none.
//! - A hint that came while the record was leased is read by whoever gives the lease up, or by
//!   whoever comes after them.
//! - A run that finds nothing new writes nothing.

mod attempts;
mod commit;
mod job;
mod kind;

#[cfg(test)]
mod tests;

pub(crate) use attempts::{Attempt, until_written};
pub(crate) use commit::commit_surely;
pub(crate) use job::{Job, Ran};
pub(crate) use kind::{Input, Kind};

use crate::failpoint::{self, Failpoint};
use amiline_domain::time::plus_seconds;
use amiline_domain::work::{Lease, WorkRecord};
use jiff::Timestamp;
use thiserror::Error;

/// Seconds after an invocation's deadline for which its lease still holds: it may be a clock's
/// error late.
const LEASE_AFTER_DEADLINE_SECONDS: i64 = 60;
/// Times that a record is loaded again because somebody else wrote it.
const RELOADS_MAX: usize = 10;

/// One run of a function for one message.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its request id.
    pub id: String,
    /// When it will be stopped.
    pub deadline: Timestamp,
}

impl Invocation {
    fn lease(&self) -> Lease {
        Lease {
            holder: self.id.clone(),
            until: plus_seconds(self.deadline, LEASE_AFTER_DEADLINE_SECONDS),
        }
    }
}

/// Work that did not come to its end; its message will be delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// Other invocations kept writing it.
    #[error("{0} kept changing while it was worked on; it will be tried again")]
    KeepsChanging(String),
    /// The kind's decisions did not come to an end.
    #[error("{what} is not settled after {rounds} rounds; this is a defect: report it with its history", rounds = job::ROUNDS_MAX)]
    Unsettled {
        /// The record.
        what: String,
    },
}

/// What became of a record's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// Everything that could be done now was done.
    Done,
    /// Another invocation has it and was left a hint.
    LeasedToOther,
    /// There is no such record.
    NoSuchRecord,
}

/// Brings a record as far as it can go now: the one path for every event, due time and redelivery.
pub(crate) async fn advance<K: Kind>(
    kind: &K,
    id: &K::Id,
    hint: K::Hint,
    invocation: &Invocation,
) -> Result<Advanced, K::Error> {
    for _ in 0..RELOADS_MAX {
        let Some(record) = kind.load(id).await? else { return Ok(Advanced::NoSuchRecord) };
        if let Some(lease) = record.state().leased_to_other(&invocation.id, kind.now()) {
            if kind.leave_hint(id, &lease.holder).await? {
                return Ok(Advanced::LeasedToOther);
            }
            continue;
        }
        let given = kind.given(&record).await?;
        if failpoint::hit(Failpoint::LoadAgain) {
            continue;
        }
        // Hints were left for the holder of this lease: one that died, or this invocation before it
        // met a conflict.
        let hinted = record.state().lease.is_some();
        let hint = if hinted { K::of_anything(hint.clone()) } else { hint.clone() };
        if Job::loaded(record, given, hint, &invocation.id).run(kind, invocation).await?
            == Ran::ToTheEnd
        {
            return Ok(Advanced::Done);
        }
    }
    Err(EngineError::KeepsChanging(K::describe(id)).into())
}
