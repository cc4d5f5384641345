//! The simulation keeps its own promises: it is deterministic, it notices, it shrinks; and found
//! bugs stay away.

use amiline_fakecloud::Plant;
use amiline_simulation::checks::Check;
use amiline_simulation::many::{Plan, run_many, run_seed};
use amiline_simulation::mutants::Mutant;
use amiline_simulation::report::{of_seeds, unknown_yields};
use amiline_simulation::scenarios::{SCENARIOS, Scenario};
use amiline_simulation::seeds::{Mode, Wrong};
use amiline_simulation::shrink::shrink;
use amiline_simulation::sweep::sweep;

const MODES: &[Mode] = &[Mode::Safety, Mode::Liveness];

fn plan(seeds: u64, wrong: Wrong) -> Plan<'static> {
    Plan { from: 0, seeds, time: None, modes: MODES, scenario: None, wrong, jobs: 2 }
}

#[test]
fn three_hundred_seeds_hold_every_invariant_and_meet_no_yield_that_nobody_knows() {
    let done = run_many(plan(300, Wrong::default()), &|_| {});
    let found = done
        .found
        .map(|found| format!("seed {} ({}): {}", found.seed, found.mode.name(), found.violation));
    assert_eq!(found, None);
    assert_eq!(done.seeds, 300);
    assert_eq!(unknown_yields(&done.stats), []);
    assert!(done.stats.tally.of(Check::SameTrace) > 0);
}

#[test]
fn the_hash_of_all_traces_does_not_depend_on_the_cores() {
    let one = run_many(Plan { jobs: 1, ..plan(100, Wrong::default()) }, &|_| {});
    let four = run_many(Plan { jobs: 4, ..plan(100, Wrong::default()) }, &|_| {});
    assert_eq!(one.stats.hash, four.stats.hash);
    assert_eq!(one.stats.turns, four.stats.turns);
}

#[test]
fn a_story_that_is_told_is_the_story_that_was_run() {
    let quiet = run_seed(5, Mode::Liveness, None, Wrong::default(), false);
    let told = run_seed(5, Mode::Liveness, None, Wrong::default(), true);
    assert_eq!(quiet.stats.hash, told.stats.hash);
    assert!(quiet.story.is_empty() && told.story.contains("somebody"), "{}", told.story);
}

/// Every line of the file is a bug that the simulation found, by a seed that shows it.
#[test]
fn no_bug_that_was_found_comes_back() {
    let lines = include_str!("../regressions.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut replayed = 0;
    for line in lines {
        let (seed, what) = line.split_once(' ').unwrap();
        for mode in MODES {
            let ended = run_seed(seed.parse().unwrap(), *mode, None, Wrong::default(), false);
            assert_eq!(ended.violation, None, "{seed}: {what}");
        }
        replayed += 1;
    }
    assert!(replayed > 0);
}

#[test]
fn every_scenario_ends_well_when_nothing_goes_wrong() {
    for scenario in &SCENARIOS {
        let ended = scenario.tell(&[], Wrong::default(), true);
        assert_eq!(ended.violation, None, "{}\n{}", scenario.name, ended.story);
    }
}

#[test]
fn a_sweep_covers_every_yield() {
    let swept = sweep(Scenario::of("rejected").unwrap(), 2);
    assert_eq!(swept.violation, None);
    assert_eq!((swept.covered, swept.singles), (swept.yields, swept.yields * 4));
    assert!(swept.pairs > 500);
}

#[test]
fn the_scenario_of_twins_makes_a_twin_and_somebody_says_so() {
    let ended = Scenario::of("twins").unwrap().tell(&[], Wrong::default(), true);
    assert!(ended.story.matches("ec2:CreateImage").count() > 1, "{}", ended.story);
    assert!(ended.story.contains("claims to be an image of ours"), "{}", ended.story);
}

#[test]
fn bugs_that_others_had_are_noticed_in_ours() {
    let quick = [
        (Mutant::CreateThenTag, Check::TaggedFromBirth),
        (Mutant::AnnouncesBeforeRecording, Check::RecordedBeforeAnnounced),
        (Mutant::RefusedEntryDropped, Check::OutcomesAnnounced),
        (Mutant::OneReceiverIsEnough, Check::OutcomesAnnounced),
        (Mutant::AvailableWhilePending, Check::AvailableWasSeen),
        (Mutant::SwitchFailsOpen, Check::KillSwitchStops),
        (Mutant::NoDueTime, Check::AlwaysDue),
    ];
    for (mutant, check) in quick {
        let wrong = Wrong { mutant: Some(mutant), plant: None };
        let found = run_many(Plan { modes: &[Mode::Liveness], ..plan(500, wrong) }, &|_| {}).found;
        let found = found.unwrap_or_else(|| panic!("{mutant:?} survives"));
        assert_eq!(found.violation.check, check, "{mutant:?}: {}", found.violation);
    }
}

#[test]
fn a_bug_of_the_cloud_itself_is_noticed() {
    for plant in [Plant::HistoryLost, Plant::LostTransactions] {
        let found = run_many(plan(500, Wrong { mutant: None, plant: Some(plant) }), &|_| {}).found;
        assert!(found.is_some(), "{plant:?} is not noticed");
    }
}

#[test]
fn a_failing_run_is_made_shorter_and_fails_in_the_same_way() {
    let wrong = Wrong { mutant: Some(Mutant::RebootByDefault), plant: None };
    let found =
        run_many(Plan { modes: &[Mode::Liveness], ..plan(500, wrong) }, &|_| {}).found.unwrap();
    let short = shrink(&found.ended, found.mode, wrong);
    assert_eq!(
        short.violation.as_ref().map(|violation| violation.check),
        Some(Check::RebootsByPolicyOnly)
    );
    assert!(short.choices.len() < found.ended.choices.len(), "{} choices", short.choices.len());
    assert!(short.stats.turns <= found.ended.stats.turns && !short.story.is_empty());
}

#[test]
fn a_check_that_never_had_a_subject_is_called_vacuous() {
    let done = run_many(plan(3, Wrong::default()), &|_| {});
    let report = of_seeds(&done, 1);
    let kept = report.lines().find(|line| line.contains(Check::ReferencedIsKept.says())).unwrap();
    assert!(
        kept.contains("vacuous"),
        "retirement is not there yet, so nothing could be in use: {kept}"
    );
    let tagged = report.lines().find(|line| line.contains(Check::TaggedFromBirth.says())).unwrap();
    assert!(!tagged.contains("vacuous"), "{tagged}");
}
