//! Decoding of the messages that wake a function: EventBridge envelopes as AWS sends them, and our
//! own in the same shape. An event is a hint: what it says is checked for form here and read again
//! before anything is done.

mod ours;

pub use ours::{
    announce_history, digest_due, family_due, family_due_early, look_at_coverage,
    look_at_followers, look_at_instance, look_at_policy, look_at_schedule, look_at_shares,
};

use crate::day::Day;
use crate::digest::DigestKey;
use crate::escape::one_line;
use crate::ids::{AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region};
use crate::image::ImageState;
use crate::policy::{FOLLOWERS_NAMED_MAX, Followers};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use thiserror::Error;

/// The largest message that is read, in bytes. EventBridge delivers at most 256 KiB.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// The `source` of our own messages.
pub const OUR_SOURCE: &str = "amiline";

/// A message, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// `Tag Change on Resource` of an instance.
    InstanceTagged(InstanceTagged),
    /// `EC2 AMI State Change`.
    ImageState(ImageStateChange),
    /// Ours: an instance may carry a pressed button.
    LookAtInstance {
        /// Where.
        region: Region,
        /// Which.
        instance: InstanceId,
    },
    /// Ours: an instance's turn in a schedule has come, or its enrolment is to be looked at.
    LookAtSchedule {
        /// Where.
        region: Region,
        /// Which.
        instance: InstanceId,
        /// Also tell what has become of its coverage.
        coverage: bool,
    },
    /// Ours: a policy cannot be used as it was written, or can be again.
    LookAtPolicy(PolicyAsked),
    /// Ours: a family's time has come.
    FamilyDue(FamilyDue),
    /// Ours: a history item was not published in time.
    AnnounceHistory {
        /// Its partition key.
        pk: String,
        /// Its sort key.
        sk: String,
    },
    /// Ours: the schedule.
    Tick(Tick),
    /// Ours: the daily schedule. The digests of this day are due.
    DayEnded(Day),
    /// Ours: a digest is due.
    DigestDue(DigestKey),
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageKind {
    /// [`Message::InstanceTagged`].
    InstanceTagged,
    /// [`Message::ImageState`].
    ImageState,
    /// [`Message::LookAtInstance`].
    LookAtInstance,
    /// [`Message::LookAtSchedule`].
    LookAtSchedule,
    /// [`Message::LookAtPolicy`].
    LookAtPolicy,
    /// [`Message::FamilyDue`].
    FamilyDue,
    /// [`Message::AnnounceHistory`].
    AnnounceHistory,
    /// [`Message::Tick`].
    Tick,
    /// [`Message::DayEnded`].
    DayEnded,
    /// [`Message::DigestDue`].
    DigestDue,
}

impl MessageKind {
    /// The event's `detail-type`.
    pub fn detail_type(self) -> &'static str {
        match self {
            MessageKind::InstanceTagged => "Tag Change on Resource",
            MessageKind::ImageState => "EC2 AMI State Change",
            MessageKind::LookAtInstance => "LookAtInstance",
            MessageKind::LookAtSchedule => "LookAtSchedule",
            MessageKind::LookAtPolicy => "LookAtPolicy",
            MessageKind::FamilyDue => "FamilyDue",
            MessageKind::AnnounceHistory => "AnnounceHistory",
            MessageKind::Tick => "Tick",
            MessageKind::DayEnded => "DayEnded",
            MessageKind::DigestDue => "DigestDue",
        }
    }
}

impl Message {
    /// What it is about.
    pub fn kind(&self) -> MessageKind {
        match self {
            Message::InstanceTagged(_) => MessageKind::InstanceTagged,
            Message::ImageState(_) => MessageKind::ImageState,
            Message::LookAtInstance { .. } => MessageKind::LookAtInstance,
            Message::LookAtSchedule { .. } => MessageKind::LookAtSchedule,
            Message::LookAtPolicy(_) => MessageKind::LookAtPolicy,
            Message::FamilyDue(_) => MessageKind::FamilyDue,
            Message::AnnounceHistory { .. } => MessageKind::AnnounceHistory,
            Message::Tick(_) => MessageKind::Tick,
            Message::DayEnded(_) => MessageKind::DayEnded,
            Message::DigestDue(_) => MessageKind::DigestDue,
        }
    }
}

