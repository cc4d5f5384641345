//! A crowd: thousands of instances that are due at the same minute, at EC2's documented request
//! rates.

use amiline_domain::ids::InstanceId;
use amiline_domain::time::seconds_between;
use amiline_fakecloud::Launch;
use amiline_scenarios::{House, east};
use std::collections::{BTreeMap, BTreeSet};

/// Messages of each queue that are worked on in a second: five at once (infra/template.yaml,
/// MaximumConcurrency), each of which takes half a second.
const PER_SECOND: usize = 10;
/// Hours for which the story is told at most.
const HOURS_MAX: usize = 12;

/// What became of a crowd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// Instances that were due.
    pub instances: usize,
    /// Those that got their image of the slot.
    pub served: usize,
    /// Images that were made: each instance's slot is one.
    pub images: usize,
    /// Minutes from the slot until the last image was asked for.
    pub minutes: i64,
    /// The longest that an instance waited after its own turn, in minutes.
    pub longest_wait: i64,
    /// The most images that were asked for in one hour.
    pub hour_max: usize,
    /// Requests that EC2 refused for their rate.
    pub throttled: u64,
}

impl Crowd {
    /// What is wrong, if anything: nobody may starve, and nobody may be served twice.
    pub fn problem(&self, per_hour: u32) -> Option<String> {
        let per_hour = usize::try_from(per_hour).unwrap_or(usize::MAX);
        // Whoever has waited longest goes first: the last one waits for the hours that the crowd
        // takes, and no longer.
        let hours = i64::try_from(self.instances.div_ceil(per_hour)).unwrap_or(i64::MAX);
        let wait_max = hours * 60 + 30;
        if self.served < self.instances {
            return Some(format!(
                "{} of {} got no image",
                self.instances - self.served,
                self.instances
            ));
        }
        if self.images != self.instances {
            return Some(format!("{} images for {} instances", self.images, self.instances));
        }
        if self.hour_max > per_hour {
            return Some(format!(
                "{} images in one hour, and {per_hour} are allowed",
                self.hour_max
            ));
        }
        (self.longest_wait > wait_max).then(|| {
            format!("somebody waited {} minutes, and {wait_max} are enough", self.longest_wait)
        })
    }
}

/// Lives a crowd's night through.
pub fn live_through(instances: usize, per_hour: u32) -> Crowd {
    let mut house = House::new();
    house.cloud.keep_trace(false);
    house.stack.bounds.images_per_hour_max = per_hour;
    house.cloud.throttle_as_documented();
    // No window spreads them.
    house.cloud.put_policy("night", r#"{"schedule":{"cron":["0 2 * * *"]}}"#);
    let launch = || {
        let tags = BTreeMap::from([("amiline:schedule".to_owned(), "night".to_owned())]);
        house.cloud.launch_with(&east(), Launch { tags, ..Launch::default() })
    };
    let crowd: BTreeSet<InstanceId> = (0..instances).map(|_| launch()).collect();
    house.sweep();
    // Enrolling so many is held up by EC2's rate too.
    house.live_at_a_pace(instances.div_ceil(600).max(10), PER_SECOND);
    let turns: BTreeMap<InstanceId, jiff::Timestamp> = crowd
        .iter()
        .filter_map(|id| Some((id.clone(), house.cloud.enrolment_of(&east(), id)?.next_look?)))
        .collect();
    let now = house.cloud.now();
    let slot = seconds_between(now, midnight_after(now)) + 2 * 3600;
    house.cloud.advance(slot.rem_euclid(86_400));
    let start = house.cloud.now();
    for _ in 0..HOURS_MAX * 12 {
        house.live_at_a_pace(5, PER_SECOND);
        if house.cloud.families().len() >= instances && house.cloud.due().is_empty() {
            break;
        }
    }
    let families = house.cloud.families();
    let mut by_hour: BTreeMap<i64, usize> = BTreeMap::new();
    let (mut minutes, mut longest_wait) = (0, 0);
    for family in &families {
        let after = seconds_between(start, family.created_at);
        *by_hour.entry(after.div_euclid(3600)).or_default() += 1;
        minutes = minutes.max(after.div_euclid(60));
        let turn = turns.get(&family.instance).copied().unwrap_or(start);
        longest_wait = longest_wait.max(seconds_between(turn, family.created_at).div_euclid(60));
    }
    let served: BTreeSet<&InstanceId> = families.iter().map(|family| &family.instance).collect();
    Crowd {
        instances,
        served: served.len(),
        images: families.len(),
        minutes,
        longest_wait,
        hour_max: by_hour.values().copied().max().unwrap_or_default(),
        throttled: house.cloud.throttled_calls(),
    }
}

fn midnight_after(now: jiff::Timestamp) -> jiff::Timestamp {
    amiline_domain::day::Day::of(now).end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_crowd_is_served_and_one_that_is_not_is_told() {
        let crowd = live_through(60, 40);
        assert_eq!(crowd.problem(40), None, "{crowd:?}");
        assert_eq!((crowd.served, crowd.images), (60, 60));
        let starved = Crowd { served: 59, ..crowd.clone() };
        assert!(
            starved.problem(40).is_some_and(|problem| problem.contains("1 of 60 got no image"))
        );
        let late = Crowd { longest_wait: 600, ..crowd };
        assert!(late.problem(40).is_some());
    }
}
