//! How a policy says what images are called, and how they are described.

use super::NameStem;
use crate::description::ImageDescription;
use crate::document::quoted;
use crate::ids::{InstanceId, PolicyName};
use crate::tags::KEY_CHARACTERS_MAX;
use crate::time::Slot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Longest template, in characters.
pub const TEMPLATE_CHARACTERS_MAX: usize = 256;
/// The placeholders, as a message lists them.
const PLACEHOLDERS: &str = "{policy}, {instance}, {slot}, {date} and {tag:KEY}";

/// A template for a text of an image: text with placeholders in single braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TextTemplate {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Policy,
    Instance,
    Slot,
    Date,
    Tag(String),
}

/// What a template is filled with.
#[derive(Debug, Clone, Copy)]
pub struct TemplateFacts<'a> {
    /// The policy.
    pub policy: &'a PolicyName,
    /// The instance.
    pub instance: &'a InstanceId,
    /// When the button was pressed.
    pub slot: Slot,
    /// The instance's tags.
    pub tags: &'a BTreeMap<String, String>,
}

/// Text that is no template. What it quotes is made safe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadTemplate {
    /// Nothing.
    #[error("found no character; without this field images get their usual text")]
    Empty,
    /// More than is sensible.
    #[error("found {characters} characters; allowed: at most {TEMPLATE_CHARACTERS_MAX}")]
    TooLong {
        /// Its length.
        characters: usize,
    },
    /// A brace that opens a placeholder and is never closed.
    #[error(
        "the brace before {after} is not closed; allowed are {PLACEHOLDERS}, and no other braces"
    )]
    Unclosed {
        /// What comes after it, in quotes.
        after: String,
    },
    /// A brace that closes nothing.
    #[error(
        "the brace after {before} closes nothing; allowed are {PLACEHOLDERS}, and no other braces"
    )]
    Unopened {
        /// What comes before it, in quotes.
        before: String,
    },
    /// Braces around something else.
    #[error("there is no placeholder {name}; allowed are {PLACEHOLDERS}")]
    Unknown {
        /// What is between the braces, in quotes.
        name: String,
    },
    /// A tag's key that no tag has.
    #[error(
        "{key} is no tag's key; write {{tag:KEY}} with 1 to {KEY_CHARACTERS_MAX} characters for KEY"
    )]
    BadKey {
        /// The key, in quotes.
        key: String,
    },
}

impl TextTemplate {
    /// Accepts the text if it is a template.
    pub fn new(text: impl Into<String>) -> Result<Self, BadTemplate> {
        let text = text.into();
        let characters = text.chars().count();
        if characters == 0 {
            return Err(BadTemplate::Empty);
        }
        if characters > TEMPLATE_CHARACTERS_MAX {
            return Err(BadTemplate::TooLong { characters });
        }
        let pieces = pieces(&text)?;
        Ok(Self { text, pieces })
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As the first part of names; `None` if nothing is left of it. A tag that the instance lacks
    /// is an empty text.
    pub fn stem(&self, facts: TemplateFacts<'_>) -> Option<NameStem> {
        NameStem::made_of(&self.filled(facts))
    }

    /// As a description; `None` if nothing is left of it.
    pub fn description(&self, facts: TemplateFacts<'_>) -> Option<ImageDescription> {
        ImageDescription::made_of(&self.filled(facts))
    }

    fn filled(&self, facts: TemplateFacts<'_>) -> String {
        self.pieces.iter().map(|piece| piece.filled(facts)).collect()
    }
}

impl Piece {
    fn placeholder(inner: &str) -> Result<Self, BadTemplate> {
        match inner {
            "policy" => Ok(Piece::Policy),
            "instance" => Ok(Piece::Instance),
            "slot" => Ok(Piece::Slot),
            "date" => Ok(Piece::Date),
            _ => match inner.strip_prefix("tag:") {
                Some(key) if (1..=KEY_CHARACTERS_MAX).contains(&key.chars().count()) => {
                    Ok(Piece::Tag(key.to_owned()))
                }
                Some(key) => Err(BadTemplate::BadKey { key: quoted(key) }),
                None => Err(BadTemplate::Unknown { name: quoted(&format!("{{{inner}}}")) }),
            },
        }
    }

