//! `amiline policy`: documents on this machine, policies in Parameter Store.

mod check;
mod compare;
mod delete;
mod files;
mod slots;
mod stored;
mod yaml;

use crate::args::{Args, PolicyCommand};
use crate::ask::{Unasked, agreed};
use crate::commands::{Answer, connect, stack_of};
use crate::output::{self, Unwritten};
use crate::paint::Paint;
use amiline_app::policies::{
    ApplyError, BoundsError, Compared, Proposed, apply, ask_to_tell, compare_all, judged,
    judged_one, version_in_force,
};
use amiline_app::policy_read::policy_texts;
use amiline_app::ports::{CallError, Freshness, PolicyHistory, PolicyVersion};
use amiline_app::settings::WatchedStack;
use amiline_aws::{Aws, ConnectError, Operator};
use amiline_domain::fault::Fault;
use amiline_domain::ids::{PolicyName, Region};
use amiline_domain::policy::{Policy, PolicyError, Written};
use amiline_domain::schedule::Schedule;
use jiff::civil::Date;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use thiserror::Error;

/// Why a command on policies failed.
#[derive(Debug, Error)]
pub(crate) enum PolicyCommandError {
    #[error("there is no policy {0}; `amiline policy list` lists them")]
    NoSuchPolicy(PolicyName),
    #[error("policy {name} has no version {version}; Parameter Store has {}", kept(.versions))]
    NoSuchVersion { name: PolicyName, version: u64, versions: Vec<u64> },
    #[error("version {version} of policy {name} is not restored: {error}")]
    NotRestored { name: PolicyName, version: u64, error: PolicyError },
    #[error("policy {name} cannot be used: {error}")]
    Invalid { name: PolicyName, error: PolicyError },
    #[error(
        "policy {name} was not deleted: who names it in {region} is not known, since that Region could not be read; sign in \
         as somebody who may read tags there"
    )]
    FollowersUnread { name: PolicyName, region: Region },
    #[error(
        "a document on standard input (-) has no name and can only be checked; save it as NAME.yaml"
    )]
    NoName,
    #[error(transparent)]
    Unasked(#[from] Unasked),
    #[error("{0}")]
    Documents(String),
    #[error(transparent)]
    Output(#[from] Unwritten),
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(
        "{0}. It may have been written all the same: `amiline policy diff` shows. What was written stays written; the \
         same command again writes what is left."
    )]
    Unknown(CallError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Apply(ApplyError),
}

fn kept(versions: &[u64]) -> String {
    match versions {
        [] => "none".to_owned(),
        [one] => format!("version {one}"),
        [first, .., last] => format!("versions {first} to {last}"),
    }
}

impl From<ApplyError> for PolicyCommandError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Call(call) if call.fault == Fault::Unknown => Self::Unknown(call),
            ApplyError::Call(call) => Self::Call(call),
            ApplyError::Moved { .. } | ApplyError::Beyond { .. } => Self::Apply(error),
        }
    }
}

impl PolicyCommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoName => ExitCode::from(2),
            Self::Unasked(error) => error.exit_code(),
            Self::NoSuchPolicy(_) | Self::NoSuchVersion { .. } => ExitCode::from(3),
            Self::Output(error) => error.exit_code(),
            Self::NotRestored { .. }
            | Self::Documents(_)
            | Self::Invalid { .. }
            | Self::FollowersUnread { .. }
            | Self::Bounds(_)
            | Self::Connect(_)
            | Self::Unknown(_)
            | Self::Call(_)
            | Self::Apply(_) => ExitCode::FAILURE,
        }
    }

    /// One word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Unasked(_) => "not-asked",
            Self::NoName => "usage",
            Self::FollowersUnread { .. } => "unread",
            Self::NoSuchPolicy(_) | Self::NoSuchVersion { .. } => "not-found",
            Self::Output(_) => "output",
            Self::NotRestored { .. } | Self::Documents(_) | Self::Invalid { .. } => {
                "invalid-policy"
            }
            Self::Bounds(_) => "stack",
            Self::Connect(_) => "configuration",
            Self::Unknown(_) => "unknown-outcome",
            Self::Call(_) => "call",
            Self::Apply(_) => "not-applied",
        }
    }
}

