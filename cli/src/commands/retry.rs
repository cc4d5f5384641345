//! `amiline retry`: another attempt at what failed, in one family or in all.

use super::families::{find, table};
use super::{Answer, connect};
use crate::args::{Args, Filter};
use crate::ask::agreed;
use crate::failure::CommandError;
use crate::output;
use amiline_app::ports::Clock;
use amiline_app::retry::{RetryError, can_be_retried, retry};
use amiline_domain::ids::FamilyId;
use amiline_domain::selection::Selection;
use amiline_domain::time::{plus_seconds, utc};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How far back everything that failed is looked for, if nobody says since when: seven days.
const LOOKED_BACK_SECONDS: i64 = 7 * 86_400;

/// One family.
pub(super) async fn one(args: &Args, family: &FamilyId) -> Result<Answer, CommandError> {
    retry(&connect(args).await?, family).await?;
    Ok(ended(args, &[(family.clone(), Ok(()))]))
}

/// Every family of a selection that ended with something missing, once somebody agreed to the list.
pub(super) async fn all_failed(
    args: &Args,
    filter: &Filter,
    yes: bool,
) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    let now = aws.now();
    let asked = filter.selection(None, now);
    let since = asked.since.unwrap_or_else(|| plus_seconds(now, -LOOKED_BACK_SECONDS));
    let selection = Selection { since: Some(since), ..asked };
    let mut families = find(args, &aws, &selection, usize::MAX).await?.families;
    families.retain(|family| can_be_retried(family, now));
    if families.is_empty() {
        return Ok(Answer::done(match args.json {
            true => as_json(&[]),
            false => {
                format!("Nothing to retry since {}; for older families give --since.", utc(since))
            }
        }));
    }
    if !args.json {
        output::print(&table(&families))?;
    }
    let what = if families.len() == 1 {
        "this family".to_owned()
    } else {
        format!("these {} families", families.len())
    };
    if !yes && !agreed(&format!("Retry {what}?"))? {
        return Ok(Answer::ended("Nothing was retried.".to_owned(), false));
    }
    let mut done = Vec::new();
    for family in families {
        let ended = retry(&aws, &family.id).await;
        done.push((family.id, ended));
    }
    Ok(ended(args, &done))
}

fn ended(args: &Args, done: &[(FamilyId, Result<(), RetryError>)]) -> Answer {
    let well = done.iter().all(|(_, ended)| ended.is_ok());
    Answer::ended(if args.json { as_json(done) } else { text(done) }, well)
}

fn text(done: &[(FamilyId, Result<(), RetryError>)]) -> String {
    let mut out = String::new();
    for (family, ended) in done {
        // Writing to a String cannot fail.
        let _ = match ended {
            Ok(()) => writeln!(out, "{family} is taken up again"),
            Err(error) => writeln!(out, "{family} is not taken up again: {error}"),
        };
    }
    out + "`amiline families` shows how it goes"
}

fn as_json(done: &[(FamilyId, Result<(), RetryError>)]) -> String {
    let retried: Vec<&FamilyId> =
        done.iter().filter(|(_, ended)| ended.is_ok()).map(|(family, _)| family).collect();
    let failed: Vec<Value> = done
        .iter()
        .filter_map(|(family, ended)| {
            Some(json!({"family": family, "reason": ended.as_ref().err()?.to_string()}))
        })
        .collect();
    json!({"retried": retried, "failed": failed}).to_string()
}
