//! Making a failing run as short as it can be found.
//!
//! A run is a function of its choices, and a choice of 0 is calm. So a run is shortened by ending
//! its choices early and by taking out or calming down pieces of them, as long as the same check is
//! still violated.

use crate::choices::Choices;
use crate::seeds::{Ended, Mode, Wrong, run};

/// Runs that are tried for it.
const TRIES_MAX: usize = 4000;

/// The shortest choices that were found to violate the same check, and their run with its story.
pub fn shrink(failed: &Ended, mode: Mode, wrong: Wrong) -> Ended {
    let given = |choices| Choices::given(choices).with_schedules(failed.schedules);
    let Some(violation) = &failed.violation else {
        return run(&given(failed.choices.clone()), mode, wrong, true);
    };
    let check = violation.check;
    let mut tries = 0;
    let mut fails = |choices: &[u32]| {
        tries += 1;
        tries <= TRIES_MAX
            && run(&given(choices.to_vec()), mode, wrong, false)
                .violation
                .is_some_and(|v| v.check == check)
    };
    let mut best = failed.choices.clone();
    loop {
        let before = best.clone();
        best = end_early(best, &mut fails);
        let mut size = (best.len() / 2).max(1);
        while size > 0 {
            best = each_piece(best, size, &mut fails);
            size /= 2;
        }
        if best == before {
            break;
        }
    }
    run(&given(best), mode, wrong, true)
}

/// Ends the choices as early as possible.
fn end_early(mut best: Vec<u32>, fails: &mut impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut cut = best.len() / 2;
    while cut > 0 {
        let length = best.len().saturating_sub(cut);
        if fails(&best[..length]) {
            best.truncate(length);
        } else {
            cut /= 2;
        }
    }
    best
}

/// Takes out, or else calms down, each piece of this size.
fn each_piece(mut best: Vec<u32>, size: usize, fails: &mut impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut at = 0;
    while at < best.len() {
        let end = (at + size).min(best.len());
        let without: Vec<u32> = best[..at].iter().chain(&best[end..]).copied().collect();
        if fails(&without) {
            best = without;
            continue;
        }
        if best[at..end].iter().any(|choice| *choice != 0) {
            let mut calmer = best.clone();
            calmer[at..end].fill(0);
            if fails(&calmer) {
                best = calmer;
            }
        }
        at = end;
    }
    best
}
