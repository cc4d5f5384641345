//! The slots around a time. They are the same for all times between two neighbouring slots, so they
//! are computed once for all of these: a fleet is planned at one time, and its images were
//! requested between few slots.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Pairs of neighbouring slots that are kept. When one more is needed, all are dropped. An hourly
/// schedule has 744 slots in a month.
const KEPT_MAX: usize = 1024;

/// The slots next to a time. `None`: there is none in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Around {
    /// The last slot at or before the time.
    pub(super) latest: Option<Timestamp>,
    /// The first slot after the time.
    pub(super) next: Option<Timestamp>,
}

/// The slots around the times that were asked for, by the start of the span in which they hold. A
/// span ends before its `next`.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<Timestamp, Around>>);

impl Known {
    pub(super) fn around(&self, at: Timestamp, compute: impl FnOnce() -> Around) -> Around {
        if let Some(around) = self.kept(at) {
            return around;
        }
        let around = compute();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(around.latest.unwrap_or(at), around);
        around
    }

    fn kept(&self, at: Timestamp) -> Option<Around> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, around) = known.range(..=at).next_back()?;
        around.next.is_none_or(|next| at < next).then_some(*around)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Slots at 100, 200 and 300, and how often they were computed.
    fn ask(known: &Known, second: i64, computed: &mut usize) -> (Option<i64>, Option<i64>) {
        let slots = [100, 200, 300];
        let around = known.around(at(second), || {
            *computed += 1;
            let latest = slots.into_iter().rfind(|slot| *slot <= second).map(at);
            Around { latest, next: slots.into_iter().find(|slot| *slot > second).map(at) }
        });
        (around.latest.map(Timestamp::as_second), around.next.map(Timestamp::as_second))
    }

    #[test]
    fn slots_are_computed_once_between_two_neighbours() {
        let (known, mut computed) = (Known::default(), 0);
        for second in [150, 100, 199] {
            assert_eq!(ask(&known, second, &mut computed), (Some(100), Some(200)), "{second}");
        }
        assert_eq!(computed, 1);
        assert_eq!(
            ask(&known, 200, &mut computed),
            (Some(200), Some(300)),
            "a slot begins the next span"
        );
        assert_eq!(computed, 2);
    }

    #[test]
    fn what_is_known_after_the_last_slot_holds_for_good_and_before_the_first_only_later() {
        let (known, mut computed) = (Known::default(), 0);
        for second in [300, 301, 9_000] {
            assert_eq!(ask(&known, second, &mut computed), (Some(300), None), "{second}");
        }
        assert_eq!(computed, 1);
        for second in [50, 99, 20] {
            assert_eq!(ask(&known, second, &mut computed), (None, Some(100)), "{second}");
        }
        assert_eq!(computed, 3, "the time before the first one asked for is computed anew");
    }

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let known = Known::default();
        for second in 0..=i64::try_from(KEPT_MAX).unwrap() {
            known.around(at(second), || Around {
                latest: Some(at(second)),
                next: Some(at(second + 1)),
            });
        }
        assert_eq!(known.0.lock().unwrap().len(), 1);
    }
}
