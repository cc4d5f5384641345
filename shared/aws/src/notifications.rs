//! Telling people and programs: notices on the topics, events on the bus.

use crate::errors::Call;
use crate::records::HistoryPlace;
use crate::settings::Notify;
use crate::telemetry;
use crate::world::Aws;
use amiline_app::ports::{Announcer, CallError, Clock};
use amiline_domain::bus::{self, BusEvent, SOURCE};
use amiline_domain::console::StackAddress;
use amiline_domain::fault::Fault;
use amiline_domain::history::{EventKind, Subject};
use amiline_domain::notice::Notice;
use amiline_domain::receiver::{Receiver, Topic, Unannounced};
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sns::types::MessageAttributeValue;
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl Announcer for Aws<Notify> {
    fn address(&self) -> StackAddress {
        self.settings.stack.address()
    }

    async fn publish(&self, topic: Topic, notice: &Notice) -> Result<(), CallError> {
        let arn = self.settings.arn(topic);
        let call = Call::new("sns:Publish", arn, self.home());
        let attributes =
            attributes(notice).map_err(|e| call.error("NotSent", &e.to_string(), Fault::Later))?;
        self.clients
            .sns()
            .publish()
            .topic_arn(arn)
            .subject(&notice.subject)
            .message_structure("json")
            .message(message(notice))
            .set_message_attributes(Some(attributes))
            .send()
            .await
            .map_err(|e| call.failed(e))?;
        // What ended without everything it asked for, past its deadline or for any other reason, is
        // somebody's to see to.
        let incomplete = matches!(
            notice.attributes.get("outcome").map(String::as_str),
            Some("partial" | "failed")
        );
        // It is published on two topics and counted once.
        if incomplete && topic == Topic::Notifications {
            telemetry::incomplete_family(self.settings.stack.name.as_str(), self.now());
        }
        let refused = notice
            .attributes
            .get("event")
            .is_some_and(|event| event == EventKind::PolicyRefused.as_str());
        if refused && topic == Topic::Notifications {
            telemetry::refused_policies(self.settings.stack.name.as_str(), 1, self.now());
        }
        Ok(())
    }

    async fn put_on_bus(
        &self,
        events: &[BusEvent],
    ) -> Result<BTreeMap<usize, CallError>, CallError> {
        let bus = &self.settings.bus;
        let call = Call::new("events:PutEvents", bus, self.home());
        let entries = events.iter().map(|event| entry(bus, event)).collect();
        let request = self.clients.eventbridge().put_events().set_entries(Some(entries));
        let answer = request.send().await.map_err(|e| call.failed(e))?;
        // "Each entry in the response array corresponds to an entry in the request array"
        // (PutEvents).
        if answer.entries().len() != events.len() {
            return Err(call.unreadable("the answer does not say what became of each event"));
        }
        let refused = answer.entries().iter().enumerate().filter_map(|(place, entry)| {
            let code = match (entry.event_id(), entry.error_code()) {
                (_, Some(code)) => code,
                (Some(_), None) => return None,
                (None, None) => "Unreadable",
            };
            let message = entry.error_message().unwrap_or("the event was refused");
            Some((place, call.error(code, message, bus::refusal(code))))
        });
        Ok(refused.collect())
    }

    async fn mark_announced(&self, subject: &Subject, seq: u64) -> Result<(), CallError> {
        self.forget_unannounced(&HistoryPlace::of(subject, seq)).await
    }

    async fn note_told(
        &self,
        subject: &Subject,
        seq: u64,
        told: &BTreeSet<Receiver>,
    ) -> Result<(), CallError> {
        self.add_told(&HistoryPlace::of(subject, seq), told).await
    }

    async fn waiting_history(&self, pk: &str, sk: &str) -> Result<Option<Unannounced>, CallError> {
        self.unannounced_history(pk, sk).await
    }
}

impl Notify {
    fn arn(&self, topic: Topic) -> &str {
        match topic {
            Topic::Notifications => &self.topic,
            Topic::Attention => &self.attention_topic,
            Topic::Digest => &self.digest_topic,
            Topic::Chat => &self.chat_topic,
        }
    }
}

fn entry(bus: &str, event: &BusEvent) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(SOURCE)
        .detail_type(event.detail_type)
        .detail(&event.detail)
        .time(DateTime::from_secs(event.at.as_second()))
        .build()
}

