//! Every page and heading that the code cites is in the repository.

use amiline_pages::page::Page;
use amiline_pages::{citations, repository};
use std::collections::BTreeMap;

/// The examples in its tests cite pages that do not exist.
const EXAMPLES: &str = "tests/pages/src/";
/// Files in hidden directories, and without an extension.
const OTHERS: [&str; 2] = [".cargo/config.toml", ".ci/run"];

#[test]
fn every_page_and_heading_that_the_code_cites_exists() {
    let pages: BTreeMap<String, Page> = repository::pages()
        .into_iter()
        .map(|path| (path.clone(), Page::parse(&repository::read(&path))))
        .collect();
    let mut problems = Vec::new();
    let mut resolved = 0_usize;
    let mut files = repository::files(&["rs", "py", "yaml", "toml", "in"]);
    files.retain(|file| !file.starts_with(EXAMPLES));
    files.extend(OTHERS.map(str::to_owned));
    for file in files {
        for (number, line) in repository::read(&file).lines().enumerate() {
            for citation in citations::on_line(line) {
                match citations::unresolved(&pages, &citation) {
                    Some(problem) => problems.push(format!("{file}:{}: {problem}", number + 1)),
                    None => resolved += 1,
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    assert!(resolved > 100, "only {resolved} citations were found: the test no longer reads them");
}
