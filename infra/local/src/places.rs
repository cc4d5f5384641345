//! Where things are: the workspace's sources, and what is made under its target directory.

use crate::error::LocalError;
use std::path::{Path, PathBuf};

/// Paths in the workspace this crate was built from.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    workspace: PathBuf,
    local: PathBuf,
}

impl Places {
    /// The workspace's places. `target/local` is made if it is missing.
    pub(crate) fn find() -> Result<Self, LocalError> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = workspace.canonicalize().map_err(LocalError::file("find", &workspace))?;
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| workspace.join("target"), PathBuf::from);
        let local = workspace.join(target).join("local");
        std::fs::create_dir_all(&local).map_err(LocalError::file("create", &local))?;
        Ok(Self { workspace, local })
    }

    /// The root of the workspace.
    pub(crate) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// What is deployed to the home Region.
    pub(crate) fn template(&self) -> PathBuf {
        self.workspace.join("infra/template.yaml")
    }

    /// What is deployed to every Region that has a key or forwards events.
    pub(crate) fn regional(&self) -> PathBuf {
        self.workspace.join("infra/regional.yaml")
    }

    /// The emulators' Python packages and requirements.
    pub(crate) fn emulators(&self) -> PathBuf {
        self.workspace.join("infra/local/emulators")
    }

    /// What is prepared once and kept: environments, packages, transformed templates.
    pub(crate) fn kept(&self, name: &str) -> PathBuf {
        self.local.join(name)
    }
}

/// The last lines of a log, for error messages.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
