//! `cargo demo`: tags an instance of a local AWS and watches its image reach every Region.

use amiline_local::demo::{self, Dropped, Outcome, Script};
use amiline_local::{Options, Progress};
use clap::{Parser, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Starts a local AWS, deploys Amiline to it, tags an instance, and watches until its image is in
/// every Region.
///
/// Ends with 0 if all is as promised, and with 1 and the reasons if not.
#[derive(Debug, Parser)]
#[command(name = "cargo demo")]
struct Arguments {
    /// Prints one JSON object instead of text; progress goes to standard error in any case.
    #[arg(long)]
    json: bool,
    /// Delivers none of these events; the demo then invokes the schedule's tick itself.
    #[arg(long, value_name = "EVENTS")]
    drop_events: Option<Events>,
    /// How long an image stays pending.
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    pending_seconds: f64,
    /// Takes the function binaries from a directory, and does not build them.
    #[arg(long, value_name = "DIR", hide = true)]
    binaries: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Events {
    /// State changes of images.
    Ami,
    /// Changes of tags.
    Tag,
    /// Both.
    All,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(amiline_local::arguments());
    let options =
        Options { binaries: arguments.binaries, progress: Progress::Lines, ..Options::default() };
    let script = Script {
        pending_seconds: arguments.pending_seconds,
        drop_events: arguments.drop_events.map(|events| match events {
            Events::Ami => Dropped::Ami,
            Events::Tag => Dropped::Tag,
            Events::All => Dropped::All,
        }),
        options,
        progress: Progress::Lines,
    };
    let mut out = std::io::stdout();
    let report = match demo::run(&script) {
        Ok(report) => report,
        Err(problem) => {
            if arguments.json {
                let failed =
                    serde_json::json!({"outcome": "failed", "deviations": [problem.to_string()]});
                let _ = writeln!(out, "{failed:#}");
            }
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let text = if arguments.json {
        format!("{:#}\n", report.json())
    } else {
        format!("\n{}", report.text())
    };
    let _ = out.write_all(text.as_bytes());
    if report.outcome() == Outcome::Complete {
        return ExitCode::SUCCESS;
    }
    if arguments.json {
        for deviation in report.deviations() {
            let _ = writeln!(std::io::stderr(), "error: {deviation}");
        }
        let _ = writeln!(std::io::stderr(), "The logs are in {}", report.logs().display());
    }
    ExitCode::FAILURE
}
