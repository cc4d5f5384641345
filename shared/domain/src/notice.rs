//! What is published of a history item: a subject and a text for people, a document and attributes
//! for programs.

use crate::console::{Command, StackAddress, image_page, instance_page};
use crate::escape::{in_quotes, plain, unmarked};
use crate::family::Outcome;
use crate::history::{EventKind, HistoryItem, ImageSummary, Severity};
use crate::ids::{AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region};
use crate::image::InstanceName;
use crate::lineage::state;
use crate::reason::{Reason, ReasonDocument};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// SNS takes subjects of fewer than 100 printable ASCII characters.
pub(crate) const SUBJECT_MAX: usize = 99;

/// A notification, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// One line for people.
    pub subject: String,
    /// Plain text for people.
    pub text: String,
    /// For programs; its schema is `events/notification.schema.json`.
    pub json: String,
    /// To filter subscriptions by.
    pub attributes: BTreeMap<&'static str, String>,
}

/// Renders a history item. The same item always gives the same notice.
pub fn render(item: &HistoryItem, address: &StackAddress) -> Notice {
    Notice {
        subject: subject(item),
        text: text(item, address),
        json: document(item),
        attributes: attributes(item),
    }
}

/// What subscriptions filter by.
fn attributes(item: &HistoryItem) -> BTreeMap<&'static str, String> {
    let mut attributes = BTreeMap::from([
        ("event", item.event.as_str().to_owned()),
        ("region", item.region.to_string()),
        ("account", item.account.to_string()),
        ("severity", item.event.severity().as_str().to_owned()),
    ]);
    if let Some(outcome) = item.event.outcome() {
        attributes.insert("outcome", outcome.as_str().to_owned());
    }
    if let Some(policy) = &item.policy {
        attributes.insert("policy", policy.to_string());
    }
    attributes
}

/// The subject: the instance's name is cut until what happened fits, and left out where nothing of
/// it is ASCII.
fn subject(item: &HistoryItem) -> String {
    let id = item.instance.as_ref().map(ToString::to_string);
    let bare = headline(item, id.as_deref());
    let name = item.instance_name.as_ref().map(|name| plain(name.as_str(), NAME_MAX));
    let name = name.filter(|name| name.chars().any(|c| c.is_ascii_alphanumeric()));
    let (Some(id), Some(name)) = (id, name) else {
        return plain(&format!("{TITLE}{bare}"), SUBJECT_MAX);
    };
    let around = " ()".len();
    let room = SUBJECT_MAX.saturating_sub(
        [TITLE.len(), bare.len(), around].into_iter().fold(0, usize::saturating_add),
    );
    let name: String = name.chars().take(room.max(NAME_MIN)).collect();
    plain(
        &format!("{TITLE}{}", headline(item, Some(&format!("{} ({id})", name.trim_end())))),
        SUBJECT_MAX,
    )
}

/// What every subject begins with.
const TITLE: &str = "Amiline: ";
/// Characters of an instance's name in a subject.
const NAME_MAX: usize = 40;
/// Characters of it that stay, whatever else is cut.
const NAME_MIN: usize = 8;

/// The instance that it is about, as people and EC2 call it.
pub(crate) fn called(item: &HistoryItem) -> Option<String> {
    item.instance.as_ref().map(|id| instance_called(id, item.instance_name.as_ref()))
}

/// An instance as people and EC2 call it.
pub(crate) fn instance_called(id: &InstanceId, name: Option<&InstanceName>) -> String {
    match name {
        Some(name) => format!("{} ({id})", unmarked(name.as_str())),
        None => id.to_string(),
    }
}

