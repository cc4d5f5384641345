//! Coverage: whether each enrolled instance has an image in each Region that is as new as its
//! policy promises.
//!
//! A policy promises an image for each slot, in the instance's Region and in each destination. The
//! image of a slot may take as long as there is between two slots, and no longer than the policy's
//! deadline; after that, an instance without an image that is as new as the slot has lost its
//! coverage there. Whatever the reason, and whether anything failed or not.

use crate::bounds::Bounds;
use crate::enrolment::{Enrolment, Named, Seat};
use crate::escape::one_line;
use crate::family::{Family, RowState};
use crate::history::EventKind;
use crate::ids::{FamilyId, Fingerprint, ImageId, InstanceId, PolicyName, Region};
use crate::look::{PolicyRead, usable};
use crate::policy::{Policy, PolicyTexts, Prepared, nearest};
use crate::reason::{Reason, Rejection, RequestReason, ScheduleReason};
use crate::schedule::Timetable;
use crate::tags::TagKeys;
use crate::time::{plus_seconds, seconds_between};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was made of an instance under a policy at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The family.
    pub family: FamilyId,
    /// Its policy.
    pub policy: PolicyName,
    /// When the image was asked for: its data are no older.
    pub at: Timestamp,
    /// The image in each Region in which it is available now.
    pub available: BTreeMap<Region, ImageId>,
}

impl Made {
    /// Of a family; none if it was refused before it had a policy.
    pub fn of(family: &Family) -> Option<Self> {
        let policy = family.policy.as_ref()?.name.clone();
        let mut available = BTreeMap::new();
        let mut lacking = BTreeSet::new();
        // The source comes first, so that an encrypted copy in its Region takes its place.
        for row in family.rows.values() {
            match &row.image {
                Some(image) if row.state == RowState::Available => {
                    available.insert(row.region.clone(), image.clone());
                }
                Some(_) | None => {
                    lacking.insert(row.region.clone());
                }
            }
        }
        available.retain(|region, _| !lacking.contains(region));
        Some(Self { family: family.id.clone(), policy, at: family.created_at, available })
    }
}

/// The newest image of an instance in a Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// Which.
    pub image: ImageId,
    /// When it was asked for.
    pub at: Timestamp,
}

/// How an instance is covered by one policy in one Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The policy.
    pub policy: PolicyName,
    /// The Region.
    pub region: Region,
    /// The newest available image there; none if there is none.
    pub newest: Option<Newest>,
    /// Seconds between the slot that is missing, or comes next, and the one after it.
    pub interval_seconds: Option<i64>,
    /// When the coverage was lost, or will be if no newer image comes. None if the policy gives no
    /// further slot.
    pub lost_at: Option<Timestamp>,
    /// The slot for which there is no image, while coverage is lost.
    pub lost_slot: Option<Timestamp>,
}

impl Cover {
    /// Whether it is lost.
    pub fn is_lost(&self) -> bool {
        self.lost_slot.is_some()
    }
}

/// Slots for which there is no image, by policy and Region.
pub type Lost = BTreeMap<PolicyName, BTreeMap<Region, Timestamp>>;

/// What a policy in force promises, ready to be asked for many instances.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Hash of the policy's newest text.
    pub hash: Fingerprint,
    /// The version in force.
    pub policy: Arc<Prepared>,
}

/// What the policies promise that are in force and have a schedule.
pub fn promises(texts: &BTreeMap<PolicyName, PolicyTexts>) -> BTreeMap<PolicyName, Promise> {
    let promise = |texts: &PolicyTexts| {
        let policy = texts.in_force()?.ok()?.policy;
        policy.timetable()?;
        Some(Promise { hash: Policy::hash(texts.newest.as_deref()?), policy })
    };
    texts.iter().filter_map(|(name, texts)| Some((name.clone(), promise(texts)?))).collect()
}

/// The coverage of an instance by the policies that it follows. Where its enrolment does not know
/// yet what a policy says now, nothing is said, neither good nor bad, until the instance was looked
/// at. `made` is newest first.
pub fn coverage(
    instance: &InstanceId,
    enrolment: &Enrolment,
    promises: &BTreeMap<PolicyName, Promise>,
    made: &[Made],
    now: Timestamp,
) -> Vec<Cover> {
    let mut covers = Vec::new();
    for (name, seat) in &enrolment.seats {
        let Some(promise) =
            promises.get(name).filter(|promise| seat.text_hash.as_ref() == Some(&promise.hash))
        else {
            continue;
        };
        let Some(table) = promise.policy.timetable() else { continue };
        let follows = Follows { instance, name, policy: &promise.policy, table };
        for (region, since) in seat.promised.iter() {
            let told = enrolment.lost.get(name).and_then(|lost| lost.get(region)).copied();
            covers.push(cover(&follows, region, since, told, made, now));
        }
    }
    covers
}

