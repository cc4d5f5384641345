//! How many images may be asked for: of the account in any sixty minutes, and under a policy on one
//! day.

use crate::day::Day;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds that one bucket of the count spans. Twelve make the hour.
const BUCKET_SECONDS: i64 = 300;
const HOUR_SECONDS: i64 = 3600;

/// A sliding count of accepted presses. At most thirteen buckets, so the record stays small.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Version for conditional writes.
    pub rev: u64,
    /// (start of the bucket in seconds since 1970, accepted presses in it), oldest first.
    buckets: Vec<(i64, u32)>,
}

impl Budget {
    /// How many more may be asked for at `now`.
    pub fn left(&self, now: Timestamp, per_hour_max: u32) -> u32 {
        per_hour_max.saturating_sub(taken(&self.recent(now)))
    }

    /// The buckets that still count at `now`.
    fn recent(&self, now: Timestamp) -> Vec<(i64, u32)> {
        let from = now.as_second().saturating_sub(HOUR_SECONDS);
        self.buckets
            .iter()
            .copied()
            .filter(|(start, _)| start.saturating_add(BUCKET_SECONDS) > from)
            .collect()
    }

    /// From when there is room for one more; none if there never is.
    pub fn free_at(&self, now: Timestamp, per_hour_max: u32) -> Option<Timestamp> {
        if per_hour_max == 0 {
            return None;
        }
        let recent = self.recent(now);
        let mut taken = taken(&recent);
        let mut free = now;
        for (start, count) in recent {
            if taken < per_hour_max {
                break;
            }
            taken = taken.saturating_sub(count);
            free = Timestamp::from_second(
                start.saturating_add(BUCKET_SECONDS).saturating_add(HOUR_SECONDS),
            )
            .ok()?;
        }
        Some(free)
    }

    /// Counts one more at `now`, or refuses if `per_hour_max` were taken in the last sixty minutes
    /// (rounded up to the five-minute bucket that the hour began in).
    pub fn take(&self, now: Timestamp, per_hour_max: u32) -> Option<Budget> {
        let second = now.as_second();
        let mut buckets = self.recent(now);
        if taken(&buckets) >= per_hour_max {
            return None;
        }
        let bucket = second.saturating_sub(second.rem_euclid(BUCKET_SECONDS));
        match buckets.last_mut() {
            // A clock a little behind another's counts into the newest bucket rather than opening
            // one in the past.
            Some((start, count)) if *start >= bucket => *count = count.saturating_add(1),
            _ => buckets.push((bucket, 1)),
        }
        Some(Budget { rev: self.rev.saturating_add(1), buckets })
    }
}

/// How many images were asked for under a policy on one day in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// Version for conditional writes.
    pub rev: u64,
    /// The day; none if nothing was counted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    /// So many.
    pub images: u32,
}

impl DayCount {
    /// How many were asked for on the day of `now`. By a clock that is behind, the newest day goes
    /// on.
    pub fn on(&self, now: Timestamp) -> u32 {
        if self.day == Some(self.counted(now)) { self.images } else { 0 }
    }

    /// Counts one more at `now`, or refuses with the moment from which more may be asked for.
    pub fn take(&self, now: Timestamp, per_day_max: u32) -> Result<DayCount, Timestamp> {
        let (day, images) = (self.counted(now), self.on(now));
        if images >= per_day_max {
            return Err(day.end());
        }
        Ok(DayCount {
            rev: self.rev.saturating_add(1),
            day: Some(day),
            images: images.saturating_add(1),
        })
    }

    fn counted(&self, now: Timestamp) -> Day {
        self.day.map_or(Day::of(now), |day| day.max(Day::of(now)))
    }
}

fn taken(buckets: &[(i64, u32)]) -> u32 {
    buckets.iter().fold(0u32, |sum, (_, count)| sum.saturating_add(*count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::plus_seconds;

    fn start() -> Timestamp {
        "2026-11-24T01:38:45Z".parse().unwrap()
    }

    #[test]
    fn the_fifty_first_image_within_an_hour_is_refused_and_one_an_hour_later_is_not() {
        let mut budget = Budget::default();
        for i in 0..50 {
            budget = budget.take(plus_seconds(start(), i * 60), 50).expect("within the limit");
        }
        assert_eq!(budget.take(plus_seconds(start(), 50 * 60), 50), None);
        assert_eq!(budget.left(plus_seconds(start(), 50 * 60), 50), 0);
        assert_eq!(budget.left(plus_seconds(start(), 50 * 60), 60), 10);
        assert!(budget.take(plus_seconds(start(), 3600 + 600), 50).is_some());
    }

    #[test]
    fn a_full_hour_says_when_it_has_room_again() {
        let mut budget = Budget::default();
        for i in 0..50 {
            budget = budget.take(plus_seconds(start(), i * 60), 50).expect("within the limit");
        }
        let now = plus_seconds(start(), 50 * 60);
        let free = budget.free_at(now, 50).expect("a time");
        assert_eq!(budget.take(plus_seconds(free, -1), 50), None);
        assert!(budget.take(free, 50).is_some());
        assert_eq!(budget.free_at(now, 51), Some(now));
    }

    #[test]
    fn a_limit_of_zero_refuses_everything() {
        assert_eq!(Budget::default().take(start(), 0), None);
        assert_eq!(Budget::default().free_at(start(), 0), None);
    }

    #[test]
    fn a_day_has_room_for_so_many_and_the_next_day_for_as_many_again() {
        let count = DayCount::default()
            .take(start(), 2)
            .unwrap()
            .take(plus_seconds(start(), 60), 2)
            .unwrap();
        let midnight: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        assert_eq!((count.on(start()), count.rev), (2, 2));
        assert_eq!(count.take(plus_seconds(midnight, -1), 2), Err(midnight));
        assert_eq!(
            count.take(midnight, 2).unwrap(),
            DayCount { rev: 3, day: Some(Day::of(midnight)), images: 1 }
        );
        assert_eq!(count.on(midnight), 0);
    }

    #[test]
    fn a_clock_that_is_behind_does_not_begin_the_day_before_anew() {
        let midnight: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let count = DayCount::default().take(midnight, 1).unwrap();
        assert_eq!(
            count.take(plus_seconds(midnight, -300), 1),
            Err(plus_seconds(midnight, 86_400))
        );
    }

    #[test]
    fn the_record_stays_small_for_ever() {
        let mut budget = Budget::default();
        for i in 0..10_000 {
            budget = budget.take(plus_seconds(start(), i * 61), u32::MAX).expect("no limit");
            assert!(budget.buckets.len() <= 14);
        }
    }
}
