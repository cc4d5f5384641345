//! What an administrator allowed when the stack was deployed. No policy and no tag goes beyond it.

use crate::ids::{AccountId, KeyAlias, Region};
use std::collections::BTreeSet;

/// The stack's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Regions in which images may be made, the home Region included.
    pub regions: BTreeSet<Region>,
    /// Accounts that images may be shared with.
    pub accounts: BTreeSet<AccountId>,
    /// The keys that policies may encrypt images under: those that the roles may use.
    pub keys: BTreeSet<KeyAlias>,
    /// Images that may be asked for in any 60 minutes.
    pub images_per_hour_max: u32,
    /// Minutes between two images of one instance; 0 for no minimum.
    pub interval_minutes_min: u32,
}
