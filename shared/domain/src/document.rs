//! A document as it was written, before anything is known about it: every field in its order, also
//! one that is there twice.

use crate::escape::{in_quotes, one_line};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;
use std::fmt;

/// Characters of a document's own text that a message shows.
const SHOWN: usize = 40;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number {
        /// Its value.
        value: Number,
        /// As it was written: `007` is the number 7.
        written: String,
    },
    /// Text.
    Text(String),
    /// Values in a row.
    List(Vec<Node>),
    /// Fields with values.
    Object(Vec<(String, Node)>),
}

/// The text without the byte-order mark that some editors begin a file with; no document has one.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

impl Node {
    /// What it is, for a message.
    pub fn found(&self) -> String {
        match self {
            Node::Null => "nothing".to_owned(),
            Node::Flag(flag) => flag.to_string(),
            Node::Number { written, .. } => format!("the number {}", one_line(written, SHOWN)),
            Node::Text(text) => format!("the text {}", quoted(text)),
            Node::List(_) => "a list".to_owned(),
            Node::Object(_) => "an object".to_owned(),
        }
    }
}

/// A piece of a document in quotes, cut and made safe.
pub(crate) fn quoted(text: &str) -> String {
    in_quotes(text, SHOWN)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

fn number(value: Number) -> Node {
    Node::Number { written: value.to_string(), value }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(Node::Object(object))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Null => serializer.serialize_unit(),
            Node::Flag(flag) => serializer.serialize_bool(*flag),
            Node::Number { value, .. } => value.serialize(serializer),
            Node::Text(text) => serializer.serialize_str(text),
            Node::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Node::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    object.serialize_entry(name, value)?;
                }
                object.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_the_order_of_its_fields_and_those_that_are_there_twice() {
        let text = r#"{"b":[null,true,1,-2,1.5,"x"],"a":{},"b":0}"#;
        let node: Node = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&node).unwrap(), text);
        let Node::Object(fields) = node else { panic!() };
        assert_eq!(
            fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["b", "a", "b"]
        );
    }

    #[test]
    fn what_is_shown_of_a_document_is_short_and_on_one_line() {
        let shown = Node::Text(format!("a\n\u{202e}{}", "x".repeat(100))).found();
        assert!(
            shown.chars().count() < 60 && !shown.contains('\n') && !shown.contains('\u{202e}'),
            "{shown}"
        );
    }
}
