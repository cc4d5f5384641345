//! Everything that is wrong with a policy's document, each with its place.

use super::TEXT_BYTES_MAX;
use super::shape::{Field, Id, POLICY, Shape};
use crate::document::{Node, quoted};
use crate::ids::InvalidId;
use crate::name::{BadTemplate, TextTemplate};
use crate::schedule::SLOT_MINUTES_MIN;
use regions::regions;
use serde_json::Number;
use spelling::unknown;
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;
use whole::{crowded_schedule, later_than_the_deadline, shares_without_key};

mod making;
mod place;
mod regions;
mod spelling;
mod whole;

pub use place::{Part, Place, Step};
pub use spelling::nearest;

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub wrong: Wrong,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.steps.is_empty() || self.wrong == Wrong::ShareWithoutKey {
            return write!(f, "{}", self.wrong);
        }
        write!(f, "{}: {}", self.place, self.wrong)
    }
}

/// What is wrong, and what is allowed instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Wrong {
    /// A field of no such name is known there.
    #[error("there is no field {name} here{advice} Allowed: {allowed}")]
    UnknownField {
        /// Its name, in quotes.
        name: String,
        /// What was probably meant, and the end of the sentence.
        advice: String,
        /// The names that are known.
        allowed: String,
    },
    /// A field is there twice.
    #[error("the field {name} is here twice; keep one of them")]
    Twice {
        /// Its name, in quotes.
        name: String,
    },
    /// A field has to be there and is not.
    #[error("the field \"{field}\" is missing; give {allowed}")]
    Missing {
        /// Its name.
        field: &'static str,
        /// What it may be.
        allowed: String,
    },
    /// A value of another kind.
    #[error("found {found}; allowed: {allowed}{advice}")]
    Kind {
        /// What is there.
        found: String,
        /// What may be there.
        allowed: String,
        /// How to mend it, if that is clear.
        advice: String,
    },
    /// A number outside its limits.
    #[error("found {found}; allowed: {min} to {max}")]
    OutOfRange {
        /// What is there.
        found: String,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// A number within its limits that is no multiple of the step.
    #[error("found {found}; allowed: {min} to {max} in steps of {step}, such as {near}")]
    OffStep {
        /// What is there.
        found: String,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
        /// What it is a multiple of.
        step: u32,
        /// The next one that is allowed.
        near: u32,
    },
    /// Text that is no identifier of its kind.
    #[error("{0}")]
    NoId(InvalidId),
    /// Text that is no template.
    #[error("{0}")]
    NoTemplate(BadTemplate),
    /// More of a kind than there may be.
    #[error("found {count} different values; allowed: at most {max}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// More tags than a resource takes besides ours.
    #[error(
        "tags and carry_tags name {count} tags together; allowed: at most {max}, since EC2 takes 50 with Amiline's own"
    )]
    TooManyTags {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A tag that is ours on every image.
    #[error("the tag {key} is Amiline's own on every image{advice}; take it out")]
    OwnTag {
        /// Its key, in quotes.
        key: String,
        /// What to do instead, if anything.
        advice: &'static str,
    },
    /// Something that is said twice, and may be said otherwise each time.
    #[error("{name} is in {other} too; keep one of them")]
    InBoth {
        /// What, in quotes.
        name: String,
        /// The other field.
        other: &'static str,
    },
    /// A Region that is there twice, and not the same both times.
    #[error("the Region {region} is here twice with different settings; keep one of them")]
    RegionTwice {
        /// Its name, in quotes.
        region: String,
    },
    /// A copy would be given up before EC2 has promised it.
    #[error(
        "found {minutes} minutes; allowed: less than deadline_hours, which is {hours}: the copy would be given up before it \
         has to be there"
    )]
    AfterDeadline {
        /// The copy's time.
        minutes: u64,
        /// The deadline.
        hours: u64,
    },
    /// Sharing images that their receivers could not use.
    #[error(
        "policy shares images but names no customer-managed key for all of them: images under the AWS-managed EBS key cannot \
         be shared; add encrypt.kms_key, the alias of a key that the accounts may use"
    )]
    ShareWithoutKey,
    /// A schedule that has no time.
    #[error("a schedule needs at least one cron expression, such as \"30 2 * * *\"")]
    NoSlots,
    /// Two slots come too close.
    #[error(
        "two slots come within {minutes} minutes of each other{when}; allowed: {SLOT_MINUTES_MIN} minutes or more"
    )]
    SlotsTooClose {
        /// How close.
        minutes: i64,
        /// Where, if it is not on any day.
        when: String,
    },
    /// The next slot would come before the last instance's turn.
    #[error("found {jitter}; allowed: less than the {minutes} minutes between two slots{when}")]
    JitterTooLong {
        /// The window.
        jitter: u32,
        /// The time between two slots.
        minutes: i64,
        /// Where, if it is not on any day.
        when: String,
    },
    /// The next slot would come before the instance may be imaged again.
    #[error(
        "found {interval}; allowed: at most {max}, which is {SLOT_MINUTES_MIN} minutes less than the time between two slots{when}: \
         one is taken some minutes late, and the next would be later each time"
    )]
    IntervalTooLong {
        /// The least time between two images.
        interval: u32,
        /// The longest that it may be.
        max: i64,
        /// Where the slots come so close, if it is not on any day.
        when: String,
    },
    /// Parameter Store keeps no value with two opening braces in a row.
    #[error(
        "found \"{{{{\"; Parameter Store takes no text with two opening braces in a row: put a space between them"
    )]
    Braces,
    /// Longer than Parameter Store takes.
    #[error(
        "the policy has {bytes} bytes as JSON; Parameter Store takes at most {TEXT_BYTES_MAX}: make it shorter"
    )]
    TooLong {
        /// Its size.
        bytes: usize,
    },
}

