//! `amiline families`: the newest families.

use super::{Answer, connect};
use crate::args::Args;
use crate::failure::CommandError;
use crate::output::width;
use crate::table::Table;
use amiline_app::ports::Catalogue;
use amiline_domain::escape::one_line;
use amiline_domain::family::{Family, ImageRow, Outcome, RowState};
use amiline_domain::lineage::state;
use amiline_domain::time::utc;
use serde_json::{Value, json};

pub(super) async fn run(args: &Args, limit: u16) -> Result<Answer, CommandError> {
    let families = connect(args).await?.families(usize::from(limit)).await?;
    Ok(Answer::done(if args.json { as_json(&families) } else { text(&families) }))
}

/// As a table, newest first.
fn text(families: &[Family]) -> String {
    if families.is_empty() {
        return "No families yet: tag an instance amiline:image=default, and its image will be listed here.".to_owned();
    }
    let mut table = Table::new(["FAMILY", "ASKED FOR", "INSTANCE", "POLICY", "OUTCOME", "IMAGES"]);
    for family in families {
        let available = family.rows.values().filter(|row| row.state == RowState::Available).count();
        let images = match family.rows.len() {
            0 => "-".to_owned(),
            all => format!("{available} of {all} available"),
        };
        table.row([
            family.id.to_string(),
            utc(family.slot.timestamp()),
            family.instance.to_string(),
            one_line(&family.requested, 24),
            family.outcome.map_or("in progress", Outcome::as_str).to_owned(),
            images,
        ]);
    }
    table.text(width())
}

fn as_json(families: &[Family]) -> String {
    json!({"families": families.iter().map(family_json).collect::<Vec<Value>>()}).to_string()
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
        "asked_for_at": family.slot.timestamp(),
        "phase": family.phase,
        "outcome": family.outcome,
        "status": family.status,
        "images": family.rows.values().map(row_json).collect::<Vec<Value>>(),
    })
}

fn row_json(row: &ImageRow) -> Value {
    json!({
        "role": if row.place.is_source() { "source" } else { "copy" },
        "region": row.region,
        "image": row.image,
        "name": row.name,
        "state": state(row.state),
        "attempt": row.attempt,
        "encrypted": row.encrypted,
        "shared_with": row.shared_with,
        "snapshots": row.snapshots,
        "reason": row.reason,
    })
}
