//! News that belong to no family: of coverage and of policies.

use super::Check;
use super::oracle::{Oracle, Told};
use super::truth::{Asked, read};
use crate::diary::Diary;
use crate::run::Run;
use amiline_domain::enrolment::EnrolmentKey;
use amiline_domain::history::{EventKind, HistoryItem, Subject};
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::record::Transaction;
use amiline_domain::time::{plus_seconds, seconds_between};
use amiline_fakecloud::{FakeCloud, Happening};
use jiff::Timestamp;

/// Seconds by which two clocks, or a clock and a cut second, may differ here.
const CLOCKS_SECONDS: i64 = 60;

/// Seconds for which a read may show what was so before.
const STALE_SECONDS: i64 = 400;

/// What was last told of the coverage of an instance, by instance, policy and Region.
pub(super) type Uncovered = std::collections::BTreeSet<(EnrolmentKey, String, Region)>;

impl Oracle {
    pub(super) fn see_news(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        news: &Transaction,
    ) {
        for item in news.history() {
            let known = (item.event, item.subject.clone(), item.image.clone());
            self.recorded.insert(item.outcome_id.clone(), known);
            match &item.subject {
                Subject::Enrolment(key) => self.see_coverage(cloud, diary, happening, key, item),
                Subject::Policy(policy) => self.see_policy(diary, happening, policy.as_str(), item),
                Subject::KillSwitch(_) => {
                    self.violate(Check::NewsAreTrue, "no function turns the switch".to_owned())
                }
                Subject::Family(family) => {
                    self.violate(Check::NewsAreTrue, format!("{family} is told of as news"))
                }
            }
        }
    }

    fn see_coverage(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        key: &EnrolmentKey,
        item: &HistoryItem,
    ) {
        let policy = item.policy.as_ref().map(ToString::to_string).unwrap_or_default();
        if item.event == EventKind::EnrolmentEnded {
            // A read may lag: the tag did not name the policy at some time in the last minutes, or
            // not any more since now.
            let always = diary.enrolments.iter().any(|enrolled| {
                enrolled.region == key.region
                    && enrolled.instance == key.instance
                    && enrolled.names(&policy)
                    && enrolled.from <= plus_seconds(happening.at, -STALE_SECONDS)
                    && enrolled.to.is_none_or(|to| to > happening.at)
            });
            self.hold(Check::NewsAreTrue, !always, || {
                format!(
                    "{} follows {policy} all the time, and its enrolment is told to end",
                    key.instance
                )
            });
            return;
        }
        let what = (key.clone(), policy.clone(), item.region.clone());
        let lost = item.event == EventKind::CoverageLost;
        let turned = if lost { self.uncovered.insert(what) } else { self.uncovered.remove(&what) };
        self.hold(Check::NewsInTurn, turned, || {
            format!(
                "{} of {policy} in {} for {} again",
                item.event.as_str(),
                item.region,
                key.instance
            )
        });
        if !lost {
            return;
        }
        let asked = diary.in_force_between(
            &policy,
            plus_seconds(happening.at, -60),
            happening.at,
            &is_policy,
        );
        let allowed = asked
            .into_iter()
            .flatten()
            .filter_map(read)
            .filter_map(|asked| allowed_seconds(&asked))
            .min();
        let newest = self
            .told
            .values()
            .filter(|told| {
                told.region == key.region && told.instance == key.instance && told.value == policy
            })
            .filter(|told| {
                is_known(cloud, told, &item.region, happening.at) && !touched_any(diary, told)
            })
            .map(|told| told.at)
            .max();
        // The slot that it is too old for has come, and its time is up.
        let so = allowed.is_some_and(|allowed| {
            newest.is_none_or(|at| seconds_between(at, happening.at) >= allowed - CLOCKS_SECONDS)
        });
        self.hold(Check::NewsAreTrue, so, || {
            format!(
                "{} has an image of {policy} in {} from {newest:?}, {allowed:?} s are allowed",
                key.instance, item.region
            )
        });
    }

    fn see_policy(
        &mut self,
        diary: &Diary,
        happening: &Happening,
        policy: &str,
        item: &HistoryItem,
    ) {
        let texts = diary.policy_between(policy, plus_seconds(happening.at, -60), happening.at);
        let Some(stack) = self.stack_of(happening.invocation) else { return };
        let usable = |text: &str| read(text).is_some_and(|asked| asked.is_within(&stack.bounds));
        let in_force = || {
            diary.in_force_between(
                policy,
                plus_seconds(happening.at, -60),
                happening.at,
                &is_policy,
            )
        };
        let scheduled = |text: &str| read(text).is_some_and(|asked| asked.slots.is_some());
        let so = match item.event {
            EventKind::PolicyRefused => texts.iter().flatten().any(|text| !usable(text)),
            // Those who follow it get no image: there was no such policy, or the one in force has
            // no schedule.
            EventKind::CoverageLost => {
                texts.iter().any(Option::is_none)
                    || in_force().into_iter().flatten().any(|text| !scheduled(text))
            }
            EventKind::CoverageRestored => in_force().into_iter().flatten().any(scheduled),
            _ => texts.iter().any(|text| text.is_none_or(usable)),
        };
        self.hold(Check::NewsAreTrue, so, || {
            format!("{policy}: {}: {:?}", item.event.as_str(), item.reason)
        });
    }
}

/// Whether a text is a policy, whatever the stack allows.
pub(super) fn is_policy(text: &str) -> bool {
    read(text).is_some()
}

/// Seconds from a slot until its image must be there at the earliest.
fn allowed_seconds(asked: &Asked) -> Option<i64> {
    let apart = i64::from(asked.slots?.apart()) * 60;
    Some(apart.min(asked.hours * 3600))
}

/// Whether an image of the family is available in the Region, and has stood in the record as such
/// for longer than an invocation lasts.
fn is_known(cloud: &FakeCloud, told: &Told, region: &Region, now: Timestamp) -> bool {
    let copies = told.copies.get(region);
    // Where an encrypted copy is made at home, that is the image.
    let images = copies.or((told.region == *region).then_some(&told.sources));
    let known = |id: &ImageId| {
        let since = told.available.get(&(region.clone(), id.clone()));
        since.is_some_and(|since| seconds_between(*since, now) > 120)
            && cloud.image_state(region, id) == Some(ImageState::Available)
    };
    images.is_some_and(|images| images.iter().any(known))
}

fn touched_any(diary: &Diary, told: &Told) -> bool {
    let copies =
        told.copies.iter().any(|(place, images)| images.iter().any(|id| diary.touched(place, id)));
    copies || told.sources.iter().any(|id| diary.touched(&told.region, id))
}

/// When nobody is enrolled any more, nobody's coverage is lost.
pub(crate) fn look(run: &mut Run) {
    let left = run.oracle.uncovered.len();
    run.oracle
        .hold(Check::NewsInTurn, left == 0, || format!("{left} losses of coverage have no end"));
}
