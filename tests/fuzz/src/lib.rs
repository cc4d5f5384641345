//! Fuzzing of everything that reads what others wrote: events, policies, tags, names, what AWS
//! answers, and what of it gets into the log. In the tree and on the stable toolchain, so that
//! anybody can run it, and CI does.
//!
//! A target (`targets/`) takes bytes, does what production does with them, and says either in a few
//! words what they led to, or which law they broke. Inputs that led to something new are kept, and
//! changed further (`engine.rs`).

mod attempt;
mod dictionary;
mod engine;
mod log_lines;
mod minimise;
mod mutate;
mod properties;
pub mod regressions;
mod rng;
mod stage;
mod target;
pub mod targets;

pub use attempt::attempt;
pub use engine::{Finding, Fuzzer, Tally};
pub use minimise::minimise;
pub use mutate::BETWEEN;
pub use target::{Broken, Outcome, Target};
