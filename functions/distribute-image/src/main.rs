//! `distribute-image`: records what became of an image, copies it and shares it.

use amiline_app::functions::{Function, distribute_image};
use amiline_app::ports::Clock;
use amiline_aws::settings::DistributeImage;
use amiline_aws::{Aws, Warm, runtime, telemetry};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<DistributeImage>()?);
    world.warm().await;
    let stack = &world.settings().stack;
    runtime::serve_queue(&world, Function::DistributeImage, async |message, invocation: &_| {
        let handled = distribute_image(&world, stack, message, invocation).await?;
        telemetry::handled(&stack.stack.name, &handled, world.now());
        Ok(handled)
    })
    .await
}
