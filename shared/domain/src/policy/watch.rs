//! What people were told of a policy that cannot be used as it was written: once when that begins,
//! and once when it ends.

use super::{Instead, Policy, PolicyTexts};
use crate::bounds::Bounds;
use crate::history::{Chain, EventKind};
use crate::ids::{Fingerprint, InstanceId, PolicyName, Region, short_digest};
use crate::reason::{PolicyReason, Rejection, ScheduleReason};
use crate::tags::TagKeys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What was told of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Version for conditional writes.
    pub rev: u64,
    /// Identifies the text that was refused, and why, as it was told; none while the policy can be
    /// used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// That instances follow it and get no image, since it does not exist or has no schedule, as it
    /// was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed: Option<ToldLapse>,
    /// The end of its history.
    #[serde(default, skip_serializing_if = "Chain::is_empty")]
    pub news: Chain,
}

/// A lapse as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldLapse {
    /// Which.
    pub lapse: Lapse,
    /// The instances that were named.
    pub named: BTreeSet<InstanceId>,
}

/// Why a policy gives no image to anybody who follows it, though nothing is wrong with its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lapse {
    /// There is no such policy.
    Missing,
    /// It has no schedule.
    NoSchedule,
}

impl Lapse {
    /// Of a policy as it is now; none if it has a schedule, or if its text is refused, which is
    /// told by itself.
    pub fn of(texts: &PolicyTexts) -> Option<Self> {
        match texts.in_force() {
            None => Some(Lapse::Missing),
            Some(Ok(force)) if force.policy.schedule.is_none() => Some(Lapse::NoSchedule),
            Some(_) => None,
        }
    }
}

/// Instances named in one message; of the others only the number is told.
pub const FOLLOWERS_NAMED_MAX: usize = 8;

/// The instances whose schedule tag names a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followers {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub named: Vec<(Region, InstanceId)>,
}

impl Followers {
    /// Takes one in.
    pub fn add(&mut self, region: &Region, instance: &InstanceId) {
        self.count = self.count.saturating_add(1);
        if self.named.len() < FOLLOWERS_NAMED_MAX {
            self.named.push((region.clone(), instance.clone()));
        }
    }
}

impl fmt::Display for Followers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (region, instance)) in self.named.iter().enumerate() {
            write!(f, "{}{instance} in {region}", if place == 0 { "" } else { ", " })?;
        }
        match self.count.saturating_sub(self.named.len()) {
            0 => Ok(()),
            others => write!(f, " and {others} more"),
        }
    }
}

/// Why the policy cannot be used as it was written; none if it can, or if there is none.
pub fn refused(texts: &PolicyTexts, bounds: &Bounds, keys: &TagKeys) -> Option<PolicyReason> {
    let force = match texts.in_force()? {
        Ok(force) => force,
        Err(error) => return Some(PolicyReason::NoVersionUsable { problem: error.to_string() }),
    };
    let beyond = force.policy.check(bounds, keys).err();
    match (force.instead, beyond) {
        (None, None) => None,
        (None, Some(beyond)) => Some(PolicyReason::PolicyBeyondBounds { beyond }),
        (Some(Instead { error, version }), None) => {
            Some(PolicyReason::EarlierVersionInForce { problem: error.to_string(), version })
        }
        (Some(Instead { error, version }), Some(beyond)) => {
            Some(PolicyReason::EarlierVersionBeyondBounds {
                problem: error.to_string(),
                version,
                beyond,
            })
        }
    }
}

/// The version that images are made under; none if there is no such policy, or if it gives no
/// images. `newest` is the number of the newest one.
pub fn version_in_use(
    texts: &PolicyTexts,
    newest: u64,
    bounds: &Bounds,
    keys: &TagKeys,
) -> Option<u64> {
    texts.newest.as_ref()?;
    match refused(texts, bounds, keys) {
        None => Some(newest),
        Some(refused) => refused.version_in_force(),
    }
}

impl Watch {
    /// Whether everything was told, so that nobody need look.
    pub fn is_current(&self, texts: &PolicyTexts, bounds: &Bounds, keys: &TagKeys) -> bool {
        self.tell(texts, bounds, keys).is_none()
    }

    /// What is to be told now, with what the watch becomes by it; none if everything was told.
    pub fn tell(
        &self,
        texts: &PolicyTexts,
        bounds: &Bounds,
        keys: &TagKeys,
    ) -> Option<(EventKind, PolicyReason, Watch)> {
        let refused = refused(texts, bounds, keys);
        let told = refused.as_ref().map(|refused| {
            // One text is told of once, whatever the stack allows meanwhile; another text is
            // another story.
            let text = texts.newest.as_deref().map(Policy::hash);
            short_digest(&[text.as_ref().map_or("", Fingerprint::as_str), refused.into()], 16)
        });
        if told == self.refused {
            return None;
        }
        let after = Watch { rev: self.rev.saturating_add(1), refused: told, ..self.clone() };
        Some(match refused {
            Some(refused) => (EventKind::PolicyRefused, refused, after),
            None if texts.newest.is_none() => {
                (EventKind::PolicyAccepted, PolicyReason::PolicyDeleted, after)
            }
            None => (EventKind::PolicyAccepted, PolicyReason::NewestInForce, after),
        })
    }
}

