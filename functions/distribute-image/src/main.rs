//! `distribute-image`: records what became of an image, copies it and shares it.

mod handler;

use amiline_aws::settings::DistributeImage;
use amiline_aws::{Aws, Warm, runtime};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<DistributeImage>()?);
    world.warm().await;
    let stack = &world.settings().stack;
    runtime::serve_queue(&world, "distribute-image", async |wake, invocation: &_| {
        handler::handle(&world, stack, wake, invocation).await
    })
    .await
}