/// Carries a command out. Those that read no stored policy need neither credentials nor a Region.
pub(crate) async fn run(
    args: &Args,
    command: &PolicyCommand,
) -> Result<Answer, PolicyCommandError> {
    let paint = Paint::for_output();
    match command {
        PolicyCommand::Check { files } => {
            let checked = check::check(files);
            let now = amiline_aws::now();
            let text = match args.json {
                true => check::as_json(&checked, now).to_string(),
                false => format!(
                    "{}{}",
                    check::text(&checked, paint),
                    check::slots_text(&checked, paint, now)
                ),
            };
            Ok(Answer::ended(text, check::is_fine(&checked)))
        }
        PolicyCommand::Slots { policy, from, count } => {
            slots_of(args, policy, *from, *count, paint).await
        }
        PolicyCommand::Schema => Ok(Answer::done(amiline_domain::policy::schema())),
        PolicyCommand::Diff { files, exit_code } => match documents(args, files, paint)? {
            Err(refused) => Ok(refused),
            Ok(proposed) => {
                let compared = against_stored(args, &connect(args).await?, proposed).await?;
                let text = if args.json {
                    compare::as_json(&compared, &[]).to_string()
                } else {
                    compare::text(&compared, paint)
                };
                let differs = *exit_code && compared.iter().any(Compared::changes);
                Ok(Answer::ended(
                    text,
                    !differs && compared.iter().all(|one| one.beyond.is_empty()),
                ))
            }
        },
        PolicyCommand::Delete { name, yes } => delete::run(args, name, *yes).await,
        PolicyCommand::Apply { files, yes } => match documents(args, files, paint)? {
            Err(refused) => Ok(refused),
            Ok(proposed) => write(args, &connect(args).await?, proposed, *yes, paint).await,
        },
        PolicyCommand::List => {
            let aws = connect(args).await?;
            // Without the stack nothing can be said of its policies, not even that there are none.
            let stack = stack_of(args, &aws).await?;
            let rows = judged(&aws, &stack.bounds, &stack.stack.keys).await?;
            let text = if args.json {
                stored::list_json(&rows)
            } else {
                stored::list(&rows, &args.prefix)
            };
            Ok(Answer::ended(text, rows.iter().all(|one| one.refused.is_none())))
        }
        PolicyCommand::Show { name, version } => {
            let aws = connect(args).await?;
            let shown = shown(&aws, &stack_of(args, &aws).await?, name, *version).await?;
            if args.json {
                return Ok(Answer::done(shown.as_json()));
            }
            output::to_stderr(&format!("{}\n", shown.note()));
            Ok(Answer::done(shown.text()))
        }
        PolicyCommand::History { name } => {
            let aws = connect(args).await?;
            let stack = stack_of(args, &aws).await?;
            let versions = versions_of(&aws, name).await?;
            let in_force = version_in_force(&versions, &stack.bounds, &stack.stack.keys);
            let history = stored::history(&versions);
            Ok(Answer::done(if args.json {
                stored::history_json(name, &history, in_force)
            } else {
                stored::history_text(name, &history, in_force)
            }))
        }
        PolicyCommand::Restore { name, version, yes } => {
            let aws = connect(args).await?;
            let past = version_of(versions_of(&aws, name).await?, name, *version)?;
            let policy = Policy::parse(&past.text).map_err(|error| {
                PolicyCommandError::NotRestored { name: name.clone(), version: *version, error }
            })?;
            let written = Written { policy, text: past.text };
            write(args, &aws, vec![Proposed { name: name.clone(), written }], *yes, paint).await
        }
    }
}

/// The policies of files; or what is wrong with them.
fn documents(
    args: &Args,
    files: &[PathBuf],
    paint: Paint,
) -> Result<Result<Vec<Proposed>, Answer>, PolicyCommandError> {
    if files.iter().any(|file| file == Path::new(files::STDIN)) {
        return Err(PolicyCommandError::NoName);
    }
    match check::all_fine(check::check(files)) {
        Ok(proposed) => Ok(Ok(proposed)),
        // What a command prints for programs has one shape; `policy check --json` has each problem
        // by itself.
        Err(checked) if args.json => {
            Err(PolicyCommandError::Documents(check::text(&checked, Paint::plain())))
        }
        Err(checked) => Ok(Err(Answer::ended(check::text(&checked, paint), false))),
    }
}

/// Has it told at once that policies can be used again, or not any longer; otherwise their next use
/// or the sweep tells it.
async fn tell_soon(aws: &Aws<Operator>, names: &[PolicyName]) {
    if let Err(error) = ask_to_tell(aws, names).await {
        let told = "done, but whether a policy can be used again is announced only by its next use or by the hourly sweep";
        output::to_stderr(&format!("amiline: {told}: {error}\n"));
    }
}

