//! `notify`: tells topics and the bus what the record says, and nothing else. The table's stream
//! brings most of it; the queue brings what the stream did not bring in time.

use super::{Handled, Queue, QueueOf, Registered, variables as names};
use crate::announce::announce_waiting;
use crate::digest::publish_digest;
use crate::error::UseCaseError;
use crate::world::Notify;
use amiline_domain::message::{Message, MessageKind};

pub(super) static REGISTERED: Registered = Registered {
    name: "notify",
    takes: &[MessageKind::AnnounceHistory, MessageKind::DigestDue],
    queue: Some(QueueOf { queue: Queue::Notify, visibility_seconds: 180 }),
    timeout_seconds: 30,
    variables: &[
        names::ACCOUNT,
        names::ATTENTION_TOPIC,
        names::BUS,
        names::CHAT_TOPIC,
        names::DIGEST_TOPIC,
        names::LOG,
        names::STACK,
        names::TABLE,
        names::TAG_PREFIX,
        names::TOPIC,
    ],
};

/// Carries one message of the queue out.
pub async fn notify<W: Notify>(world: &W, message: &Message) -> Result<Handled, UseCaseError> {
    if let Message::AnnounceHistory { pk, sk } = message {
        return Ok(Handled::Announced(Box::pin(announce_waiting(world, pk, sk)).await?));
    }
    if let Message::DigestDue(key) = message {
        return Ok(Handled::Digest(Box::pin(publish_digest(world, key)).await?));
    }
    Ok(Handled::NotMine)
}
