//! Where things are in the table: keys, attribute names and the order of what is due.
//!
//! | pk | sk | |
//! | --- | --- | --- |
//! | `FAMILY#<family>` | `META` | the family; `version`, `pending_hints`, lease and due time beside it |
//! | | `IMAGE#source`, `IMAGE#<Region>` | its images |
//! | | `HISTORY#<12 digits>` | its history |
//! | `PRESS#<account>#<Region>#<instance>#<button>` | `PRESS` | a button |
//! | `ENROLMENT#<account>#<Region>#<instance>` | `ENROLMENT` | an instance's place in schedules |
//! | | `HISTORY#<12 digits>` | what was told of its coverage |
//! | `ANSWERS#<account>#<Region>#<instance>` | `ANSWERS` | the newest answer to each who asked; kept for a day |
//! | `WATCH#<policy>` | `WATCH` | what was told of a policy |
//! | | `HISTORY#<12 digits>` | its history |
//! | `IMG#<Region>#<ami>` | `POINTER` | the family of an image |
//! | `INSTANCE#<Region>#<instance>` | `<12-digit slot>#<family>` | the families of an instance, with where their images are available |
//! | `POLICY#<sha256>` | `TEXT` | a policy's text |
//! | `BUDGET#<account>` | `HOUR` | the hour's count |
//! | `DAY#<policy>` | `DAY` | the policy's count of the day, if it limits days |
//! | `REJECTED#<date>` | `<message id>` | a message that could not be used |
//! | `DIGEST#<date>` | `POLICY#<name>`, `NONE` | a digest that was published, or a draft of one |

use super::Item;
use amiline_domain::day::Day;
use amiline_domain::digest::DigestKey;
use amiline_domain::enrolment::EnrolmentKey;
use amiline_domain::family::{ImageRole, Role};
use amiline_domain::history::Subject;
use amiline_domain::ids::{
    AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region, StackName, digest,
};
use amiline_domain::plan::StatusStep;
use amiline_domain::press::PressKey;
use amiline_domain::tags::Button;
use amiline_domain::time::Slot;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

/// The index of what is due.
pub const DUE_INDEX: &str = "due";
/// The index that lists families.
pub const LISTING_INDEX: &str = "listing";
/// How many parts the index of what is due has, so that no part of it becomes hot.
pub const DUE_SHARDS: u32 = 16;

pub(super) const PK: &str = "pk";
pub(super) const SK: &str = "sk";
pub(super) const DATA: &str = "data";
pub(super) const DUE_SHARD: &str = "due_shard";
pub(super) const DUE_AT: &str = "due_at";
pub(super) const LIST_PK: &str = "list_pk";
pub(super) const LIST_SK: &str = "list_sk";
pub(super) const VERSION: &str = "version";
pub(super) const PENDING_HINTS: &str = "pending_hints";
pub(super) const LEASE_HOLDER: &str = "lease_holder";
pub(super) const LEASE_UNTIL: &str = "lease_until";
pub(super) const REV: &str = "rev";
pub(super) const UNANNOUNCED: &str = "unannounced";
pub(super) const TOLD: &str = "told";
pub(super) const FAMILY: &str = "family";
pub(super) const TEXT: &str = "text";

pub(super) const META_SK: &str = "META";
pub(super) const IMAGE_PREFIX: &str = "IMAGE#";
pub(super) const HISTORY_PREFIX: &str = "HISTORY#";
pub(super) const FAMILIES: &str = "FAMILIES";
/// The partition of the index that lists enrolments that ended.
pub(super) const ENROLMENTS_ENDED: &str = "ENROLMENTS-ENDED";

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn key(pk: &str, sk: &str) -> Item {
    Item::from([(PK.to_owned(), text(pk)), (SK.to_owned(), text(sk))])
}

pub(super) fn pk_of(item: &Item) -> Option<&str> {
    item.get(PK).and_then(|value| value.as_s().ok()).map(String::as_str)
}

pub(super) fn family_pk(family: &FamilyId) -> String {
    format!("FAMILY#{family}")
}

pub(super) fn family_of_pk(pk: &str) -> Option<FamilyId> {
    FamilyId::new(pk.strip_prefix("FAMILY#")?).ok()
}

/// Where a history is.
pub(super) fn history_pk(subject: &Subject) -> String {
    match subject {
        Subject::Family(family) => family_pk(family),
        Subject::Enrolment(key) => enrolment_pk(key),
        Subject::Policy(policy) => watch_pk(policy),
        Subject::KillSwitch(stack) => switch_pk(stack),
    }
}

/// Whether a history may be there.
pub(super) fn has_history(pk: &str) -> bool {
    family_of_pk(pk).is_some()
        || enrolment_of_pk(pk).is_some()
        || policy_of_watch_pk(pk).is_some()
        || is_switch_pk(pk)
}

pub(super) fn watch_pk(policy: &PolicyName) -> String {
    format!("WATCH#{policy}")
}

pub(super) fn switch_pk(stack: &StackName) -> String {
    format!("SWITCH#{stack}")
}

pub(super) const SWITCH_SK: &str = "SWITCH";

fn is_switch_pk(pk: &str) -> bool {
    pk.strip_prefix("SWITCH#").is_some_and(|stack| StackName::new(stack).is_ok())
}

pub(super) const WATCH_SK: &str = "WATCH";

pub(super) fn policy_of_watch_pk(pk: &str) -> Option<PolicyName> {
    PolicyName::new(pk.strip_prefix("WATCH#")?).ok()
}

pub(super) fn image_sk(image_role: &ImageRole) -> String {
    format!("{IMAGE_PREFIX}{image_role}")
}

pub(super) fn history_sk(seq: u64) -> String {
    format!("{HISTORY_PREFIX}{seq:012}")
}

