//! `create-image`: makes an image of an instance whose button was pressed.

use amiline_app::functions::{Function, create_image};
use amiline_aws::settings::CreateImage;
use amiline_aws::{Aws, Warm, runtime};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<CreateImage>()?);
    world.warm().await;
    let stack = &world.settings().stack;
    runtime::serve_queue(&world, Function::CreateImage, async |message, invocation: &_| {
        create_image(&world, stack, message, invocation).await
    })
    .await
}
