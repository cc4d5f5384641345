//! A question before something is done that cannot be undone or that costs.

use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;
use thiserror::Error;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub(crate) enum Unasked {
    #[error("nothing was done: without a terminal to ask on, this needs --yes")]
    NobodyToAsk,
    #[error("the question could not be asked: {0}; nothing was done")]
    Terminal(#[from] io::Error),
}

impl Unasked {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Unasked::NobodyToAsk => ExitCode::from(2),
            Unasked::Terminal(_) => ExitCode::FAILURE,
        }
    }
}

/// Asks on the terminal; anything but yes is no.
pub(crate) fn agreed(question: &str) -> Result<bool, Unasked> {
    let (input, mut error) = (io::stdin(), io::stderr());
    if !input.is_terminal() || !error.is_terminal() {
        return Err(Unasked::NobodyToAsk);
    }
    write!(error, "{question} [y/N] ")?;
    error.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
