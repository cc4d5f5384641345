//! One suite of what the ports promise, run against the cloud in memory and against the local AWS, so that neither
//! drifts from `aws-facts.md` unnoticed.
//!
//! An expectation is a function over the ports and a [`Lab`]. `tests/model.rs` runs the list from [`all`] against
//! [`Model`], `tests/local_aws.rs` runs the same list against [`Local`] through the SDK adapters; there is no other way
//! to run one, so none can hold in one place only.
//!
//! What only one side has is not here:
//!
//! | only in the cloud in memory | why |
//! | --- | --- |
//! | lag of describes and of the index, deregistered images that linger, reads torn by a transaction | has virtual time; the local AWS answers at once (its `hide-images` is for the end-to-end tests) |
//! | faults of single calls, dying callers, Regions that do not answer | the gateway's faults stand for them, end to end |
//! | request rates, copies in flight for each destination, images without a reboot at once | the local AWS has no quotas |
//! | 15 seconds between two images of one volume | switched off in the local AWS unless asked for (`snapshot-gap`) |
//! | a source Region that does not answer a copy | as above |
//! | only the newest 100 versions of a parameter are kept | the local AWS keeps them all |
//!
//! | only in the local AWS | why |
//! | --- | --- |
//! | KMS key states other than enabled and disabled, organizations, protection, snapshot attributes | no use case needs them |
//! | IAM decisions, signatures | the ports have no callers; `tests/e2e` runs with enforcement |
//! | parameters kept by the adapters for less than a minute | part of the adapters, tested there |
//!
//! | in both, but not alike, where AWS documents nothing | |
//! | --- | --- |
//! | the key of a plain copy of an encrypted image in its own Region | in memory the source's, in the local AWS the one that AWS manages (`aws-facts.md` section 3 has a page for each) |
//! | snapshot ids of a failed copy | shown in memory, not shown by the local AWS |
//! | wildcards in the key that tagged instances are asked for by | taken literally in memory; no stack's prefix can hold one |
//! | error messages, other than the holder of a name | not relied on |

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

pub use lab::{Lab, Published};
pub use local::Local;
pub use model::Model;
pub use suite::{Expectation, all, check};
