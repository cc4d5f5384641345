//! The suite against the local AWS, through the adapters and the real SDK: one local AWS for all
//! expectations.

use amiline_conformance::{Local, check};
use amiline_local::{LocalAws, Options};

#[test]
fn the_local_aws_does_what_is_expected() {
    let dropped = ["EC2 AMI State Change", "Tag Change on Resource"].map(str::to_owned);
    let options = Options {
        pending_seconds: Local::PENDING_SECONDS,
        drop_events: dropped.to_vec(),
        ..Options::default()
    };
    let aws = LocalAws::start(options).expect("a local AWS");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let lab = runtime.block_on(Local::in_place(&aws));
    check::<Local>(|expectation| runtime.block_on((expectation.run)(&lab)));
}
