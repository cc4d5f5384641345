//! Colours, on a terminal only.

use std::io::IsTerminal;

/// Paints, or leaves text as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For what goes to standard output.
    pub(crate) fn for_output() -> Self {
        Self::on(std::io::stdout().is_terminal())
    }

    /// For what goes to standard error.
    pub(crate) fn for_errors() -> Self {
        Self::on(std::io::stderr().is_terminal())
    }

    /// Whoever sets NO_COLOR wants none (no-color.org).
    #[expect(
        clippy::disallowed_methods,
        reason = "an edge: the terminal's settings belong to the command"
    )]
    fn on(is_terminal: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { on: wanted && is_terminal }
    }

    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// No colours.
    pub(crate) fn plain() -> Self {
        Self { on: false }
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn change(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
