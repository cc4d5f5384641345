//! What the record of every kind of work has: a version, a lease, a due time, and the hints that
//! wait for whoever has the lease.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The right to work on a record, until a moment after which its holder is certainly dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The invocation that holds it.
    pub holder: String,
    /// The invocation's deadline and a minute.
    pub until: Timestamp,
}

/// The part of a record that the engine keeps. `Role` says which function has to act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkState<Role> {
    /// Counts the record's changes; every write is conditional on it. 0: not in the table yet.
    pub version: u64,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// When it has to be worked on with no event asking for it, and by which function. `None`:
    /// never.
    pub due: Option<(Timestamp, Role)>,
    /// How many invocations found it leased and left word of it. Not part of the version.
    #[serde(skip)]
    pub pending_hints: u64,
}

impl<Role> WorkState<Role> {
    /// Of a record that is not in the table yet.
    pub fn new() -> Self {
        Self { version: 0, lease: None, due: None, pending_hints: 0 }
    }

    /// The lease, if somebody else holds it at `now`.
    pub fn leased_to_other(&self, holder: &str, now: Timestamp) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.holder != holder && lease.until > now)
    }

    /// When it is due in the table. While it is leased that is the lease's end, so that the work of
    /// a dead invocation is found.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.lease.as_ref().map(|lease| lease.until).or(self.due.as_ref().map(|(at, _)| *at))
    }
}

impl<Role> Default for WorkState<Role> {
    fn default() -> Self {
        Self::new()
    }
}

/// The record of a kind of work.
pub trait WorkRecord: Clone + PartialEq {
    /// The functions that work on it.
    type Role: Copy + PartialEq;

    /// What the engine keeps in it.
    fn state(&self) -> &WorkState<Self::Role>;

    /// The same, to change it.
    fn state_mut(&mut self) -> &mut WorkState<Self::Role>;
}
