//! YAML as the templates have it. CloudFormation's short tags (`!Sub`) are dropped: what a page
//! shows has none.

use granit_parser::{Event, Parser};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A text, a number or a word.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The field of a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.fields().iter().find(|(field, _)| field == name).map(|(_, node)| node)
    }

    /// The fields of a map; none of anything else.
    pub fn fields(&self) -> &[(String, Node)] {
        match self {
            Node::Map(fields) => fields,
            Node::Text(_) | Node::List(_) => &[],
        }
    }

    /// The text of a field, on one line; empty without it.
    pub fn text(&self, name: &str) -> String {
        match self.get(name) {
            Some(Node::Text(text)) => text.split_whitespace().collect::<Vec<&str>>().join(" "),
            _ => String::new(),
        }
    }
}

/// Reads one document.
pub fn parse(text: &str) -> Result<Node, String> {
    let mut open: Vec<(Node, Option<String>)> = Vec::new();
    let mut whole = Node::Text(String::new());
    for next in Parser::new_from_str(text) {
        let (event, _) = next.map_err(|error| error.to_string())?;
        let node = match event {
            Event::Scalar(text, ..) => Node::Text(text.into_owned()),
            Event::SequenceStart(..) => {
                open.push((Node::List(Vec::new()), None));
                continue;
            }
            Event::MappingStart(..) => {
                open.push((Node::Map(Vec::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().expect("what ends has begun").0,
            _ => continue,
        };
        match open.last_mut() {
            None => whole = node,
            Some((Node::List(items), _)) => items.push(node),
            Some((Node::Map(fields), name)) => match (name.take(), node) {
                (Some(name), node) => fields.push((name, node)),
                (None, Node::Text(text)) => *name = Some(text),
                (None, _) => return Err("the name of a field is no text".to_owned()),
            },
            Some((Node::Text(_), _)) => return Err("a text holds nothing".to_owned()),
        }
    }
    Ok(whole)
}
