//! Serving Lambda: from a delivery to one use case a message, and back to what Lambda wants to hear.

mod queue;
mod stream;

#[cfg(test)]
mod tests;

pub use queue::{Taken, queue_event, serve_queue};
pub use stream::{serve_notify, stream_event};

use crate::settings::{Settings, SettingsError};
use crate::telemetry;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_domain::day::Day;
use amiline_domain::wake::{BadEvent, Tick, Wake, decode};
use jiff::Timestamp;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::Value;

/// Starts the log and reads the settings, so that unusable ones are in the log, all of them at once.
pub fn begin<S: Settings>() -> Result<S, SettingsError> {
    let settings = S::from_environment();
    telemetry::start(settings.as_ref().map_or("info", |settings| settings.process().log.as_str()));
    if let Err(error) = &settings {
        tracing::error!(error = %error, "the function cannot start");
    }
    settings
}

/// Lambda's context as the use cases need it. A deadline that cannot be read counts as passed, so that nothing is
/// begun that needs time.
pub fn invocation(context: &Context) -> Invocation {
    let deadline = i64::try_from(context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Invocation { id: context.request_id.clone(), deadline: deadline.unwrap_or(Timestamp::UNIX_EPOCH) }
}

/// What a schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduled {
    /// A tick.
    Tick(Tick),
    /// The digests of a day that is over.
    Digests(Day),
}

/// Serves the schedules: each invocation is one tick, with what it asks for, or asks for a day's digests; a person may
/// also invoke it with nothing, for a tick. Anything else it is invoked with is an error, which Lambda keeps.
pub async fn serve_tick<H>(handle: H) -> Result<(), Error>
where
    H: AsyncFn(Scheduled) -> Result<(), UseCaseError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let nothing = event.payload.is_null() || event.payload.as_object().is_some_and(serde_json::Map::is_empty);
        let scheduled = match decode(&event.payload.to_string()) {
            Ok(Wake::Tick(tick)) => Scheduled::Tick(tick),
            Ok(Wake::DayEnded(day)) => Scheduled::Digests(day),
            Ok(other) => return Err(noted(&not_mine("schedule-tick", &other))),
            Err(_) if nothing => Scheduled::Tick(Tick::default()),
            Err(error) => return Err(noted(&error)),
        };
        handle(scheduled).await.map_err(|error| noted(&error))
    }))
    .await
}

/// A message that was decoded but is for another function.
fn not_mine(function: &str, wake: &Wake) -> BadEvent {
    let kind = match wake {
        Wake::InstanceTagged(_) => "a tag change",
        Wake::ImageState(_) => "an image's state",
        Wake::LookAtInstance { .. } => "LookAtInstance",
        Wake::LookAtSchedule { .. } => "LookAtSchedule",
        Wake::LookAtPolicy(_) => "LookAtPolicy",
        Wake::FamilyDue(_) => "FamilyDue",
        Wake::AnnounceHistory { .. } => "AnnounceHistory",
        Wake::Tick(_) => "Tick",
        Wake::DayEnded(_) => "DayEnded",
        Wake::DigestDue(_) => "DigestDue",
    };
    BadEvent::BadField { field: "detail-type", problem: format!("{kind} is not for {function}") }
}

/// Logs an error with its causes, and gives Lambda the same text.
fn noted(error: &dyn std::error::Error) -> Error {
    let text = telemetry::chain(error);
    tracing::error!(error = text, "failed");
    text.into()
}
