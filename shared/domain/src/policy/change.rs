//! What a policy changes against the one that is stored.

use super::in_force::{InForce, Instead, PolicyTexts};
use super::shape::leaves;
use super::{Policy, PolicyError, Written};
use crate::escape::one_line;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Characters that are shown of a name that somebody chose.
const NAME_SHOWN: usize = 60;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which, as in `distribute.regions` and `create.tags.Team`.
    pub field: String,
    /// How.
    #[serde(flatten)]
    pub difference: Difference,
}

/// How a field differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// It had no value.
    Set {
        /// Its value from now on.
        to: Value,
    },
    /// It will have no value.
    Unset {
        /// Its value so far.
        from: Value,
    },
    /// It had another value.
    Changed {
        /// So far.
        from: Value,
        /// From now on.
        to: Value,
    },
    /// Items of a list come and go.
    Items {
        /// Those that come.
        added: Vec<Value>,
        /// Those that go.
        removed: Vec<Value>,
    },
}

/// What storing a policy would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is none of the name yet.
    New(Vec<Change>),
    /// The stored one means the same, however it is written.
    Same,
    /// The stored one means something else.
    Differs(Vec<Change>),
    /// The newest version is not valid.
    Mends {
        /// What is wrong with it.
        error: PolicyError,
        /// The version that is in force instead, with which this one is compared; none if no
        /// version is valid.
        instead: Option<u64>,
        /// What changes against the version in force; against nothing if there is none.
        changes: Vec<Change>,
    },
}

/// Compares a policy with the stored version that is in force.
pub fn compare(stored: &PolicyTexts, written: &Written) -> Verdict {
    match stored.in_force() {
        None => Verdict::New(changes(None, &written.policy)),
        Some(Err(error)) => {
            Verdict::Mends { error, instead: None, changes: changes(None, &written.policy) }
        }
        Some(Ok(InForce { policy, instead: Some(Instead { version, error }), .. })) => {
            Verdict::Mends {
                error,
                instead: Some(version),
                changes: changes(Some(policy.policy()), &written.policy),
            }
        }
        Some(Ok(InForce { policy, .. })) if *policy.policy() == written.policy => Verdict::Same,
        Some(Ok(InForce { policy, .. })) => {
            Verdict::Differs(changes(Some(policy.policy()), &written.policy))
        }
    }
}

/// The fields that differ, in the order of the description. Against nothing, all that have a value.
fn changes(from: Option<&Policy>, to: &Policy) -> Vec<Change> {
    let from = from.map_or(Value::Null, shown);
    let to = shown(to);
    let changed = leaves().into_iter().flat_map(|way| {
        let pointer: String = way.iter().map(|name| format!("/{name}")).collect();
        let value =
            |whole: &Value| whole.pointer(&pointer).filter(|value| !is_nothing(value)).cloned();
        changes_of(&way.join("."), value(&from), value(&to))
    });
    changed.collect()
}

/// How one field differs: an object whose names are somebody's own differs by name.
fn changes_of(field: &str, from: Option<Value>, to: Option<Value>) -> Vec<Change> {
    let (from, to) = match (from, to) {
        (Some(Value::Object(from)), Some(Value::Object(to))) => (from, to),
        (Some(Value::Object(from)), None) => (from, Map::new()),
        (None, Some(Value::Object(to))) => (Map::new(), to),
        (from, to) => {
            return difference(from, to)
                .map(|difference| Change { field: field.to_owned(), difference })
                .into_iter()
                .collect();
        }
    };
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let difference = difference(from.get(name).cloned(), to.get(name).cloned())?;
        Some(Change { field: format!("{field}.{}", one_line(name, NAME_SHOWN)), difference })
    });
    changed.collect()
}

fn shown(policy: &Policy) -> Value {
    serde_json::to_value(policy).unwrap_or_default()
}

fn is_nothing(value: &Value) -> bool {
    let empty =
        value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
    value.is_null() || value.as_str() == Some("") || empty
}