/// Where an image is promised to an instance: by which policy, and in which Region.
pub fn wanted(enrolment: &Enrolment) -> BTreeSet<(PolicyName, Region)> {
    let seats = enrolment.seats.iter();
    seats
        .flat_map(|(name, seat)| {
            seat.promised.iter().map(|(region, _)| (name.clone(), region.clone()))
        })
        .collect()
}

struct Follows<'a> {
    instance: &'a InstanceId,
    name: &'a PolicyName,
    policy: &'a Policy,
    table: &'a Timetable,
}

fn cover(
    follows: &Follows<'_>,
    region: &Region,
    since: Timestamp,
    told: Option<Timestamp>,
    made: &[Made],
    now: Timestamp,
) -> Cover {
    let Follows { instance, name, policy, table } = *follows;
    let there = made.iter().filter(|made| made.policy == *name).filter_map(|made| {
        let image = made.available.get(region)?.clone();
        Some(Newest { image, at: made.at })
    });
    // They come by slot, and a slot may have waited while a later press was answered.
    let newest = there.max_by_key(|newest| newest.at);
    let at = newest.as_ref().map(|newest| newest.at);
    // The first slot that the newest image is too old for.
    let slot = table.next(at.map_or(since, |at| at.max(since)));
    let interval_seconds = slot.and_then(|slot| {
        let after = table.next(slot.timestamp())?;
        Some(seconds_between(slot.timestamp(), after.timestamp()))
    });
    let deadline = i64::from(policy.deadline_hours).saturating_mul(3600);
    let lost_at = slot.map(|slot| {
        let allowed = interval_seconds.map_or(deadline, |interval| interval.min(deadline));
        plus_seconds(table.turn(slot, name, instance), allowed)
    });
    // What was told is over when there is a newer image, and not when the promise was changed
    // meanwhile.
    let still = told.filter(|slot| at.is_none_or(|at| at < *slot));
    let late =
        slot.filter(|_| lost_at.is_some_and(|lost_at| lost_at <= now)).map(|slot| slot.timestamp());
    Cover {
        policy: name.clone(),
        region: region.clone(),
        newest,
        interval_seconds,
        lost_at,
        lost_slot: still.or(late),
    }
}

/// A policy that an instance follows and that promises it nothing that could be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpromised {
    /// What the tag names.
    pub policy: String,
    /// Why nothing is promised.
    pub reason: Reason,
    /// Whether the instance gets no image for it; otherwise it was only not looked at yet.
    pub is_lost: bool,
}

/// What a tag names without an image being promised for it. `covers` is what is promised.
pub fn unpromised(
    tag: &str,
    region: &Region,
    covers: &[Cover],
    texts: &BTreeMap<PolicyName, PolicyTexts>,
    (bounds, keys): (&Bounds, &TagKeys),
) -> Vec<Unpromised> {
    let named = Named::of(tag);
    let bad =
        named.problem.as_ref().map(|problem| (one_line(tag, 40), rejected(problem.clone().into())));
    let bad = bad.map(|(policy, reason)| Unpromised { policy, reason, is_lost: true });
    let silent =
        named.policies.iter().filter(|name| !covers.iter().any(|cover| cover.policy == **name));
    let silent = silent.map(|name| {
        let (near, texts) =
            (nearest(name, texts.keys()), texts.get(name).cloned().unwrap_or_default());
        let read = PolicyRead { texts, near, ..PolicyRead::default() };
        let (reason, is_lost) = match usable(name, &read, region, bounds, keys) {
            Err(rejection) => (rejected(rejection), true),
            Ok(usable) if usable.policy.schedule.is_none() => {
                (rejected(Rejection::NoSchedule { policy: name.clone() }), true)
            }
            Ok(_) => (ScheduleReason::NotLookedAt.into(), false),
        };
        Unpromised { policy: name.to_string(), reason, is_lost }
    });
    bad.into_iter().chain(silent).collect()
}

