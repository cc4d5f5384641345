//! The list of destinations, in which an item is a Region's name or an object.

use super::super::shape::{Field, Id, Shape};
use super::{Place, Problem, Step, Wrong, an_object, object, too_many, value};
use crate::document::{Node, quoted};
use std::collections::BTreeMap;

pub(super) fn regions(
    items: &[Node],
    fields: &'static [Field],
    max: usize,
    place: &Place,
    out: &mut Vec<Problem>,
) {
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let at = place.into(Step::Item(index));
        match item {
            Node::Object(_) => object(item, fields, &at, out),
            Node::Text(_) => value(item, &Shape::Id(Id::Region), &at, out),
            Node::Null | Node::Flag(_) | Node::Number { .. } | Node::List(_) => {
                let allowed = format!("{}, or {}", Id::Region.example(), an_object(fields));
                let wrong = Wrong::Kind { found: item.found(), allowed, advice: String::new() };
                out.push(Problem { place: at.clone(), wrong });
            }
        }
        let Some(name) = region_of(item) else { continue };
        match seen.get(name) {
            Some(before) if !same_settings(before, item) => {
                out.push(Problem { place: at, wrong: Wrong::RegionTwice { region: quoted(name) } });
            }
            Some(_) => {}
            None => {
                seen.insert(name, item);
            }
        }
    }
    too_many(seen.len(), Some(max), place, out);
}

/// The name of the Region that an item of the destinations is about.
fn region_of(item: &Node) -> Option<&str> {
    match item {
        Node::Text(text) => Some(text),
        Node::Object(entries) => {
            let (_, value) = entries.iter().find(|(name, _)| name == "region")?;
            if let Node::Text(text) = value { Some(text) } else { None }
        }
        Node::Null | Node::Flag(_) | Node::Number { .. } | Node::List(_) => None,
    }
}

/// Whether two items about one Region say the same of it, in whatever form and order.
fn same_settings(one: &Node, other: &Node) -> bool {
    let settings = |item: &Node| -> Vec<(String, Option<String>)> {
        let Node::Object(entries) = item else { return Vec::new() };
        let mut said: Vec<_> = entries
            .iter()
            .filter(|(name, _)| name != "region")
            .map(|(name, value)| (name.clone(), serde_json::to_string(value).ok()))
            .collect();
        said.sort();
        said
    };
    settings(one) == settings(other)
}
