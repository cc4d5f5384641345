//! What the tests of the documentation read with: pages as GitHub shows them, and the templates
//! that pages are made from. The tests are in `tests/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "only tests call this, and a page that cannot be read should stop the test there"
)]

pub mod citations;
pub mod page;
pub mod repository;
pub mod tables;
pub mod yaml;
