//! How the command prints and ends, on the real binary: into a pipe that nobody reads any more,
//! onto a full disk, in a narrow window, for programs. Needs no AWS.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use std::fs::OpenOptions;
use std::process::{Command, Output};

fn amiline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amiline"));
    command.args(arguments).env_clear();
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Commands that print without AWS: results, help, version, what is wrong with a file.
const PRINTING: [&[&str]; 5] = [
    &["policy", "schema"],
    &["--help"],
    &["--version"],
    &["coverage", "--help"],
    &["policy", "check", "none.yaml"],
];

#[test]
fn a_closed_pipe_ends_quietly_as_sigpipe_would() {
    for arguments in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = amiline(arguments).stdout(writer).output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(141), String::new()),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_full_disk_is_one_line_and_ends_with_1() {
    for arguments in PRINTING {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = amiline(arguments).stdout(full).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(
            (output.status.code(), said.lines().count()),
            (Some(1), 1),
            "{arguments:?}: {said}"
        );
        assert!(
            said.starts_with("amiline: the output could not be written: No space left on device"),
            "{said}"
        );
    }
}

#[test]
fn a_failure_that_cannot_be_told_keeps_its_exit_code() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = |arguments: &[&str]| {
        amiline(arguments).stdout(full()).stderr(full()).status().unwrap().code()
    };
    assert_eq!(ended(&["policy", "schema"]), Some(1));
    assert_eq!(ended(&["no-such-command"]), Some(2));
}

#[test]
fn wrong_usage_is_one_json_document_for_programs() {
    for arguments in
        [&["--json", "lineage", "vol-1"][..], &["families", "--limit", "x", "--json"], &["--json"]]
    {
        let output = amiline(arguments).output().unwrap();
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), &error["error"]["kind"]),
            (Some(2), &"usage".into()),
            "{arguments:?}"
        );
        assert!(!error["error"]["message"].as_str().unwrap().contains('\n'), "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn what_is_said_fits_the_window_and_no_line_ends_with_a_space() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check")).unwrap();
    let files = files.map(|file| file.unwrap().path().display().to_string());
    let arguments: Vec<String> =
        ["policy".to_owned(), "check".to_owned()].into_iter().chain(files).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = amiline(&arguments).env("COLUMNS", "150").output().unwrap();
    for line in text(&output.stdout).lines() {
        // An ARN that is wider than its column is not cut.
        let fits = line.chars().count() <= 150 || !line.trim().contains(' ');
        assert!(fits && line.trim_end() == line, "{line:?}");
    }
    let schema = |columns: &str| {
        text(&amiline(&["policy", "schema"]).env("COLUMNS", columns).output().unwrap().stdout)
    };
    assert_eq!(schema("20"), schema("1000"), "a document is printed as it is");
}

/// Every command with everything under it.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut next = 0;
    while let Some(path) = all.get(next).cloned() {
        let help = text(&help_of(&path, "1000").stdout);
        let listed = help
            .split_once("Commands:\n")
            .map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
        for line in listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        {
            let name = line.split_whitespace().next().unwrap();
            if name != "help" {
                all.push([path.clone(), vec![name.to_owned()]].concat());
            }
        }
        next += 1;
    }
    all
}

fn help_of(path: &[String], columns: &str) -> Output {
    let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    amiline(&arguments).env("COLUMNS", columns).output().unwrap()
}

#[test]
fn every_help_says_how_the_command_ends_and_fits_the_window() {
    let all = commands();
    assert!(all.len() > 12, "{all:?}");
    for path in all {
        let output = help_of(&path, "80");
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{path:?}");
        assert!(help.contains("Exit codes:\n  0 "), "{path:?}: {help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80 && line.trim_end() == line, "{path:?}: {line:?}");
        }
    }
}

#[test]
fn programs_get_one_shape_from_a_command_and_refused_documents_as_an_error() {
    let bad = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check/web.yaml");
    for command in ["diff", "apply"] {
        let output = amiline(&["policy", command, "--json", bad]).output().unwrap();
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{command}: {error}");
        assert_eq!(error["error"]["kind"], "invalid-policy");
        assert!(
            error["error"]["message"].as_str().unwrap().contains("did you mean \"reboot\"?"),
            "{error}"
        );
    }
}
