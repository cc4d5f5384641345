//! With whom an image may be shared.

use crate::ids::{AccountId, InvalidId, OrganizationArn, OrganizationalUnitArn};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Who gets a launch permission. A group cannot be said, and EC2's only group is everybody:
/// whatever is shared is shared with somebody whom the stack's administrator named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum ShareTarget {
    /// One account.
    Account(AccountId),
    /// Every account of an organization.
    Organization(OrganizationArn),
    /// Every account in an organizational unit and the units below it.
    OrganizationalUnit(OrganizationalUnitArn),
}

impl ShareTarget {
    /// The account's id, or the ARN: what records and notifications hold, which tells the kinds
    /// apart.
    pub fn as_str(&self) -> &str {
        match self {
            ShareTarget::Account(id) => id.as_str(),
            ShareTarget::Organization(arn) => arn.as_str(),
            ShareTarget::OrganizationalUnit(arn) => arn.as_str(),
        }
    }
}

/// Targets of many that are shown to people.
pub(crate) const SHOWN_MAX: usize = 8;

/// The first few of them, and how many more there are.
pub(crate) fn some_of(targets: &BTreeSet<ShareTarget>) -> String {
    SomeTargets::of(targets).to_string()
}

/// The first few of some targets, for what is told of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SomeTargets {
    /// At most `SHOWN_MAX`.
    pub first: BTreeSet<ShareTarget>,
    /// How many more there are.
    pub others: usize,
}

impl SomeTargets {
    /// Of these.
    pub fn of(targets: &BTreeSet<ShareTarget>) -> Self {
        let first = targets.iter().take(SHOWN_MAX).cloned().collect();
        Self { first, others: targets.len().saturating_sub(SHOWN_MAX) }
    }
}

impl fmt::Display for SomeTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: Vec<&str> = self.first.iter().map(ShareTarget::as_str).collect();
        match self.others {
            0 => f.write_str(&first.join(", ")),
            more => write!(f, "{} and {more} more", first.join(", ")),
        }
    }
}

impl fmt::Display for ShareTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<ShareTarget> for String {
    fn from(target: ShareTarget) -> String {
        target.as_str().to_owned()
    }
}

impl TryFrom<String> for ShareTarget {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if !text.starts_with("arn:") {
            return AccountId::new(text).map(ShareTarget::Account);
        }
        match OrganizationalUnitArn::new(text.as_str()) {
            Ok(arn) => Ok(ShareTarget::OrganizationalUnit(arn)),
            Err(_) => OrganizationArn::new(text).map(ShareTarget::Organization),
        }
    }
}

impl std::str::FromStr for ShareTarget {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_kept_when_there_were_only_accounts_is_still_read() {
        let kept = r#"["222222222222","333333333333"]"#;
        let read: BTreeSet<ShareTarget> = serde_json::from_str(kept).unwrap();
        assert!(
            read.iter().all(|target| matches!(target, ShareTarget::Account(_))) && read.len() == 2
        );
        assert_eq!(serde_json::to_string(&read).unwrap(), kept);
    }

    #[test]
    fn every_kind_comes_back_as_what_it_was_and_a_group_never_does() {
        for text in [
            "222222222222",
            "arn:aws:organizations::123456789012:organization/o-123example",
            "arn:aws:organizations::123456789012:ou/o-123example/ou-1234-5example",
        ] {
            let target: ShareTarget = text.parse().unwrap();
            assert_eq!((target.as_str(), String::from(target.clone())), (text, text.to_owned()));
            assert_eq!(matches!(target, ShareTarget::Account(_)), !text.starts_with("arn:"));
        }
        for text in [
            "all",
            "",
            "*",
            "arn:aws:iam::222222222222:root",
            "arn:aws:organizations::123456789012:root/o-1/r-1",
        ] {
            assert!(text.parse::<ShareTarget>().is_err(), "{text}");
        }
    }
}
