//! Publishing notices to the topic.

use crate::errors::Call;
use crate::records::HistoryPlace;
use crate::settings::Notify;
use crate::telemetry;
use crate::world::Aws;
use amiline_app::ports::{Announcer, CallError, Clock};
use amiline_domain::fault::Fault;
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::FamilyId;
use amiline_domain::notice::Notice;
use aws_sdk_sns::types::MessageAttributeValue;
use std::collections::HashMap;

impl Announcer for Aws<Notify> {
    async fn publish(&self, notice: &Notice) -> Result<(), CallError> {
        let call = Call::new("sns:Publish", &self.settings.topic, self.home());
        let attributes = attributes(notice).map_err(|e| call.error("NotSent", &e.to_string(), Fault::Later))?;
        self.clients
            .sns()
            .publish()
            .topic_arn(&self.settings.topic)
            .subject(&notice.subject)
            .message_structure("json")
            .message(message(notice))
            .set_message_attributes(Some(attributes))
            .send()
            .await
            .map_err(|e| call.failed(e))?;
        // What ended without everything it asked for, past its deadline or for any other reason, is somebody's to see to.
        if matches!(notice.attributes.get("outcome").map(String::as_str), Some("partial" | "failed")) {
            telemetry::incomplete_family(self.settings.stack.name.as_str(), self.now());
        }
        Ok(())
    }

    async fn mark_announced(&self, family: &FamilyId, seq: u64) -> Result<(), CallError> {
        self.forget_unannounced(&HistoryPlace::of(family, seq)).await
    }

    async fn waiting_history(&self, pk: &str, sk: &str) -> Result<Option<HistoryItem>, CallError> {
        self.unannounced_history(pk, sk).await
    }
}

/// People get text, programs JSON: `default` is what every protocol gets that is not named, and naming each would
/// repeat the JSON until a large family's notice does not fit SNS's 256 KiB.
fn message(notice: &Notice) -> String {
    serde_json::json!({"default": notice.json, "email": notice.text, "sms": notice.subject}).to_string()
}

fn attributes(notice: &Notice) -> Result<HashMap<String, MessageAttributeValue>, aws_sdk_sns::error::BuildError> {
    notice
        .attributes
        .iter()
        // SNS refuses an attribute without a value.
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
            Ok(((*name).to_owned(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn people_get_text_and_programs_json() {
        let notice = Notice {
            subject: "Amiline: x".to_owned(),
            text: "text".to_owned(),
            json: "{\"version\":1}".to_owned(),
            attributes: BTreeMap::from([("event", "family-complete".to_owned()), ("policy", String::new())]),
        };
        let message: serde_json::Value = serde_json::from_str(&message(&notice)).unwrap();
        assert_eq!((&message["email"], &message["sms"]), (&"text".into(), &"Amiline: x".into()));
        assert_eq!(message["default"], "{\"version\":1}");
        let attributes = attributes(&notice).unwrap();
        assert_eq!(attributes.len(), 1);
        assert_eq!(attributes["event"].string_value(), Some("family-complete"));
    }
}
