//! How close two slots of a schedule come: on every day from 2026 to 2040, and at every change of
//! clocks in those years. It depends on the text and on the time zones of this build, and never on
//! the day on which somebody asks.

use super::cron::Times;
use crate::time::plus_seconds;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};
use std::collections::BTreeMap;

const FIRST_YEAR: i16 = 2026;
const LAST_YEAR: i16 = 2040;
const DAY_MINUTES: i64 = 1440;

/// The shortest time between two slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closest {
    /// In minutes.
    pub minutes: i64,
    /// The day of a change of clocks, if they come so close only there.
    pub clocks_change_on: Option<Date>,
}

/// The shortest time between two slots; none if there are fewer than two.
pub(super) fn closest(times: &[Times], zone: &TimeZone) -> Option<Closest> {
    let calendar = Calendar::of(times);
    let ordinary =
        calendar.closest_minutes().map(|minutes| Closest { minutes, clocks_change_on: None });
    let changes = calendar.at_changes_of_clocks(zone);
    ordinary.into_iter().chain(changes).min_by_key(|closest| closest.minutes)
}

/// The slots of those years by a wall clock that is never set. A minute is counted from the first
/// year's first.
struct Calendar {
    /// The days that have slots, as their numbers, with the expressions that give them.
    days: Vec<(i64, u64)>,
    /// The minutes of the day that each set of expressions gives, in order.
    minutes: BTreeMap<u64, Vec<i64>>,
}

impl Calendar {
    fn of(times: &[Times]) -> Self {
        // A schedule has at most eight.
        let times: Vec<&Times> = times.iter().take(64).collect();
        let each: Vec<Vec<i64>> = times.iter().map(|times| times.minutes_of_day()).collect();
        let mut calendar = Self { days: Vec::new(), minutes: BTreeMap::new() };
        for (number, date) in (0..).zip(dates()) {
            let on_it = times.iter().enumerate().filter(|(_, times)| times.falls_on(date));
            let set = on_it.fold(0u64, |set, (place, _)| set | (1 << place));
            if set == 0 {
                continue;
            }
            calendar.days.push((number, set));
            calendar.minutes.entry(set).or_insert_with(|| {
                let given = each.iter().enumerate().filter(|(place, _)| set & (1 << place) != 0);
                let mut minutes: Vec<i64> =
                    given.flat_map(|(_, minutes)| minutes.iter().copied()).collect();
                minutes.sort_unstable();
                minutes.dedup();
                minutes
            });
        }
        calendar
    }

    fn of_day(&self, set: u64) -> &[i64] {
        self.minutes.get(&set).map_or(&[], Vec::as_slice)
    }

    fn closest_minutes(&self) -> Option<i64> {
        let within = self.minutes.values().flat_map(|minutes| {
            minutes.iter().zip(minutes.iter().skip(1)).map(|(one, next)| next - one)
        });
        let between = self.days.iter().zip(self.days.iter().skip(1)).filter_map(
            |((day, set), (next_day, next_set))| {
                let (last, first) = (self.of_day(*set).last()?, self.of_day(*next_set).first()?);
                Some((next_day - day) * DAY_MINUTES + first - last)
            },
        );
        within.chain(between).min()
    }

    /// The first slot at or after a minute.
    fn at_or_after(&self, minute: i64) -> Option<i64> {
        let from = self.days.partition_point(|(day, _)| *day < minute.div_euclid(DAY_MINUTES));
        let of_day = |(day, set): &(i64, u64)| {
            self.of_day(*set)
                .iter()
                .map(|of_day| day * DAY_MINUTES + of_day)
                .find(|slot| *slot >= minute)
        };
        self.days.iter().skip(from).take(2).find_map(of_day)
    }

    /// The last slot before a minute.
    fn before(&self, minute: i64) -> Option<i64> {
        let until = self.days.partition_point(|(day, _)| *day <= minute.div_euclid(DAY_MINUTES));
        let of_day = |(day, set): &(i64, u64)| {
            self.of_day(*set)
                .iter()
                .rev()
                .map(|of_day| day * DAY_MINUTES + of_day)
                .find(|slot| *slot < minute)
        };
        self.days.iter().take(until).rev().take(2).find_map(of_day)
    }

    /// Where a clock is set forward, what it skips happens at the moment of the change, and slots
    /// come closer by as much as it is set. Where it is set back they only come further apart.
    fn at_changes_of_clocks(&self, zone: &TimeZone) -> Option<Closest> {
        let (first, last) = (start(FIRST_YEAR)?, start(LAST_YEAR + 1)?);
        let changes = zone.following(first).take_while(|change| change.timestamp() < last);
        let gaps = changes.filter_map(|change| {
            let at = change.timestamp();
            let (before, after) = (zone.to_offset(plus_seconds(at, -1)), change.offset());
            let (from, to) =
                (minute_of(before.to_datetime(at))?, minute_of(after.to_datetime(at))?);
            if to <= from {
                return None;
            }
            let earlier = self.before(from).map(|earlier| from - earlier);
            let later = self.at_or_after(to + 1).map(|later| later - to);
            let on_it = self.at_or_after(from).is_some_and(|slot| slot <= to);
            let minutes = match on_it {
                true => earlier.into_iter().chain(later).min()?,
                false => earlier? + later?,
            };
            Some(Closest { minutes, clocks_change_on: Some(after.to_datetime(at).date()) })
        });
        gaps.min_by_key(|closest| closest.minutes)
    }
}

fn dates() -> impl Iterator<Item = Date> {
    let first = civil::date(FIRST_YEAR, 1, 1);
    std::iter::successors(Some(first), |date| date.tomorrow().ok())
        .take_while(|date| date.year() <= LAST_YEAR)
}

fn start(year: i16) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(civil::date(year, 1, 1).at(0, 0, 0, 0)).ok()
}

fn minute_of(wall: civil::DateTime) -> Option<i64> {
    let first = start(FIRST_YEAR)?.as_second();
    let at = Offset::UTC.to_timestamp(wall).ok()?.as_second();
    Some((at - first).div_euclid(60))
}
