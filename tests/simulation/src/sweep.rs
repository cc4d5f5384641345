//! The sweep: each scenario again with a fault at each of its yields, and for the short ones at
//! each pair.

use crate::checks::Violation;
use crate::scenarios::Scenario;
use crate::seeds::Wrong;
use crate::stats::Stats;
use amiline_fakecloud::FaultKind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What happens at a yield.
pub const FAULTS: [(&str, FaultKind); 4] = [
    ("the caller dies before the effect", FaultKind::Hang),
    ("fails before the effect", FaultKind::ServerError),
    ("the effect happens and the reply is lost", FaultKind::LostReply),
    ("the caller dies after the effect", FaultKind::HangAfterEffect),
];
/// What happens at both yields of a pair.
const PAIRED: [usize; 3] = [0, 1, 2];

/// What a scenario's sweep came to.
#[derive(Debug)]
pub struct Swept {
    /// The scenario.
    pub name: &'static str,
    /// Its yields, told calmly.
    pub yields: u64,
    /// Yields at which every fault was tried.
    pub covered: u64,
    /// Runs with one fault.
    pub singles: u64,
    /// Runs with two.
    pub pairs: u64,
    /// What all of them did.
    pub stats: Stats,
    /// The first thing that was found wrong: the faults, and what.
    pub violation: Option<(Vec<(u64, FaultKind)>, Violation)>,
}

/// Sweeps a scenario on so many cores.
pub fn sweep(scenario: &Scenario, jobs: usize) -> Swept {
    let calm = scenario.tell(&[], Wrong::default(), false);
    let yields = calm.stats.calls;
    let mut swept = Swept {
        name: scenario.name,
        yields,
        covered: 0,
        singles: 0,
        pairs: 0,
        stats: calm.stats,
        violation: calm.violation.map(|violation| (Vec::new(), violation)),
    };
    let mut plans: Vec<Vec<(u64, FaultKind)>> = Vec::new();
    for at in 1..=yields {
        plans.extend(FAULTS.iter().map(|(_, fault)| vec![(at, fault.clone())]));
    }
    swept.singles = u64::try_from(plans.len()).unwrap_or(u64::MAX);
    if scenario.short {
        for first in 1..=yields {
            for second in first + 1..=yields {
                for one in PAIRED {
                    plans.extend(PAIRED.map(|other| {
                        vec![(first, FAULTS[one].1.clone()), (second, FAULTS[other].1.clone())]
                    }));
                }
            }
        }
    }
    swept.pairs = u64::try_from(plans.len()).unwrap_or(u64::MAX) - swept.singles;
    let done = carry_out(scenario, &plans, jobs, &mut swept);
    // A yield counts as covered once each of its faults was carried out.
    let per_yield = FAULTS.len();
    swept.covered = (1..=usize::try_from(yields).unwrap_or(0))
        .filter(|at| done[(at - 1) * per_yield..at * per_yield].iter().all(|done| *done))
        .count()
        .try_into()
        .unwrap_or(0);
    swept
}

/// Tells the scenario with each plan of faults; which were carried out.
fn carry_out(
    scenario: &Scenario,
    plans: &[Vec<(u64, FaultKind)>],
    jobs: usize,
    swept: &mut Swept,
) -> Vec<bool> {
    let next = AtomicUsize::new(0);
    let shared = Mutex::new((vec![false; plans.len()], Stats::default(), None));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut stats = Stats::default();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(plan) = plans.get(place) else { break };
                    let ended = scenario.tell(plan, Wrong::default(), false);
                    stats.add(&ended.stats);
                    let mut shared = shared.lock().expect("no holder panics");
                    shared.0[place] = true;
                    if let Some(violation) = ended.violation {
                        let worse = shared.2.as_ref().is_none_or(|(at, _)| place < *at);
                        if worse {
                            shared.2 = Some((place, violation));
                        }
                    }
                }
                shared.lock().expect("no holder panics").1.add(&stats);
            });
        }
    });
    let (done, stats, found) = shared.into_inner().expect("no holder panics");
    swept.stats.add(&stats);
    if swept.violation.is_none() {
        swept.violation = found.map(|(place, violation)| (plans[place].clone(), violation));
    }
    done
}
