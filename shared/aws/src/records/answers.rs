//! What instances were answered lately.

use super::Item;
use super::layout::{self, number};
use crate::errors::Call;
use crate::world::{Aws, KeepsRecords, WorksOnFamilies};
use amiline_app::ports::{AnswerKeeper, CallError};
use amiline_domain::answers::{Answer, Answers};
use amiline_domain::fault::Fault;
use amiline_domain::plan::StatusStep;
use amiline_domain::tags::Trigger;
use amiline_domain::time::plus_seconds;
use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use serde_dynamo::aws_sdk_dynamodb_1::{from_attribute_value, to_attribute_value};

/// How long answers are kept after the newest, in seconds.
const ANSWERS_SECONDS: i64 = 86_400;
/// What the name of an attribute with an answer begins with.
const ANSWER: &str = "answer ";

impl<S: WorksOnFamilies + KeepsRecords> AnswerKeeper for Aws<S> {
    async fn keep_answer(&self, step: &StatusStep, at: Timestamp) -> Result<Answers, CallError> {
        let call = Call::new("dynamodb:UpdateItem", step.tag.instance.as_str(), self.home());
        let answer = Answer { status: step.tag.value.clone(), at };
        let answer = to_attribute_value(answer)
            .map_err(|e| call.error("NotSent", &e.to_string(), Fault::Reject))?;
        let key = layout::key(&layout::answers_pk(step), layout::ANSWERS_SK);
        let request = self
            .clients
            .dynamodb()
            .update_item()
            .table_name(self.settings.table())
            .set_key(Some(key))
            .update_expression("SET #answer = :answer, expires_at = :expires")
            .expression_attribute_names("#answer", format!("{ANSWER}{}", step.trigger))
            .expression_attribute_values(":answer", answer)
            .expression_attribute_values(
                ":expires",
                number(plus_seconds(at, ANSWERS_SECONDS).as_second()),
            )
            .return_values(ReturnValue::AllNew);
        let answered = request.send().await.map_err(|error| call.failed(error))?;
        answers(answered.attributes.unwrap_or_default()).map_err(|e| call.unreadable(&e))
    }
}

/// The answers of an item.
fn answers(item: Item) -> Result<Answers, String> {
    let mut answers = Answers::new();
    for (name, value) in item {
        let Some(trigger) = name.strip_prefix(ANSWER) else { continue };
        let trigger = Trigger::try_from(trigger.to_owned()).map_err(|e| e.to_string())?;
        answers.insert(trigger, from_attribute_value(value).map_err(|e| e.to_string())?);
    }
    Ok(answers)
}
