//! What is wrong with how images are made, in the light of another field of it.

use super::whole::field;
use super::{Place, Problem, Step, Wrong};
use crate::document::{Node, quoted};
use crate::tags::{EXTRA_TAGS_MAX, NAME_KEY, is_always_ours};
use std::collections::BTreeSet;

/// Adds what is wrong.
pub(super) fn problems(document: &Node, out: &mut Vec<Problem>) {
    if let Some((create, at)) = field(document, "create", &Place::document()) {
        tags(create, &at, out);
        devices(create, &at, out);
    }
}

/// Ours are ours, EC2 takes so many, and none is both set and carried over.
fn tags(create: &Node, at: &Place, out: &mut Vec<Problem>) {
    let set = named(create, "tags", at);
    let carried = named(create, "carry_tags", at);
    for (key, place) in set.iter().chain(&carried) {
        if is_always_ours(key) {
            let advice = if *key == NAME_KEY {
                ": it shows the image's name, which create.name is for"
            } else {
                ""
            };
            out.push(Problem {
                place: place.clone(),
                wrong: Wrong::OwnTag { key: quoted(key), advice },
            });
        }
    }
    in_both(&carried, &set, "create.tags", out);
    let count = set.iter().chain(&carried).map(|(key, _)| *key).collect::<BTreeSet<_>>().len();
    // One that has too many by itself is told so.
    let alone =
        |some: &[(&str, Place)]| some.iter().map(|(key, _)| *key).collect::<BTreeSet<_>>().len();
    if count > EXTRA_TAGS_MAX && alone(&set).max(alone(&carried)) <= EXTRA_TAGS_MAX {
        out.push(Problem {
            place: at.clone(),
            wrong: Wrong::TooManyTags { count, max: EXTRA_TAGS_MAX },
        });
    }
}

/// What is left out has no volume to keep.
fn devices(create: &Node, at: &Place, out: &mut Vec<Problem>) {
    let left_out = named(create, "exclude_devices", at);
    in_both(&named(create, "delete_on_termination", at), &left_out, "create.exclude_devices", out);
}

fn in_both(
    these: &[(&str, Place)],
    those: &[(&str, Place)],
    other: &'static str,
    out: &mut Vec<Problem>,
) {
    let those: BTreeSet<&str> = those.iter().map(|(name, _)| *name).collect();
    for (name, place) in these.iter().filter(|(name, _)| those.contains(name)) {
        out.push(Problem {
            place: place.clone(),
            wrong: Wrong::InBoth { name: quoted(name), other },
        });
    }
}

/// The texts of a list, or the names of an object's fields, with their places.
fn named<'a>(node: &'a Node, wanted: &str, place: &Place) -> Vec<(&'a str, Place)> {
    let Some((found, place)) = field(node, wanted, place) else { return Vec::new() };
    let at = &place;
    match found {
        Node::List(items) => {
            let texts = items.iter().enumerate().filter_map(|(index, item)| match item {
                Node::Text(text) => Some((text.as_str(), at.into(Step::Item(index)))),
                Node::Null
                | Node::Flag(_)
                | Node::Number { .. }
                | Node::List(_)
                | Node::Object(_) => None,
            });
            texts.collect()
        }
        Node::Object(entries) => {
            let names = entries.iter().enumerate();
            let step = |index, name: &str| Step::Field { index, name: name.to_owned() };
            names
                .map(|(index, (name, _))| (name.as_str(), at.into(step(index, name)).name()))
                .collect()
        }
        Node::Null | Node::Flag(_) | Node::Number { .. } | Node::Text(_) => Vec::new(),
    }
}
