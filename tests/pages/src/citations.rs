//! Citations of pages in comments and texts of the code, such as `aws-behaviour.md#events`.

use crate::page::Page;
use std::collections::BTreeMap;

/// A page that a line names, with an anchor or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// A path from the root, or the end of one: `docs/SUMMARY.md`, `aws-behaviour.md`.
    pub path: String,
    /// The heading that it means.
    pub anchor: Option<String>,
}

/// The citations on a line. Addresses on the web are none.
pub fn on_line(line: &str) -> Vec<Citation> {
    let parts = |letter: char| !(letter.is_ascii_alphanumeric() || "/-_.#:".contains(letter));
    line.split(parts).filter(|word| !word.contains("://")).filter_map(citation).collect()
}

fn citation(word: &str) -> Option<Citation> {
    let word = word.trim_end_matches(['.', ':']);
    let (path, anchor) = match word.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (word, None),
    };
    let path = path.rsplit(':').next().unwrap_or_default().trim_start_matches(['.', '/']);
    let name = path.strip_suffix(".md")?;
    (!name.is_empty() && !name.ends_with('/')).then(|| Citation { path: path.to_owned(), anchor })
}

/// What is wrong with a citation, if anything. A page may be cited by its file's name alone.
pub fn unresolved(pages: &BTreeMap<String, Page>, citation: &Citation) -> Option<String> {
    let end = format!("/{}", citation.path);
    let meant = |path: &str| path == citation.path || path.ends_with(&end);
    let mut found = pages.iter().filter(|(path, _)| meant(path)).peekable();
    if found.peek().is_none() {
        return Some(format!("{}: there is no such page", citation.path));
    }
    let anchor = citation.anchor.as_deref()?;
    let is_there = found.any(|(_, page)| page.anchors.contains(anchor));
    (!is_there).then(|| format!("{} has no heading #{anchor}", citation.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(path: &str, anchor: Option<&str>) -> Citation {
        Citation { path: path.to_owned(), anchor: anchor.map(str::to_owned) }
    }

    #[test]
    fn citations_are_found_in_comments_and_texts() {
        let line =
            "// Once (guide.md#limits); see docs/guide.md. \"no issue: docs/guide.md#why, 13\"";
        let expected = [
            cited("guide.md", Some("limits")),
            cited("docs/guide.md", None),
            cited("docs/guide.md", Some("why")),
        ];
        assert_eq!(on_line(line), expected);
    }

    #[test]
    fn addresses_and_endings_are_no_citations() {
        assert_eq!(
            on_line("https://example.com/guide.md#limits, *.md, `.md`, files(&[\"md\"])"),
            []
        );
    }

    #[test]
    fn a_page_without_the_heading_and_a_page_that_is_not_there_are_reported() {
        let pages = BTreeMap::from([("docs/guide.md".to_owned(), Page::parse("# Limits\n"))]);
        assert_eq!(unresolved(&pages, &cited("guide.md", Some("limits"))), None);
        assert!(unresolved(&pages, &cited("guide.md", Some("limit"))).is_some());
        assert!(unresolved(&pages, &cited("uide.md", None)).is_some());
    }
}