/// People get text, programs JSON: `default` is what every protocol gets that is not named, and
/// naming each would repeat the JSON until a large family's notice does not fit SNS's 256 KiB.
fn message(notice: &Notice) -> String {
    serde_json::json!({"default": notice.json, "email": notice.text, "sms": notice.subject})
        .to_string()
}

fn attributes(
    notice: &Notice,
) -> Result<HashMap<String, MessageAttributeValue>, aws_sdk_sns::error::BuildError> {
    notice
        .attributes
        .iter()
        // SNS refuses an attribute without a value.
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let value =
                MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
            Ok(((*name).to_owned(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::{Stub, world};

    fn event(detail: &str) -> BusEvent {
        let at = "2026-11-24T12:03:27Z".parse().unwrap();
        BusEvent { detail_type: "family-complete", detail: detail.to_owned(), at }
    }

    /// What became of two events that were put on a bus which answers so.
    async fn put(answer: &str) -> (Result<BTreeMap<usize, CallError>, CallError>, Vec<String>) {
        let stub = Stub::answering(vec![Some((200, answer.to_owned()))]).await;
        let events = [event("{\"version\":1}"), event("{\"version\":2}")];
        let put = world::<Notify>(&stub.endpoint).put_on_bus(&events).await;
        (put, stub.asked())
    }

    #[tokio::test]
    async fn an_event_goes_to_the_stacks_bus_with_its_type_its_document_and_its_time() {
        let (put, asked) =
            put(r#"{"FailedEntryCount":0,"Entries":[{"EventId":"a"},{"EventId":"b"}]}"#).await;
        assert_eq!(put, Ok(BTreeMap::new()));
        let asked: serde_json::Value = serde_json::from_str(&asked[0]).unwrap();
        let entry = |detail: &str| {
            serde_json::json!({"EventBusName": "x", "Source": "amiline", "DetailType": "family-complete",
                "Detail": detail, "Time": 1_795_521_807})
        };
        assert_eq!(
            asked["Entries"],
            serde_json::json!([entry("{\"version\":1}"), entry("{\"version\":2}")])
        );
    }

    #[tokio::test]
    async fn a_call_that_succeeds_may_have_refused_some_of_its_events() {
        let answer = r#"{"FailedEntryCount":1,"Entries":[{"EventId":"a"},
            {"ErrorCode":"ThrottlingException","ErrorMessage":"Rate exceeded"}]}"#;
        let refused = put(answer).await.0.unwrap();
        let [(1, error)] = refused.iter().collect::<Vec<_>>()[..] else { panic!("{refused:?}") };
        assert_eq!((error.code.as_str(), error.fault), ("ThrottlingException", Fault::Later));
    }

    #[tokio::test]
    async fn an_answer_that_does_not_say_what_became_of_an_event_counts_for_nothing() {
        for answer in [r#"{"FailedEntryCount":0,"Entries":[{"EventId":"a"}]}"#, "{}"] {
            let error = put(answer).await.0.unwrap_err();
            assert_eq!(
                (error.code.as_str(), error.fault),
                ("Unreadable", Fault::Unknown),
                "{answer}"
            );
        }
        let refused =
            put(r#"{"FailedEntryCount":0,"Entries":[{"EventId":"a"},{}]}"#).await.0.unwrap();
        assert_eq!(refused.keys().collect::<Vec<_>>(), [&1]);
    }

    #[test]
    fn people_get_text_and_programs_json() {
        let notice = Notice {
            subject: "Amiline: x".to_owned(),
            text: "text".to_owned(),
            json: "{\"version\":1}".to_owned(),
            attributes: BTreeMap::from([
                ("event", "family-complete".to_owned()),
                ("policy", String::new()),
            ]),
        };
        let message: serde_json::Value = serde_json::from_str(&message(&notice)).unwrap();
        assert_eq!((&message["email"], &message["sms"]), (&"text".into(), &"Amiline: x".into()));
        assert_eq!(message["default"], "{\"version\":1}");
        let attributes = attributes(&notice).unwrap();
        assert_eq!(attributes.len(), 1);
        assert_eq!(attributes["event"].string_value(), Some("family-complete"));
    }
}
