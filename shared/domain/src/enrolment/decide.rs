//! What a look at an enrolled instance leads to.

use super::standing::{HeldUp, Standing};
use super::{Enrolment, Named, Seat, Turn};
use crate::bounds::Bounds;
use crate::budget::Budget;
use crate::coverage::{self, CoverageNews, Lost, Made, coverage, promises};
use crate::escape::one_line;
use crate::history::EventKind;
use crate::ids::{Fingerprint, PolicyName};
use crate::image::ObservedInstance;
use crate::look::{Admission, Counts, PolicyRead, admit_under, usable};
use crate::policy::Policy;
use crate::press::{Hint, Press};
use crate::reason::{Rejection, ScheduleReason};
use crate::schedule::Timetable;
use crate::tags::TagKeys;
use crate::time::{Slot, plus_seconds, seconds_between};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// For how long the tag must be absent from every read before the instance is no longer enrolled,
/// in seconds.
const ABSENT_SECONDS: i64 = 300;
/// When to look again if an event and a read show different tags, in seconds.
const LAGGING_READ_SECONDS: i64 = 60;
/// When to look again at an instance whose image is still being made, in seconds. EC2 makes few
/// images of one instance at once (`ConcurrentCreateImageNoRebootLimitExceeded`), so a slot that
/// comes too soon waits, and the latest one is taken.
const BUSY_SECONDS: i64 = 900;
const DAY_SECONDS: i64 = 86_400;
/// When to look again at an instance none of whose policies gives a slot, in seconds: the event
/// that its tag went may be lost, and no sweep sees a tag that is not there. Such looks take turns
/// from those who are due, so they are rare.
const IDLE_SECONDS: i64 = DAY_SECONDS;
/// Missed slots that are counted; more are "many".
pub(crate) const MISSED_MAX: usize = 1000;

/// What was read for a look.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The instance; none if EC2 does not show it.
    pub instance: Option<&'a ObservedInstance>,
    /// The tag's value on it.
    pub tag: Option<&'a str>,
    /// What an event claimed; its `button` is the tag's value in the event.
    pub hint: Option<&'a Hint>,
    /// Each policy that the tag names.
    pub policies: &'a BTreeMap<PolicyName, PolicyRead>,
    /// The instance's button, read with the enrolment: it knows when the instance was imaged last.
    pub press: &'a Press,
    /// The hour's count.
    pub budget: &'a Budget,
    /// What the stack allows.
    pub bounds: &'a Bounds,
    /// The stack's tag keys.
    pub keys: &'a TagKeys,
    /// What was made of the instance, newest first, if its coverage is asked for.
    pub made: Option<&'a [Made]>,
    /// Slots whose family is in the table already.
    pub taken: &'a BTreeSet<(PolicyName, Slot)>,
    /// Whether the image of the slot before is still being made.
    pub busy: bool,
    /// The moment of the look.
    pub now: Timestamp,
}

/// What is to be done, with what the enrolment becomes by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolmentDecision {
    /// Nothing at all.
    Nothing,
    /// The enrolment says something new.
    Write(Enrolment),
    /// An image is due.
    Begin {
        /// Under this policy.
        policy: PolicyName,
        /// For this slot.
        slot: Slot,
        /// What was missed before it.
        missed: Missed,
        /// Policy and hour's count.
        admission: Box<Admission>,
        /// The slot is done with.
        enrolment: Enrolment,
    },
    /// What the instance's coverage has become, which nobody was told yet.
    Tell {
        /// What to tell.
        news: Vec<CoverageNews>,
        /// It was told.
        enrolment: Enrolment,
    },
    /// The policy gives no images, which nobody was told yet.
    Refuse {
        /// The policy, or the whole value of the tag.
        requested: String,
        /// Identifies the refusal.
        slot: Slot,
        /// Why not.
        rejection: Rejection,
        /// It was told.
        enrolment: Enrolment,
    },
}

/// How late a slot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// Earlier slots that nothing was made for.
    pub slots: usize,
    /// Seconds since the instance's turn.
    pub late_seconds: i64,
}

impl Missed {
    /// What people are told; none if nothing was missed.
    pub fn reason(&self, slot: Slot) -> Option<ScheduleReason> {
        let minutes_late = self.late_seconds.div_euclid(60);
        let (slots, slot) = (self.slots, slot.timestamp());
        (slots > 0).then_some(ScheduleReason::SlotsMissed { slots, slot, minutes_late })
    }
}