impl Wrong {
    /// A short stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Wrong::UnknownField { .. } => "unknown-field",
            Wrong::Twice { .. } => "duplicate-field",
            Wrong::Missing { .. } => "missing-field",
            Wrong::Kind { .. } => "wrong-type",
            Wrong::OutOfRange { .. } => "out-of-range",
            Wrong::OffStep { .. } => "off-step",
            Wrong::NoId(_) => "invalid-value",
            Wrong::NoTemplate(_) => "invalid-template",
            Wrong::TooMany { .. } | Wrong::TooManyTags { .. } => "too-many",
            Wrong::OwnTag { .. } => "own-tag",
            Wrong::InBoth { .. } => "in-both",
            Wrong::RegionTwice { .. } => "duplicate-region",
            Wrong::AfterDeadline { .. } => "after-deadline",
            Wrong::ShareWithoutKey => "share-without-key",
            Wrong::NoSlots => "no-slots",
            Wrong::SlotsTooClose { .. } => "slots-too-close",
            Wrong::JitterTooLong { .. } => "jitter-too-long",
            Wrong::IntervalTooLong { .. } => "interval-too-long",
            Wrong::Braces => "braces",
            Wrong::TooLong { .. } => "too-long",
        }
    }
}

/// Everything that is wrong with the document. Nothing, if and only if
/// [`Policy::parse`](super::Policy::parse) takes it.
pub fn problems(document: &Node) -> Vec<Problem> {
    let mut out = Vec::new();
    object(document, POLICY, &Place::document(), &mut out);
    if out.is_empty()
        && let Some(problem) = crowded_schedule(document)
    {
        out.push(problem);
    }
    out.extend(later_than_the_deadline(document));
    making::problems(document, &mut out);
    if let Some(place) = shares_without_key(document) {
        out.push(Problem { place, wrong: Wrong::ShareWithoutKey });
    }
    out
}

fn object(node: &Node, fields: &'static [Field], place: &Place, out: &mut Vec<Problem>) {
    let Node::Object(entries) = node else {
        let advice = match node {
            Node::List(_) => ". Write its fields without dashes and brackets",
            Node::Null if place.steps.is_empty() => ". The shortest policy is {}",
            Node::Null | Node::Flag(_) | Node::Number { .. } | Node::Text(_) | Node::Object(_) => {
                ""
            }
        };
        let allowed = an_object(fields);
        out.push(Problem {
            place: place.clone(),
            wrong: Wrong::Kind { found: node.found(), allowed, advice: advice.to_owned() },
        });
        return;
    };
    let mut seen = BTreeSet::new();
    for (index, (name, inner)) in entries.iter().enumerate() {
        let at = place.into(Step::Field { index, name: name.clone() });
        if !seen.insert(name) {
            out.push(Problem { place: at.name(), wrong: Wrong::Twice { name: quoted(name) } });
        }
        match fields.iter().find(|field| field.name == name) {
            Some(field) => value(inner, &field.value, &at, out),
            None => out.push(Problem { place: at.name(), wrong: unknown(name, fields) }),
        }
    }
    for field in fields
        .iter()
        .filter(|field| field.required && !entries.iter().any(|(name, _)| name == field.name))
    {
        let wrong = Wrong::Missing { field: field.name, allowed: allowed(&field.value) };
        out.push(Problem { place: place.clone(), wrong });
    }
}

