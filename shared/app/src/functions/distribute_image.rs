//! `distribute-image`: records what became of an image, copies it and shares it.

use super::{Handled, Queue, QueueOf, Registered, variables as names};
use crate::engine::Invocation;
use crate::error::UseCaseError;
use crate::family::distribute_due;
use crate::image_event::on_image_state;
use crate::settings::BoundedStack;
use crate::world::Distribute;
use amiline_domain::message::{Message, MessageKind};

pub(super) static REGISTERED: Registered = Registered {
    name: "distribute-image",
    takes: &[MessageKind::ImageState, MessageKind::FamilyDue],
    queue: Some(QueueOf { queue: Queue::Distribute, visibility_seconds: 360 }),
    timeout_seconds: 60,
    variables: &[
        names::ACCOUNT,
        names::ALLOWED_ACCOUNTS,
        names::ALLOWED_ORGANIZATIONAL_UNITS,
        names::ALLOWED_ORGANIZATIONS,
        names::ALLOWED_REGIONS,
        names::KILL_SWITCH,
        names::LOG,
        names::STACK,
        names::TABLE,
        names::TAG_PREFIX,
    ],
};

/// Carries one message out.
pub async fn distribute_image<W: Distribute>(
    world: &W,
    stack: &BoundedStack,
    message: &Message,
    invocation: &Invocation,
) -> Result<Handled, UseCaseError> {
    if let Message::ImageState(event) = message {
        return Ok(Handled::Image(
            Box::pin(on_image_state(world, stack, event, invocation)).await?,
        ));
    }
    if let Message::FamilyDue(due) = message {
        return Ok(Handled::Family(Box::pin(distribute_due(world, stack, due, invocation)).await?));
    }
    Ok(Handled::NotMine)
}
