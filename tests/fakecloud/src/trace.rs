//! What happened, line by line: the same inputs give the same trace.

use amiline_app::ports::{Committed, DuePage};
use amiline_domain::ids::{ImageId, InstanceId, Region};
use amiline_domain::image::{ObservedImage, ObservedInstance};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One call that AWS carried out, whether or not its reply arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// When.
    pub at: Timestamp,
    /// Who called.
    pub caller: String,
    /// `service:Action`.
    pub action: &'static str,
    /// Where.
    pub region: Region,
    /// About what.
    pub subject: String,
}

impl Effect {
    /// Whether it is a call that changes something in EC2.
    pub fn changes_ec2(&self) -> bool {
        matches!(
            self.action,
            "ec2:CreateImage" | "ec2:CopyImage" | "ec2:ModifyImageAttribute" | "ec2:CreateTags" | "ec2:DeleteTags"
        )
    }
}

/// Lines, counts and effects.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Vec<String>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) calls: BTreeMap<(String, &'static str), usize>,
}

impl Trace {
    pub(crate) fn line(&mut self, at: Timestamp, text: &str) {
        self.lines.push(format!("{} {text}", at.strftime("%m-%d %H:%M:%S%.3f")));
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// What of an answer stands in the trace.
pub(crate) trait Note {
    fn note(&self) -> String;
}

impl Note for () {
    fn note(&self) -> String {
        "done".to_owned()
    }
}

impl Note for bool {
    fn note(&self) -> String {
        self.to_string()
    }
}

impl Note for String {
    fn note(&self) -> String {
        self.clone()
    }
}

impl Note for ImageId {
    fn note(&self) -> String {
        self.to_string()
    }
}

impl Note for InstanceId {
    fn note(&self) -> String {
        self.to_string()
    }
}

impl Note for ObservedImage {
    fn note(&self) -> String {
        format!("{} {:?}", self.id, self.state)
    }
}

impl Note for ObservedInstance {
    fn note(&self) -> String {
        format!("{:?}", self.state)
    }
}

impl Note for Committed {
    fn note(&self) -> String {
        format!("{self:?}")
    }
}

impl Note for DuePage {
    fn note(&self) -> String {
        format!("{} due", self.items.len())
    }
}

impl<T: Note> Note for Option<T> {
    fn note(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), Note::note)
    }
}

impl<T: Note> Note for Vec<T> {
    fn note(&self) -> String {
        let notes: Vec<String> = self.iter().map(Note::note).collect();
        format!("[{}]", notes.join(", "))
    }
}

impl<A: Note, B: Note> Note for (A, B) {
    fn note(&self) -> String {
        format!("{}, {}", self.0.note(), self.1.note())
    }
}
