//! An error that AWS answered.

use crate::escape::one_line;
use crate::history::REASON_CHARACTERS;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An error of AWS, with its parts apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsError {
    /// The service, as in IAM: `ec2`.
    pub service: String,
    /// The action, as in IAM: `CreateImage`.
    pub action: String,
    /// AWS's code; `Timeout`, `NoAnswer` or `Unreadable` where AWS gave none.
    #[serde(rename = "aws_code")]
    pub code: String,
    /// AWS's message on one line, at most `REASON_CHARACTERS` of it.
    pub message: String,
    /// AWS's id of the request, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl AwsError {
    /// An error of `service:Action`.
    pub fn new(action: &str, code: &str, message: &str, request_id: Option<&str>) -> Self {
        let (service, action) = action.split_once(':').unwrap_or(("", action));
        Self {
            service: service.to_owned(),
            action: action.to_owned(),
            code: one_line(code, 100),
            message: one_line(message, REASON_CHARACTERS),
            request_id: request_id.map(|id| one_line(id, 100)),
        }
    }

    /// With at most so many characters of the message.
    pub fn cut(self, characters: usize) -> Self {
        Self { message: one_line(&self.message, characters), ..self }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, .. } = self;
        match &self.request_id {
            Some(id) => write!(f, "{code} (request {id}): {message}"),
            None => write!(f, "{code}: {message}"),
        }
    }
}
