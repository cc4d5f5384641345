//! The messages of every queue: EventBridge's events, and our own.
//!
//! A body is text when a function sees it: Lambda reads the delivery as JSON and refuses what is
//! not Unicode.

use super::events;
use crate::log_lines::logged;
use crate::properties::{holds, line};
use crate::stage::Stage;
use crate::target::{Broken, Outcome, Target};
use amiline_app::functions::Queue;
use amiline_domain::message::{
    BODY_BYTES_MAX, Message, announce_history, decode, digest_due, family_due, family_due_early,
    look_at_coverage, look_at_followers, look_at_instance, look_at_schedule, look_at_shares,
};

pub(super) const TARGET: Target =
    Target { name: "event", longest: BODY_BYTES_MAX + 1000, seeds: events, run };

fn run(input: &[u8]) -> Outcome {
    let body = String::from_utf8_lossy(input);
    let decoded = decode(&body);
    match &decoded {
        Ok(wake) => check_sent_again(wake)?,
        Err(bad) => line("what is wrong with a message", &bad.to_string(), 600)?,
    }
    // One that cannot be read is treated alike by all functions.
    let queues: &[Queue] = if decoded.is_ok() {
        &[Queue::Create, Queue::Distribute, Queue::Notify]
    } else {
        &[Queue::Create]
    };
    // The queue gives the id; a message that is refused chooses its own here, since it is kept
    // under it.
    let id: String = match &decoded {
        Ok(_) => "19dd0b57-b21e-4ac1-bd88-01bbb068cb78".to_owned(),
        Err(_) => body.chars().take(200).collect(),
    };
    let stage = Stage::new();
    let ((), log) = logged(|| {
        for queue in queues {
            stage.receive(*queue, &id, &body);
        }
    });
    stage.check(&log)?;
    Ok(stage.words())
}

/// Our own messages read the same when they are sent again.
fn check_sent_again(wake: &Message) -> Result<(), Broken> {
    let body = match wake {
        Message::LookAtInstance { region, instance } => look_at_instance(region, instance),
        Message::LookAtSchedule { region, instance, coverage: true } => {
            look_at_coverage(region, instance)
        }
        Message::LookAtSchedule { region, instance, coverage: false } => {
            look_at_schedule(region, instance)
        }
        Message::LookAtPolicy(asked) => look_at_followers(&asked.policy, &asked.followers),
        Message::FamilyDue(due) if due.early => family_due_early(&due.family),
        Message::FamilyDue(due) if due.shares => look_at_shares(&due.family),
        Message::FamilyDue(due) => family_due(&due.family),
        Message::AnnounceHistory { pk, sk } => announce_history(pk, sk),
        Message::DigestDue(key) => digest_due(key),
        Message::InstanceTagged(_)
        | Message::ImageState(_)
        | Message::Tick(_)
        | Message::DayEnded(_) => return Ok(()),
    };
    // Escapes make it longer: one that was long may be too long now.
    if body.len() > BODY_BYTES_MAX {
        return Ok(());
    }
    let again = decode(&body);
    holds("our own messages read the same when sent again", again.as_ref() == Ok(wake), || {
        format!("{again:?}")
    })
}
