//! The one way out: everything that the command prints goes through here, and no write can panic.

use crate::table::{wrapped, wrapped_lines};
use console::Term;
use serde_json::json;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use thiserror::Error;

/// What a shell reports for a program that SIGPIPE ended: the reader had enough.
const CLOSED_PIPE: u8 = 128 + 13;

/// Standard output took no more.
#[derive(Debug, Error)]
#[error("the output could not be written: {0}; what was printed is incomplete")]
pub(crate) struct Unwritten(#[from] io::Error);

impl Unwritten {
    /// A reader that has gone, as `head` does, wants to hear nothing more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.is_closed_pipe() { ExitCode::from(CLOSED_PIPE) } else { ExitCode::FAILURE }
    }
}

/// Prints a command's result.
pub(crate) fn print(text: &str) -> Result<(), Unwritten> {
    let mut out = io::stdout().lock();
    out.write_all(text.trim_end().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Prints a text for people, in lines that fit the window.
pub(crate) fn say(text: &str) -> Result<(), Unwritten> {
    print(&wrapped_lines(text, width()))
}

/// Prints why a command failed: a line for people, a document for programs.
pub(crate) fn complain(kind: &str, message: &str, json: bool) {
    let said = match json {
        true => format!("{}\n", json!({"error": {"kind": kind, "message": message}})),
        false => format!("{}\n", wrapped(&format!("amiline: {message}"), 0, width())),
    };
    to_stderr(&said);
}

/// A text of several lines as one paragraph.
pub(crate) fn one_paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes to standard error. Nothing can be done where even that cannot be written.
pub(crate) fn to_stderr(text: &str) {
    let mut error = io::stderr().lock();
    let _ = error.write_all(text.as_bytes()).and_then(|()| error.flush());
}

/// How many columns the reader has; none if nobody looks. Whoever sets COLUMNS wants that many.
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: the terminal's settings belong to the command"
)]
pub(crate) fn width() -> Option<usize> {
    let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    wanted.filter(|columns| *columns > 0).or_else(terminal)
}
