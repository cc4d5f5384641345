//! Which families a person asks for.

use crate::family::{Family, Outcome};
use crate::ids::{InstanceId, PolicyName};
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// What families have in common; every part that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The instance that they were made of.
    pub instance: Option<InstanceId>,
    /// The policy that was asked for, whether it was found or not.
    pub policy: Option<PolicyName>,
    /// How they ended, or that they have not.
    pub state: Option<FamilyState>,
    /// They were asked for at this time or later.
    pub since: Option<Timestamp>,
}

/// How a family ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyState {
    /// It is under way.
    InProgress,
    /// It has ended.
    Ended(Outcome),
}

impl FamilyState {
    const ALL: [FamilyState; 5] = [
        FamilyState::InProgress,
        FamilyState::Ended(Outcome::Complete),
        FamilyState::Ended(Outcome::Partial),
        FamilyState::Ended(Outcome::Failed),
        FamilyState::Ended(Outcome::Rejected),
    ];

    /// Of a family.
    pub fn of(family: &Family) -> Self {
        family.outcome.map_or(FamilyState::InProgress, FamilyState::Ended)
    }

    /// As people read and write it.
    pub fn as_str(self) -> &'static str {
        match self {
            FamilyState::InProgress => "in-progress",
            FamilyState::Ended(outcome) => outcome.as_str(),
        }
    }
}

impl fmt::Display for FamilyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FamilyState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        FamilyState::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = FamilyState::ALL.into_iter().map(FamilyState::as_str).collect();
            format!("give one of {}", all.join(", "))
        })
    }
}

impl Selection {
    /// Whether a family is among them.
    pub fn has(&self, family: &Family) -> bool {
        let asked_for = |policy: &PolicyName| {
            family.policy.as_ref().map(|found| &found.name) == Some(policy)
                || family.requested.trim() == policy.as_str()
        };
        self.instance.as_ref().is_none_or(|instance| family.instance == *instance)
            && self.policy.as_ref().is_none_or(asked_for)
            && self.state.is_none_or(|state| FamilyState::of(family) == state)
            && !self.is_before(family)
    }

    /// Whether a family, and so every older one, was asked for too early.
    pub fn is_before(&self, family: &Family) -> bool {
        self.since.is_some_and(|since| family.created_at < since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn family(policy: Option<&str>, requested: &str, outcome: Option<&str>) -> Family {
        serde_json::from_value(json!({
            "id": "fam-0123456789abcdef", "work": {"version": 1, "lease": null, "due": null}, "stack": "amiline", "account": "111111111111",
            "region": "us-east-1", "instance": "i-0123456789abcdef0", "button": "image", "slot": 1_795_521_600,
            "requested": requested, "policy": policy.map(|name| json!({"name": name, "hash": "h"})),
            "phase": "settled", "outcome": outcome, "status": null, "status_due": false, "reopen": false,
            "answer_refusals": 0, "answer_not_before": null, "round": 0, "seq": 1,
            "last_hash": "", "created_at": "2026-11-24T12:00:00Z", "row_versions": {},
        }))
        .unwrap()
    }

    #[test]
    fn every_part_of_a_selection_must_hold() {
        let web = family(Some("web"), "web", Some("failed"));
        let all = Selection::default();
        assert!(all.has(&web));
        let policy =
            |name: &str| Selection { policy: PolicyName::new(name).ok(), ..Selection::default() };
        assert!(policy("web").has(&web) && !policy("db").has(&web));
        assert!(
            policy("gone").has(&family(None, "gone", Some("rejected"))),
            "also a policy that was not found"
        );
        let state = |text: &str| Selection { state: text.parse().ok(), ..policy("web") };
        assert!(
            state("failed").has(&web)
                && !state("partial").has(&web)
                && !state("in-progress").has(&web)
        );
        assert!(state("in-progress").has(&family(Some("web"), "web", None)));
        let instance = Selection {
            instance: InstanceId::new("i-0123456789abcdef1").ok(),
            ..Selection::default()
        };
        assert!(!instance.has(&web));
        let since = |text: &str| Selection { since: text.parse().ok(), ..Selection::default() };
        assert!(
            since("2026-11-24T12:00:00Z").has(&web) && !since("2026-11-24T12:00:01Z").has(&web)
        );
    }

    #[test]
    fn a_state_that_is_none_names_those_that_are() {
        let refused = "done".parse::<FamilyState>().unwrap_err();
        assert_eq!(refused, "give one of in-progress, complete, partial, failed, rejected");
    }
}
