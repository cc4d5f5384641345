//! The policies that are stored, and their versions.

use crate::output::width;
use crate::table::Table;
use amiline_app::ports::{PolicyVersion, StoredPolicy};
use amiline_domain::bounds::Bounds;
use amiline_domain::document::{Node, without_mark};
use amiline_domain::escape::one_line;
use amiline_domain::ids::{PolicyName, TagPrefix};
use amiline_domain::policy::{Policy, Verdict, compare};
use amiline_domain::tags::TagKeys;
use amiline_domain::time::utc;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A stored policy, and whether a press that names it can lead to an image.
pub(crate) struct Judged<'a> {
    policy: &'a StoredPolicy,
    description: String,
    /// Why it is refused when it is pressed.
    refused: Option<String>,
}

/// Judges stored policies; without bounds, only in themselves.
pub(crate) fn judged<'a>(policies: &'a [StoredPolicy], bounds: Option<(&Bounds, &TagKeys)>) -> Vec<Judged<'a>> {
    let judge = |policy: &'a StoredPolicy| {
        let (description, refused) = match (PolicyName::new(&policy.name), Policy::parse(&policy.text)) {
            (Err(error), _) => (String::new(), Some(error.to_string())),
            (Ok(_), Err(error)) => (String::new(), Some(error.to_string())),
            (Ok(_), Ok(read)) => {
                let beyond = bounds.and_then(|(bounds, keys)| read.check(bounds, keys).err());
                (read.description, beyond.map(|beyond| beyond.to_string()))
            }
        };
        Judged { policy, description, refused }
    };
    policies.iter().map(judge).collect()
}

/// As a table, by name.
pub(crate) fn list(policies: &[Judged<'_>], prefix: &TagPrefix) -> String {
    if policies.is_empty() {
        return format!("No policies under /{prefix}/policies: `amiline policy apply NAME.yaml` stores one.");
    }
    let mut table = Table::new(["POLICY", "VERSION", "WRITTEN", "STATE", "DESCRIPTION"]);
    for one in policies {
        table.row([
            one_line(&one.policy.name, 60),
            one.policy.version.to_string(),
            utc(one.policy.at),
            one.refused.as_ref().map_or_else(|| "valid".to_owned(), |why| format!("refused: {}", one_line(why, 160))),
            one_line(&one.description, 60),
        ]);
    }
    table.text(width())
}

/// For programs.
pub(crate) fn list_json(policies: &[Judged<'_>]) -> String {
    let rows = policies.iter().map(|one| {
        json!({
            "policy": one.policy.name,
            "version": one.policy.version,
            "written_at": one.policy.at,
            "refused": one.refused,
            "document": document(&one.policy.text),
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
}

impl Shown {
    /// As it is now.
    pub(crate) fn newest(name: &PolicyName, stored: StoredPolicy) -> Self {
        Self { name: name.clone(), version: stored.version, at: stored.at, text: stored.text }
    }

    /// As it was.
    pub(crate) fn past(name: &PolicyName, past: PolicyVersion) -> Self {
        Self { name: name.clone(), version: past.version, at: past.at, text: past.text }
    }

    /// The document alone, so that it can go into a file, with its fields in their order; as it is stored, if it is no
    /// JSON.
    pub(crate) fn text(&self) -> String {
        let pretty = serde_json::from_str::<Node>(without_mark(&self.text))
            .ok()
            .and_then(|node| serde_json::to_string_pretty(&node).ok());
        pretty.unwrap_or_else(|| self.text.lines().map(|line| one_line(line, 4096) + "\n").collect())
    }

    /// For programs.
    pub(crate) fn as_json(&self) -> String {
        json!({"policy": self.name, "version": self.version, "written_at": self.at, "document": document(&self.text)})
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
    let before = std::iter::once(None).chain(versions.iter().map(|version| Some(version.text.as_str())));
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
    match compare(before, &written) {
        // The first one that is kept need not be the first one there was.
        Verdict::New(_) => Vec::new(),
        Verdict::Same => vec!["(nothing)".to_owned()],
        Verdict::Mends(..) => vec!["(valid again)".to_owned()],
        Verdict::Differs(changes) => changes.into_iter().map(|change| change.field).collect(),
    }
}

/// As a table.
pub(crate) fn history_text(name: &PolicyName, history: &[Step<'_>]) -> String {
    let mut table = Table::new(["VERSION", "WRITTEN", "BY", "CHANGED"]);
    for step in history {
        table.row([
            step.version.version.to_string(),
            utc(step.version.at),
            one_line(&step.version.by, 120),
            step.changed.join(", "),
        ]);
    }
    format!("{}Back to one of them: amiline policy restore {name} --version N", table.text(width()))
}

/// For programs.
pub(crate) fn history_json(name: &PolicyName, history: &[Step<'_>]) -> String {
    let versions = history.iter().map(|step| {
        json!({
            "version": step.version.version,
            "written_at": step.version.at,
            "by": step.version.by,
            "changed": step.changed,
            "document": document(&step.version.text),
        })
    });
    json!({"policy": name, "versions": versions.collect::<Vec<Value>>()}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn version(number: u64, text: &str) -> PolicyVersion {
        PolicyVersion { version: number, text: text.to_owned(), at: at(), by: "arn:aws:iam::1:user/a".to_owned() }
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
        let expected =
            [(8, "(nothing)"), (7, "(valid again)"), (6, "(not valid)"), (5, "create.reboot deadline_hours"), (4, "")];
        assert_eq!(shown, expected.map(|(version, changed)| (version, changed.to_owned())));
    }

    #[test]
    fn a_list_says_which_policies_are_refused_and_why() {
        let stored = |name: &str, text: &str| StoredPolicy {
            name: name.to_owned(),
            text: text.to_owned(),
            version: 1,
            at: at(),
        };
        let policies = [
            stored("-x", "{}"),
            stored("broken", "{"),
            stored("far", r#"{"distribute":{"regions":["us-west-2"]}}"#),
            stored("fine", r#"{"description":"For\nall"}"#),
        ];
        let keys = TagKeys::new("amiline".parse().unwrap());
        let bounds = Bounds {
            regions: Default::default(),
            accounts: Default::default(),
            organizations: Default::default(),
            organizational_units: Default::default(),
            keys: Default::default(),
            images_per_hour_max: 1,
            interval_minutes_min: 0,
        };
        let why: Vec<Option<String>> =
            judged(&policies, Some((&bounds, &keys))).into_iter().map(|one| one.refused).collect();
        assert!(why[0].as_ref().unwrap().contains("policy name"));
        assert!(why[1].as_ref().unwrap().contains("line 1"));
        assert!(why[2].as_ref().unwrap().contains("AllowedRegions"));
        assert_eq!(why[3], None);
        assert!(judged(&policies, None)[2].refused.is_none());
        assert!(list(&judged(&policies, None), &"amiline".parse().unwrap()).contains("For?all"));
    }

    #[test]
    fn what_is_shown_keeps_its_order_and_is_made_safe() {
        let shown = |text: &str| Shown::past(&"web".parse().unwrap(), version(1, text)).text();
        assert_eq!(
            shown(r#"{"share":{},"create":{"reboot":true}}"#),
            "{\n  \"share\": {},\n  \"create\": {\n    \"reboot\": true\n  }\n}"
        );
        assert_eq!(shown("not\u{1b}[31m JSON"), "not?[31m JSON\n");
    }
}
