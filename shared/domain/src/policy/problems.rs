//! Everything that is wrong with a policy's document, each with its place.

use super::TEXT_BYTES_MAX;
use super::shape::{Field, Id, POLICY, Shape, leaves};
use crate::document::{Node, quoted};
use crate::escape::one_line;
use crate::ids::InvalidId;
use crate::schedule::{SLOT_MINUTES_MIN, Schedule};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

/// 2026-01-01 in UTC: the year in which a schedule's slots are compared, the same for everybody who checks.
const CROWD_FROM: i64 = 1_767_225_600;

/// A step on the way from the document to a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a field of an object.
    Field {
        /// Which of the object's fields, from 0, since two may have one name.
        index: usize,
        /// Its name.
        name: String,
    },
    /// Into an item of a list.
    Item(usize),
}

/// What of a field is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// Its value.
    Value,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The way to it; empty for the whole document.
    pub steps: Vec<Step>,
    /// Whether the last step's name is meant or its value.
    pub part: Part,
}

impl Place {
    /// The whole document.
    pub fn document() -> Self {
        Self { steps: Vec::new(), part: Part::Value }
    }

    fn into(&self, step: Step) -> Self {
        let steps = self.steps.iter().cloned().chain([step]).collect();
        Self { steps, part: Part::Value }
    }

    fn name(&self) -> Self {
        Self { part: Part::Name, ..self.clone() }
    }
}

impl fmt::Display for Place {
    /// `share.accounts[0]`; nothing for the whole document.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps.iter().enumerate() {
            match step {
                Step::Field { name, .. } if place == 0 => f.write_str(&one_line(name, 40))?,
                Step::Field { name, .. } => write!(f, ".{}", one_line(name, 40))?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

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
    /// Text that is no identifier of its kind.
    #[error("{0}")]
    NoId(InvalidId),
    /// More destinations than one family may have.
    #[error("found {count} different values; allowed: at most {max}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// Sharing images that their receivers could not use.
    #[error(
        "policy shares images but names no customer-managed key: images under the AWS-managed EBS key cannot be shared; add \
         encrypt.kms_key, the alias of a key that the accounts may use"
    )]
    ShareWithoutKey,
    /// A schedule that has no time.
    #[error("a schedule needs at least one cron expression, such as \"30 2 * * *\"")]
    NoSlots,
    /// Two slots come too close.
    #[error("two slots come within {minutes} minutes of each other; allowed: {SLOT_MINUTES_MIN} minutes or more")]
    SlotsTooClose {
        /// How close.
        minutes: i64,
    },
    /// The next slot would come before the last instance's turn.
    #[error("found {jitter}; allowed: less than the {minutes} minutes between two slots")]
    JitterTooLong {
        /// The window.
        jitter: u32,
        /// The time between two slots.
        minutes: i64,
    },
    /// Parameter Store keeps no value with two opening braces in a row.
    #[error("found \"{{{{\"; Parameter Store takes no text with two opening braces in a row: put a space between them")]
    Braces,
    /// Longer than Parameter Store takes.
    #[error("the policy has {bytes} bytes as JSON; Parameter Store takes at most {TEXT_BYTES_MAX}: make it shorter")]
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
            Wrong::NoId(_) => "invalid-value",
            Wrong::TooMany { .. } => "too-many",
            Wrong::ShareWithoutKey => "share-without-key",
            Wrong::NoSlots => "no-slots",
            Wrong::SlotsTooClose { .. } => "slots-too-close",
            Wrong::JitterTooLong { .. } => "jitter-too-long",
            Wrong::Braces => "braces",
            Wrong::TooLong { .. } => "too-long",
        }
    }
}

