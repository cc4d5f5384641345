//! Writing a record so that the outcome is known.

use crate::ports::{CallError, Committed};
use amiline_domain::fault::Fault;
use amiline_domain::record::Expected;
use amiline_domain::work::{WorkRecord, WorkState};

/// Writes a transaction whose reply may be lost: then the record itself says whether it was
/// written. `ours` is the record as the transaction writes it, `expected` what it writes over.
pub(crate) async fn commit_surely<R: WorkRecord>(
    what: &str,
    (ours, expected): (impl Fn() -> R, Expected),
    load: impl AsyncFn() -> Result<Option<R>, CallError>,
    commit: impl AsyncFn() -> Result<Committed, CallError>,
) -> Result<Committed, CallError> {
    let error = match commit().await {
        Ok(committed) => return Ok(committed),
        Err(error) if error.fault == Fault::Unknown => error,
        Err(error) => return Err(error),
    };
    let found = load().await?;
    match found {
        // The whole record: two writers' versions may be alike in number, history and lease.
        Some(found) if found == with_hints_of(ours(), &found) => Ok(Committed::Yes),
        found if Expected::from(found.as_ref().map(|found| found.state().version)) == expected => {
            tracing::warn!(record = what, error = %error, "transaction was not written; sent again");
            commit().await
        }
        Some(_) | None => Ok(Committed::Conflict),
    }
}

/// The record with another's hints, which are no part of a version.
fn with_hints_of<R: WorkRecord>(mut record: R, other: &R) -> R {
    let pending_hints = other.state().pending_hints;
    let state: &mut WorkState<R::Role> = record.state_mut();
    state.pending_hints = pending_hints;
    record
}
