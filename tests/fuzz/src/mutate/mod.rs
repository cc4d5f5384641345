//! Making an input from others: as JSON where it is JSON, as bytes everywhere.

mod bytes;
mod json;

use crate::dictionary::words;
use crate::rng::Rng;

/// What stands between the parts of an input that has several, such as a tag's value and a policy's
/// text.
pub const BETWEEN: char = '\u{1e}';

/// Larger parts are not read as JSON again: that would take longer than it is worth.
const JSON_BYTES_MAX: usize = 16 * 1024;

/// Makes inputs.
#[derive(Debug)]
pub(crate) struct Mutator {
    words: Vec<&'static str>,
    longest: usize,
}

impl Mutator {
    /// Of at most so many bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Self { words: words(), longest }
    }

    /// A new input. Most are one of the corpus with a few changes; some are nothing but noise.
    pub(crate) fn input(&self, corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
        let mut input = if rng.one_in(64) { bytes::noise(rng) } else { base(corpus, rng) };
        for _ in 0..rng.few() {
            if rng.one_in(2) {
                self.change_part(&mut input, rng);
            } else {
                bytes::change(&mut input, corpus, &self.words, self.longest, rng);
            }
        }
        input.truncate(self.longest);
        input
    }

    /// Changes one part as the JSON that it is; as bytes if it is none.
    fn change_part(&self, input: &mut Vec<u8>, rng: &mut Rng) {
        let text = String::from_utf8_lossy(input).into_owned();
        let mut parts: Vec<String> = text.split(BETWEEN).map(str::to_owned).collect();
        let chosen = rng.below(parts.len());
        let changed = parts
            .get(chosen)
            .filter(|part| part.len() <= JSON_BYTES_MAX)
            .and_then(|part| json::change(part, &self.words, rng));
        match (parts.get_mut(chosen), changed) {
            (Some(part), Some(changed)) => *part = changed,
            _ => return bytes::change(input, &[], &self.words, self.longest, rng),
        }
        *input = parts.join(&BETWEEN.to_string()).into_bytes();
    }
}

/// The newer half of the corpus comes up more often: it is where something was found last.
fn base(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let from = if rng.one_in(2) { corpus.len() / 2 } else { 0 };
    corpus.get(from..).and_then(|newer| rng.pick(newer)).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_none_is_too_long() {
        let corpus = vec![br#"{"a":[1,"b"]}"#.to_vec(), b"x\x1e{}".to_vec(), Vec::new()];
        let make = |seed| {
            let mut rng = Rng::new(seed);
            (0..2000).map(|_| Mutator::new(500).input(&corpus, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(1).iter().all(|input| input.len() <= 500));
    }
}
