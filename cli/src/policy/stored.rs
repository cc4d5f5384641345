//! The policies that are stored, and their versions.

use crate::output::width;
use crate::table::Table;
use amiline_app::policies::Judged;
use amiline_app::ports::PolicyVersion;
use amiline_domain::document::{Node, without_mark};
use amiline_domain::escape::one_line;
use amiline_domain::ids::{PolicyName, TagPrefix};
use amiline_domain::policy::{Policy, PolicyTexts, Verdict, compare};
use amiline_domain::time::utc;
use jiff::Timestamp;
use serde_json::{Value, json};

fn number(version: Option<u64>) -> String {
    version.map_or_else(|| "none".to_owned(), |version| version.to_string())
}

/// As a table, by name.
pub(crate) fn list(policies: &[Judged], prefix: &TagPrefix) -> String {
    if policies.is_empty() {
        return format!(
            "No policies under /{prefix}/policies: `amiline policy apply NAME.yaml` stores one."
        );
    }
    let mut table =
        Table::new(["POLICY", "VERSION", "IN FORCE", "WRITTEN", "STATE", "DESCRIPTION"]);
    for one in policies {
        table.row([
            one_line(&one.stored.name, 60),
            one.stored.version.to_string(),
            number(one.in_force),
            utc(one.stored.at),
            one.refused.as_ref().map_or_else(
                || "valid".to_owned(),
                |why| format!("refused: {}", one_line(why, 160)),
            ),
            one_line(&one.description, 60),
        ]);
    }
    table.text(width())
}

/// For programs.
pub(crate) fn list_json(policies: &[Judged]) -> String {
    let rows = policies.iter().map(|one| {
        json!({
            "policy": one.stored.name,
            "version": one.stored.version,
            "in_force": one.in_force,
            "written_at": one.stored.at,
            "refused": one.refused,
            "document": document(&one.stored.text),
        })
    });
    json!({"policies": rows.collect::<Vec<Value>>()}).to_string()
}

/// The text as JSON; as a text, if it is none.
fn document(text: &str) -> Value {
    serde_json::from_str(without_mark(text)).unwrap_or_else(|_| Value::from(text))
}

/// A version of a policy, to be shown.
pub(crate) struct Shown {
    name: PolicyName,
    version: u64,
    at: Timestamp,
    text: String,
    /// The version that images are made under.
    in_force: Option<u64>,
}

impl Shown {
    /// As it is now.
    pub(crate) fn newest(name: &PolicyName, judged: Judged) -> Self {
        let Judged { stored, in_force, .. } = judged;
        Self {
            name: name.clone(),
            version: stored.version,
            at: stored.at,
            text: stored.text,
            in_force,
        }
    }

    /// As it was.
    pub(crate) fn past(name: &PolicyName, past: PolicyVersion, in_force: Option<u64>) -> Self {
        Self { name: name.clone(), version: past.version, at: past.at, text: past.text, in_force }
    }

    /// Which version it is, and which is in force: beside the document, so that this can go into a
    /// file.
    pub(crate) fn note(&self) -> String {
        let Self { name, version, .. } = self;
        let force = match self.in_force {
            Some(force) if force == *version => "in force".to_owned(),
            Some(force) => {
                format!(
                    "not in force; version {force} is: amiline policy show {name} --version {force}"
                )
            }
            None => {
                "not in force, and no other version is; `amiline policy list` says why".to_owned()
            }
        };
        format!("{name}, version {version}, written {}: {force}", utc(self.at))
    }

    /// The document alone, so that it can go into a file, with its fields in their order; as it is
    /// stored, if it is no JSON.
    pub(crate) fn text(&self) -> String {
        let pretty = serde_json::from_str::<Node>(without_mark(&self.text))
            .ok()
            .and_then(|node| serde_json::to_string_pretty(&node).ok());
        pretty
            .unwrap_or_else(|| self.text.lines().map(|line| one_line(line, 4096) + "\n").collect())
    }

    /// For programs.
    pub(crate) fn as_json(&self) -> String {
        json!({
            "policy": self.name,
            "version": self.version,
            "in_force": self.in_force,
            "written_at": self.at,
            "document": document(&self.text),
        })
        .to_string()
    }
}

/// A version, and what it changed.
pub(crate) struct Step<'a> {
    version: &'a PolicyVersion,
    /// The fields that differ from the version before; a word, if they cannot be compared.
    changed: Vec<String>,
}

/// The versions, newest first.
pub(crate) fn history(versions: &[PolicyVersion]) -> Vec<Step<'_>> {
    let before =
        std::iter::once(None).chain(versions.iter().map(|version| Some(version.text.as_str())));
    let mut steps: Vec<Step<'_>> = versions
        .iter()
        .zip(before)
        .map(|(version, before)| Step { version, changed: changed(before, version) })
        .collect();
    steps.reverse();
    steps
}

fn changed(before: Option<&str>, version: &PolicyVersion) -> Vec<String> {
    let document = serde_json::from_str::<Node>(without_mark(&version.text)).ok();
    let Some(written) = document.and_then(|document| Policy::from_document(&document).ok()) else {
        return vec!["(not valid)".to_owned()];
    };
    match compare(&PolicyTexts::newest(before), &written) {
        // The first one that is kept need not be the first one there was.
        Verdict::New(_) => Vec::new(),
        Verdict::Same => vec!["(nothing)".to_owned()],
        Verdict::Mends { .. } => vec!["(valid again)".to_owned()],
        Verdict::Differs(changes) => changes.into_iter().map(|change| change.field).collect(),
    }
}

