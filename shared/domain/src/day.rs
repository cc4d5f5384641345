//! A day in UTC.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

const SECONDS: i64 = 86_400;

/// A day in UTC, whatever the time zone of whoever reads of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    start: Timestamp,
}

/// A text that names no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a day; write it as in 2026-11-24")]
pub struct InvalidDay;

impl Day {
    /// The day that a moment falls into.
    pub fn of(at: Timestamp) -> Self {
        let second = at.as_second();
        let start = second.saturating_sub(second.rem_euclid(SECONDS));
        Self { start: Timestamp::from_second(start).unwrap_or(Timestamp::UNIX_EPOCH) }
    }

    /// The day before the one that a moment falls into: the last one that is over.
    pub fn before(at: Timestamp) -> Self {
        Self::of(crate::time::plus_seconds(Self::of(at).start, -1))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first moment of the day after it.
    pub fn end(self) -> Timestamp {
        crate::time::plus_seconds(self.start, SECONDS)
    }

    /// Whether a moment falls into it.
    pub fn holds(self, at: Timestamp) -> bool {
        (self.start..self.end()).contains(&at)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.start.strftime("%Y-%m-%d"))
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidDay;

    fn try_from(text: String) -> Result<Self, InvalidDay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let start: Timestamp = format!("{text}T00:00:00Z").parse().map_err(|_| InvalidDay)?;
        let day = Self::of(start);
        // Only the form that it is written in, and no other that a time may begin with.
        if day.start == start && day.to_string() == text { Ok(day) } else { Err(InvalidDay) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_utc_and_ends_where_the_next_begins() {
        let day: Day = "2026-11-24".parse().unwrap();
        assert_eq!(day.to_string(), "2026-11-24");
        assert_eq!(Day::of("2026-11-24T23:59:59.9Z".parse().unwrap()), day);
        assert_eq!(Day::of("2026-11-25T00:30:00+01:00".parse().unwrap()), day);
        assert_eq!(Day::of(day.end()), "2026-11-25".parse().unwrap());
        assert_eq!(Day::before("2026-11-25T00:15:00Z".parse().unwrap()), day);
        assert_eq!(
            Day::before("2026-03-01T00:00:00Z".parse().unwrap()),
            "2026-02-28".parse().unwrap()
        );
        assert!(day.holds(day.start()) && !day.holds(day.end()));
    }

    #[test]
    fn nothing_else_is_a_day() {
        for bad in [
            "",
            "2026-11-31",
            "2026-1-1",
            "20261124",
            "2026-11-24T00",
            "+002026-11-24",
            "2026-11-24\n",
            "today",
        ] {
            assert_eq!(bad.parse::<Day>(), Err(InvalidDay), "{bad:?}");
        }
    }
}
