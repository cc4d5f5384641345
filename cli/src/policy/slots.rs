//! When a policy's schedule will run: its next slots by its wall clock and in UTC, and the next
//! change of clocks.

use crate::paint::Paint;
use amiline_domain::ids::PolicyName;
use amiline_domain::schedule::{Schedule, Timetable};
use amiline_domain::time::Slot;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Slots that `check` shows.
pub(crate) const SHOWN: usize = 5;

/// The next slots of a policy.
#[derive(Debug)]
pub(crate) struct Slots<'a> {
    policy: &'a PolicyName,
    schedule: Option<&'a Schedule>,
    after: Timestamp,
    count: usize,
}

impl<'a> Slots<'a> {
    /// So many slots of a policy that come after a moment. Without a schedule there are none.
    pub(crate) fn new(
        policy: &'a PolicyName,
        schedule: Option<&'a Schedule>,
        after: Timestamp,
        count: usize,
    ) -> Self {
        Self { policy, schedule, after, count }
    }

    fn read(&self) -> Option<(&'a Schedule, Timetable)> {
        let schedule = self.schedule?;
        Some((schedule, schedule.timetable()?))
    }

    fn slots(&self, table: &Timetable) -> Vec<Slot> {
        let next = |slot: &Slot| table.next(slot.timestamp());
        std::iter::successors(table.next(self.after), next).take(self.count).collect()
    }

    /// For people.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let Some((schedule, table)) = self.read() else {
            return format!("{} has no schedule: only presses make images under it.", self.policy);
        };
        let slots = self.slots(&table);
        let zone = &schedule.time_zone;
        let mut out =
            paint.strong(&format!("{}: its next {} in {zone}", self.policy, counted(slots.len())));
        out.push('\n');
        let window = i64::from(schedule.jitter_minutes) > 0;
        for slot in &slots {
            let (wall, offset) = table.wall(slot.timestamp());
            let utc = Offset::UTC.to_datetime(slot.timestamp());
            let mut line =
                format!(" {} {}   {} UTC", day_and_time(wall), offset_text(offset), minute(utc));
            if window {
                let ends = table.wall(table.window_ends(*slot)).0;
                let ends = if ends.date() == wall.date() {
                    ends.strftime("%H:%M").to_string()
                } else {
                    minute(ends)
                };
                // Writing to a String cannot fail.
                let _ = write!(line, "   instances take turns until {ends}");
            }
            out.push_str(&line);
            out.push('\n');
        }
        out.push_str(&match table.next_change_of_clocks(self.after) {
            Some((at, before, after)) => format!(
                " The clocks there change next on {} UTC, from {} to {}.",
                minute(Offset::UTC.to_datetime(at)),
                offset_text(before),
                offset_text(after)
            ),
            None => " The clocks there do not change.".to_owned(),
        });
        if let Some(caution) = zone.caution() {
            let _ = write!(out, "\n {}", paint.change(&format!("{caution}.")));
        }
        out
    }

    /// For programs.
    pub(crate) fn as_json(&self) -> Value {
        let Some((schedule, table)) = self.read() else {
            return json!({"policy": self.policy, "time_zone": null, "slots": [], "next_clock_change": null});
        };
        let slots = self.slots(&table).into_iter().map(|slot| {
            let at = slot.timestamp();
            let (wall, offset) = table.wall(at);
            json!({
                "at": at,
                "local": format!("{}{}", wall.strftime("%Y-%m-%dT%H:%M:%S"), offset_text(offset)),
                "window_ends_at": table.window_ends(slot),
            })
        });
        let change = table.next_change_of_clocks(self.after).map(|(at, before, after)| {
            json!({"at": at, "offset_before": offset_text(before), "offset_after": offset_text(after)})
        });
        json!({
            "policy": self.policy,
            "time_zone": schedule.time_zone,
            "slots": slots.collect::<Vec<Value>>(),
            "next_clock_change": change,
            "caution": schedule.time_zone.caution(),
        })
    }
}

