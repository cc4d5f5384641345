//! Changes of bytes, whatever they mean.

use crate::rng::Rng;

/// Bytes of chance.
pub(super) fn noise(rng: &mut Rng) -> Vec<u8> {
    let length = rng.below(200);
    (0..length).map(|_| rng.byte()).collect()
}

/// Makes one change.
pub(super) fn change(
    input: &mut Vec<u8>,
    corpus: &[Vec<u8>],
    words: &[&str],
    longest: usize,
    rng: &mut Rng,
) {
    match rng.below(12) {
        0 => flip(input, rng),
        1 => set(input, rng),
        2 => {
            let some = noise(rng);
            insert(input, &some, rng);
        }
        3 | 4 => {
            let word = rng.pick(words).copied().unwrap_or_default();
            insert(input, word.as_bytes(), rng);
        }
        5 => {
            let word = rng.pick(words).copied().unwrap_or_default();
            replace_word(input, word, rng);
        }
        6 => {
            let range = range(input, rng);
            input.drain(range);
        }
        7 => {
            let range = range(input, rng);
            let copy = input.get(range).unwrap_or_default().to_vec();
            insert(input, &copy, rng);
        }
        8 => input.truncate(rng.below(input.len().saturating_add(1))),
        9 => splice(input, corpus, rng),
        10 => nest(input, rng),
        // Very long ones are slow, so they are rare.
        _ if rng.one_in(24) => lengthen(input, words, longest, rng),
        _ => insert(input, "\u{1e}".as_bytes(), rng),
    }
}

fn flip(input: &mut [u8], rng: &mut Rng) {
    let at = rng.below(input.len());
    let bit = 1u8.rotate_left(u32::from(rng.byte() % 8));
    if let Some(byte) = input.get_mut(at) {
        *byte ^= bit;
    }
}

fn set(input: &mut [u8], rng: &mut Rng) {
    let at = rng.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = rng.byte();
    }
}

fn insert(input: &mut Vec<u8>, some: &[u8], rng: &mut Rng) {
    let at = rng.below(input.len().saturating_add(1));
    input.splice(at..at, some.iter().copied());
}

/// A part of the input, mostly a short one.
fn range(input: &[u8], rng: &mut Rng) -> std::ops::Range<usize> {
    let start = rng.below(input.len());
    let left = input.len().saturating_sub(start);
    let length =
        if rng.one_in(4) { rng.below(left.saturating_add(1)) } else { rng.below(17).min(left) };
    start..start.saturating_add(length)
}

/// Puts another word where letters and digits are.
fn replace_word(input: &mut Vec<u8>, word: &str, rng: &mut Rng) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/#".contains(byte);
    let from = rng.below(input.len());
    let Some(start) = input.iter().skip(from).position(is_word).map(|at| at.saturating_add(from))
    else {
        return;
    };
    let length = input.iter().skip(start).take_while(|byte| is_word(byte)).count();
    input.splice(start..start.saturating_add(length), word.bytes());
}

/// The beginning of this one and the end of another.
fn splice(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let Some(other) = rng.pick(corpus) else { return };
    input.truncate(rng.below(input.len().saturating_add(1)));
    let from = rng.below(other.len().saturating_add(1));
    input.extend(other.get(from..).unwrap_or_default());
}

/// Deeper than a reader may go.
fn nest(input: &mut Vec<u8>, rng: &mut Rng) {
    let (open, close) = if rng.one_in(2) { ("[", "]") } else { ("{\"a\":", "}") };
    let depth = rng.below(300);
    let at = rng.below(input.len().saturating_add(1));
    let middle = input.split_off(at);
    input.extend(open.repeat(depth).bytes());
    input.extend(middle);
    input.extend(close.repeat(depth).bytes());
}

/// About as long as may be, of one word again and again.
fn lengthen(input: &mut Vec<u8>, words: &[&str], longest: usize, rng: &mut Rng) {
    let word = rng.pick(words).copied().unwrap_or("x");
    let length = rng.below(longest.saturating_sub(input.len()).saturating_add(1));
    let times = length.checked_div(word.len()).unwrap_or_default();
    insert(input, word.repeat(times).as_bytes(), rng);
}
