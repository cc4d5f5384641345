//! Which use case a message asks for.

use amiline_app::Create;
use amiline_app::engine::Invocation;
use amiline_app::enrol::{EnrolRequest, look_at_schedule};
use amiline_app::error::UseCaseError;
use amiline_app::family::create_due;
use amiline_app::look::{LookRequest, look_at_instance};
use amiline_app::policy_read::look_at_policy;
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
    match wake {
        // A change of another tag or in another account asks for nothing.
        Wake::InstanceTagged(event) => {
            if let Some(request) = LookRequest::of_event(&event, stack) {
                look_at_instance(world, stack, &request, invocation).await?;
            }
            if let Some(request) = EnrolRequest::of_event(&event, stack) {
                look_at_schedule(world, stack, &request, invocation).await?;
            }
        }
        Wake::LookAtInstance { region, instance } => {
            look_at_instance(world, stack, &LookRequest { region, instance, hint: None }, invocation).await?;
        }
        Wake::LookAtSchedule { region, instance, coverage } => {
            let request = EnrolRequest { region, instance, hint: None, coverage };
            look_at_schedule(world, stack, &request, invocation).await?;
        }
        Wake::LookAtPolicy(asked) => {
            look_at_policy(world, stack, &asked).await?;
        }
        Wake::FamilyDue(due) => {
            create_due(world, stack, &due, invocation).await?;
        }
        Wake::ImageState(_) | Wake::AnnounceHistory { .. } | Wake::Tick(_) | Wake::DayEnded(_) | Wake::DigestDue(_) => {
            return Ok(Taken::NotMine);
        }
    }
    Ok(Taken::Done)
}
