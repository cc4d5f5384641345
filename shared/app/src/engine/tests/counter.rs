//! A kind of work with two counters and a call: as many are made outside as are wanted there. What
//! is wanted is read only if a hint says that it may have changed, and what was made only after a
//! call of unknown outcome, so that a hint or an intent that the engine lost would be missed. Small
//! enough to see through: what the engine promises is shown by itself.

use super::world::World;
use crate::engine::{EngineError, Input, Invocation, Kind};
use crate::ports::{CallError, Committed};
use amiline_domain::record::Expected;
use amiline_domain::time::plus_seconds;
use amiline_domain::work::{WorkRecord, WorkState};
use jiff::Timestamp;
use std::collections::BTreeSet;
use thiserror::Error;

/// Seconds after a call of unknown outcome, or after a read that failed, until it is tried again.
const AGAIN_SECONDS: i64 = 30;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counter {
    pub(super) work: WorkState<()>,
    /// How many are wanted, as far as is known.
    pub(super) wanted: u64,
    /// How many are made, as far as is known.
    pub(super) made: u64,
    /// The one that a call was announced for.
    pub(super) calling: Option<u64>,
    pub(super) not_before: Option<Timestamp>,
    /// Whether a read failed that was asked for, so that it is made again.
    pub(super) unread: bool,
}

impl WorkRecord for Counter {
    type Role = ();

    fn state(&self) -> &WorkState<()> {
        &self.work
    }

    fn state_mut(&mut self) -> &mut WorkState<()> {
        &mut self.work
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hint {
    pub(super) anything: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Read {
    /// How many are wanted.
    Wanted,
    /// Which were made.
    Made,
}

/// What a read showed; `None`: it failed.
#[derive(Default)]
pub(super) struct Observed {
    wanted: Option<Option<u64>>,
    made: Option<Option<BTreeSet<u64>>>,
}

/// One is made outside, under its number: the same number makes one only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Make(pub(super) u64);

pub(super) enum Ended {
    Made,
    NotKnown,
}

#[derive(Default)]
pub(super) struct Changes {
    /// What happened, and what is written of it.
    happened: Vec<String>,
    pub(super) written: Vec<String>,
    changed: bool,
}

/// What the table is given.
pub(super) struct Transaction {
    pub(super) counter: Counter,
    pub(super) expected: Expected,
    pub(super) pending_hints: Option<u64>,
    pub(super) history: Vec<String>,
}

#[derive(Debug, Error)]
pub(super) enum CounterError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// One invocation's work on the counter.
pub(super) struct Counting<'a> {
    pub(super) world: &'a World,
    pub(super) invocation: &'a Invocation,
}

impl Kind for Counting<'_> {
    type Id = &'static str;
    type Role = ();
    type Record = Counter;
    type Given = ();
    type Hint = Hint;
    type Observed = Observed;
    type Read = Read;
    type Action = Make;
    type Ended = Ended;
    type Changes = Changes;
    type Transaction = Transaction;
    type Error = CounterError;

    const ROLE: () = ();

    fn describe(id: &&'static str) -> String {
        format!("counter {id}")
    }

    fn id(_: &Counter) -> &&'static str {
        &super::ID
    }

    fn of_anything(_: Hint) -> Hint {
        Hint { anything: true }
    }

    fn absorb(&self, counter: &mut Counter, input: Input<'_, Self>, changes: &mut Changes) {
        if let Some(wanted) = input.observed.wanted {
            let after = (wanted.unwrap_or(counter.wanted), wanted.is_none());
            changes.changed |= after != (counter.wanted, counter.unread);
            (counter.wanted, counter.unread) = after;
        }
        let there = |number: &u64| matches!(&input.observed.made, Some(Some(made)) if made.contains(number));
        if let Some(number) = counter.calling.filter(there) {
            made(counter, number, changes);
        }
    }

    fn reads(&self, counter: &Counter, input: Input<'_, Self>) -> Vec<Read> {
        let wanted = input.observed.wanted.is_none() && (input.hint.anything || counter.unread);
        let made = input.observed.made.is_none() && counter.calling.is_some();
        [wanted.then_some(Read::Wanted), made.then_some(Read::Made)].into_iter().flatten().collect()
    }

