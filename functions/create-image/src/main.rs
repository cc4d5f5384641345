//! `create-image`: makes an image of an instance whose button was pressed.

mod handler;

use amiline_aws::settings::CreateImage;
use amiline_aws::{Aws, Warm, runtime};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<CreateImage>()?);
    world.warm().await;
    let stack = &world.settings().stack;
    runtime::serve_queue(&world, "create-image", async |wake, invocation: &_| {
        handler::handle(&world, stack, wake, invocation).await
    })
    .await
}
