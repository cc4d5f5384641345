//! The tables that are made from the templates, between comments that name their source:
//! `<!-- made from infra/template.yaml: parameters -->`, the table, `<!-- end -->`.

use crate::repository;
use crate::yaml::{self, Node};

const BEGIN: &str = "<!-- made from ";
const END: &str = "<!-- end -->";

/// The page with each of its tables made anew.
pub fn made_anew(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (source, after) = after.split_once(" -->").expect("the comment ends");
        let (_, after) = after.split_once(END).expect("the table ends");
        out.push_str(&format!("{before}{BEGIN}{source} -->\n{}{END}", table(source)));
        rest = after;
    }
    out + rest
}

fn table(source: &str) -> String {
    let (file, what) = source.split_once(": ").expect("a source is FILE: WHAT");
    let template =
        yaml::parse(&repository::read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    match what {
        "parameters" => parameters(template.get("Parameters").expect("a template has parameters")),
        "outputs" => outputs(template.get("Outputs").expect("a template has outputs")),
        other => panic!("no table is made of {other}"),
    }
}

fn parameters(all: &Node) -> String {
    let mut out =
        "| parameter | default | allowed | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for (name, parameter) in all.fields() {
        let default = match (parameter.get("Default").is_some(), parameter.text("Default")) {
            (false, _) => "required".to_owned(),
            (true, text) if text.is_empty() => "empty".to_owned(),
            (true, text) => format!("`{text}`"),
        };
        let meaning = parameter.text("Description");
        out.push_str(&format!(
            "| `{name}` | {default} | {} | {} |\n",
            allowed(parameter),
            cell(&meaning)
        ));
    }
    out
}

fn allowed(parameter: &Node) -> String {
    if let Some(Node::List(values)) = parameter.get("AllowedValues") {
        let values = values.iter().filter_map(|value| match value {
            Node::Text(text) => Some(format!("`{text}`")),
            Node::List(_) | Node::Map(_) => None,
        });
        return values.collect::<Vec<String>>().join(", ");
    }
    match (parameter.text("MinValue"), parameter.text("MaxValue")) {
        (min, max) if !min.is_empty() => format!("{min} to {max}"),
        _ => cell(&parameter.text("ConstraintDescription")),
    }
}

fn outputs(all: &Node) -> String {
    let mut out = "| output | what |\n| --- | --- |\n".to_owned();
    for (name, output) in all.fields() {
        out.push_str(&format!("| `{name}` | {} |\n", cell(&output.text("Description"))));
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*")
}
