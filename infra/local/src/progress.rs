//! Lines on the screen while something slow is prepared.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Whether, and how, to say what is being done. Progress goes to standard error: output is for
/// results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// Say nothing. Tests.
    #[default]
    Silent,
    /// One line as a step starts and one as it ends, if it took long enough to be noticed.
    Lines,
}

impl Progress {
    /// Says that a step starts.
    pub fn start(self, text: &str) -> Step {
        if self == Self::Lines {
            say(&format!("{} {text}", paint("2", "..")));
        }
        Step { progress: self, text: text.to_owned(), since: Instant::now() }
    }

    /// A step that is usually too quick to announce; only its end is said, and only if it was slow.
    pub fn quick(self, text: &str) -> Step {
        Step { progress: self, text: text.to_owned(), since: Instant::now() }
    }

    /// Whether a child's own progress should reach the screen.
    pub fn shows_children(self) -> bool {
        self == Self::Lines
    }
}

/// A step under way.
#[derive(Debug)]
#[must_use]
pub struct Step {
    progress: Progress,
    text: String,
    since: Instant,
}

impl Step {
    /// Says that it ended.
    pub fn done(self) {
        if self.progress == Progress::Lines && self.since.elapsed().as_millis() >= 100 {
            let seconds = self.since.elapsed().as_secs_f64();
            say(&format!("{} {} ({seconds:.1} s)", paint("32", "ok"), self.text));
        }
    }
}

fn say(line: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// `text` in an ANSI colour, if standard error is a terminal.
fn paint(code: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
