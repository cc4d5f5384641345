//! What has to be made before the local AWS can start: Python environments, function binaries,
//! packages.

mod build;
mod lock;
mod package;
mod venv;

pub(crate) use build::{build, from_directory};
pub(crate) use lock::Lock;
pub(crate) use package::{Package, package};
pub(crate) use venv::{Environment, ensure};

use crate::error::LocalError;
use crate::places::tail;
use std::process::{Command, Output, Stdio};

/// Runs a program to its end, its output kept back for the case that it fails.
pub(crate) fn run(
    command: &mut Command,
    what: &str,
    advice: &'static str,
) -> Result<Output, LocalError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|source| LocalError::Program {
        program,
        source,
        advice,
    })?;
    if output.status.success() {
        return Ok(output);
    }
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Err(LocalError::Failed {
        what: what.to_owned(),
        status: output.status.to_string(),
        advice,
        output: tail(&text),
    })
}
