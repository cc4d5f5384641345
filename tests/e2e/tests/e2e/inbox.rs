//! A queue that is subscribed to the notification topic, and what arrives there.

use crate::cloud::Tags;
use amiline_local::aws::text;
use amiline_local::{DESTINATION_REGIONS, HOME_REGION};
use serde_json::Value;

/// A notification as it arrived at the subscribed queue.
#[derive(Debug, Clone)]
pub(crate) struct Notification {
    pub(crate) subject: String,
    pub(crate) attributes: Tags,
    pub(crate) message: Value,
}

impl Notification {
    pub(crate) fn event(&self) -> &str {
        text(&self.message, "/event")
    }
}

/// What happened and where, sorted.
pub(crate) fn events_of(notifications: &[Notification]) -> Vec<(&str, &str)> {
    let mut events: Vec<_> =
        notifications.iter().map(|one| (one.event(), text(&one.message, "/region"))).collect();
    events.sort_unstable();
    events
}

/// What a press without trouble tells.
pub(crate) fn all_went_well() -> Vec<(&'static str, &'static str)> {
    let mut events = vec![
        ("image-creating", HOME_REGION),
        ("image-available", HOME_REGION),
        ("family-complete", HOME_REGION),
    ];
    events.extend(DESTINATION_REGIONS.map(|region| ("copy-available", region)));
    events
}

/// What SNS wrapped into a message.
pub(crate) fn notification(body: &str) -> Notification {
    let envelope: Value = serde_json::from_str(body).expect("SNS sends JSON");
    let attributes = envelope["MessageAttributes"].as_object().expect("attributes");
    Notification {
        subject: text(&envelope, "/Subject").to_owned(),
        attributes: attributes
            .iter()
            .map(|(name, value)| (name.clone(), text(value, "/Value").to_owned()))
            .collect(),
        message: serde_json::from_str(text(&envelope, "/Message"))
            .expect("a queue gets the message for programs"),
    }
}
