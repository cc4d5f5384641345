//! What arrives of news: at queues that are subscribed to the topics, and at the queue of a rule on
//! the bus.

use crate::cloud::{Cloud, SOON, eventually, holds};
use crate::inbox::{Notification, events_of, notification};
use amiline_local::aws::{list, text};
use amiline_local::demo::subscribe;
use amiline_local::{ACCOUNT, HOME_REGION};
use serde_json::{Value, json};
use std::sync::Mutex;

/// A queue that is subscribed to a topic, and what it got so far.
#[derive(Default)]
struct Inbox {
    url: String,
    received: Mutex<Vec<Notification>>,
}

/// Everything that listens, and what it heard so far.
#[derive(Default)]
pub(crate) struct Ears {
    inbox: Inbox,
    attentive: Inbox,
    daily: Inbox,
    bus_url: String,
    on_bus: Mutex<Vec<Value>>,
}

impl Ears {
    /// Subscribes to the topics, and puts a rule on the bus that lets everything in.
    pub(crate) async fn of(cloud: &Cloud) -> Self {
        let deployed = cloud.local.deployed();
        let hear = async |topic: &str, queue: &str| {
            let url = subscribe(&cloud.aws, topic, queue).await.expect("a subscriber");
            Inbox { url, received: Mutex::default() }
        };
        Self {
            inbox: hear(&deployed.notification_topic(), "e2e-inbox").await,
            attentive: hear(&deployed.attention_topic(), "e2e-attentive").await,
            daily: hear(&deployed.digest_topic(), "e2e-daily").await,
            bus_url: cloud.rule_on_bus("e2e-all", &json!({"source": ["amiline"]})).await,
            on_bus: Mutex::default(),
        }
    }
}

fn about(instance: &str, mut told: Vec<Notification>) -> Vec<Notification> {
    told.retain(|one| text(&one.message, "/instance") == instance);
    told
}

impl Cloud {
    /// All that arrived about an instance so far.
    pub(crate) async fn notifications(&self, instance: &str) -> Vec<Notification> {
        about(instance, self.all_notifications().await)
    }

    /// All that arrived so far.
    pub(crate) async fn all_notifications(&self) -> Vec<Notification> {
        self.heard(&self.ears.inbox).await
    }

    /// All that arrived so far about an instance at the topic for what needs a person.
    pub(crate) async fn for_attention(&self, instance: &str) -> Vec<Notification> {
        about(instance, self.heard(&self.ears.attentive).await)
    }

    /// All digests that arrived so far.
    pub(crate) async fn digests(&self) -> Vec<Notification> {
        self.heard(&self.ears.daily).await
    }

    async fn heard(&self, inbox: &Inbox) -> Vec<Notification> {
        let new = self.drain_bodies(&inbox.url).await;
        let mut received = inbox.received.lock().expect("no panic under the lock");
        received.extend(new.iter().map(|body| notification(body)));
        received.clone()
    }

    /// All that arrived from the bus about an instance so far.
    pub(crate) async fn heard_on_bus(&self, instance: &str) -> Vec<Value> {
        let new = self.drain(&self.ears.bus_url).await;
        let mut all = self.ears.on_bus.lock().expect("no panic under the lock");
        all.extend(new);
        all.iter().filter(|event| text(event, "/detail/instance") == instance).cloned().collect()
    }

    /// Puts a rule of somebody's own on the stack's bus; gives the queue that it sends to.
    pub(crate) async fn rule_on_bus(&self, name: &str, pattern: &Value) -> String {
        let events = async |action: &str, asked: Value| {
            let answer =
                self.aws.json("events", HOME_REGION, &format!("AWSEvents.{action}"), &asked).await;
            answer.unwrap_or_else(|error| panic!("{action}: {error}"))
        };
        let queue = self.sqs("CreateQueue", &json!({"QueueName": name})).await;
        // The local one knows buses of rules by their names only.
        let bus = self.local.deployed().bus.rsplit('/').next().unwrap_or_default();
        let rule = json!({"Name": name, "EventBusName": bus, "EventPattern": pattern.to_string()});
        events("PutRule", rule).await;
        let target =
            json!({"Id": "queue", "Arn": format!("arn:aws:sqs:{HOME_REGION}:{ACCOUNT}:{name}")});
        events("PutTargets", json!({"Rule": name, "EventBusName": bus, "Targets": [target]})).await;
        text(&queue, "/QueueUrl").to_owned()
    }

    /// Takes what is in a queue, as JSON.
    pub(crate) async fn drain(&self, url: &str) -> Vec<Value> {
        let bodies = self.drain_bodies(url).await;
        bodies.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect()
    }

    async fn drain_bodies(&self, url: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let asked = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0});
            let answer = self.sqs("ReceiveMessage", &asked).await;
            let messages = list(&answer, "/Messages");
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(text(message, "/Body").to_owned());
                let receipt =
                    json!({"QueueUrl": url, "ReceiptHandle": text(message, "/ReceiptHandle")});
                self.sqs("DeleteMessage", &receipt).await;
            }
        }
    }

    /// Waits until `last` has arrived; then each event, with its Region and in the order of their
    /// names, must have arrived exactly so often as `expected` says, and no notification twice.
    pub(crate) async fn told(
        &self,
        instance: &str,
        expected: &[(&str, &str)],
    ) -> Vec<Notification> {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let found = eventually(SOON, &format!("{instance}: told of {expected:?}"), async || {
            let found = self.notifications(instance).await;
            holds(found.len() >= expected.len(), &events_of(&found)).map(|()| found)
        })
        .await;
        assert_eq!(events_of(&found), expected, "notifications about {instance}");
        let mut ids: Vec<_> =
            found.iter().map(|one| text(&one.message, "/outcome_id").to_owned()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), found.len(), "an outcome_id twice: {found:?}");
        found
    }
}
