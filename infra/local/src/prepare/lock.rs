//! One process at a time prepares a thing: tests start several local AWSs at once.

use crate::error::LocalError;
use crate::places::Places;
use std::fs::File;

/// Held until dropped, also by a process that is killed.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "holds the lock by being open")] File);

impl Lock {
    /// Waits until nobody else holds the lock of that name.
    pub(crate) fn take(places: &Places, name: &str) -> Result<Self, LocalError> {
        let path = places.kept(&format!("{name}.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(LocalError::file("open", &path))?;
        file.lock().map_err(LocalError::file("lock", &path))?;
        Ok(Self(file))
    }
}
