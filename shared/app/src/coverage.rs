//! The coverage of every enrolled instance, for people: the same facts and the same judgement as
//! the sweep's.

use crate::made::made_of;
use crate::policy_read::all_policy_texts;
use crate::ports::{
    CallError, Clock, EnrolmentReader, MadeReader, PolicyHistory, PolicyStore, TagReader,
};
use crate::settings::BoundedStack;
use crate::unread::Unread;
use amiline_domain::coverage::{Cover, Promise, Unpromised, coverage, promises, unpromised};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::ids::{InstanceId, PolicyName, Region};
use amiline_domain::policy::PolicyTexts;
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// Instances whose images are read at the same time.
const READ_AT_ONCE: usize = 16;

/// The coverage of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceCoverage {
    /// Where it is.
    pub region: Region,
    /// Which.
    pub instance: InstanceId,
    /// How it is covered, by policy and Region.
    pub covers: Vec<Cover>,
    /// What its tag names without an image being promised.
    pub unpromised: Vec<Unpromised>,
}

/// What the policies of a stack say, read once.
struct Policies {
    texts: BTreeMap<PolicyName, PolicyTexts>,
    promises: BTreeMap<PolicyName, Promise>,
}

/// The coverage of a stack's instances, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// In no order.
    pub instances: Vec<InstanceCoverage>,
    /// Regions whose instances are not known.
    pub unread: Vec<Unread>,
}

/// The coverage of every instance that carries the schedule's tag in one of the stack's Regions.
/// `progress` is told how many instances of how many were judged.
pub async fn coverage_of_all<W>(
    world: &W,
    stack: &BoundedStack,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Covered, CallError>
where
    W: Clock + TagReader + EnrolmentReader + MadeReader + PolicyStore + PolicyHistory,
{
    let texts = all_policy_texts(world).await?;
    let policies = Policies { promises: promises(&texts), texts };
    let tag = stack.stack.keys.schedule();
    let regions: Vec<&Region> = stack.bounds.regions.iter().collect();
    let tagged = join_all(regions.iter().map(|region| world.instances_tagged(region, &tag))).await;
    let mut asked: Vec<(EnrolmentKey, String)> = Vec::new();
    let mut unread = Vec::new();
    for (region, tagged) in regions.into_iter().zip(tagged) {
        let account = &stack.stack.account;
        match tagged {
            Ok(tagged) => asked.extend(tagged.into_iter().map(|(instance, value)| {
                (EnrolmentKey { account: account.clone(), region: region.clone(), instance }, value)
            })),
            Err(error) => unread.push(Unread { region: region.clone(), error }),
        }
    }
    let keys: Vec<EnrolmentKey> = asked.iter().map(|(key, _)| key.clone()).collect();
    let mut enrolments =
        if keys.is_empty() { BTreeMap::new() } else { world.enrolments(&keys).await? };
    let all = asked.len();
    let mut judged = Vec::with_capacity(all);
    for some in asked.chunks(READ_AT_ONCE) {
        let some = some.iter().map(|(key, value)| {
            let enrolment = enrolments.remove(key).unwrap_or_default();
            async move { (key, value, made_of(world, key, &enrolment).await, enrolment) }
        });
        for (key, value, made, enrolment) in join_all(some).await {
            judged.push(judge(stack, &policies, (key, value), &enrolment, &made?, world.now()));
        }
        progress(judged.len(), all);
    }
    Ok(Covered { instances: judged, unread })
}

fn judge(
    stack: &BoundedStack,
    policies: &Policies,
    (key, tag): (&EnrolmentKey, &str),
    enrolment: &Enrolment,
    made: &[amiline_domain::coverage::Made],
    now: jiff::Timestamp,
) -> InstanceCoverage {
    let covers = coverage(&key.instance, enrolment, &policies.promises, made, now);
    let rules = (&stack.bounds, &stack.stack.keys);
    InstanceCoverage {
        region: key.region.clone(),
        instance: key.instance.clone(),
        unpromised: unpromised(tag, &key.region, &covers, &policies.texts, rules),
        covers,
    }
}
