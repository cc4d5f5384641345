//! Schedules: what must hold when a slot is taken, and that none is left out once nothing goes
//! wrong.

use super::news::is_policy;
use super::transactions::Written;
use super::truth::{Slots, read};
use super::{Check, Oracle};
use crate::diary::{Diary, Enrolled};
use crate::run::Run;
use amiline_domain::history::EventKind;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::image::RootDevice;
use amiline_domain::tags::Trigger;
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::Happening;
use jiff::Timestamp;

/// Seconds by which two clocks, or a clock and a cut second, may differ here.
const CLOCKS_SECONDS: i64 = 60;
/// Seconds for which a tag that was taken off may still be read and acted on.
const STALE_SECONDS: i64 = 400;
/// Seconds for which nobody need have looked at an instance twice, while ticks and events are lost.
/// One read without the tag may be one that lags, and a slot that is lost to it would be worse than
/// one too many.
const UNSEEN_SECONDS: i64 = 3 * 3600;
/// Seconds from an instance's turn until its slot is taken at the latest: twice the wait for an
/// image that is being made, and the ticks between.
const TAKEN_SECONDS: i64 = 2700;

impl Oracle {
    /// Whether a later slot of the same policy was taken and told that earlier ones were missed:
    /// one that waited for an image that was still being made.
    fn said_that_it_missed(&self, enrolled: &Enrolled, policy: &str, slot: i64) -> bool {
        self.recorded
            .values()
            .filter(|(event, ..)| *event == EventKind::SlotsMissed)
            .filter_map(|(_, subject, _)| subject.family())
            .any(|family| {
                self.told.get(family).is_some_and(|told| {
                    told.region == enrolled.region
                        && told.instance == enrolled.instance
                        && told.value == policy
                        && told.at.as_second() > slot
                })
            })
    }

    /// The first transaction of a family that a schedule asked for, or of a refused enrolment.
    pub(super) fn see_slot(&mut self, diary: &Diary, happening: &Happening, commit: &Written<'_>) {
        let family = commit.family;
        let shown = self.shown.entry(happening.invocation).or_default();
        let read_it = shown
            .enrolment
            .as_ref()
            .filter(|key| key.region == family.region && key.instance == family.instance)
            .and(shown.schedule.clone());
        let Trigger::Schedule(policy) = &family.trigger else {
            self.hold(Check::EnrolmentWasSeen, read_it.is_some(), || {
                format!("{} is refused unseen", family.id)
            });
            return;
        };
        let named = read_it
            .is_some_and(|value| value.split([',', ' ']).any(|part| part == policy.as_str()));
        self.hold(Check::EnrolmentWasSeen, named, || {
            format!("{} takes a slot of {policy} unseen", family.id)
        });
        let slot = family.slot.second();
        let taken = (family.region.clone(), family.instance.clone(), policy.to_string(), slot);
        let first = self.taken.insert(taken);
        let slots = commit.policy_text.and_then(read).and_then(|asked| asked.slots);
        let real = slots.is_some_and(|slots| slots.has(slot));
        let come = slot <= happening.at.as_second() + CLOCKS_SECONDS;
        // It was enrolled when the slot came, and it is now; what it was in between nobody need
        // have seen.
        let stood_at = |second: i64| {
            diary.enrolments.iter().any(|enrolled| {
                enrolled.region == family.region
                    && enrolled.instance == family.instance
                    && enrolled.names(policy.as_str())
                    && enrolled.from.as_second() <= second + CLOCKS_SECONDS
                    && enrolled.to.is_none_or(|to| second - to.as_second() <= STALE_SECONDS)
            })
        };
        // A tag that was off for a while that nobody saw: its seat was kept, and whatever came
        // meanwhile is its slot.
        let mine = |enrolled: &&Enrolled| {
            enrolled.region == family.region
                && enrolled.instance == family.instance
                && enrolled.names(policy.as_str())
        };
        let put_back = diary.enrolments.iter().filter(mine).any(|before| {
            before.to.is_some_and(|to| {
                let soon = plus_seconds(to, UNSEEN_SECONDS);
                let again = |after: &Enrolled| {
                    after.from >= to && after.from <= soon && after.from <= happening.at
                };
                before.from.as_second() <= slot + CLOCKS_SECONDS
                    && slot <= soon.as_second()
                    && diary.enrolments.iter().filter(mine).any(again)
            })
        });
        let stood = (stood_at(slot) || put_back) && stood_at(happening.at.as_second());
        self.hold(Check::SlotsAreReal, first && real && come && stood, || {
            let at = family.slot.timestamp();
            format!(
                "{policy} at {at} for {}: first {first}, a slot {real}, due {come}, enrolled {stood}",
                family.instance
            )
        });
    }
}

