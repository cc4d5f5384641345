//! Why a use case did not come to its end.

use crate::engine::EngineError;
use crate::ports::CallError;
use amiline_domain::ids::FamilyId;
use amiline_domain::record::TransactionError;
use thiserror::Error;

/// A use case that could not be carried out; its message will be delivered again.
#[derive(Debug, Error)]
pub enum UseCaseError {
    /// A call failed that the use case cannot do without.
    #[error(transparent)]
    Call(#[from] CallError),
    /// What was to be written is no transaction.
    #[error(transparent)]
    NoTransaction(#[from] TransactionError),
    /// A record was not brought to the end of its work.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A family's policy text is not in the table, or cannot be read any more.
    #[error(
        "the policy text of family {family} cannot be used: {problem}; restore item POLICY#{hash}"
    )]
    PolicyLost {
        /// The family.
        family: FamilyId,
        /// The text's hash.
        hash: String,
        /// What is wrong.
        problem: String,
    },
}
