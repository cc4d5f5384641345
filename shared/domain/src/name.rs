//! Image names, derived from the intent, so that EC2 itself refuses a second image for it.

use crate::ids::{InstanceId, PolicyName};
use crate::key::ImageKey;
use crate::time::Slot;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How often a name that a foreign image holds is changed before the attempt is given up.
pub const RENAMES_MAX: u8 = 4;

/// The name of an image: at most 127 characters of `[A-Za-z0-9._/()-]`, the set that every page of EC2's
/// documentation allows (aws-facts.md section 2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageName(String);

impl ImageName {
    /// `amiline/POLICY/INSTANCE/SLOT[-rN]-HASH`. `rename` is 0 at first; 2, 3 and 4 add `-r2`, `-r3` and `-r4`.
    pub fn new(policy: &PolicyName, instance: &InstanceId, slot: Slot, key: &ImageKey, rename: u8) -> Self {
        let rename = if rename == 0 { String::new() } else { format!("-r{rename}") };
        let hash: String = key.as_str().chars().take(8).collect();
        Self(format!("amiline/{policy}/{instance}/{slot}{rename}-{hash}"))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FamilyId;

    #[test]
    fn the_longest_name_fits_and_uses_safe_characters_only() {
        let policy = PolicyName::new("p".repeat(40)).unwrap();
        let instance = InstanceId::new("i-0123456789abcdef0").unwrap();
        let slot = Slot::next("2026-11-24T01:38:45Z".parse().unwrap(), None);
        let key = ImageKey::create(&FamilyId::new("fam-0123456789abcdef").unwrap(), 1);
        let name = ImageName::new(&policy, &instance, slot, &key, RENAMES_MAX);
        assert!(name.as_str().len() <= 127);
        assert!(name.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "._/()-".contains(c)));
        assert!(name.as_str().contains("20261124T013845Z-r4-"));
    }
}
