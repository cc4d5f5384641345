//! Messages that cannot be used: kept with the reason, so that nothing is lost.

use crate::ports::{CallError, Clock, RecordWriter, RejectedMessage};
use amiline_domain::escape::one_line;
use amiline_domain::message::BadEvent;

/// Characters of a rejected message that are kept.
const EXCERPT_CHARACTERS: usize = 1000;

/// Keeps a message that could not be decoded, and logs why. Delivering it again changes nothing.
pub async fn reject<W: Clock + RecordWriter>(
    world: &W,
    function: &'static str,
    message_id: &str,
    body: &str,
    error: &BadEvent,
) -> Result<(), CallError> {
    let rejected = RejectedMessage {
        message_id: one_line(message_id, 128),
        function,
        code: error.code().to_owned(),
        reason: error.to_string(),
        excerpt: one_line(body, EXCERPT_CHARACTERS),
        at: world.now(),
    };
    tracing::warn!(
        message_id = rejected.message_id,
        outcome = "rejected",
        code = rejected.code,
        reason = rejected.reason,
        "message"
    );
    world.keep_rejected(&rejected).await
}
