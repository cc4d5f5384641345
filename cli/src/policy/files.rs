//! Which documents are meant: files, every document in a directory, or standard input.

use std::path::{Path, PathBuf};

/// The names that documents end with.
pub(super) const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
/// How standard input is named.
pub(super) const STDIN: &str = "-";

/// The files that are meant by paths, in their order; those of a directory by name. An error names
/// a directory that gives none, and says why.
pub(super) fn meant(paths: &[PathBuf]) -> Vec<Result<PathBuf, (PathBuf, String)>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(Ok(path.clone()));
            continue;
        }
        match documents_in(path) {
            Ok(found) if found.is_empty() => {
                let ends = EXTENSIONS.map(|extension| format!(".{extension}")).join(", ");
                let why =
                    format!("no document is in this directory: nothing in it ends with {ends}");
                files.push(Err((path.clone(), why)));
            }
            Ok(found) => files.extend(found.into_iter().map(Ok)),
            Err(error) => {
                files.push(Err((path.clone(), format!("the directory cannot be read: {error}"))))
            }
        }
    }
    files
}

/// Those that are in the directory itself. What begins with a dot belongs to an editor or a tool.
fn documents_in(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if EXTENSIONS.contains(&extension) && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
