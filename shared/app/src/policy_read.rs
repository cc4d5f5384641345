//! Reading a policy at the point of use, and telling of one that cannot be used as it was written.

use crate::engine::{Attempt, until_written};
use crate::error::UseCaseError;
use crate::family::commit_announced;
use crate::ports::{
    CallError, Clock, Committed, DayCountReader, Freshness, InstanceReader, PolicyHistory,
    PolicyReader, PolicyStore, PolicyVersion, RecordWriter, WatchReader,
};
use crate::settings::{BoundedStack, Stack};
use amiline_domain::enrolment::Named;
use amiline_domain::history::{EventKind, News, Subject, append_news};
use amiline_domain::ids::PolicyName;
use amiline_domain::look::PolicyRead;
use amiline_domain::message::PolicyAsked;
use amiline_domain::policy::{EarlierText, Followers, PolicyTexts, Watch, nearest};
use amiline_domain::reason::Reason;
use amiline_domain::record::{Expected, Write};
use std::collections::BTreeMap;

/// A policy's texts. The versions before the newest are asked for only if the newest is no policy.
pub async fn policy_texts<W>(world: &W, name: &PolicyName) -> Result<PolicyTexts, CallError>
where
    W: PolicyReader + PolicyHistory,
{
    texts_of(world, name, world.policy_text(name).await?).await
}

/// Every policy that a tag can name, by name.
pub(crate) async fn all_policy_texts<W>(
    world: &W,
) -> Result<BTreeMap<PolicyName, PolicyTexts>, CallError>
where
    W: PolicyStore + PolicyHistory,
{
    let mut texts = BTreeMap::new();
    for stored in world.policies().await? {
        if let Ok(name) = PolicyName::new(stored.name) {
            let read = texts_of(world, &name, Some(stored.text)).await?;
            texts.insert(name, read);
        }
    }
    Ok(texts)
}

/// The same, of a policy whose newest text is known.
pub(crate) async fn texts_of<W>(
    world: &W,
    name: &PolicyName,
    newest: Option<String>,
) -> Result<PolicyTexts, CallError>
where
    W: PolicyHistory,
{
    let texts = PolicyTexts { newest, earlier: Vec::new() };
    if !texts.needs_earlier() {
        return Ok(texts);
    }
    let kept = of_versions(world.policy_versions(name, Freshness::Kept).await?);
    // The text and the versions may be answers of different moments: then neither is believed.
    if kept.newest == texts.newest {
        return Ok(kept);
    }
    fresh_texts(world, name).await
}

/// A policy's texts as they are at this moment, all in one answer.
async fn fresh_texts<W: PolicyHistory>(
    world: &W,
    name: &PolicyName,
) -> Result<PolicyTexts, CallError> {
    Ok(of_versions(world.policy_versions(name, Freshness::Fresh).await?))
}

pub(crate) fn of_versions(mut versions: Vec<PolicyVersion>) -> PolicyTexts {
    let newest = versions.pop().map(|version| version.text);
    let earlier = versions.into_iter().rev();
    let earlier =
        earlier.map(|version| EarlierText { version: version.version, text: version.text });
    PolicyTexts { newest, earlier: earlier.collect() }
}

/// A policy as it is; if there is none of this name, with the one that was probably meant.
pub(crate) async fn policy_named<W>(world: &W, name: &PolicyName) -> Result<PolicyRead, CallError>
where
    W: PolicyReader + PolicyStore + PolicyHistory,
{
    let texts = policy_texts(world, name).await?;
    let near = if texts.newest.is_none() { nearest_to(world, name).await } else { None };
    Ok(PolicyRead { texts, near, ..PolicyRead::default() })
}

/// The policy whose name is nearest. It is only for the words of a refusal, so a list that cannot
/// be read names none.
async fn nearest_to<W: PolicyStore>(world: &W, name: &PolicyName) -> Option<PolicyName> {
    let stored = world.policies().await.unwrap_or_default();
    let names: Vec<PolicyName> =
        stored.into_iter().filter_map(|stored| PolicyName::new(stored.name).ok()).collect();
    nearest(name, &names)
}

/// A policy as a function that is about to use it needs to know it. If it cannot be used as it was
/// written, or can be again, that is told.
pub(crate) async fn read_policy<W>(
    world: &W,
    stack: &BoundedStack,
    name: &PolicyName,
) -> Result<PolicyRead, UseCaseError>
where
    W: PolicyReader
        + PolicyStore
        + PolicyHistory
        + WatchReader
        + DayCountReader
        + RecordWriter
        + Clock,
{
    let mut read = policy_named(world, name).await?;
    // One that can be used may have been told of as one that cannot.
    tell(world, stack, name, Some(&read.texts)).await?;
    if read.needs_day() {
        read.day = world.day_count(name).await?;
    }
    Ok(read)
}

