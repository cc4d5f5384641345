//! One tick.

use amiline_app::Tick;
use amiline_app::family::UseCaseError;
use amiline_app::settings::WatchedStack;
use amiline_app::tick::tick;
use amiline_aws::telemetry;
use amiline_domain::wake;

/// Ticks, and counts for the alarm what is overdue.
pub(crate) async fn handle(world: &impl Tick, watched: &WatchedStack, request: wake::Tick) -> Result<(), UseCaseError> {
    let done = tick(world, watched, request).await?;
    telemetry::overdue_families(watched.stack.name.as_str(), done.overdue, world.now());
    Ok(())
}
