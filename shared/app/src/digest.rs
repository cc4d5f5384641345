//! The daily digest: one message for each policy of which a button was pressed that day.

use crate::error::UseCaseError;
use crate::functions::Queue;
use crate::ports::{Announcer, Clock, Committed, DayReader, DigestKeeper, Messenger};
use amiline_domain::day::Day;
use amiline_domain::digest::{DigestKey, DigestState, Draft, ReadFrom};
use amiline_domain::message::digest_due;
use amiline_domain::receiver::Topic;
use amiline_domain::time::plus_seconds;
use std::collections::BTreeSet;

/// Seconds after which an invocation begins no further page of a day and keeps what it read. It
/// leaves 20 of the function's 30 for the page that is being read and for the write.
const READ_SECONDS: i64 = 10;

/// What became of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digested {
    /// Published, and noted.
    Published,
    /// There was nothing that day.
    Nothing,
    /// Published before.
    Before,
    /// A part of the day was read. The next tick asks for it again.
    Unfinished,
}

/// Sends a message for each digest of a day that is over; how many. Those who read the day twice
/// send them twice. Each page's messages go out before the next page is read: an invocation that
/// dies has asked for what it found.
pub async fn ask_for_digests<W: DayReader + Messenger>(
    world: &W,
    day: Day,
) -> Result<usize, UseCaseError> {
    let mut asked = BTreeSet::new();
    let mut from = None;
    loop {
        let page = world.families_of_day(day, from).await?;
        ask(world, page.families.iter().map(DigestKey::of), &mut asked).await?;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let mut from = None;
    loop {
        let page = world.enrolments_ended_on(day, from).await?;
        ask(world, page.items.iter().filter_map(DigestKey::of_ended), &mut asked).await?;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    tracing::info!(day = %day, digests = asked.len(), "digests asked for");
    Ok(asked.len())
}

/// Sends a message for each of these digests that was not asked for.
async fn ask<W: Messenger>(
    world: &W,
    keys: impl Iterator<Item = DigestKey>,
    asked: &mut BTreeSet<DigestKey>,
) -> Result<(), UseCaseError> {
    let new: BTreeSet<DigestKey> = keys.filter(|key| !asked.contains(key)).collect();
    if !new.is_empty() {
        let bodies: Vec<String> = new.iter().map(digest_due).collect();
        world.send(Queue::Notify, &bodies).await?;
        asked.extend(new);
    }
    Ok(())
}

/// Makes a digest of the record and publishes it, once: only a crash between the two, or two
/// messages at the same time, publish it again, with the same `digest_id`. A day that takes long is
/// read in parts, each of `READ_SECONDS`.
pub async fn publish_digest<W>(world: &W, key: &DigestKey) -> Result<Digested, UseCaseError>
where
    W: Clock + DayReader + DigestKeeper + Announcer,
{
    let until = plus_seconds(world.now(), READ_SECONDS);
    let mut draft = match world.digest(key).await? {
        DigestState::Published => return Ok(Digested::Before),
        DigestState::Begun(draft) => *draft,
        DigestState::Unknown => Draft::new(key.clone()),
    };
    while draft.from != ReadFrom::End {
        read_page(world, key.day, &mut draft).await?;
        if world.now() >= until {
            return put_off(world, key, draft).await;
        }
    }
    let address = world.address();
    let Some(notice) = draft.digest.notice(&address) else {
        if draft.rev > 0 {
            // Nothing to publish, but the draft must not stay due.
            world.note_digest_published(key).await?;
        }
        return Ok(Digested::Nothing);
    };
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

/// Takes in the next page of the day.
async fn read_page<W: DayReader>(
    world: &W,
    day: Day,
    draft: &mut Draft,
) -> Result<(), UseCaseError> {
    draft.from = match std::mem::replace(&mut draft.from, ReadFrom::End) {
        ReadFrom::Families(from) => {
            let page = world.families_of_day(day, from).await?;
            page.families.iter().for_each(|family| draft.digest.add(family));
            page.next.map_or(ReadFrom::Ended(None), |next| ReadFrom::Families(Some(next)))
        }
        ReadFrom::Ended(from) => {
            let page = world.enrolments_ended_on(day, from).await?;
            page.items.iter().for_each(|item| draft.digest.add_ended(item));
            page.next.map_or(ReadFrom::End, |next| ReadFrom::Ended(Some(next)))
        }
        ReadFrom::End => ReadFrom::End,
    };
    Ok(())
}

/// Keeps what was read. The message is then done with: the next tick sends another, so a day of any
/// size uses up no receives. If another invocation kept a draft in the meantime, that one goes on.
async fn put_off<W: DigestKeeper>(
    world: &W,
    key: &DigestKey,
    mut draft: Draft,
) -> Result<Digested, UseCaseError> {
    draft.rev = draft.rev.saturating_add(1);
    let kept = world.keep_draft(key, &draft).await?;
    tracing::info!(
        day = %key.day,
        policy = key.policy.as_ref().map(ToString::to_string),
        rev = draft.rev,
        kept = kept == Committed::Yes,
        "the day takes long to read; the next tick goes on with its digest"
    );
    Ok(Digested::Unfinished)
}
