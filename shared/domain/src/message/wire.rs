//! The text of messages: what it says, and the texts of our own, which have the shape of
//! EventBridge's envelopes.

use super::{
    BODY_BYTES_MAX, BadEvent, FamilyDue, ImageStateChange, InstanceTagged, Message, MessageKind,
    PolicyAsked, Tick,
};
use crate::day::Day;
use crate::digest::DigestKey;
use crate::escape::one_line;
use crate::ids::{AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region};
use crate::image::ImageState;
use crate::policy::{FOLLOWERS_NAMED_MAX, Followers};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

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
    let unknown = || BadEvent::Unknown {
        source_name: one_line(&envelope.source, 64),
        detail_type: one_line(&envelope.detail_type, 64),
    };
    match MessageKind::of(&envelope.source, &envelope.detail_type).ok_or_else(unknown)? {
        MessageKind::InstanceTagged => tagged(&envelope, detail(read)?),
        MessageKind::ImageState => image_state(&envelope, detail(read)?),
        MessageKind::LookAtInstance => {
            let detail: LookDetail = detail(read)?;
            Ok(Message::LookAtInstance {
                region: field("detail.region", Region::new(detail.region))?,
                instance: field("detail.instance", InstanceId::new(detail.instance))?,
            })
        }
        MessageKind::LookAtSchedule => {
            let detail: LookDetail = detail(read)?;
            Ok(Message::LookAtSchedule {
                region: field("detail.region", Region::new(detail.region))?,
                instance: field("detail.instance", InstanceId::new(detail.instance))?,
                coverage: detail.coverage,
            })
        }
        MessageKind::LookAtPolicy => {
            let detail: PolicyDetail = detail(read)?;
            let mut followers = detail.followers;
            followers.named.truncate(FOLLOWERS_NAMED_MAX);
            let policy = field("detail.policy", PolicyName::new(detail.policy))?;
            Ok(Message::LookAtPolicy(PolicyAsked { policy, followers }))
        }
        MessageKind::FamilyDue => {
            let detail: FamilyDetail = detail(read)?;
            let family = field("detail.family", FamilyId::new(detail.family))?;
            // No message of ours asks for both.
            let shares = detail.shares && !detail.early;
            Ok(Message::FamilyDue(FamilyDue { family, early: detail.early, shares }))
        }
        MessageKind::DayEnded => {
            let detail: DayEndedDetail = detail(read)?;
            // The time that was scheduled, not the time of delivery: a late invocation is about the
            // same day.
            let scheduled = field("detail.scheduled", detail.scheduled.parse::<Timestamp>())?;
            Ok(Message::DayEnded(Day::before(scheduled)))
        }
        MessageKind::DigestDue => {
            let detail: DigestDetail = detail(read)?;
            let policy = detail.policy.map(PolicyName::new).transpose();
            let (day, policy) =
                (field("detail.day", detail.day.parse::<Day>())?, field("detail.policy", policy)?);
            Ok(Message::DigestDue(DigestKey { policy, day }))
        }
        MessageKind::AnnounceHistory => {
            let detail: HistoryDetail = detail(read)?;
            Ok(Message::AnnounceHistory { pk: detail.pk, sk: detail.sk })
        }
        MessageKind::Tick => {
            let TickDetail { due_within_seconds, sweep, all_shares } = detail(read)?;
            Ok(Message::Tick(Tick { due_within_seconds, sweep, all_shares }))
        }
    }
}

fn tagged(envelope: &Envelope<'_>, tags: TagDetail) -> Result<Message, BadEvent> {
    if (tags.service.as_str(), tags.resource_type.as_str()) != ("ec2", "instance") {
        return Err(BadEvent::Unknown {
            source_name: one_line(&format!("{}/{}", tags.service, tags.resource_type), 64),
            detail_type: MessageKind::InstanceTagged.detail_type().to_owned(),
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

/// Our own message that asks for a look at an instance.
pub fn look_at_instance(region: &Region, instance: &InstanceId) -> String {
    ours(MessageKind::LookAtInstance, &json!({"region": region, "instance": instance}))
}

/// Our own message that asks for a look at an instance's schedules.
pub fn look_at_schedule(region: &Region, instance: &InstanceId) -> String {
    ours(MessageKind::LookAtSchedule, &json!({"region": region, "instance": instance}))
}

/// Our own message that asks for a look at an instance's schedules and at its coverage.
pub fn look_at_coverage(region: &Region, instance: &InstanceId) -> String {
    ours(
        MessageKind::LookAtSchedule,
        &json!({"region": region, "instance": instance, "coverage": true}),
    )
}

/// Our own message that asks for a look at a policy.
pub fn look_at_policy(policy: &PolicyName) -> String {
    ours(MessageKind::LookAtPolicy, &json!({"policy": policy}))
}

/// Our own message that asks for a look at a policy that gives no image to those who follow it.
pub fn look_at_followers(policy: &PolicyName, followers: &Followers) -> String {
    ours(MessageKind::LookAtPolicy, &json!({"policy": policy, "followers": followers}))
}

/// Our own message that a family's time has come.
pub fn family_due(family: &FamilyId) -> String {
    ours(MessageKind::FamilyDue, &json!({"family": family}))
}

/// Our own message that a family is to be looked at before its time.
pub fn family_due_early(family: &FamilyId) -> String {
    ours(MessageKind::FamilyDue, &json!({"family": family, "early": true}))
}

/// Our own message that a family is to be asked with whom its images are shared.
pub fn look_at_shares(family: &FamilyId) -> String {
    ours(MessageKind::FamilyDue, &json!({"family": family, "shares": true}))
}

/// Our own message that a history item waits to be published.
pub fn announce_history(pk: &str, sk: &str) -> String {
    ours(MessageKind::AnnounceHistory, &json!({"pk": pk, "sk": sk}))
}

/// Our own message that a digest is due.
pub fn digest_due(key: &DigestKey) -> String {
    ours(MessageKind::DigestDue, &json!({"day": key.day.to_string(), "policy": key.policy}))
}

fn ours(kind: MessageKind, detail: &Value) -> String {
    json!({"source": kind.source(), "detail-type": kind.detail_type(), "detail": detail})
        .to_string()
}

#[cfg(test)]
mod tests;