/// The moment at which a day begins in a policy's zone; in UTC if it has none.
pub(crate) fn start_of(schedule: Option<&Schedule>, date: jiff::civil::Date) -> Option<Timestamp> {
    let midnight = match schedule.and_then(Schedule::timetable) {
        Some(table) => table.start_of(date)?,
        None => Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?,
    };
    // A slot at midnight belongs to the day.
    Some(amiline_domain::time::plus_seconds(midnight, -1))
}

fn counted(slots: usize) -> String {
    if slots == 1 { "slot".to_owned() } else { format!("{slots} slots") }
}

fn day_and_time(wall: DateTime) -> String {
    wall.strftime("%a %Y-%m-%d %H:%M").to_string()
}

fn minute(wall: DateTime) -> String {
    wall.strftime("%Y-%m-%d %H:%M").to_string()
}

fn offset_text(offset: Offset) -> String {
    let minutes = offset.seconds().div_euclid(60);
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs().div_euclid(60), minutes.abs().rem_euclid(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> Schedule {
        serde_json::from_str(text).unwrap()
    }

    fn text(json: &str, after: &str) -> String {
        let (name, schedule) = (PolicyName::new("nightly").unwrap(), schedule(json));
        Slots::new(&name, Some(&schedule), after.parse().unwrap(), SHOWN).text(Paint::plain())
    }

    #[test]
    fn the_next_slots_stand_in_the_zone_and_in_utc_with_window_and_change_of_clocks() {
        let london = r#"{"cron":["30 1 * * *"],"time_zone":"Europe/London","jitter_minutes":120}"#;
        assert_eq!(
            text(london, "2026-10-23T12:00:00Z"),
            "nightly: its next 5 slots in Europe/London\n \
             Sat 2026-10-24 01:30 +01:00   2026-10-24 00:30 UTC   instances take turns until 03:30\n \
             Sun 2026-10-25 01:30 +01:00   2026-10-25 00:30 UTC   instances take turns until 02:30\n \
             Mon 2026-10-26 01:30 +00:00   2026-10-26 01:30 UTC   instances take turns until 03:30\n \
             Tue 2026-10-27 01:30 +00:00   2026-10-27 01:30 UTC   instances take turns until 03:30\n \
             Wed 2026-10-28 01:30 +00:00   2026-10-28 01:30 UTC   instances take turns until 03:30\n \
             The clocks there change next on 2026-10-25 01:00 UTC, from +01:00 to +00:00."
        );
    }

    #[test]
    fn a_window_over_midnight_shows_its_day_and_a_zone_with_the_other_sign_says_so() {
        let shown = text(
            r#"{"cron":["30 23 * * *"],"time_zone":"Etc/GMT+5","jitter_minutes":60}"#,
            "2026-11-30T12:00:00Z",
        );
        assert!(
            shown.contains(
                " Mon 2026-11-30 23:30 -05:00   2026-12-01 04:30 UTC   instances take turns until 2026-12-01 00:30"
            ),
            "{shown}"
        );
        assert!(shown.contains("The clocks there do not change."), "{shown}");
        assert!(
            shown
                .ends_with("Etc/GMT+5 is UTC-5: the signs of these names are the other way round."),
            "{shown}"
        );
    }

    #[test]
    fn a_slot_at_midnight_belongs_to_the_day_that_is_asked_for() {
        let schedule = schedule(r#"{"cron":["0 0 * * *"],"time_zone":"Asia/Kolkata"}"#);
        let from = start_of(Some(&schedule), "2026-12-01".parse().unwrap()).unwrap();
        let name = PolicyName::new("nightly").unwrap();
        let json = Slots::new(&name, Some(&schedule), from, 1).as_json();
        assert_eq!(json["slots"][0]["local"], "2026-12-01T00:00:00+05:30");
        assert_eq!(json["slots"][0]["at"], "2026-11-30T18:30:00Z");
        assert_eq!(json["next_clock_change"], Value::Null);
    }

    #[test]
    fn a_policy_without_a_schedule_says_so() {
        let name = PolicyName::new("default").unwrap();
        let none = Slots::new(&name, None, Timestamp::UNIX_EPOCH, SHOWN);
        assert_eq!(
            none.text(Paint::plain()),
            "default has no schedule: only presses make images under it."
        );
        assert_eq!(none.as_json()["slots"], json!([]));
    }
}