/// Every slot that came while nothing went wrong was taken, by every instance that was enrolled all
/// the while; or a later one was, and said so.
pub(crate) fn look(run: &mut Run, since: Timestamp) {
    let now = run.cloud.now();
    let standing: Vec<Enrolled> =
        run.diary.enrolments.iter().filter(|one| one.to.is_none()).cloned().collect();
    for enrolled in standing {
        for policy in enrolled.policies() {
            let Some(slots) = expected(run, &enrolled, policy) else { continue };
            // A sweep has found what no event told, and the instance's turn has come and gone.
            let until = plus_seconds(now, -(slots.jitter * 60 + TAKEN_SECONDS));
            let Some(slot) = slots.before(until.as_second()).filter(|slot| {
                *slot
                    >= plus_seconds(
                        since.max(enrolled.from),
                        crate::run::SWEEP_SECONDS + TAKEN_SECONDS,
                    )
                    .as_second()
            }) else {
                continue;
            };
            let taken =
                (enrolled.region.clone(), enrolled.instance.clone(), policy.to_owned(), slot);
            let was = run.oracle.taken.contains(&taken)
                || run.oracle.said_that_it_missed(&enrolled, policy, slot);
            run.oracle.hold(Check::SlotsTaken, was, || {
                let at = plus_seconds(Timestamp::UNIX_EPOCH, slot);
                format!("{} did not get its image of {policy} for {at}", enrolled.instance)
            });
        }
    }
}

/// The slots that the instance must get; none if there is a reason that it does not.
fn expected(run: &Run, enrolled: &Enrolled, policy: &str) -> Option<Slots> {
    let bounds = &run.stack.bounds;
    let asked = read(run.diary.in_force_now(policy, &is_policy)?)
        .filter(|asked| asked.is_within(bounds))?;
    let instance = run.cloud.instance_now(&enrolled.region, &enrolled.instance);
    let can_be_made = !instance.state.is_gone()
        && instance.root_device == RootDevice::Ebs
        && run.watched.contains(&enrolled.region)
        && bounds.regions.contains(&enrolled.region);
    // An image that takes long makes the next slot wait, and so does another policy's.
    let quick = run.conditions.pending <= 600 && enrolled.policies().len() == 1;
    // With few images an hour, or an interval between two of several policies, slots wait for each
    // other.
    let interval = i64::from(bounds.interval_minutes_min).max(asked.interval);
    let often = |slots: &Slots| i64::from(slots.apart()) <= interval;
    let roomy = |slots: &Slots| {
        let spaced = interval == 0 || (alone(run, enrolled) && !often(slots));
        bounds.images_per_hour_max >= 50 && spaced
    };
    // A day that is full makes slots wait for the next.
    asked
        .slots
        .filter(|_| asked.per_day.is_none())
        .filter(|slots| can_be_made && quick && roomy(slots))
}

/// Whether nobody pressed the instance's button.
fn alone(run: &Run, enrolled: &Enrolled) -> bool {
    let of = |region: &Region, instance: &InstanceId| {
        *region == enrolled.region && *instance == enrolled.instance
    };
    let pressed = run.diary.presses.iter().any(|pressed| of(&pressed.region, &pressed.instance));
    !pressed
}
