//! What Amiline does: use cases over narrow ports.
//!
//! A use case reads, asks `amiline_domain` what to do, records it, and does it. It bounds its world
//! by the ports it needs, so that a function that may not change EC2 cannot even be compiled with a
//! use case that does.

pub mod announce;
pub mod coverage;
pub mod digest;
pub mod engine;
pub mod enrol;
pub mod error;
pub mod failpoint;
pub mod family;
pub mod functions;
pub mod image_event;
pub mod listing;
pub mod look;
mod made;
pub mod policies;
pub mod policy_read;
pub mod ports;
pub mod press;
pub mod reject;
pub mod retry;
pub mod settings;
mod share_sweep;
mod sweep;
pub mod switch;
pub mod tick;
pub mod unread;
pub mod why;
mod world;

pub use world::{Create, Distribute, Notify, Operate, Tick};
