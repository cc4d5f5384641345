//! What a seed costs, beside the same use cases on the same cloud with nothing around them.
//!
//! `cargo bench --profile sim -p amiline-bench --bench simulation`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use amiline_bench::{ratio, side_by_side};
use amiline_fakecloud::FakeCloud;
use amiline_scenarios::House;
use amiline_simulation::many::{Plan, run_many};
use amiline_simulation::seeds::{Mode, Wrong};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEEDS: u64 = 1000;
const JOBS: u64 = 100;

/// Seeds in both modes on one core; the port calls they made.
fn seeds(modes: &'static [Mode]) -> (u64, u64, u64) {
    let wrong = Wrong::default();
    let plan = Plan { from: 0, seeds: SEEDS, time: None, modes, scenario: None, wrong, jobs: 1 };
    let done = run_many(plan, &|_| {});
    (done.stats.calls, done.stats.turns, done.seeds)
}

/// One press to its answer, many times, by nothing but the use cases on the cloud; the port calls
/// it made.
fn bare() -> u64 {
    let one = |_| {
        let house = House::new();
        let cloud: &FakeCloud = &house.cloud;
        cloud.keep_trace(false);
        house.pressed("default");
        house.live_by_events(5);
        cloud.calls_made()
    };
    (0..JOBS).map(one).sum()
}

fn main() {
    // Both modes: a seed is a life in endless trouble, and one whose trouble ends.
    const MODES: &[Mode] = &[Mode::Safety, Mode::Liveness];
    let (calls, turns, seeds_run) = seeds(MODES);
    let (simulated, plain) = side_by_side(|| seeds(MODES).0, bare);
    let (seed, _) = side_by_side(|| seeds(MODES).2, bare);
    println!("a seed: {} turns, {} port calls", turns / seeds_run, calls / seeds_run);
    println!(
        "a seed: {:.3} ms, {:.0} seeds/s a core",
        1000.0 * seed.per_unit.as_secs_f64(),
        1.0 / seed.per_unit.as_secs_f64()
    );
    println!("a port call in a seed: {:?}; bare: {:?}", simulated.per_unit, plain.per_unit);
    println!(
        "ratio: {:.2} (trouble, people and every check, over the use cases alone)",
        ratio(simulated, plain)
    );
}
