//! What is published of a history item: a subject and a text for people, a document and attributes for programs.

use crate::escape::plain;
use crate::history::{EventKind, HistoryItem};
use crate::lineage::state;
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
pub fn render(item: &HistoryItem) -> Notice {
    let headline = headline(item);
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
    Notice {
        subject: plain(&format!("Amiline: {headline}"), SUBJECT_MAX),
        text: text(item, &headline),
        json: document(item),
        attributes,
    }
}

fn headline(item: &HistoryItem) -> String {
    let instance = item.instance.as_ref().map_or("no instance", |instance| instance.as_str());
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
        EventKind::ImageDeregistered => format!("{image} in {region} was deregistered by somebody"),
        EventKind::ImageDisabled => format!("{image} in {region} was disabled by somebody"),
        EventKind::ImageEnabled => format!("{image} in {region} was enabled again"),
        EventKind::TwinFound => format!("{image} in {region} claims to be an image of ours"),
        EventKind::FamilyComplete => format!("{instance}: {image} is available in {}", regions(item)),
        EventKind::FamilyPartial => format!("{instance}: {image} is only partly distributed"),
        EventKind::FamilyFailed => format!("{instance}: no image could be made"),
        EventKind::RequestRejected => format!("{instance}: request rejected"),
        EventKind::FamilyRetried => format!("{instance}: retried"),
        EventKind::SlotsMissed => format!("{instance}: slots of its schedule were missed"),
        EventKind::CoverageLost => format!("{instance}: no new enough image of {policy} in {region}"),
        EventKind::CoverageRestored => format!("{instance}: its images of {policy} in {region} are in order again"),
        EventKind::PolicyRefused => format!("policy {policy} cannot be used as it was written"),
        EventKind::PolicyAccepted => format!("policy {policy} can be used again"),
    }
}

fn regions(item: &HistoryItem) -> String {
    let regions: BTreeSet<&str> = item.images.iter().map(|image| image.region.as_str()).collect();
    format!("{} Region{}", regions.len(), if regions.len() == 1 { "" } else { "s" })
}

fn text(item: &HistoryItem, headline: &str) -> String {
    let mut text = format!("{}\n\n", plain(headline, 300));
    let mut line = |label: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{label:<10}{}", plain(value, 600));
    };
    if let Some(reason) = &item.reason {
        line("Reason", reason);
    }
    if let Some(instance) = &item.instance {
        line("Instance", instance.as_str());
    }
    if let Some(image) = &item.image {
        line("Image", image.as_str());
    }
    line("Region", item.region.as_str());
    line("Account", item.account.as_str());
    if let Some(policy) = &item.policy {
        line("Policy", policy.as_str());
    }
    if let Some(family) = item.subject.family() {
        line("Family", family.as_str());
    }
    line("Time", &item.at.to_string());
    for image in &item.images {
        let id = image.image.as_ref().map_or("-", |id| id.as_str());
        let shared: Vec<&str> = image.shared_with.iter().map(|target| target.as_str()).collect();
        let shared = if shared.is_empty() { String::new() } else { format!(", shared with {}", shared.join(", ")) };
        line("Images", &format!("{} {} {} ({}){}", image.region, id, state(image.state), image.role, shared));
    }
    text
}

/// The document about a history item, as JSON on one line; its schema is `events/notification.schema.json`.
pub fn document(item: &HistoryItem) -> String {
    let images = item.event.outcome().map(|_| &item.images);
    let mut body = serde_json::json!({
        "version": 1,
        "event": item.event,
        "outcome": item.event.outcome(),
        "severity": item.event.severity(),
        "outcome_id": item.outcome_id,
        "family": item.subject.family(),
        "requested": item.requested,
        "policy": item.policy,
        "account": item.account,
        "region": item.region,
        "instance": item.instance,
        "instance_name": item.instance_name,
        "image": item.image,
        "reason": item.reason,
        "at": item.at,
    });
    if let (Some(images), Some(fields)) = (images, body.as_object_mut()) {
        fields.insert("images".to_owned(), serde_json::json!(images));
    }
    body.to_string()
}
