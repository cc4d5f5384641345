//! What runs did, added up.

use crate::checks::Tally;
use crate::storm::{Faults, Yield};
use std::collections::BTreeMap;

/// What one run did, or many.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Runs.
    pub runs: u64,
    /// Turns of invocations.
    pub turns: u64,
    /// Port calls.
    pub calls: u64,
    /// Invocations.
    pub invocations: u64,
    /// Seconds that images existed, in virtual time.
    pub image_seconds: u64,
    /// What went wrong.
    pub faults: Faults,
    /// Where invocations yielded.
    pub yields: BTreeMap<Yield, u64>,
    /// What was checked.
    pub tally: Tally,
    /// What people did, by kind.
    pub acts: BTreeMap<&'static str, u64>,
    /// The hash of the trace; of many runs, of all of them in any order.
    pub hash: u64,
}

impl Stats {
    /// Adds a run's.
    pub fn add(&mut self, other: &Stats) {
        self.runs += other.runs.max(1);
        self.turns += other.turns;
        self.calls += other.calls;
        self.invocations += other.invocations;
        self.image_seconds += other.image_seconds;
        self.faults.add(&other.faults);
        for (place, count) in &other.yields {
            *self.yields.entry(*place).or_insert(0) += count;
        }
        self.tally.add(&other.tally);
        for (act, count) in &other.acts {
            *self.acts.entry(act).or_insert(0) += count;
        }
        // A sum does not depend on which core finished first.
        self.hash = self.hash.wrapping_add(other.hash);
    }
}
