//! The schedule tick: finds what needs a look and no event told of, and sends messages. It changes
//! nothing in EC2.

use crate::error::UseCaseError;
use crate::family::queue_of;
use crate::functions::Queue;
use crate::ports::{CallError, Due};
use crate::settings::{Stack, WatchedStack};
use crate::share_sweep::families_to_ask;
use crate::sweep::sweep;
use crate::world::Tick;
use amiline_domain::ids::{PolicyName, Region};
use amiline_domain::message::{
    self, announce_history, digest_due, family_due, family_due_early, look_at_instance,
    look_at_schedule, look_at_shares,
};
use amiline_domain::press::PressKey;
use amiline_domain::tags::Button;
use amiline_domain::time::{plus_seconds, seconds_between};
use futures_util::future::join_all;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A family that has been due for so long, in seconds, is not being worked on: six ticks.
const OVERDUE_SECONDS: i64 = 1800;

/// Turns of schedules that one tick gives out at most: what `create-image` and EC2's rate for
/// CreateImage (5 a second, aws-behaviour.md#ec2-request-rates) get done until the next tick. The
/// others keep their place, and the oldest go first.
const TURNS_MAX: usize = 500;

/// What a tick did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickDone {
    /// Messages sent for due families.
    pub families: usize,
    /// Messages sent for instances to look at.
    pub instances: usize,
    /// Messages sent for instances whose turn in a schedule has come.
    pub turns: usize,
    /// Turns that have come and wait, since the hour is full or there are too many.
    pub waiting: usize,
    /// Messages sent for instances and policies of which the sweep found something that was not
    /// done or told.
    pub swept: usize,
    /// Families that the sweep has asked with whom their images are shared.
    pub asked: usize,
    /// Policies that cannot be used as they were written; counted by the sweep.
    pub refused_policies: usize,
    /// Instances without an image that is as new as was promised, by policy and Region; counted by
    /// the sweep.
    pub lost: BTreeMap<(PolicyName, Region), usize>,
    /// Instances whose tag names each policy that there is; counted by the sweep.
    pub enrolled: BTreeMap<PolicyName, usize>,
    /// Instances that follow a policy that does not exist or has no schedule; counted by the sweep.
    pub lapsed: usize,
    /// Messages sent for history that was not published.
    pub history: usize,
    /// Messages sent for digests of days that were read in part.
    pub digests: usize,
    /// Families that have been due for more than half an hour.
    pub overdue: usize,
    /// Regions and parts of the index that could not be read; the next tick tries again.
    pub unread: Vec<String>,
}

/// Sends a message for everything that is due and every pressed button that nothing is under way
/// for.
pub async fn tick<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    request: message::Tick,
) -> Result<TickDone, UseCaseError> {
    if request.sweep {
        return sweep_only(world, watched, request.all_shares).await;
    }
    let mut done = TickDone::default();
    let mut outbox = Outbox::default();
    let now = world.now();
    let until = plus_seconds(now, i64::from(request.due_within_seconds));
    for shard in 0..world.shards() {
        if let Err(error) = collect_due(world, shard, (now, until), &mut outbox, &mut done).await {
            note(&mut done, format!("index part {shard}"), &error);
        }
    }
    give_turns(world, watched, now, &mut outbox, &mut done).await;
    // What is due goes out before any Region is asked: one that does not answer may use the
    // invocation's time up.
    let due = outbox.send(world).await;
    let regions = &watched.source_regions;
    let buttons =
        join_all(regions.iter().map(|region| pressed_buttons(world, &watched.stack, region))).await;
    for (region, looks) in regions.iter().zip(buttons) {
        let added = outbox.add_looks(looks, || region.to_string(), &mut done);
        done.instances = done.instances.saturating_add(added);
    }
    let buttons = outbox.send(world).await;
    due.and(buttons)?;
    tracing::info!(
        families = done.families,
        instances = done.instances,
        turns = done.turns,
        waiting = done.waiting,
        history = done.history,
        digests = done.digests,
        overdue = done.overdue,
        unread = done.unread.len(),
        "tick"
    );
    Ok(done)
}

/// The hourly sweep and nothing else: it may take long, and another tick is never far. One that
/// could not read everything fails when it has sent what it found: its counts would pass for the
/// truth.
async fn sweep_only<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    all_shares: bool,
) -> Result<TickDone, UseCaseError> {
    let mut outbox = Outbox::default();
    let swept = sweep(world, watched).await;
    let lapsed = swept.lapsed.values().map(|followers| followers.count).sum();
    let mut done = TickDone {
        refused_policies: swept.refused,
        lost: swept.lost,
        lapsed,
        enrolled: swept.enrolled,
        ..TickDone::default()
    };
    for body in swept.instances.into_iter().chain(swept.policies) {
        done.swept = done.swept.saturating_add(outbox.add(Queue::Create, body));
    }
    let mut failed = None;
    for (what, error) in swept.unread {
        note(&mut done, what, &error);
        failed = failed.or(Some(error));
    }
    outbox.send(world).await?;
    ask_for_shares(world, watched, all_shares, &mut outbox, &mut done).await;
    tracing::info!(
        swept = done.swept,
        asked = done.asked,
        refused_policies = done.refused_policies,
        lost = done.lost.values().sum::<usize>(),
        lapsed = done.lapsed,
        unread = done.unread.len(),
        "sweep"
    );
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(done),
    }
}

