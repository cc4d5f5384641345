//! Batches of queue messages: each is done, kept as rejected, or reported as failed and delivered again.

use super::{invocation, not_mine};
use crate::telemetry::chain;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::ports::{Clock, RecordWriter};
use amiline_app::reject::reject;
use amiline_domain::wake::{Wake, decode};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent, service_fn};

/// What a handler made of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was carried out, or there was nothing to do.
    Done,
    /// It is for another function.
    NotMine,
}

/// Serves a queue until Lambda stops the process.
pub async fn serve_queue<W, H>(world: &W, function: &'static str, handle: H) -> Result<(), Error>
where
    W: Clock + RecordWriter,
    H: AsyncFn(Wake, &Invocation) -> Result<Taken, UseCaseError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let invocation = invocation(&event.context);
        Ok::<_, Error>(queue_event(world, function, event.payload, &invocation, handle).await)
    }))
    .await
}

/// One batch. The event source mapping has ReportBatchItemFailures, so only what is listed is delivered
/// again (aws-behaviour.md#batches-are-answered-in-part).
pub async fn queue_event<W, H>(
    world: &W,
    function: &'static str,
    event: SqsEvent,
    invocation: &Invocation,
    handle: &H,
) -> SqsBatchResponse
where
    W: Clock + RecordWriter,
    H: AsyncFn(Wake, &Invocation) -> Result<Taken, UseCaseError>,
{
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if let Err(error) = one(world, function, &message, invocation, handle).await {
            let id = message.message_id.unwrap_or_default();
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

async fn one<W, H>(
    world: &W,
    function: &'static str,
    message: &SqsMessage,
    invocation: &Invocation,
    handle: &H,
) -> Result<(), UseCaseError>
where
    W: Clock + RecordWriter,
    H: AsyncFn(Wake, &Invocation) -> Result<Taken, UseCaseError>,
{
    let id = message.message_id.as_deref().unwrap_or("unknown");
    let body = message.body.as_deref().unwrap_or_default();
    let bad = match decode(body) {
        Ok(wake) => {
            let bad = not_mine(function, &wake);
            match handle(wake, invocation).await? {
                Taken::Done => return Ok(()),
                Taken::NotMine => bad,
            }
        }
        Err(bad) => bad,
    };
    // Kept in the table, it need not come again; if it cannot be kept, the queue keeps it.
    reject(world, function, id, body, &bad).await?;
    Ok(())
}
