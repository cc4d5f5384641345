//! The function binaries.

use crate::error::LocalError;
use crate::places::Places;
use crate::progress::Progress;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ADVICE: &str = "Building the functions needs what building this program needed, and about 8 GB of memory for the \
    AWS SDK the first time.";

/// Builds these binaries; gives each one's path.
///
/// The whole workspace is named, though only these binaries are built: Cargo then gives shared
/// dependencies the same features as in `cargo build --workspace` and `cargo test --workspace`, and
/// the AWS SDK is compiled once, not twice.
pub(crate) fn build(
    places: &Places,
    names: &[String],
    progress: Progress,
) -> Result<BTreeMap<String, PathBuf>, LocalError> {
    let step = progress.quick("Building the functions");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(places.workspace()).stdin(Stdio::null());
    command.args(["build", "--workspace", "--message-format=json-render-diagnostics"]);
    for name in names {
        command.args(["--bin", name]);
    }
    if progress.shows_children() {
        // Cargo's own progress: the first build takes minutes.
        command.stderr(Stdio::inherit());
    }
    let output = super::run(&mut command, "building the functions", ADVICE)?;
    let mut found = BTreeMap::new();
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<Value>(line) else { continue };
        let name = message.pointer("/target/name").and_then(Value::as_str);
        let path = message.get("executable").and_then(Value::as_str);
        if let (Some(name), Some(path)) = (name, path) {
            found.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    step.done();
    complete(names, found)
}

/// Binaries that are there already, by name in a directory.
pub(crate) fn from_directory(
    directory: &Path,
    names: &[String],
) -> Result<BTreeMap<String, PathBuf>, LocalError> {
    let paths = names.iter().map(|name| (name.clone(), directory.join(name)));
    complete(names, paths.filter(|(_, path)| path.is_file()).collect())
}

fn complete(
    names: &[String],
    found: BTreeMap<String, PathBuf>,
) -> Result<BTreeMap<String, PathBuf>, LocalError> {
    match names.iter().find(|name| !found.contains_key(*name)) {
        Some(name) => Err(LocalError::NoBinary { name: name.clone() }),
        None => Ok(found),
    }
}
