//! Rare turns of our own code, taken on purpose while it is simulated.
//!
//! Some paths are so rare that faults from outside hardly ever lead there: a record that changes in the moment between
//! a read and a write, an invocation with hardly any time left. The simulation asks for them by name. It is built with
//! `--cfg amiline_sim` (`.cargo/config.toml`, alias `sim`); in every other build no turn is ever taken, and asking costs nothing.

/// A place in our code that may take a rare turn. Each turn must be one that can happen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// A family changed between its read and the first write: load it again.
    LoadAgain,
    /// A read of a family fell into the middle of a transaction.
    TornRead,
    /// Somebody knocked while the lease was being given up.
    Knock,
    /// Too little time is left in the invocation to begin CreateImage.
    NoTimeToCreate,
}

impl Turn {
    /// All of them, for whoever counts.
    pub const ALL: [Turn; 4] = [Turn::LoadAgain, Turn::TornRead, Turn::Knock, Turn::NoTimeToCreate];
}

#[cfg(amiline_sim)]
mod decided {
    use super::Turn;
    use std::cell::RefCell;

    type Decide = Box<dyn FnMut(Turn) -> bool>;

    thread_local! {
        static DECIDE: RefCell<Option<Decide>> = const { RefCell::new(None) };
    }

    /// Who says on this thread whether a turn is taken; nobody: none is.
    pub fn decide(by: Option<Box<dyn FnMut(Turn) -> bool>>) {
        DECIDE.with_borrow_mut(|decide| *decide = by);
    }

    pub(crate) fn turn(turn: Turn) -> bool {
        DECIDE.with_borrow_mut(|decide| decide.as_mut().is_some_and(|decide| decide(turn)))
    }
}

#[cfg(amiline_sim)]
pub use decided::decide;
#[cfg(amiline_sim)]
pub(crate) use decided::turn;

/// Whether to take the turn: never, outside the simulation.
#[cfg(not(amiline_sim))]
pub(crate) const fn turn(_: Turn) -> bool {
    false
}
