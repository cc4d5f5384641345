//! One record in hand.

use super::{EngineError, Input, Invocation, Kind, commit_surely};
use crate::failpoint::{self, Failpoint};
use crate::ports::Committed;
use amiline_domain::record::Expected;
use amiline_domain::work::WorkRecord;
use futures_util::future::join_all;
use jiff::Timestamp;

/// Rounds of reading, deciding and calling in one invocation. A family needs about five; more is a
/// defect.
pub(super) const ROUNDS_MAX: usize = 16;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Nothing is left to do now.
    ToTheEnd,
    /// Somebody else wrote the record: load it and begin again.
    IntoAConflict,
}

impl From<Ran> for Committed {
    /// Of what was written first, with a record that is new.
    fn from(ran: Ran) -> Self {
        match ran {
            Ran::ToTheEnd => Self::Yes,
            Ran::IntoAConflict => Self::Conflict,
        }
    }
}

/// A record in hand: as it is in the table, and what has changed since.
pub(crate) struct Job<K: Kind> {
    record: K::Record,
    given: K::Given,
    hint: K::Hint,
    observed: K::Observed,
    /// Whether the lease in the table is ours.
    held: bool,
    changes: K::Changes,
}

enum Released {
    Done,
    /// Somebody left a hint while we worked.
    HintsCame,
    Conflict,
}

impl<K: Kind> Job<K> {
    pub(super) fn loaded(record: K::Record, given: K::Given, hint: K::Hint, holder: &str) -> Self {
        // After a conflict the lease in the table may be this invocation's own.
        let held = record.state().lease.as_ref().is_some_and(|lease| lease.holder == holder);
        Self {
            record,
            given,
            hint,
            observed: K::Observed::default(),
            held,
            changes: K::Changes::default(),
        }
    }

    /// A record that is not in the table yet, with what was read of the world just before.
    pub(crate) fn begun(
        record: K::Record,
        given: K::Given,
        hint: K::Hint,
        observed: K::Observed,
        changes: K::Changes,
    ) -> Self {
        Self { record, given, hint, observed, held: false, changes }
    }

    pub(crate) async fn run(mut self, kind: &K, invocation: &Invocation) -> Result<Ran, K::Error> {
        for _ in 0..ROUNDS_MAX {
            let now = kind.now();
            let mut input = Input {
                given: &self.given,
                hint: &self.hint,
                observed: &self.observed,
                now,
                paused: false,
            };
            kind.absorb(&mut self.record, input, &mut self.changes);
            let reads = kind.reads(&self.record, input);
            if !reads.is_empty() {
                kind.read(&self.record, &self.given, reads, &mut self.observed).await;
                continue;
            }
            input.paused = kind.is_paused().await;
            let actions = kind.decide(&mut self.record, input, &mut self.changes);
            if actions.is_empty() {
                let (due, paused) = (kind.due(&self.record, input), input.paused);
                match self.release(kind, due, now).await? {
                    Released::Done => {
                        if !paused {
                            self.hand_over(kind, now).await;
                        }
                        return Ok(Ran::ToTheEnd);
                    }
                    Released::HintsCame => continue,
                    Released::Conflict => return Ok(Ran::IntoAConflict),
                }
            }
            let lease = invocation.lease();
            let state = self.record.state_mut();
            state.due = Some((lease.until, K::ROLE));
            state.lease = Some(lease);
            if self.write(kind, None, now).await? == Committed::Conflict {
                return Ok(Ran::IntoAConflict);
            }
            self.held = true;
            self.carry_out(kind, actions).await;
        }
        Err(EngineError::Unsettled { what: K::describe(K::id(&self.record)) }.into())
    }

    async fn carry_out(&mut self, kind: &K, actions: Vec<K::Action>) {
        let ended = join_all(actions.iter().map(|action| kind.perform(action))).await;
        let now = kind.now();
        for (action, ended) in actions.iter().zip(&ended) {
            let (observed, changes) = (&mut self.observed, &mut self.changes);
            kind.conclude(&mut self.record, (action, ended), (&self.given, now), observed, changes);
        }
    }

    /// Writes what is left to write, with the due time, and gives up the lease.
    async fn release(
        &mut self,
        kind: &K,
        due: Option<(Timestamp, K::Role)>,
        now: Timestamp,
    ) -> Result<Released, K::Error> {
        let state = self.record.state();
        if K::is_empty(&self.changes) && !self.held && state.version > 0 && state.due == due {
            return Ok(Released::Done);
        }
        let state = self.record.state_mut();
        state.due = due;
        state.lease = None;
        let (version, hints) = (state.version, self.held.then_some(state.pending_hints));
        if failpoint::hit(Failpoint::HintCame) && self.held {
            self.read_again();
            return Ok(Released::HintsCame);
        }
        if self.write(kind, hints, now).await? == Committed::Yes {
            return Ok(Released::Done);
        }
        let found = kind.load(K::id(&self.record)).await?;
        match found {
            // Only the hints moved: somebody brought news while we worked, and left it to us.
            Some(found) if self.held && found.state().version == version => {
                self.record.state_mut().pending_hints = found.state().pending_hints;
                self.read_again();
                Ok(Released::HintsCame)
            }
            Some(_) | None => Ok(Released::Conflict),
        }
    }

    /// Somebody brought news that nobody has seen yet: everything is read again.
    fn read_again(&mut self) {
        self.hint = K::of_anything(self.hint.clone());
        self.observed = K::Observed::default();
    }

    async fn hand_over(&self, kind: &K, now: Timestamp) {
        if let Some((_, role)) =
            self.record.state().due.filter(|(at, role)| *at <= now && *role != K::ROLE)
        {
            kind.hand_over(K::id(&self.record), role).await;
        }
    }

    /// Writes the record with everything that changed. On `Yes` nothing is unwritten any more.
    async fn write(
        &mut self,
        kind: &K,
        pending_hints: Option<u64>,
        now: Timestamp,
    ) -> Result<Committed, K::Error> {
        K::seal(&mut self.record, &mut self.changes, now);
        let expected = Expected::read_at(self.record.state().version);
        let stamped = || {
            let mut record = self.record.clone();
            record.state_mut().version = expected.next();
            K::stamp(&mut record, &self.changes);
            record
        };
        let transaction = K::transaction(stamped(), &self.changes, expected, pending_hints)?;
        let id = K::id(&self.record);
        let load = async || kind.load(id).await;
        let commit = async || kind.commit(&transaction).await;
        let committed = commit_surely(&K::describe(id), (stamped, expected), load, commit).await?;
        if committed == Committed::Yes {
            self.record.state_mut().version = expected.next();
            K::stamp(&mut self.record, &self.changes);
            K::log_written(&self.changes);
            self.changes = K::Changes::default();
        }
        Ok(committed)
    }
}
