//! Making an input that fails as short as it gets.

use std::ops::Range;

/// Attempts at most: the input that is left then is short enough to read.
const ATTEMPTS_MAX: u32 = 20_000;

/// The longest chunks of which every place is tried, and the longest input for which they are.
const FINE_MAX: usize = 8;
const FINE_INPUT_MAX: usize = 1000;

/// Takes away what it can as long as the input still fails: chunks, from half of it down to single
/// bytes, and what stands in brackets, or only the brackets; or puts a 0 in its place.
pub fn minimise(input: &[u8], still_fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut smaller = Smaller { best: input.to_vec(), still_fails, attempts: 0 };
    loop {
        let before = smaller.best.len();
        smaller.chunks();
        smaller.brackets();
        if smaller.best.len() == before || smaller.is_spent() {
            return smaller.best;
        }
    }
}

struct Smaller<F> {
    best: Vec<u8>,
    still_fails: F,
    attempts: u32,
}

impl<F: FnMut(&[u8]) -> bool> Smaller<F> {
    fn is_spent(&self) -> bool {
        self.attempts >= ATTEMPTS_MAX
    }

    /// Whether it goes without this part; if so, it is gone.
    fn without(&mut self, part: Range<usize>) -> bool {
        let end = part.end.min(self.best.len());
        let mut candidate = self.best.clone();
        candidate.drain(part.start.min(end)..end);
        self.is_taken(candidate)
    }

    fn is_taken(&mut self, candidate: Vec<u8>) -> bool {
        if self.is_spent() {
            return false;
        }
        self.attempts = self.attempts.saturating_add(1);
        let fails = (self.still_fails)(&candidate);
        if fails {
            self.best = candidate;
        }
        fails
    }

    fn chunks(&mut self) {
        let mut chunk = self.best.len().div_ceil(2);
        while chunk > 0 && !self.is_spent() {
            // Short ones of every length at every place: a key with its value is gone only as a
            // whole.
            let is_fine = chunk <= FINE_MAX && self.best.len() <= FINE_INPUT_MAX;
            let mut at = 0;
            while at < self.best.len() && !self.is_spent() {
                let end = at.saturating_add(chunk);
                if !self.without(at..end) {
                    at = if is_fine { at.saturating_add(1) } else { end };
                }
            }
            chunk = if is_fine { chunk.saturating_sub(1) } else { chunk / 2 };
        }
    }

    fn brackets(&mut self) {
        let mut at = 0;
        while let Some(open) = self.best.iter().skip(at).position(|byte| b"[{\"".contains(byte)) {
            let open = open.saturating_add(at);
            let gone = closing(&self.best, open).is_some_and(|close| self.bracket(open, close));
            if self.is_spent() {
                return;
            }
            if !gone {
                at = open.saturating_add(1);
            }
        }
    }

    /// What stands there, with a comma before or after it, with and without its key; or only the
    /// brackets. What nothing can do without may still be anything.
    fn bracket(&mut self, open: usize, close: usize) -> bool {
        let end = close.saturating_add(1);
        let before =
            |marks: &[u8]| self.best.iter().take(open).rposition(|byte| marks.contains(byte));
        let comma = before(b",").unwrap_or(open);
        let first = before(b",[{").map_or(open, |mark| mark.saturating_add(1));
        let mut inside = self.best.clone();
        inside.drain(close..end.min(inside.len()));
        inside.drain(open..open.saturating_add(1).min(inside.len()));
        let mut zero = self.best.clone();
        zero.splice(open..end.min(self.best.len()), *b"0");
        self.without(open..end.saturating_add(1))
            || self.without(first..end.saturating_add(1))
            || self.without(comma..end)
            || self.without(open..end)
            || self.is_taken(inside)
            || self.is_taken(zero)
    }
}

/// Where what is opened there is closed, as JSON does it.
fn closing(input: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0u32;
    let mut in_text = false;
    let mut escaped = false;
    for (at, byte) in input.iter().enumerate().skip(open) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && !in_text && at > open {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_left() {
        let long = [&b"x".repeat(1000)[..], b"<", &b"y".repeat(777), b">", b"z"].concat();
        let fails = |input: &[u8]| {
            let open = input.iter().position(|byte| *byte == b'<');
            open.is_some_and(|open| input[open..].contains(&b'>'))
        };
        assert_eq!(minimise(&long, fails), b"<>");
        assert_eq!(minimise(b"", |_| true), b"");
    }

    #[test]
    fn what_has_to_be_there_and_may_be_anything_becomes_short() {
        let fails = |input: &[u8]| {
            let read = serde_json::from_slice::<serde_json::Value>(input);
            read.is_ok_and(|value| value.as_array().is_some_and(|items| items.len() > 2))
        };
        assert_eq!(minimise(br#"[{"a":null},{"b":null},{"c":[1,2]}]"#, fails), b"[0,0,0]");
    }

    #[test]
    fn json_stays_json_while_it_gets_shorter() {
        let long = br#"[{"a":[{"x":[[1]]},"]"]},{"c":[[["y"],"z"]]},{},2]"#;
        let fails = |input: &[u8]| {
            serde_json::from_slice::<serde_json::Value>(input)
                .is_ok_and(|value| value.to_string().contains("\"z\""))
        };
        let short = minimise(long, fails);
        assert!(short.len() <= br#"[{"":["z"]}]"#.len(), "{}", short.escape_ascii());
    }
}