fn value(node: &Node, shape: &'static Shape, place: &Place, out: &mut Vec<Problem>) {
    let kind = |advice: &str| Wrong::Kind {
        found: node.found(),
        allowed: allowed(shape),
        advice: advice.to_owned(),
    };
    let wrong = match (shape, node) {
        (Shape::Object { or_nothing: true, .. } | Shape::Template, Node::Null) => return,
        (Shape::Object { fields, .. }, _) => return object(node, fields, place, out),
        (Shape::Ids { of, max }, Node::List(items)) => return ids(items, *of, *max, place, out),
        (Shape::Regions { fields, max }, Node::List(items)) => {
            return regions(items, fields, *max, place, out);
        }
        (Shape::Map { of, value, max }, Node::Object(entries)) => {
            return map(entries, (*of, value, *max), place, out);
        }
        (Shape::Text | Shape::Template | Shape::Id(_), Node::Text(text)) if text.contains("{{") => {
            Wrong::Braces
        }
        (Shape::Text, Node::Text(_)) | (Shape::Flag { .. }, Node::Flag(_)) => return,
        (Shape::Template, Node::Text(text)) => match TextTemplate::new(text.as_str()) {
            Ok(_) => return,
            Err(bad) => Wrong::NoTemplate(bad),
        },
        (Shape::Whole { min, max, .. }, Node::Number { value, .. }) if !value.is_f64() => {
            return out.extend(
                number(node, value, (*min, *max), 1)
                    .map(|wrong| Problem { place: place.clone(), wrong }),
            );
        }
        (Shape::Steps { min, max, step }, Node::Number { value, .. }) if !value.is_f64() => {
            return out.extend(
                number(node, value, (*min, *max), *step)
                    .map(|wrong| Problem { place: place.clone(), wrong }),
            );
        }
        (Shape::Id(id), Node::Text(text)) => match id.check(text) {
            Ok(()) => return,
            Err(invalid) => Wrong::NoId(invalid),
        },
        (
            Shape::Text
            | Shape::Template
            | Shape::Flag { .. }
            | Shape::Whole { .. }
            | Shape::Steps { .. }
            | Shape::Id(_)
            | Shape::Ids { .. }
            | Shape::Regions { .. }
            | Shape::Map { .. },
            _,
        ) => kind(&how_to_mend(shape, node)),
    };
    out.push(Problem { place: place.clone(), wrong });
}

/// How to make a value of another kind the right one, if that is clear.
fn how_to_mend(shape: &Shape, node: &Node) -> String {
    match (shape, node) {
        (Shape::Id(id), Node::Number { written, .. }) if id.check(written).is_ok() => {
            format!(". Write {}", quoted(written))
        }
        (Shape::Ids { .. } | Shape::Regions { .. }, Node::Text(text)) => {
            format!(". Write [{}]", quoted(text))
        }
        (Shape::Flag { .. }, Node::Text(text)) => plain_word(text).to_owned(),
        (Shape::Whole { .. } | Shape::Steps { .. }, Node::Text(text))
            if text.parse::<u32>().is_ok() =>
        {
            ". Take the quotes off".to_owned()
        }
        (Shape::Text | Shape::Template, Node::Number { .. } | Node::Flag(_))
        | (Shape::Id(Id::TagValue), Node::Flag(_)) => ". Put it in quotes".to_owned(),
        (Shape::Id(Id::TagValue), Node::Null) => ". An empty value is \"\"".to_owned(),
        (Shape::Template, Node::Object(_)) => {
            ". Put the template in quotes: it has braces".to_owned()
        }
        (Shape::Map { .. }, Node::List(_)) => ". Write NAME: VALUE lines without dashes".to_owned(),
        (
            Shape::Text
            | Shape::Template
            | Shape::Flag { .. }
            | Shape::Whole { .. }
            | Shape::Steps { .. }
            | Shape::Id(_)
            | Shape::Ids { .. }
            | Shape::Regions { .. }
            | Shape::Map { .. }
            | Shape::Object { .. },
            _,
        ) => String::new(),
    }
}

