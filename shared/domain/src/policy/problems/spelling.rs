//! What was probably meant by a field's name that is not known.

use super::super::shape::{Field, leaves};
use super::{Wrong, names};
use crate::document::quoted;
use crate::ids::PolicyName;

pub(super) fn unknown(name: &str, fields: &'static [Field]) -> Wrong {
    let near = |known: &str| distance(&name.to_lowercase(), known);
    let close = fields.iter().map(|field| (near(field.name), field.name)).min();
    let close = close.filter(|(distance, known)| *distance <= (known.len() / 3).max(1));
    let elsewhere = leaves().into_iter().find(|way| way.last() == Some(&name) && way.len() > 1);
    let advice = match (close, elsewhere) {
        (Some((_, known)), _) => format!("; did you mean \"{known}\"?"),
        (None, Some(way)) => format!("; it belongs at {}.", way.join(".")),
        (None, None) => ".".to_owned(),
    };
    Wrong::UnknownField { name: quoted(name), advice, allowed: names(fields) }
}

/// The policy that was probably meant by a name that none has.
pub fn nearest<'a>(
    name: &PolicyName,
    policies: impl IntoIterator<Item = &'a PolicyName>,
) -> Option<PolicyName> {
    let near = |known: &PolicyName| {
        distance(&name.as_str().to_lowercase(), &known.as_str().to_lowercase())
    };
    let close = policies.into_iter().map(|known| (near(known), known)).min();
    let close =
        close.filter(|(distance, known)| *distance <= (known.as_str().chars().count() / 3).max(1));
    close.map(|(_, known)| known.clone())
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) =
        (one.chars().take(64).collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for (line, letter) in one.iter().enumerate() {
        let mut next = vec![line + 1];
        let mut left = None;
        for (place, (known, costs)) in other.iter().zip(row.windows(2)).enumerate() {
            let [diagonal, above] = *costs else { continue };
            let beside = next.last().copied().unwrap_or(usize::MAX - 1);
            let mut cost = (diagonal + usize::from(letter != known)).min(above + 1).min(beside + 1);
            if last == Some(known) && left == Some(letter) {
                // The two letters are each other's.
                let swapped = place.checked_sub(1).and_then(|place| before.get(place));
                cost = cost.min(swapped.map_or(cost, |swapped| swapped + 1));
            }
            next.push(cost);
            left = Some(known);
        }
        last = Some(letter);
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}