pub(super) fn press_pk(key: &PressKey) -> String {
    format!("PRESS#{}#{}#{}#{}", key.account, key.region, key.instance, key.button.as_str())
}

pub(super) const PRESS_SK: &str = "PRESS";

pub(super) fn press_of_pk(pk: &str) -> Option<PressKey> {
    let mut parts = pk.strip_prefix("PRESS#")?.split('#');
    let key = PressKey {
        account: AccountId::new(parts.next()?).ok()?,
        region: Region::new(parts.next()?).ok()?,
        instance: InstanceId::new(parts.next()?).ok()?,
        button: match parts.next()? {
            button if button == Button::Image.as_str() => Button::Image,
            _ => return None,
        },
    };
    parts.next().is_none().then_some(key)
}

pub(super) fn answers_pk(step: &StatusStep) -> String {
    format!("ANSWERS#{}#{}#{}", step.account, step.tag.region, step.tag.instance)
}

pub(super) const ANSWERS_SK: &str = "ANSWERS";

pub(super) fn enrolment_pk(key: &EnrolmentKey) -> String {
    format!("ENROLMENT#{}#{}#{}", key.account, key.region, key.instance)
}

pub(super) const ENROLMENT_SK: &str = "ENROLMENT";

pub(super) fn enrolment_of_pk(pk: &str) -> Option<EnrolmentKey> {
    let mut parts = pk.strip_prefix("ENROLMENT#")?.split('#');
    let key = EnrolmentKey {
        account: AccountId::new(parts.next()?).ok()?,
        region: Region::new(parts.next()?).ok()?,
        instance: InstanceId::new(parts.next()?).ok()?,
    };
    parts.next().is_none().then_some(key)
}

pub(super) fn pointer_pk(region: &Region, image: &ImageId) -> String {
    format!("IMG#{region}#{image}")
}

pub(super) const POINTER_SK: &str = "POINTER";

pub(super) fn policy_pk(hash: &str) -> String {
    format!("POLICY#{hash}")
}

pub(super) const POLICY_SK: &str = "TEXT";

pub(super) fn budget_pk(account: &AccountId) -> String {
    format!("BUDGET#{account}")
}

pub(super) const BUDGET_SK: &str = "HOUR";

pub(super) fn day_pk(policy: &PolicyName) -> String {
    format!("DAY#{policy}")
}

pub(super) const DAY_SK: &str = "DAY";

pub(super) fn instance_pk(region: &Region, instance: &InstanceId) -> String {
    format!("INSTANCE#{region}#{instance}")
}

pub(super) fn instance_sk(slot: Slot, family: &FamilyId) -> String {
    format!("{}#{family}", padded(slot.second()))
}

pub(super) fn listing_sk(created_at: Timestamp, family: &FamilyId) -> String {
    format!("{}#{family}", padded(created_at.as_second()))
}

pub(super) fn ended_sk(at: Timestamp, outcome_id: &str) -> String {
    format!("{}#{outcome_id}", padded(at.as_second()))
}

/// What every family's place in the list sorts before.
pub(super) fn listing_end() -> String {
    ":".to_owned()
}

pub(super) fn rejected_pk(at: Timestamp) -> String {
    format!("REJECTED#{}", at.strftime("%Y-%m-%d"))
}

pub(super) fn digest_pk(day: Day) -> String {
    format!("DIGEST#{day}")
}

pub(super) fn digest_sk(policy: Option<&PolicyName>) -> String {
    policy.map_or("NONE".to_owned(), |policy| format!("POLICY#{policy}"))
}

pub(super) fn digest_of(pk: &str, sk: &str) -> Option<DigestKey> {
    let policy = match sk.strip_prefix("POLICY#") {
        Some(name) => Some(PolicyName::new(name).ok()?),
        None if sk == "NONE" => None,
        None => return None,
    };
    Some(DigestKey { policy, day: pk.strip_prefix("DIGEST#")?.parse().ok()? })
}

/// Twelve digits, which sort as numbers do until the year 33658.
pub(super) fn padded(second: i64) -> String {
    format!("{:012}", second.max(0))
}

/// What has to be done when something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DueKind {
    Family(Role),
    Press,
    Enrolment,
    Notify,
    Digest,
}

impl DueKind {
    pub(super) const ALL: [Self; 6] = [
        DueKind::Family(Role::Create),
        DueKind::Family(Role::Distribute),
        DueKind::Press,
        DueKind::Enrolment,
        DueKind::Notify,
        DueKind::Digest,
    ];

    fn as_str(self) -> &'static str {
        match self {
            DueKind::Family(Role::Create) => "create",
            DueKind::Family(Role::Distribute) => "distribute",
            DueKind::Press => "press",
            DueKind::Enrolment => "enrolment",
            DueKind::Notify => "notify",
            DueKind::Digest => "digest",
        }
    }
}

/// When and for what an item is due, as it stands in the index.
pub(super) fn due_at(at: Timestamp, kind: DueKind) -> String {
    format!("{}#{}", padded(at.as_second()), kind.as_str())
}

pub(super) fn parse_due_at(due_at: &str) -> Option<(Timestamp, DueKind)> {
    let (second, kind) = due_at.split_once('#')?;
    let kind = DueKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
    Some((Timestamp::from_second(second.parse().ok()?).ok()?, kind))
}

/// Everything up to and including `now` sorts before this.
pub(super) fn due_before(now: Timestamp) -> String {
    padded(now.as_second().saturating_add(1))
}

/// The part of the index that a partition key belongs to, always the same one.
pub(super) fn due_shard(pk: &str) -> String {
    let first =
        digest(&[pk]).chars().next().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
    due_shard_name(first % DUE_SHARDS)
}

pub(super) fn due_shard_name(shard: u32) -> String {
    format!("due#{shard}")
}
