//! The directory of one running local AWS: its logs, and what the emulators unpack.

use crate::error::LocalError;
use crate::places::Places;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Logs of so many ended runs are kept, for whoever looks into why a test failed.
const KEPT: usize = 5;

/// Held while the local AWS runs.
#[derive(Debug)]
pub(crate) struct Run {
    directory: PathBuf,
    #[expect(
        dead_code,
        reason = "holds the lock by being open, which says that the run has not ended"
    )]
    lock: File,
}

impl Run {
    /// An empty directory for the run on this port. Old runs are cleared away.
    pub(crate) fn start(places: &Places, port: u16) -> Result<Self, LocalError> {
        clear_away(&places.kept(""));
        let directory = places.kept(&format!("run-{port}"));
        match std::fs::remove_dir_all(&directory) {
            Ok(()) => {}
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(LocalError::File { action: "empty", path: directory, source });
            }
        }
        std::fs::create_dir_all(&directory).map_err(LocalError::file("create", &directory))?;
        let path = directory.join("lock");
        let lock = File::create(&path).map_err(LocalError::file("create", &path))?;
        lock.lock().map_err(LocalError::file("lock", &path))?;
        Ok(Self { directory, lock })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What every call is written to.
    pub(crate) fn call_log(&self) -> PathBuf {
        self.directory.join("calls.jsonl")
    }

    /// Where the output of the functions is, one `NAME.log` each.
    pub(crate) fn function_logs(&self) -> PathBuf {
        self.directory.join("functions")
    }

    /// What ministack unpacks: the functions' code.
    pub(crate) fn scratch(&self) -> PathBuf {
        scratch(&self.directory)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Hundreds of megabytes. If it cannot be removed now, a later run does.
        let _ = std::fs::remove_dir_all(self.scratch());
    }
}

fn scratch(directory: &Path) -> PathBuf {
    directory.join("ministack")
}

/// Removes what ended runs left behind; of the newest few only what they unpacked. Whatever cannot
/// be removed stays.
fn clear_away(local: &Path) {
    let entries = std::fs::read_dir(local).into_iter().flatten().flatten();
    let runs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("run-"));
    let mut ended: Vec<(SystemTime, PathBuf)> = runs
        .map(|entry| entry.path())
        .filter(|path| File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()))
        .filter_map(|path| {
            Some((std::fs::metadata(path.join("lock")).ok()?.modified().ok()?, path))
        })
        .collect();
    ended.sort();
    let old = ended.len().saturating_sub(KEPT);
    for (index, (_, path)) in ended.iter().enumerate() {
        let _ = std::fs::remove_dir_all(if index < old { path.clone() } else { scratch(path) });
    }
}
