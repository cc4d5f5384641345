//! Text from tags, events and error messages, made safe to keep, log and announce.

/// At most `limit` characters of `text` on one line: control characters, line separators and
/// direction controls (which can make a line read as something else) become `?`. The rest, any
/// script included, stays. `limit` is 1 or more.
pub fn one_line(text: &str, limit: usize) -> String {
    let mut out = replaced(text, limit, |c| !is_harmful(c));
    if text.len() > limit && text.chars().nth(limit).is_some() {
        out.pop();
        out.push('…');
    }
    out
}

/// Like [`one_line`], in quotes, and what would not show is written as an escape. An escape has up
/// to ten characters, and the limit holds for what is seen between the quotes.
pub fn in_quotes(text: &str, limit: usize) -> String {
    let mut out = String::from('"');
    let (mut length, mut cut) = (0, out.len());
    for c in text.chars().map(|c| if is_harmful(c) { '?' } else { c }) {
        // Inside these quotes the single one needs no escape.
        let shown = if c == '\'' { c.to_string() } else { c.escape_debug().to_string() };
        length += shown.chars().count();
        if length > limit {
            out.truncate(cut);
            out.push('…');
            break;
        }
        out.push_str(&shown);
        if length < limit {
            cut = out.len();
        }
    }
    out.push('"');
    out
}

/// Like [`one_line`] but printable ASCII only, and nothing that a mail client or console would take
/// for markup.
pub fn plain(text: &str, limit: usize) -> String {
    replaced(text, limit, |c| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '<' | '>' | '`'))
}

/// Text of one line in any script, without what a mail client or a chat would take for markup.
pub fn unmarked(text: &str) -> String {
    let is_markup = |c: char| matches!(c, '<' | '>' | '`' | '*' | '~' | '[' | ']' | '|');
    replaced(text, usize::MAX, |c| !is_harmful(c) && !is_markup(c))
}

/// At most so many characters of a text, with `?` for each that is not allowed. Mostly all are, and
/// it is copied as a whole.
fn replaced(text: &str, limit: usize, allowed: impl Fn(char) -> bool) -> String {
    if text.len() <= limit && text.bytes().all(|byte| byte.is_ascii() && allowed(char::from(byte)))
    {
        return text.to_owned();
    }
    text.chars().take(limit).map(|c| if allowed(c) { c } else { '?' }).collect()
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
    fn text_in_quotes_is_cut_by_what_is_seen_of_it() {
        assert_eq!(in_quotes("it's \"so\"", 20), r#""it's \"so\"""#);
        assert_eq!(in_quotes("abc", 3), r#""abc""#);
        assert_eq!(in_quotes("abcd", 3), r#""ab…""#);
        assert_eq!(in_quotes(&"\u{200b}".repeat(40), 20), r#""\u{200b}\u{200b}…""#);
        assert_eq!(in_quotes("\u{200b}", 3), r#""…""#);
        assert_eq!(in_quotes("a\nb\u{202e}", 20), r#""a?b?""#);
    }

    #[test]
    fn plain_text_has_no_markup() {
        assert_eq!(plain("<b>é`x", 99), "?b???x");
    }
}
