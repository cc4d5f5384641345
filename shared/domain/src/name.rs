//! Image names, derived from the intent, so that EC2 itself refuses a second image for it.

use crate::ids::{InstanceId, InvalidId, PolicyName};
use crate::key::ImageKey;
use crate::time::Slot;
use serde::{Deserialize, Serialize};
use std::fmt;

mod template;

pub use template::{BadTemplate, TEMPLATE_CHARACTERS_MAX, TemplateFacts, TextTemplate};

/// How often a name that a foreign image holds is changed before the attempt is given up.
pub const RENAMES_MAX: u8 = 4;

const NAME_CHARACTERS_MAX: usize = 127;
const HASH_CHARACTERS: usize = 8;
/// A hyphen and the hash, and the longest `-rN` that can be written.
const SUFFIX_CHARACTERS_MAX: usize = 1 + HASH_CHARACTERS + "-r255".len();

/// The first part of an image's name, for the whole family the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameStem(String);

impl NameStem {
    /// What is left of a name for it.
    pub const CHARACTERS_MAX: usize = NAME_CHARACTERS_MAX - SUFFIX_CHARACTERS_MAX;

    /// The one that a policy gets which does not say otherwise.
    pub fn usual(policy: &PolicyName, instance: &InstanceId, slot: Slot) -> Self {
        Self(format!("amiline/{policy}/{instance}/{slot}"))
    }

    /// What of the text can stand in a name: the beginning, with a hyphen for each character that
    /// cannot; `None` for nothing.
    pub(crate) fn made_of(text: &str) -> Option<Self> {
        let safe = |c: char| if is_safe(c) { c } else { '-' };
        let stem: String = text.chars().take(Self::CHARACTERS_MAX).map(safe).collect();
        (!stem.is_empty()).then_some(Self(stem))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._/()-".contains(c)
}

impl TryFrom<String> for NameStem {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if (1..=Self::CHARACTERS_MAX).contains(&text.len()) && text.chars().all(is_safe) {
            Ok(Self(text))
        } else {
            Err(InvalidId::new(
                "first part of an image's name",
                &text,
                "1 to 113 letters, digits, '.', '_', '/', '(', ')' or '-'",
            ))
        }
    }
}

impl From<NameStem> for String {
    fn from(stem: NameStem) -> String {
        stem.0
    }
}

/// The name of an image: at most 127 characters of `[A-Za-z0-9._/()-]`, the set that every page of
/// EC2's documentation allows (aws-behaviour.md#characters-of-an-image-name).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageName(String);

impl ImageName {
    /// `STEM[-rN]-HASH`. `rename` is 0 at first; 2, 3 and 4 add `-r2`, `-r3` and `-r4`. The hash is
    /// of the whole key, so that every attempt has a name of its own, whatever the stem.
    pub fn of(stem: &NameStem, key: &ImageKey, rename: u8) -> Self {
        let rename = if rename == 0 { String::new() } else { format!("-r{rename}") };
        let hash: String = key.as_str().chars().take(HASH_CHARACTERS).collect();
        Self(format!("{}{rename}-{hash}", stem.as_str()))
    }

    /// The usual name: `amiline/POLICY/INSTANCE/SLOT[-rN]-HASH`.
    pub fn new(
        policy: &PolicyName,
        instance: &InstanceId,
        slot: Slot,
        key: &ImageKey,
        rename: u8,
    ) -> Self {
        Self::of(&NameStem::usual(policy, instance, slot), key, rename)
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

    #[test]
    fn the_longest_stem_leaves_room_for_every_suffix() {
        let stem = NameStem::made_of(&"\u{1f600}".repeat(500)).unwrap();
        let key = ImageKey::create(&FamilyId::new("fam-0123456789abcdef").unwrap(), 1);
        assert_eq!(ImageName::of(&stem, &key, u8::MAX).as_str().len(), NAME_CHARACTERS_MAX);
        let short = ImageName::of(&NameStem::made_of("x").unwrap(), &key, 0);
        assert!(short.as_str().len() >= 3, "EC2's least");
        let other = ImageKey::create(&FamilyId::new("fam-0123456789abcdef").unwrap(), 2);
        assert_ne!(
            short,
            ImageName::of(&NameStem::made_of("x").unwrap(), &other, 0),
            "another attempt"
        );
    }

    #[test]
    fn a_stem_that_was_kept_is_read_again_and_nothing_else_is() {
        let stem = NameStem::made_of("web tier/2026").unwrap();
        let kept = serde_json::to_string(&stem).unwrap();
        assert_eq!(
            (kept.as_str(), serde_json::from_str(&kept).ok()),
            ("\"web-tier/2026\"", Some(stem))
        );
        for bad in ["", "a b", "a\\n", &"x".repeat(114)] {
            assert!(serde_json::from_str::<NameStem>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }
}
