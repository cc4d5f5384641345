//! Append-only histories, which are also the outbox of notifications: of families, and of what has
//! news without an image.

mod kind;

pub use kind::{EventKind, Severity};

use crate::enrolment::EnrolmentKey;
use crate::family::{Family, ImageRole, RowState};
use crate::ids::{
    AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region, StackName, digest, short_digest,
};
use crate::image::InstanceName;
use crate::reason::Reason;
use crate::target::ShareTarget;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// EC2's limit for a tag's value, in characters.
pub(crate) const REQUESTED_MAX: usize = 256;

/// Characters that are kept of one reason. A denial names the policy that denied at its end, and
/// then an encoded part of about a thousand characters for `aws sts decode-authorization-message`;
/// both are kept.
pub const REASON_CHARACTERS: usize = 4_000;

/// Characters of a history item's reason in words, and of AWS's messages in it, which may be those
/// of several images: SNS and EventBridge take 256 KB, DynamoDB 400 KB.
pub const REASONS_CHARACTERS: usize = 16_000;

/// Something that happened, before it has its place in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub kind: EventKind,
    /// To which image; the source for what concerns the whole family.
    pub image_role: ImageRole,
    /// The image's id, if it has one.
    pub image: Option<ImageId>,
    /// Why, for what went wrong.
    pub reason: Option<Reason>,
}

impl Fact {
    /// A fact about one image.
    pub fn of(kind: EventKind, image_role: &ImageRole, image: Option<&ImageId>) -> Self {
        Self { kind, image_role: image_role.clone(), image: image.cloned(), reason: None }
    }

    /// With why it happened.
    pub fn because(self, reason: impl Into<Reason>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }
}

/// One image in the summary that ends a family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSummary {
    /// Where it lives.
    pub region: Region,
    /// Its id.
    pub image: Option<ImageId>,
    /// How far it came.
    pub state: RowState,
    /// `source` or `copy`.
    pub role: String,
    /// With whom it is shared.
    pub shared_with: BTreeSet<ShareTarget>,
}

/// Whose history it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A family's.
    Family(FamilyId),
    /// An enrolled instance's.
    Enrolment(EnrolmentKey),
    /// A policy's.
    #[serde(rename = "watch")]
    Policy(PolicyName),
    /// A stack's kill switch's.
    KillSwitch(StackName),
}

impl Subject {
    /// The family, if it is one.
    pub fn family(&self) -> Option<&FamilyId> {
        match self {
            Subject::Family(family) => Some(family),
            Subject::Enrolment(_) | Subject::Policy(_) | Subject::KillSwitch(_) => None,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Family(family) => write!(f, "{family}"),
            Subject::Enrolment(EnrolmentKey { account, region, instance }) => {
                write!(f, "enrolment {account} {region} {instance}")
            }
            Subject::Policy(policy) => write!(f, "policy {policy}"),
            Subject::KillSwitch(stack) => write!(f, "kill switch of {stack}"),
        }
    }
}

/// The end of a history: what its next item follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The number of the last item; 0 if there is none.
    pub seq: u64,
    /// Its hash; empty if there is none.
    pub last_hash: String,
}

impl Chain {
    /// Whether there is no item yet.
    pub fn is_empty(&self) -> bool {
        self.seq == 0
    }
}

/// One item of a history. Complete in itself: what is published is made from it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryItem {
    /// Whose history it is in. A family's items say `family`, as they always have, so that their
    /// hashes stay what they are.
    #[serde(flatten)]
    pub subject: Subject,
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// Hash of the item before it; empty for the first.
    pub prev_hash: String,
    /// Hash of this item.
    pub hash: String,
    /// Identifies what happened: the same for every publication of it, so that receivers can drop
    /// repeats.
    pub outcome_id: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened.
    pub event: EventKind,
    /// The account.
    pub account: AccountId,
    /// The Region of the image it concerns; of a policy's news, where the policy is.
    pub region: Region,
    /// The instance, if it concerns one.
    pub instance: Option<InstanceId>,
    /// The Region of the instance.
    pub instance_region: Option<Region>,
    /// The instance's `Name` tag, as far as it is known.
    pub instance_name: Option<InstanceName>,
    /// The policy's name as it was asked for, whether there is such a policy or not; none for news.
    pub requested: Option<String>,
    /// The policy, if there is one of that name.
    pub policy: Option<PolicyName>,
    /// The image it concerns.
    pub image: Option<ImageId>,
    /// Why.
    pub reason: Option<Reason>,
    /// Every image, for the events that end a family.
    pub images: Vec<ImageSummary>,
}

/// Gives a fact the next place in the family's history, and moves the family's counters on.
pub fn append(family: &mut Family, fact: Fact, now: Timestamp) -> HistoryItem {
    let region = match &fact.image_role {
        ImageRole::Source => family.region.clone(),
        ImageRole::Copy(region) => region.clone(),
    };
    let attempt = family.rows.get(&fact.image_role).map_or(0, |row| row.attempt);
    let mut chain = Chain { seq: family.seq, last_hash: std::mem::take(&mut family.last_hash) };
    let image_text = fact.image.as_ref().map_or("", ImageId::as_str).to_owned();
    let outcome_id = short_digest(
        &[
            family.id.as_str(),
            fact.kind.as_str(),
            &fact.image_role.to_string(),
            &attempt.to_string(),
            &family.round.to_string(),
            &image_text,
            // An image may be disabled and enabled again more than once; each time is an outcome of
            // its own.
            &if fact.kind.outcome().is_some() {
                String::new()
            } else {
                chain.seq.saturating_add(1).to_string()
            },
        ],
        32,
    );
    let item = HistoryItem {
        subject: Subject::Family(family.id.clone()),
        seq: 0,
        prev_hash: String::new(),
        hash: String::new(),
        outcome_id,
        at: now,
        event: fact.kind,
        account: family.account.clone(),
        region,
        instance: Some(family.instance.clone()),
        instance_region: Some(family.region.clone()),
        instance_name: family.instance_name.clone(),
        requested: Some(crate::escape::one_line(&family.requested, REQUESTED_MAX)),
        policy: family.policy_name().cloned(),
        image: fact.image,
        reason: fact.reason,
        images: if fact.kind.outcome().is_some() { summary(family) } else { Vec::new() },
    };
    let item = linked(item, &mut chain);
    family.seq = chain.seq;
    family.last_hash = chain.last_hash;
    item
}

