//! Whether a policy can be used as it was written.

use crate::policy::BeyondBounds;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

/// Why a policy cannot be used as it was written, or that it can again. `problem` has the words of
/// `amiline policy check`.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error, IntoStaticStr, VariantNames,
)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum PolicyReason {
    /// Its text is no policy, and the version before it goes on.
    #[error(
        "{problem}; version {version} stays in force until it is mended: look at `amiline policy history`"
    )]
    EarlierVersionInForce {
        /// What is wrong with it.
        problem: String,
        /// What is used instead.
        version: u64,
    },
    /// Its text is no policy, and no version before it is one.
    #[error(
        "{problem}; no earlier version can be used, so no image is made under it until it is mended"
    )]
    NoVersionUsable {
        /// What is wrong with it.
        problem: String,
    },
    /// It asks for what the stack does not allow.
    #[error("{beyond}; no image is made under it until then")]
    PolicyBeyondBounds {
        /// What is beyond.
        beyond: BeyondBounds,
    },
    /// So does the version that would be in force instead.
    #[error(
        "{problem}; version {version} before it is not allowed either: {beyond}; no image is made under it until then"
    )]
    EarlierVersionBeyondBounds {
        /// What is wrong with the newest.
        problem: String,
        /// The version before it.
        version: u64,
        /// Why that one is not allowed.
        beyond: BeyondBounds,
    },
    /// It was deleted.
    #[error("the policy was deleted")]
    PolicyDeleted,
    /// The newest version is used.
    #[error("the newest version is in force")]
    NewestInForce,
}

impl PolicyReason {
    /// The version that is in force instead of the newest, if one is.
    pub fn version_in_force(&self) -> Option<u64> {
        match self {
            PolicyReason::EarlierVersionInForce { version, .. } => Some(*version),
            PolicyReason::NoVersionUsable { .. }
            | PolicyReason::PolicyBeyondBounds { .. }
            | PolicyReason::EarlierVersionBeyondBounds { .. }
            | PolicyReason::PolicyDeleted
            | PolicyReason::NewestInForce => None,
        }
    }
}
