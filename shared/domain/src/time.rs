//! Instants and the slot of a press.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The UTC second in which a press was accepted. Stored, never derived again, so it is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(i64);

impl Slot {
    /// The slot for a press accepted at `now`: its second, or the one after `last`, whichever is
    /// later.
    pub fn next(now: Timestamp, last: Option<Slot>) -> Slot {
        let second = now.as_second();
        Slot(last.map_or(second, |last| second.max(last.0.saturating_add(1))))
    }

    /// The slot of a moment.
    pub fn at(moment: Timestamp) -> Slot {
        Slot(moment.as_second())
    }

    /// Seconds since 1970 in UTC.
    pub fn second(self) -> i64 {
        self.0
    }

    /// Its day in UTC, like `20261124`.
    pub fn date(self) -> String {
        self.timestamp().strftime("%Y%m%d").to_string()
    }

    /// The moment the slot starts.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Slot {
    /// Like `20261124T013845Z`: sorts by time and is allowed in an image name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.timestamp().strftime("%Y%m%dT%H%M%SZ"))
    }
}

/// `at` plus whole seconds, held inside what a timestamp can say.
pub fn plus_seconds(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

/// Whole seconds from `earlier` to `later`; negative when the clocks disagree.
pub fn seconds_between(earlier: Timestamp, later: Timestamp) -> i64 {
    later.as_second().saturating_sub(earlier.as_second())
}

/// A time as every text for people shows it, like `2026-11-24 01:38 UTC`.
pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_presses_in_one_second_get_different_slots() {
        let now: Timestamp = "2026-11-24T01:38:45Z".parse().unwrap();
        let first = Slot::next(now, None);
        let second = Slot::next(now, Some(first));
        assert!(second > first);
        assert_eq!(first.to_string(), "20261124T013845Z");
        assert_eq!(second.to_string(), "20261124T013846Z");
    }

    #[test]
    fn a_clock_set_back_never_repeats_a_slot() {
        let now: Timestamp = "2026-11-24T01:38:45Z".parse().unwrap();
        let first = Slot::next(now, None);
        assert!(Slot::next(plus_seconds(now, -300), Some(first)) > first);
    }
}
