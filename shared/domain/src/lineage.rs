//! A family as a tree, for people.

use crate::escape::in_quotes;
use crate::family::{Family, ImageRow, RowState};
use crate::target::some_of;
use std::fmt::Write as _;

/// Characters of a requested policy's name that are shown where there is no such policy.
const REQUESTED_SHOWN: usize = 40;

/// Draws the family: its instance, the source image under it, the copies under that.
pub fn tree(family: &Family) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let name = family.instance_name.as_ref().map_or_else(String::new, |name| format!(" {name}"));
    let _ = writeln!(
        out,
        "{}{name} in {} ({}, {})",
        family.instance,
        family.region,
        family.id,
        outcome(family)
    );
    if let Some(source) = family.source() {
        let _ = writeln!(out, "└─ {}", line(source));
        let copies: Vec<&ImageRow> =
            family.rows.values().filter(|row| !row.image_role.is_source()).collect();
        let last = copies.len().saturating_sub(1);
        for (index, copy) in copies.into_iter().enumerate() {
            let _ = writeln!(out, "   {} {}", if index == last { "└─" } else { "├─" }, line(copy));
        }
    } else if let Some(status) = &family.status {
        let _ = writeln!(out, "└─ {status}");
    }
    out
}

fn outcome(family: &Family) -> String {
    let state = family.outcome.map_or("in progress", crate::family::Outcome::as_str);
    format!("{}, {state}", policy(family))
}

/// The policy that was asked for, in words.
fn policy(family: &Family) -> String {
    match family.policy_name() {
        Some(policy) => format!("policy {policy}"),
        None => format!("no policy {}", in_quotes(&family.requested, REQUESTED_SHOWN)),
    }
}

fn line(row: &ImageRow) -> String {
    let id = row.image.as_ref().map_or("(no image yet)", |id| id.as_str());
    let mut text = format!("{:<14} {id:<21} {}", row.region.as_str(), state(row.state));
    if row.encrypted == Some(true) {
        text.push_str(", encrypted");
    }
    if !row.shared_with.is_empty() {
        let targets: Vec<&str> = row.shared_with.iter().map(|target| target.as_str()).collect();
        let _ = write!(text, ", shared with {}", targets.join(", "));
    }
    if row.public {
        text.push_str(", PUBLIC: somebody shared it with everybody");
    }
    if !row.shared_by_others.is_empty() {
        let _ = write!(text, ", also shared by somebody with {}", some_of(&row.shared_by_others));
    }
    if let Some(reason) = &row.reason {
        let _ = write!(text, ": {reason}");
    }
    text
}

/// A row's state in one word.
pub fn state(state: RowState) -> &'static str {
    match state {
        RowState::Wanted => "wanted",
        RowState::Calling => "asked for",
        RowState::Pending => "pending",
        RowState::Available => "available",
        RowState::Failed => "failed",
        RowState::TimedOut => "timed out",
        RowState::Disabled => "disabled",
        RowState::Deregistered => "deregistered",
    }
}