/// Something that happened to no family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What.
    pub kind: EventKind,
    /// The account.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// The `Name` tag of the instance that it is about.
    pub instance_name: Option<InstanceName>,
    /// To which policy, if it is about one.
    pub policy: Option<PolicyName>,
    /// The image that it is about, if it is about one.
    pub image: Option<ImageId>,
    /// Why.
    pub reason: Reason,
}

/// Gives news the next place in a history that is no family's, and moves its end on.
pub fn append_news(subject: Subject, chain: &mut Chain, news: News, now: Timestamp) -> HistoryItem {
    let (instance, instance_region) = match &subject {
        Subject::Enrolment(key) => (Some(key.instance.clone()), Some(key.region.clone())),
        Subject::Family(_) | Subject::Policy(_) | Subject::KillSwitch(_) => (None, None),
    };
    let seq = chain.seq.saturating_add(1).to_string();
    let outcome_id = short_digest(&["news", &subject.to_string(), news.kind.as_str(), &seq], 32);
    let item = HistoryItem {
        subject,
        seq: 0,
        prev_hash: String::new(),
        hash: String::new(),
        outcome_id,
        at: now,
        event: news.kind,
        account: news.account,
        region: news.region,
        instance,
        instance_region,
        instance_name: news.instance_name,
        requested: None,
        policy: news.policy,
        image: news.image,
        reason: Some(news.reason),
        images: Vec::new(),
    };
    linked(item, chain)
}

fn linked(mut item: HistoryItem, chain: &mut Chain) -> HistoryItem {
    item.seq = chain.seq.saturating_add(1);
    item.prev_hash = std::mem::take(&mut chain.last_hash);
    item.hash = item.compute_hash();
    chain.seq = item.seq;
    chain.last_hash.clone_from(&item.hash);
    item
}

impl HistoryItem {
    /// Whether it follows the end of its history as it should.
    pub fn follows(&self, chain: &Chain) -> bool {
        chain.seq.checked_add(1) == Some(self.seq)
            && self.prev_hash == chain.last_hash
            && self.hash == self.compute_hash()
    }

    /// The hash over everything but itself; with `prev_hash` it makes a chain that shows any later
    /// change.
    pub fn compute_hash(&self) -> String {
        let mut bare = self.clone();
        bare.hash = String::new();
        // A value made of strings and numbers always serialises.
        digest(&[&serde_json::to_string(&bare).unwrap_or_default()])
    }
}

fn summary(family: &Family) -> Vec<ImageSummary> {
    family
        .rows
        .values()
        .map(|row| ImageSummary {
            region: row.region.clone(),
            image: row.image.clone(),
            state: row.state,
            role: if row.image_role.is_source() { "source" } else { "copy" }.to_owned(),
            shared_with: row.shared_with.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_says_whose_it_is_in_one_field_and_a_familys_reads_as_it_always_has() {
        let key = EnrolmentKey {
            account: AccountId::new("111111111111").unwrap(),
            region: Region::new("us-east-1").unwrap(),
            instance: InstanceId::new("i-0123456789abcdef0").unwrap(),
        };
        let policy = PolicyName::new("nightly").unwrap();
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (subject, field) in
            [(Subject::Enrolment(key), "enrolment"), (Subject::Policy(policy.clone()), "watch")]
        {
            let mut chain = Chain::default();
            let news = |kind| News {
                kind,
                account: AccountId::new("111111111111").unwrap(),
                region: Region::new("eu-west-1").unwrap(),
                instance_name: None,
                policy: Some(policy.clone()),
                image: None,
                reason: crate::reason::ScheduleReason::NothingPromised.into(),
            };
            let first =
                append_news(subject.clone(), &mut chain, news(EventKind::CoverageLost), now);
            let second =
                append_news(subject.clone(), &mut chain, news(EventKind::CoverageRestored), now);
            assert!(
                first.follows(&Chain::default())
                    && second.follows(&Chain { seq: 1, last_hash: first.hash.clone() })
            );
            assert_ne!(first.outcome_id, second.outcome_id);
            let json = serde_json::to_value(&second).unwrap();
            assert!(json.get(field).is_some() && json["policy"] == "nightly", "{json}");
            assert_eq!(serde_json::from_value::<HistoryItem>(json).unwrap(), second);
        }
        let before = r#"{"family":"fam-0123456789abcdef","seq":3,"prev_hash":"","hash":"00ff","outcome_id":"0123456789abcdef","at":"2026-11-23T10:19:33Z","event":"copy-failed","account":"111111111111","region":"us-east-1","instance":"i-0a1b2c3d4e5f60718","instance_region":"us-east-1","instance_name":"web-1","requested":"default","policy":"default","image":null,"reason":{"code":"source-gone"},"images":[]}"#;
        let item: HistoryItem = serde_json::from_str(before).unwrap();
        assert_eq!(item.subject.family().map(FamilyId::as_str), Some("fam-0123456789abcdef"));
        assert_eq!(
            serde_json::to_string(&item).unwrap(),
            before,
            "in the same order, for its hash"
        );
    }
}
