//! What can go wrong while the local AWS is prepared, started and used.

use std::path::PathBuf;

/// Each message says what happened, to what, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or directory could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A program is missing.
    #[error("cannot run `{program}`: {source}. {advice}")]
    Program {
        /// The program.
        program: String,
        /// Why not.
        source: std::io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// A program ran and failed.
    #[error("{what} failed ({status}). {advice}\n{output}")]
    Failed {
        /// What was being done.
        what: String,
        /// How it ended.
        status: String,
        /// What to do.
        advice: &'static str,
        /// The end of what it said.
        output: String,
    },
    /// `cargo build` succeeded without naming a binary that was asked for.
    #[error(
        "the build made no binary called `{name}`. Is its crate still a member of the workspace?"
    )]
    NoBinary {
        /// The binary.
        name: String,
    },
    /// The port of the endpoint is taken.
    #[error(
        "cannot listen on 127.0.0.1:{port}: {source}. Stop what listens there, or choose another with --port"
    )]
    Port {
        /// The port.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },
    /// An emulator ended or never answered.
    #[error("{name}, a part of the local AWS, {how}. Its output is in {}; its last lines:\n{tail}", log.display())]
    Emulator {
        /// Which.
        name: &'static str,
        /// What it did.
        how: String,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A call to the local AWS failed.
    #[error("{what}: {source}")]
    Aws {
        /// What was being done.
        what: String,
        /// The answer.
        source: crate::aws::AwsError,
    },
    /// CloudFormation ended elsewhere than in CREATE_COMPLETE.
    #[error("stack {stack} in {region} ended as {status}: {reasons}. The template is {}", template.display())]
    Stack {
        /// The stack.
        stack: String,
        /// Its Region.
        region: String,
        /// How it ended.
        status: String,
        /// The failed resources and why.
        reasons: String,
        /// Where the template is.
        template: PathBuf,
    },
    /// CloudFormation said that all is there, and it is not.
    #[error(
        "stack {stack} in {region} was created, but what exists is not what the template says:\n  {}\n\
         The local CloudFormation may not know a resource type or property; see infra/local/emulators/README.md",
        problems.join("\n  ")
    )]
    Missing {
        /// The stack.
        stack: String,
        /// Its Region.
        region: String,
        /// One line for each difference.
        problems: Vec<String>,
    },
    /// A thread or runtime could not be started.
    #[error("cannot start {what}: {source}")]
    Thread {
        /// What.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// Something answered in a form that is not understood.
    #[error("{what} answered in a form that is not understood: {problem}")]
    Answer {
        /// Who.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl LocalError {
    /// For `map_err` on file operations.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// For `map_err` on calls to the local AWS.
    pub(crate) fn aws(what: impl Into<String>) -> impl FnOnce(crate::aws::AwsError) -> Self {
        let what = what.into();
        move |source| Self::Aws { what, source }
    }
}
