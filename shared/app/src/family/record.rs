//! Reading a family in one piece, and writing it so that the outcome is known.

use super::{UseCaseError, log_recorded};
use crate::ports::{CallError, Committed, RecordReader, RecordWriter};
use crate::rare;
use amiline_domain::family::Family;
use amiline_domain::fault::Fault;
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::FamilyId;
use amiline_domain::policy::Policy;
use amiline_domain::record::{Expected, Transaction, Write};

/// Reads of a family that may fall into the middle of other invocations' transactions before it is left for later.
const READS_MAX: usize = 5;

/// Reads a family with record and rows from one moment: a query is not isolated from transactions.
pub(crate) async fn whole_family<W: RecordReader>(world: &W, id: &FamilyId) -> Result<Option<Family>, CallError> {
    let mut torn = None;
    for _ in 0..READS_MAX {
        match world.family(id).await? {
            Some(family) if !family.is_whole() || rare::turn(rare::Turn::TornRead) => torn = Some(family.region),
            read => return Ok(read),
        }
    }
    match torn {
        None => Ok(None),
        Some(region) => Err(CallError {
            action: "dynamodb:Query",
            subject: id.as_str().into(),
            region,
            code: "NotIsolated".to_owned(),
            message: "every read fell into the middle of a transaction; it will be looked at again".into(),
            request_id: None,
            fault: Fault::Later,
        }),
    }
}

/// The policy that a family began under.
pub(super) async fn kept_policy<W: RecordReader>(world: &W, family: &Family) -> Result<Option<Policy>, UseCaseError> {
    let Some(policy) = &family.policy else { return Ok(None) };
    let lost =
        |problem: String| UseCaseError::PolicyLost { family: family.id.clone(), hash: policy.hash.clone(), problem };
    let text = world.kept_policy(&policy.hash).await?.ok_or_else(|| lost("it is missing".to_owned()))?;
    Policy::parse(&text).map(Some).map_err(|e| lost(e.to_string()))
}

/// Writes a transaction of a family whose reply may be lost: then the record itself says whether it was written.
pub(crate) async fn commit_surely<W: RecordReader + RecordWriter>(
    world: &W,
    transaction: &Transaction,
) -> Result<Committed, CallError> {
    let error = match world.commit(transaction).await {
        Ok(committed) => return Ok(committed),
        Err(error) if error.fault == Fault::Unknown => error,
        Err(error) => return Err(error),
    };
    let Some(ours) = transaction.family() else { return Err(error) };
    let found = whole_family(world, &ours.family.id).await?;
    match found {
        // The whole record: two writers' versions may be alike in number, history and lease.
        Some(found) if found == (Family { wakes: found.wakes, ..ours.family.clone() }) => Ok(Committed::Yes),
        found if Expected::from(found.as_ref().map(|family| family.version)) == ours.expected => {
            tracing::warn!(family = %ours.family.id, error = %error, "transaction was not written; sent again");
            world.commit(transaction).await
        }
        Some(_) | None => Ok(Committed::Conflict),
    }
}

/// Writes a record that remembers what was announced, with the history items that announce it.
pub(crate) async fn commit_announced<W: RecordWriter>(
    world: &W,
    record: Write,
    history: Vec<HistoryItem>,
) -> Result<Committed, UseCaseError> {
    let transaction = Transaction::announcing(record, history)?;
    let committed = world.commit(&transaction).await?;
    if committed == Committed::Yes {
        transaction.history().for_each(log_recorded);
    }
    Ok(committed)
}

#[cfg(test)]
mod tests;
