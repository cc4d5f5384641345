//! How AWS says no, before the gate makes a [`CallError`] of it.

use amiline_app::ports::CallError;
use amiline_domain::fault::classify;
use amiline_domain::ids::Region;

/// An error answer, or none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    /// `None`: no answer arrived.
    pub(crate) status: Option<u16>,
}

impl Refusal {
    /// An error answer with EC2's usual status 400
    /// (aws-behaviour.md#ec2-models-none-of-its-errors).
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self::with_status(code, message, 400)
    }

    pub(crate) fn with_status(code: &str, message: impl Into<String>, status: u16) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: Some(status) }
    }

    pub(crate) fn no_answer(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), status: None }
    }

    /// The error that the adapter would give, classified by the same table.
    pub(crate) fn into_error(
        self,
        action: &'static str,
        region: &Region,
        subject: &str,
    ) -> CallError {
        let code = self.status.map(|_| self.code.as_str());
        CallError {
            action,
            subject: subject.into(),
            region: region.clone(),
            fault: classify(code, self.status),
            code: self.code,
            message: self.message.into(),
            request_id: None,
        }
    }
}
