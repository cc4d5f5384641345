//! The counter's world, with trouble at the places that a test names.

use super::counter::{Counter, Counting, Hint, Transaction};
use crate::engine::{Advanced, Invocation, advance};
use crate::ports::{CallError, Committed};
use amiline_domain::fault::Fault;
use amiline_domain::ids::Region;
use amiline_domain::record::Expected;
use amiline_domain::time::plus_seconds;
use amiline_domain::work::WorkState;
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending};
use std::pin::Pin;

/// Seconds that an invocation has.
const INVOCATION_SECONDS: i64 = 60;
/// Seconds after which the lease of an invocation that began before has ended.
const PAST_ANY_LEASE_SECONDS: i64 = 600;

/// What goes wrong at a place where an invocation waits for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The invocation dies before the call.
    Crash,
    /// The call fails, and has had no effect.
    Failure,
    /// The call has its effect, and its reply is lost.
    LostReply,
    /// The call has no effect, and nobody knows.
    NoReply,
    /// A write is refused because another transaction was under way, though nothing was written.
    Contention,
    /// Another invocation runs first, as for the same event delivered twice.
    Overtaken,
    /// The clock jumps past the lease, and another invocation takes the work over.
    Stolen,
    /// One more is wanted outside, and the invocation that is told of it runs first.
    News,
}

impl Trouble {
    pub(super) const ALL: [Trouble; 8] = [
        Trouble::Crash,
        Trouble::Failure,
        Trouble::LostReply,
        Trouble::NoReply,
        Trouble::Contention,
        Trouble::Overtaken,
        Trouble::Stolen,
        Trouble::News,
    ];
}

/// What is to be counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Outside {
    pub(super) wanted: u64,
    pub(super) made: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) table: Option<Counter>,
    pub(super) outside: Outside,
    pub(super) history: Vec<String>,
    pub(super) commits: usize,
    /// Who announced the making of each number.
    announced: BTreeMap<u64, BTreeSet<String>>,
    /// Promises that were broken.
    pub(super) broken: Vec<String>,
}

impl State {
    pub(super) fn leave_hint(&mut self, holder: &str) -> bool {
        let held = |counter: &&mut Counter| {
            counter.work.lease.as_ref().is_some_and(|lease| lease.holder == holder)
        };
        self.table.as_mut().filter(held).map(|counter| counter.work.pending_hints += 1).is_some()
    }

    pub(super) fn make(&mut self, number: u64, by: &str) {
        if !self.announced.get(&number).is_some_and(|who| who.contains(by)) {
            self.broken.push(format!("{by} makes {number}, which it did not announce"));
        }
        if number > self.outside.wanted {
            self.broken
                .push(format!("{by} makes {number}, and {} are wanted", self.outside.wanted));
        }
        self.outside.made.insert(number);
    }

    pub(super) fn commit(&mut self, transaction: &Transaction) -> Committed {
        let (version, hints) =
            self.table.as_ref().map_or((0, 0), |it| (it.work.version, it.work.pending_hints));
        let as_hinted = transaction.pending_hints.is_none_or(|expected| expected == hints);
        if transaction.expected != Expected::read_at(version) || !as_hinted {
            return Committed::Conflict;
        }
        let mut counter = transaction.counter.clone();
        if let (Some(number), Some(lease)) = (counter.calling, &counter.work.lease) {
            self.announced.entry(number).or_default().insert(lease.holder.clone());
        }
        counter.work.pending_hints = hints;
        self.history.extend(transaction.history.iter().cloned());
        self.table = Some(counter);
        self.commits += 1;
        Committed::Yes
    }
}

/// Everything there is.
pub(super) struct World {
    pub(super) state: RefCell<State>,
    now: Cell<Timestamp>,
    paused: Cell<bool>,
    /// What goes wrong, by the number of the place; places are counted from the first invocation's
    /// first call.
    plan: BTreeMap<usize, Trouble>,
    pub(super) places: Cell<usize>,
    /// Whether the write of this place meets another one.
    contended: Cell<bool>,
    /// Whether the invocation that runs now is one that trouble brought.
    within: Cell<bool>,
    invocations: Cell<usize>,
}

