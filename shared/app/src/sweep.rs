//! The sweep: every policy, every instance's tag and every instance's coverage held against what
//! was told of them, for events that were lost, policies that were edited, and images that never
//! came.
//!
//! It costs with the number of enrolled instances (one read of tags for a thousand of them, one of
//! enrolments for a hundred, one of images for each), so it runs once an hour and not with every
//! tick.

use crate::made::made_of;
use crate::policy_read::all_policy_texts;
use crate::ports::CallError;
use crate::settings::WatchedStack;
use crate::world::Tick;
use amiline_domain::coverage::{Promise, coverage, news, promises};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey, Named};
use amiline_domain::ids::{Fingerprint, InstanceId, PolicyName, Region};
use amiline_domain::message::{look_at_coverage, look_at_followers, look_at_policy};
use amiline_domain::policy::{Followers, Lapse, Policy, PolicyTexts, Watch, refused};
use futures_util::future::join_all;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Instances whose enrolments are held at a time: as many as one BatchGetItem reads.
const HELD_AT_ONCE: usize = 100;
/// Instances whose images are read at the same time.
const READ_AT_ONCE: usize = 16;

/// What a sweep found.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// The messages that instances ask for.
    pub(crate) instances: Vec<String>,
    /// What could not be read, and why: of the rest nothing is known.
    pub(crate) unread: Vec<(String, CallError)>,
    /// The messages that policies ask for.
    pub(crate) policies: Vec<String>,
    /// Policies that cannot be used as they were written.
    pub(crate) refused: usize,
    /// By policy and Region in which it promises images: how many instances have lost their
    /// coverage.
    pub(crate) lost: BTreeMap<(PolicyName, Region), usize>,
    /// Instances whose tag names each policy that there is.
    pub(crate) enrolled: BTreeMap<PolicyName, usize>,
    /// The instances that follow a policy that does not exist or has no schedule, by its name.
    pub(crate) lapsed: BTreeMap<PolicyName, Followers>,
}

/// Holds everything against what was told.
pub(crate) async fn sweep<W: Tick>(world: &W, watched: &WatchedStack) -> Swept {
    let mut swept = Swept::default();
    let policies = match policies(world, watched, &mut swept).await {
        Ok(policies) => policies,
        // Nothing can be said about any instance; the next sweep tries again.
        Err(error) => {
            swept.unread.push(("policies".to_owned(), error));
            return swept;
        }
    };
    // A policy that nobody follows any more counts as well: a metric that stops says nothing.
    swept.enrolled = policies.promises.keys().map(|name| (name.clone(), 0)).collect();
    let key = watched.stack.keys.schedule();
    let tagged =
        join_all(watched.source_regions.iter().map(|region| world.instances_tagged(region, &key)))
            .await;
    for (region, tagged) in watched.source_regions.iter().zip(tagged) {
        let read = match tagged {
            Ok(tagged) => instances(world, (watched, region), tagged, &policies, &mut swept).await,
            Err(error) => Err(error),
        };
        swept.unread.extend(read.err().map(|error| (format!("schedules in {region}"), error)));
    }
    if let Err(error) = followers(world, &policies, &mut swept).await {
        swept.unread.push(("what was told of policies".to_owned(), error));
    }
    swept
}

/// What the policies say, ready to be held against many instances.
struct Policies {
    texts: BTreeMap<PolicyName, PolicyTexts>,
    watches: BTreeMap<PolicyName, Watch>,
    hashes: BTreeMap<PolicyName, Fingerprint>,
    promises: BTreeMap<PolicyName, Promise>,
}

async fn policies<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    swept: &mut Swept,
) -> Result<Policies, CallError> {
    let texts = all_policy_texts(world).await?;
    let (bounds, keys) = (&watched.bounds, &watched.stack.keys);
    let names: Vec<PolicyName> = texts.keys().cloned().collect();
    let watches = world.watches(&names).await?;
    for (name, read) in &texts {
        swept.refused =
            swept.refused.saturating_add(usize::from(refused(read, bounds, keys).is_some()));
        let watch = watches.get(name).cloned().unwrap_or_default();
        if !watch.is_current(read, bounds, keys) {
            swept.policies.push(look_at_policy(name));
        }
    }
    let newest = |(name, read): (&PolicyName, &PolicyTexts)| {
        Some((name.clone(), Policy::hash(read.newest.as_deref()?)))
    };
    Ok(Policies {
        hashes: texts.iter().filter_map(newest).collect(),
        promises: promises(&texts),
        watches,
        texts,
    })
}

