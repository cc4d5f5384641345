//! The cloud as one invocation of one caller sees it; the ports are implemented on it.

use crate::cloud::FakeCloud;
use std::cell::Cell;
use std::rc::Rc;

/// Every port, for one caller. Make one for each invocation.
#[derive(Clone)]
pub struct World {
    pub(crate) cloud: FakeCloud,
    pub(crate) caller: Rc<str>,
    /// Its number among the cloud's invocations, from 1.
    pub(crate) invocation: u64,
    /// Seconds by which its clock is wrong.
    pub(crate) skew: i64,
    /// Calls that it made.
    pub(crate) made: Rc<Cell<u64>>,
    /// The call, from 1, that it does not live to make.
    pub(crate) dies_at: Option<u64>,
}

impl World {
    pub(crate) fn new(cloud: FakeCloud, caller: &str) -> Self {
        let invocation = cloud.next_invocation();
        Self {
            cloud,
            caller: caller.into(),
            invocation,
            skew: 0,
            made: Rc::new(Cell::new(0)),
            dies_at: None,
        }
    }

    /// The same caller with a clock that is wrong by so many seconds.
    pub fn skewed(mut self, seconds: i64) -> Self {
        self.skew = seconds;
        self
    }

    /// The same caller, dead after `n` calls: its next call is never made, and its future hangs
    /// until it is dropped.
    pub fn dying_after(mut self, n: u64) -> Self {
        self.dies_at = Some(n + 1);
        self
    }

    /// Its number among the cloud's invocations, from 1.
    pub fn invocation(&self) -> u64 {
        self.invocation
    }

    /// How many calls it has made.
    pub fn calls_made(&self) -> u64 {
        self.made.get()
    }

    /// The cloud behind it.
    pub fn cloud(&self) -> &FakeCloud {
        &self.cloud
    }

    pub(crate) fn dies_now(&self) -> bool {
        self.dies_at.is_some_and(|at| self.made.get() + 1 >= at)
    }
}
