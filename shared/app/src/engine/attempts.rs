//! Trying again while others write the same record.

use super::{EngineError, RELOADS_MAX};
use crate::ports::{Clock, Committed};

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt<T> {
    /// It is done.
    Done(T),
    /// Something was written, and there is more to do: at once.
    Again,
    /// Somebody else wrote the record: after a moment.
    Conflict,
}

impl<T> Attempt<T> {
    /// Of an attempt whose one write ended so.
    pub(crate) fn of(committed: Committed, done: T) -> Self {
        match committed {
            Committed::Yes => Self::Done(done),
            Committed::Conflict => Self::Conflict,
        }
    }
}

/// Reads, decides and writes until nothing is left to do, giving way whenever somebody else wrote
/// first. `more` is how often there may be more to do.
pub(crate) async fn until_written<T, E, W>(
    world: &W,
    more: usize,
    describe: impl FnOnce() -> String,
    mut attempt: impl AsyncFnMut() -> Result<Attempt<T>, E>,
) -> Result<T, E>
where
    W: Clock,
    E: From<EngineError>,
{
    for round in 0..RELOADS_MAX.saturating_add(more) {
        match attempt().await? {
            Attempt::Done(done) => return Ok(done),
            Attempt::Again => {}
            Attempt::Conflict => world.give_way(round).await,
        }
    }
    Err(EngineError::KeepsChanging(describe()).into())
}
