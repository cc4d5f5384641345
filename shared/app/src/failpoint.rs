//! Failpoints: branches of our own code that are rare in production and that the simulation forces.
//!
//! Some paths are so rare that faults from outside hardly ever lead there: a record that changes in
//! the moment between a read and a write, an invocation with hardly any time left. The simulation
//! asks for them by name. It is built with `--cfg amiline_sim` (`.cargo/config.toml`, alias `sim`);
//! in every other build none is ever hit, and asking costs nothing.

/// A branch that the simulation may force. Each must be one that can happen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failpoint {
    /// A record changed between its read and the first write: load it again.
    LoadAgain,
    /// A read of a family fell into the middle of a transaction.
    TornRead,
    /// A hint came while the lease was being given up.
    HintCame,
    /// Too little time is left in the invocation to begin CreateImage.
    NoTimeToCreate,
}

#[cfg(amiline_sim)]
mod decided {
    use super::Failpoint;
    use std::cell::RefCell;

    type Decide = Box<dyn FnMut(Failpoint) -> bool>;

    thread_local! {
        static DECIDE: RefCell<Option<Decide>> = const { RefCell::new(None) };
    }

    /// Who says on this thread whether a failpoint is hit; nobody: none is.
    pub fn decide(by: Option<Box<dyn FnMut(Failpoint) -> bool>>) {
        DECIDE.with_borrow_mut(|decide| *decide = by);
    }

    pub(crate) fn hit(failpoint: Failpoint) -> bool {
        DECIDE.with_borrow_mut(|decide| decide.as_mut().is_some_and(|decide| decide(failpoint)))
    }
}

#[cfg(amiline_sim)]
pub use decided::decide;
#[cfg(amiline_sim)]
pub(crate) use decided::hit;

/// Whether to take the rare branch: never, outside the simulation.
#[cfg(not(amiline_sim))]
pub(crate) const fn hit(_: Failpoint) -> bool {
    false
}
