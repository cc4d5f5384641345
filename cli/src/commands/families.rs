//! `amiline families`: the newest families.

use super::{Answer, connect, regions_of, stack_of};
use crate::args::{Args, Filter};
use crate::failure::CommandError;
use crate::output::width;
use crate::table::Table;
use amiline_app::listing::{Listed, listed};
use amiline_app::ports::Clock;
use amiline_aws::{Aws, Operator};
use amiline_domain::escape::one_line;
use amiline_domain::family::{Family, ImageRow, Outcome, RowState};
use amiline_domain::lineage::state;
use amiline_domain::reason::Reason;
use amiline_domain::selection::{FamilyState, Selection};
use amiline_domain::tags::{Button, TagKeys};
use amiline_domain::time::utc;
use serde_json::{Value, json};

pub(super) async fn run(
    args: &Args,
    limit: u16,
    filter: &Filter,
    state: Option<FamilyState>,
) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    let selection = filter.selection(state, aws.now());
    let found = find(args, &aws, &selection, usize::from(limit)).await?;
    if args.json {
        return Ok(Answer::done(as_json(&found)));
    }
    if found.families.is_empty() {
        let key = TagKeys::new(args.prefix.clone()).button(Button::Image);
        return Ok(Answer::done(match selection == Selection::default() {
            true => format!("No families yet: tag an instance {key}=default, and its image will be listed here."),
            false => {
                "No families like that; without --instance, --policy, --outcome and --since all are listed.".to_owned()
            }
        }));
    }
    let more = if found.more {
        "There are more: raise --limit, or narrow them with --since.\n"
    } else {
        ""
    };
    Ok(Answer::done(format!("{}{more}", table(&found.families))))
}

/// The families of a selection. Those of one instance are looked for in every Region of the stack.
pub(super) async fn find(
    args: &Args,
    aws: &Aws<Operator>,
    selection: &Selection,
    limit: usize,
) -> Result<Listed, CommandError> {
    let regions = match selection.instance {
        Some(_) => regions_of(aws, &stack_of(args, aws).await?).await?,
        None => Vec::new(),
    };
    Ok(listed(aws, selection, &regions, limit).await?)
}

/// Newest first.
pub(super) fn table(families: &[Family]) -> String {
    let mut table = Table::new(["FAMILY", "ASKED FOR", "INSTANCE", "POLICY", "OUTCOME", "IMAGES"]);
    for family in families {
        let available = family.rows.values().filter(|row| row.state == RowState::Available).count();
        let images = match family.rows.len() {
            0 => "-".to_owned(),
            all => format!("{available} of {all} available"),
        };
        table.row([
            family.id.to_string(),
            utc(family.created_at),
            family.instance.to_string(),
            one_line(&family.requested, 24),
            family.outcome.map_or("in progress", Outcome::as_str).to_owned(),
            images,
        ]);
    }
    table.text(width())
}

fn as_json(found: &Listed) -> String {
    let families: Vec<Value> = found.families.iter().map(family_json).collect();
    json!({"families": families, "more": found.more}).to_string()
}

/// A family for programs.
pub(super) fn family_json(family: &Family) -> Value {
    json!({
        "family": family.id,
        "instance": family.instance,
        "instance_name": family.instance_name,
        "region": family.region,
        "account": family.account,
        "requested": one_line(&family.requested, 256),
        "policy": family.policy_name(),
        "asked_for_at": family.created_at,
        "slot": family.slot.timestamp(),
        "phase": family.phase,
        "outcome": family.outcome,
        "status": family.status,
        "reason": family.reason().as_ref().map(Reason::document),
        "images": family.rows.values().map(row_json).collect::<Vec<Value>>(),
    })
}

fn row_json(row: &ImageRow) -> Value {
    json!({
        "role": if row.image_role.is_source() { "source" } else { "copy" },
        "region": row.region,
        "image": row.image,
        "name": row.name,
        "state": state(row.state),
        "attempt": row.attempt,
        "encrypted": row.encrypted,
        "shared_with": row.shared_with,
        "snapshots": row.snapshots,
        "reason": row.reason.clone().map(Reason::from).as_ref().map(Reason::document),
    })
}
