//! The table's stream and the notify queue: both wake `notify`.

use super::queue::{Taken, queue_event};
use super::{invocation, noted};
use crate::records::history_of_stream;
use crate::telemetry::chain;
use amiline_app::announce::announce;
use amiline_app::family::{Invocation, UseCaseError};
use amiline_app::ports::{Announcer, Clock, RecordWriter};
use amiline_domain::wake::Wake;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::sqs::SqsEvent;
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// Serves `notify`: the stream brings history as it is written, the queue what the stream did not bring in time.
pub async fn serve_notify<W, H>(world: &W, handle: H) -> Result<(), Error>
where
    W: Clock + RecordWriter + Announcer,
    H: AsyncFn(Wake, &Invocation) -> Result<Taken, UseCaseError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let invocation = invocation(&event.context);
        if is_of_queue(&event.payload) {
            let event: SqsEvent = serde_json::from_value(event.payload).map_err(|e| noted(&e))?;
            let response = queue_event(world, "notify", event, &invocation, handle).await;
            return serde_json::to_value(response).map_err(|e| noted(&e));
        }
        let event: Event = serde_json::from_value(event.payload).map_err(|e| noted(&e))?;
        Ok(stream_event(world, event, &invocation).await)
    }))
    .await
}

fn is_of_queue(payload: &Value) -> bool {
    payload.pointer("/Records/0/eventSource") == Some(&json!("aws:sqs"))
}

/// One batch of the stream. It ends at the first record that fails, and Lambda delivers again from there: what comes
/// after it would be published twice otherwise.
pub async fn stream_event<W: Announcer>(world: &W, event: Event, invocation: &Invocation) -> Value {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        let sequence = record.change.sequence_number.clone();
        if let Err(error) = one(world, record).await {
            tracing::error!(record = sequence, request = invocation.id, outcome = "failed", error, "stream");
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    json!(response)
}

async fn one<W: Announcer>(world: &W, record: EventRecord) -> Result<(), String> {
    let keys: &serde_dynamo::Item = &record.change.keys;
    let is_history = matches!(
        keys.get("sk"),
        Some(serde_dynamo::AttributeValue::S(sk)) if sk.starts_with("HISTORY#")
    );
    // The mapping's filter lets nothing else through; this keeps a changed filter harmless.
    if record.event_name != "INSERT" || !is_history {
        return Ok(());
    }
    match history_of_stream(record.change.new_image)? {
        Some(item) => announce(world, &item).await.map(|_| ()).map_err(|e| chain(&e)),
        None => Ok(()),
    }
}