impl World {
    pub(super) fn new(wanted: u64, plan: &[(usize, Trouble)]) -> Self {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let work = WorkState { version: 1, due: Some((now, ())), ..WorkState::new() };
        let counter =
            Counter { work, wanted, made: 0, calling: None, not_before: None, unread: false };
        let outside = Outside { wanted, made: BTreeSet::new() };
        Self {
            state: RefCell::new(State { table: Some(counter), outside, ..State::default() }),
            now: Cell::new(now),
            paused: Cell::new(false),
            plan: plan.iter().copied().collect(),
            places: Cell::new(0),
            contended: Cell::new(false),
            within: Cell::new(false),
            invocations: Cell::new(0),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.now.set(plus_seconds(self.now.get(), seconds));
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// Nothing goes wrong any more.
    pub(super) fn calm(&self) {
        self.within.set(true);
    }

    pub(super) fn pause(&self, paused: bool) {
        self.paused.set(paused);
    }

    pub(super) fn invocation(&self) -> Invocation {
        let number = self.invocations.get() + 1;
        self.invocations.set(number);
        Invocation {
            id: format!("invocation {number}"),
            deadline: plus_seconds(self.now(), INVOCATION_SECONDS),
        }
    }

    /// A write, which may meet another one.
    pub(super) async fn write(
        &self,
        invocation: &Invocation,
        transaction: &Transaction,
    ) -> Result<Committed, CallError> {
        self.contended.set(false);
        self.step(invocation, |state| match self.contended.replace(false) {
            true => Committed::Conflict,
            false => state.commit(transaction),
        })
        .await
    }

    /// One call: an effect, and the trouble that is planned for this place.
    pub(super) async fn step<T>(
        &self,
        invocation: &Invocation,
        effect: impl FnOnce(&mut State) -> T,
    ) -> Result<T, CallError> {
        if self.within.get() {
            return Ok(effect(&mut self.state.borrow_mut()));
        }
        let place = self.places.get();
        self.places.set(place + 1);
        match self.plan.get(&place) {
            None => {}
            Some(Trouble::Contention) => self.contended.set(true),
            Some(Trouble::NoReply) => return Err(failed(invocation, Fault::Unknown)),
            Some(Trouble::Crash) => pending().await,
            Some(Trouble::Failure) => return Err(failed(invocation, Fault::Later)),
            Some(Trouble::LostReply) => {
                effect(&mut self.state.borrow_mut());
                return Err(failed(invocation, Fault::Unknown));
            }
            Some(Trouble::Overtaken) => self.another().await,
            Some(Trouble::Stolen) => {
                self.pass(PAST_ANY_LEASE_SECONDS);
                self.another().await;
            }
            Some(Trouble::News) => {
                self.state.borrow_mut().outside.wanted += 1;
                self.another().await;
            }
        }
        Ok(effect(&mut self.state.borrow_mut()))
    }

    /// Another invocation, told that anything may have happened. It comes to its end.
    fn another(&self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(async {
            self.within.set(true);
            let ended = self.run(&self.invocation(), Hint { anything: true }).await;
            self.within.set(false);
            assert!(ended.is_ok(), "{ended:?}");
        })
    }

    pub(super) async fn run(
        &self,
        invocation: &Invocation,
        hint: Hint,
    ) -> Result<Advanced, super::counter::CounterError> {
        advance(&Counting { world: self, invocation }, &super::ID, hint, invocation).await
    }
}

fn failed(invocation: &Invocation, fault: Fault) -> CallError {
    CallError {
        action: "world:Call",
        subject: invocation.id.as_str().into(),
        region: Region::new("us-east-1").unwrap(),
        code: "Trouble".to_owned(),
        message: "it was planned".into(),
        request_id: None,
        fault,
    }
}
