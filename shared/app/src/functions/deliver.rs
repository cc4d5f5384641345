//! One message of a queue, from its text to what it led to.

use super::{Function, Handled};
use crate::error::UseCaseError;
use crate::ports::{Clock, RecordWriter};
use crate::reject::reject;
use amiline_domain::message::{BadEvent, Message};

/// Has a message carried out. One that cannot be read, or that is for another function, is kept as
/// rejected and need not come again; if it cannot be kept, the queue keeps it.
pub async fn deliver<W: Clock + RecordWriter>(
    world: &W,
    function: Function,
    (id, body): (&str, &str),
    decoded: Result<&Message, &BadEvent>,
    carry_out: impl AsyncFnOnce(&Message) -> Result<Handled, UseCaseError>,
) -> Result<Handled, UseCaseError> {
    let name = function.name();
    let for_another;
    let bad = match decoded {
        Ok(message) => {
            let handled = carry_out(message).await?;
            if !matches!(handled, Handled::NotMine) {
                return Ok(handled);
            }
            for_another = BadEvent::not_for(name, message.kind());
            &for_another
        }
        Err(bad) => bad,
    };
    reject(world, name, id, body, bad).await?;
    Ok(Handled::NotMine)
}