/// Tells of a policy that cannot be used as it was written, or can be again, unless that was told;
/// and of the instances that follow one that gives no image. Whether anything was told now.
pub async fn look_at_policy<W>(
    world: &W,
    stack: &BoundedStack,
    asked: &PolicyAsked,
) -> Result<bool, UseCaseError>
where
    W: PolicyStore + PolicyHistory + WatchReader + InstanceReader + RecordWriter + Clock,
{
    let text = tell(world, stack, &asked.policy, None).await?;
    Ok(tell_followers(world, stack, asked).await? || text)
}

/// Tells that instances follow a policy that does not exist or has no schedule, or that it has one
/// again. The instances are read again: since the sweep saw their tags somebody may have corrected
/// them.
async fn tell_followers<W>(
    world: &W,
    stack: &BoundedStack,
    asked: &PolicyAsked,
) -> Result<bool, UseCaseError>
where
    W: PolicyStore + PolicyHistory + WatchReader + InstanceReader + RecordWriter + Clock,
{
    let name = &asked.policy;
    announce_once(world, &stack.stack, name, async |watch| {
        let texts = fresh_texts(world, name).await?;
        if watch.tell_followers(name, &texts, &asked.followers, None).is_none() {
            return Ok(None);
        }
        let followers = still_following(world, stack, asked).await?;
        let near = if texts.newest.is_none() { nearest_to(world, name).await } else { None };
        Ok(watch.tell_followers(name, &texts, &followers, near.as_ref()))
    })
    .await
}

/// Those of the named instances whose tag still names the policy; the others are taken at the
/// sweep's word.
async fn still_following<W: InstanceReader>(
    world: &W,
    stack: &BoundedStack,
    asked: &PolicyAsked,
) -> Result<Followers, CallError> {
    let tag = stack.stack.keys.schedule();
    let mut followers = Followers::default();
    for (region, instance) in &asked.followers.named {
        let seen = world.instance(region, instance).await?.filter(|seen| !seen.state.is_gone());
        let value = seen.and_then(|seen| seen.tags.get(&tag).cloned()).unwrap_or_default();
        if Named::of(&value).policies.contains(&asked.policy) {
            followers.add(region, instance);
        }
    }
    let unnamed = asked.followers.count.saturating_sub(asked.followers.named.len());
    followers.count = followers.count.saturating_add(unnamed);
    Ok(followers)
}

/// Writes what is told of a policy, with the watch that remembers it.
async fn commit<W: RecordWriter + Clock>(
    world: &W,
    stack: &Stack,
    name: &PolicyName,
    revision: u64,
    (kind, reason, mut after): (EventKind, impl Into<Reason>, Watch),
) -> Result<Committed, UseCaseError> {
    let (account, region) = (stack.account.clone(), stack.home.clone());
    let (instance_name, reason) = (None, reason.into());
    let news = News {
        kind,
        account,
        region,
        instance_name,
        policy: Some(name.clone()),
        image: None,
        reason,
    };
    let item = append_news(Subject::Policy(name.clone()), &mut after.news, news, world.now());
    let write = Write::Watch(name.clone(), Expected::read_at(revision), Box::new(after));
    commit_announced(world, write, vec![item]).await
}

/// What is told is what is so at this moment, and not what somebody read a while ago: others tell
/// too. Whoever has `read` the policy asks anew only if there is something to tell, for a crowd may
/// use it.
async fn tell<W>(
    world: &W,
    stack: &BoundedStack,
    name: &PolicyName,
    read: Option<&PolicyTexts>,
) -> Result<bool, UseCaseError>
where
    W: PolicyHistory + WatchReader + RecordWriter + Clock,
{
    let BoundedStack { stack, bounds } = stack;
    announce_once(world, stack, name, async |watch| {
        if read.is_some_and(|read| watch.is_current(read, bounds, &stack.keys)) {
            return Ok(None);
        }
        Ok(watch.tell(&fresh_texts(world, name).await?, bounds, &stack.keys))
    })
    .await
}

/// Announces of a policy what there is to announce by what was announced before, until nobody else
/// writes in between. Whether anything was.
async fn announce_once<W, R: Into<Reason>>(
    world: &W,
    stack: &Stack,
    name: &PolicyName,
    told: impl AsyncFn(&Watch) -> Result<Option<(EventKind, R, Watch)>, CallError>,
) -> Result<bool, UseCaseError>
where
    W: WatchReader + RecordWriter + Clock,
{
    let attempt = async || {
        let watch = world.watches(std::slice::from_ref(name)).await?.remove(name);
        let watch = watch.unwrap_or_default();
        match told(&watch).await? {
            None => Ok(Attempt::Done(false)),
            Some(told) => Ok(Attempt::of(commit(world, stack, name, watch.rev, told).await?, true)),
        }
    };
    until_written(world, 0, || format!("the record of policy {name}"), attempt).await
}
