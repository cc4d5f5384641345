//! What the commands do.

use crate::args::{Args, Command, Subject};
use crate::coverage;
use crate::paint::Paint;
use crate::policy::{self, PolicyCommandError};
use crate::show;
use amiline_app::coverage::coverage_of_all;
use amiline_app::policies::{BoundsError, stated_by};
use amiline_app::ports::{CallError, Catalogue, Clock, RecordReader};
use amiline_app::retry::{RetryError, retry};
use amiline_app::settings::{BoundedStack, Stack};
use amiline_app::why::why;
use amiline_aws::{Aws, ConnectError, Operator};
use amiline_domain::bounds::StatedBounds;
use amiline_domain::family::Family;
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::{ImageId, InstanceId, Region};
use amiline_domain::tags::TagKeys;
use indicatif::ProgressBar;
use std::collections::BTreeSet;
use std::process::ExitCode;
use thiserror::Error;

/// Families that are looked through for the Regions an image may be in.
const FAMILIES_SEARCHED: usize = 200;

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("nothing is recorded of {subject} in {places}; `amiline families` lists what is")]
    NotFound { subject: String, places: String },
    #[error(transparent)]
    Retry(#[from] RetryError),
    #[error(transparent)]
    Policy(#[from] PolicyCommandError),
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(
        "{0}\nCheck the stack's name (--stack), the Region (--region) and your rights to its table, and for coverage and why \
         to its parameters and to EC2."
    )]
    Call(#[from] CallError),
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            CommandError::Policy(error) => error.exit_code(),
            CommandError::NotFound { .. } | CommandError::Retry(RetryError::NoSuchFamily(_)) => ExitCode::from(3),
            CommandError::Retry(RetryError::Nothing(..) | RetryError::Busy(_) | RetryError::Call(_))
            | CommandError::Bounds(_)
            | CommandError::Connect(_)
            | CommandError::Call(_) => ExitCode::FAILURE,
        }
    }
}

/// What a command says, and how it ends.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) code: ExitCode,
}

impl Answer {
    pub(crate) fn done(text: String) -> Self {
        Self { text, code: ExitCode::SUCCESS }
    }

    pub(crate) fn ended(text: String, well: bool) -> Self {
        Self { text, code: if well { ExitCode::SUCCESS } else { ExitCode::FAILURE } }
    }
}

/// Carries the command out.
pub(crate) async fn run(args: Args) -> Result<Answer, CommandError> {
    let text = match &args.command {
        Command::Policy { command } => return Ok(policy::run(&args, command).await?),
        Command::Families { limit } => {
            let families = connect(&args).await?.families(usize::from(*limit)).await?;
            if args.json { show::families_json(&families) } else { show::families(&families) }
        }
        Command::Lineage { of, r#in } => {
            let aws = connect(&args).await?;
            let families = match of {
                Subject::Image(image) => vec![family_of_image(&aws, image, r#in.clone()).await?],
                Subject::Instance(instance) => families_of_instance(&aws, instance, r#in.clone()).await?,
            };
            let mut shown: Vec<(Family, Vec<HistoryItem>)> = Vec::new();
            for family in families {
                let history = aws.history(&family.id).await?;
                shown.push((family, history));
            }
            if args.json { show::lineage_json(&shown) } else { show::lineage(&shown) }
        }
        Command::Coverage { bad } => return coverage_of(&args, *bad).await,
        Command::Why { instance, r#in } => {
            let aws = connect(&args).await?;
            let region = r#in.clone().unwrap_or_else(|| aws.home().clone());
            let stack = stack_of(&args, &aws).await?;
            let found = why(&aws, &stack, &region, instance).await?;
            let why = found.ok_or_else(|| not_found(instance.to_string(), std::slice::from_ref(&region)))?;
            if args.json { serde_json::json!(why).to_string() } else { crate::why::text(&why, Paint::for_output()) }
        }
        Command::Retry { family } => {
            retry(&connect(&args).await?, family).await?;
            if args.json { show::retried_json(family) } else { show::retried(family) }
        }
    };
    Ok(Answer::done(text))
}

/// The operator's world.
pub(crate) async fn connect(args: &Args) -> Result<Aws<Operator>, ConnectError> {
    let operator = Operator::of(args.stack.clone(), args.prefix.clone());
    Aws::<Operator>::connect_operator(operator, args.region.as_ref()).await
}

/// The stack, as it states itself.
async fn stack_of(args: &Args, aws: &Aws<Operator>) -> Result<BoundedStack, CommandError> {
    let StatedBounds { stack: name, account, bounds } = stated_by(aws, &args.stack).await?;
    let account = account.ok_or(BoundsError::Missing)?;
    let (home, keys) = (aws.home().clone(), TagKeys::new(args.prefix.clone()));
    Ok(BoundedStack { stack: Stack { name, account, home, keys }, bounds })
}

async fn coverage_of(args: &Args, bad: bool) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    let stack = stack_of(args, &aws).await?;
    // Nothing is drawn where nobody looks.
    let bar = ProgressBar::new(0).with_message("reading the newest images");
    let mut progress = |done: usize, all: usize| {
        bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    };
    let covered = coverage_of_all(&aws, &stack, &mut progress).await?;
    bar.finish_and_clear();
    let rows = coverage::rows(&covered, bad);
    let now = aws.now();
    let text = match args.json {
        true => coverage::as_json(&rows, now),
        false => coverage::text(&covered, &rows, now, Paint::for_output()),
    };
    Ok(Answer::ended(text, coverage::is_fine(&rows)))
}

async fn family_of_image(aws: &Aws<Operator>, image: &ImageId, region: Option<Region>) -> Result<Family, CommandError> {
    let regions: Vec<Region> = match region {
        Some(region) => vec![region],
        None => regions_in_use(aws).await?,
    };
    for region in &regions {
        let Some(id) = aws.family_of_image(region, image).await? else { continue };
        if let Some(family) = aws.family(&id).await? {
            return Ok(family);
        }
    }
    Err(not_found(image.to_string(), &regions))
}

async fn families_of_instance(
    aws: &Aws<Operator>,
    instance: &InstanceId,
    region: Option<Region>,
) -> Result<Vec<Family>, CommandError> {
    let regions: Vec<Region> = match region {
        Some(region) => vec![region],
        None => regions_in_use(aws).await?,
    };
    for region in &regions {
        let families = aws.families_of_instance(region, instance, usize::MAX).await?;
        if !families.is_empty() {
            return Ok(families);
        }
    }
    Err(not_found(instance.to_string(), &regions))
}

fn not_found(subject: String, regions: &[Region]) -> CommandError {
    let places: Vec<&str> = regions.iter().map(Region::as_str).collect();
    CommandError::NotFound { subject, places: places.join(", ") }
}

/// The home Region, then every Region in which the newest families have images.
async fn regions_in_use(aws: &Aws<Operator>) -> Result<Vec<Region>, CommandError> {
    let families = aws.families(FAMILIES_SEARCHED).await?;
    let home = aws.home().clone();
    let others: BTreeSet<Region> =
        families.iter().flat_map(|family| family.rows.values().map(|row| row.region.clone())).collect();
    Ok(std::iter::once(home.clone()).chain(others.into_iter().filter(|region| *region != home)).collect())
}