    fn filled(&self, facts: TemplateFacts<'_>) -> String {
        match self {
            Piece::Text(text) => text.clone(),
            Piece::Policy => facts.policy.to_string(),
            Piece::Instance => facts.instance.to_string(),
            Piece::Slot => facts.slot.to_string(),
            Piece::Date => facts.slot.date(),
            Piece::Tag(key) => facts.tags.get(key).cloned().unwrap_or_default(),
        }
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, BadTemplate> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, brace, after)) = next_brace(rest) {
        if brace == '}' {
            return Err(BadTemplate::Unopened { before: quoted(before) });
        }
        let Some((inner, '}', after)) = next_brace(after) else {
            return Err(BadTemplate::Unclosed { after: quoted(after) });
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::placeholder(inner)?);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// What is before the next brace, which one it is, and what is after it.
fn next_brace(text: &str) -> Option<(&str, char, &str)> {
    let (at, brace) = text.char_indices().find(|(_, c)| matches!(c, '{' | '}'))?;
    Some((text.get(..at)?, brace, text.get(at.saturating_add(brace.len_utf8())..)?))
}

impl TryFrom<String> for TextTemplate {
    type Error = BadTemplate;
    fn try_from(text: String) -> Result<Self, BadTemplate> {
        Self::new(text)
    }
}

impl From<TextTemplate> for String {
    fn from(template: TextTemplate) -> String {
        template.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, tags: &[(&str, &str)]) -> Option<String> {
        let tags =
            tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let facts = TemplateFacts {
            policy: &PolicyName::new("web").unwrap(),
            instance: &InstanceId::new("i-0123456789abcdef0").unwrap(),
            slot: Slot::next("2026-11-24T01:38:45Z".parse().unwrap(), None),
            tags: &tags,
        };
        TextTemplate::new(template).unwrap().stem(facts).map(|stem| stem.as_str().to_owned())
    }

    #[test]
    fn each_placeholder_has_its_text() {
        let template = "img/{policy}/{instance}/{slot}/{date}/{tag:Name}{tag:none}.";
        let expected = "img/web/i-0123456789abcdef0/20261124T013845Z/20261124/shop.";
        assert_eq!(filled(template, &[("Name", "shop")]).as_deref(), Some(expected));
        assert_eq!(filled("{tag:a:b c}", &[]), None);
        assert_eq!(
            filled("{tag:aws:autoscaling:groupName}", &[("aws:autoscaling:groupName", "g")])
                .as_deref(),
            Some("g")
        );
    }

    #[test]
    fn what_a_tag_says_is_only_text_in_a_name() {
        let tags =
            [("Name", "{policy} {slot}\n\u{202e}\u{1f600}../x'"), ("long", &"y".repeat(256))];
        assert_eq!(filled("{tag:Name}", &tags).as_deref(), Some("-policy---slot----../x-"));
        assert_eq!(filled("{tag:long}-{date}", &tags), Some("y".repeat(NameStem::CHARACTERS_MAX)));
    }

    #[test]
    fn anything_else_is_refused_and_the_refusal_says_what_is_allowed() {
        for (text, said) in [
            ("", "without this field images get their usual text"),
            (
                "web-{date",
                "the brace before \"date\" is not closed; allowed are {policy}, {instance}",
            ),
            ("web-{da{te}", "the brace before \"da{te}\" is not closed"),
            ("web-}{date}", "the brace after \"web-\" closes nothing"),
            (
                "{name}",
                "there is no placeholder \"{name}\"; allowed are {policy}, {instance}, {slot}, {date} and {tag:KEY}",
            ),
            ("{}", "there is no placeholder \"{}\""),
            ("{Policy}", "there is no placeholder"),
            ("{tag:}", "\"\" is no tag's key; write {tag:KEY} with 1 to 128 characters for KEY"),
            ("{a\u{202e}\n}", "there is no placeholder \"{a??}\""),
        ] {
            let refused = TextTemplate::new(text).unwrap_err().to_string();
            assert!(refused.contains(said), "{text:?}: {refused}");
        }
        assert!(TextTemplate::new(format!("{{tag:{}}}", "k".repeat(129))).is_err());
        assert!(TextTemplate::new("x".repeat(256)).is_ok());
        let refused = TextTemplate::new("x".repeat(257)).unwrap_err().to_string();
        assert_eq!(refused, "found 257 characters; allowed: at most 256");
    }
}
