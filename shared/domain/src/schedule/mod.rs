//! Schedules: at which moments an enrolled instance is imaged.
//!
//! A slot is a moment at which a schedule happens. It is the identity of the image that is made for
//! it, so it depends on the schedule alone: not on when somebody looks, and not on the instance.

mod around;
mod cron;
mod dialect;
mod gaps;
mod zone;

pub use cron::CronExpression;
pub use gaps::Closest;
pub use zone::ZoneName;

use crate::ids::{Fingerprint, InstanceId, PolicyName, short_digest};
use crate::memo::Memo;
use crate::time::{Slot, plus_seconds};
use around::{Around, Known};
use cron::Times;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Cron expressions of one schedule.
pub const CRONS_MAX: usize = 8;
/// The longest window over which instances are spread, in minutes.
pub const JITTER_MINUTES_MAX: u32 = 720;
/// The least time between two slots of a schedule, in minutes.
pub const SLOT_MINUTES_MIN: i64 = 15;
/// Entries of a time zone that are looked at for one that sets the clock: some only change its
/// name.
const CHANGES_LOOKED_AT: usize = 16;

thread_local! {
    static CLOSEST: Memo<Option<Closest>> = const { Memo::new() };
}

/// When instances are imaged, as a policy says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Each time at which any of them happens is a slot.
    pub cron: BTreeSet<CronExpression>,
    /// Where their wall clock hangs.
    #[serde(default)]
    pub time_zone: ZoneName,
    /// Instances are spread over so many minutes after the slot.
    #[serde(default)]
    pub jitter_minutes: u32,
}

impl Schedule {
    /// Identifies its slots: two schedules with the same ones, as they are written, differ in their
    /// window only.
    pub(crate) fn identity(&self) -> Fingerprint {
        short_digest(&[&self.written()], 16).into()
    }

    fn written(&self) -> String {
        let written: Vec<&str> =
            self.cron.iter().map(CronExpression::as_str).chain([self.time_zone.as_str()]).collect();
        written.join("\n")
    }

    /// The shortest time between two of its slots in the years 2026 to 2040. `None`: fewer than
    /// two.
    pub fn closest(&self) -> Option<Closest> {
        let anew = || {
            let table = self.timetable()?;
            gaps::closest(&table.times, &table.zone)
        };
        CLOSEST.with(|closest| closest.get(&self.written(), anew))
    }

    /// The moments of it. `None` never happens for a schedule that was read.
    pub fn timetable(&self) -> Option<Timetable> {
        let times = self.cron.iter().map(CronExpression::times).collect::<Option<Vec<_>>>()?;
        let (zone, known) = (self.time_zone.zone()?, Known::default());
        Some(Timetable { times, zone, jitter_minutes: self.jitter_minutes, known })
    }
}

/// A schedule, ready to be asked.
#[derive(Debug)]
pub struct Timetable {
    times: Vec<Times>,
    zone: TimeZone,
    jitter_minutes: u32,
    known: Known,
}

impl Timetable {
    /// The first slot after a moment. `None`: there is none in the calendar.
    pub fn next(&self, after: Timestamp) -> Option<Slot> {
        self.around(after).next.map(Slot::at)
    }

    /// The last slot that is later than `after` and not later than `until`.
    pub fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Slot> {
        let latest = self.around(until).latest?;
        (latest > after).then(|| Slot::at(latest))
    }

    fn around(&self, at: Timestamp) -> Around {
        self.known.around(at, || Around {
            latest: self.times.iter().filter_map(|times| self.latest_of(times, at)).max(),
            next: self.times.iter().filter_map(|times| self.next_of(times, at)).min(),
        })
    }

    /// How many slots lie between two moments, both excluded; at most `limit`.
    pub fn count(&self, after: Timestamp, before: Timestamp, limit: usize) -> usize {
        let next = |at: &Slot| self.next(at.timestamp());
        let slots = std::iter::successors(self.next(after), next);
        slots.take_while(|slot| slot.timestamp() < before).take(limit).count()
    }

    /// When an instance's turn comes for a slot: always the same time after it, within the window.
    pub fn turn(&self, slot: Slot, policy: &PolicyName, instance: &InstanceId) -> Timestamp {
        let window = i64::from(self.jitter_minutes).saturating_mul(60);
        let digest = short_digest(&["jitter", policy.as_str(), instance.as_str()], 12);
        let place = i64::from_str_radix(&digest, 16).unwrap_or_default();
        plus_seconds(slot.timestamp(), place.checked_rem(window).unwrap_or_default())
    }

    /// The next moment at which the wall clock is set, with its offsets before and after. `None`:
    /// never again.
    pub fn next_change_of_clocks(&self, after: Timestamp) -> Option<(Timestamp, Offset, Offset)> {
        let changes = self.zone.following(after).take(CHANGES_LOOKED_AT).map(|change| {
            let at = change.timestamp();
            (at, self.zone.to_offset(plus_seconds(at, -1)), change.offset())
        });
        changes.into_iter().find(|(_, before, after)| before != after)
    }

    /// What the wall clock shows, and its offset from UTC.
    pub fn wall(&self, at: Timestamp) -> (DateTime, Offset) {
        let offset = self.zone.to_offset(at);
        (offset.to_datetime(at), offset)
    }

    /// The moment at which a day begins by the wall clock.
    pub fn start_of(&self, date: Date) -> Option<Timestamp> {
        self.moment(date.at(0, 0, 0, 0))
    }

    /// When the last instance's turn comes for a slot, at the latest.
    pub fn window_ends(&self, slot: Slot) -> Timestamp {
        plus_seconds(slot.timestamp(), i64::from(self.jitter_minutes).saturating_mul(60))
    }

    fn next_of(&self, times: &Times, after: Timestamp) -> Option<Timestamp> {
        let mut wall = times.next(self.zone.to_datetime(after))?;
        // In the hour that a clock goes through twice, what lies ahead on the wall may be over.
        loop {
            let at = self.moment(wall)?;
            if at > after {
                return Some(at);
            }
            wall = times.next(wall)?;
        }
    }

    fn latest_of(&self, times: &Times, until: Timestamp) -> Option<Timestamp> {
        let mut wall = times.latest(self.latest_wall(until))?;
        loop {
            let at = self.moment(wall)?;
            if at <= until {
                return Some(at);
            }
            wall = times.latest(wall.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?)?;
        }
    }

    /// The latest time that the wall clock has shown by then: in the second pass through an hour
    /// that is later than what it shows.
    fn latest_wall(&self, at: Timestamp) -> DateTime {
        let shown = self.zone.to_datetime(at);
        let Some(change) = self.zone.preceding(plus_seconds(at, 1)).next() else { return shown };
        let before = self
            .zone
            .to_offset(plus_seconds(change.timestamp(), -1))
            .to_datetime(change.timestamp());
        shown.max(before)
    }

    /// When the wall clock shows a time: of two moments the first, and if it skips the time, the
    /// moment of the skip.
    fn moment(&self, wall: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()
            }
            // Read by the offset that holds after the skip it lies before the skip, and the skip is
            // the next change.
            AmbiguousOffset::Gap { after, .. } => {
                let before_the_skip = after.to_timestamp(wall).ok()?;
                self.zone.following(before_the_skip).next().map(|change| change.timestamp())
            }
        }
    }
}

#[cfg(test)]
mod tests;
