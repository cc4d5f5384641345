//! Which use case a message asks for.

use amiline_app::Distribute;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::family::distribute_due;
use amiline_app::image_event::{ImageEventDone, on_image_state};
use amiline_app::settings::BoundedStack;
use amiline_aws::runtime::Taken;
use amiline_aws::telemetry;
use amiline_domain::wake::Wake;

/// Carries one message out.
pub(crate) async fn handle(
    world: &impl Distribute,
    stack: &BoundedStack,
    wake: Wake,
    invocation: &Invocation,
) -> Result<Taken, UseCaseError> {
    match wake {
        Wake::ImageState(event) => {
            if on_image_state(world, stack, &event, invocation).await? == ImageEventDone::Foreign {
                telemetry::foreign_image(stack.stack.name.as_str(), world.now());
            }
        }
        Wake::FamilyDue(due) => {
            distribute_due(world, stack, &due, invocation).await?;
        }
        Wake::InstanceTagged(_)
        | Wake::LookAtInstance { .. }
        | Wake::LookAtSchedule { .. }
        | Wake::LookAtPolicy(_)
        | Wake::AnnounceHistory { .. }
        | Wake::Tick(_)
        | Wake::DayEnded(_)
        | Wake::DigestDue(_) => {
            return Ok(Taken::NotMine);
        }
    }
    Ok(Taken::Done)
}
