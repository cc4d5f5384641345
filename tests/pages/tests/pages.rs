//! The documentation, held against itself and against what it describes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, outside of test functions"
)]
#![allow(clippy::disallowed_methods, reason = "UPDATE=1 asks for pages to be written")]

use amiline_pages::page::{COLUMNS, Page};
use amiline_pages::yaml::Node;
use amiline_pages::{repository, tables, yaml};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

const SUMMARY: &str = "docs/SUMMARY.md";
const DECISIONS: &str = "docs/decisions/README.md";

/// Every page of the repository, by its path.
fn all() -> BTreeMap<String, Page> {
    repository::pages()
        .into_iter()
        .map(|path| (path.clone(), Page::parse(&repository::read(&path))))
        .collect()
}

/// The pages that people read first: those whose code blocks are read.
fn for_people() -> BTreeMap<String, Page> {
    all().into_iter().filter(|(path, _)| path == "README.md" || path.starts_with("docs/")).collect()
}

fn none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// What is wrong with a path and a fragment in the repository, if anything.
fn unresolved(
    pages: &BTreeMap<String, Page>,
    path: &str,
    fragment: Option<&str>,
) -> Option<String> {
    if !repository::root().join(path).exists() {
        return Some("there is no such file".to_owned());
    }
    let fragment = fragment?;
    match pages.get(path) {
        None => Some("only a page has anchors".to_owned()),
        Some(page) if page.anchors.contains(fragment) => None,
        Some(_) => Some(format!("{path} has no heading #{fragment}")),
    }
}

#[test]
fn every_relative_link_and_anchor_resolves() {
    let pages = all();
    let mut problems = Vec::new();
    for (path, page) in &pages {
        for link in page
            .links
            .iter()
            .filter(|link| !link.to.contains("://") && !link.to.starts_with("mailto:"))
        {
            let (to, fragment) = match link.to.split_once('#') {
                Some((to, fragment)) => (to, Some(fragment)),
                None => (link.to.as_str(), None),
            };
            let target =
                if to.is_empty() { Some(path.clone()) } else { repository::target(path, to) };
            let problem = match target {
                None => Some("it leaves the repository".to_owned()),
                Some(target) => unresolved(&pages, &target, fragment),
            };
            problems.extend(
                problem.map(|problem| format!("{path}:{}: {}: {problem}", link.line, link.to)),
            );
        }
    }
    none(&problems);
}

#[test]
fn every_page_of_docs_is_listed_once() {
    let pages = all();
    let listed_by = |list: &str| -> Vec<String> {
        let links = pages.get(list).map(|page| page.links.clone()).unwrap_or_default();
        links
            .iter()
            .filter(|link| !link.to.contains("://"))
            .filter_map(|link| repository::target(list, &link.to))
            .collect()
    };
    let summary = listed_by(SUMMARY);
    let once: BTreeSet<&String> = summary.iter().collect();
    assert_eq!(summary.len(), once.len(), "{SUMMARY} lists a page twice");
    let decisions = listed_by(DECISIONS);
    let is_listed = |path: &String| match path.starts_with("docs/decisions/") && path != DECISIONS {
        true => decisions.contains(path),
        false => summary.contains(path),
    };
    let unlisted = pages
        .keys()
        .filter(|path| path.starts_with("docs/") && *path != SUMMARY && !is_listed(path));
    none(
        &unlisted
            .map(|path| format!("{path} is not listed in {SUMMARY} or {DECISIONS}"))
            .collect::<Vec<String>>(),
    );
}

#[test]
fn prose_wraps() {
    let long = |(path, page): (String, Page)| {
        page.long_lines
            .into_iter()
            .map(move |line| format!("{path}:{line} is longer than {COLUMNS} columns"))
    };
    // A part of `events` is written by tests of other crates.
    let pages = all().into_iter().filter(|(path, _)| !path.starts_with("events/"));
    none(&pages.flat_map(long).collect::<Vec<String>>());
}

#[test]
fn how_to_pages_have_their_parts() {
    let parts = ["\nGoal: ", "\nYou need: ", "\n1. ", "\n## What can go wrong\n", "\n## Undo\n"];
    let mut problems = Vec::new();
    for path in repository::pages().into_iter().filter(|path| path.starts_with("docs/how-to/")) {
        let page = repository::read(&path);
        let missing = parts.iter().filter(|part| !page.contains(**part));
        problems.extend(missing.map(|part| format!("{path} has no part {:?}", part.trim())));
    }
    none(&problems);
}

#[test]
fn readme_is_short() {
    let lines = repository::read("README.md").lines().count();
    assert!(
        lines < 120,
        "README.md has {lines} lines; it should have fewer than 120: move a part to docs/"
    );
}

#[test]
fn code_blocks_can_be_read() {
    let mut problems = Vec::new();
    for (path, page) in for_people() {
        for block in page.blocks {
            let problem = match block.language.as_str() {
                "sh" => not_shell(&block.text),
                "json" => {
                    serde_json::from_str::<Value>(&block.text).err().map(|error| error.to_string())
                }
                "yaml" => yaml::parse(&block.text).err(),
                "console" if !block.text.starts_with("$ ") => {
                    Some("a console block begins with $ COMMAND".to_owned())
                }
                "console" | "text" | "mermaid" | "rust" => None,
                "" => Some(
                    "name its language: sh, console, text, yaml, json, mermaid or rust".to_owned(),
                ),
                other => Some(format!("{other} is no language that these pages use")),
            };
            problems.extend(problem.map(|problem| format!("{path}:{}: {problem}", block.line)));
        }
    }
    none(&problems);
}

