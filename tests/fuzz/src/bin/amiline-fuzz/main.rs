//! `amiline-fuzz`: looks for inputs that break a law, for as long as it is told to.

mod args;
mod report;
mod search;
mod watch;

use amiline_fuzz::{Target, attempt, targets};
use args::Args;
use clap::Parser;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Exit codes: 0 nothing found, 1 found something or failed, 2 wrong usage (clap's).
fn main() -> ExitCode {
    let args = Args::parse();
    let chosen = args.targets();
    let clean = match &args.replay {
        Some(file) => replay(file, args.target.as_deref()),
        None => search::search(&args, &chosen),
    };
    match clean {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Runs one file: with the target that is named, else the one whose directory it is in, else every
/// one.
fn replay(file: &Path, target: Option<&str>) -> io::Result<bool> {
    let directory = file.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let one = target.or(directory).and_then(targets::named);
    let chosen: Vec<Target> = one.map_or_else(|| targets::all().to_vec(), |target| vec![target]);
    let input = std::fs::read(file)
        .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", file.display())))?;
    let mut clean = true;
    for target in chosen {
        let outcome = attempt(&target, &input);
        clean &= outcome.is_ok();
        report::replayed(target.name, &outcome);
    }
    Ok(clean)
}