fn difference(from: Option<Value>, to: Option<Value>) -> Option<Difference> {
    match (from, to) {
        (None, None) => None,
        (None, Some(to)) => Some(Difference::Set { to }),
        (Some(from), None) => Some(Difference::Unset { from }),
        (Some(from), Some(to)) if from == to => None,
        (Some(Value::Array(from)), Some(Value::Array(to))) => {
            let without = |these: &[Value], those: &[Value]| -> Vec<Value> {
                let those: BTreeSet<String> = those.iter().map(Value::to_string).collect();
                these.iter().filter(|value| !those.contains(&value.to_string())).cloned().collect()
            };
            Some(Difference::Items { added: without(&to, &from), removed: without(&from, &to) })
        }
        (Some(from), Some(to)) => Some(Difference::Changed { from, to }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::EarlierText;
    use super::*;
    use serde_json::json;

    fn written(text: &str) -> Written {
        Policy::from_document(&serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn what_means_the_same_is_the_same_however_it_is_written() {
        let written = written(r#"{"distribute":{"regions":["us-west-2","eu-west-1"]}}"#);
        let stored = r#"{ "deadline_hours": 24, "distribute": {"regions": ["eu-west-1", "us-west-2"]}, "share": {} }"#;
        assert_eq!(compare(&PolicyTexts::newest(Some(stored)), &written), Verdict::Same);
    }

    #[test]
    fn each_field_that_differs_says_how() {
        let stored = r#"{"description":"old","distribute":{"regions":["us-west-2","eu-west-1"]},"encrypt":{"kms_key":"alias/a"}}"#;
        let written = written(
            r#"{"description":"new","create":{"reboot":true},"distribute":{"regions":["us-west-2","sa-east-1"]}}"#,
        );
        let Verdict::Differs(changes) = compare(&PolicyTexts::newest(Some(stored)), &written)
        else {
            panic!()
        };
        let shown = serde_json::to_value(&changes).unwrap();
        let expected = json!([
            {"field": "description", "changed": {"from": "old", "to": "new"}},
            {"field": "create.reboot", "changed": {"from": false, "to": true}},
            {"field": "encrypt.kms_key", "unset": {"from": "alias/a"}},
            {"field": "distribute.regions", "items": {"added": ["sa-east-1"], "removed": ["eu-west-1"]}},
        ]);
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_destination_that_gets_another_setting_goes_and_comes() {
        let stored = r#"{"distribute":{"regions":["us-west-2","eu-west-1"]}}"#;
        let written = written(
            r#"{"distribute":{"regions":[{"region":"us-west-2"},{"region":"eu-west-1","kms_key":"alias/a"}],"within_minutes":60},
                "share":{"organizations":[]}}"#,
        );
        let Verdict::Differs(changes) = compare(&PolicyTexts::newest(Some(stored)), &written)
        else {
            panic!()
        };
        let expected = json!([
            {"field": "distribute.regions", "items":
                {"added": [{"region": "eu-west-1", "kms_key": "alias/a"}], "removed": ["eu-west-1"]}},
            {"field": "distribute.within_minutes", "set": {"to": 60}},
        ]);
        assert_eq!(serde_json::to_value(&changes).unwrap(), expected);
    }

    #[test]
    fn tags_and_devices_differ_each_by_its_name() {
        let stored = r#"{"create":{"tags":{"Team":"web","Old":"x","Same":"s"},"carry_tags":["A","B"],"name":"a"}}"#;
        let written = written(
            r#"{"create":{"tags":{"Team":"shop","New\u202e":"","Same":"s"},"carry_tags":["B"],"delete_on_termination":{"/dev/sdb":true}}}"#,
        );
        let Verdict::Differs(changes) = compare(&PolicyTexts::newest(Some(stored)), &written)
        else {
            panic!()
        };
        let shown = serde_json::to_value(&changes).unwrap();
        let expected = json!([
            {"field": "create.name", "unset": {"from": "a"}},
            {"field": "create.tags.New?", "set": {"to": ""}},
            {"field": "create.tags.Old", "unset": {"from": "x"}},
            {"field": "create.tags.Team", "changed": {"from": "web", "to": "shop"}},
            {"field": "create.carry_tags", "items": {"added": [], "removed": ["A"]}},
            {"field": "create.delete_on_termination./dev/sdb", "set": {"to": true}},
        ]);
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_new_policy_and_one_that_mends_show_all_that_they_say() {
        let written = written(r#"{"create":{"reboot":true}}"#);
        let Verdict::New(changes) = compare(&PolicyTexts::newest(None), &written) else { panic!() };
        let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, ["create.reboot", "deadline_hours"]);
        let mends = compare(&PolicyTexts::newest(Some("{")), &written);
        assert!(
            matches!(mends, Verdict::Mends { instead: None, changes: again, .. } if again == changes)
        );
    }

    #[test]
    fn a_policy_that_mends_is_compared_with_the_version_in_force() {
        let written = written(r#"{"create":{"reboot":true},"deadline_hours":3}"#);
        let earlier = vec![EarlierText { version: 4, text: r#"{"deadline_hours":3}"#.to_owned() }];
        let stored = PolicyTexts { newest: Some("{".to_owned()), earlier };
        let Verdict::Mends { instead, changes, .. } = compare(&stored, &written) else { panic!() };
        let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!((instead, fields), (Some(4), vec!["create.reboot"]));
    }
}
