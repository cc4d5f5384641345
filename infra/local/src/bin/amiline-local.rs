//! `cargo local`: a local AWS with Amiline deployed, to play with.
#![allow(
    clippy::disallowed_methods,
    reason = "a program of its own: it waits for Ctrl-C and writes files"
)]

use amiline_local::{LocalAws, LocalError, Options, Progress, show};
use clap::Parser;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::sync::broadcast::error::RecvError;

/// Runs AWS on this machine, deploys Amiline to it, and says what happens until Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "cargo local")]
struct Arguments {
    /// The endpoint's port.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// How long a new image stays pending.
    #[arg(long, value_name = "N", default_value_t = 3.0)]
    pending_seconds: f64,
    /// Writes what was deployed, and how to reach it, as one JSON object, once everything is up.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Takes the function binaries from a directory, and does not build them.
    #[arg(long, value_name = "DIR", hide = true)]
    binaries: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse_from(amiline_local::arguments())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), LocalError> {
    let local = LocalAws::start(Options {
        port: Some(arguments.port),
        pending_seconds: arguments.pending_seconds,
        binaries: arguments.binaries,
        progress: Progress::Lines,
        ..Options::default()
    })?;
    let mut happenings = local.listen();
    let mut out = std::io::stdout();
    let _ = out.write_all(introduction(&local).as_bytes());
    if let Some(path) = arguments.state {
        // Written whole or not at all: whoever waits for the file may read it at once.
        let part = path.with_extension("part");
        let written = std::fs::write(&part, format!("{:#}\n", local.state()));
        written
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|source| LocalError::File { action: "write", path, source })?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| LocalError::Thread { what: "an async runtime", source })?;
    runtime.block_on(async {
        loop {
            tokio::select! {
                () = asked_to_end() => return,
                happening = happenings.recv() => match happening {
                    Ok(happening) => if let Some(line) = show::line(&happening) {
                        let _ = writeln!(out, "{line}");
                    },
                    Err(RecvError::Lagged(lost)) => {
                        let _ = writeln!(out, "... {lost} more, see {}", local.call_log().display());
                    }
                    Err(RecvError::Closed) => return,
                },
            }
        }
    });
    local.stop();
    Ok(())
}

/// Ctrl-C, or SIGTERM from a program that started this one.
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

fn introduction(local: &LocalAws) -> String {
    let deployed = local.deployed();
    let (endpoint, home, key) = (local.endpoint(), local.home_region(), local.access_key());
    let topics: Vec<&str> = deployed.topics.values().map(String::as_str).collect();
    let queues: Vec<&str> =
        deployed.queues.values().filter_map(|queue| queue.url.as_deref()).collect();
    let with = format!("--endpoint-url {endpoint} --region {home}");
    format!(
        "
A local AWS with Amiline deployed. Ctrl-C ends it; nothing is kept.

  Endpoint  {endpoint}
  Regions   {home} (home), {}
  Table     {}
  Topics    {}
  Bus       {}
  Queues    {}
  Logs      {}

Press the button of an instance, with the AWS CLI:

  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}
  ID=$(aws ec2 run-instances {with} --image-id ami-12c6146b --query 'Instances[0].InstanceId' --output text)
  aws ec2 create-tags {with} --resources \"$ID\" --tags Key=amiline:image,Value=default
  aws ec2 describe-images {with} --owners self --query 'Images[].[ImageId,State,Name]' --output table

What happens:
",
        local.destination_regions().join(", "),
        deployed.table,
        topics.join("\n            "),
        deployed.bus,
        queues.join("\n            "),
        local.run_directory().display(),
        key.id,
        key.secret,
    )
}
