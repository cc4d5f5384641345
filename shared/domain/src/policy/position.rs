//! Where a place of a document is in its JSON text.

use super::{Part, Place, Step};

/// Line and column, both from 1. The text has been read as JSON before, so this only finds its way
/// in it.
pub(super) fn position(text: &str, place: &Place) -> (usize, usize) {
    let mut cursor = Cursor { text, at: 0 };
    cursor.space();
    let last = place.steps.len();
    for (number, step) in place.steps.iter().enumerate() {
        match step {
            Step::Item(index) => cursor.enter(*index, false),
            Step::Field { index, .. } => {
                cursor.enter(*index, true);
                if place.part == Part::Value || number + 1 < last {
                    cursor.name();
                }
            }
        }
    }
    let before = text.get(..cursor.at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn next(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn step(&mut self) {
        self.at += self.next().map_or(0, char::len_utf8);
    }

    fn space(&mut self) {
        while self.next().is_some_and(|c| c.is_ascii_whitespace()) {
            self.step();
        }
    }

    /// Goes to the beginning of an object's field or a list's item.
    fn enter(&mut self, index: usize, object: bool) {
        self.step();
        self.space();
        for _ in 0..index {
            if object {
                self.name();
            }
            self.value();
            self.space();
            self.step();
            self.space();
        }
    }

    /// Goes over a field's name, to its value.
    fn name(&mut self) {
        self.string();
        self.space();
        self.step();
        self.space();
    }

    fn string(&mut self) {
        self.step();
        while let Some(c) = self.next() {
            self.step();
            match c {
                '"' => return,
                '\\' => self.step(),
                _ => {}
            }
        }
    }

    fn value(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.next() {
            match c {
                '"' => self.string(),
                '{' | '[' => {
                    depth += 1;
                    self.step();
                }
                '}' | ']' | ',' if depth == 0 => return,
                '}' | ']' => {
                    depth -= 1;
                    self.step();
                }
                _ => self.step(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::problems;

    #[test]
    fn each_problem_has_its_line_and_column() {
        let text = "\n{ \"description\" : \"a \\\"b, {\u{e9}\", \"x\":[1,{\"y\":2}],\n\t\"create\": {\"reboot\": 5},\n \"share\": {\"accounts\": [\"222222222222\", 7]}}";
        let problems = problems(&serde_json::from_str(text).unwrap());
        let found: Vec<(String, usize, usize)> = problems
            .iter()
            .map(|problem| {
                let (line, column) = position(text, &problem.place);
                (problem.place.to_string(), line, column)
            })
            .collect();
        let expected = [
            ("x", 2, 32),
            ("create.reboot", 3, 23),
            ("share.accounts[1]", 4, 41),
            ("share.accounts", 4, 24),
        ];
        assert_eq!(found, expected.map(|(place, line, column)| (place.to_owned(), line, column)));
    }
}
