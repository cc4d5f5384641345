//! The emulators' Python environments: made once, and again when their requirements change.

use super::{Lock, run};
use crate::error::LocalError;
use crate::places::Places;
use crate::progress::Progress;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The emulators pin different versions of the same packages, hence two environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// Everything but EC2.
    Ministack,
    /// EC2.
    Moto,
}

impl Environment {
    fn name(self) -> &'static str {
        match self {
            Self::Ministack => "ministack",
            Self::Moto => "moto",
        }
    }
}

const NEEDS_PYTHON: &str =
    "The local AWS needs Python 3.11 or newer with its venv module (Debian: python3-venv).";
const NEEDS_PIP: &str = "pip fetches the emulators' packages from the Python package index (or the one that pip.conf \
    or PIP_INDEX_URL name). Check that it can be reached, then start again.";

/// The Python of an environment, which is made if it is missing or out of date.
pub(crate) fn ensure(
    places: &Places,
    environment: Environment,
    progress: Progress,
) -> Result<PathBuf, LocalError> {
    let name = environment.name();
    let requirements = places.emulators().join(format!("requirements-{name}.txt"));
    let directory = places.kept(&format!("venv-{name}"));
    let python = directory.join("bin/python");
    let stamp = directory.join("amiline-stamp");
    let content = std::fs::read(&requirements).map_err(LocalError::file("read", &requirements))?;
    let wanted = hex::encode(Sha256::digest(&content));

    let _lock = Lock::take(places, &format!("venv-{name}"))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && works(&python) {
        return Ok(python);
    }
    let step = progress.start(&format!("Installing the emulators' packages ({name})"));
    if directory.exists() {
        std::fs::remove_dir_all(&directory).map_err(LocalError::file("remove", &directory))?;
    }
    let what = format!("making the Python environment {}", directory.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(&directory), &what, NEEDS_PYTHON)?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
    ]);
    run(pip.arg(&requirements), &format!("installing {}", requirements.display()), NEEDS_PIP)?;
    std::fs::write(&stamp, wanted).map_err(LocalError::file("write", &stamp))?;
    step.done();
    Ok(python)
}

/// An upgrade of the system's Python leaves an environment's links dangling.
fn works(python: &Path) -> bool {
    python.exists()
}
