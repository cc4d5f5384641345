//! YAML with positions. JSON is YAML, so this reads both.

use amiline_domain::document::Node;
use amiline_domain::policy::{Part, Place, Step};
use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, options};
use serde_json::Number;

/// Values inside of each other; a policy has three.
const DEPTH_MAX: usize = 64;

/// A position in a file; both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Spot {
    pub(crate) const START: Spot = Spot { line: 1, column: 1 };

    fn of(marker: Marker) -> Self {
        Self { line: marker.line().max(1), column: marker.col().saturating_add(1) }
    }
}

/// Where a value is, and where everything in it is.
#[derive(Debug)]
pub(crate) struct Spots {
    at: Spot,
    /// One for each field or item; a field's name has a position too.
    inner: Vec<(Option<Spot>, Spots)>,
}

impl Spots {
    /// Where a place of the document is in the file; the nearest position that is known.
    pub(crate) fn find(&self, place: &Place) -> Spot {
        let (mut here, mut at) = (self, self.at);
        let last = place.steps.len();
        for (number, step) in place.steps.iter().enumerate() {
            let index = match step {
                Step::Field { index, .. } | Step::Item(index) => *index,
            };
            let Some((name, value)) = here.inner.get(index) else { return at };
            let names_it = place.part == Part::Name && number + 1 == last;
            at = if names_it { name.unwrap_or(value.at) } else { value.at };
            here = value;
        }
        at
    }
}

/// What was read of a file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) node: Node,
    pub(crate) spots: Spots,
    /// What YAML has and policies have not.
    pub(crate) foreign: Vec<(Spot, &'static str)>,
}

/// Reads a text; or says where it is no YAML, and why.
pub(crate) fn read(text: &str) -> Result<Source, (Spot, String)> {
    let options = options! { emit_comments: false, emit_unresolved_aliases: true };
    let mut reader = Reader { foreign: Vec::new(), open: Vec::new(), whole: None };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| broken(&error))?;
        reader.take(event, &span)?;
    }
    let (node, spots) =
        reader.whole.unwrap_or((Node::Null, Spots { at: Spot::START, inner: Vec::new() }));
    Ok(Source { node, spots, foreign: reader.foreign })
}

fn broken(error: &ScanError) -> (Spot, String) {
    (Spot::of(*error.marker()), format!("this is no YAML: {}", error.info()))
}

/// A list or an object whose end is not reached yet.
enum Open {
    List {
        at: Spot,
        items: Vec<Node>,
        inner: Vec<(Option<Spot>, Spots)>,
    },
    Object {
        at: Spot,
        fields: Vec<(String, Node)>,
        inner: Vec<(Option<Spot>, Spots)>,
        name: Option<(String, Spot)>,
    },
}

struct Reader {
    foreign: Vec<(Spot, &'static str)>,
    open: Vec<Open>,
    whole: Option<(Node, Spots)>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), (Spot, String)> {
        let at = Spot::of(span.start);
        if event.tag().is_some() {
            self.foreign
                .push((at, "a policy has no tags (\"!\"); take it out, and put texts in quotes"));
        }
        match event {
            Event::Scalar(text, style, ..) => {
                // A field's name is a text whatever it looks like: `True` and `TRUE` are two keys
                // of tags.
                let is_text = style != ScalarStyle::Plain || self.is_name_next();
                let node = if is_text { Node::Text(text.into_owned()) } else { plain(&text) };
                self.put(node, Spots { at, inner: Vec::new() });
            }
            Event::SequenceStart(..) => {
                self.begin(Open::List { at, items: Vec::new(), inner: Vec::new() })?
            }
            Event::MappingStart(..) => {
                self.begin(Open::Object { at, fields: Vec::new(), inner: Vec::new(), name: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { at, items, inner }) => {
                    self.put(Node::List(items), Spots { at, inner })
                }
                Some(Open::Object { at, fields, inner, .. }) => {
                    self.put(Node::Object(fields), Spots { at, inner })
                }
                None => {}
            },
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.foreign.push((at, "a policy has no aliases (\"*\"); write the value out"));
                self.put(Node::Null, Spots { at, inner: Vec::new() });
            }
            Event::DocumentStart(..) if self.whole.is_some() => {
                return Err((
                    at,
                    "a file holds one policy; put the next one into a file of its own".to_owned(),
                ));
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, open: Open) -> Result<(), (Spot, String)> {
        let (Open::List { at, .. } | Open::Object { at, .. }) = &open;
        if self.open.len() >= DEPTH_MAX {
            return Err((
                *at,
                format!("there are more than {DEPTH_MAX} values inside of each other"),
            ));
        }
        self.open.push(open);
        Ok(())
    }

    /// Whether the next value is the name of a field.
    fn is_name_next(&self) -> bool {
        matches!(self.open.last(), Some(Open::Object { name: None, .. }))
    }

    fn put(&mut self, node: Node, spots: Spots) {
        match self.open.last_mut() {
            None => self.whole = Some((node, spots)),
            Some(Open::List { items, inner, .. }) => {
                items.push(node);
                inner.push((None, spots));
            }
            Some(Open::Object { fields, inner, name, .. }) => match name.take() {
                Some((text, at)) => {
                    fields.push((text, node));
                    inner.push((Some(at), spots));
                }
                None => {
                    let text = match node {
                        Node::Text(text) => text,
                        Node::Null
                        | Node::Flag(_)
                        | Node::Number { .. }
                        | Node::List(_)
                        | Node::Object(_) => {
                            self.foreign.push((spots.at, "a field's name is a text"));
                            String::new()
                        }
                    };
                    *name = Some((text, spots.at));
                }
            },
        }
    }
}

/// A text without quotes, by the core schema of YAML 1.2 (section 10.3.2), which JSON's words and
/// numbers follow too.
fn plain(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" => return Node::Flag(true),
        "false" | "False" | "FALSE" => return Node::Flag(false),
        _ => {}
    }
    match number(text) {
        Some(value) => Node::Number { value, written: text.to_owned() },
        None => Node::Text(text.to_owned()),
    }
}

fn number(text: &str) -> Option<Number> {
    let based = |digits: &str, base| u64::from_str_radix(digits, base).ok().map(Number::from);
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| based(digits, 16)).flatten();
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits.bytes().all(|b| b.is_ascii_digit()).then(|| based(digits, 8)).flatten();
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        let whole = text.strip_prefix('+').unwrap_or(text);
        let whole = whole
            .parse::<u64>()
            .map(Number::from)
            .or_else(|_| whole.parse::<i64>().map(Number::from));
        return whole.ok().or_else(|| float(text));
    }
    let looks_like_one = unsigned
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    looks_like_one.then(|| float(text)).flatten()
}

