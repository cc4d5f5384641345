//! The daily digest: one message for each policy of which a button was pressed that day.

use crate::family::UseCaseError;
use crate::ports::{Announcer, DayReader, DigestKeeper, Messenger, Queue};
use amiline_domain::day::Day;
use amiline_domain::digest::{Digest, DigestKey};
use amiline_domain::receiver::Topic;
use amiline_domain::wake::digest_due;
use std::collections::BTreeSet;

/// What became of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digested {
    /// Published, and noted.
    Published,
    /// There was nothing that day.
    Nothing,
    /// Published before.
    Before,
}

/// Sends a message for each digest of a day that is over; how many. Those who read the day twice send them twice.
pub async fn ask_for_digests<W: DayReader + Messenger>(world: &W, day: Day) -> Result<usize, UseCaseError> {
    let mut due = BTreeSet::new();
    let mut from = None;
    loop {
        let page = world.families_of_day(day, from).await?;
        due.extend(page.families.iter().map(DigestKey::of));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let mut from = None;
    loop {
        let page = world.enrolments_ended_on(day, from).await?;
        due.extend(page.items.iter().filter_map(DigestKey::of_ended));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let bodies: Vec<String> = due.iter().map(digest_due).collect();
    world.send(Queue::Notify, &bodies).await?;
    tracing::info!(day = %day, digests = bodies.len(), "digests asked for");
    Ok(bodies.len())
}

/// Makes a digest of the record and publishes it, once: only a crash between the two, or two messages at the same
/// time, publish it again, with the same `digest_id`.
pub async fn publish_digest<W>(world: &W, key: &DigestKey) -> Result<Digested, UseCaseError>
where
    W: DayReader + DigestKeeper + Announcer,
{
    if world.digest_was_published(key).await? {
        return Ok(Digested::Before);
    }
    let mut digest = Digest::new(key.clone());
    let mut from = None;
    loop {
        let page = world.families_of_day(key.day, from).await?;
        page.families.iter().for_each(|family| digest.add(family));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let mut from = None;
    loop {
        let page = world.enrolments_ended_on(key.day, from).await?;
        page.items.iter().for_each(|item| digest.add_ended(item));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let address = world.address();
    let Some(notice) = digest.notice(&address) else { return Ok(Digested::Nothing) };
    world.publish(Topic::Digest, &notice).await?;
    world.note_digest_published(key).await?;
    tracing::info!(
        day = %key.day,
        policy = key.policy.as_ref().map(ToString::to_string),
        digest_id = key.id(&address.stack),
        "digest published"
    );
    Ok(Digested::Published)
}
