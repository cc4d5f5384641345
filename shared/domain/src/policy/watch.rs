//! What people were told of a policy that cannot be used as it was written: once when that begins, and once when it ends.

use super::{BeyondBounds, Policy, PolicyError, PolicyTexts};
use crate::bounds::Bounds;
use crate::history::{Chain, EventKind};
use crate::ids::short_digest;
use crate::tags::TagKeys;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What was told of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Version for conditional writes.
    pub rev: u64,
    /// Identifies the text that was refused, and why, as it was told; none while the policy can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The end of its history.
    #[serde(default, skip_serializing_if = "Chain::is_empty")]
    pub news: Chain,
}

/// Why a policy cannot be used as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// Its text is no policy, and the version before it goes on.
    #[error("{error}; version {version} stays in force until it is mended: look at `amiline policy history`")]
    Instead {
        /// What is wrong with it.
        error: PolicyError,
        /// What is used instead.
        version: u64,
    },
    /// Its text is no policy, and no version before it is one.
    #[error("{0}; no earlier version can be used, so no image is made under it until it is mended")]
    Invalid(PolicyError),
    /// It asks for what the stack does not allow.
    #[error("{0}; no image is made under it until then")]
    Beyond(BeyondBounds),
    /// So does the version that is in force instead.
    #[error(
        "{error}; version {version} before it is not allowed either: {beyond}; no image is made under it until then"
    )]
    InsteadBeyond {
        /// What is wrong with the newest.
        error: PolicyError,
        /// The version before it.
        version: u64,
        /// Why that one is not allowed.
        beyond: BeyondBounds,
    },
}

/// Why the policy cannot be used as it was written; none if it can, or if there is none.
pub fn refused(texts: &PolicyTexts, bounds: &Bounds, keys: &TagKeys) -> Option<Refused> {
    let force = match texts.in_force()? {
        Ok(force) => force,
        Err(error) => return Some(Refused::Invalid(error)),
    };
    let beyond = force.policy.check(bounds, keys).err();
    match (force.instead, beyond) {
        (None, None) => None,
        (None, Some(beyond)) => Some(Refused::Beyond(beyond)),
        (Some(instead), None) => Some(Refused::Instead { error: instead.error, version: instead.version }),
        (Some(instead), Some(beyond)) => {
            Some(Refused::InsteadBeyond { error: instead.error, version: instead.version, beyond })
        }
    }
}

impl Watch {
    /// Whether everything was told, so that nobody need look.
    pub fn is_current(&self, texts: &PolicyTexts, bounds: &Bounds, keys: &TagKeys) -> bool {
        self.tell(texts, bounds, keys).is_none()
    }

    /// What is to be told now, with what the watch becomes by it; none if everything was told.
    pub fn tell(&self, texts: &PolicyTexts, bounds: &Bounds, keys: &TagKeys) -> Option<(EventKind, String, Watch)> {
        let refused = refused(texts, bounds, keys);
        let told = refused.as_ref().map(|refused| {
            // One text is told of once, whatever the stack allows meanwhile; another text is another story.
            let text = texts.newest.as_deref().map(Policy::hash).unwrap_or_default();
            short_digest(&[&text, refused.code()], 16)
        });
        if told == self.refused {
            return None;
        }
        let after = Watch { rev: self.rev.saturating_add(1), refused: told, news: self.news.clone() };
        Some(match refused {
            Some(refused) => (EventKind::PolicyRefused, refused.to_string(), after),
            None if texts.newest.is_none() => (EventKind::PolicyAccepted, "the policy was deleted".to_owned(), after),
            None => (EventKind::PolicyAccepted, "the newest version is in force".to_owned(), after),
        })
    }
}

impl Refused {
    fn code(&self) -> &'static str {
        match self {
            Refused::Instead { .. } => "instead",
            Refused::Invalid(_) => "invalid",
            Refused::Beyond(_) => "beyond-bounds",
            Refused::InsteadBeyond { .. } => "instead-beyond-bounds",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::EarlierText;
    use super::*;
    use crate::ids::{Region, TagPrefix};
    use std::collections::BTreeSet;

    const GOOD: &str = "{}";
    const FAR: &str = r#"{"distribute":{"regions":["eu-west-1"]}}"#;

    fn bounds() -> Bounds {
        Bounds {
            regions: BTreeSet::from([Region::new("us-east-1").unwrap()]),
            accounts: BTreeSet::new(),
            organizations: BTreeSet::new(),
            organizational_units: BTreeSet::new(),
            keys: BTreeSet::new(),
            images_per_hour_max: 2,
            interval_minutes_min: 10,
        }
    }

    /// What the watch tells of each text in turn.
    fn told(texts: &[(Option<&str>, &[&str])]) -> Vec<Option<(EventKind, String)>> {
        let keys = TagKeys::new(TagPrefix::new("amiline").unwrap());
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for (newest, earlier) in texts {
            let earlier =
                earlier.iter().zip(1..).map(|(text, version)| EarlierText { version, text: (*text).to_owned() });
            let mut earlier: Vec<EarlierText> = earlier.collect();
            earlier.reverse();
            let texts = PolicyTexts { newest: newest.map(str::to_owned), earlier };
            let news = watch.tell(&texts, &bounds(), &keys);
            assert_eq!(news.is_none(), watch.is_current(&texts, &bounds(), &keys));
            told.push(news.map(|(kind, reason, after)| {
                watch = after;
                (kind, reason)
            }));
        }
        told
    }

    #[test]
    fn each_text_that_cannot_be_used_is_told_of_once_and_so_is_its_end() {
        let news = told(&[
            (None, &[]),
            (Some(GOOD), &[]),
            (Some("{"), &[GOOD]),
            (Some("{"), &[GOOD]),
            (Some("["), &[GOOD, "{"]),
            (Some(GOOD), &[]),
            (Some(GOOD), &[]),
            (Some(FAR), &[]),
            (Some("{"), &[FAR]),
            (Some("{"), &[]),
            (None, &[]),
        ]);
        let kinds: Vec<_> = news.iter().map(|news| news.as_ref().map(|(kind, _)| kind.as_str())).collect();
        let (refused, accepted) = (Some("policy-refused"), Some("policy-accepted"));
        assert_eq!(kinds, [None, None, refused, None, refused, accepted, None, refused, refused, refused, accepted]);
        let reason = |at: usize| news.get(at).cloned().flatten().map(|(_, reason)| reason).unwrap_or_default();
        assert!(reason(2).contains("version 1 stays in force") && reason(2).contains("line 1"), "{}", reason(2));
        assert!(reason(7).contains("AllowedRegions"), "{}", reason(7));
        assert!(reason(8).contains("version 1 before it is not allowed"), "{}", reason(8));
        assert!(reason(9).contains("no earlier version"), "{}", reason(9));
    }
}
