//! The table's stream and the notify queue: both wake `notify`.

use super::queue::queue_event;
use super::{invocation, noted};
use crate::records::history_of_stream;
use crate::telemetry::chain;
use amiline_app::announce::announce;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::functions::{Function, Handled};
use amiline_app::ports::{Announcer, Clock, RecordWriter};
use amiline_domain::message::Message;
use amiline_domain::receiver::Unannounced;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::sqs::SqsEvent;
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

/// Serves `notify`: the stream brings history as it is written, the queue what the stream did not
/// bring in time.
pub async fn serve_notify<W, H>(world: &W, handle: H) -> Result<(), Error>
where
    W: Clock + RecordWriter + Announcer,
    H: AsyncFn(&Message, &Invocation) -> Result<Handled, UseCaseError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let invocation = invocation(&event.context);
        if is_of_queue(&event.payload) {
            let event: SqsEvent = serde_json::from_value(event.payload).map_err(|e| noted(&e))?;
            let response = queue_event(world, Function::Notify, event, &invocation, handle).await;
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

/// One batch of the stream. It ends at the first record that fails, and Lambda delivers again from
/// there: what comes after it would be published twice otherwise. What only some were told of is no
/// failure: the record says who lacks it.
pub async fn stream_event<W: Announcer + Clock>(
    world: &W,
    event: Event,
    invocation: &Invocation,
) -> Value {
    let mut waiting = Vec::new();
    let mut sequences = Vec::new();
    let mut unreadable = None;
    for record in event.records {
        let sequence = record.change.sequence_number.clone();
        match history_of(record) {
            Ok(Some(item)) => {
                waiting.push(item);
                sequences.push(sequence);
            }
            Ok(None) => {}
            Err(error) => {
                unreadable = Some((sequence, error));
                break;
            }
        }
    }
    let ended = announce(world, &waiting).await;
    let failed = sequences
        .into_iter()
        .zip(ended)
        .find_map(|(sequence, end)| Some((sequence, chain(&end.err()?))));
    let mut response = DynamoDbEventResponse::default();
    if let Some((sequence, error)) = failed.or(unreadable) {
        tracing::error!(
            record = sequence,
            request = invocation.id,
            outcome = "failed",
            error,
            "stream"
        );
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence;
        response.batch_item_failures.push(failure);
    }
    json!(response)
}

/// The history item that a record brings, if it is one that waits to be announced.
fn history_of(record: EventRecord) -> Result<Option<Unannounced>, String> {
    let keys: &serde_dynamo::Item = &record.change.keys;
    let is_history = matches!(
        keys.get("sk"),
        Some(serde_dynamo::AttributeValue::S(sk)) if sk.starts_with("HISTORY#")
    );
    // The mapping's filter lets nothing else through; this keeps a changed filter harmless.
    if record.event_name != "INSERT" || !is_history {
        return Ok(None);
    }
    history_of_stream(record.change.new_image)
}
