//! `schedule-tick`: finds what is due and no event told of, and sends messages. Schedules invoke
//! it, with no queue between.

use super::{Handled, Registered, variables as names};
use crate::digest::ask_for_digests;
use crate::error::UseCaseError;
use crate::settings::WatchedStack;
use crate::tick::tick;
use crate::world::Tick;
use amiline_domain::message::{Message, MessageKind};

pub(super) static REGISTERED: Registered = Registered {
    name: "schedule-tick",
    takes: &[MessageKind::Tick, MessageKind::DayEnded],
    queue: None,
    timeout_seconds: 240,
    variables: &[
        names::ACCOUNT,
        names::ALLOWED_ACCOUNTS,
        names::ALLOWED_KEYS,
        names::ALLOWED_ORGANIZATIONAL_UNITS,
        names::ALLOWED_ORGANIZATIONS,
        names::ALLOWED_REGIONS,
        names::CREATE_QUEUE,
        names::DISTRIBUTE_QUEUE,
        names::LOG,
        names::MAX_IMAGES_PER_HOUR,
        names::MINIMUM_INTERVAL_MINUTES,
        names::NOTIFY_QUEUE,
        names::POLICY_PATH,
        names::SOURCE_REGIONS,
        names::STACK,
        names::TABLE,
        names::TAG_PREFIX,
    ],
};

/// Carries one invocation out.
pub async fn schedule_tick<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    message: &Message,
) -> Result<Handled, UseCaseError> {
    if let Message::Tick(request) = message {
        let done = Box::new(Box::pin(tick(world, watched, *request)).await?);
        return Ok(if request.sweep { Handled::Swept(done) } else { Handled::Ticked(done) });
    }
    if let Message::DayEnded(day) = message {
        return Ok(Handled::DayEnded(Box::pin(ask_for_digests(world, *day)).await?));
    }
    Ok(Handled::NotMine)
}
