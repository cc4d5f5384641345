//! Measuring: something, and beside it in the same process something to compare it with.
//!
//! Figures in seconds belong to one machine; a ratio between two things that ran side by side is
//! what can be claimed.

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
    fn the_middle_round_counts_and_not_the_one_that_was_held_up() {
        let millis = |all: [u64; 3]| median(all.map(Duration::from_millis).to_vec());
        assert_eq!(millis([900, 2, 4]).per_unit, Duration::from_millis(4));
        assert!((ratio(millis([8, 8, 9]), millis([4, 1, 70])) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn both_do_their_work_in_every_round() {
        let (mut one, mut other) = (0, 0);
        side_by_side(
            || {
                one += 1;
                1
            },
            || {
                other += 1;
                1
            },
        );
        assert_eq!((one, other), (ROUNDS + 1, ROUNDS + 1));
    }
}
