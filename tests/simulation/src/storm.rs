//! The trouble that a run's choices make for its calls, and what of the code it reached.

use crate::choices::Choices;
use crate::conditions::{Conditions, Deliveries};
use amiline_app::failpoint::Failpoint;
use amiline_fakecloud::{Call, EventKind, FaultKind};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A place at which an invocation yields: who, woken by what, calling what.
pub type Yield = (&'static str, &'static str, &'static str);

/// What went wrong, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<&'static str, u64>);

impl Faults {
    /// Counts one.
    pub fn count(&mut self, kind: &'static str) {
        *self.0.entry(kind).or_insert(0) += 1;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Faults) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_insert(0) += count;
        }
    }

    /// Every kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

#[derive(Debug)]
struct Inner {
    choices: Choices,
    conditions: Conditions,
    raging: bool,
    faults: Faults,
    wakes: BTreeMap<u64, (&'static str, &'static str)>,
    /// Callers, wakes and actions are literals, so the place of their text tells them apart; the
    /// same words from two places are added up when they are read.
    yields: Vec<(Yield, u64)>,
}

/// Decides about calls and deliveries; every clone is the same.
#[derive(Debug, Clone)]
pub struct Storm(Rc<RefCell<Inner>>);

impl Storm {
    /// The storm of these conditions.
    pub fn new(choices: &Choices, conditions: &Conditions) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            choices: choices.clone(),
            conditions: conditions.clone(),
            raging: true,
            faults: Faults::default(),
            wakes: BTreeMap::new(),
            yields: Vec::new(),
        })))
    }

    /// Nothing goes wrong any more.
    pub fn end(&self) {
        self.0.borrow_mut().raging = false;
    }

    /// Whether things go wrong.
    pub fn rages(&self) -> bool {
        self.0.borrow().raging
    }

    /// An invocation of a function begins, woken by this.
    pub fn begins(&self, invocation: u64, caller: &'static str, wake: &'static str) {
        self.0.borrow_mut().wakes.insert(invocation, (caller, wake));
    }

    /// Counts trouble that somebody else made.
    pub fn count(&self, kind: &'static str) {
        self.0.borrow_mut().faults.count(kind);
    }

    /// What went wrong so far.
    pub fn faults(&self) -> Faults {
        self.0.borrow().faults.clone()
    }

    /// Where invocations yielded so far.
    pub fn yields(&self) -> BTreeMap<Yield, u64> {
        let mut yields = BTreeMap::new();
        for (place, count) in &self.0.borrow().yields {
            *yields.entry(*place).or_insert(0) += count;
        }
        yields
    }

    /// Whether the invocation dies in its next turn.
    pub fn kills(&self) -> bool {
        self.often("invocation dies", |conditions| conditions.crashes)
    }

    /// Whether the next turn takes long.
    pub fn stalls(&self) -> bool {
        self.often("turn takes long", |conditions| conditions.stalls)
    }

    /// Whether an acknowledgement gets lost.
    pub fn loses_ack(&self) -> bool {
        self.often("acknowledgement lost", |conditions| conditions.lost_acks)
    }

    /// Whether a tick does not happen.
    pub fn loses_tick(&self) -> bool {
        self.often("tick lost", |conditions| conditions.lost_ticks)
    }

    /// Whether a tick happens twice.
    pub fn doubles_tick(&self) -> bool {
        self.often("tick doubled", |conditions| conditions.doubled_ticks)
    }

    /// Whether the stream loses a record, and how often it brings it otherwise.
    pub fn stream_brings(&self) -> usize {
        if self.often("stream record lost", |conditions| conditions.stream.lost) {
            return 0;
        }
        1 + usize::from(self.often("stream record doubled", |conditions| conditions.stream.doubled))
    }

    /// Whether our code hits a failpoint.
    pub fn hits(&self, failpoint: Failpoint) -> bool {
        let name = match failpoint {
            Failpoint::LoadAgain => "failpoint: load again",
            Failpoint::TornRead => "failpoint: torn read",
            Failpoint::HintCame => "failpoint: hint came",
            Failpoint::NoTimeToCreate => "failpoint: no time to create",
        };
        self.often(name, |conditions| conditions.rare)
    }

    fn often(&self, kind: &'static str, rate: impl FnOnce(&Conditions) -> u32) -> bool {
        let mut inner = self.0.borrow_mut();
        let happens = inner.raging && inner.choices.often(rate(&inner.conditions));
        if happens {
            inner.faults.count(kind);
        }
        happens
    }

    /// What becomes of a call.
    pub fn fault_of(&self, call: &Call) -> Option<FaultKind> {
        let mut inner = self.0.borrow_mut();
        let (caller, wake) =
            inner.wakes.get(&call.invocation).copied().unwrap_or(("somebody", "by hand"));
        let same = |((who, woken, what), _): &&mut (Yield, u64)| {
            std::ptr::eq(*what, call.action)
                && std::ptr::eq(*woken, wake)
                && std::ptr::eq(*who, caller)
        };
        match inner.yields.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => inner.yields.push(((caller, wake, call.action), 1)),
        }
        if !inner.raging || !inner.choices.often(inner.conditions.faults) {
            return None;
        }
        let kinds = [
            ("throttled", FaultKind::Throttle),
            ("5xx before the effect", FaultKind::ServerError),
            ("timeout before the effect", FaultKind::Timeout),
            ("reply lost after the effect", FaultKind::LostReply),
            ("dies before the effect", FaultKind::Hang),
            ("dies after the effect", FaultKind::HangAfterEffect),
            ("reply lost after the effect", FaultKind::LostReply),
            ("delayed", FaultKind::Delay(3)),
            ("denied", FaultKind::Denied),
        ];
        // Half of what goes wrong with a batch concerns a part of it.
        if call.action == "events:PutEvents" && inner.choices.below(2) == 1 {
            inner.faults.count("part of a batch refused");
            let places = 1 + inner.choices.below(1023);
            return Some(FaultKind::SomeRefused(places));
        }
        let (name, kind) = inner.choices.one_of(&kinds).clone();
        inner.faults.count(name);
        Some(kind)
    }

    /// After how many seconds each delivery of an event arrives; none: it is lost.
    pub fn deliveries(&self, _: EventKind) -> Vec<i64> {
        let mut inner = self.0.borrow_mut();
        let Deliveries { lost, doubled, late } = inner.conditions.events;
        // An event that EventBridge loses stays lost when everything else has calmed down: best
        // effort is for ever.
        if inner.choices.often(lost) {
            inner.faults.count("event lost");
            return Vec::new();
        }
        let raging = inner.raging;
        let delay = |inner: &mut Inner| {
            if raging && inner.choices.often(late) {
                inner.faults.count("event late");
                *inner.choices.one_of(&[5, 60, 600, 3600, 18_000])
            } else {
                0
            }
        };
        let mut arrive = vec![delay(&mut inner)];
        if raging && inner.choices.often(doubled) {
            inner.faults.count("event doubled");
            arrive.push(delay(&mut inner));
        }
        arrive
    }
}