/// What `bash -n` says of it.
fn not_shell(text: &str) -> Option<String> {
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash can be started");
    bash.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("bash reads");
    let ended = bash.wait_with_output().expect("bash ends");
    (!ended.status.success()).then(|| String::from_utf8_lossy(&ended.stderr).trim().to_owned())
}

#[test]
fn tables_of_the_templates_are_as_the_templates_say() {
    let update = std::env::var_os("UPDATE").is_some();
    for path in repository::pages().into_iter().filter(|path| path.starts_with("docs/")) {
        let page = repository::read(&path);
        let anew = tables::made_anew(&page);
        if update && anew != page {
            std::fs::write(repository::root().join(&path), &anew).unwrap();
        }
        assert!(
            update || anew == page,
            "{path} is not what its templates say; make it anew with UPDATE=1 cargo test --workspace --test pages"
        );
    }
    let parameters = repository::read("docs/reference/parameters.md");
    assert_eq!(
        parameters.matches("<!-- made from ").count(),
        4,
        "a table of parameters.md is gone"
    );
}

#[test]
fn every_field_of_a_policy_has_a_row_with_its_default() {
    let page = repository::read("docs/reference/policy.md");
    let schema: Value =
        serde_json::from_str(&repository::read("infra/policy.schema.json")).unwrap();
    let mut problems = Vec::new();
    for (field, default) in fields("", &schema) {
        let row = page.lines().find(|line| line.starts_with(&format!("| [`{field}`](#")));
        match (row, default) {
            (None, _) => problems.push(format!("docs/reference/policy.md has no row of {field}")),
            (Some(row), Some(default))
                if !row.replace('`', "").ends_with(&format!("| {default} |")) =>
            {
                problems
                    .push(format!("docs/reference/policy.md: the default of {field} is {default}"));
            }
            (Some(_), _) => {}
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| [`")).count();
    assert_eq!(rows, fields("", &schema).len(), "a row is of no field");
    none(&problems);
}

/// The fields that hold a value, with their defaults.
fn fields(path: &str, schema: &Value) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match field.get("properties") {
            Some(_) => found.extend(fields(&path, field)),
            None => found.push((path, field.get("default").map(Value::to_string))),
        }
    }
    found
}

/// What the template says of its alarms.
fn alarms() -> Vec<Node> {
    let template = yaml::parse(&repository::read("infra/template.yaml")).unwrap();
    let resources = template.get("Resources").unwrap().fields().to_vec();
    let alarms = resources
        .into_iter()
        .filter(|(_, resource)| resource.text("Type") == "AWS::CloudWatch::Alarm");
    alarms.map(|(_, alarm)| alarm.get("Properties").unwrap().clone()).collect()
}

#[test]
fn every_alarm_has_its_page_and_every_page_its_alarm() {
    let alarms = alarms();
    let name = |alarm: &Node| alarm.text("AlarmName").replace("${AWS::StackName}-", "");
    let names: BTreeSet<String> = alarms.iter().map(name).collect();
    assert!(names.len() >= 10, "{names:?}");
    let pages = repository::pages().into_iter().filter_map(|path| {
        Some(path.strip_prefix("docs/how-to/alarms/")?.strip_suffix(".md")?.to_owned())
    });
    assert_eq!(
        pages.collect::<BTreeSet<String>>(),
        names,
        "docs/how-to/alarms has a page for each alarm"
    );
    for alarm in &alarms {
        let leads = format!("See docs/how-to/alarms/{}.md.", name(alarm));
        let description = alarm.text("AlarmDescription");
        assert!(
            description.ends_with(&leads),
            "the description ends with \"{leads}\": {description}"
        );
    }
    let metrics = repository::read("docs/reference/metrics.md");
    for name in &names {
        assert!(
            metrics.contains(&format!("| `STACK-{name}` |")),
            "docs/reference/metrics.md does not list {name}"
        );
        let page = repository::read(&format!("docs/how-to/alarms/{name}.md"));
        assert!(
            page.starts_with(&format!("# Alarm: {name}\n")),
            "the title of {name}.md names its alarm"
        );
    }
}

#[test]
fn every_metric_of_ours_is_listed() {
    let page = repository::read("docs/reference/metrics.md");
    let code = repository::read("shared/aws/src/telemetry.rs");
    let (code, _) = code.split_once("#[cfg(test)]").unwrap();
    let calls = [
        "metric(stack, \"",
        "metric_of(&dimensions, \"",
        "metric_of(&[(\"Stack\", stack), (\"Policy\", policy.as_str())], \"",
    ];
    let written: BTreeSet<&str> = calls
        .iter()
        .flat_map(|call| code.split(call).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(written.len() >= 6, "{written:?}");
    let watched: BTreeSet<String> = alarms()
        .iter()
        .filter(|alarm| alarm.text("Namespace") == "Amiline")
        .map(|alarm| alarm.text("MetricName"))
        .collect();
    for metric in written.iter().copied().chain(watched.iter().map(String::as_str)) {
        assert!(
            page.contains(&format!("| `{metric}` |")),
            "docs/reference/metrics.md does not list {metric}"
        );
    }
}
