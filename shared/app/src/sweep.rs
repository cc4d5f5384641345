//! The sweep: every instance's tag held against its enrolment, for events that were lost and policies that were edited.
//!
//! It costs with the number of enrolled instances (one read of tags for a thousand of them, one of enrolments for a
//! hundred), so it runs once an hour and not with every tick.

use crate::ports::CallError;
use crate::settings::WatchedStack;
use crate::world::Tick;
use amiline_domain::enrolment::{EnrolmentKey, Named};
use amiline_domain::ids::{InstanceId, PolicyName, Region};
use amiline_domain::policy::Policy;
use amiline_domain::wake::look_at_schedule;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// The messages that each watched Region's instances ask for, in the order of the Regions.
pub(crate) async fn sweep<W: Tick>(world: &W, watched: &WatchedStack) -> Vec<Result<Vec<String>, CallError>> {
    let key = watched.stack.keys.schedule();
    let tagged = join_all(watched.source_regions.iter().map(|region| world.instances_tagged(region, &key))).await;
    let named: BTreeSet<PolicyName> =
        tagged.iter().flatten().flatten().flat_map(|(_, value)| Named::of(value).policies).collect();
    let hashes = match hashes(world, named).await {
        Ok(hashes) => hashes,
        // Nothing can be said about any of them; the next sweep tries again.
        Err(error) => return watched.source_regions.iter().map(|_| Err(error.clone())).collect(),
    };
    let mut looks = Vec::with_capacity(tagged.len());
    for (region, tagged) in watched.source_regions.iter().zip(tagged) {
        looks.push(match tagged {
            Ok(tagged) => differing(world, watched, region, tagged, &hashes).await,
            Err(error) => Err(error),
        });
    }
    looks
}

async fn hashes<W: Tick>(world: &W, named: BTreeSet<PolicyName>) -> Result<BTreeMap<PolicyName, String>, CallError> {
    let mut hashes = BTreeMap::new();
    for policy in named {
        if let Some(text) = world.policy_text(&policy).await? {
            hashes.insert(policy, Policy::hash(&text));
        }
    }
    Ok(hashes)
}

/// The instances of a Region whose enrolment does not say what tag and policies say.
async fn differing<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    region: &Region,
    tagged: Vec<(InstanceId, String)>,
    hashes: &BTreeMap<PolicyName, String>,
) -> Result<Vec<String>, CallError> {
    let key = |instance: &InstanceId| EnrolmentKey {
        account: watched.stack.account.clone(),
        region: region.clone(),
        instance: instance.clone(),
    };
    let keys: Vec<EnrolmentKey> = tagged.iter().map(|(instance, _)| key(instance)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let enrolments = world.enrolments(&keys).await?;
    let differs = tagged
        .iter()
        .zip(&keys)
        .filter(|((_, value), key)| enrolments.get(key).is_none_or(|enrolment| !enrolment.is_current(value, hashes)));
    Ok(differs.map(|((instance, _), _)| look_at_schedule(region, instance)).collect())
}