/// A policy to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyAsked {
    /// Which.
    pub policy: PolicyName,
    /// The instances that follow it, if the sweep found that it gives them no image.
    pub followers: Followers,
}

/// A family to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyDue {
    /// Which.
    pub family: FamilyId,
    /// Look at everything that is unsettled, though its time has not come.
    pub early: bool,
    /// Also ask EC2 with whom its images are shared.
    pub shares: bool,
}

/// A tick.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tick {
    /// Also wake families that are due only within so many seconds. The schedule sends none; a
    /// person who will not wait may.
    pub due_within_seconds: u32,
    /// Compare every instance's tag with its enrolment, and do nothing else. The hourly schedule
    /// asks for it.
    pub sweep: bool,
    /// With a sweep: ask with whom every image is shared, though it is not every family's turn. The
    /// schedule never does; a person who will not wait may.
    pub all_shares: bool,
}

/// A tag change of an instance (aws-behaviour.md#tag-change-events: `tags` is the full set after
/// the change).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceTagged {
    /// The account that the event names.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// Which.
    pub instance: InstanceId,
    /// When, in whole seconds.
    pub time: Timestamp,
    /// Keys that were added, changed or removed.
    pub changed_keys: Vec<String>,
    /// The tags after the change.
    pub tags: BTreeMap<String, String>,
}

/// A state change of an image (aws-behaviour.md#ami-state-change-events).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStateChange {
    /// The account that the event names.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// Which.
    pub image: ImageId,
    /// The state that it says.
    pub state: ImageState,
}

/// A message that cannot be used, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadEvent {
    /// Too long.
    #[error("the message has {bytes} bytes; at most {BODY_BYTES_MAX} are read")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON, or not of the form that its type has.
    #[error("the message is not of the form expected: {0}")]
    Malformed(String),
    /// A field that does not hold what it should.
    #[error("{field}: {problem}")]
    BadField {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A type that no function handles.
    #[error("no function handles \"{detail_type}\" from \"{source_name}\"")]
    Unknown {
        /// The `source`.
        source_name: String,
        /// The `detail-type`.
        detail_type: String,
    },
}

impl BadEvent {
    /// A message that was read, and is for another function.
    pub fn not_for(function: &str, kind: MessageKind) -> Self {
        BadEvent::BadField {
            field: "detail-type",
            problem: format!("{} is not for {function}", kind.detail_type()),
        }
    }

