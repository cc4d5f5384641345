//! The ports on the AWS SDK, settings from the environment, logs, and the Lambda runtime. SDK types
//! stop here.
//!
//! [`Aws`] is the world of one function. Which ports it has follows from its settings: what a
//! function has no variable for, it cannot reach, and the use cases that would need it do not
//! compile with it.

#![allow(async_fn_in_trait, reason = "every caller is in this workspace and single-threaded")]

pub mod client;
mod ec2;
mod errors;
mod notifications;
mod parameters;
mod policies;
mod queues;
mod records;
pub mod runtime;
pub mod settings;
mod sign_in;
#[cfg(test)]
mod stub;
mod switch;
pub mod telemetry;
mod time;
mod warm;
mod world;

pub use errors::{NO_CREDENTIALS, NO_HOST};
pub use records::{DUE_INDEX, DUE_SHARDS, LISTING_INDEX, history_of_stream};
pub use sign_in::{ConnectError, Credentials, SignIn};
pub use time::now;
pub use warm::Warm;
pub use world::{Aws, Operator};
