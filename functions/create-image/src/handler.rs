//! Which use case a message asks for.

use amiline_app::Create;
use amiline_app::family::{Invocation, UseCaseError, create_due};
use amiline_app::look::{LookRequest, look_at_instance};
use amiline_app::settings::BoundedStack;
use amiline_aws::runtime::Taken;
use amiline_domain::wake::Wake;

/// Carries one message out.
pub(crate) async fn handle(
    world: &impl Create,
    stack: &BoundedStack,
    wake: Wake,
    invocation: &Invocation,
) -> Result<Taken, UseCaseError> {
    let request = match wake {
        // A change of another tag or in another account asks for nothing.
        Wake::InstanceTagged(event) => LookRequest::of_event(&event, stack),
        Wake::LookAtInstance { region, instance } => Some(LookRequest { region, instance, hint: None }),
        Wake::FamilyDue(due) => {
            create_due(world, stack, &due, invocation).await?;
            None
        }
        Wake::ImageState(_) | Wake::AnnounceHistory { .. } | Wake::Tick(_) => return Ok(Taken::NotMine),
    };
    if let Some(request) = request {
        look_at_instance(world, stack, &request, invocation).await?;
    }
    Ok(Taken::Done)
}
