//! Names of the code that ARCHITECTURE.md and the decisions mention are in the code.

use amiline_pages::repository;
use std::collections::BTreeSet;

/// Where a name that begins so is a path.
const ROOMS: [&str; 8] =
    ["cli/", "docs/", "events/", "functions/", "infra/", "shared/", "tests/", ".cargo/"];

/// What stands between backticks on a page, with its line; blocks of code are left out.
fn names(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(|name| (number + 1, name)));
        }
    }
    found
}

fn is_word(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The word by which a name is found in the code; none if it may be a name of AWS's or of a tool.
fn searched(name: &str) -> Option<&str> {
    let name = name.trim_end_matches("()");
    match name.rsplit_once("::") {
        Some((_, last)) => is_word(last).then_some(last),
        None => {
            (is_word(name) && name.contains('_') && name.to_lowercase() == name).then_some(name)
        }
    }
}

#[test]
fn names_of_the_code_in_architecture_and_decisions_exist() {
    let mut words = BTreeSet::new();
    for file in repository::files(&["rs", "yaml", "toml"])
        .iter()
        .filter(|file| !file.starts_with("tests/pages/"))
    {
        let text = repository::read(file);
        let parts = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        words.extend(parts.map(str::to_owned));
    }
    let mut problems = Vec::new();
    let pages = repository::pages().into_iter();
    for page in
        pages.filter(|page| page == "ARCHITECTURE.md" || page.starts_with("docs/decisions/"))
    {
        for (line, name) in names(&repository::read(&page)) {
            let is_path =
                ROOMS.iter().any(|room| name.starts_with(room)) && !name.contains(['*', ' ']);
            let glossary =
                page == "ARCHITECTURE.md" && is_word(name) && name.starts_with(char::is_uppercase);
            let exists = match searched(name) {
                _ if is_path => repository::root().join(name).exists(),
                Some(word) => words.contains(word),
                None => !glossary || words.contains(name),
            };
            if !exists {
                problems
                    .push(format!("{page}:{line}: there is no {name} any more: give its new name"));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
