//! A little of every search, everything that was ever found, and the search itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what it expects by failing, and one bug is planted"
)]

use amiline_fuzz::{Broken, Finding, Fuzzer, Outcome, Target, attempt, regressions, targets};
use std::collections::BTreeSet;

/// Inputs of each target beyond the ones to begin from: about two seconds for all of them in a
/// debug build.
const RUNS: u64 = 250;

fn search(target: Target, seed: u64, runs: u64) -> (Fuzzer, Option<Finding>) {
    let mut fuzzer = Fuzzer::new(target, seed).unwrap();
    let found = (0..runs).find_map(|_| fuzzer.step(&mut |_| {}));
    (fuzzer, found)
}

#[test]
fn a_short_search_of_every_target_finds_nothing() {
    for target in targets::all() {
        let begin = u64::try_from((target.seeds)().unwrap().len()).unwrap();
        let (fuzzer, found) = search(target, 1, begin + RUNS);
        assert_eq!(found, None);
        assert!(fuzzer.tally().signatures > 3, "{}: {:?}", target.name, fuzzer.tally());
    }
}

#[test]
fn what_was_found_once_stays_mended() {
    for target in targets::all() {
        for (name, input) in regressions::of(&target).unwrap() {
            let outcome = attempt(&target, &input);
            assert!(outcome.is_ok(), "{}/{name}: {outcome:?}", target.name);
        }
    }
}

#[test]
fn every_directory_of_regressions_is_of_a_target() {
    let root = regressions::directory("");
    let directories = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir());
    let names: BTreeSet<String> =
        directories.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let known: BTreeSet<String> = targets::all().map(|target| target.name.to_owned()).into();
    assert!(names.is_subset(&known), "{names:?}");
}

/// A reader with a bug.
fn toy(input: &[u8]) -> Outcome {
    let tags =
        serde_json::from_slice::<serde_json::Value>(input).unwrap_or_default().get("tags").cloned();
    match tags {
        Some(serde_json::Value::Array(tags)) if tags.len() > 2 => panic!("more than two tags"),
        Some(serde_json::Value::Array(_)) => Ok("a list".to_owned()),
        Some(_) => Ok("tags".to_owned()),
        None => Ok("no tags".to_owned()),
    }
}

/// Another, which lets a line separator through.
fn careless(input: &[u8]) -> Outcome {
    let text = serde_json::from_slice::<serde_json::Value>(input).unwrap_or_default();
    let text = text.get("name").map(ToString::to_string).unwrap_or_default();
    if text.contains('\u{2028}') {
        Err(Broken::new("one line", text))
    } else {
        Ok(text.len().to_string())
    }
}

const TOY: Target = Target {
    name: "toy",
    longest: 1000,
    seeds: || Ok(vec![br#"{"name":"b","tags":["a"],"x":1}"#.to_vec()]),
    run: toy,
};

#[test]
fn a_planted_panic_is_found_and_made_short() {
    let (_, found) = search(TOY, 1, 50_000);
    let found = found.unwrap();
    assert!(
        found.broken.law.starts_with("nothing panics") && found.broken.law.contains("fuzz.rs"),
        "{found:?}"
    );
    assert_eq!(found.broken.seen, "more than two tags");
    assert!(
        found.input.len() <= r#"{"tags":["a","a","a"]}"#.len(),
        "{}",
        found.input.escape_ascii()
    );
    let (_, again) = search(TOY, 1, found.run);
    assert_eq!(again, Some(found), "the same seed and runs find it again");
}

#[test]
fn a_law_that_is_broken_without_a_panic_is_found_and_made_short_too() {
    let found = search(Target { run: careless, ..TOY }, 1, 200_000).1.unwrap();
    assert_eq!(found.broken.law, "one line");
    let shortest = [&br#"{"name":""#[..], "\u{2028}".as_bytes(), br#""}"#].concat();
    assert!(
        found.input.len() <= shortest.len() + r"\u2028".len(),
        "{}",
        found.input.escape_ascii()
    );
}
