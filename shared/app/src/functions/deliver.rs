//! One message of a queue, from its text to what it led to.

use super::{Function, Handled};
use crate::error::UseCaseError;
use crate::ports::{Clock, RecordWriter};
use crate::reject::reject;
use amiline_domain::wake::{BadEvent, Wake};

/// Has a message carried out. One that cannot be read, or that is for another function, is kept as rejected and need not
/// come again; if it cannot be kept, the queue keeps it.
pub async fn deliver<W: Clock + RecordWriter>(
    world: &W,
    function: Function,
    (id, body): (&str, &str),
    decoded: Result<&Wake, &BadEvent>,
    carry_out: impl AsyncFnOnce(&Wake) -> Result<Handled, UseCaseError>,
) -> Result<Handled, UseCaseError> {
    let name = function.name();
    let bad = match decoded {
        Ok(message) => match carry_out(message).await? {
            Handled::NotMine => &BadEvent::not_for(name, message.kind()),
            handled @ (Handled::Tagged(..)
            | Handled::Button(_)
            | Handled::Schedules(_)
            | Handled::Policy(_)
            | Handled::Family(_)
            | Handled::Image(_)
            | Handled::Announced(_)
            | Handled::Digest(_)
            | Handled::Ticked(_)
            | Handled::Swept(_)
            | Handled::DayEnded(_)) => return Ok(handled),
        },
        Err(bad) => bad,
    };
    reject(world, name, id, body, bad).await?;
    Ok(Handled::NotMine)
}
