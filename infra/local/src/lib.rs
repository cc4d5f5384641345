//! A local AWS for Amiline: two emulators behind one endpoint, the real template deployed to them,
//! the real function binaries run by them.
//!
//! [`LocalAws::start`] does all of it. `cargo local` and `cargo demo` are built on it, and so are
//! the tests that need AWS.
#![allow(
    clippy::disallowed_methods,
    reason = "this crate is an edge: it starts processes, reads the environment and waits for real time to pass"
)]

pub mod aws;
pub mod demo;
mod deploy;
mod emulators;
mod error;
pub mod gateway;
mod places;
mod prepare;
mod process;
mod progress;
mod run;
pub mod show;
mod stack;
pub mod template;

pub use deploy::{Deployed, Queues};
pub use error::LocalError;
pub use progress::Progress;
pub use stack::{LocalAws, Options};

/// The stack's name, by which everything deployed is named.
pub const STACK: &str = "amiline";
/// The account that everything runs in.
pub const ACCOUNT: &str = "111111111111";
/// Where `infra/template.yaml` is deployed.
pub const HOME_REGION: &str = "us-east-1";
/// Where the default policy copies to; `infra/regional.yaml` is deployed there too.
pub const DESTINATION_REGIONS: [&str; 2] = ["us-west-2", "eu-west-1"];
/// Whom the default policy shares with.
pub const ACCOUNTS_SHARED_WITH: [&str; 1] = ["222222222222"];
/// The customer key of each Region.
pub const KEY_ALIAS: &str = "alias/amiline";

/// The command line. Cargo's aliases end with `--`, so that options may follow them directly;
/// whoever writes the usual `cargo demo -- --json` gives it twice, and the second one is dropped.
pub fn arguments() -> impl Iterator<Item = std::ffi::OsString> {
    std::env::args_os()
        .enumerate()
        .filter(|(place, word)| *place != 1 || word != "--")
        .map(|(_, word)| word)
}
