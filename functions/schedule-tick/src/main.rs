//! `schedule-tick`: finds what is due and no event told of, and sends messages.

use amiline_app::functions::schedule_tick;
use amiline_app::ports::Clock;
use amiline_aws::settings::ScheduleTick;
use amiline_aws::{Aws, Warm, runtime, telemetry};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<ScheduleTick>()?);
    world.warm().await;
    let watched = world.settings().watched();
    runtime::serve_tick(async |message| {
        let handled = schedule_tick(&world, &watched, message).await?;
        telemetry::handled(&watched.stack.name, &handled, world.now());
        Ok(handled)
    })
    .await
}