/// Has the families asked whose turn it is. What cannot be read or sent waits for their next turn:
/// no count of the sweep says anything of shares, so it does not fail for that.
async fn ask_for_shares<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    all: bool,
    outbox: &mut Outbox,
    done: &mut TickDone,
) {
    let (families, unread) = families_to_ask(world, watched, all).await;
    for (region, error) in unread {
        note(done, format!("images in {region}"), &error);
    }
    for family in families {
        done.asked =
            done.asked.saturating_add(outbox.add(Queue::Distribute, look_at_shares(&family)));
    }
    if let Err(error) = outbox.send(world).await {
        note(done, "the queue of distribute-image".to_owned(), &error);
    }
}

/// Gives turns to the instances that have waited longest: no more than the hour has room for, and
/// no more than are worked off by the next tick.
async fn give_turns<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    now: Timestamp,
    outbox: &mut Outbox,
    done: &mut TickDone,
) {
    let mut turns = std::mem::take(&mut outbox.turns);
    if turns.is_empty() {
        return;
    }
    let left = match world.budget(&watched.stack.account).await {
        Ok(budget) => usize::try_from(budget.left(now, watched.bounds.images_per_hour_max))
            .unwrap_or(usize::MAX),
        // `create-image` counts for itself; without the count only the pace holds.
        Err(error) => {
            note(done, "the hour's count".to_owned(), &error);
            TURNS_MAX
        }
    };
    turns.sort();
    let given = left.min(TURNS_MAX).min(turns.len());
    done.waiting = turns.len().saturating_sub(given);
    for (_, body) in turns.into_iter().take(given) {
        done.turns = done.turns.saturating_add(outbox.add(Queue::Create, body));
    }
}

fn note(done: &mut TickDone, what: String, error: &CallError) {
    tracing::error!(what = %what, error = %error, "could not be read; left to the next tick");
    done.unread.push(what);
}

/// Messages by queue, each once.
#[derive(Default)]
struct Outbox {
    by_queue: BTreeMap<Queue, BTreeSet<String>>,
    /// Turns of schedules, with the moment since which each has waited.
    turns: Vec<(Timestamp, String)>,
}

impl Outbox {
    fn add(&mut self, queue: Queue, body: String) -> usize {
        usize::from(self.by_queue.entry(queue).or_default().insert(body))
    }

    /// Adds the looks that a Region asks for. One that cannot be read delays its own instances
    /// only.
    fn add_looks(
        &mut self,
        looks: Result<Vec<String>, CallError>,
        what: impl FnOnce() -> String,
        done: &mut TickDone,
    ) -> usize {
        match looks {
            Ok(looks) => looks.into_iter().map(|body| self.add(Queue::Create, body)).sum(),
            Err(error) => {
                note(done, what(), &error);
                0
            }
        }
    }

    /// Sends everything to every queue; the first failure is told after the other queues were
    /// served.
    async fn send<W: Tick>(&mut self, world: &W) -> Result<(), CallError> {
        let mut sent = Ok(());
        for (queue, bodies) in std::mem::take(&mut self.by_queue) {
            let bodies: Vec<String> = bodies.into_iter().collect();
            sent = sent.and(world.send(queue, &bodies).await);
        }
        sent
    }
}

async fn collect_due<W: Tick>(
    world: &W,
    shard: u32,
    (now, until): (Timestamp, Timestamp),
    outbox: &mut Outbox,
    done: &mut TickDone,
) -> Result<(), CallError> {
    let mut from = None;
    loop {
        let page = world.due(shard, until, from).await?;
        for due in page.items {
            match due {
                Due::Family { family, role, at } => {
                    done.overdue = done
                        .overdue
                        .saturating_add(usize::from(seconds_between(at, now) > OVERDUE_SECONDS));
                    let body =
                        if at > now { family_due_early(&family) } else { family_due(&family) };
                    done.families = done.families.saturating_add(outbox.add(queue_of(role), body));
                }
                // Only families are brought forward: the others' times are there to let something
                // else come first.
                Due::Press { at, .. }
                | Due::History { at, .. }
                | Due::Enrolment { at, .. }
                | Due::Digest { at, .. }
                    if at > now => {}
                Due::Enrolment { key, at } => {
                    outbox.turns.push((at, look_at_schedule(&key.region, &key.instance)));
                }
                Due::Press { key, .. } => {
                    let body = look_at_instance(&key.region, &key.instance);
                    done.instances = done.instances.saturating_add(outbox.add(Queue::Create, body));
                }
                Due::History { pk, sk, .. } => {
                    done.history = done
                        .history
                        .saturating_add(outbox.add(Queue::Notify, announce_history(&pk, &sk)));
                }
                Due::Digest { key, .. } => {
                    done.digests =
                        done.digests.saturating_add(outbox.add(Queue::Notify, digest_due(&key)));
                }
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// The looks that the Region's pressed buttons ask for. A button whose press is under way has a
/// family with a due time of its own, so only the others are looked at.
async fn pressed_buttons<W: Tick>(
    world: &W,
    stack: &Stack,
    region: &Region,
) -> Result<Vec<String>, CallError> {
    let instances = world.instances_tagged(region, &stack.keys.button(Button::Image)).await?;
    if instances.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<PressKey> = instances
        .into_iter()
        .map(|(instance, _)| PressKey {
            account: stack.account.clone(),
            region: region.clone(),
            instance,
            button: Button::Image,
        })
        .collect();
    let under_way = world.presses_under_way(&keys).await?;
    let idle = keys.iter().filter(|key| !under_way.contains(key));
    Ok(idle.map(|key| look_at_instance(&key.region, &key.instance)).collect())
}
