//! Runs of seeds: one, or very many on all cores.

use crate::checks::{Check, Violation, rest};
use crate::choices::Choices;
use crate::conditions::Conditions;
use crate::mutants::Mutant;
use crate::people;
use crate::run::Run;
use crate::stats::Stats;
use amiline_fakecloud::Plant;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whether trouble ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Trouble for ever: what holds at every step is checked.
    Safety,
    /// Trouble ends, and everything must come to rest in the desired state.
    Liveness,
}

impl Mode {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Safety => "safety",
            Mode::Liveness => "liveness",
        }
    }
}

/// What is wrong on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wrong {
    /// In the product.
    pub mutant: Option<Mutant>,
    /// In the cloud.
    pub plant: Option<Plant>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ended {
    /// What it did.
    pub stats: Stats,
    /// What it violated.
    pub violation: Option<Violation>,
    /// The choices that it made.
    pub choices: Vec<u32>,
    /// Whether instances were enrolled in schedules.
    pub schedules: bool,
    /// The story, if it was to be told.
    pub story: String,
}

/// Runs these choices. The story is told if asked for.
pub fn run(choices: &Choices, mode: Mode, wrong: Wrong, tell: bool) -> Ended {
    let begin = || {
        let mut conditions = Conditions::of(choices);
        if wrong.plant.is_some() {
            // Longer than a call's outcome is waited for: then EC2's own rules are all that
            // prevents a second image.
            conditions.image_lag = 420;
        }
        let mut run = Run::new(choices, conditions, wrong.mutant);
        run.cloud.keep_trace(tell);
        if let Some(plant) = wrong.plant {
            run.cloud.plant(plant);
        }
        run.oracle.skewed = run.conditions.skew > 0;
        people::plan(&mut run);
        run
    };
    guarded(
        choices,
        begin,
        |run| {
            run.rage();
            if mode == Mode::Liveness && !run.violated() {
                run.calm_down();
                look_at_rest(run);
                // Life after the answer: people go on with what is settled, and are heard.
                for _ in 0..2 {
                    if !run.violated() {
                        people::late_act(run);
                        run.come_to_rest();
                        look_at_rest(run);
                    }
                }
            }
        },
        tell,
    )
}

fn look_at_rest(run: &mut Run) {
    if !run.violated() {
        rest::look(run);
    }
}

/// Makes a run and lives it; a panic is a violation like any other.
pub(crate) fn guarded(
    choices: &Choices,
    begin: impl FnOnce() -> Run,
    live: impl FnOnce(&mut Run),
    tell: bool,
) -> Ended {
    let mut run = begin();
    run.oracle.tally.count(Check::NoPanic);
    let lived = catch_unwind(AssertUnwindSafe(|| live(&mut run)));
    if let Err(panic) = lived {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied());
        run.oracle.violate(Check::NoPanic, words.unwrap_or("a panic without words").to_owned());
    }
    let story = if tell { run.cloud.trace() } else { String::new() };
    let (stats, violation) = run.finish();
    Ended { stats, violation, choices: choices.made(), schedules: choices.schedules(), story }
}
