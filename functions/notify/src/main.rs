//! `notify`: tells topics and the bus what the record says, and nothing else.

use amiline_app::functions::notify;
use amiline_aws::settings::Notify;
use amiline_aws::{Aws, Warm, runtime};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<Notify>()?);
    world.warm().await;
    runtime::serve_notify(&world, async |message, _: &_| notify(&world, message).await).await
}