/// Adds the messages that policies ask for of which it was not told that instances follow them in
/// vain, or that this is over.
async fn followers<W: Tick>(
    world: &W,
    policies: &Policies,
    swept: &mut Swept,
) -> Result<(), CallError> {
    let unread: Vec<PolicyName> =
        swept.lapsed.keys().filter(|name| !policies.texts.contains_key(*name)).cloned().collect();
    let missing = if unread.is_empty() { BTreeMap::new() } else { world.watches(&unread).await? };
    let (none, untold, nobody) = (PolicyTexts::default(), Watch::default(), Followers::default());
    for name in policies.texts.keys().chain(&unread) {
        let watch = policies.watches.get(name).or_else(|| missing.get(name)).unwrap_or(&untold);
        let followers = swept.lapsed.get(name).unwrap_or(&nobody);
        if watch
            .tell_followers(name, policies.texts.get(name).unwrap_or(&none), followers, None)
            .is_some()
        {
            swept.policies.push(look_at_followers(name, followers));
        }
    }
    Ok(())
}

/// Adds what the instances of a Region ask for of which something is to be told or done. No more of
/// their enrolments are held at a time than one read brings; what was judged before a read fails is
/// kept.
async fn instances<W: Tick>(
    world: &W,
    (watched, region): (&WatchedStack, &Region),
    tagged: Vec<(InstanceId, String)>,
    policies: &Policies,
    swept: &mut Swept,
) -> Result<(), CallError> {
    for (instance, value) in &tagged {
        for name in Named::of(value).policies {
            if policies.texts.contains_key(&name) {
                let count = swept.enrolled.entry(name.clone()).or_default();
                *count = count.saturating_add(1);
            }
            if policies.texts.get(&name).is_none_or(|texts| Lapse::of(texts).is_some()) {
                swept.lapsed.entry(name).or_default().add(region, instance);
            }
        }
    }
    for some in tagged.chunks(HELD_AT_ONCE) {
        let key = |instance: &InstanceId| EnrolmentKey {
            account: watched.stack.account.clone(),
            region: region.clone(),
            instance: instance.clone(),
        };
        let keys: Vec<EnrolmentKey> = some.iter().map(|(instance, _)| key(instance)).collect();
        let enrolments = world.enrolments(&keys).await?;
        let uncovered = uncovered(world, &enrolments, policies, swept).await?;
        let is_current = |key: &EnrolmentKey, value: &str| {
            enrolments
                .get(key)
                .is_some_and(|enrolment| enrolment.is_current(value, &policies.hashes))
        };
        let outdated = some.iter().zip(&keys).filter(|((_, value), key)| !is_current(key, value));
        let instances = outdated.map(|((instance, _), _)| instance).chain(&uncovered);
        swept.instances.extend(instances.map(|instance| look_at_coverage(region, instance)));
    }
    Ok(())
}

/// Those of the instances whose coverage is not as it was told. Each that is judged is counted.
async fn uncovered<W: Tick>(
    world: &W,
    enrolments: &BTreeMap<EnrolmentKey, Enrolment>,
    policies: &Policies,
    swept: &mut Swept,
) -> Result<Vec<InstanceId>, CallError> {
    let mut uncovered = Vec::new();
    let enrolled: Vec<(&EnrolmentKey, &Enrolment)> = enrolments.iter().collect();
    for some in enrolled.chunks(READ_AT_ONCE) {
        let now = world.now();
        let read = some.iter().map(|(key, enrolment)| judge(world, key, enrolment, policies, now));
        for (covered, (key, _)) in join_all(read).await.into_iter().zip(some) {
            let Covered { lost, told } = covered?;
            for (place, is_lost) in lost {
                let count = swept.lost.entry(place).or_default();
                *count = count.saturating_add(usize::from(is_lost));
            }
            uncovered.extend((!told).then(|| key.instance.clone()));
        }
    }
    Ok(uncovered)
}

struct Covered {
    lost: Vec<((PolicyName, Region), bool)>,
    told: bool,
}

async fn judge<W: Tick>(
    world: &W,
    key: &EnrolmentKey,
    enrolment: &Enrolment,
    policies: &Policies,
    now: Timestamp,
) -> Result<Covered, CallError> {
    let made = made_of(world, key, enrolment).await?;
    let covers = coverage(&key.instance, enrolment, &policies.promises, &made, now);
    let (news, _) = news(enrolment, &covers, now);
    let lost = covers.into_iter().map(|cover| {
        let lost = cover.is_lost();
        ((cover.policy, cover.region), lost)
    });
    Ok(Covered { lost: lost.collect(), told: news.is_empty() })
}
