//! A digest of a day that takes longer to read than one invocation lasts.

use super::{Digest, DigestKey};
use serde::{Deserialize, Serialize};

/// Where the reading of a day goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadFrom {
    /// At this page of the day's families; at the first if it names none.
    Families(Option<String>),
    /// At this page of the day's ended enrolments; at the first if it names none.
    Ended(Option<String>),
    /// Nowhere: all pages are read.
    End,
}

/// A digest of the pages that were read, and where the next invocation goes on. Its size does not
/// grow with the day, since a digest lists no more than [`super::LISTED_MAX`] of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What the pages gave.
    pub digest: Digest,
    /// The next page.
    pub from: ReadFrom,
    /// Times that it was kept: the version for conditional writes.
    pub rev: u64,
}

impl Draft {
    /// Before the first page.
    pub fn new(key: DigestKey) -> Self {
        Self { digest: Digest::new(key), from: ReadFrom::Families(None), rev: 0 }
    }
}

/// What is remembered of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigestState {
    /// Nothing: no invocation read its day, or none came far enough.
    Unknown,
    /// A part of its day was read.
    Begun(Box<Draft>),
    /// It was published.
    Published,
}