/// What happened, to which instance, in a few words.
pub(crate) fn headline(item: &HistoryItem, instance: Option<&str>) -> String {
    let instance = instance.unwrap_or("no instance");
    let policy = item.policy.as_ref().map_or("no policy", |policy| policy.as_str());
    let image = item.image.as_ref().map_or("no image", |image| image.as_str());
    let region = &item.region;
    match item.event {
        EventKind::ImageRequested => format!("{instance}: image requested"),
        EventKind::ImageCreating => format!("{instance}: creating {image}"),
        EventKind::ImageAvailable => format!("{instance}: {image} is available in {region}"),
        EventKind::ImageFailed => format!("{instance}: image failed in {region}"),
        EventKind::CopyStarted => format!("{instance}: copying to {region}"),
        EventKind::CopyAvailable => format!("{instance}: copy {image} is available in {region}"),
        EventKind::CopyFailed => format!("{instance}: copy to {region} failed"),
        EventKind::ImageShared => format!("{instance}: {image} is shared in {region}"),
        EventKind::ShareFailed => format!("{instance}: {image} could not be shared in {region}"),
        EventKind::ImageDeregistered => {
            format!("{instance}: {image} in {region} was deregistered by somebody")
        }
        EventKind::ImageDisabled => {
            format!("{instance}: {image} in {region} was disabled by somebody")
        }
        EventKind::ImageEnabled => format!("{instance}: {image} in {region} was enabled again"),
        EventKind::ImageMadePublic => {
            format!("{instance}: {image} in {region} was made public by somebody")
        }
        EventKind::SharedByOthers => {
            format!("{instance}: {image} in {region} was shared by somebody")
        }
        EventKind::ShareTakenBack => {
            format!("{instance}: a share of {image} in {region} was taken back by somebody")
        }
        EventKind::SharesInOrder => {
            format!("{instance}: {image} in {region} is shared as its policy says again")
        }
        EventKind::DuplicateFound => {
            format!("{instance}: {image} in {region} claims to be an image of ours")
        }
        EventKind::FamilyComplete => {
            format!("{instance}: {image} is available in {}", regions(item))
        }
        EventKind::FamilyPartial => format!("{instance}: {image} is only partly distributed"),
        EventKind::FamilyFailed => format!("{instance}: no image could be made"),
        EventKind::RequestRejected => format!("{instance}: request rejected"),
        EventKind::FamilyRetried => format!("{instance}: retried"),
        EventKind::SlotsMissed => format!("{instance}: slots of its schedule were missed"),
        EventKind::CoverageLost if item.instance.is_none() => {
            format!("instances that follow {policy} get no image")
        }
        EventKind::CoverageRestored if item.instance.is_none() => {
            format!("instances that follow {policy} get images again")
        }
        EventKind::EnrolmentEnded => {
            format!("{instance}: it no longer follows the schedule of {policy}")
        }
        EventKind::CoverageLost => {
            format!("{instance}: no new enough image of {policy} in {region}")
        }
        EventKind::CoverageRestored => {
            format!("{instance}: its images of {policy} in {region} are in order again")
        }
        EventKind::PolicyRefused => format!("policy {policy} cannot be used as it was written"),
        EventKind::PolicyAccepted => format!("policy {policy} can be used again"),
        EventKind::KillSwitchOn => {
            "the kill switch is on: nothing is changed in EC2 until it is off".to_owned()
        }
        EventKind::KillSwitchOff => "the kill switch is off: images are made again".to_owned(),
    }
}

fn regions(item: &HistoryItem) -> String {
    let regions: BTreeSet<&str> = item.images.iter().map(|image| image.region.as_str()).collect();
    format!("{} Region{}", regions.len(), if regions.len() == 1 { "" } else { "s" })
}

/// The text of a mail: what happened, to what, why, where to look, and what to type next.
fn text(item: &HistoryItem, address: &StackAddress) -> String {
    let mut text = format!("{}\n\n", cut(&headline(item, called(item).as_deref()), 300));
    if let Some(reason) = &item.reason {
        // Whole: the end of a denial says which policy denied. The reason bounds its own words.
        let _ = writeln!(text, "{:<10}{}", "Reason", plain(&reason.text(), usize::MAX));
    }
    let mut line = |label: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{label:<10}{}", cut(value, 600));
    };
    if let Some(instance) = called(item) {
        line("Instance", &instance);
    }
    if let Some(image) = &item.image {
        line("Image", image.as_str());
    }
    line("Region", item.region.as_str());
    line("Account", item.account.as_str());
    match (&item.policy, &item.requested) {
        (Some(policy), _) => line("Policy", policy.as_str()),
        (None, Some(requested)) => line("Requested", &plain(&in_quotes(requested, 256), 300)),
        (None, None) => {}
    }
    if let Some(family) = item.subject.family() {
        line("Family", family.as_str());
    }
    line("Time", &item.at.to_string());
    for image in &item.images {
        let id = image.image.as_ref().map_or("-", |id| id.as_str());
        let shared: Vec<&str> = image.shared_with.iter().map(|target| target.as_str()).collect();
        let shared = if shared.is_empty() {
            String::new()
        } else {
            format!(", shared with {}", shared.join(", "))
        };
        line(
            "Images",
            &plain(
                &format!(
                    "{} {} {} ({}){}",
                    image.region,
                    id,
                    state(image.state),
                    image.role,
                    shared
                ),
                600,
            ),
        );
    }
    for link in links(item) {
        line("Console", &link);
    }
    if let Some(next) = next(item) {
        line("Next", &address.typed(&next));
    }
    text
}

