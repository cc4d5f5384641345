//! `amiline policy check` as a person meets it: without AWS, on files with everything wrong that
//! can be.
//!
//! `check.txt` holds what is printed. After a change of the texts: `UPDATE=1 cargo test --workspace
//! --test check`, then read the difference as somebody would who has to mend the file.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn check(arguments: &[&str]) -> Output {
    policy("check", arguments)
}

/// Without any variable: no credentials, no Region, no home.
fn policy(command: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_amiline"))
        .args(["policy", command])
        .args(arguments)
        .current_dir(directory().join("check"))
        .env_clear()
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn files() -> Vec<String> {
    let files = std::fs::read_dir(directory().join("check")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("good"))
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_printed_is_what_was_reviewed() {
    let mut all = String::new();
    for file in files() {
        let output = check(&[&file]);
        assert_eq!(output.status.code(), Some(1), "{file}: {output:?}");
        assert!(output.stderr.is_empty(), "{file}: {output:?}");
        all.push_str(&format!("$ amiline policy check {file}\n{}\n", printed(&output)));
    }
    let together = ["web.yaml", "good.yaml", "good.json", "good-copies.yaml", "missing.yaml"];
    all.push_str(&format!(
        "$ amiline policy check {}\n{}",
        together.join(" "),
        printed(&check(&together))
    ));
    for arguments in
        [["good-nightly.yaml", "--from", "2026-03-28"], ["good.yaml", "--from", "2026-03-28"]]
    {
        let output = policy("slots", &arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        all.push_str(&format!(
            "\n$ amiline policy slots {}\n{}",
            arguments.join(" "),
            printed(&output)
        ));
    }
    let golden = directory().join("check.txt");
    #[allow(clippy::disallowed_methods, reason = "a test is told to update by its environment")]
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, &all).unwrap();
    }
    let reviewed = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(all == reviewed, "not what check.txt holds:\n{all}");
}

#[test]
fn fine_files_end_with_0_wrong_usage_with_2() {
    let fine = check(&["good.yaml"]);
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    assert!(!printed(&fine).contains('\u{1b}'), "no colours into a pipe");
    assert_eq!(check(&[]).status.code(), Some(2));
    assert_eq!(check(&["--what", "good.yaml"]).status.code(), Some(2));
}

/// The moment is now, so only the form of it is held.
#[test]
fn a_schedule_that_is_fine_shows_its_next_five_slots() {
    let text = printed(&check(&["good-nightly.yaml"]));
    assert!(
        text.contains("no problem\n\ngood-nightly: its next 5 slots in Europe/London\n"),
        "{text}"
    );
    assert_eq!(text.matches("instances take turns until").count(), 5, "{text}");
    let read: serde_json::Value =
        serde_json::from_str(&printed(&check(&["--json", "good-nightly.yaml"]))).unwrap();
    assert_eq!(read["files"][0]["schedule"]["slots"].as_array().unwrap().len(), 5);
    let many =
        policy("slots", &["good-nightly.yaml", "--count", "30", "--from", "2026-03-28", "--json"]);
    let read: serde_json::Value = serde_json::from_str(&printed(&many)).unwrap();
    assert_eq!(read["slots"].as_array().unwrap().len(), 30);
    assert_eq!(read["slots"][0]["at"], "2026-03-28T01:30:00Z");
    assert_eq!(policy("slots", &["broken.yaml"]).status.code(), Some(1));
    assert_eq!(
        policy("slots", &["good-nightly.yaml", "--from", "yesterday"]).status.code(),
        Some(2)
    );
}

#[test]
fn programs_get_json() {
    let output = check(&["--json", "web.yaml", "good.json"]);
    assert_eq!(output.status.code(), Some(1));
    let read: serde_json::Value = serde_json::from_str(&printed(&output)).unwrap();
    assert_eq!(read["fine"], false);
    assert_eq!(read["files"][0]["problems"][0]["line"], 2);
    assert_eq!(read["files"][0]["problems"][0]["column"], 1);
    assert_eq!(read["files"][0]["problems"][0]["code"], "unknown-field");
    assert_eq!(read["files"][1]["policy"], "good");
    assert_eq!(read["files"][1]["bytes"], 21);
}

#[test]
fn the_committed_schema_is_current() {
    let schema = Command::new(env!("CARGO_BIN_EXE_amiline"))
        .args(["policy", "schema"])
        .env_clear()
        .output()
        .unwrap();
    let committed =
        std::fs::read_to_string(directory().join("../../infra/policy.schema.json")).unwrap();
    let how = "make it anew: cargo run --bin amiline -- policy schema > infra/policy.schema.json";
    assert!(printed(&schema) == committed, "infra/policy.schema.json is not current; {how}");
}
