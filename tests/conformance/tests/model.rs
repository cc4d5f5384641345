//! The suite against the cloud in memory: a new one for each expectation.

use amiline_conformance::{Model, check};
use amiline_fakecloud::block_on;

#[test]
fn the_cloud_in_memory_does_what_is_expected() {
    check::<Model>(|expectation| block_on((expectation.run)(&Model::default())));
}
