//! Whether the simulation notices what is wrong on purpose: in the product, and in the cloud
//! itself.

use crate::many::{Plan, run_many};
use crate::mutants::Mutant;
use crate::seeds::{Mode, Wrong};
use amiline_fakecloud::Plant;

/// What is broken in the cloud itself, by name.
pub const PLANTS: [(&str, Plant); 5] = [
    ("EC2 takes a name twice", Plant::NamesNotUnique),
    ("every seventh transaction is lost", Plant::LostTransactions),
    ("a transaction loses its history", Plant::HistoryLost),
    ("conditions on versions are not checked", Plant::VersionsNotChecked),
    ("CopyImage forgets its tokens", Plant::TokensForgotten),
];

/// How something was noticed, or that it was not.
#[derive(Debug)]
pub struct Kill {
    /// What was wrong.
    pub name: &'static str,
    /// Where it comes from.
    pub comes_from: &'static str,
    /// How many seeds it took.
    pub seeds: Option<u64>,
    /// Which check noticed it, and in which mode.
    pub by: String,
}

/// Runs every mutant and every plant until it is noticed.
pub fn hunt(seeds_max: u64, jobs: usize, progress: &(dyn Fn(&str) + Sync)) -> Vec<Kill> {
    let mutants = Mutant::ALL.into_iter().map(|mutant| {
        (mutant.name(), mutant.comes_from(), Wrong { mutant: Some(mutant), plant: None })
    });
    let plants = PLANTS.into_iter().map(|(name, plant)| {
        (name, "in the cloud itself", Wrong { mutant: None, plant: Some(plant) })
    });
    let mut kills = Vec::new();
    for (name, comes_from, wrong) in mutants.chain(plants) {
        progress(name);
        let plan = Plan {
            from: 0,
            seeds: seeds_max,
            time: None,
            modes: &[Mode::Liveness],
            scenario: None,
            wrong,
            jobs,
        };
        let found = run_many(plan, &|_| {}).found;
        let by = found.as_ref().map_or_else(String::new, |found| {
            match found.violation.check.invariant() {
                Some(number) => format!("invariant {number}"),
                None => format!("{:?}", found.violation.check),
            }
        });
        kills.push(Kill { name, comes_from, seeds: found.map(|found| found.seed + 1), by });
    }
    kills
}