/// Where the AWS console shows the instance and the image.
pub(crate) fn links(item: &HistoryItem) -> Vec<String> {
    let instance = item.instance.as_ref().zip(item.instance_region.as_ref());
    let instance = instance.and_then(|(instance, region)| instance_page(region, instance));
    let image = item.image.as_ref().and_then(|image| image_page(&item.region, image));
    instance.into_iter().chain(image).collect()
}

/// What a person types next, where there is something to do.
pub(crate) fn next(item: &HistoryItem) -> Option<Command<'_>> {
    let why = || Some(Command::Why(item.instance.as_ref()?, item.instance_region.as_ref()?));
    match item.event {
        EventKind::ImageRequested
        | EventKind::ImageCreating
        | EventKind::ImageAvailable
        | EventKind::ImageFailed
        | EventKind::CopyStarted
        | EventKind::CopyAvailable
        | EventKind::CopyFailed
        | EventKind::ImageShared
        | EventKind::ShareFailed
        | EventKind::ImageEnabled
        | EventKind::SharesInOrder
        | EventKind::FamilyComplete
        | EventKind::FamilyRetried
        | EventKind::CoverageRestored
        | EventKind::PolicyAccepted
        | EventKind::KillSwitchOn
        | EventKind::KillSwitchOff => None,
        EventKind::FamilyPartial
        | EventKind::FamilyFailed
        | EventKind::ImageDeregistered
        | EventKind::ImageDisabled
        | EventKind::ShareTakenBack => item.subject.family().map(Command::Retry),
        EventKind::DuplicateFound | EventKind::ImageMadePublic | EventKind::SharedByOthers => {
            item.image.as_ref().map(Command::Lineage)
        }
        EventKind::RequestRejected
        | EventKind::SlotsMissed
        | EventKind::CoverageLost
        | EventKind::EnrolmentEnded => why(),
        EventKind::PolicyRefused => item.policy.as_ref().map(Command::PolicyHistory),
    }
}

/// At most so many characters.
fn cut(text: &str, limit: usize) -> &str {
    let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}

/// The document about a history item, as JSON on one line; its schema is
/// `events/notification.schema.json`.
pub fn document(item: &HistoryItem) -> String {
    let document = Document {
        version: 1,
        event: item.event,
        outcome: item.event.outcome(),
        severity: item.event.severity(),
        outcome_id: &item.outcome_id,
        family: item.subject.family(),
        requested: item.requested.as_deref(),
        policy: item.policy.as_ref(),
        account: &item.account,
        region: &item.region,
        instance: item.instance.as_ref(),
        instance_name: item.instance_name.as_ref(),
        instance_region: item.instance_region.as_ref(),
        image: item.image.as_ref(),
        reason: item.reason.as_ref().map(Reason::document),
        at: item.at,
        images: item.event.outcome().map(|_| item.images.as_slice()),
    };
    // A value made of texts and numbers always serialises.
    serde_json::to_string(&document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    event: EventKind,
    outcome: Option<Outcome>,
    severity: Severity,
    outcome_id: &'a str,
    family: Option<&'a FamilyId>,
    requested: Option<&'a str>,
    policy: Option<&'a PolicyName>,
    account: &'a AccountId,
    region: &'a Region,
    instance: Option<&'a InstanceId>,
    instance_name: Option<&'a InstanceName>,
    instance_region: Option<&'a Region>,
    image: Option<&'a ImageId>,
    reason: Option<ReasonDocument<'a>>,
    at: Timestamp,
    /// Only of the events that end a family.
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<&'a [ImageSummary]>,
}

#[cfg(test)]
pub(crate) mod tests;
