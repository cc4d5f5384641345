//! Text from tags, events and error messages, made safe to keep, log and announce.

/// At most `limit` characters of `text` on one line: control characters, line separators and direction controls
/// (which can make a line read as something else) become `?`. The rest, any script included, stays. `limit` is 1 or more.
pub fn one_line(text: &str, limit: usize) -> String {
    let mut out: String = text.chars().take(limit).map(|c| if is_harmful(c) { '?' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        out.pop();
        out.push('…');
    }
    out
}

/// Like [`one_line`] but printable ASCII only, and nothing that a mail client or console would take for markup.
pub fn plain(text: &str, limit: usize) -> String {
    text.chars()
        .take(limit)
        .map(|c| if (c.is_ascii_graphic() || c == ' ') && !matches!(c, '<' | '>' | '`') { c } else { '?' })
        .collect()
}

/// Unicode's categories Cc, Zl and Zp, and its property Bidi_Control.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_tag_stays_on_one_line() {
        let safe = one_line("a\nb\r\u{2028}c\u{202e}d\u{0}e\u{61c}", 100);
        assert_eq!(safe, "a?b??c?d?e?");
    }

    #[test]
    fn long_text_is_cut_by_characters_not_bytes() {
        assert_eq!(one_line(&"😀".repeat(300), 3), "😀😀…");
        assert_eq!(one_line("abc", 3), "abc");
    }

    #[test]
    fn plain_text_has_no_markup() {
        assert_eq!(plain("<b>é`x", 99), "?b???x");
    }
}
