//! Tags that a policy adds to ours. Their texts are somebody else's: they have no way into a log or
//! a message but through [`escape`](crate::escape), so neither type can be displayed.

use crate::ids::InvalidId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest key of a tag, in characters (aws-behaviour.md#limits-of-tags).
pub const KEY_CHARACTERS_MAX: usize = 128;
/// Longest value of a tag, in characters (aws-behaviour.md#limits-of-tags).
pub const VALUE_CHARACTERS_MAX: usize = 256;
/// Tags that a policy may add. EC2 takes 50 for each resource and eight of a copy's are ours; what
/// is left over is for those that people put on an image afterwards.
pub const EXTRA_TAGS_MAX: usize = 40;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Accepts the text if it is one.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text.into())) } else { Err(InvalidId::new($kind, &text, $rule)) }
            }

            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.as_str().to_owned()
            }
        }
    };
}

text!(
    /// The key of a tag that EC2 lets an account set.
    TagKey, "tag key", "1 to 128 characters without controls, not beginning with aws: (those tags are AWS's own)",
    |t| (1..=KEY_CHARACTERS_MAX).contains(&t.chars().count()) && t.chars().all(is_kept) && !is_of_aws(t)
);
text!(
    /// The value of a tag. Whatever EC2 can answer with is one.
    TagValue, "tag value", "at most 256 characters without controls",
    |t| t.chars().count() <= VALUE_CHARACTERS_MAX && t.chars().all(is_kept)
);

/// EC2 refuses these keys (aws-behaviour.md#limits-of-tags), however they are written.
fn is_of_aws(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

/// EC2 answers in XML, which holds no other characters.
fn is_kept(c: char) -> bool {
    (c >= ' ' || matches!(c, '\t' | '\n' | '\r')) && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_those_of_ec2() {
        for good in
            ["a", "Cost Center", "a:b/c=d+e@f", "\u{e9}", "awsome:x", &"\u{1f600}".repeat(128)]
        {
            assert!(TagKey::new(good).is_ok(), "{good:?}");
        }
        for bad in ["", "aws:x", "AWS:x", "aws:", "a\0b", "\u{ffff}", &"k".repeat(129)] {
            assert!(TagKey::new(bad).is_err(), "{bad:?}");
        }
        for good in ["", "aws:x", "a\tb\r\nc", "\u{85}", &"\u{1f600}".repeat(256)] {
            assert!(TagValue::new(good).is_ok(), "{good:?}");
        }
        for bad in ["\u{1b}[2J", "\0", &"v".repeat(257)] {
            assert!(TagValue::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_a_refusal_shows_of_a_key_is_made_safe() {
        let refused =
            TagKey::new(format!("aws:\n\u{202e}{}", "x".repeat(200))).unwrap_err().to_string();
        assert!(
            refused.chars().count() < 220 && !refused.contains(['\n', '\u{202e}']),
            "{refused}"
        );
    }
}
