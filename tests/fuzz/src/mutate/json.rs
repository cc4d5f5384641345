//! Changes of JSON that leave it JSON, or nearly so.

use crate::rng::Rng;
use serde_json::{Map, Number, Value};

/// The text with something changed in it; none if it is no JSON.
pub(super) fn change(text: &str, words: &[&str], rng: &mut Rng) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    for _ in 0..rng.few() {
        let mut left = rng.below(count(&value));
        if let Some(node) = nth(&mut value, &mut left) {
            change_node(node, words, rng);
        }
    }
    let mut text = value.to_string();
    if rng.one_in(8) {
        repeat_key(&mut text, words, rng);
    }
    if rng.one_in(8) {
        escape_a_letter(&mut text, rng);
    }
    Some(text)
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(count).fold(1, usize::saturating_add),
        Value::Object(fields) => fields.values().map(count).fold(1, usize::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left = left.saturating_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(fields) => fields.values_mut().find_map(|field| nth(field, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn change_node(node: &mut Value, words: &[&str], rng: &mut Rng) {
    let word = rng.pick(words).copied().unwrap_or_default().to_owned();
    match (rng.below(10), &mut *node) {
        (0, _) => *node = scalar(rng),
        (1, _) => *node = Value::Array(vec![node.take()]),
        (2, _) => *node = Value::Object(Map::from_iter([(word, node.take())])),
        (3, _) => {
            for _ in 0..rng.below(160) {
                *node = Value::Array(vec![node.take()]);
            }
        }
        (4..=8, Value::String(text)) => change_text(text, &word, rng),
        (4 | 5, Value::Object(fields)) => {
            let value = fields.values().nth(rng.below(fields.len())).cloned().unwrap_or_default();
            fields.insert(word, value);
        }
        (6 | 7, Value::Object(fields)) => {
            let key = fields.keys().nth(rng.below(fields.len())).cloned().unwrap_or_default();
            fields.remove(&key);
        }
        (8, Value::Object(fields)) => {
            let key = fields.keys().nth(rng.below(fields.len())).cloned().unwrap_or_default();
            let value = fields.remove(&key).unwrap_or_default();
            fields.insert(word, value);
        }
        (4..=6, Value::Array(items)) => {
            let item = items.get(rng.below(items.len())).cloned().unwrap_or(Value::String(word));
            items.extend(std::iter::repeat_n(item, rng.few().saturating_mul(4)));
        }
        (7 | 8, Value::Array(items)) => {
            let at = rng.below(items.len());
            if at < items.len() {
                items.remove(at);
            }
        }
        _ => *node = Value::String(word),
    }
}

fn scalar(rng: &mut Rng) -> Value {
    match rng.below(8) {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => Value::from(0),
        3 => Value::from(-1),
        4 => Value::from(u64::MAX),
        5 => Value::from(i64::MIN),
        6 => Number::from_f64(1.5e300).map_or(Value::Null, Value::Number),
        _ => Value::from(rng.next() % 1000),
    }
}

fn change_text(text: &mut String, word: &str, rng: &mut Rng) {
    let at = text.char_indices().nth(rng.below(text.chars().count())).map_or(0, |(at, _)| at);
    match rng.below(6) {
        0 => text.truncate(at),
        1 => text.push_str(word),
        2 => *text = text.repeat(rng.few().min(6)),
        3 => *text = word.repeat(rng.below(300)),
        _ => text.insert_str(at, word),
    }
}

/// A key twice in the first object, which no `Value` can say.
fn repeat_key(text: &mut String, words: &[&str], rng: &mut Rng) {
    let Some(at) =
        text.find('{').filter(|at| !text.get(*at..).unwrap_or_default().starts_with("{}"))
    else {
        return;
    };
    let key = Value::from(rng.pick(words).copied().unwrap_or_default());
    text.insert_str(at.saturating_add(1), &format!("{key}:{},", scalar(rng)));
}

/// A letter as its escape, which is the same text.
fn escape_a_letter(text: &mut String, rng: &mut Rng) {
    let letters: Vec<(usize, char)> =
        text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).collect();
    if let Some((at, letter)) = rng.pick(&letters) {
        let escape = format!("\\u{:04x}", u32::from(*letter));
        text.replace_range(*at..at.saturating_add(letter.len_utf8()), &escape);
    }
}
