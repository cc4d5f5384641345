//! A cron expression, and the wall-clock times at which it happens.

use super::dialect::ambiguity;
use crate::ids::InvalidId;
use crate::memo::Memo;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::{SignedDuration, civil};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Characters of a cron expression.
const CHARACTERS_MAX: usize = 100;

const RULE: &str = "five fields (minute, hour, day of month, month, day of week) that can happen, such as \"30 2 * * 1-5\"";

/// A cron expression of five fields, as it was written: minute, hour, day of month, month, day of
/// week. If both days are given, either suffices, as in every cron; with `+` before the weekday
/// both are needed. `L`, `W` and `#` are understood (last day, nearest working day, n-th weekday).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronExpression(Arc<str>);

impl CronExpression {
    /// Accepts what can be read in one way only and happens at some time.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let start = civil::date(2000, 1, 1).at(0, 0, 0, 0);
        let times = (text.len() <= CHARACTERS_MAX).then(|| Times::parse(&text)).flatten();
        let Some(times) = times else { return Err(InvalidId::new("cron expression", &text, RULE)) };
        if let Some(ways) = ambiguity(&text) {
            return Err(InvalidId::new("cron expression", &text, ways));
        }
        match times.next(start) {
            Some(_) => Ok(Self(text.into())),
            None => Err(InvalidId::new("cron expression", &text, RULE)),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it happens. `None` never happens for an expression that was accepted.
    pub(super) fn times(&self) -> Option<Times> {
        Times::parse(&self.0)
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CronExpression {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl From<CronExpression> for String {
    fn from(cron: CronExpression) -> String {
        cron.0.to_string()
    }
}

/// The times of a cron expression by a wall clock that is never set.
#[derive(Debug, Clone)]
pub(super) struct Times(Arc<croner::Cron>);

thread_local! {
    static PARSED: Memo<Option<Times>> = const { Memo::new() };
}

impl Times {
    fn parse(text: &str) -> Option<Self> {
        let anew = || {
            let parser =
                CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
            parser.parse(text).ok().map(|cron| Self(Arc::new(cron)))
        };
        PARSED.with(|parsed| parsed.get(text, anew))
    }

    /// The first one after a time.
    pub(super) fn next(&self, after: DateTime) -> Option<DateTime> {
        self.0.find_next_occurrence(&Wall(after), false).ok().map(|wall| wall.0)
    }

    /// The minutes of a day at which it happens, on the days on which it does.
    pub(super) fn minutes_of_day(&self) -> Vec<i64> {
        let (hours, minutes) = (self.0.pattern.hours.values(), self.0.pattern.minutes.values());
        let of_hour =
            |hour: u16| minutes.iter().map(move |minute| i64::from(hour) * 60 + i64::from(*minute));
        hours.into_iter().flat_map(of_hour).collect()
    }

    /// Whether it happens on a day.
    pub(super) fn falls_on(&self, date: civil::Date) -> bool {
        let pattern = &self.0.pattern;
        let (month, day) = (part(date.month()), part(date.day()));
        let weekday = weekday(date.weekday());
        pattern.month_match(month).unwrap_or_default()
            && pattern.day_match(i32::from(date.year()), month, day, weekday).unwrap_or_default()
    }

    /// The last one at or before a time.
    pub(super) fn latest(&self, until: DateTime) -> Option<DateTime> {
        self.0.find_previous_occurrence(&Wall(until), true).ok().map(|wall| wall.0)
    }
}

fn part(part: i8) -> u32 {
    u32::try_from(part).unwrap_or_default()
}

fn weekday(day: civil::Weekday) -> Weekday {
    Weekday::from_days_from_sunday(part(day.to_sunday_zero_offset()))
}

/// A wall clock's time for the cron library, which brings no version of the time library that we
/// use.
#[derive(Clone)]
struct Wall(DateTime);

impl CronDateTime for Wall {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0;
        // The parts are those of a time that exists.
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(i32::from(at.year()), part(at.month()), part(at.day())),
            CivilTime::from_parts_unchecked(part(at.hour()), part(at.minute()), part(at.second())),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        weekday(self.0.weekday())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |part: u32| i8::try_from(part).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (part(civil.month())?, part(civil.day())?);
        let time = civil.time();
        let (hour, minute, second) =
            (part(time.hour())?, part(time.minute())?, part(time.second())?);
        let at = DateTime::new(year, month, day, hour, minute, second, 0)
            .map_err(|_| CronError::InvalidDate)?;
        Ok(Resolution::Single(Self(at)))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