/// Decides what a look at an instance leads to: at most one image or one refusal, since each is a
/// transaction of its own. The same reads always lead to the same decision; after it was carried
/// out, the next look comes to `Nothing`.
pub fn decide(enrolment: &Enrolment, sight: Sight<'_>) -> EnrolmentDecision {
    let present = sight.instance.filter(|instance| !instance.state.is_gone());
    let (Some(instance), Some(tag)) = (present, sight.tag) else {
        let gone = sight.instance.is_some_and(|instance| instance.state.is_gone());
        let after = absent(enrolment, gone, sight);
        let (lost_ends, lost) = coverage::news(&after, &[], sight.now);
        let ended =
            present.map(|instance| ended(enrolment, &after, instance, sight)).unwrap_or_default();
        let news: Vec<CoverageNews> = ended.into_iter().chain(lost_ends).collect();
        return match news.is_empty() {
            true => changed(enrolment, after),
            false => told(after, news, lost),
        };
    };
    let named = Named::of(tag);
    let mut after = Enrolment { absent_since: None, ..enrolment.clone() };
    after.seats.retain(|policy, _| named.policies.contains(policy));
    for policy in &named.policies {
        after.seats.entry(policy.clone()).or_insert_with(|| Box::new(Seat::taken(sight.now)));
    }
    let ended = ended(enrolment, &after, instance, sight);
    if !ended.is_empty() {
        let lost = after.lost.clone();
        return told(finished(after, sight, Some(tag)), ended, lost);
    }
    if let Some(told) = tell(&after, instance, sight) {
        return told;
    }
    if let Some(problem) = named.problem.filter(|_| named.bad != enrolment.bad_value) {
        after.bad_value = named.bad;
        return refusal(
            one_line(tag, 256),
            Rejection::BadSchedule(problem),
            finished(after, sight, Some(tag)),
            sight,
        );
    }
    after.bad_value = named.bad;
    for policy in longest_waiting_first(&after, named.policies) {
        let Some(seat) = after.seats.get_mut(&policy) else { continue };
        match act(seat, &policy, instance, sight) {
            Act::Begin { slot, missed, admission } => {
                let enrolment = finished(after, sight, Some(tag));
                let enrolment = Enrolment { rev: enrolment.rev.saturating_add(1), ..enrolment };
                return EnrolmentDecision::Begin { policy, slot, missed, admission, enrolment };
            }
            Act::Refuse(rejection) => {
                return refusal(
                    policy.to_string(),
                    rejection,
                    finished(after, sight, Some(tag)),
                    sight,
                );
            }
            Act::Wait(_) => {}
        }
    }
    changed(enrolment, finished(after, sight, Some(tag)))
}

/// What is to be told of the coverage, if it is asked for. The seats are those of the tag, as far
/// as they were known.
fn tell(
    after: &Enrolment,
    instance: &ObservedInstance,
    sight: Sight<'_>,
) -> Option<EnrolmentDecision> {
    let made = sight.made?;
    let texts =
        sight.policies.iter().map(|(name, read)| (name.clone(), read.texts.clone())).collect();
    let covers = coverage(&instance.id, after, &promises(&texts), made, sight.now);
    let (news, lost) = coverage::news(after, &covers, sight.now);
    (!news.is_empty()).then(|| told(after.clone(), news, lost))
}

/// The schedules that the instance followed and no longer does, though it is there. Where it was
/// promised nothing, nothing ends.
fn ended(
    before: &Enrolment,
    after: &Enrolment,
    instance: &ObservedInstance,
    sight: Sight<'_>,
) -> Vec<CoverageNews> {
    let key = sight.keys.schedule();
    let value = sight.tag.map(|tag| one_line(tag, 60));
    let gone = before
        .seats
        .iter()
        .filter(|(policy, seat)| !seat.promised.is_empty() && !after.seats.contains_key(*policy));
    gone.map(|(policy, _)| CoverageNews {
        kind: EventKind::EnrolmentEnded,
        policy: policy.clone(),
        region: instance.region.clone(),
        image: None,
        reason: ScheduleReason::EnrolmentEnded {
            policy: policy.clone(),
            key: key.clone(),
            value: value.clone(),
        },
    })
    .collect()
}

