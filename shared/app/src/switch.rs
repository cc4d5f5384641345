//! Turning the kill switch, and looking at it.

use crate::engine::{Attempt, until_written};
use crate::error::UseCaseError;
use crate::family::commit_announced;
use crate::ports::{CallError, Clock, RecordWriter, SwitchKeeper};
use amiline_domain::escape::one_line;
use amiline_domain::ids::{Region, StackName};
use amiline_domain::record::{Expected, Write};
use amiline_domain::switch::{Position, Switch, Turned};
use thiserror::Error;

/// Characters of a reason that are kept.
const REASON_CHARACTERS: usize = 300;

/// Why the switch was not turned, or not announced.
#[derive(Debug, Error)]
pub enum TurnError {
    /// The parameter could not be written.
    #[error("the kill switch was not turned: {0}")]
    NotTurned(CallError),
    /// It is turned, but the record of it could not be written.
    #[error("the kill switch is {}, but nobody is told of it: {error}; run the same command again to announce it", to.as_str())]
    NotAnnounced {
        /// Where it stands now.
        to: Position,
        /// What failed.
        error: UseCaseError,
    },
}

/// Turns the switch, and then records who did it and why. The switch comes first: it works even
/// where the record or the caller's name cannot be had.
pub async fn turn<W>(
    world: &W,
    (stack, home): (&StackName, &Region),
    to: Position,
    reason: Option<&str>,
) -> Result<Turned, TurnError>
where
    W: SwitchKeeper + RecordWriter + Clock,
{
    world.put_switch(to).await.map_err(TurnError::NotTurned)?;
    announce(world, (stack, home), to, reason)
        .await
        .map_err(|error| TurnError::NotAnnounced { to, error })
}

async fn announce<W>(
    world: &W,
    (stack, home): (&StackName, &Region),
    to: Position,
    reason: Option<&str>,
) -> Result<Turned, UseCaseError>
where
    W: SwitchKeeper + RecordWriter + Clock,
{
    let caller = world.caller().await?;
    let reason = reason
        .map(|reason| one_line(reason, REASON_CHARACTERS))
        .filter(|reason| !reason.is_empty());
    let turned = Turned { to, by: caller.arn, reason, at: world.now() };
    until_written(
        world,
        0,
        || format!("the record of stack {stack}'s kill switch"),
        async || {
            let record = world.switch_record(stack).await?;
            let place = (stack.clone(), caller.account.clone(), home.clone());
            let (switch, item) = record.turn(place, turned.clone());
            let write =
                Write::KillSwitch(stack.clone(), Expected::read_at(record.rev), Box::new(switch));
            Ok::<_, UseCaseError>(Attempt::of(
                commit_announced(world, write, vec![item]).await?,
                turned.clone(),
            ))
        },
    )
    .await
}

/// How the switch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The parameter's value; none if there is no parameter.
    pub value: Option<String>,
    /// What is recorded of it.
    pub record: Switch,
}

impl Standing {
    /// Where it stands.
    pub fn position(&self) -> Position {
        Position::of(self.value.as_deref())
    }

    /// The last turn, if that is what brought it to where it stands.
    pub fn turned(&self) -> Option<&Turned> {
        self.record.last.as_ref().filter(|last| last.to == self.position())
    }
}

/// Looks at the switch and at its record.
pub async fn standing<W: SwitchKeeper>(
    world: &W,
    stack: &StackName,
) -> Result<Standing, CallError> {
    Ok(Standing { value: world.switch_value().await?, record: world.switch_record(stack).await? })
}
