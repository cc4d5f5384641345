//! A deterministic cloud in memory behind Amiline's ports: EC2, KMS, DynamoDB, SSM, SQS, SNS and
//! EventBridge as far as Amiline meets them, with virtual time.
//!
//! Nothing here reads a clock or draws a random number: the same calls give the same answers and
//! the same trace. Every port call goes through one gate ([`Call`]), where it yields, may be made
//! to fail, and is written down. What is modelled of AWS cites the entry of
//! `docs/reference/aws-behaviour.md` that says so; where AWS documents nothing, the comment says
//! "not documented" and the model takes the choice that is harder on us.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test double: a panic here is a failed test, with a backtrace"
)]

mod cloud;
mod commit;
mod due;
mod ec2_copy;
mod ec2_create;
mod ec2_describe;
mod ec2_images;
mod ec2_instances;
mod ec2_settle;
mod ec2_share;
mod events;
mod executor;
mod faults;
mod flaws;
mod gate;
mod happenings;
mod identity;
mod keys;
mod limits;
mod parameters;
mod people;
mod ports_cloud;
mod ports_ec2;
mod ports_instances;
mod ports_policies;
mod ports_switch;
mod ports_table;
mod queues;
mod refusal;
mod region;
mod settings;
mod state;
mod store;
mod trace;
mod truth;
mod versioned;
mod world;

pub use cloud::FakeCloud;
pub use ec2_images::{Image, ImageDevice, Permission, Snapshot};
pub use ec2_instances::{Attached, Instance, Launch, Volume};
pub use events::{BusEvent, Decider, Delivery, EventKind};
pub use executor::{Order, Race, Turn, Turns, block_on, run};
pub use faults::{FaultKind, FaultRule, denial};
pub use gate::Call;
pub use happenings::{Happening, Refused, SeenImage, What};
pub use limits::Dark;
pub use people::Forged;
pub use queues::{OnBus, Published, Queued, receives_max};
pub use settings::Plant;
pub use store::{STREAM_BATCH, StreamRecord};
pub use trace::Effect;
pub use world::World;

/// The Region of this name; panics on anything else, for tests.
pub fn region(name: &str) -> amiline_domain::ids::Region {
    amiline_domain::ids::Region::new(name).expect("a Region's name")
}
