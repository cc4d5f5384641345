//! Who turned the kill switch, and why.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

/// Who turned the kill switch, and why.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error, IntoStaticStr, VariantNames,
)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum SwitchReason {
    /// Somebody turned it.
    #[error("{}", turned_by(by, why.as_deref()))]
    KillSwitchTurned {
        /// The caller's ARN.
        by: String,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

fn turned_by(by: &str, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("{by}: {why}"),
        None => format!("{by} gave no reason"),
    }
}
