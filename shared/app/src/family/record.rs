//! Reading a family in one piece, and writing it so that the outcome is known.

use super::log_recorded;
use crate::engine::commit_surely;
use crate::error::UseCaseError;
use crate::failpoint::{self, Failpoint};
use crate::ports::{CallError, Committed, RecordReader, RecordWriter};
use amiline_domain::family::Family;
use amiline_domain::fault::Fault;
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::FamilyId;
use amiline_domain::policy::Policy;
use amiline_domain::record::{Expected, Transaction, Write};

/// Reads of a family that may fall into the middle of other invocations' transactions before it is
/// left for later.
const READS_MAX: usize = 5;

/// Reads a family with record and rows from one moment: a query is not isolated from transactions.
pub(crate) async fn whole_family<W: RecordReader>(
    world: &W,
    id: &FamilyId,
) -> Result<Option<Family>, CallError> {
    let mut torn = None;
    for _ in 0..READS_MAX {
        match world.family(id).await? {
            Some(family) if !family.is_whole() || failpoint::hit(Failpoint::TornRead) => {
                torn = Some(family.region)
            }
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
            message: "every read fell into the middle of a transaction; it will be looked at again"
                .into(),
            request_id: None,
            fault: Fault::Later,
        }),
    }
}

/// The policy that a family began under.
pub(super) async fn kept_policy<W: RecordReader>(
    world: &W,
    family: &Family,
) -> Result<Option<Policy>, UseCaseError> {
    let Some(policy) = &family.policy else { return Ok(None) };
    let lost = |problem: String| UseCaseError::PolicyLost {
        family: family.id.clone(),
        hash: policy.hash.clone(),
        problem,
    };
    let text =
        world.kept_policy(&policy.hash).await?.ok_or_else(|| lost("it is missing".to_owned()))?;
    Policy::parse(&text).map(Some).map_err(|e| lost(e.to_string()))
}

/// Writes a family from outside the engine, so that the outcome is known.
pub(crate) async fn write_surely<W: RecordReader + RecordWriter>(
    world: &W,
    (ours, expected): (&Family, Expected),
    transaction: &Transaction,
) -> Result<Committed, CallError> {
    let load = async || whole_family(world, &ours.id).await;
    let commit = async || world.commit(transaction).await;
    commit_surely(&format!("family {}", ours.id), (|| ours.clone(), expected), load, commit).await
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
