//! `schedule-tick`: finds what needs a look and no event told of, and sends messages.

mod handler;

use amiline_aws::settings::ScheduleTick;
use amiline_aws::{Aws, Warm, runtime};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<ScheduleTick>()?);
    world.warm().await;
    let watched = world.settings().watched();
    let serve = async |asked| handler::handle(&world, &watched, asked).await;
    runtime::serve_tick(serve).await
}
