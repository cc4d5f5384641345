//! The schedule tick: finds what needs a look and no event told of, and sends messages. It changes nothing in EC2.

use crate::family::{UseCaseError, queue_of};
use crate::ports::{CallError, Due, Queue};
use crate::settings::Stack;
use crate::world::Tick;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::press::PressKey;
use amiline_domain::tags::Button;
use amiline_domain::time::{plus_seconds, seconds_between};
use amiline_domain::wake::{self, announce_history, family_due, family_due_early, look_at_instance};
use futures_util::future::join_all;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A family that has been due for so long, in seconds, is not being worked on: six ticks.
const OVERDUE_SECONDS: i64 = 1800;

/// What a tick did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickDone {
    /// Messages sent for due families.
    pub families: usize,
    /// Messages sent for instances to look at.
    pub instances: usize,
    /// Messages sent for history that was not published.
    pub history: usize,
    /// Families that have been due for more than half an hour.
    pub overdue: usize,
    /// Regions and parts of the index that could not be read; the next tick tries again.
    pub unread: Vec<String>,
}

/// Sends a message for everything that is due and every pressed button that nothing is under way for.
pub async fn tick<W: Tick>(
    world: &W,
    stack: &Stack,
    source_regions: &[Region],
    request: wake::Tick,
) -> Result<TickDone, UseCaseError> {
    let mut done = TickDone::default();
    let mut outbox = Outbox::default();
    let now = world.now();
    let until = plus_seconds(now, i64::from(request.due_within_seconds));
    for shard in 0..world.shards() {
        if let Err(error) = collect_due(world, shard, (now, until), &mut outbox, &mut done).await {
            note(&mut done, format!("index part {shard}"), &error);
        }
    }
    // What is due goes out before any Region is asked: one that does not answer may use the invocation's time up.
    let due = outbox.send(world).await;
    let buttons = join_all(source_regions.iter().map(|region| pressed_buttons(world, stack, region))).await;
    for (region, looks) in source_regions.iter().zip(buttons) {
        match looks {
            Ok(looks) => {
                for body in looks {
                    done.instances = done.instances.saturating_add(outbox.add(Queue::Create, body));
                }
            }
            // A Region that cannot be read delays its own instances only.
            Err(error) => note(&mut done, region.to_string(), &error),
        }
    }
    let buttons = outbox.send(world).await;
    due.and(buttons)?;
    tracing::info!(
        families = done.families,
        instances = done.instances,
        history = done.history,
        overdue = done.overdue,
        unread = done.unread.len(),
        "tick"
    );
    Ok(done)
}

fn note(done: &mut TickDone, what: String, error: &CallError) {
    tracing::error!(what = %what, error = %error, "could not be read; left to the next tick");
    done.unread.push(what);
}

/// Messages by queue, each once.
#[derive(Default)]
struct Outbox {
    by_queue: BTreeMap<Queue, BTreeSet<String>>,
}

impl Outbox {
    fn add(&mut self, queue: Queue, body: String) -> usize {
        usize::from(self.by_queue.entry(queue).or_default().insert(body))
    }

    /// Sends everything to every queue; the first failure is told after the other queues were served.
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
                Due::Family { family, worker, at } => {
                    done.overdue = done.overdue.saturating_add(usize::from(seconds_between(at, now) > OVERDUE_SECONDS));
                    let body = if at > now { family_due_early(&family) } else { family_due(&family) };
                    done.families = done.families.saturating_add(outbox.add(queue_of(worker), body));
                }
                // Only families are brought forward: the others' times are there to let something else come first.
                Due::Press { at, .. } | Due::History { at, .. } if at > now => {}
                Due::Press { key, .. } => {
                    let body = look_at_instance(&key.region, &key.instance);
                    done.instances = done.instances.saturating_add(outbox.add(Queue::Create, body));
                }
                Due::History { pk, sk, .. } => {
                    done.history = done.history.saturating_add(outbox.add(Queue::Notify, announce_history(&pk, &sk)));
                }
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// The looks that the Region's pressed buttons ask for. A button whose press is under way has a family with a due time of
/// its own, so only the others are looked at.
async fn pressed_buttons<W: Tick>(world: &W, stack: &Stack, region: &Region) -> Result<Vec<String>, CallError> {
    let instances: Vec<InstanceId> = world.instances_tagged(region, &stack.keys.button(Button::Image)).await?;
    if instances.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<PressKey> = instances
        .into_iter()
        .map(|instance| PressKey {
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
