//! Another attempt at what failed, because a person asks for it.

use crate::family::{FamilyChanges, queue_of, whole_family, write_surely};
use crate::ports::{CallError, Committed};
use crate::world::Operate;
use amiline_domain::family::Family;
use amiline_domain::ids::FamilyId;
use amiline_domain::message::family_due_early;
use amiline_domain::plan::{NothingToRetry, retry as plan_retry};
use amiline_domain::record::{Expected, TransactionError};
use jiff::Timestamp;
use thiserror::Error;

/// Why a family was not retried.
#[derive(Debug, Error)]
pub enum RetryError {
    /// There is no such family.
    #[error("there is no family {0}; `amiline families` lists them")]
    NoSuchFamily(FamilyId),
    /// There is nothing to retry.
    #[error("family {0} cannot be retried: {1}")]
    Nothing(FamilyId, NothingToRetry),
    /// A function is working on it.
    #[error("family {0} is being worked on; try again in a minute")]
    Busy(FamilyId),
    /// What was to be written is no transaction.
    #[error(transparent)]
    NoTransaction(#[from] TransactionError),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Whether a family has something to retry that a person who asks for everything that failed means.
pub fn can_be_retried(family: &Family, now: Timestamp) -> bool {
    plan_retry(&mut family.clone(), now).is_ok()
}

/// Takes the family up again with new attempts for what failed, and sends it to the function whose
/// turn it is.
pub async fn retry<W: Operate>(world: &W, id: &FamilyId) -> Result<(), RetryError> {
    let mut family =
        whole_family(world, id).await?.ok_or_else(|| RetryError::NoSuchFamily(id.clone()))?;
    let now = world.now();
    if family.work.lease.as_ref().is_some_and(|lease| lease.until > now) {
        return Err(RetryError::Busy(id.clone()));
    }
    let expected = Expected::read_at(family.work.version);
    let planned =
        plan_retry(&mut family, now).map_err(|why| RetryError::Nothing(id.clone(), why))?;
    let mut changes = FamilyChanges::of(planned);
    changes.seal(&mut family, now);
    family.work.version = expected.next();
    changes.stamp(&mut family);
    family.work.lease = None;
    let role = family.work.due.map(|(_, role)| role);
    let transaction = changes.transaction(family.clone(), expected, None)?;
    if write_surely(world, (&family, expected), &transaction).await? == Committed::Conflict {
        return Err(RetryError::Busy(id.clone()));
    }
    if let Some(role) = role {
        world.send(queue_of(role), &[family_due_early(id)]).await?;
    }
    Ok(())
}
