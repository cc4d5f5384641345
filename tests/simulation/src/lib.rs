//! The deterministic simulation: the real use cases on the deterministic cloud, under everything
//! that can go wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "test code: a panic here is a failed run, with its seed"
)]

pub mod checks;
pub mod choices;
pub mod conditions;
pub mod crowd;
pub mod diary;
mod instances;
pub mod kills;
pub mod many;
pub mod mutants;
pub mod people;
pub mod policies;
pub mod report;
pub mod run;
pub mod scenarios;
pub mod seeds;
pub mod shrink;
pub mod stats;
pub mod storm;
pub mod sweep;
