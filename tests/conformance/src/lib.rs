#![doc = include_str!("../README.md")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test suite: a panic here is an expectation that does not hold"
)]
#![allow(async_fn_in_trait, reason = "every caller is in this workspace and single-threaded")]

mod expectations;
mod given;
mod lab;
mod local;
mod model;
mod suite;

pub use lab::{FromBus, Lab, Published};
pub use local::Local;
pub use model::Model;
pub use suite::{Expectation, all, check};
