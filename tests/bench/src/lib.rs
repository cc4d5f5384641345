//! Measuring: something, and beside it in the same process something to compare it with.
//!
//! Figures in seconds belong to one machine; a ratio between two things that ran side by side is what can be claimed.

use std::time::{Duration, Instant};

/// Rounds of each of the two, in turns, so that whatever slows the machine down slows both.
const ROUNDS: usize = 7;

/// What one unit of work cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// The median over the rounds.
    pub per_unit: Duration,
}

/// Measures two things in turns. Each does some work and says how many units it was.
#[allow(clippy::disallowed_methods, reason = "a benchmark is an edge: it measures")]
pub fn side_by_side(mut one: impl FnMut() -> u64, mut other: impl FnMut() -> u64) -> (Cost, Cost) {
    let mut costs = (Vec::new(), Vec::new());
    let timed = |work: &mut dyn FnMut() -> u64| {
        let began = Instant::now();
        let units = work().max(1);
        began.elapsed().div_f64(float(units))
    };
    // The first round warms up and does not count.
    for round in 0..=ROUNDS {
        let (first, second) = (timed(&mut one), timed(&mut other));
        if round > 0 {
            costs.0.push(first);
            costs.1.push(second);
        }
    }
    (median(costs.0), median(costs.1))
}

fn median(mut all: Vec<Duration>) -> Cost {
    all.sort_unstable();
    Cost { per_unit: all.get(all.len() / 2).copied().unwrap_or_default() }
}

#[allow(clippy::as_conversions, reason = "a count of units fits 53 bits")]
fn float(units: u64) -> f64 {
    units as f64
}

/// How many times the first costs the second.
pub fn ratio(first: Cost, second: Cost) -> f64 {
    first.per_unit.as_secs_f64() / second.per_unit.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_work_costs_about_twice_as_much() {
        let work = |times: u64| (0..times * 200_000).fold(0u64, |sum, n| std::hint::black_box(sum ^ n));
        let (one, two) = side_by_side(
            || {
                work(2);
                1
            },
            || {
                work(1);
                1
            },
        );
        let ratio = ratio(one, two);
        assert!((1.2..4.0).contains(&ratio), "{ratio}");
    }
}
