//! What can be typed.

use crate::failure::EXIT_CODES;
use crate::output;
use crate::paint::Paint;
use crate::table::wrapped_lines;
use amiline_aws::SignIn;
use amiline_domain::day::Day;
use amiline_domain::escape::one_line;
use amiline_domain::ids::{
    FamilyId, ImageId, InstanceId, PolicyName, Region, SnapshotId, StackName, TagPrefix,
};
use amiline_domain::selection::{FamilyState, Selection};
use amiline_domain::time::plus_seconds;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

/// Amiline makes machine images (AMIs) of EC2 instances, copies and shares them, as policies say.
/// This command asks for images, shows which there are, where they came from and why one is
/// missing, and manages the policies.
#[derive(Debug, Parser)]
#[command(name = "amiline", version)]
pub(crate) struct Args {
    /// The CloudFormation stack that Amiline is deployed as.
    #[arg(long, global = true, default_value = "amiline")]
    pub(crate) stack: StackName,
    /// The stack's parameter TagPrefix: the first part of its tags and of its parameters' names.
    #[arg(long, global = true, default_value = "amiline")]
    pub(crate) prefix: TagPrefix,
    /// The Region that the stack is deployed to [default: the AWS configuration's].
    #[arg(long, global = true)]
    pub(crate) region: Option<Region>,
    /// The AWS profile to sign in with; it counts more than keys in the environment [default:
    /// AWS_PROFILE].
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Ask AWS at this address instead, such as a local AWS [default: AWS_ENDPOINT_URL].
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Print one JSON document instead of text, and errors as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the newest families: each an image made from an instance, with its copies.
    Families {
        /// How many are listed at most.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        filter: Filter,
        /// Only those that ended so: complete, partial, failed, rejected; or in-progress.
        #[arg(long)]
        outcome: Option<FamilyState>,
    },
    /// Show the tree that an image, a snapshot, an instance or a family belongs to, with its
    /// history.
    Lineage {
        /// ami-..., snap-..., i-... or fam-...
        of: Subject,
        /// The Region of the image, snapshot or instance. Otherwise it is looked for in every
        /// Region of the stack.
        #[arg(long)]
        r#in: Option<Region>,
    },
    /// List the newest image that each scheduled instance has in each Region, worst first. Ends
    /// with 1 if one is missing or too old, or if a Region could not be read.
    Coverage {
        /// List only what is missing or too old.
        #[arg(long)]
        bad: bool,
    },
    /// Explain what would happen if an image of an instance were asked for now, and what happened
    /// last.
    Why {
        /// The instance: i-...
        instance: InstanceId,
        /// The Region of the instance. Otherwise it is looked for in every Region of the stack.
        #[arg(long)]
        r#in: Option<Region>,
    },
    /// Ask for an image of an instance now, as its tag PREFIX:image does.
    Press {
        /// The instance: i-...
        instance: InstanceId,
        /// The policy that says how the image is made, copied and shared.
        #[arg(long)]
        policy: PolicyName,
        /// The Region of the instance, if it is not the home Region.
        #[arg(long, value_name = "REGION")]
        r#in: Option<Region>,
        /// Wait for the answer and print each step. Ends with 1 unless every image is available and
        /// shared.
        #[arg(long)]
        wait: bool,
    },
    /// Make another attempt at what failed in a family, or in all of them.
    Retry {
        /// fam-...
        #[arg(
            required_unless_present = "all_failed",
            conflicts_with_all = ["all_failed", "instance", "policy", "since"]
        )]
        family: Option<FamilyId>,
        /// Retry every family that ended with something missing. Without --since: of the last seven
        /// days.
        #[arg(long)]
        all_failed: bool,
        #[command(flatten)]
        filter: Filter,
        /// With --all-failed: do not ask.
        #[arg(long, requires = "all_failed")]
        yes: bool,
    },
    /// Stop every change in EC2, or let Amiline go on.
    KillSwitch {
        #[command(subcommand)]
        command: KillSwitchCommand,
    },
    /// Check, compare, write and read policies.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
}

