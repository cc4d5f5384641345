//! Publishing notices to the topic.

use crate::errors::Call;
use crate::records::HistoryPlace;
use crate::settings::Notify;
use crate::world::Aws;
use amiline_app::ports::{Announcer, CallError};
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
        Ok(())
    }

    async fn mark_announced(&self, family: &FamilyId, seq: u64) -> Result<(), CallError> {
        self.forget_unannounced(&HistoryPlace::of(family, seq)).await
    }

    async fn waiting_history(&self, pk: &str, sk: &str) -> Result<Option<HistoryItem>, CallError> {
        self.unannounced_history(pk, sk).await
    }
}

/// People get text, programs JSON. SNS insists on `default`.
fn message(notice: &Notice) -> String {
    let (text, json) = (&notice.text, &notice.json);
    serde_json::json!({
        "default": text, "email": text, "sqs": json, "lambda": json, "http": json, "https": json, "firehose": json,
    })
    .to_string()
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
        for people in ["default", "email"] {
            assert_eq!(message[people], "text");
        }
        for programs in ["sqs", "lambda", "http", "https", "firehose"] {
            assert_eq!(message[programs], "{\"version\":1}");
        }
        let attributes = attributes(&notice).unwrap();
        assert_eq!(attributes.len(), 1);
        assert_eq!(attributes["event"].string_value(), Some("family-complete"));
    }
}
