//! From the SDK's errors to ours.

use crate::telemetry::chain;
use amiline_app::ports::CallError;
use amiline_domain::escape::one_line;
use amiline_domain::fault::{Fault, classify, is_throttling};
use amiline_domain::history::REASON_CHARACTERS;
use amiline_domain::ids::Region;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use std::error::Error;

/// The code of a call that was never sent, since there were no credentials to sign it with.
pub const NO_CREDENTIALS: &str = "NoCredentials";
/// The code of a call that was never sent, since the host's name has no address.
pub const NO_HOST: &str = "NoHost";

/// What was called, on what, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) action: &'static str,
    pub(crate) subject: &'a str,
    pub(crate) region: &'a Region,
}

impl<'a> Call<'a> {
    pub(crate) fn new(action: &'static str, subject: &'a str, region: &'a Region) -> Self {
        Self { action, subject, region }
    }

    /// The call failed as the SDK says. EC2 models none of its errors
    /// (aws-behaviour.md#ec2-models-none-of-its-errors), so the code is looked at, never the
    /// variant.
    pub(crate) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> CallError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let (code, fault) = match &error {
            // It never left this process.
            SdkError::ConstructionFailure(_) => ("NotSent".to_owned(), Fault::Later),
            SdkError::TimeoutError(_) => ("Timeout".to_owned(), classify(None, None)),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                ("Timeout".to_owned(), classify(None, None))
            }
            SdkError::DispatchFailure(_) => match unsent(&error) {
                Some(code) => (code.to_owned(), Fault::Later),
                None => ("NoAnswer".to_owned(), classify(None, None)),
            },
            SdkError::ServiceError(service) => {
                let code = service.err().code();
                (code.unwrap_or("Unreadable").to_owned(), classify(code, status))
            }
            SdkError::ResponseError(_) => ("Unreadable".to_owned(), classify(None, status)),
            _ => ("Unreadable".to_owned(), Fault::Unknown),
        };
        let message =
            match (error.as_service_error().and_then(ProvideErrorMetadata::message), status) {
                (Some(message), _) => message.to_owned(),
                (None, Some(status)) => format!("HTTP status {status}: {}", chain(&error)),
                (None, None) => said_by(innermost(&error)),
            };
        let request_id = error.request_id().map(|id| one_line(id, 100).into());
        CallError { request_id, ..self.error(&code, &message, fault) }
    }

    /// The call was answered, but the answer lacks what it has to say.
    pub(crate) fn unreadable(&self, what: &str) -> CallError {
        self.error("Unreadable", what, Fault::Unknown)
    }

    pub(crate) fn error(&self, code: &str, message: &str, fault: Fault) -> CallError {
        CallError {
            action: self.action,
            subject: one_line(self.subject, 200).into(),
            region: self.region.clone(),
            code: one_line(code, 100),
            message: one_line(message, REASON_CHARACTERS).into(),
            request_id: None,
            fault,
        }
    }
}

/// The error and its causes, from the outside in.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Why a call did not leave this machine, if it is certain that it did not.
fn unsent(error: &(dyn Error + 'static)) -> Option<&'static str> {
    causes(error).find_map(|cause| match cause.downcast_ref::<CredentialsError>() {
        Some(_) => Some(NO_CREDENTIALS),
        // The HTTP client has no type for it that is public.
        None => (cause.to_string() == "dns error").then_some(NO_HOST),
    })
}

/// The part of a chain that says something: what is outside only repeats that the call was not
/// answered.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let credentials = causes(error).filter(|cause| cause.is::<CredentialsError>()).last();
    let inner = credentials.map(|credentials| credentials.source().unwrap_or(credentials));
    inner.or_else(|| causes(error).last()).unwrap_or(error)
}

/// The words of an error with its causes. One that a service sent while credentials were fetched
/// has code and message; its own words would be those of a debugger.
fn said_by(error: &(dyn Error + 'static)) -> String {
    let sent = causes(error).find_map(|cause| cause.downcast_ref::<ErrorMetadata>());
    match sent.map(|sent| (sent.code(), sent.message())) {
        Some((Some(code), Some(message))) => format!("{code}: {message}"),
        Some((Some(text), None) | (None, Some(text))) => text.to_owned(),
        // The number of the operating system's error says nothing to a person.
        Some((None, None)) | None => {
            chain(error).split(" (os error ").next().unwrap_or_default().to_owned()
        }
    }
}

/// Whether a call was refused only because there were too many: certainly without an effect.
pub(crate) fn is_throttled(error: &CallError) -> bool {
    error.fault == Fault::Later && is_throttling(&error.code)
}