/// Everything that is wrong with the document. Nothing, if and only if [`Policy::parse`](super::Policy::parse) takes it.
pub fn problems(document: &Node) -> Vec<Problem> {
    let mut out = Vec::new();
    object(document, POLICY, &Place::document(), &mut out);
    if out.is_empty()
        && let Some(problem) = crowded_schedule(document)
    {
        out.push(problem);
    }
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
            Node::Null | Node::Flag(_) | Node::Number { .. } | Node::Text(_) | Node::Object(_) => "",
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
    for field in fields.iter().filter(|field| field.required && !entries.iter().any(|(name, _)| name == field.name)) {
        let wrong = Wrong::Missing { field: field.name, allowed: allowed(&field.value) };
        out.push(Problem { place: place.clone(), wrong });
    }
}

fn value(node: &Node, shape: &'static Shape, place: &Place, out: &mut Vec<Problem>) {
    let kind = |advice: String| Wrong::Kind { found: node.found(), allowed: allowed(shape), advice };
    let wrong = match (shape, node) {
        (Shape::Object { or_nothing: true, .. }, Node::Null) => return,
        (Shape::Object { fields, .. }, _) => return object(node, fields, place, out),
        (Shape::Ids { of, max }, Node::List(items)) => return ids(items, *of, *max, place, out),
        (Shape::Text, Node::Text(text)) if text.contains("{{") => Wrong::Braces,
        (Shape::Text, Node::Text(_)) | (Shape::Flag { .. }, Node::Flag(_)) => return,
        (Shape::Whole { min, max, .. }, Node::Number { value, .. }) if !value.is_f64() => {
            let within = value.as_u64().is_some_and(|value| (u64::from(*min)..=u64::from(*max)).contains(&value));
            if within {
                return;
            }
            Wrong::OutOfRange { found: node.found(), min: *min, max: *max }
        }
        (Shape::Id(id), Node::Text(text)) => match id.check(text) {
            Ok(()) => return,
            Err(invalid) => Wrong::NoId(invalid),
        },
        (Shape::Id(id), Node::Number { written, .. }) if id.check(written).is_ok() => {
            kind(format!(". Write {}", quoted(written)))
        }
        (Shape::Ids { .. }, Node::Text(text)) => kind(format!(". Write [{}]", quoted(text))),
        (Shape::Flag { .. }, Node::Text(text)) => kind(plain_word(text).to_owned()),
        (Shape::Whole { .. }, Node::Text(text)) if text.parse::<u32>().is_ok() => {
            kind(". Take the quotes off".to_owned())
        }
        (Shape::Text, Node::Number { .. } | Node::Flag(_)) => kind(". Put it in quotes".to_owned()),
        (Shape::Text | Shape::Flag { .. } | Shape::Whole { .. } | Shape::Id(_) | Shape::Ids { .. }, _) => {
            kind(String::new())
        }
    };
    out.push(Problem { place: place.clone(), wrong });
}

fn ids(items: &[Node], of: Id, max: Option<usize>, place: &Place, out: &mut Vec<Problem>) {
    let shape = match of {
        Id::Region => &Shape::Id(Id::Region),
        Id::Account => &Shape::Id(Id::Account),
        Id::Key => &Shape::Id(Id::Key),
        Id::Cron => &Shape::Id(Id::Cron),
        Id::Zone => &Shape::Id(Id::Zone),
    };
    for (index, item) in items.iter().enumerate() {
        value(item, shape, &place.into(Step::Item(index)), out);
    }
    let texts = items.iter().filter_map(|item| match item {
        Node::Text(text) => Some(text),
        Node::Null | Node::Flag(_) | Node::Number { .. } | Node::List(_) | Node::Object(_) => None,
    });
    let count = texts.collect::<BTreeSet<_>>().len();
    if let Some(max) = max.filter(|max| count > *max) {
        out.push(Problem { place: place.clone(), wrong: Wrong::TooMany { count, max } });
    }
}

/// What a value may be, for a message.
fn allowed(shape: &Shape) -> String {
    match shape {
        Shape::Text => "a text".to_owned(),
        Shape::Flag { .. } => "true or false".to_owned(),
        Shape::Whole { min, max, .. } => format!("a whole number, {min} to {max}"),
        Shape::Id(id) => id.example().to_owned(),
        Shape::Ids { of, .. } => format!("a list in which each item is {}", of.example()),
        Shape::Object { fields, .. } => an_object(fields),
    }
}

