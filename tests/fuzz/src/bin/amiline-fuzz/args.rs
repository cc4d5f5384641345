//! What can be typed.

use amiline_fuzz::{Target, targets};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// Looks for inputs that make Amiline panic, break a line, exceed a limit or write a log line that
/// is no JSON.
#[derive(Debug, Parser)]
#[command(name = "amiline-fuzz")]
pub(crate) struct Args {
    /// Only this target [default: all, in turns].
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(targets::all().map(|target| target.name)))]
    pub(crate) target: Option<String>,
    /// For so long, all targets together [default: 20, if --runs is not given].
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u64>,
    /// So many inputs of each target.
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub(crate) runs: Option<u64>,
    /// Where chance begins: the same seed tries the same inputs in the same order [default: another
    /// one each time].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Run the input in this file, and nothing else.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "runs", "seed", "keep"])]
    pub(crate) replay: Option<PathBuf>,
    /// Keep what is found in tests/fuzz/regressions, where a test replays it.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Also say every kind of outcome, with the shortest input that led there.
    #[arg(long)]
    pub(crate) outcomes: bool,
}

impl Args {
    /// The target that is named, or all.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let wanted =
            |target: &Target| self.target.as_deref().is_none_or(|name| name == target.name);
        targets::all().into_iter().filter(wanted).collect()
    }
}
