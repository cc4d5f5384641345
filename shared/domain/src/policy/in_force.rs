//! Which version of a policy is in force. A text that is no policy never stops what worked before
//! it: the version before it goes on, and somebody is told.

use super::{Policy, PolicyError, Prepared};
use std::sync::Arc;

/// A policy's texts, as Parameter Store has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyTexts {
    /// The newest; none if there is no such policy.
    pub newest: Option<String>,
    /// The ones before it, newest first. They matter only if the newest is no policy, and need not
    /// be there otherwise.
    pub earlier: Vec<EarlierText>,
}

/// A version of a policy that was written over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierText {
    /// As Parameter Store counts it.
    pub version: u64,
    /// What it said.
    pub text: String,
}

/// The version that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce<'a> {
    /// What it says.
    pub policy: Arc<Prepared>,
    /// Its text.
    pub text: &'a str,
    /// Why it is not the newest, if it is not.
    pub instead: Option<Instead>,
}

/// A version that holds in place of the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instead {
    /// Which.
    pub version: u64,
    /// What is wrong with the newest.
    pub error: PolicyError,
}

impl PolicyTexts {
    /// A policy of which only the newest text is known.
    pub fn newest(text: Option<&str>) -> Self {
        Self { newest: text.map(str::to_owned), earlier: Vec::new() }
    }

    /// Whether the versions before the newest have to be known.
    pub fn needs_earlier(&self) -> bool {
        self.newest.as_deref().is_some_and(|text| !Policy::is_one(text))
    }

    /// The version in force: the newest that is a policy. None if there is no such policy; an error
    /// if no version is one.
    ///
    /// Whether the stack allows what it asks for is another question, and no reason to go further
    /// back: an older version may share with somebody whom a later one took out.
    pub fn in_force(&self) -> Option<Result<InForce<'_>, PolicyError>> {
        let newest = self.newest.as_deref()?;
        let error = match Policy::prepared(newest) {
            Ok(policy) => return Some(Ok(InForce { policy, text: newest, instead: None })),
            Err(error) => error,
        };
        let last_good = self
            .earlier
            .iter()
            .find_map(|earlier| Some((earlier, Policy::prepared(&earlier.text).ok()?)));
        Some(match last_good {
            Some((EarlierText { version, text }, policy)) => {
                Ok(InForce { policy, text, instead: Some(Instead { version: *version, error }) })
            }
            None => Err(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(newest: Option<&str>, earlier: &[(u64, &str)]) -> PolicyTexts {
        let earlier = earlier
            .iter()
            .map(|(version, text)| EarlierText { version: *version, text: (*text).to_owned() });
        PolicyTexts { newest: newest.map(str::to_owned), earlier: earlier.collect() }
    }

    #[test]
    fn the_newest_version_that_is_a_policy_is_in_force() {
        let good = r#"{"deadline_hours":2}"#;
        let older = r#"{"deadline_hours":3}"#;
        let table = [
            (texts(Some(good), &[(1, older)]), Some((2, None))),
            (
                texts(Some("{"), &[(4, "{"), (3, r#"{"shares":{}}"#), (2, good), (1, older)]),
                Some((2, Some(2))),
            ),
            (texts(Some("{"), &[(1, "[]")]), None),
            (texts(Some("{"), &[]), None::<(u32, Option<u64>)>),
        ];
        for (texts, expected) in table {
            let found = texts.in_force().unwrap().ok();
            let found = found.map(|force| {
                (force.policy.deadline_hours, force.instead.map(|instead| instead.version))
            });
            assert_eq!(found, expected, "{texts:?}");
        }
        assert!(
            texts(None, &[(1, good)]).in_force().is_none(),
            "a policy that was deleted is not kept going"
        );
    }
}
