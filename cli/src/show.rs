//! What is printed.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where the command speaks")]

use crate::commands::CommandError;
use amiline_domain::escape::one_line;
use amiline_domain::family::{Family, ImageRow, Outcome, RowState};
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::FamilyId;
use amiline_domain::lineage::{state, tree};
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Prints a command's result.
pub(crate) fn print(text: &str) {
    println!("{}", text.trim_end());
}

/// Prints why a command failed.
pub(crate) fn complain(error: &CommandError) {
    eprintln!("amiline: {error}");
}

/// The families as a table, newest first.
pub(crate) fn families(families: &[Family]) -> String {
    if families.is_empty() {
        return "No families yet: tag an instance amiline:image=default, and its image will be listed here.".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["FAMILY", "ASKED FOR", "INSTANCE", "POLICY", "OUTCOME", "IMAGES"]);
    for family in families {
        let available = family.rows.values().filter(|row| row.state == RowState::Available).count();
        let images = match family.rows.len() {
            0 => "-".to_owned(),
            all => format!("{available} of {all} available"),
        };
        table.add_row([
            family.id.to_string(),
            family.slot.timestamp().strftime("%Y-%m-%d %H:%M:%S").to_string(),
            family.instance.to_string(),
            family.policy.as_ref().map_or_else(|| one_line(&family.requested, 24), |policy| policy.name.to_string()),
            family.outcome.map_or("in progress", Outcome::as_str).to_owned(),
            images,
        ]);
    }
    table.to_string()
}

/// The families' trees, each with its history.
pub(crate) fn lineage(shown: &[(Family, Vec<HistoryItem>)]) -> String {
    let mut out = String::new();
    for (family, history) in shown {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", tree(family));
        for item in history {
            let image = item.image.as_ref().map_or("", |image| image.as_str());
            let reason = item.reason.as_deref().unwrap_or_default();
            let at = item.at.strftime("%Y-%m-%d %H:%M:%S");
            let line = format!("  {at}  {:<18} {:<14} {image} {reason}", item.event.as_str(), item.region.as_str());
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out.push('\n');
    }
    out
}

/// That a family was taken up again.
pub(crate) fn retried(family: &FamilyId) -> String {
    format!("{family} is taken up again; `amiline families` shows how it goes")
}

/// The same as JSON.
pub(crate) fn retried_json(family: &FamilyId) -> String {
    json!({"retried": family}).to_string()
}

/// The families as JSON.
pub(crate) fn families_json(families: &[Family]) -> String {
    json!({"families": families.iter().map(family_json).collect::<Vec<Value>>()}).to_string()
}

/// The families with their histories as JSON.
pub(crate) fn lineage_json(shown: &[(Family, Vec<HistoryItem>)]) -> String {
    let families: Vec<Value> = shown
        .iter()
        .map(|(family, history)| {
            let mut value = family_json(family);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("history".to_owned(), json!(history));
            }
            value
        })
        .collect();
    json!({"families": families}).to_string()
}

fn family_json(family: &Family) -> Value {
    json!({
        "family": family.id,
        "instance": family.instance,
        "region": family.region,
        "account": family.account,
        "policy": family.policy.as_ref().map(|policy| &policy.name),
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
