//! Serving Lambda: from a delivery to one use case a message, and back to what Lambda wants to
//! hear.

mod queue;
mod stream;

#[cfg(test)]
mod tests;

pub use queue::{queue_event, serve_queue};
pub use stream::{serve_notify, stream_event};

use crate::settings::{Settings, SettingsError};
use crate::telemetry;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::functions::{Function, Handled};
use amiline_domain::message::{BadEvent, Message, Tick, decode};
use jiff::Timestamp;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::Value;

/// Starts the log and reads the settings, so that unusable ones are in the log, all of them at
/// once.
pub fn begin<S: Settings>() -> Result<S, SettingsError> {
    let settings = S::from_environment();
    telemetry::start(settings.as_ref().map_or("info", |settings| settings.process().log.as_str()));
    if let Err(error) = &settings {
        tracing::error!(error = %error, "the function cannot start");
    }
    settings
}

/// Lambda's context as the use cases need it. A deadline that cannot be read counts as passed, so
/// that nothing is begun that needs time.
pub fn invocation(context: &Context) -> Invocation {
    let deadline =
        i64::try_from(context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Invocation {
        id: context.request_id.clone(),
        deadline: deadline.unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// Serves the schedules: each invocation is one tick, with what it asks for, or asks for a day's
/// digests; a person may also invoke it with nothing, for a tick. Anything else it is invoked with
/// is an error, which Lambda keeps.
pub async fn serve_tick<H>(handle: H) -> Result<(), Error>
where
    H: AsyncFn(&Message) -> Result<Handled, UseCaseError>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let nothing = event.payload.is_null()
            || event.payload.as_object().is_some_and(serde_json::Map::is_empty);
        let message = match decode(&event.payload.to_string()) {
            Ok(message) => message,
            Err(_) if nothing => Message::Tick(Tick::default()),
            Err(error) => return Err(noted(&error)),
        };
        let handled = handle(&message).await.map_err(|error| noted(&error))?;
        if matches!(handled, Handled::NotMine) {
            return Err(noted(&BadEvent::not_for(Function::ScheduleTick.name(), message.kind())));
        }
        Ok(())
    }))
    .await
}

/// Logs an error with its causes, and gives Lambda the same text.
fn noted(error: &dyn std::error::Error) -> Error {
    let text = telemetry::chain(error);
    tracing::error!(error = text, "failed");
    text.into()
}
