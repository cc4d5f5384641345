//! Very many seeds, on all cores.

use crate::checks::{Check, Violation};
use crate::choices::Choices;
use crate::scenarios::Scenario;
use crate::seeds::{Ended, Mode, Wrong, run};
use crate::stats::Stats;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One run in so many is made twice, and must leave the same trace.
const TWICE_EVERY: u64 = 64;
/// Seeds that a core takes at once.
const CHUNK: u64 = 64;

/// Which seeds to run.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The first.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Until this time is over, if it is sooner.
    pub time: Option<Duration>,
    /// In which modes.
    pub modes: &'a [Mode],
    /// This scenario in trouble, instead of any life.
    pub scenario: Option<&'a Scenario>,
    /// What is wrong on purpose.
    pub wrong: Wrong,
    /// Cores.
    pub jobs: usize,
}

/// The first violation of a plan: the lowest seed.
#[derive(Debug)]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// The mode.
    pub mode: Mode,
    /// What is violated.
    pub violation: Violation,
    /// The run.
    pub ended: Ended,
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Done {
    /// What the runs did.
    pub stats: Stats,
    /// Seeds that were run in every mode.
    pub seeds: u64,
    /// How long it took, on the wall.
    pub took: Duration,
    /// The first violation.
    pub found: Option<Found>,
}

/// Runs one seed in one mode.
pub fn run_seed(
    seed: u64,
    mode: Mode,
    scenario: Option<&Scenario>,
    wrong: Wrong,
    tell: bool,
) -> Ended {
    let choices = Choices::of_seed(seed);
    match scenario {
        Some(scenario) => scenario.under(&choices, wrong, tell),
        None => run(&choices, mode, wrong, tell),
    }
}

/// Runs a plan; `progress` hears of the seeds that were done.
#[expect(clippy::disallowed_methods, reason = "the clock is that of the person who waits")]
pub fn run_many(plan: Plan<'_>, progress: &(dyn Fn(u64) + Sync)) -> Done {
    let began = Instant::now();
    let next = AtomicU64::new(plan.from);
    // Every seed from here on needs no run any more: a lower one was found to fail.
    let stop = AtomicU64::new(plan.from.saturating_add(plan.seeds));
    let shared = Mutex::new(Done::default());
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                let mut mine = Done::default();
                loop {
                    let first = next.fetch_add(CHUNK, Ordering::Relaxed);
                    let late = plan.time.is_some_and(|time| began.elapsed() >= time);
                    if late || first >= stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let end = (first + CHUNK).min(stop.load(Ordering::Relaxed));
                    for seed in first..end {
                        if let Some(found) = one(plan, seed, &mut mine.stats) {
                            stop.fetch_min(seed, Ordering::Relaxed);
                            let mut shared = shared.lock().expect("no holder panics");
                            if shared.found.as_ref().is_none_or(|other| seed < other.seed) {
                                shared.found = Some(found);
                            }
                            break;
                        }
                        mine.seeds += 1;
                    }
                    progress(end.saturating_sub(first));
                }
                let mut shared = shared.lock().expect("no holder panics");
                shared.stats.add(&mine.stats);
                shared.stats.runs -= u64::from(mine.stats.runs == 0);
                shared.seeds += mine.seeds;
            });
        }
    });
    let mut done = shared.into_inner().expect("no holder panics");
    if plan.scenario.is_none() && plan.wrong == Wrong::default() {
        tell_of_neighbours(&mut done);
    }
    done.took = began.elapsed();
    done
}

/// Who is held up by whom shows only where nothing else goes wrong: the two stories about it belong
/// to every report.
fn tell_of_neighbours(done: &mut Done) {
    for name in ["dark", "poison"] {
        if let Some(scenario) = Scenario::of(name) {
            done.stats.tally.add(&scenario.tell(&[], Wrong::default(), false).stats.tally);
        }
    }
}

/// One seed in every mode.
fn one(plan: Plan<'_>, seed: u64, stats: &mut Stats) -> Option<Found> {
    for mode in plan.modes {
        let mut ended = run_seed(seed, *mode, plan.scenario, plan.wrong, false);
        if ended.violation.is_none() && seed.is_multiple_of(TWICE_EVERY) {
            ended.stats.tally.count(Check::SameTrace);
            let again = run_seed(seed, *mode, plan.scenario, plan.wrong, false);
            if again.stats.hash != ended.stats.hash {
                let what = format!("{:016x} and then {:016x}", ended.stats.hash, again.stats.hash);
                ended.violation = Some(Violation { check: Check::SameTrace, what });
            }
        }
        stats.add(&ended.stats);
        if let Some(violation) = ended.violation.clone() {
            return Some(Found { seed, mode: *mode, violation, ended });
        }
    }
    None
}
