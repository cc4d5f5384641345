//! What is fuzzed.

use crate::dictionary;
use std::io;

/// Something that reads what others wrote.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The longest input that it is given, in bytes: a little more than what it should take.
    pub longest: usize,
    /// Inputs to begin from.
    pub seeds: fn() -> io::Result<Vec<Vec<u8>>>,
    /// Does what production does with the input, and checks what came of it.
    pub run: fn(&[u8]) -> Outcome,
}

/// What an input led to, in a few words (the same words: nothing new), or the law that it broke.
pub type Outcome = Result<String, Broken>;

/// A law that does not hold for an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which law, always in the same words.
    pub law: String,
    /// What was seen.
    pub seen: String,
}

impl Broken {
    /// The law, and what was seen instead.
    pub fn new(law: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { law: law.into(), seen: seen.into() }
    }
}

/// Quotation marks, as Rust and serde set them.
const MARKS: [char; 2] = ['"', '`'];

/// What tells of which kind a text is: its words without numbers, ids and times, up to the first
/// thing in quotation marks, which is told only if it is a key of ours. What follows may be a part
/// of such a thing.
pub(crate) fn shape(text: &str) -> String {
    let (before, quoted) = text.split_once(MARKS).unwrap_or((text, ""));
    let quoted = quoted.split(MARKS).next().filter(|quoted| dictionary::is_key(quoted));
    let words: Vec<&str> = before.split_whitespace().map(word).chain(quoted).collect();
    words.join(" ")
}

/// A word, or what it begins with if it says which one: `LookAgain` of
/// `LookAgain(2026-11-24T12:00:00Z)`.
fn word(text: &str) -> &str {
    let is_common = |c: char| c.is_ascii_alphabetic() || "(){}:,;.-'".contains(c);
    if text.chars().all(is_common) {
        text
    } else {
        text.split_once('(').map_or("#", |(begin, _)| word(begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_kind_have_one_shape() {
        assert_eq!(
            shape("unknown field `a` at line 1 column 20"),
            shape("unknown field `b`c\\`d` at line 17 column 2")
        );
        assert_eq!(
            shape("copies to us-east-1 at line 1 column 20"),
            "copies to # at line # column #"
        );
        assert_eq!(shape("LookAgain(2026-11-24T12:00:00Z)"), "LookAgain");
        assert_ne!(shape("unknown field `a`"), shape("missing field `a`"));
        assert_ne!(shape("missing field `account`"), shape("missing field `detail`"));
    }
}
