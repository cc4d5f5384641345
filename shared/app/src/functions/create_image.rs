//! `create-image`: makes images of instances whose button was pressed or whose slot has come.

use super::{Handled, Queue, QueueOf, Registered, variables as names};
use crate::engine::Invocation;
use crate::enrol::{EnrolRequest, look_at_schedule};
use crate::error::UseCaseError;
use crate::family::create_due;
use crate::look::{LookRequest, look_at_instance};
use crate::policy_read::look_at_policy;
use crate::settings::BoundedStack;
use crate::world::Create;
use amiline_domain::message::{Message, MessageKind};

pub(super) static REGISTERED: Registered = Registered {
    name: "create-image",
    takes: &[
        MessageKind::InstanceTagged,
        MessageKind::LookAtInstance,
        MessageKind::LookAtSchedule,
        MessageKind::LookAtPolicy,
        MessageKind::FamilyDue,
    ],
    queue: Some(QueueOf { queue: Queue::Create, visibility_seconds: 180 }),
    timeout_seconds: 30,
    variables: &[
        names::ACCOUNT,
        names::ALLOWED_ACCOUNTS,
        names::ALLOWED_KEYS,
        names::ALLOWED_ORGANIZATIONAL_UNITS,
        names::ALLOWED_ORGANIZATIONS,
        names::ALLOWED_REGIONS,
        names::DISTRIBUTE_QUEUE,
        names::KILL_SWITCH,
        names::LOG,
        names::MAX_IMAGES_PER_HOUR,
        names::MINIMUM_INTERVAL_MINUTES,
        names::POLICY_PATH,
        names::STACK,
        names::TABLE,
        names::TAG_PREFIX,
    ],
};

/// Carries one message out. Each use case's future is in a box of its own: the largest has 14 KB,
/// most have a tenth of that.
pub async fn create_image<W: Create>(
    world: &W,
    stack: &BoundedStack,
    message: &Message,
    invocation: &Invocation,
) -> Result<Handled, UseCaseError> {
    // A change of another tag or in another account asks for nothing.
    if let Message::InstanceTagged(event) = message {
        let mut pressed = None;
        if let Some(request) = LookRequest::of_event(event, stack) {
            pressed = Some(Box::pin(look_at_instance(world, stack, &request, invocation)).await?);
        }
        let mut enrolled = None;
        if let Some(request) = EnrolRequest::of_event(event, stack) {
            enrolled = Some(Box::pin(look_at_schedule(world, stack, &request, invocation)).await?);
        }
        return Ok(Handled::Tagged(pressed, enrolled));
    }
    if let Message::LookAtInstance { region, instance } = message {
        let request =
            LookRequest { region: region.clone(), instance: instance.clone(), hint: None };
        return Ok(Handled::Button(
            Box::pin(look_at_instance(world, stack, &request, invocation)).await?,
        ));
    }
    if let Message::LookAtSchedule { region, instance, coverage } = message {
        let (region, instance, coverage) = (region.clone(), instance.clone(), *coverage);
        let request = EnrolRequest { region, instance, hint: None, coverage };
        return Ok(Handled::Schedules(
            Box::pin(look_at_schedule(world, stack, &request, invocation)).await?,
        ));
    }
    if let Message::LookAtPolicy(asked) = message {
        return Ok(Handled::Policy(Box::pin(look_at_policy(world, stack, asked)).await?));
    }
    if let Message::FamilyDue(due) = message {
        return Ok(Handled::Family(Box::pin(create_due(world, stack, due, invocation)).await?));
    }
    Ok(Handled::NotMine)
}
