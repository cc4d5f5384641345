//! How many images may be asked for in any sixty minutes.

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
        self.buckets.iter().copied().filter(|(start, _)| start.saturating_add(BUCKET_SECONDS) > from).collect()
    }

    /// Counts one more at `now`, or refuses if `per_hour_max` were taken in the last sixty minutes (rounded up to
    /// the five-minute bucket that the hour began in).
    pub fn take(&self, now: Timestamp, per_hour_max: u32) -> Option<Budget> {
        let second = now.as_second();
        let mut buckets = self.recent(now);
        if taken(&buckets) >= per_hour_max {
            return None;
        }
        let bucket = second.saturating_sub(second.rem_euclid(BUCKET_SECONDS));
        match buckets.last_mut() {
            // A clock a little behind another's counts into the newest bucket rather than opening one in the past.
            Some((start, count)) if *start >= bucket => *count = count.saturating_add(1),
            _ => buckets.push((bucket, 1)),
        }
        Some(Budget { rev: self.rev.saturating_add(1), buckets })
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
    fn a_limit_of_zero_refuses_everything() {
        assert_eq!(Budget::default().take(start(), 0), None);
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
