//! A queue subscribed to the notification topic, as a user's would be.

use crate::aws::{Aws, AwsError, list, text};
use crate::{ACCOUNT, HOME_REGION};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One notification as it arrived.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notification {
    /// Its subject, for people.
    pub subject: String,
    /// The attributes that subscribers filter by.
    pub attributes: BTreeMap<String, String>,
    /// The message for programs; a text if it is not JSON.
    pub message: Value,
}

impl Notification {
    fn of_body(body: &str) -> Self {
        // SNS wraps what it sends to SQS in an envelope of its own.
        let envelope: Value = serde_json::from_str(body).unwrap_or_default();
        let message = text(&envelope, "/Message");
        let attributes =
            envelope.get("MessageAttributes").and_then(Value::as_object).into_iter().flatten();
        Self {
            subject: text(&envelope, "/Subject").to_owned(),
            attributes: attributes
                .map(|(name, value)| (name.clone(), text(value, "/Value").to_owned()))
                .collect(),
            message: serde_json::from_str(message)
                .unwrap_or_else(|_| Value::String(message.to_owned())),
        }
    }

    /// What happened, as in `copy-available`.
    pub fn event(&self) -> &str {
        text(&self.message, "/event")
    }

    /// The same for every delivery of the same thing.
    pub fn outcome_id(&self) -> &str {
        text(&self.message, "/outcome_id")
    }

    /// How the family ended, if this says so.
    pub fn outcome(&self) -> Option<&str> {
        self.message.get("outcome").and_then(Value::as_str)
    }
}

/// Makes a queue of this name and subscribes it to the topic; gives its URL.
pub async fn subscribe(aws: &Aws, topic: &str, name: &str) -> Result<String, AwsError> {
    let arn = format!("arn:aws:sqs:{HOME_REGION}:{ACCOUNT}:{name}");
    // Without it SNS may not send, on AWS as here.
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

/// What has arrived since the last time. Does not wait.
pub(super) async fn receive(aws: &Aws, queue_url: &str) -> Result<Vec<Notification>, AwsError> {
    let mut notifications = Vec::new();
    loop {
        let asked = json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0});
        let answer = aws.json("sqs", HOME_REGION, "AmazonSQS.ReceiveMessage", &asked).await?;
        let messages = list(&answer, "/Messages");
        if messages.is_empty() {
            return Ok(notifications);
        }
        for message in messages {
            notifications.push(Notification::of_body(text(message, "/Body")));
            let receipt =
                json!({"QueueUrl": queue_url, "ReceiptHandle": text(message, "/ReceiptHandle")});
            aws.json("sqs", HOME_REGION, "AmazonSQS.DeleteMessage", &receipt).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope() {
        let message = json!({"event": "family-complete", "outcome": "complete"}).to_string();
        let attributes = json!({"event": {"Type": "String", "Value": "family-complete"}});
        let body = json!({"Subject": "s", "Message": message, "MessageAttributes": attributes})
            .to_string();
        let notification = Notification::of_body(&body);
        assert_eq!(
            (notification.event(), notification.outcome()),
            ("family-complete", Some("complete"))
        );
        assert_eq!(notification.attributes.get("event").unwrap(), "family-complete");
        assert_eq!(Notification::of_body("not json").event(), "");
    }
}