impl Watch {
    /// What is to be told now of the instances that follow the policy, with what the watch becomes
    /// by it; none if that was told. `near` is the policy that was probably meant. A lapse is told
    /// once, and again when it came to others.
    pub fn tell_followers(
        &self,
        name: &PolicyName,
        texts: &PolicyTexts,
        followers: &Followers,
        near: Option<&PolicyName>,
    ) -> Option<(EventKind, ScheduleReason, Watch)> {
        let after = |lapsed| Watch { rev: self.rev.saturating_add(1), lapsed, ..self.clone() };
        let Some(lapse) = Lapse::of(texts) else {
            // A text that is refused gives no image either, so nothing is restored by it.
            let is_usable = texts.in_force().is_some_and(|force| force.is_ok());
            let restored =
                || (EventKind::CoverageRestored, ScheduleReason::ScheduleBack, after(None));
            return (is_usable && self.lapsed.is_some()).then(restored);
        };
        let named: BTreeSet<InstanceId> =
            followers.named.iter().map(|(_, instance)| instance.clone()).collect();
        let told = self.lapsed.as_ref();
        let is_told =
            told.is_some_and(|told| told.lapse == lapse && !told.named.is_disjoint(&named));
        if named.is_empty() || is_told {
            return None;
        }
        let rejection = match lapse {
            Lapse::Missing => {
                Rejection::UnknownPolicy { policy: name.clone(), near: near.cloned() }
            }
            Lapse::NoSchedule => Rejection::NoSchedule { policy: name.clone() },
        };
        let reason =
            ScheduleReason::FollowersWithoutImages { rejection, followers: followers.clone() };
        Some((EventKind::CoverageLost, reason, after(Some(ToldLapse { lapse, named }))))
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
    fn told(texts: &[(Option<&str>, &[&str])]) -> Vec<Option<(EventKind, PolicyReason)>> {
        let keys = TagKeys::new(TagPrefix::new("amiline").unwrap());
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for (newest, earlier) in texts {
            let earlier = earlier
                .iter()
                .zip(1..)
                .map(|(text, version)| EarlierText { version, text: (*text).to_owned() });
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
    fn instances_that_follow_a_policy_without_a_schedule_are_told_once_for_all_of_them_and_so_is_the_end()
     {
        let name = PolicyName::new("nigthly").unwrap();
        let near = PolicyName::new("nightly").unwrap();
        let followers = |numbers: &[u8]| {
            let mut followers = Followers::default();
            for number in numbers {
                let instance = InstanceId::new(format!("i-{number:08x}")).unwrap();
                followers.add(&Region::new("us-east-1").unwrap(), &instance);
            }
            followers
        };
        let mut watch = Watch::default();
        let mut tell = |text: Option<&str>, numbers: &[u8]| {
            let told = watch.tell_followers(
                &name,
                &PolicyTexts::newest(text),
                &followers(numbers),
                Some(&near),
            );
            told.map(|(kind, reason, after)| {
                watch = after;
                format!("{} {reason}", kind.as_str())
            })
        };
        let scheduled = Some(r#"{"schedule":{"cron":["0 2 * * *"]}}"#);
        assert_eq!(tell(None, &[]), None);
        assert_eq!(
            tell(None, &[1, 2]).as_deref(),
            Some(
                "coverage-lost 2 instances follow it and get no image: there is no policy nigthly; did you mean nightly? \
                 Otherwise create it or tag with another name. They are i-00000001 in us-east-1, i-00000002 in us-east-1"
            )
        );
        assert_eq!(tell(None, &[2, 3]), None, "told once for a policy");
        assert_eq!(tell(Some("{"), &[2, 3]), None, "a text that is refused restores nothing");
        assert!(tell(Some("{}"), &[2, 3]).unwrap().contains("policy nigthly has no schedule"));
        assert!(tell(scheduled, &[2, 3]).unwrap().starts_with("coverage-restored "));
        assert_eq!(tell(scheduled, &[2, 3]), None);
        let many = tell(None, &[9; 20]).unwrap();
        assert!(
            many.contains("20 instances follow it") && many.ends_with(" and 12 more"),
            "{many}"
        );
        assert!(many.chars().count() < 500, "{many}");
        assert!(tell(None, &[4]).is_some(), "it came to others");
    }

    #[test]
    fn the_version_in_use_is_the_one_that_images_are_made_under() {
        let keys = TagKeys::new(TagPrefix::new("amiline").unwrap());
        let in_use = |newest: Option<&str>, earlier: &[(u64, &str)]| {
            let earlier = earlier
                .iter()
                .map(|(version, text)| EarlierText { version: *version, text: (*text).to_owned() });
            let texts =
                PolicyTexts { newest: newest.map(str::to_owned), earlier: earlier.collect() };
            version_in_use(&texts, 7, &bounds(), &keys)
        };
        assert_eq!(in_use(None, &[]), None);
        assert_eq!(in_use(Some(GOOD), &[]), Some(7));
        assert_eq!(in_use(Some("{"), &[(6, "["), (5, GOOD)]), Some(5));
        assert_eq!(in_use(Some("{"), &[(6, "[")]), None);
        assert_eq!(
            in_use(Some(FAR), &[(6, GOOD)]),
            None,
            "what the stack does not allow gives no image"
        );
        assert_eq!(in_use(Some("{"), &[(6, FAR), (5, GOOD)]), None);
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
        let kinds: Vec<_> =
            news.iter().map(|news| news.as_ref().map(|(kind, _)| kind.as_str())).collect();
        let (refused, accepted) = (Some("policy-refused"), Some("policy-accepted"));
        assert_eq!(
            kinds,
            [
                None, None, refused, None, refused, accepted, None, refused, refused, refused,
                accepted
            ]
        );
        let reason =
            |at: usize| news[at].as_ref().map(|(_, reason)| reason.to_string()).unwrap_or_default();
        assert!(
            reason(2).contains("version 1 stays in force") && reason(2).contains("line 1"),
            "{}",
            reason(2)
        );
        assert!(reason(7).contains("AllowedRegions"), "{}", reason(7));
        assert!(reason(8).contains("version 1 before it is not allowed"), "{}", reason(8));
        assert!(reason(9).contains("no earlier version"), "{}", reason(9));
    }
}
