//! The event files, and the tables in `events/README.md` that say what each is and what becomes of
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What the README says of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The rules that let it in, wherever it arrives.
    pub rules: BTreeSet<String>,
    /// Whether a function can read it; none if it is no message.
    pub decodes: Option<bool>,
    /// Whether the stream's mapping passes it on; none if it does not come from the stream.
    pub passes: Option<bool>,
}

/// One event file.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its path below `events/`.
    pub file: String,
    /// Its content.
    pub body: String,
    /// What the README says of it.
    pub row: Row,
}

/// The directory of the events.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

/// Every event file with its row. Panics if one has no row, or a row no file.
pub fn all() -> Vec<Event> {
    let mut rows = rows();
    let mut events = Vec::new();
    for folder in ["", "rejected/"] {
        let entries =
            std::fs::read_dir(directory().join(folder)).expect("the events' directory can be read");
        for entry in entries {
            let name =
                entry.expect("an entry").file_name().into_string().expect("a plain file name");
            if !name.ends_with(".json") || name.ends_with(".schema.json") {
                continue;
            }
            let file = format!("{folder}{name}");
            let row = rows
                .remove(&file)
                .unwrap_or_else(|| panic!("events/README.md does not tell what {file} is"));
            let body =
                std::fs::read_to_string(directory().join(&file)).expect("an event can be read");
            events.push(Event { file, body, row });
        }
    }
    assert!(
        rows.is_empty(),
        "events/README.md speaks of files that there are not: {:?}",
        rows.keys()
    );
    events.sort_by(|a, b| a.file.cmp(&b.file));
    events
}

/// The README's tables. Their headers say what the columns are.
fn rows() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(directory().join("README.md"))
        .expect("events/README.md can be read");
    let mut rows = BTreeMap::new();
    let mut header: Vec<String> = Vec::new();
    let mut folder = "";
    for line in text.lines() {
        if line.starts_with("## ") {
            folder = if line.contains("`rejected/`") { "rejected/" } else { "" };
        }
        let Some(inner) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            continue;
        };
        let cells: Vec<&str> = inner.split(" | ").collect();
        if cells.first() == Some(&"file") {
            header = cells.iter().map(|cell| (*cell).to_owned()).collect();
            continue;
        }
        if cells.iter().all(|cell| cell.chars().all(|c| c == '-')) {
            continue;
        }
        assert_eq!(
            cells.len(),
            header.len(),
            "a row of events/README.md has another number of cells: {line}"
        );
        let column =
            |name: &str| header.iter().position(|title| title == name).map(|index| cells[index]);
        let passes = column("`notify` sees it").map(yes);
        let row = Row {
            rules: column("rule").map(quoted).unwrap_or_default().into_iter().collect(),
            decodes: if passes.is_some() { None } else { Some(column("decodes").is_none_or(yes)) },
            passes,
        };
        for file in quoted(cells[0]) {
            rows.insert(format!("{folder}{file}"), row.clone());
        }
    }
    rows
}

fn yes(cell: &str) -> bool {
    match cell {
        "yes" => true,
        "no" => false,
        other => panic!("{other} is neither yes nor no"),
    }
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
