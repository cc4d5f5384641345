//! The answer on the instance: one short line in the status tag.

use crate::escape::{in_quotes, plain};
use crate::family::{Family, Outcome, RowState, ShareState};
use crate::reason::{OutcomeReason, RequestReason};
use std::collections::BTreeSet;

/// EC2's limit for a tag's value, in characters.
pub(crate) const VALUE_MAX: usize = 256;
/// Characters of a button's value that are shown.
const SHOWN_MAX: usize = 60;

/// How bad what a status says is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The work goes on.
    UnderWay,
    /// All that was asked for is there.
    Good,
    /// A part is.
    Partial,
    /// Nothing is.
    Nothing,
}

impl Weight {
    /// Whether something went wrong.
    pub fn is_bad(self) -> bool {
        self >= Weight::Partial
    }
}

/// How bad what a status of ours says is, by its first word.
pub fn weight(status: &str) -> Weight {
    let first = status.split([' ', ':']).next().unwrap_or_default();
    match first {
        "creating" | "waiting" => Weight::UnderWay,
        "partial" => Weight::Partial,
        "failed" | "rejected" => Weight::Nothing,
        _ => Weight::Good,
    }
}

/// While the image is being made, or waited for; with the value of the button that waits for the
/// answer, if one does.
pub fn under_way(family: &Family) -> String {
    let instance_is_pending = family
        .source()
        .is_some_and(|row| row.state == RowState::Wanted && row.pending_since.is_some());
    let text = match family.source_image() {
        Some(image) => format!("creating {image}"),
        None if instance_is_pending => "waiting until the instance runs".to_owned(),
        None => "creating".to_owned(),
    };
    match &family.other_value {
        Some(value) => plain(
            &format!("{text}; {} waits until this press is answered", in_quotes(value, SHOWN_MAX)),
            VALUE_MAX,
        ),
        None => text,
    }
}

/// Whether a status tag shows an answer: not what is said while the work goes on.
pub fn is_an_answer(status: &str) -> bool {
    weight(status) != Weight::UnderWay
}

/// When the press is refused.
pub fn rejected(reason: &RequestReason) -> String {
    plain(&format!("rejected: {reason}"), VALUE_MAX)
}

/// When the work has ended with this outcome.
pub fn ended(family: &Family, outcome: Outcome) -> String {
    let image = family.home_image().map_or_else(|| "no image".to_owned(), ToString::to_string);
    let usable = regions_with_a_usable_image(family);
    let doubt =
        if family.making.hibernation { " (may not boot: hibernation is configured)" } else { "" };
    let doubt = format!("{doubt}{}", by_others(family));
    let text = match outcome {
        Outcome::Complete => format!("available {image} in {}{doubt}", regions(usable)),
        Outcome::Partial => {
            format!("partial {image} in {}{doubt}: {}", regions(usable), OutcomeReason::of(family))
        }
        Outcome::Failed => format!("failed: {}", OutcomeReason::of(family)),
        Outcome::Rejected => "rejected".to_owned(),
    };
    plain(&text, VALUE_MAX)
}

/// What somebody added to whom the images are shared with.
fn by_others(family: &Family) -> &'static str {
    if family.rows.values().any(|row| row.public) {
        " (public)"
    } else if family.is_shared_by_others() {
        " (also shared by somebody)"
    } else {
        ""
    }
}

/// After somebody's hand on the images of a family that had ended; with what mends it, if anything
/// does.
pub fn restated(family: &Family, outcome: Outcome) -> String {
    let text = ended(family, outcome);
    if outcome != Outcome::Partial {
        return text;
    }
    let next = format!("; next: amiline retry {}", family.id);
    let room = VALUE_MAX.saturating_sub(next.len());
    format!("{}{next}", plain(&text, room))
}

fn regions_with_a_usable_image(family: &Family) -> usize {
    let usable: BTreeSet<_> = family
        .rows
        .values()
        .filter(|row| row.state == RowState::Available && row.share != ShareState::Failed)
        .map(|row| &row.region)
        .collect();
    usable.len()
}

fn regions(count: usize) -> String {
    format!("{count} Region{}", if count == 1 { "" } else { "s" })
}
