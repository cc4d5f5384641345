//! Which families are asked at a sweep with whom their images are shared: each once a day, and so
//! many an hour at most.
//!
//! EC2 shows launch permissions for one image a call, and images stay for years. So families take
//! turns, and nothing has to remember them: whether it is a family's turn follows from its id, the
//! hour, and how many families there are.

use crate::ids::{FamilyId, short_digest};
use jiff::Timestamp;
use std::collections::BTreeSet;

const HOUR_SECONDS: i64 = 3600;
/// Hours in which each family has its turn, while there are few enough.
const HOURS_MIN: u64 = 24;
/// Families that have their turn in one hour, on average: `distribute-image` asks so many within
/// minutes, beside its work.
const FAMILIES_AN_HOUR: u64 = 500;

/// The families whose turn is in the hour of `now`.
pub fn due_in_hour(families: BTreeSet<FamilyId>, now: Timestamp) -> BTreeSet<FamilyId> {
    let count = u64::try_from(families.len()).unwrap_or(u64::MAX);
    let hours = count.div_ceil(FAMILIES_AN_HOUR).max(HOURS_MIN);
    let hour = u64::try_from(now.as_second().div_euclid(HOUR_SECONDS)).unwrap_or_default();
    families
        .into_iter()
        .filter(|family| place_of(family).checked_rem(hours) == hour.checked_rem(hours))
        .collect()
}

/// A number that is the family's for good, and spread evenly.
fn place_of(family: &FamilyId) -> u64 {
    u64::from_str_radix(&short_digest(&["shares", family.as_str()], 15), 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(count: u64) -> BTreeSet<FamilyId> {
        (0..count).map(|n| FamilyId::new(format!("fam-{n:016x}")).unwrap()).collect()
    }

    /// The largest turn, and how many families had one, in so many hours.
    fn turns(families: &BTreeSet<FamilyId>, hours: i64) -> (usize, usize) {
        let begin: Timestamp = "2026-11-24T12:10:00Z".parse().unwrap();
        let turns = (0..hours).map(|hour| {
            due_in_hour(families.clone(), crate::time::plus_seconds(begin, hour * HOUR_SECONDS))
        });
        let turns: Vec<BTreeSet<FamilyId>> = turns.collect();
        let had: usize = turns.iter().map(BTreeSet::len).sum();
        assert_eq!(turns.iter().flatten().collect::<BTreeSet<_>>().len(), had, "one turn each");
        (turns.iter().map(BTreeSet::len).max().unwrap_or_default(), had)
    }

    #[test]
    fn each_of_few_families_has_one_turn_a_day_and_the_turns_are_spread() {
        let (largest, had) = turns(&families(2_400), 24);
        assert_eq!(had, 2_400);
        assert!(largest < 150, "{largest}");
    }

    #[test]
    fn of_many_families_each_has_its_turn_later_and_none_is_forgotten() {
        let (largest, had) = turns(&families(20_000), 40);
        assert_eq!(had, 20_000);
        assert!(largest < 650, "{largest}");
        assert_eq!(turns(&families(0), 24), (0, 0));
    }
}
