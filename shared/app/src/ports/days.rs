//! The families of a day, and its digests.

use super::{CallError, Committed};
use amiline_domain::day::Day;
use amiline_domain::digest::{DigestKey, DigestState, Draft};
use amiline_domain::family::Family;
use amiline_domain::history::HistoryItem;

/// The families of a day, by the index that lists them, which may be behind the table by a moment.
pub trait DayReader {
    /// A page of the families that began on the day, oldest first and without their images, and
    /// where to go on.
    async fn families_of_day(&self, day: Day, from: Option<String>) -> Result<DayPage, CallError>;
    /// A page of the history items of enrolments that ended on the day, oldest first, and where to
    /// go on.
    async fn enrolments_ended_on(
        &self,
        day: Day,
        from: Option<String>,
    ) -> Result<EndedPage, CallError>;
}

/// A page of a day's ended enrolments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedPage {
    /// What was told.
    pub items: Vec<HistoryItem>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// A page of a day's families.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayPage {
    /// Families, without their images.
    pub families: Vec<Family>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// Which digests were published, and how far the others were read. It is remembered for 30 days.
pub trait DigestKeeper {
    /// What is remembered, read consistently.
    async fn digest(&self, key: &DigestKey) -> Result<DigestState, CallError>;
    /// Keeps a draft if the one that was read is still the newest: its `rev` is one less, 0 if
    /// there was none. The draft is due at once, so that the next tick asks for the digest again.
    async fn keep_draft(&self, key: &DigestKey, draft: &Draft) -> Result<Committed, CallError>;
    /// It was published: its draft and the due time are removed. Repeating it is harmless.
    async fn note_digest_published(&self, key: &DigestKey) -> Result<(), CallError>;
}
