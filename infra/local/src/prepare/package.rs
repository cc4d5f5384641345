//! Function packages: a zip with the binary as `bootstrap`, as Lambda takes it.

use super::Lock;
use crate::error::LocalError;
use crate::places::Places;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A package, ready to be uploaded.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// Its file.
    pub(crate) file: PathBuf,
    /// A name that changes with the binary.
    pub(crate) key: String,
}

/// The package of a binary, made if the binary is newer than the last one. Not compressed: it never
/// leaves the machine.
pub(crate) fn package(places: &Places, name: &str, binary: &Path) -> Result<Package, LocalError> {
    let read = || LocalError::file("read", binary);
    let found = std::fs::metadata(binary).map_err(read())?;
    let changed = found.modified().map_err(read())?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let key = format!("{name}-{:x}-{:x}.zip", changed.as_nanos(), found.len());
    let directory = places.kept("packages");
    let file = directory.join(&key);

    let _lock = Lock::take(places, "packages")?;
    if file.is_file() {
        return Ok(Package { file, key });
    }
    std::fs::create_dir_all(&directory).map_err(LocalError::file("create", &directory))?;
    remove_older(&directory, name);
    let part = directory.join(format!("{key}.part"));
    let write = || LocalError::file("write", &part);
    let mut zip = ZipWriter::new(BufWriter::new(File::create(&part).map_err(write())?));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o755)
        .large_file(found.len() > u64::from(u32::MAX));
    zip.start_file("bootstrap", options).map_err(|problem| write()(problem.into()))?;
    std::io::copy(&mut File::open(binary).map_err(read())?, &mut zip).map_err(write())?;
    zip.finish().map_err(|problem| write()(problem.into()))?;
    std::fs::rename(&part, &file).map_err(write())?;
    Ok(Package { file, key })
}

/// Packages of earlier builds of the same binary; tens of megabytes each.
fn remove_older(directory: &Path, name: &str) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&format!("{name}-")) {
            // Whoever still needs it has it open; what cannot be removed only takes space.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
