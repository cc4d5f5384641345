//! What can be typed.

use amiline_domain::ids::{FamilyId, ImageId, InstanceId, PolicyName, Region, StackName, TagPrefix};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::str::FromStr;

/// Images made by Amiline: where they are, where they came from, how old they are and why, and another try at what failed;
/// and the policies that say what is done.
#[derive(Debug, Parser)]
#[command(name = "amiline", version)]
pub(crate) struct Args {
    /// The deployed stack.
    #[arg(long, global = true, default_value = "amiline")]
    pub(crate) stack: StackName,
    /// The stack's TagPrefix: the first part of its tags and parameters.
    #[arg(long, global = true, default_value = "amiline")]
    pub(crate) prefix: TagPrefix,
    /// The stack's home Region [default: the AWS configuration's].
    #[arg(long, global = true)]
    pub(crate) region: Option<Region>,
    /// One JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the newest families: each an image made from an instance, with its copies.
    Families {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u16,
    },
    /// Show the tree that an image or an instance belongs to, with its history.
    Lineage {
        /// ami-... or i-...
        of: Subject,
        /// The Region of the image or instance, if it is not the home Region. Images are looked for in every Region of
        /// the newest families otherwise.
        #[arg(long)]
        r#in: Option<Region>,
    },
    /// List the newest image of every enrolled instance in each Region, worst first. Ends with 1 if any is too old.
    Coverage {
        /// Only what is not in order.
        #[arg(long)]
        bad: bool,
    },
    /// Explain what would happen to an instance now, and what happened last.
    Why {
        /// i-...
        instance: InstanceId,
        /// The Region of the instance, if it is not the home Region.
        #[arg(long)]
        r#in: Option<Region>,
    },
    /// Make another attempt at what failed in a family.
    Retry {
        /// fam-...
        family: FamilyId,
    },
    /// Check, compare, write and read policies.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
}

/// A document is a file NAME.yaml, NAME.yml or NAME.json: NAME is the policy's name.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say everything that is wrong with documents. Needs no AWS.
    Check {
        /// NAME.yaml or NAME.json
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Show what documents would change against the stored policies.
    Diff {
        /// NAME.yaml or NAME.json
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Store documents, as far as they change anything; all of them, or none if any is refused.
    Apply {
        /// NAME.yaml or NAME.json
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// List the stored policies.
    List,
    /// Print a stored policy as JSON.
    Show {
        /// The policy.
        name: PolicyName,
        /// An earlier version [default: the newest].
        #[arg(long)]
        version: Option<u64>,
    },
    /// List the versions of a policy: when each was written, by whom, and what it changed.
    History {
        /// The policy.
        name: PolicyName,
    },
    /// Write an earlier version again, as the newest.
    Restore {
        /// The policy.
        name: PolicyName,
        /// The version.
        #[arg(long)]
        version: u64,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Print the JSON Schema of documents, for editors.
    Schema,
}

/// An image or an instance.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Image(ImageId),
    Instance(InstanceId),
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(image) = ImageId::new(text) {
            return Ok(Subject::Image(image));
        }
        InstanceId::new(text).map(Subject::Instance).map_err(|_| {
            "give an image (ami- and 8 or 17 hexadecimal digits) or an instance (i- and the same)".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn images_and_instances_are_told_apart_and_anything_else_is_refused() {
        assert!(matches!("ami-0123456789abcdef0".parse(), Ok(Subject::Image(_))));
        assert!(matches!("i-0123456789abcdef0".parse(), Ok(Subject::Instance(_))));
        assert!("vol-1".parse::<Subject>().is_err());
    }
}
