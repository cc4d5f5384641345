//! The operator's command, as an operator runs it.

use crate::cloud::Cloud;
use amiline_local::HOME_REGION;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

static PROGRAM: OnceLock<String> = OnceLock::new();

/// The command, built as everything else is.
fn program() -> &'static str {
    PROGRAM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // The whole workspace is named so that features are resolved as everywhere else.
        let build = [
            "build",
            "--workspace",
            "--bin",
            "amiline",
            "--message-format=json-render-diagnostics",
        ];
        let built =
            Command::new(cargo).args(build).stdin(Stdio::null()).output().expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let messages = String::from_utf8(built.stdout).unwrap();
        let messages =
            messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        messages
            .filter_map(|message| message["executable"].as_str().map(str::to_owned))
            .next_back()
            .unwrap()
    })
}

/// Runs it without a terminal, against the local AWS.
pub(crate) fn amiline(cloud: &Cloud, arguments: &[&str]) -> Output {
    amiline_in(cloud, Path::new("."), arguments)
}

/// The same, in a directory.
pub(crate) fn amiline_in(cloud: &Cloud, directory: &Path, arguments: &[&str]) -> Output {
    let key = cloud.local.access_key();
    Command::new(program())
        .args(arguments)
        .current_dir(directory)
        .env_remove("COLUMNS")
        .env("AWS_ENDPOINT_URL", cloud.local.endpoint())
        .env("AWS_REGION", HOME_REGION)
        .env("AWS_ACCESS_KEY_ID", key.id)
        .env("AWS_SECRET_ACCESS_KEY", key.secret)
        .stdin(Stdio::null())
        .output()
        .expect("the command runs")
}
