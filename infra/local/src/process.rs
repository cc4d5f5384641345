//! Child processes that never outlive us.
//!
//! All children of one local AWS are in one process group, led by a shell that waits for the end of
//! its standard input and then ends the group. We hold the other end of that pipe, so the group
//! ends with us however we end: return, panic, Ctrl-C or SIGKILL.

use crate::error::LocalError;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `cat` ends when the pipe closes. TERM lets the emulators remove their files; KILL is for what
/// does not listen.
const KEEPER: &str = "trap '' TERM INT; cat >/dev/null; kill -TERM 0; sleep 0.5; kill -KILL 0";

/// A process group that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Group {
    keeper: Child,
    children: Vec<Child>,
}

impl Group {
    /// An empty group.
    pub(crate) fn start() -> Result<Self, LocalError> {
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| LocalError::Program {
                program: "/bin/sh".to_owned(),
                source,
                advice: "The local AWS needs a POSIX shell.",
            })?;
        Ok(Self { keeper, children: Vec::new() })
    }

    /// Starts a program in the group; what it says goes to `log`. Gives its index in the group.
    pub(crate) fn run<S: AsRef<OsStr>>(
        &mut self,
        program: &Path,
        arguments: &[S],
        directory: &Path,
        log: &Path,
    ) -> Result<usize, LocalError> {
        let output = File::create(log).map_err(LocalError::file("create", log))?;
        let errors = output.try_clone().map_err(LocalError::file("open", log))?;
        let group = i32::try_from(self.keeper.id()).unwrap_or_default();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(group)
            .spawn()
            .map_err(|source| LocalError::Program {
                program: program.display().to_string(),
                source,
                advice: "Remove target/local and start again, so that it is made anew.",
            })?;
        self.children.push(child);
        Ok(self.children.len().saturating_sub(1))
    }

    /// How the child ended, if it has.
    pub(crate) fn ended(&mut self, index: usize) -> Option<String> {
        match self.children.get_mut(index)?.try_wait() {
            Ok(Some(status)) => Some(status.to_string()),
            Ok(None) => None,
            Err(problem) => Some(problem.to_string()),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        for child in &mut self.children {
            // An error means that it is gone already.
            let _ = child.wait();
        }
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn dropping_the_group_ends_what_does_not_listen_to_term() {
        let log = std::env::temp_dir().join(format!("amiline-group-{}", std::process::id()));
        let mut group = Group::start().unwrap();
        let script = "trap '' TERM; while :; do sleep 0.05; done";
        let child =
            group.run(Path::new("/bin/sh"), &["-c", script], &std::env::temp_dir(), &log).unwrap();
        assert_eq!(group.ended(child), None);
        let since = Instant::now();
        drop(group);
        assert!(since.elapsed() < Duration::from_secs(5));
        std::fs::remove_file(log).unwrap();
    }
}
