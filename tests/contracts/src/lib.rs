//! What the contract tests read with: the deployed templates as CloudFormation would resolve them,
//! EventBridge's patterns, IAM statements, the event files with the table that describes them, and
//! the schema of the bus's events. The tests are in `tests/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "only tests call this, and a broken template or event file should stop the test where it is found"
)]

pub mod events;
pub mod pattern;
pub mod schema;
pub mod stack;
pub mod statements;
