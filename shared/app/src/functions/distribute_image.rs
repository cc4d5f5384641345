//! `distribute-image`: records what became of an image, copies it and shares it.

use super::{Handled, QueueOf, Registered, variables as names};
use crate::engine::Invocation;
use crate::error::UseCaseError;
use crate::family::distribute_due;
use crate::image_event::on_image_state;
use crate::ports::Queue;
use crate::settings::BoundedStack;
use crate::world::Distribute;
use amiline_domain::wake::{MessageKind, Wake};

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
    message: &Wake,
    invocation: &Invocation,
) -> Result<Handled, UseCaseError> {
    match message {
        Wake::ImageState(event) => Ok(Handled::Image(Box::pin(on_image_state(world, stack, event, invocation)).await?)),
        Wake::FamilyDue(due) => Ok(Handled::Family(Box::pin(distribute_due(world, stack, due, invocation)).await?)),
        Wake::InstanceTagged(_)
        | Wake::LookAtInstance { .. }
        | Wake::LookAtSchedule { .. }
        | Wake::LookAtPolicy(_)
        | Wake::AnnounceHistory { .. }
        | Wake::Tick(_)
        | Wake::DayEnded(_)
        | Wake::DigestDue(_) => Ok(Handled::NotMine),
    }
}
