//! What happened, line by line: the same inputs give the same trace.

use crate::ec2_images::Permission;
use amiline_app::ports::{Committed, DuePage};
use amiline_domain::ids::{ImageId, InstanceId, Region};
use amiline_domain::image::{ObservedImage, ObservedInstance};
use jiff::Timestamp;
use std::fmt::Write as _;
use std::rc::Rc;

/// One call that AWS carried out, whether or not its reply arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// When.
    pub at: Timestamp,
    /// Who called.
    pub caller: Rc<str>,
    /// `service:Action`.
    pub action: &'static str,
    /// Where.
    pub region: Region,
    /// About what.
    pub subject: Rc<str>,
}

impl Effect {
    /// Whether it is a call that changes something in EC2.
    pub fn changes_ec2(&self) -> bool {
        matches!(
            self.action,
            "ec2:CreateImage"
                | "ec2:CopyImage"
                | "ec2:ModifyImageAttribute"
                | "ec2:CreateTags"
                | "ec2:DeleteTags"
        )
    }
}

/// Lines, counts and effects. The codes of every line go into the hash; the text is kept only if
/// somebody will read it.
#[derive(Debug)]
pub(crate) struct Trace {
    keep: bool,
    lines: Vec<String>,
    scratch: String,
    hash: u64,
    pub(crate) effects: Vec<Effect>,
    /// Every call: who, and what.
    pub(crate) calls: Vec<(Rc<str>, &'static str)>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            keep: true,
            lines: Vec::new(),
            scratch: String::new(),
            hash: FNV_OFFSET,
            effects: Vec::new(),
            calls: Vec::new(),
        }
    }
}

/// FNV-1a by words of 64 bits instead of bytes: the same on every machine, and cheap. A line's
/// moment ends the one before.
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

fn mixed(hash: u64, word: [u8; 8]) -> u64 {
    // By multiplying, upper bits never come to lower places.
    (hash ^ u64::from_le_bytes(word)).wrapping_mul(FNV_PRIME).rotate_left(29)
}

/// Whether a word of a line is a code: an id, a number, or an action such as `ec2:CopyImage`. Other
/// words may be worded anew without another trace.
fn is_code(word: &str) -> bool {
    let is_action =
        |(_, action): (&str, &str)| action.starts_with(|letter: char| letter.is_ascii_uppercase());
    word.bytes().any(|byte| byte.is_ascii_digit()) || word.split_once(':').is_some_and(is_action)
}

impl Trace {
    /// Adds a line; `write` puts its text.
    pub(crate) fn line(&mut self, at: Timestamp, write: impl FnOnce(&mut String)) {
        self.scratch.clear();
        write(&mut self.scratch);
        self.hash = mixed(self.hash, at.as_millisecond().to_le_bytes());
        for part in self.scratch.split_ascii_whitespace().filter(|word| is_code(word)) {
            for bytes in part.as_bytes().chunks(8) {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                self.hash = mixed(self.hash, word);
            }
        }
        if self.keep {
            self.lines.push(format!("{} {}", at.strftime("%m-%d %H:%M:%S%.3f"), self.scratch));
        }
    }

    pub(crate) fn keep_lines(&mut self, keep: bool) {
        self.keep = keep;
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// What of an answer stands in the trace.
pub(crate) trait Note {
    fn note(&self, out: &mut String);
}

/// Writes into a line; writing to a `String` cannot fail.
pub(crate) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

impl Note for () {
    fn note(&self, out: &mut String) {
        out.push_str("done");
    }
}

impl Note for bool {
    fn note(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Note for String {
    fn note(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl Note for ImageId {
    fn note(&self, out: &mut String) {
        out.push_str(self.as_str());
    }
}

impl Note for Permission {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{self:?}"));
    }
}

impl Note for InstanceId {
    fn note(&self, out: &mut String) {
        out.push_str(self.as_str());
    }
}

impl Note for ObservedImage {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} {:?}", self.id, self.state));
    }
}

impl Note for ObservedInstance {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{:?}", self.state));
    }
}

impl Note for Committed {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{self:?}"));
    }
}

impl Note for DuePage {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} due", self.items.len()));
    }
}

impl<T: Note> Note for Option<T> {
    fn note(&self, out: &mut String) {
        match self {
            Some(value) => value.note(out),
            None => out.push_str("none"),
        }
    }
}

impl<T: Note> Note for Vec<T> {
    fn note(&self, out: &mut String) {
        out.push('[');
        for (place, value) in self.iter().enumerate() {
            if place > 0 {
                out.push_str(", ");
            }
            value.note(out);
        }
        out.push(']');
    }
}

impl<A: Note, B: Note> Note for (A, B) {
    fn note(&self, out: &mut String) {
        self.0.note(out);
        out.push_str(", ");
        self.1.note(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(line: &str) -> u64 {
        let mut trace = Trace::default();
        trace.line(Timestamp::UNIX_EPOCH, |out| out.push_str(line));
        trace.hash()
    }

    #[test]
    fn a_line_in_other_words_has_the_same_hash_and_one_with_other_codes_has_another() {
        let line = "#7 create-image ec2:CopyImage us-east-1 ami-1 -> refused";
        assert_eq!(
            hash(line),
            hash("#7 create-image ec2:CopyImage us-east-1 ami-1 -> turned down")
        );
        for other in
            [line.replace('7', "8"), line.replace("Copy", "Create"), line.replace("ami-1", "ami-2")]
        {
            assert_ne!(hash(line), hash(&other), "{other}");
        }
    }
}
