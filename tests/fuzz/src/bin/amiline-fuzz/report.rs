//! What is said: results on standard output, progress on standard error if that is a terminal.

use crate::search::Search;
use amiline_fuzz::{Finding, Outcome};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr, stdout};
use std::path::Path;
use std::time::Duration;

/// Bytes of an input that are shown; the whole of it is replayed.
const SHOWN_MAX: usize = 4000;

fn print(text: &str) {
    // Nobody listens: the exit code says it too.
    let _ = writeln!(stdout().lock(), "{text}");
}

/// Something that went wrong with the fuzzer itself.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(stderr().lock(), "amiline-fuzz: {text}");
}

/// The input that breaks a law, and the command that shows it again.
pub(crate) fn found(found: &Finding, kept: Option<&Path>) {
    clear_progress();
    let replay = match kept {
        Some(path) => {
            format!("cargo fuzz-inputs --target {} --replay {}", found.target, path.display())
        }
        None => format!(
            "cargo fuzz-inputs --target {} --seed {} --runs {}",
            found.target, found.seed, found.run
        ),
    };
    print(&format!(
        "FOUND   {}, seed {}, run {}\n  law     {}\n  seen    {}\n  input   {} ({} bytes)\n  replay  {replay}",
        found.target,
        found.seed,
        found.run,
        found.broken.law,
        cut(&found.broken.seen),
        escaped(&found.input),
        found.input.len(),
    ));
}

/// An input that does not come to an end.
pub(crate) fn hangs(target: &str, seed: u64, input: &[u8]) {
    clear_progress();
    print(&format!(
        "FOUND   {target}, seed {seed}\n  law     every input comes to an end\n  input   {}",
        escaped(input)
    ));
}

/// What one input led to.
pub(crate) fn replayed(target: &str, outcome: &Outcome) {
    match outcome {
        Ok(signature) => print(&format!("{target}: holds ({signature})")),
        Err(broken) => {
            print(&format!("{target}: BROKEN: {}\n  seen  {}", broken.law, cut(&broken.seen)))
        }
    }
}

/// One line that is written over.
pub(crate) fn progress(searches: &[Search], elapsed: Duration) {
    if !stderr().is_terminal() {
        return;
    }
    let mut line = format!("{:5} s", elapsed.as_secs());
    for search in searches {
        let tally = search.fuzzer.tally();
        let mark = if search.found.is_some() { "!" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "  {}{mark} {}/{}",
            search.fuzzer.target().name,
            tally.signatures,
            tally.runs
        );
    }
    let _ = write!(stderr().lock(), "\r\u{1b}[2K{line}");
}

fn clear_progress() {
    if stderr().is_terminal() {
        let _ = write!(stderr().lock(), "\r\u{1b}[2K");
    }
}

/// The end.
pub(crate) fn finished(searches: &[Search], seed: u64, outcomes: bool) {
    clear_progress();
    print(&format!(
        "{:<8} {:>12} {:>10} {:>10}  seed {seed}",
        "target", "runs", "outcomes", "runs/s"
    ));
    for search in searches {
        let tally = search.fuzzer.tally();
        let seconds = search.spent.as_millis().max(1);
        let rate =
            u128::from(tally.runs).saturating_mul(1000).checked_div(seconds).unwrap_or_default();
        let found = if search.found.is_some() { "  FOUND SOMETHING" } else { "" };
        let name = search.fuzzer.target().name;
        print(&format!("{name:<8} {:>12} {:>10} {rate:>10}{found}", tally.runs, tally.signatures));
        if outcomes {
            for (signature, input) in search.fuzzer.signatures() {
                print(&format!(
                    "    {signature}\n        {}",
                    escaped(input.get(..120).unwrap_or(input))
                ));
            }
        }
    }
}

/// Printable ASCII, with the rest as Rust writes it.
fn escaped(input: &[u8]) -> String {
    let shown = input.get(..SHOWN_MAX).unwrap_or(input);
    let rest = if shown.len() < input.len() { "..." } else { "" };
    format!("b\"{}\"{rest}", shown.escape_ascii())
}

fn cut(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .take(1000)
        .collect()
}