    fn decide(
        &self,
        counter: &mut Counter,
        input: Input<'_, Self>,
        changes: &mut Changes,
    ) -> Vec<Make> {
        let ready = counter.not_before.is_none_or(|at| at <= input.now);
        let known = counter.calling.is_none() || matches!(input.observed.made, Some(Some(_)));
        if input.paused || !ready || !known || counter.made >= counter.wanted {
            return Vec::new();
        }
        let number = counter.calling.unwrap_or(counter.made + 1);
        counter.calling = Some(number);
        counter.not_before = None;
        changes.changed = true;
        vec![Make(number)]
    }

    fn conclude(
        &self,
        counter: &mut Counter,
        (Make(number), ended): (&Make, &Ended),
        ((), now): (&(), Timestamp),
        observed: &mut Observed,
        changes: &mut Changes,
    ) {
        observed.made = None;
        match ended {
            Ended::Made => made(counter, *number, changes),
            Ended::NotKnown => counter.not_before = Some(plus_seconds(now, AGAIN_SECONDS)),
        }
        changes.changed = true;
    }

    fn due(&self, counter: &Counter, input: Input<'_, Self>) -> Option<(Timestamp, ())> {
        let open = counter.unread || counter.made < counter.wanted;
        open.then(|| {
            (counter.not_before.unwrap_or_else(|| plus_seconds(input.now, AGAIN_SECONDS)), ())
        })
    }

    fn is_empty(changes: &Changes) -> bool {
        !changes.changed && changes.written.is_empty()
    }

    fn seal(counter: &mut Counter, changes: &mut Changes, _: Timestamp) {
        let next = counter.work.version + 1;
        let happened = std::mem::take(&mut changes.happened);
        changes.written.extend(happened.into_iter().map(|what| format!("{next}: {what}")));
    }

    fn stamp(_: &mut Counter, _: &Changes) {}

    fn transaction(
        counter: Counter,
        changes: &Changes,
        expected: Expected,
        pending_hints: Option<u64>,
    ) -> Result<Transaction, CounterError> {
        Ok(Transaction { counter, expected, pending_hints, history: changes.written.clone() })
    }

    fn log_written(_: &Changes) {}

    fn now(&self) -> Timestamp {
        self.world.now()
    }

    async fn is_paused(&self) -> bool {
        let paused = self.world.is_paused();
        self.world.step(self.invocation, move |_| paused).await.unwrap_or(true)
    }

    async fn load(&self, _: &&'static str) -> Result<Option<Counter>, CallError> {
        self.world.step(self.invocation, |state| state.table.clone()).await
    }

    async fn given(&self, _: &Counter) -> Result<(), CounterError> {
        Ok(self.world.step(self.invocation, |_| ()).await?)
    }

    async fn leave_hint(&self, _: &&'static str, holder: &str) -> Result<bool, CallError> {
        self.world.step(self.invocation, |state| state.leave_hint(holder)).await
    }

    async fn read(&self, _: &Counter, (): &(), reads: Vec<Read>, observed: &mut Observed) {
        for read in reads {
            let shown = self.world.step(self.invocation, |state| state.outside.clone()).await.ok();
            match read {
                Read::Wanted => observed.wanted = Some(shown.map(|outside| outside.wanted)),
                Read::Made => observed.made = Some(shown.map(|outside| outside.made)),
            }
        }
    }

    async fn perform(&self, Make(number): &Make) -> Ended {
        let (number, me) = (*number, self.invocation.id.clone());
        match self.world.step(self.invocation, |state| state.make(number, &me)).await {
            Ok(()) => Ended::Made,
            Err(_) => Ended::NotKnown,
        }
    }

    async fn commit(&self, transaction: &Transaction) -> Result<Committed, CallError> {
        self.world.write(self.invocation, transaction).await
    }

    async fn hand_over(&self, _: &&'static str, (): ()) {}
}

fn made(counter: &mut Counter, number: u64, changes: &mut Changes) {
    counter.made = number;
    counter.calling = None;
    counter.not_before = None;
    changes.changed = true;
    changes.happened.push(format!("made {number}"));
}
