//! One tick, or the digests of a day.

use amiline_app::Tick;
use amiline_app::digest::ask_for_digests;
use amiline_app::error::UseCaseError;
use amiline_app::settings::WatchedStack;
use amiline_app::tick::tick;
use amiline_aws::runtime::Scheduled;
use amiline_aws::telemetry;

/// Ticks, and counts for the alarm what is overdue; or asks for digests.
pub(crate) async fn handle(
    world: &impl Tick,
    watched: &WatchedStack,
    scheduled: Scheduled,
) -> Result<(), UseCaseError> {
    match scheduled {
        Scheduled::Tick(request) => {
            let done = tick(world, watched, request).await?;
            let (stack, now) = (watched.stack.name.as_str(), world.now());
            if request.sweep {
                telemetry::refused_policies(stack, done.refused_policies, now);
                telemetry::enrolled_instances(stack, &done.enrolled, now);
                telemetry::lost_coverage(stack, &done.lost, done.lapsed, now);
            } else {
                telemetry::overdue_families(stack, done.overdue, now);
            }
        }
        Scheduled::Digests(day) => {
            ask_for_digests(world, day).await?;
        }
    }
    Ok(())
}
