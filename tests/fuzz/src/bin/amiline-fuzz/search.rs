//! The targets in turns, until the time or the runs are used up.
#![allow(
    clippy::disallowed_methods,
    reason = "an edge: it measures how long it has searched; the search itself does not"
)]

use crate::args::Args;
use crate::report;
use crate::watch::Watch;
use amiline_fuzz::{Finding, Fuzzer, Target, regressions};
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Without a word about how long.
const SECONDS_DEFAULT: u64 = 20;
/// How long a target has its turn.
const TURN: Duration = Duration::from_millis(500);
/// Runs between two looks at the clock.
const BATCH: u64 = 16;

/// One target's search.
pub(crate) struct Search {
    pub(crate) fuzzer: Fuzzer,
    /// How long it has run.
    pub(crate) spent: Duration,
    pub(crate) found: Option<Finding>,
}

/// Searches; `false` if something was found. A target that has found something is left alone after
/// that.
pub(crate) fn search(args: &Args, targets: &[Target]) -> io::Result<bool> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let start = Instant::now();
    let limit = match (args.seconds, args.runs) {
        (Some(seconds), _) => Some(Duration::from_secs(seconds)),
        (None, Some(_)) => None,
        (None, None) => Some(Duration::from_secs(SECONDS_DEFAULT)),
    };
    let watch = Watch::start(seed);
    let mut searches: Vec<Search> = Vec::new();
    for target in targets {
        searches.push(Search {
            fuzzer: Fuzzer::new(*target, seed)?,
            spent: Duration::ZERO,
            found: None,
        });
    }
    let runs_max = args.runs.unwrap_or(u64::MAX);
    let goes_on = |search: &Search| search.found.is_none() && search.fuzzer.tally().runs < runs_max;
    while limit.is_none_or(|limit| start.elapsed() < limit) && searches.iter().any(goes_on) {
        for search in searches.iter_mut().filter(|search| goes_on(search)) {
            take_turn(
                search,
                runs_max,
                limit.map(|limit| limit.saturating_sub(start.elapsed())),
                &watch,
            );
            if let Some(found) = &search.found {
                let kept = args
                    .keep
                    .then(|| regressions::keep(found.target, &found.broken.law, &found.input));
                report::found(found, kept.transpose()?.as_deref());
            }
        }
        report::progress(&searches, start.elapsed());
    }
    report::finished(&searches, seed, args.outcomes);
    Ok(searches.iter().all(|search| search.found.is_none()))
}

fn take_turn(search: &mut Search, runs_max: u64, left: Option<Duration>, watch: &Watch) {
    let turn = left.map_or(TURN, |left| left.min(TURN));
    let start = Instant::now();
    let name = search.fuzzer.target().name;
    while start.elapsed() < turn && search.found.is_none() {
        let left = runs_max.saturating_sub(search.fuzzer.tally().runs).min(BATCH);
        if left == 0 {
            break;
        }
        search.found = (0..left)
            .find_map(|_| search.fuzzer.step(&mut |input| watch.about_to_run(name, input)));
    }
    watch.rest();
    search.spent = search.spent.saturating_add(start.elapsed());
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
