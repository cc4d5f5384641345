//! Texts in columns, and texts in lines, no wider than the reader's window without need.

use unicode_width::UnicodeWidthChar;

/// No column is made narrower than a time.
const COLUMN_MIN: usize = 20;
const GAP: usize = 2;

/// Rows of cells. A table that is wider than the window has its widest columns wrapped between
/// words: an id is never cut.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
    indent: usize,
}

impl Table {
    /// A table whose first row is a header.
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned).into()], right: Vec::new(), indent: 0 }
    }

    /// A table without a header, indented.
    pub(crate) fn indented(indent: usize) -> Self {
        Self { rows: Vec::new(), right: Vec::new(), indent }
    }

    /// Puts a column's cells to the right.
    pub(crate) fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, without spaces at their ends. `width`: that of the window, if there is one.
    pub(crate) fn text(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let mut out = String::new();
        for row in &self.rows {
            let cells: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, width)| words_in(cell, *width)).collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or_default();
            for number in 0..height {
                let mut line = " ".repeat(self.indent);
                for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                    let part = cell.get(number).map_or("", String::as_str);
                    let pad = " ".repeat(width.saturating_sub(columns(part)));
                    let put_right = self.right.contains(&column);
                    line.push_str(&if put_right { pad + part } else { part.to_owned() + &pad });
                    line.push_str(&" ".repeat(GAP));
                }
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
        out
    }

    fn widths(&self, window: Option<usize>) -> Vec<usize> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let widest = |column: usize, of: fn(&str) -> usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| of(cell))
                .max()
                .unwrap_or_default()
        };
        let mut widths: Vec<usize> = (0..count).map(|column| widest(column, columns)).collect();
        let Some(window) = window else { return widths };
        let least: Vec<usize> =
            (0..count).map(|column| widest(column, longest_word).max(COLUMN_MIN)).collect();
        let gaps = self.indent + GAP * count.saturating_sub(1);
        while gaps + widths.iter().sum::<usize>() > window {
            let shrinkable =
                widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
            let Some((width, _)) = shrinkable.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
        }
        widths
    }
}

/// A paragraph in lines; those after the first begin with `indent` spaces.
pub(crate) fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let lines = words_in(text, width.saturating_sub(indent).max(COLUMN_MIN));
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

/// Each line wrapped under what it says: after the first gap of two spaces, or under its beginning.
pub(crate) fn wrapped_lines(text: &str, width: Option<usize>) -> String {
    let lines = text.lines().map(|line| {
        let start = line.len() - line.trim_start().len();
        let gap = line.get(start..).and_then(|rest| rest.find("  ")).map_or(start, |at| start + at);
        let head = line.get(gap..).map_or(start, |rest| gap + rest.len() - rest.trim_start().len());
        let (head, rest) = line.split_at_checked(head).unwrap_or(("", line));
        format!("{head}{}", wrapped(rest, columns(head), width)).trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// The text in lines of at most so many columns, cut between words.
fn words_in(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

fn longest_word(text: &str) -> usize {
    text.split([' ', '\n']).map(columns).max().unwrap_or_default()
}

/// The columns that a text takes on a terminal: our own colours take none.
fn columns(text: &str) -> usize {
    let mut inside = false;
    let mut count = 0;
    for character in text.chars() {
        match (inside, character) {
            (false, '\u{1b}') => inside = true,
            (true, 'm') => inside = false,
            (true, _) => {}
            (false, _) => count += character.width().unwrap_or_default(),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Table {
        let mut table = Table::new(["FAMILY", "STATE"]);
        table.row([
            "fam-0123456789abcdef".to_owned(),
            "too old: none for the slot of 2026-11-21 02:00 UTC".to_owned(),
        ]);
        table
            .row(["\u{1b}[31mfam-1\u{1b}[0m".to_owned(), "\u{1b}[32min order\u{1b}[0m".to_owned()]);
        table
    }

    #[test]
    fn a_wide_table_is_wrapped_in_its_widest_column() {
        let expected = "FAMILY                STATE\n\
                        fam-0123456789abcdef  too old: none for the\n                      \
                        slot of 2026-11-21\n                      02:00 UTC\n\
                        \u{1b}[31mfam-1\u{1b}[0m                 \u{1b}[32min order\u{1b}[0m\n";
        assert_eq!(table().text(Some(44)), expected);
        assert_eq!(table().text(None).lines().count(), 3);
    }

    #[test]
    fn lines_are_wrapped_under_what_they_say() {
        let help = "List all of the families.\n\n  --in <REGION>  The Region of the image.\n  -h\n";
        let expected = "List all of the\nfamilies.\n\n  --in <REGION>  The Region of the\n                 image.\n  -h\n";
        assert_eq!(wrapped_lines(help, Some(20)), expected);
        assert_eq!(wrapped_lines(help, None), help);
    }

    #[test]
    fn a_paragraph_is_wrapped_and_an_id_is_never_cut() {
        let id = "ami-0123456789abcdef0ami-0123456789abcdef0";
        assert_eq!(wrapped(&format!("a {id} b"), 2, Some(10)), format!("a\n  {id}\n  b"));
        assert_eq!(wrapped("a b", 0, None), "a b");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_or_ends_with_a_space(
            rows in proptest::collection::vec(proptest::collection::vec("[a-z ]{0,60}", 3), 1..6),
            window in 0_usize..120,
        ) {
            let mut table = Table::indented(1).right(1);
            for row in rows.clone() {
                table.row(row);
            }
            let least: usize = 1 + GAP * 2 + (0..3).map(|column| {
                let widest = |of: fn(&str) -> usize| rows.iter().map(|row| of(&row[column])).max().unwrap();
                widest(columns).min(widest(longest_word).max(COLUMN_MIN))
            }).sum::<usize>();
            for line in table.text(Some(window)).lines() {
                prop_assert!(columns(line) <= window.max(least), "{line:?}");
                prop_assert_eq!(line.trim_end(), line);
            }
        }
    }
}
