//! Everything that is fuzzed. A new target is a module here and a line in [`all`].

mod answer;
mod event;
mod log;
mod name;
mod policy;
mod schedule;
mod tag;

use crate::mutate::BETWEEN;
use crate::target::Target;
use std::io;
use std::path::{Path, PathBuf};

/// Every target.
pub fn all() -> [Target; 7] {
    [
        event::TARGET,
        policy::TARGET,
        schedule::TARGET,
        tag::TARGET,
        name::TARGET,
        answer::TARGET,
        log::TARGET,
    ]
}

/// The target of this name.
pub fn named(name: &str) -> Option<Target> {
    all().into_iter().find(|target| target.name == name)
}

/// A file or directory of the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The contents of every event file, in the order of their names.
fn events() -> io::Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for directory in ["events", "events/rejected"] {
        for entry in std::fs::read_dir(in_repository(directory))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.into_iter().map(std::fs::read).collect()
}

/// Policies: those that the reference shows, and some that say everything or too much.
fn policies() -> io::Result<Vec<String>> {
    let page = std::fs::read_to_string(in_repository("docs/reference/policy.md"))?;
    let shown = page
        .split("```json")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned);
    let more = [
        "{}",
        r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":["us-west-2"]},"share":{"accounts":["222222222222"]}}"#,
        r#"{"description":"nightly","create":{"reboot":true},"distribute":{"regions":["us-east-1","us-west-2"]},"deadline_hours":168}"#,
        r#"{"share":{"accounts":["222222222222"]}}"#,
        r#"{"encrypt":{"kms_key":"alias/other"}}"#,
        r#"{"distribute":{"regions":["eu-west-1"]}}"#,
        r#"{"distribute":{"regions":["us-west-2",{"region":"eu-west-1","kms_key":"alias/other","within_minutes":60}]}}"#,
        r#"{"distribute":{"regions":[{"region":"us-west-2","within_minutes":30}],"within_minutes":2880},"deadline_hours":49}"#,
        r#"{"distribute":{"regions":["us-west-2",{"region":"us-west-2","within_minutes":15}]}}"#,
        r#"{"encrypt":{"kms_key":"alias/amiline"},"share":{"organizations":["arn:aws:organizations::123456789012:organization/o-123example"],"organizational_units":["arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111"]}}"#,
        r#"{"schedule":{"cron":["30 2 * * 1-5","0 12 L * *"],"time_zone":"Europe/Berlin","jitter_minutes":60}}"#,
        r#"{"schedule":{"cron":["*/5 * * * *"],"jitter_minutes":720}}"#,
        r#"{"deadline_hours":0}"#,
        r#"{"create":[true]}"#,
        r#"{"create":{"name":"{tag:Name}-{date}","tags":{"Stage":"test"},"carry_tags":["Team","Name of it"]},"distribute":{"regions":["us-west-2"]}}"#,
        r#"{"create":{"exclude_devices":["/dev/sdf"],"delete_on_termination":{"/dev/xvda":false,"/dev/sdb":true}}}"#,
        r#"{"create":{"exclude_devices":["/dev/xvda"]}}"#,
        r#"{"create":{"tags":{"AMILINE:managed-by":"x"},"carry_tags":["amiline:intent"]}}"#,
        r#"{"create":{"name":"{day}","tags":{"aws:x":"","Name":""},"carry_tags":["Name"],"exclude_devices":[""],"delete_on_termination":{"":1}}}"#,
    ];
    Ok(shown.chain(more.map(str::to_owned)).collect())
}

/// An input of several parts.
fn joined(parts: &[&str]) -> Vec<u8> {
    parts.join(&BETWEEN.to_string()).into_bytes()
}

/// The parts of an input; empty ones for those that it lacks.
fn parts<const N: usize>(input: &[u8]) -> [String; N] {
    let text = String::from_utf8_lossy(input);
    let mut parts = text.splitn(N, BETWEEN);
    std::array::from_fn(|_| parts.next().unwrap_or_default().to_owned())
}