fn rejected(rejection: Rejection) -> Reason {
    RequestReason::from(rejection).into()
}

/// Something to tell about the coverage of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageNews {
    /// Lost or restored.
    pub kind: EventKind,
    /// By which policy.
    pub policy: PolicyName,
    /// Where.
    pub region: Region,
    /// The newest image there.
    pub image: Option<ImageId>,
    /// Why.
    pub reason: ScheduleReason,
}

/// What is told in one transaction at most; the rest is told in the next.
const NEWS_MAX: usize = 50;

/// What is to be told, with what is lost after it. Of what cannot be judged nothing is told, and it
/// stays as it was told.
pub fn news(enrolment: &Enrolment, covers: &[Cover], now: Timestamp) -> (Vec<CoverageNews>, Lost) {
    let mut news = Vec::new();
    let mut lost = enrolment.lost.clone();
    for cover in covers {
        if news.len() >= NEWS_MAX {
            break;
        }
        let told =
            enrolment.lost.get(&cover.policy).is_some_and(|told| told.contains_key(&cover.region));
        let reason = match (told, cover.lost_slot) {
            (false, Some(slot)) => {
                lost.entry(cover.policy.clone()).or_default().insert(cover.region.clone(), slot);
                (EventKind::CoverageLost, too_old(cover, slot, now))
            }
            (true, None) => {
                lost.entry(cover.policy.clone()).or_default().remove(&cover.region);
                (EventKind::CoverageRestored, ScheduleReason::ImageNewEnough)
            }
            (false, None) | (true, Some(_)) => continue,
        };
        news.push(cover_news(cover, reason));
    }
    let unpromised = |policy: &PolicyName, region: &Region| {
        enrolment.seats.get(policy).is_none_or(|seat| !seat.promised.contains(region))
    };
    for (policy, regions) in &enrolment.lost {
        let ended = regions.keys().filter(|region| unpromised(policy, region));
        for region in ended.take(NEWS_MAX.saturating_sub(news.len())) {
            lost.entry(policy.clone()).or_default().remove(region);
            news.push(CoverageNews {
                kind: EventKind::CoverageRestored,
                policy: policy.clone(),
                region: region.clone(),
                image: None,
                reason: ScheduleReason::NothingPromised,
            });
        }
    }
    lost.retain(|_, regions| !regions.is_empty());
    (news, lost)
}

fn cover_news(cover: &Cover, (kind, reason): (EventKind, ScheduleReason)) -> CoverageNews {
    CoverageNews {
        kind,
        policy: cover.policy.clone(),
        region: cover.region.clone(),
        image: cover.newest.as_ref().map(|newest| newest.image.clone()),
        reason,
    }
}

fn too_old(cover: &Cover, slot: Timestamp, now: Timestamp) -> ScheduleReason {
    let hours = |at: Timestamp| seconds_between(at, now).div_euclid(3600);
    match &cover.newest {
        Some(Newest { image, at }) => {
            ScheduleReason::ImageTooOld { image: image.clone(), from: *at, hours: hours(*at), slot }
        }
        None => ScheduleReason::NoImage { slot, hours: hours(slot) },
    }
}

impl Seat {
    /// The moment before a slot that has come and waits, if it is one of the policy's.
    fn waiting(&self, policy: &Prepared, now: Timestamp) -> Option<Timestamp> {
        let slot = self.next.map(|turn| turn.slot).filter(|slot| slot.timestamp() <= now)?;
        let before = plus_seconds(slot.timestamp(), -1);
        let table = policy.timetable()?;
        table.latest(before, slot.timestamp()).map(|_| before)
    }

    /// Takes note of what the policy promises now, and since when.
    pub(crate) fn promise(&mut self, policy: &Prepared, home: &Region, now: Timestamp) {
        let destinations = &policy.distribute.regions;
        if self.slots.as_ref() != policy.slots() {
            // Slots of the new schedule from before nobody promised; one that waits for its turn
            // was, if it is one of them.
            if self.slots.is_some() {
                self.done = self.done.max(self.waiting(policy, now).unwrap_or(now));
            }
            self.promised.clear();
            self.slots = policy.slots().cloned();
        }
        self.promised.retain(|region| region == home || destinations.get(region).is_some());
        for region in destinations.regions().chain([home]) {
            self.promised.add(region, now);
        }
    }
}

#[cfg(test)]
mod tests;
