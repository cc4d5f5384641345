//! Which use case a message asks for. The stream's records are read in `amiline_aws::runtime`.

use amiline_app::announce::announce_waiting;
use amiline_app::family::UseCaseError;
use amiline_app::ports::{Announcer, Clock};
use amiline_aws::runtime::Taken;
use amiline_domain::wake::Wake;

/// Carries one message of the queue out.
pub(crate) async fn handle(world: &(impl Announcer + Clock), wake: Wake) -> Result<Taken, UseCaseError> {
    match wake {
        Wake::AnnounceHistory { pk, sk } => {
            announce_waiting(world, &pk, &sk).await?;
            Ok(Taken::Done)
        }
        Wake::InstanceTagged(_)
        | Wake::ImageState(_)
        | Wake::LookAtInstance { .. }
        | Wake::LookAtSchedule { .. }
        | Wake::FamilyDue(_)
        | Wake::Tick(_) => Ok(Taken::NotMine),
    }
}
