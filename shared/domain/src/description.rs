//! What EC2 shows as an image's description: for people only, nothing reads it.

use crate::ids::{InstanceId, InvalidId, PolicyName};
use crate::image::InstanceName;
use crate::time::{Slot, utc};
use serde::{Deserialize, Serialize};

/// The description of an image and its copies: printable ASCII without markup, since EC2 refuses a
/// description with anything but ASCII (metadist/synaplan#1546, wendylabsinc/WendyOS-Builder#56),
/// and never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageDescription(String);

impl ImageDescription {
    /// EC2's limit (aws-behaviour.md#descriptions-have-255-characters).
    pub const CHARACTERS_MAX: usize = 255;

    /// The one of a family whose policy does not say otherwise.
    pub fn usual(
        policy: Option<&PolicyName>,
        instance: &InstanceId,
        name: Option<&InstanceName>,
        slot: Slot,
    ) -> Self {
        let instance =
            name.map_or_else(|| instance.to_string(), |name| format!("{name} ({instance})"));
        let policy = policy.map_or_else(String::new, |policy| format!(" under policy {policy}"));
        let text = format!("Image of {instance}{policy}, asked for at {}", utc(slot.timestamp()));
        Self(text.chars().map(safe).take(Self::CHARACTERS_MAX).collect())
    }

    /// What of the text can stand in a description: the beginning, with `?` for each character that
    /// cannot; `None` for nothing but spaces.
    pub(crate) fn made_of(text: &str) -> Option<Self> {
        let text: String = text.trim().chars().take(Self::CHARACTERS_MAX).map(safe).collect();
        (!text.is_empty()).then_some(Self(text))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn safe(c: char) -> char {
    if is_safe(c) { c } else { '?' }
}

/// Pages that show images must not read markup from what a tag says.
fn is_safe(c: char) -> bool {
    c == ' ' || (c.is_ascii_graphic() && !matches!(c, '<' | '>' | '`'))
}

impl TryFrom<String> for ImageDescription {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if (1..=Self::CHARACTERS_MAX).contains(&text.len()) && text.chars().all(is_safe) {
            Ok(Self(text))
        } else {
            Err(InvalidId::new(
                "description of an image",
                &text,
                "1 to 255 printable ASCII characters without <, > and `",
            ))
        }
    }
}

impl From<ImageDescription> for String {
    fn from(description: ImageDescription) -> String {
        description.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_description_says_of_what_and_when() {
        let instance = InstanceId::new("i-0123456789abcdef0").unwrap();
        let slot = Slot::next("2026-11-24T01:38:45Z".parse().unwrap(), None);
        let policy = PolicyName::new("web").unwrap();
        let usual = |policy| ImageDescription::usual(policy, &instance, None, slot);
        let expected =
            "Image of i-0123456789abcdef0 under policy web, asked for at 2026-11-24 01:38 UTC";
        assert_eq!(usual(Some(&policy)).as_str(), expected);
        assert_eq!(
            usual(None).as_str(),
            "Image of i-0123456789abcdef0, asked for at 2026-11-24 01:38 UTC"
        );
        let (longest, name) =
            (PolicyName::new("p".repeat(40)).unwrap(), InstanceName::of(&"\u{fc}".repeat(64)));
        let longest = ImageDescription::usual(Some(&longest), &instance, name.as_ref(), slot);
        assert!(
            longest.as_str().starts_with("Image of ???") && longest.as_str().ends_with("01:38 UTC"),
            "{longest:?}"
        );
        assert_eq!(ImageDescription::made_of(longest.as_str()), Some(longest));
    }

    #[test]
    fn what_ec2_refuses_becomes_a_question_mark_and_what_is_too_long_is_cut() {
        let made =
            |text: &str| ImageDescription::made_of(text).map(|made| made.as_str().to_owned());
        assert_eq!(
            made(" shop \u{2014} \"live\"\n\u{1f600} ").as_deref(),
            Some("shop ? \"live\"??")
        );
        assert_eq!(made(&"\u{fc}".repeat(300)), Some("?".repeat(255)));
        assert_eq!((made(""), made(" \n")), (None, None));
    }

    #[test]
    fn a_description_that_was_kept_is_read_again_and_nothing_else_is() {
        let kept = ImageDescription::made_of("Shop, live").unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<ImageDescription>(&text).unwrap(), kept);
        for bad in ["", "a\\nb", "\u{fc}", &"x".repeat(256)] {
            assert!(
                serde_json::from_str::<ImageDescription>(&format!("\"{bad}\"")).is_err(),
                "{bad}"
            );
        }
    }
}