/// What is wrong with a whole number.
fn number(node: &Node, value: &Number, (min, max): (u32, u32), step: u32) -> Option<Wrong> {
    let value = value.as_u64().and_then(|value| u32::try_from(value).ok());
    match value.filter(|value| (min..=max).contains(value)) {
        None => Some(Wrong::OutOfRange { found: node.found(), min, max }),
        Some(value) if value.is_multiple_of(step) => None,
        Some(value) => Some(Wrong::OffStep {
            found: node.found(),
            min,
            max,
            step,
            near: value.next_multiple_of(step),
        }),
    }
}

fn ids(items: &[Node], of: Id, max: Option<usize>, place: &Place, out: &mut Vec<Problem>) {
    for (index, item) in items.iter().enumerate() {
        value(item, of.shape(), &place.into(Step::Item(index)), out);
    }
    let texts = items.iter().filter_map(|item| match item {
        Node::Text(text) => Some(text),
        Node::Null | Node::Flag(_) | Node::Number { .. } | Node::List(_) | Node::Object(_) => None,
    });
    too_many(texts.collect::<BTreeSet<_>>().len(), max, place, out);
}

fn too_many(count: usize, max: Option<usize>, place: &Place, out: &mut Vec<Problem>) {
    if let Some(max) = max.filter(|max| count > *max) {
        out.push(Problem { place: place.clone(), wrong: Wrong::TooMany { count, max } });
    }
}

fn map(
    entries: &[(String, Node)],
    (of, inner, max): (Id, &'static Shape, usize),
    place: &Place,
    out: &mut Vec<Problem>,
) {
    let mut seen = BTreeSet::new();
    for (index, (name, node)) in entries.iter().enumerate() {
        let at = place.into(Step::Field { index, name: name.clone() });
        let wrong = match of.check(name) {
            _ if !seen.insert(name) => Some(Wrong::Twice { name: quoted(name) }),
            _ if name.contains("{{") => Some(Wrong::Braces),
            Err(invalid) => Some(Wrong::NoId(invalid)),
            Ok(()) => None,
        };
        out.extend(wrong.map(|wrong| Problem { place: at.name(), wrong }));
        value(node, inner, &at, out);
    }
    too_many(seen.len(), Some(max), place, out);
}

/// What a value may be, for a message.
fn allowed(shape: &Shape) -> String {
    match shape {
        Shape::Text => "a text".to_owned(),
        Shape::Template => "a text with placeholders, such as \"web-{date}\"".to_owned(),
        Shape::Flag { .. } => "true or false".to_owned(),
        Shape::Whole { min, max, .. } => format!("a whole number, {min} to {max}"),
        Shape::Steps { min, max, step } => {
            format!("a whole number, {min} to {max} in steps of {step}")
        }
        Shape::Id(id) => id.example().to_owned(),
        Shape::Ids { of, .. } => format!("a list in which each item is {}", of.example()),
        Shape::Regions { fields, .. } => {
            format!(
                "a list in which each item is {}, or {}",
                Id::Region.example(),
                an_object(fields)
            )
        }
        Shape::Map { of, value, .. } => {
            format!(
                "an object in which each name is {} and each value is {}",
                of.example(),
                allowed(value)
            )
        }
        Shape::Object { fields, .. } => an_object(fields),
    }
}

fn an_object(fields: &[Field]) -> String {
    format!(
        "an object with the field{} {}",
        if fields.len() == 1 { "" } else { "s" },
        names(fields)
    )
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

/// YAML 1.1 took these words for true and false; 1.2 and JSON take them for text.
fn plain_word(text: &str) -> &'static str {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" => ". Write true, without quotes",
        "no" | "n" | "off" | "false" => ". Write false, without quotes",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
