//! A queue that is subscribed to the notification topic, and what arrives there.

use crate::cloud::Tags;
use amiline_local::aws::{Aws, AwsError, text};
use amiline_local::{ACCOUNT, DESTINATION_REGIONS, HOME_REGION};
use serde_json::{Value, json};

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
    let mut events: Vec<_> = notifications.iter().map(|one| (one.event(), text(&one.message, "/region"))).collect();
    events.sort_unstable();
    events
}

/// What a press without trouble tells.
pub(crate) fn all_went_well() -> Vec<(&'static str, &'static str)> {
    let mut events =
        vec![("image-creating", HOME_REGION), ("image-available", HOME_REGION), ("family-complete", HOME_REGION)];
    events.extend(DESTINATION_REGIONS.map(|region| ("copy-available", region)));
    events
}

/// Makes the queue and subscribes it; gives its URL.
pub(crate) async fn subscribe(aws: &Aws, topic: &str) -> Result<String, AwsError> {
    let name = "e2e-inbox";
    let arn = format!("arn:aws:sqs:{HOME_REGION}:{ACCOUNT}:{name}");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }]});
    let asked = json!({"QueueName": name, "Attributes": {"Policy": policy.to_string()}});
    let queue = aws.json("sqs", HOME_REGION, "AmazonSQS.CreateQueue", &asked).await?;
    let subscription = [("TopicArn", topic), ("Protocol", "sqs"), ("Endpoint", arn.as_str())];
    aws.query("sns", HOME_REGION, "2010-03-31", "Subscribe", &subscription).await?;
    Ok(text(&queue, "/QueueUrl").to_owned())
}

/// What SNS wrapped into a message.
pub(crate) fn notification(body: &str) -> Notification {
    let envelope: Value = serde_json::from_str(body).expect("SNS sends JSON");
    let attributes = envelope["MessageAttributes"].as_object().expect("attributes");
    Notification {
        subject: text(&envelope, "/Subject").to_owned(),
        attributes: attributes.iter().map(|(name, value)| (name.clone(), text(value, "/Value").to_owned())).collect(),
        message: serde_json::from_str(text(&envelope, "/Message")).expect("a queue gets the message for programs"),
    }
}
