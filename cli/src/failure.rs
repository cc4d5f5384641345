//! Why a command failed, and how it ends then.

use crate::ask::Unasked;
use crate::output::Unwritten;
use crate::policy::PolicyCommandError;
use amiline_app::policies::BoundsError;
use amiline_app::ports::CallError;
use amiline_app::press::PressError;
use amiline_app::retry::RetryError;
use amiline_app::switch::TurnError;
use amiline_app::why::WhyError;
use amiline_aws::ConnectError;
use amiline_domain::ids::SnapshotId;
use std::process::ExitCode;
use thiserror::Error;

/// How every command ends, as `--help` says it.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed, could not read everything, or found what the command warns of
  2    wrong usage
  3    what was asked for does not exist
  141  the reader of the output closed it";

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("nothing is recorded of {subject} in {places}; `amiline families` lists what is")]
    NotFound { subject: String, places: String },
    #[error("no recorded image has the snapshot {0}; its tags name its image, if EC2 shows it")]
    NoSnapshot(SnapshotId),
    #[error(transparent)]
    Unasked(#[from] Unasked),
    #[error(transparent)]
    Retry(#[from] RetryError),
    #[error(transparent)]
    Press(#[from] PressError),
    #[error(transparent)]
    KillSwitch(#[from] TurnError),
    #[error(transparent)]
    Why(WhyError),
    #[error(transparent)]
    Policy(#[from] PolicyCommandError),
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Output(#[from] Unwritten),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<WhyError> for CommandError {
    fn from(error: WhyError) -> Self {
        match error {
            WhyError::Call(call) => CommandError::Call(call),
            WhyError::Unknown { .. } => CommandError::Why(error),
        }
    }
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            CommandError::Policy(error) => error.exit_code(),
            CommandError::Output(error) => error.exit_code(),
            CommandError::NotFound { .. }
            | CommandError::NoSnapshot(_)
            | CommandError::Retry(RetryError::NoSuchFamily(_))
            | CommandError::Press(
                PressError::NoSuchPolicy(_) | PressError::NoSuchInstance { .. },
            ) => ExitCode::from(3),
            CommandError::Unasked(error) => error.exit_code(),
            CommandError::Why(WhyError::Unknown { unread, .. }) if unread.is_empty() => {
                ExitCode::from(3)
            }
            CommandError::Retry(
                RetryError::Nothing(..)
                | RetryError::Busy(_)
                | RetryError::NoTransaction(_)
                | RetryError::Call(_),
            )
            | CommandError::Press(
                PressError::NotWatched { .. } | PressError::Taken { .. } | PressError::Call(_),
            )
            | CommandError::KillSwitch(_)
            | CommandError::Why(_)
            | CommandError::Bounds(_)
            | CommandError::Connect(_)
            | CommandError::Call(_) => ExitCode::FAILURE,
        }
    }

    /// One word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            CommandError::Policy(error) => error.kind(),
            CommandError::Output(_) => "output",
            CommandError::NotFound { .. }
            | CommandError::NoSnapshot(_)
            | CommandError::Retry(RetryError::NoSuchFamily(_))
            | CommandError::Press(
                PressError::NoSuchPolicy(_) | PressError::NoSuchInstance { .. },
            ) => "not-found",
            CommandError::Press(PressError::NotWatched { .. }) => "not-watched",
            CommandError::Press(PressError::Taken { .. }) => "busy",
            CommandError::Unasked(_) => "not-asked",
            CommandError::Why(WhyError::Unknown { unread, .. }) if unread.is_empty() => "not-found",
            CommandError::Why(_) => "call",
            CommandError::Retry(RetryError::Nothing(..)) => "nothing-to-retry",
            CommandError::Retry(RetryError::Busy(_)) => "busy",
            CommandError::KillSwitch(_) => "kill-switch",
            CommandError::Bounds(_) => "stack",
            CommandError::Connect(_) => "configuration",
            CommandError::Press(PressError::Call(_))
            | CommandError::Retry(RetryError::NoTransaction(_) | RetryError::Call(_))
            | CommandError::Call(_) => "call",
        }
    }

    /// The call that failed, where that is all there is to say.
    pub(crate) fn call(&self) -> Option<&CallError> {
        match self {
            CommandError::Call(call)
            | CommandError::Retry(RetryError::Call(call))
            | CommandError::Press(PressError::Call(call))
            | CommandError::Bounds(BoundsError::Call(call))
            | CommandError::Policy(
                PolicyCommandError::Call(call)
                | PolicyCommandError::Bounds(BoundsError::Call(call)),
            ) => Some(call),
            CommandError::NotFound { .. }
            | CommandError::NoSnapshot(_)
            | CommandError::Unasked(_)
            | CommandError::Retry(_)
            | CommandError::Press(_)
            | CommandError::KillSwitch(_)
            | CommandError::Why(_)
            | CommandError::Policy(_)
            | CommandError::Bounds(_)
            | CommandError::Connect(_)
            | CommandError::Output(_) => None,
        }
    }

    /// Whether there is anybody to tell it to.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        match self {
            CommandError::Output(error)
            | CommandError::Policy(PolicyCommandError::Output(error)) => error.is_closed_pipe(),
            CommandError::NotFound { .. }
            | CommandError::NoSnapshot(_)
            | CommandError::Unasked(_)
            | CommandError::Retry(_)
            | CommandError::Press(_)
            | CommandError::KillSwitch(_)
            | CommandError::Why(_)
            | CommandError::Policy(_)
            | CommandError::Bounds(_)
            | CommandError::Connect(_)
            | CommandError::Call(_) => false,
        }
    }
}
