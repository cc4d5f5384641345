//! Which use case a message asks for. The stream's records are read in `amiline_aws::runtime`.

use amiline_app::Notify;
use amiline_app::announce::announce_waiting;
use amiline_app::digest::publish_digest;
use amiline_app::error::UseCaseError;
use amiline_aws::runtime::Taken;
use amiline_domain::wake::Wake;

/// Carries one message of the queue out.
pub(crate) async fn handle(world: &impl Notify, wake: Wake) -> Result<Taken, UseCaseError> {
    match wake {
        Wake::AnnounceHistory { pk, sk } => {
            announce_waiting(world, &pk, &sk).await?;
            Ok(Taken::Done)
        }
        Wake::DigestDue(key) => {
            publish_digest(world, &key).await?;
            Ok(Taken::Done)
        }
        Wake::InstanceTagged(_)
        | Wake::ImageState(_)
        | Wake::LookAtInstance { .. }
        | Wake::LookAtSchedule { .. }
        | Wake::LookAtPolicy(_)
        | Wake::FamilyDue(_)
        | Wake::Tick(_)
        | Wake::DayEnded(_) => Ok(Taken::NotMine),
    }
}