fn told(after: Enrolment, news: Vec<CoverageNews>, lost: Lost) -> EnrolmentDecision {
    let rev = after.rev.saturating_add(1);
    EnrolmentDecision::Tell { news, enrolment: Enrolment { rev, lost, ..after } }
}

/// Where several slots have come, the oldest goes first: or one that comes often would always be
/// before the others.
fn longest_waiting_first(enrolment: &Enrolment, policies: BTreeSet<PolicyName>) -> Vec<PolicyName> {
    let slot = |policy: &PolicyName| {
        enrolment.seats.get(policy).and_then(|seat| seat.next).map(|turn| turn.slot)
    };
    let mut policies: Vec<PolicyName> = policies.into_iter().collect();
    policies.sort_by_key(|policy| slot(policy).map_or((true, None), |slot| (false, Some(slot))));
    policies
}

fn refusal(
    requested: String,
    rejection: Rejection,
    mut enrolment: Enrolment,
    sight: Sight<'_>,
) -> EnrolmentDecision {
    let slot = Slot::next(sight.now, enrolment.last_refusal);
    enrolment.last_refusal = Some(slot);
    enrolment.rev = enrolment.rev.saturating_add(1);
    EnrolmentDecision::Refuse { requested, slot, rejection, enrolment }
}

/// The tag is not there, or the instance is not.
fn absent(enrolment: &Enrolment, gone: bool, sight: Sight<'_>) -> Enrolment {
    let mut after = enrolment.clone();
    let since = *after.absent_since.get_or_insert(sight.now);
    let settled = seconds_between(since, sight.now) >= ABSENT_SECONDS;
    if gone || settled || after.seats.is_empty() {
        after.seats.clear();
        after.bad_value = None;
        after.absent_since = None;
        return finished(after, sight, None);
    }
    after.next_look = Some(plus_seconds(since, ABSENT_SECONDS));
    after
}

/// The next look: the first turn, or soon where an event and the read differ, or some time where
/// nothing else asks for one.
fn finished(mut after: Enrolment, sight: Sight<'_>, read: Option<&str>) -> Enrolment {
    let fresh = |hint: &&Hint| seconds_between(hint.time, sight.now) < LAGGING_READ_SECONDS;
    let differs = sight.hint.filter(fresh).is_some_and(|hint| hint.button.as_deref() != read);
    let soon = differs.then(|| plus_seconds(sight.now, LAGGING_READ_SECONDS));
    let turn = after.first_turn();
    // Another look meanwhile does not put it off further.
    let kept = after
        .next_look
        .filter(|at| *at > sight.now && *at <= plus_seconds(sight.now, IDLE_SECONDS));
    let idle = (turn.is_none() && !after.seats.is_empty())
        .then(|| kept.unwrap_or_else(|| plus_seconds(sight.now, IDLE_SECONDS)));
    after.next_look = turn.into_iter().chain(soon).chain(idle).min();
    after
}

fn changed(before: &Enrolment, mut after: Enrolment) -> EnrolmentDecision {
    if *before == after {
        return EnrolmentDecision::Nothing;
    }
    after.rev = before.rev.saturating_add(1);
    EnrolmentDecision::Write(after)
}

/// What one policy's part of the enrolment asks for.
pub(super) enum Act {
    /// An image.
    Begin { slot: Slot, missed: Missed, admission: Box<Admission> },
    /// That people are told why the policy gives no image.
    Refuse(Rejection),
    /// Nothing now, and why not.
    Wait(Standing),
}