/// Everybody who is subscribed hears who turned the switch, and why.
#[derive(Debug, Subcommand)]
pub(crate) enum KillSwitchCommand {
    /// Stop every change in EC2 within a minute. What EC2 has begun goes on.
    On {
        /// Why. It is announced.
        #[arg(long)]
        reason: String,
    },
    /// Let Amiline go on where it was.
    Off {
        /// Why. It is announced.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Say where the switch stands, who turned it, and why.
    Status,
}

/// Which families.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Filter {
    /// Only those of this instance.
    #[arg(long, value_name = "I-...")]
    pub(crate) instance: Option<InstanceId>,
    /// Only those under this policy, or that asked for it.
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<PolicyName>,
    /// Only those that were asked for since: 2026-11-24, 2026-11-24T12:00:00Z, or a length of time
    /// back from now as 90m, 36h or 7d.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Since>,
}

impl Filter {
    /// The families that are meant, in this state.
    pub(crate) fn selection(&self, state: Option<FamilyState>, now: Timestamp) -> Selection {
        Selection {
            instance: self.instance.clone(),
            policy: self.policy.clone(),
            state,
            since: self.since.map(|since| since.before(now)),
        }
    }
}

/// Since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// A moment.
    At(Timestamp),
    /// So many seconds ago.
    Ago(i64),
}

impl Since {
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Since::At(at) => at,
            Since::Ago(seconds) => plus_seconds(now, seconds.saturating_neg()),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("m", 60), ("h", 3_600), ("d", 86_400)];
        let length = units.into_iter().find_map(|(unit, seconds)| {
            let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
            Some(i64::from(count).saturating_mul(seconds))
        });
        if let Some(seconds) = length {
            return Ok(Since::Ago(seconds));
        }
        let midnight = || text.parse::<Day>().ok().map(Day::start);
        text.parse().ok().or_else(midnight).map(Since::At).ok_or_else(|| {
            "give a day as 2026-11-24 (from midnight in UTC), a moment as 2026-11-24T12:00:00Z, or a length of time as 90m, \
             36h or 7d"
                .to_owned()
        })
    }
}