fn float(text: &str) -> Option<Number> {
    text.parse().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use amiline_domain::policy::problems;

    fn json(text: &str) -> String {
        serde_json::to_string(&read(text).unwrap().node).unwrap()
    }

    #[test]
    fn yaml_and_json_are_read_alike() {
        let yaml = "# a comment\ncreate:\n  reboot: false\ndistribute:\n  regions:\n    - us-west-2\n    - \"eu-west-1\"\n";
        let expected =
            r#"{"create":{"reboot":false},"distribute":{"regions":["us-west-2","eu-west-1"]}}"#;
        assert_eq!(json(yaml), expected);
        assert_eq!(json(expected), expected);
    }

    #[test]
    fn words_without_quotes_are_what_yaml_1_2_says() {
        for (text, expected) in [
            ("~", "null"),
            ("True", "true"),
            ("yes", "\"yes\""),
            ("007", "7"),
            ("0x10", "16"),
            ("0o17", "15"),
            ("-5", "-5"),
            ("1.5", "1.5"),
            ("1e2", "100.0"),
            ("1.2.3", "\"1.2.3\""),
            ("-", "[null]"),
            ("us-east-1", "\"us-east-1\""),
            ("99999999999999999999", "1e+20"),
            (".inf", "\".inf\""),
            ("'5'", "\"5\""),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn a_fields_name_keeps_what_was_written() {
        let yaml = "True: a\nTRUE: b\ntrue: c\n0x10: d\n007: e\n~: f\nNull: g\n1e2: h\n+5: i\n";
        let expected = r#"{"True":"a","TRUE":"b","true":"c","0x10":"d","007":"e","~":"f","Null":"g","1e2":"h","+5":"i"}"#;
        assert_eq!(json(yaml), expected);
        assert_eq!(json("tags: {True: True, TRUE: \"x\"}"), r#"{"tags":{"True":true,"TRUE":"x"}}"#);
    }

    #[test]
    fn a_problem_is_found_where_it_stands() {
        let text =
            "create:\n  rebooot: true\nshare:\n  accounts: [\"222222222222\", 5]\ncreate: {}\n";
        let source = read(text).unwrap();
        let spots: Vec<(String, usize, usize)> = problems(&source.node)
            .iter()
            .map(|problem| {
                let spot = source.spots.find(&problem.place);
                (problem.place.to_string(), spot.line, spot.column)
            })
            .collect();
        let expected = [
            ("create.rebooot", 2, 3),
            ("share.accounts[1]", 4, 30),
            ("create", 5, 1),
            ("share.accounts", 4, 13),
        ];
        assert_eq!(spots, expected.map(|(place, line, column)| (place.to_owned(), line, column)));
    }

    #[test]
    fn what_policies_have_not_is_told_with_its_place() {
        let source = read("a: &x !!str 5\nb: *x\n? [c]\n: 1\n").unwrap();
        let spots: Vec<Spot> = source.foreign.iter().map(|(spot, _)| *spot).collect();
        assert_eq!(spots.iter().map(|spot| spot.line).collect::<Vec<_>>(), [1, 2, 3]);
        for text in
            ["a: b: c", "a: [", "{a: 1", "\"", "--- {}\n--- {}\n", &"[".repeat(100_000), "a: \u{1}"]
        {
            assert!(read(text).is_err(), "{:?}", text.chars().take(20).collect::<String>());
        }
        assert_eq!(json(""), "null");
        assert_eq!(json("# nothing\n"), "null");
    }
}
