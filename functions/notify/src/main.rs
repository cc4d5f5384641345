//! `notify`: tells topics and the bus what the record says, and nothing else.

mod handler;

use amiline_aws::settings::Notify;
use amiline_aws::{Aws, Warm, runtime};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let world = Aws::connect(runtime::begin::<Notify>()?);
    world.warm().await;
    runtime::serve_notify(&world, async |wake, _: &_| handler::handle(&world, wake).await).await
}
