//! Inputs that once broke a law, kept in `regressions/TARGET/`, one file each.

use crate::target::Target;
use std::io;
use std::path::{Path, PathBuf};

/// The directory of a target's.
pub fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(target)
}

/// Every one of a target, by file name.
pub fn of(target: &Target) -> io::Result<Vec<(String, Vec<u8>)>> {
    let directory = directory(target.name);
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push((name, std::fs::read(&path)?));
    }
    found.sort();
    Ok(found)
}

/// Keeps one. Its name comes from the law that it breaks; give it a better one, and a line in the
/// README.
pub fn keep(target: &str, law: &str, input: &[u8]) -> io::Result<PathBuf> {
    let words: Vec<&str> =
        law.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").to_lowercase().chars().take(60).collect();
    let directory = directory(target);
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(name);
    std::fs::write(&path, input)?;
    Ok(path)
}