    /// A short stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            BadEvent::TooLong { .. } => "too-long",
            BadEvent::Malformed(_) => "malformed",
            BadEvent::BadField { .. } => "bad-field",
            BadEvent::Unknown { .. } => "unknown-type",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    detail_type: Cow<'a, str>,
    account: Option<String>,
    region: Option<String>,
    time: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TagDetail {
    #[serde(default)]
    changed_tag_keys: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    service: String,
    resource_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageDetail {
    image_id: String,
    state: String,
}

#[derive(Deserialize)]
struct LookDetail {
    region: String,
    instance: String,
    #[serde(default)]
    coverage: bool,
}

#[derive(Deserialize)]
struct PolicyDetail {
    policy: String,
    #[serde(default)]
    followers: Followers,
}

#[derive(Deserialize)]
struct FamilyDetail {
    family: String,
    #[serde(default)]
    early: bool,
    #[serde(default)]
    shares: bool,
}

#[derive(Deserialize)]
struct TickDetail {
    #[serde(default)]
    due_within_seconds: u32,
    #[serde(default)]
    sweep: bool,
    #[serde(default)]
    all_shares: bool,
}

#[derive(Deserialize)]
struct DayEndedDetail {
    scheduled: String,
}

#[derive(Deserialize)]
struct DigestDetail {
    day: String,
    policy: Option<String>,
}

#[derive(Deserialize)]
struct HistoryDetail {
    pk: String,
    sk: String,
}

/// Decodes a message. Never panics, whatever the bytes.
pub fn decode(body: &str) -> Result<Message, BadEvent> {
    if body.len() > BODY_BYTES_MAX {
        return Err(BadEvent::TooLong { bytes: body.len() });
    }
    let mut envelope: Envelope = serde_json::from_str(body).map_err(|e| malformed(&e))?;
    let read = std::mem::take(&mut envelope.detail);
    match (&*envelope.source, &*envelope.detail_type) {
        ("aws.tag", "Tag Change on Resource") => tagged(&envelope, detail(read)?),
        ("aws.ec2", "EC2 AMI State Change") => image_state(&envelope, detail(read)?),
        (OUR_SOURCE, "LookAtInstance") => {
            let detail: LookDetail = detail(read)?;
            Ok(Message::LookAtInstance {
                region: field("detail.region", Region::new(detail.region))?,
                instance: field("detail.instance", InstanceId::new(detail.instance))?,
            })
        }
        (OUR_SOURCE, "LookAtSchedule") => {
            let detail: LookDetail = detail(read)?;
            Ok(Message::LookAtSchedule {
                region: field("detail.region", Region::new(detail.region))?,
                instance: field("detail.instance", InstanceId::new(detail.instance))?,
                coverage: detail.coverage,
            })
        }
        (OUR_SOURCE, "LookAtPolicy") => {
            let detail: PolicyDetail = detail(read)?;
            let mut followers = detail.followers;
            followers.named.truncate(FOLLOWERS_NAMED_MAX);
            let policy = field("detail.policy", PolicyName::new(detail.policy))?;
            Ok(Message::LookAtPolicy(PolicyAsked { policy, followers }))
        }
        (OUR_SOURCE, "FamilyDue") => {
            let detail: FamilyDetail = detail(read)?;
            let family = field("detail.family", FamilyId::new(detail.family))?;
            // No message of ours asks for both.
            let shares = detail.shares && !detail.early;
            Ok(Message::FamilyDue(FamilyDue { family, early: detail.early, shares }))
        }
        (OUR_SOURCE, "DayEnded") => {
            let detail: DayEndedDetail = detail(read)?;
            // The time that was scheduled, not the time of delivery: a late invocation is about the
            // same day.
            let scheduled = field("detail.scheduled", detail.scheduled.parse::<Timestamp>())?;
            Ok(Message::DayEnded(Day::before(scheduled)))
        }
        (OUR_SOURCE, "DigestDue") => {
            let detail: DigestDetail = detail(read)?;
            let policy = detail.policy.map(PolicyName::new).transpose();
            let (day, policy) =
                (field("detail.day", detail.day.parse::<Day>())?, field("detail.policy", policy)?);
            Ok(Message::DigestDue(DigestKey { policy, day }))
        }
        (OUR_SOURCE, "AnnounceHistory") => {
            let detail: HistoryDetail = detail(read)?;
            Ok(Message::AnnounceHistory { pk: detail.pk, sk: detail.sk })
        }
        (OUR_SOURCE, "Tick") => {
            let TickDetail { due_within_seconds, sweep, all_shares } = detail(read)?;
            Ok(Message::Tick(Tick { due_within_seconds, sweep, all_shares }))
        }
        _ => Err(BadEvent::Unknown {
            source_name: one_line(&envelope.source, 64),
            detail_type: one_line(&envelope.detail_type, 64),
        }),
    }
}

fn tagged(envelope: &Envelope<'_>, tags: TagDetail) -> Result<Message, BadEvent> {
    if (tags.service.as_str(), tags.resource_type.as_str()) != ("ec2", "instance") {
        return Err(BadEvent::Unknown {
            source_name: one_line(&format!("{}/{}", tags.service, tags.resource_type), 64),
            detail_type: "Tag Change on Resource".to_owned(),
        });
    }
    // arn:aws:ec2:REGION:ACCOUNT:instance/ID; the id follows the last slash.
    let arn = envelope.resources.first().map(String::as_str).unwrap_or_default();
    let id = arn.rsplit('/').next().unwrap_or_default();
    Ok(Message::InstanceTagged(InstanceTagged {
        account: field("account", AccountId::new(envelope.account.clone().unwrap_or_default()))?,
        region: field("region", Region::new(envelope.region.clone().unwrap_or_default()))?,
        instance: field("resources", InstanceId::new(id))?,
        time: field("time", envelope.time.as_deref().unwrap_or_default().parse::<Timestamp>())?,
        changed_keys: tags.changed_tag_keys,
        tags: tags.tags,
    }))
}

fn image_state(envelope: &Envelope<'_>, image: ImageDetail) -> Result<Message, BadEvent> {
    let state = match image.state.as_str() {
        "available" => ImageState::Available,
        "failed" => ImageState::Failed,
        "deregistered" => ImageState::Deregistered,
        "disabled" => ImageState::Disabled,
        other => {
            return Err(BadEvent::BadField {
                field: "detail.State",
                problem: format!("\"{}\" is not a state that EC2 announces", one_line(other, 64)),
            });
        }
    };
    Ok(Message::ImageState(ImageStateChange {
        account: field("account", AccountId::new(envelope.account.clone().unwrap_or_default()))?,
        region: field("region", Region::new(envelope.region.clone().unwrap_or_default()))?,
        image: field("detail.ImageId", ImageId::new(image.image_id))?,
        state,
    }))
}

fn detail<T: for<'de> Deserialize<'de>>(read: Value) -> Result<T, BadEvent> {
    T::deserialize(read).map_err(|e| malformed(&e))
}

fn malformed(error: &serde_json::Error) -> BadEvent {
    BadEvent::Malformed(one_line(&error.to_string(), 200))
}

fn field<T, E: std::fmt::Display>(field: &'static str, value: Result<T, E>) -> Result<T, BadEvent> {
    value.map_err(|e| BadEvent::BadField { field, problem: one_line(&e.to_string(), 200) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_send_we_can_read() {
        let region = Region::new("us-east-1").unwrap();
        let instance = InstanceId::new("i-0123456789abcdef0").unwrap();
        assert_eq!(
            decode(&look_at_instance(&region, &instance)),
            Ok(Message::LookAtInstance { region, instance })
        );
        let family = FamilyId::new("fam-0123456789abcdef").unwrap();
        let due = |early, shares| {
            Ok(Message::FamilyDue(FamilyDue { family: family.clone(), early, shares }))
        };
        assert_eq!(decode(&family_due(&family)), due(false, false));
        assert_eq!(decode(&family_due_early(&family)), due(true, false));
        assert_eq!(decode(&look_at_shares(&family)), due(false, true));
        for policy in [None, Some(PolicyName::new("web-tier").unwrap())] {
            let key = DigestKey { policy, day: "2026-11-24".parse().unwrap() };
            assert_eq!(decode(&digest_due(&key)), Ok(Message::DigestDue(key)));
        }
    }

    #[test]
    fn the_day_that_ended_is_the_one_before_the_scheduled_time_however_late_it_comes() {
        let ended = |scheduled: &str| {
            let body = serde_json::json!({"source": "amiline", "detail-type": "DayEnded", "detail": {"scheduled": scheduled}});
            decode(&body.to_string())
        };
        let day: Day = "2026-11-24".parse().unwrap();
        assert_eq!(ended("2026-11-25T00:15:00Z"), Ok(Message::DayEnded(day)));
        assert_eq!(ended("2026-11-25T00:00:00Z"), Ok(Message::DayEnded(day)));
        assert!(matches!(ended("<aws.scheduler.scheduled-time>"), Err(BadEvent::BadField { .. })));
    }

    #[test]
    fn hostile_messages_are_refused_with_a_reason_of_one_line() {
        let long = "x".repeat(BODY_BYTES_MAX + 1);
        let deep = "[".repeat(100_000);
        let bodies = [
            "",
            "null",
            "{}",
            "[1,2]",
            "\u{0}",
            &long,
            &deep,
            r#"{"source":"aws.ec2","detail-type":"EC2 AMI State Change","detail":{"ImageId":"ami-1\n2","State":"available"},"account":"111111111111","region":"us-east-1"}"#,
            r#"{"source":"aws.ec2","detail-type":"EC2 AMI State Change","detail":"{}"}"#,
            r#"{"source":"evil\n{\"level\":\"info\"}","detail-type":"x","detail":{}}"#,
            &format!(
                r#"{{"source":"x","detail-type":"{}","detail":{{}}}}"#,
                "\u{10ffff}".repeat(99)
            ),
        ];
        for body in bodies {
            let error = decode(body).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
            assert!(error.chars().count() < 400, "{error}");
        }
    }
}
