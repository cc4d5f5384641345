//! Decision records keep their form.

use amiline_pages::repository;

const SECTIONS: [&str; 5] =
    ["## Context", "## Decision", "## Reasons", "## Alternatives", "## Consequences"];

#[test]
fn a_decision_has_its_five_sections_in_under_forty_lines() {
    let mut problems = Vec::new();
    let records =
        repository::pages().into_iter().filter(|path| path.starts_with("docs/decisions/"));
    for path in records.filter(|path| !path.ends_with("README.md")) {
        let text = repository::read(&path);
        let sections: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        if sections != SECTIONS {
            problems.push(format!("{path} has the sections {sections:?}, not {SECTIONS:?}"));
        }
        let lines = text.lines().count();
        if lines >= 40 {
            problems.push(format!("{path} has {lines} lines; it should have fewer than 40"));
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
