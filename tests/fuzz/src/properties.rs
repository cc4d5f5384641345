//! What holds for every text that leaves us.
//!
//! Written from the Unicode standard and not from `domain::escape`, so that the two can disagree.

use crate::target::Broken;

/// Ends a line, moves the cursor, or turns the reading direction: the categories Cc, Zl and Zp, and
/// the property Bidi_Control (Unicode 17, PropList.txt).
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}'
                | '\u{2029}'
                | '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202a}'
                ..='\u{202e}' | '\u{2066}'
                ..='\u{2069}'
        )
}

/// One line of at most so many characters, with nothing in it that a screen or a log would obey.
pub(crate) fn line(what: &str, text: &str, limit: usize) -> Result<(), Broken> {
    if let Some(harmful) = text.chars().find(|c| is_harmful(*c)) {
        return Err(Broken::new(
            format!("{what} is one line without control characters"),
            format!("{harmful:?} in {text:?}"),
        ));
    }
    within(what, text, limit)
}

/// The same, of printable ASCII without markup.
pub(crate) fn ascii_line(what: &str, text: &str, limit: usize) -> Result<(), Broken> {
    if let Some(other) =
        text.chars().find(|c| !(*c == ' ' || c.is_ascii_graphic()) || matches!(c, '<' | '>' | '`'))
    {
        return Err(Broken::new(
            format!("{what} is plain ASCII"),
            format!("{other:?} in {text:?}"),
        ));
    }
    within(what, text, limit)
}

fn within(what: &str, text: &str, limit: usize) -> Result<(), Broken> {
    let characters = text.chars().count();
    if characters > limit {
        return Err(Broken::new(
            format!("{what} has at most {limit} characters"),
            format!("{characters}: {text:?}"),
        ));
    }
    Ok(())
}

/// Something that has to be so.
pub(crate) fn holds(law: &str, is_so: bool, seen: impl FnOnce() -> String) -> Result<(), Broken> {
    if is_so { Ok(()) } else { Err(Broken::new(law, seen())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_or_turns_a_line_is_seen() {
        for harmful in ["\n", "\r", "\u{85}", "\u{2028}", "\u{202e}", "\u{61c}", "\u{0}", "\u{9b}"]
        {
            assert!(line("it", harmful, 9).is_err(), "{harmful:?}");
        }
        assert_eq!(line("it", "naïve 😀 שלום", 12), Ok(()));
        assert!(line("it", "four", 3).is_err());
        assert!(ascii_line("it", "é", 3).is_err());
    }
}