/// Brings one seat up to date, and says what it asks for.
pub(super) fn act(
    seat: &mut Seat,
    name: &PolicyName,
    instance: &ObservedInstance,
    sight: Sight<'_>,
) -> Act {
    let unread = PolicyRead::default();
    let read = sight.policies.get(name).unwrap_or(&unread);
    seat.text_hash = read.texts.newest.as_deref().map(Policy::hash);
    let usable =
        usable(name, read, &instance.region, sight.bounds, sight.keys).and_then(|usable| {
            let table = usable.policy.timetable().cloned();
            Ok((table.ok_or_else(|| Rejection::NoSchedule { policy: name.clone() })?, usable))
        });
    let (table, policy) = match usable {
        Ok(given) => given,
        Err(rejection) => {
            seat.next = None;
            let lapsed =
                matches!(rejection, Rejection::UnknownPolicy { .. } | Rejection::NoSchedule { .. });
            if lapsed {
                seat.slots = None;
                seat.promised.clear();
            }
            seat.lapsed |= lapsed;
            return refuse(seat, rejection);
        }
    };
    if std::mem::take(&mut seat.lapsed) {
        seat.done = seat.done.max(sight.now);
    }
    seat.promise(&policy.policy, &instance.region, sight.now);
    let skipped = |slot: &Slot| sight.taken.contains(&(name.clone(), *slot));
    if let Some(slot) = table.latest(seat.done, sight.now).filter(skipped) {
        seat.done = slot.timestamp();
    }
    let Some(slot) = table.latest(seat.done, sight.now) else {
        seat.next =
            table.next(seat.done.max(sight.now)).map(|slot| turn(&table, slot, name, instance));
        return Act::Wait(seat.next.map_or(Standing::Over, Standing::Next));
    };
    let due = turn(&table, slot, name, instance);
    if due.at > sight.now {
        seat.next = Some(due);
        return Act::Wait(Standing::InTheWindow(due));
    }
    if sight.busy {
        // Another look meanwhile does not put it off further.
        let put_off = seat.next.filter(|turn| turn.slot == slot && turn.at > sight.now);
        let turn = put_off.unwrap_or(Turn { slot, at: plus_seconds(sight.now, BUSY_SECONDS) });
        return hold_up(seat, turn, HeldUp::Busy);
    }
    let counts = Counts { press: sight.press, budget: sight.budget };
    match admit_under(policy, instance, counts, sight.bounds, sight.now) {
        Ok(admission) => {
            let missed = Missed {
                slots: table.count(seat.done, slot.timestamp(), MISSED_MAX),
                late_seconds: seconds_between(due.at, sight.now),
            };
            take(seat, &table, slot, name, instance, sight.now);
            seat.refused = None;
            Act::Begin { slot, missed, admission: Box::new(admission) }
        }
        // It waits: for its interval, for the policy's next day, or for the hour.
        Err(limit @ Rejection::TooSoon { free }) => {
            hold_up(seat, Turn { slot, at: free }, HeldUp::Limit(limit))
        }
        Err(limit @ Rejection::DailyLimit { free, .. }) => {
            let at = plus_seconds(free, place_in_the_queue(seat, free));
            hold_up(seat, Turn { slot, at }, HeldUp::Limit(limit))
        }
        Err(limit @ Rejection::HourlyLimit { .. }) => hold_up(seat, due, HeldUp::Limit(limit)),
        Err(rejection) => {
            take(seat, &table, slot, name, instance, sight.now);
            refuse(seat, rejection)
        }
    }
}

/// The slot has come, and has to wait.
fn hold_up(seat: &mut Seat, turn: Turn, by: HeldUp) -> Act {
    seat.next = Some(turn);
    Act::Wait(Standing::HeldUp { turn, by })
}

/// Seconds into the policy's next day at which an instance comes that a full day made wait: the
/// longer it has been without an image, the earlier, and nobody later than an hour. Where all came
/// at once the same ones would fill each day.
fn place_in_the_queue(seat: &Seat, free: Timestamp) -> i64 {
    let without = seconds_between(seat.done, free).max(0);
    DAY_SECONDS
        .saturating_mul(3600)
        .checked_div(DAY_SECONDS.saturating_add(without))
        .unwrap_or_default()
}

fn turn(table: &Timetable, slot: Slot, policy: &PolicyName, instance: &ObservedInstance) -> Turn {
    Turn { slot, at: table.turn(slot, policy, &instance.id) }
}

fn take(
    seat: &mut Seat,
    table: &Timetable,
    slot: Slot,
    name: &PolicyName,
    instance: &ObservedInstance,
    now: Timestamp,
) {
    seat.done = slot.timestamp();
    seat.next = table.next(seat.done.max(now)).map(|slot| turn(table, slot, name, instance));
}

/// Told once: until the reason is another one, or was gone in between.
fn refuse(seat: &mut Seat, rejection: Rejection) -> Act {
    let text = seat.text_hash.as_ref().map_or("", Fingerprint::as_str);
    let told = format!("{} {text}", rejection.code());
    if seat.refused.as_ref() == Some(&told) {
        return Act::Wait(Standing::Refused(rejection));
    }
    seat.refused = Some(told);
    Act::Refuse(rejection)
}
