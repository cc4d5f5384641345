//! What the commands do, each in a file of its own.

mod coverage;
mod families;
mod kill_switch;
mod lineage;
mod press;
mod retry;
mod why;

use crate::args::{Args, Command};
use crate::failure::CommandError;
use crate::policy;
use amiline_app::policies::{BoundsError, stated_by};
use amiline_app::ports::{CallError, Catalogue};
use amiline_app::settings::WatchedStack;
use amiline_aws::{Aws, ConnectError, Operator};
use amiline_domain::ids::Region;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Families that are looked through for the Regions an image may be in.
const FAMILIES_SEARCHED: usize = 200;

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
pub(crate) async fn run(args: &Args) -> Result<Answer, CommandError> {
    match &args.command {
        Command::Policy { command } => Ok(policy::run(args, command).await?),
        Command::Families { limit, filter, outcome } => {
            families::run(args, *limit, filter, *outcome).await
        }
        Command::Lineage { of, r#in } => lineage::run(args, of, r#in.clone()).await,
        Command::Coverage { bad } => coverage::run(args, *bad).await,
        Command::Why { instance, r#in } => why::run(args, instance, r#in.clone()).await,
        Command::Press { instance, policy, r#in, wait } => {
            press::run(args, instance, policy, r#in.clone(), *wait).await
        }
        Command::KillSwitch { command } => kill_switch::run(args, command).await,
        Command::Retry { family: Some(family), .. } => retry::one(args, family).await,
        Command::Retry { family: None, filter, yes, .. } => {
            retry::all_failed(args, filter, *yes).await
        }
    }
}

/// The operator's world.
pub(crate) async fn connect(args: &Args) -> Result<Aws<Operator>, ConnectError> {
    let operator = Operator::of(args.stack.clone(), args.prefix.clone());
    Aws::<Operator>::connect_operator(operator, &args.sign_in()).await
}

/// The stack, as it states itself.
pub(crate) async fn stack_of(
    args: &Args,
    aws: &Aws<Operator>,
) -> Result<WatchedStack, BoundsError> {
    stated_by(aws, &args.stack, aws.home(), &args.prefix).await
}

/// Every Region in which the stack may have to do with an instance: those that it watches first.
async fn regions_of(aws: &Aws<Operator>, stack: &WatchedStack) -> Result<Vec<Region>, CallError> {
    let mut regions = stack.source_regions.clone();
    for region in stack.bounds.regions.iter().cloned().chain(regions_in_use(aws).await?) {
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    Ok(regions)
}

fn not_found(subject: String, regions: &[Region]) -> CommandError {
    let places: Vec<&str> = regions.iter().map(Region::as_str).collect();
    CommandError::NotFound { subject, places: places.join(", ") }
}

/// The home Region, then every Region in which the newest families have images.
async fn regions_in_use(aws: &Aws<Operator>) -> Result<Vec<Region>, CallError> {
    let families = aws.families(FAMILIES_SEARCHED, None).await?;
    let home = aws.home().clone();
    let others: BTreeSet<Region> = families
        .iter()
        .flat_map(|family| family.rows.values().map(|row| row.region.clone()))
        .collect();
    Ok(std::iter::once(home.clone())
        .chain(others.into_iter().filter(|region| *region != home))
        .collect())
}