/// A document is a file NAME.yaml, NAME.yml or NAME.json: NAME is the policy's name.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say everything that is wrong with documents, and when their schedules will run. Needs no
    /// AWS.
    Check {
        /// NAME.yaml, NAME.json, a directory of such files, or - for standard input
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Show when a policy's schedule will run: its next slots in its time zone and in UTC.
    Slots {
        /// NAME.yaml or NAME.json, or the name of a stored policy.
        policy: String,
        /// The day to begin with, as 2026-03-28 [default: now].
        #[arg(long)]
        from: Option<Date>,
        /// How many slots.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// Show what documents would change against the versions in force.
    Diff {
        /// NAME.yaml, NAME.json or a directory of such files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// End with 1 if anything would change.
        #[arg(long)]
        exit_code: bool,
    },
    /// Store documents, as far as they change anything; all of them, or none if any is refused.
    Apply {
        /// NAME.yaml, NAME.json or a directory of such files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// List the stored policies. Ends with 1 if any is refused.
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
    /// Delete a policy with all its versions, once it was said which instances follow it.
    Delete {
        /// The policy.
        name: PolicyName,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Print the JSON Schema of documents, for editors.
    Schema,
}

/// Width of the help where there is no window.
const HELP_COLUMNS: usize = 100;

impl Args {
    /// What was typed; or how the command ends, if it was help or makes no sense, once that has
    /// been said.
    pub(crate) fn typed(words: Vec<OsString>) -> Result<Self, ExitCode> {
        let matches = command().try_get_matches_from(&words);
        let error = match matches.and_then(|matches| Args::from_arg_matches(&matches)) {
            Ok(args) => return Ok(args),
            Err(error) => error,
        };
        let paint = if error.use_stderr() { Paint::for_errors() } else { Paint::for_output() };
        let said = if paint.is_on() {
            error.render().ansi().to_string()
        } else {
            error.render().to_string()
        };
        let said = wrapped_lines(&said, Some(output::width().unwrap_or(HELP_COLUMNS)));
        if error.use_stderr() {
            match words.iter().any(|word| word == "--json") {
                true => output::complain("usage", &output::one_paragraph(&said), true),
                false => output::to_stderr(&said),
            }
            return Err(ExitCode::from(2));
        }
        Err(match output::print(&said) {
            Ok(()) => ExitCode::SUCCESS,
            Err(unwritten) => {
                if !unwritten.is_closed_pipe() {
                    output::complain("output", &unwritten.to_string(), false);
                }
                unwritten.exit_code()
            }
        })
    }
}

impl Command {
    /// Whether it prints a document, which no window may change.
    pub(crate) fn prints_a_document(&self) -> bool {
        matches!(
            self,
            Command::Policy { command: PolicyCommand::Show { .. } | PolicyCommand::Schema }
        )
    }
}

impl Args {
    /// How to get to AWS.
    pub(crate) fn sign_in(&self) -> SignIn {
        SignIn {
            region: self.region.clone(),
            profile: self.profile.clone(),
            endpoint: self.endpoint_url.clone(),
        }
    }

    /// Where AWS is asked, if not at AWS, to be shown.
    #[expect(clippy::disallowed_methods, reason = "an edge: the SDK reads the same variable")]
    pub(crate) fn endpoint(&self) -> Option<String> {
        let configured = || std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
        self.endpoint_url.clone().or_else(configured).map(|url| one_line(&url, 100))
    }
}

/// The command line, with the exit codes in the help of each command.
fn command() -> clap::Command {
    with_exit_codes(Args::command())
}

fn with_exit_codes(command: clap::Command) -> clap::Command {
    command.after_help(EXIT_CODES).mut_subcommands(with_exit_codes)
}

/// What belongs to a family, or a family.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Image(ImageId),
    Snapshot(SnapshotId),
    Instance(InstanceId),
    Family(FamilyId),
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(image) = ImageId::new(text) {
            return Ok(Subject::Image(image));
        }
        if let Ok(snapshot) = SnapshotId::new(text) {
            return Ok(Subject::Snapshot(snapshot));
        }
        if let Ok(family) = FamilyId::new(text) {
            return Ok(Subject::Family(family));
        }
        InstanceId::new(text).map(Subject::Instance).map_err(|_| {
            "give an image (ami- and 8 or 17 hexadecimal digits), a snapshot (snap-) or an instance (i-) in the same way, or \
             a family (fam- and 16 hexadecimal digits)"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_reference_lists_every_command_and_the_exit_codes() {
        let page = include_str!("../../docs/reference/commands.md");
        assert!(page.contains(EXIT_CODES), "{EXIT_CODES}");
        for command in command().get_subcommands() {
            let name = command.get_name();
            assert!(page.contains(&format!("`amiline {name} ")), "amiline {name}");
            for inner in command.get_subcommands().map(clap::Command::get_name) {
                // The kill switch has its three words in one row.
                let is_there = page.contains(&format!("`amiline {name} {inner}"))
                    || page.contains(&format!("`{inner}"));
                assert!(is_there, "amiline {name} {inner}");
            }
        }
    }

    #[test]
    fn a_time_is_a_day_a_moment_or_so_long_ago() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let since = |text: &str| text.parse::<Since>().map(|since| since.before(now).to_string());
        assert_eq!(since("2026-11-20"), Ok("2026-11-20T00:00:00Z".to_owned()));
        assert_eq!(since("2026-11-20T06:30:00Z"), Ok("2026-11-20T06:30:00Z".to_owned()));
        assert_eq!(since("90m"), Ok("2026-11-24T10:30:00Z".to_owned()));
        assert_eq!(since("36h"), Ok("2026-11-23T00:00:00Z".to_owned()));
        assert_eq!(since("7d"), Ok("2026-11-17T12:00:00Z".to_owned()));
        for bad in ["", "yesterday", "7", "-1d", "2026-13-01"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn retry_takes_a_family_or_all_that_failed() {
        let typed = |words: &[&str]| Args::try_parse_from([&["amiline"], words].concat()).is_ok();
        assert!(
            typed(&["retry", "fam-0123456789abcdef"])
                && typed(&["retry", "--all-failed", "--policy", "web"])
        );
        assert!(typed(&["retry", "--all-failed", "--since", "2d", "--yes"]));
        for wrong in [
            &["retry"][..],
            &["retry", "fam-0123456789abcdef", "--all-failed"],
            &["families", "--limit", "0"],
        ] {
            assert!(!typed(wrong), "{wrong:?}");
        }
        assert!(!typed(&["retry", "fam-0123456789abcdef", "--policy", "web"]));
    }

    #[test]
    fn images_and_instances_are_told_apart_and_anything_else_is_refused() {
        assert!(matches!("ami-0123456789abcdef0".parse(), Ok(Subject::Image(_))));
        assert!(matches!("i-0123456789abcdef0".parse(), Ok(Subject::Instance(_))));
        assert!(matches!("snap-0123456789abcdef0".parse(), Ok(Subject::Snapshot(_))));
        assert!(matches!("fam-0123456789abcdef".parse(), Ok(Subject::Family(_))));
        assert!("vol-1".parse::<Subject>().is_err());
    }
}