/// The next slots of a document, or of a stored policy's version in force.
async fn slots_of(
    args: &Args,
    policy: &str,
    from: Option<Date>,
    count: u16,
    paint: Paint,
) -> Result<Answer, PolicyCommandError> {
    let (name, schedule) = match PolicyName::new(policy) {
        Ok(name) if !check::is_document(policy) => {
            let schedule = stored_schedule(args, &name).await?;
            (name, schedule)
        }
        Ok(_) | Err(_) => match documents(args, &[PathBuf::from(policy)], paint)? {
            Err(refused) => return Ok(refused),
            Ok(mut proposed) => {
                let Some(Proposed { name, written }) = proposed.pop() else {
                    return Ok(Answer::ended(String::new(), false));
                };
                (name, written.policy.schedule)
            }
        },
    };
    let from = from
        .and_then(|date| slots::start_of(schedule.as_ref(), date))
        .unwrap_or_else(amiline_aws::now);
    let slots = slots::Slots::new(&name, schedule.as_ref(), from, usize::from(count));
    Ok(Answer::done(if args.json { slots.as_json().to_string() } else { slots.text(paint) }))
}

async fn stored_schedule(
    args: &Args,
    name: &PolicyName,
) -> Result<Option<Schedule>, PolicyCommandError> {
    let texts = policy_texts(&connect(args).await?, name).await?;
    let force = texts.in_force().ok_or_else(|| PolicyCommandError::NoSuchPolicy(name.clone()))?;
    let force = force.map_err(|error| PolicyCommandError::Invalid { name: name.clone(), error })?;
    Ok(force.policy.schedule.clone())
}

async fn against_stored(
    args: &Args,
    aws: &Aws<Operator>,
    proposed: Vec<Proposed>,
) -> Result<Vec<Compared>, PolicyCommandError> {
    let stack = stack_of(args, aws).await?;
    Ok(compare_all(aws, proposed, &stack.bounds, &stack.stack.keys).await?)
}

async fn shown(
    aws: &Aws<Operator>,
    stack: &WatchedStack,
    name: &PolicyName,
    version: Option<u64>,
) -> Result<stored::Shown, PolicyCommandError> {
    let (bounds, keys) = (&stack.bounds, &stack.stack.keys);
    let Some(version) = version else {
        let judged = judged_one(aws, name, bounds, keys).await?;
        let judged = judged.ok_or_else(|| PolicyCommandError::NoSuchPolicy(name.clone()))?;
        return Ok(stored::Shown::newest(name, judged));
    };
    let versions = versions_of(aws, name).await?;
    let in_force = version_in_force(&versions, bounds, keys);
    Ok(stored::Shown::past(name, version_of(versions, name, version)?, in_force))
}

async fn versions_of(
    aws: &Aws<Operator>,
    name: &PolicyName,
) -> Result<Vec<PolicyVersion>, PolicyCommandError> {
    let versions = aws.policy_versions(name, Freshness::Fresh).await?;
    if versions.is_empty() {
        Err(PolicyCommandError::NoSuchPolicy(name.clone()))
    } else {
        Ok(versions)
    }
}

fn version_of(
    versions: Vec<PolicyVersion>,
    name: &PolicyName,
    version: u64,
) -> Result<PolicyVersion, PolicyCommandError> {
    let numbers: Vec<u64> = versions.iter().map(|kept| kept.version).collect();
    versions.into_iter().find(|kept| kept.version == version).ok_or_else(|| {
        PolicyCommandError::NoSuchVersion { name: name.clone(), version, versions: numbers }
    })
}

/// Shows what would change, asks, and writes.
async fn write(
    args: &Args,
    aws: &Aws<Operator>,
    proposed: Vec<Proposed>,
    yes: bool,
    paint: Paint,
) -> Result<Answer, PolicyCommandError> {
    let compared = against_stored(args, aws, proposed).await?;
    let fits = compared.iter().all(|one| one.beyond.is_empty());
    let changing = compared.iter().filter(|one| one.changes()).count();
    if !args.json {
        output::say(&compare::text(&compared, paint))?;
    }
    if !fits || changing == 0 {
        let text = if args.json {
            compare::as_json(&compared, &[]).to_string()
        } else if fits {
            "Nothing to write: what is stored means the same.".to_owned()
        } else {
            paint.bad("Nothing was written: the stack's bounds are exceeded.")
        };
        return Ok(Answer::ended(text, fits));
    }
    let what =
        if changing == 1 { "this policy".to_owned() } else { format!("these {changing} policies") };
    if !yes && !agreed(&format!("Write {what}?"))? {
        return Ok(Answer::ended("Nothing was written.".to_owned(), false));
    }
    let (applied, done) = apply(aws, &compared).await;
    let written: Vec<PolicyName> = applied.iter().map(|one| one.name.clone()).collect();
    tell_soon(aws, &written).await;
    let text = if args.json {
        compare::as_json(&compared, &applied).to_string()
    } else {
        compare::applied(&applied, paint)
    };
    if let Err(error) = done {
        // What was written before it failed is told first.
        if !applied.is_empty() {
            output::print(&text)?;
        }
        return Err(error.into());
    }
    Ok(Answer::done(text))
}