/// As a table.
pub(crate) fn history_text(
    name: &PolicyName,
    history: &[Step<'_>],
    in_force: Option<u64>,
) -> String {
    let mut table = Table::new(["VERSION", "IN FORCE", "WRITTEN", "BY", "CHANGED"]);
    for step in history {
        let force = if in_force == Some(step.version.version) { "yes" } else { "-" };
        table.row([
            step.version.version.to_string(),
            force.to_owned(),
            utc(step.version.at),
            one_line(&step.version.by, 120),
            step.changed.join(", "),
        ]);
    }
    let none = match in_force {
        Some(_) => "",
        None => "No version is in force; `amiline policy list` says why.\n",
    };
    format!(
        "{}{none}Back to one of them: amiline policy restore {name} --version N",
        table.text(width())
    )
}

/// For programs.
pub(crate) fn history_json(
    name: &PolicyName,
    history: &[Step<'_>],
    in_force: Option<u64>,
) -> String {
    let versions = history.iter().map(|step| {
        json!({
            "version": step.version.version,
            "written_at": step.version.at,
            "by": step.version.by,
            "changed": step.changed,
            "document": document(&step.version.text),
        })
    });
    json!({"policy": name, "in_force": in_force, "versions": versions.collect::<Vec<Value>>()})
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use amiline_app::ports::StoredPolicy;

    fn at() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn version(number: u64, text: &str) -> PolicyVersion {
        PolicyVersion {
            version: number,
            text: text.to_owned(),
            at: at(),
            by: "arn:aws:iam::1:user/a".to_owned(),
        }
    }

    #[test]
    fn a_history_says_what_each_version_changed() {
        let versions = [
            version(4, "{}"),
            version(5, r#"{"deadline_hours":3,"create":{"reboot":true}}"#),
            version(6, "{"),
            version(7, "{}"),
            version(8, r#"{"deadline_hours":24}"#),
        ];
        let steps = history(&versions);
        let shown: Vec<(u64, String)> =
            steps.iter().map(|step| (step.version.version, step.changed.join(" "))).collect();
        let expected = [
            (8, "(nothing)"),
            (7, "(valid again)"),
            (6, "(not valid)"),
            (5, "create.reboot deadline_hours"),
            (4, ""),
        ];
        assert_eq!(shown, expected.map(|(version, changed)| (version, changed.to_owned())));
    }

    fn judged(version: u64, in_force: Option<u64>, refused: Option<&str>) -> Judged {
        let stored =
            StoredPolicy { name: "web".to_owned(), text: "{}".to_owned(), version, at: at() };
        Judged {
            stored,
            description: "For\nall".to_owned(),
            in_force,
            refused: refused.map(str::to_owned),
        }
    }

    #[test]
    fn a_list_says_which_version_is_in_force_and_why_another_is_refused() {
        let rows = [
            judged(3, Some(3), None),
            judged(5, Some(4), Some("not valid")),
            judged(1, None, Some("x")),
        ];
        let shown = list(&rows, &"amiline".parse().unwrap());
        let lines: Vec<Vec<&str>> =
            shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0][..4], ["POLICY", "VERSION", "IN", "FORCE"]);
        assert_eq!((lines[1][1], lines[1][2]), ("3", "3"));
        assert_eq!((lines[2][1], lines[2][2]), ("5", "4"));
        assert_eq!((lines[3][1], lines[3][2]), ("1", "none"));
        assert!(shown.contains("For?all") && shown.contains("refused: not valid"), "{shown}");
        let json: Value = serde_json::from_str(&list_json(&rows)).unwrap();
        assert_eq!(json["policies"][1]["in_force"], 4);
        assert_eq!(json["policies"][2]["in_force"], Value::Null);
    }

    #[test]
    fn the_version_in_force_stands_beside_what_is_shown_and_in_the_history() {
        let name: PolicyName = "web".parse().unwrap();
        let note = |version, in_force| Shown::newest(&name, judged(version, in_force, None)).note();
        assert!(note(3, Some(3)).ends_with(": in force"), "{}", note(3, Some(3)));
        let instead = note(5, Some(4));
        assert!(
            instead.contains("version 5") && instead.ends_with("show web --version 4"),
            "{instead}"
        );
        assert!(note(1, None).contains("no other version is"));
        let versions = [version(4, "{}"), version(5, "{")];
        let text = history_text(&name, &history(&versions), Some(4));
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            (lines[1][..2].to_vec(), lines[2][..2].to_vec()),
            (vec!["5", "-"], vec!["4", "yes"])
        );
        let none = history_text(&name, &history(&versions), None);
        assert!(none.contains("No version is in force"), "{none}");
    }

    #[test]
    fn what_is_shown_keeps_its_order_and_is_made_safe() {
        let shown =
            |text: &str| Shown::past(&"web".parse().unwrap(), version(1, text), Some(1)).text();
        assert_eq!(
            shown(r#"{"share":{},"create":{"reboot":true}}"#),
            "{\n  \"share\": {},\n  \"create\": {\n    \"reboot\": true\n  }\n}"
        );
        assert_eq!(shown("not\u{1b}[31m JSON"), "not?[31m JSON\n");
    }
}
