//! Messages to the functions' queues.

use crate::errors::Call;
use crate::time::pause;
use crate::world::{Aws, HasQueues, QueueAt};
use amiline_app::functions::Queue;
use amiline_app::ports::{CallError, Messenger};
use amiline_domain::fault::{Fault, classify};
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use std::time::Duration;

/// SQS takes this many messages in one call (aws-behaviour.md#batches-of-messages).
const BATCH_MAX: usize = 10;
/// How often the refused part of a batch is sent.
const TRIES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_millis(400);

impl<S: HasQueues> Messenger for Aws<S> {
    async fn send(&self, queue: Queue, bodies: &[String]) -> Result<(), CallError> {
        if bodies.is_empty() {
            return Ok(());
        }
        let url = self.queue_url(queue, self.settings.queue(queue)).await?;
        for batch in bodies.chunks(BATCH_MAX) {
            self.send_batch(&url, batch).await?;
        }
        Ok(())
    }
}

impl<S> Aws<S> {
    async fn queue_url(&self, queue: Queue, at: Option<QueueAt>) -> Result<String, CallError> {
        match at {
            Some(QueueAt::Url(url)) => Ok(url),
            Some(QueueAt::Name(name)) => {
                let call = Call::new("sqs:GetQueueUrl", &name, self.home());
                let answer = self.clients.sqs().get_queue_url().queue_name(&name).send().await;
                let url = answer.map_err(|e| call.failed(e))?.queue_url;
                url.ok_or_else(|| call.unreadable("the answer has no queue URL"))
            }
            None => {
                let subject = format!("{queue:?}");
                let message = "this function has no such queue";
                Err(Call::new("sqs:SendMessage", &subject, self.home()).error(
                    "NoQueue",
                    message,
                    Fault::Later,
                ))
            }
        }
    }

    async fn send_batch(&self, url: &str, batch: &[String]) -> Result<(), CallError> {
        let call = Call::new("sqs:SendMessage", url, self.home());
        let mut left: Vec<(String, &String)> =
            batch.iter().enumerate().map(|(index, body)| (index.to_string(), body)).collect();
        let mut tries = 1;
        loop {
            let entries = left
                .iter()
                .map(|(id, body)| {
                    SendMessageBatchRequestEntry::builder().id(id).message_body(*body).build()
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| call.error("NotSent", &e.to_string(), Fault::Later))?;
            let request =
                self.clients.sqs().send_message_batch().queue_url(url).set_entries(Some(entries));
            let answer = request.send().await.map_err(|e| call.failed(e))?;
            let failed = answer.failed();
            let Some(first) = failed.first() else { return Ok(()) };
            if tries >= TRIES_MAX || failed.iter().any(BatchResultErrorEntry::sender_fault) {
                let status = if first.sender_fault() { 400 } else { 500 };
                let fault = classify(Some(first.code()), Some(status));
                return Err(call.error(
                    first.code(),
                    first.message().unwrap_or("a message was refused"),
                    fault,
                ));
            }
            left.retain(|(id, _)| failed.iter().any(|entry| entry.id() == id));
            pause(PAUSE * tries).await;
            tries += 1;
        }
    }
}
