//! The files of the repository.

use std::path::{Component, Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    normal(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

/// The text of a file; `path` is relative to the root.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below the root with one of these extensions, relative to the root and sorted. Build
/// output and hidden directories are left out.
pub fn files(extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory can be read") {
            let path = entry.expect("an entry can be read").path();
            let name =
                path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "__pycache__" {
                    open.push(path);
                }
            } else if extensions.iter().any(|extension| name.ends_with(&format!(".{extension}"))) {
                let inside = path.strip_prefix(root()).expect("it is below the root");
                found.push(inside.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Every Markdown file.
pub fn pages() -> Vec<String> {
    files(&["md"])
}

/// The path that a relative link leads to, relative to the root; `None` if it leaves the
/// repository.
pub fn target(page: &str, link: &str) -> Option<String> {
    let directory = Path::new(page).parent().expect("a page is in a directory");
    let path = normal(&root().join(directory).join(link));
    Some(path.strip_prefix(root()).ok()?.to_string_lossy().into_owned())
}

/// The path without `.` and `..`, whether it exists or not.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}