fn an_object(fields: &[Field]) -> String {
    format!("an object with the field{} {}", if fields.len() == 1 { "" } else { "s" }, names(fields))
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

fn unknown(name: &str, fields: &'static [Field]) -> Wrong {
    let near = |known: &str| distance(&name.to_lowercase(), known);
    let close = fields.iter().map(|field| (near(field.name), field.name)).min();
    let close = close.filter(|(distance, known)| *distance <= (known.len() / 3).max(1));
    let elsewhere = leaves().into_iter().find(|way| way.last() == Some(&name) && way.len() > 1);
    let advice = match (close, elsewhere) {
        (Some((_, known)), _) => format!("; did you mean \"{known}\"?"),
        (None, Some(way)) => format!("; it belongs at {}.", way.join(".")),
        (None, None) => ".".to_owned(),
    };
    Wrong::UnknownField { name: quoted(name), advice, allowed: names(fields) }
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().take(64).collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (line, letter) in one.iter().enumerate() {
        let mut next = vec![line + 1];
        let mut left = None;
        for (place, (known, costs)) in other.iter().zip(row.windows(2)).enumerate() {
            let [diagonal, above] = *costs else { continue };
            let beside = next.last().copied().unwrap_or(usize::MAX - 1);
            let mut cost = (diagonal + usize::from(letter != known)).min(above + 1).min(beside + 1);
            if last == Some(known) && left == Some(letter) {
                // The two letters are each other's.
                let swapped = place.checked_sub(1).and_then(|place| before.get(place));
                cost = cost.min(swapped.map_or(cost, |swapped| swapped + 1));
            }
            next.push(cost);
            left = Some(known);
        }
        last = Some(letter);
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

/// What is wrong with a schedule whose parts are each in order.
fn crowded_schedule(document: &Node) -> Option<Problem> {
    let root = Place::document();
    let (node, place) = field(document, "schedule", &root)?;
    let (_, cron) = field(node, "cron", &place)?;
    let schedule: Schedule = serde_json::from_value(serde_json::to_value(node).ok()?).ok()?;
    if schedule.cron.is_empty() {
        return Some(Problem { place: cron, wrong: Wrong::NoSlots });
    }
    // Any year shows it: the closest slots are those around a change of clocks, or of one day.
    let closest = schedule.timetable()?.closest_minutes(Timestamp::from_second(CROWD_FROM).ok()?)?;
    if closest < SLOT_MINUTES_MIN {
        return Some(Problem { place: cron, wrong: Wrong::SlotsTooClose { minutes: closest } });
    }
    let (_, jitter) = field(node, "jitter_minutes", &place)?;
    let wrong = Wrong::JitterTooLong { jitter: schedule.jitter_minutes, minutes: closest };
    (i64::from(schedule.jitter_minutes) >= closest).then_some(Problem { place: jitter, wrong })
}

/// The place of the accounts, if there are any and no key.
fn shares_without_key(document: &Node) -> Option<Place> {
    let root = Place::document();
    let (accounts, place) = field(document, "share", &root).and_then(|(share, at)| field(share, "accounts", &at))?;
    let shares = matches!(accounts, Node::List(items) if !items.is_empty());
    let keyless = field(document, "encrypt", &root).is_none_or(|(encrypt, _)| *encrypt == Node::Null);
    (shares && keyless).then_some(place)
}

fn field<'a>(node: &'a Node, wanted: &str, place: &Place) -> Option<(&'a Node, Place)> {
    let Node::Object(entries) = node else { return None };
    let (index, (name, value)) = entries.iter().enumerate().find(|(_, (name, _))| name == wanted)?;
    Some((value, place.into(Step::Field { index, name: name.clone() })))
}

#[cfg(test)]
mod tests;
