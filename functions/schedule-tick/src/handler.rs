//! One tick.

use amiline_app::Tick;
use amiline_app::family::UseCaseError;
use amiline_app::settings::Stack;
use amiline_app::tick::tick;
use amiline_aws::telemetry;
use amiline_domain::ids::Region;
use amiline_domain::wake;

/// Ticks, and counts for the alarm what is overdue.
pub(crate) async fn handle(
    world: &impl Tick,
    stack: &Stack,
    source_regions: &[Region],
    request: wake::Tick,
) -> Result<(), UseCaseError> {
    let done = tick(world, stack, source_regions, request).await?;
    telemetry::overdue_families(stack.name.as_str(), done.overdue, world.now());
    Ok(())
}
