//! Batches of queue messages: each is done, kept as rejected, or reported as failed and delivered
//! again.

use super::invocation;
use crate::telemetry::chain;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::functions::{Function, Handled, deliver};
use amiline_app::ports::{Clock, RecordWriter};
use amiline_domain::message::{Message, decode};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{Error, LambdaEvent, service_fn};

/// Serves a queue until Lambda stops the process.
pub async fn serve_queue<W, H>(world: &W, function: Function, handle: H) -> Result<(), Error>
where
    W: Clock + RecordWriter,
    H: AsyncFn(&Message, &Invocation) -> Result<Handled, UseCaseError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let invocation = invocation(&event.context);
        Ok::<_, Error>(queue_event(world, function, event.payload, &invocation, handle).await)
    }))
    .await
}

/// One batch. The event source mapping has ReportBatchItemFailures, so only what is listed is
/// delivered again (aws-behaviour.md#batches-are-answered-in-part).
pub async fn queue_event<W, H>(
    world: &W,
    function: Function,
    event: SqsEvent,
    invocation: &Invocation,
    handle: &H,
) -> SqsBatchResponse
where
    W: Clock + RecordWriter,
    H: AsyncFn(&Message, &Invocation) -> Result<Handled, UseCaseError>,
{
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let (id, body) = (message.message_id.unwrap_or_default(), message.body.unwrap_or_default());
        let carry_out = async |message: &Message| handle(message, invocation).await;
        if let Err(error) =
            deliver(world, function, (&id, &body), decode(&body).as_ref(), carry_out).await
        {
            tracing::error!(
                message_id = id,
                request = invocation.id,
                outcome = "failed",
                error = chain(&error),
                "message"
            );
            response.add_failure(id);
        }
    }
    response
}
