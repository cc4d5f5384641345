//! Taking a family up again because a person asks for it.

use super::Changes;
use super::absorb::rename;
use crate::family::{Family, ImageRole, Outcome, Phase, Role, RowState, ShareState};
use crate::history::{EventKind, Fact};
use jiff::Timestamp;
use thiserror::Error;

/// Why there is nothing to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NothingToRetry {
    /// Work is still going on.
    #[error("its work is still going on; wait until it has ended")]
    StillWorking,
    /// Everything is there.
    #[error("it is complete")]
    Complete,
    /// Everything is there, and somebody added to it.
    #[error(
        "it has what its policy asks for; what somebody else shared stays shared: `amiline lineage` shows it, and the \
         AWS CLI takes it back"
    )]
    SharedByOthers,
    /// The press was refused before anything began.
    #[error("its request was rejected; mend the reason and tag the instance again")]
    Rejected,
    /// Copies are made from the source.
    #[error("its source image is gone, so nothing can be copied; tag the instance again")]
    SourceGone,
}

/// Gives every failed image a new attempt. One that only ran out of time is looked for again
/// instead: a new attempt comes only after the last one was seen failed.
pub fn retry(family: &mut Family, now: Timestamp) -> Result<Changes, NothingToRetry> {
    match (family.phase, family.outcome) {
        (Phase::Working | Phase::Answering, _) => return Err(NothingToRetry::StillWorking),
        (Phase::Settled, Some(Outcome::Complete))
            if family.is_complete() && family.is_shared_by_others() =>
        {
            return Err(NothingToRetry::SharedByOthers);
        }
        (Phase::Settled, Some(Outcome::Complete)) if family.is_complete() => {
            return Err(NothingToRetry::Complete);
        }
        (Phase::Settled, Some(Outcome::Rejected)) => return Err(NothingToRetry::Rejected),
        (Phase::Settled, Some(Outcome::Complete | Outcome::Partial | Outcome::Failed) | None) => {}
    }
    let source = family.source().map(|row| row.state);
    if matches!(source, None | Some(RowState::Deregistered | RowState::Disabled)) {
        return Err(NothingToRetry::SourceGone);
    }
    let mut changes = Changes { family: true, ..Changes::default() };
    let image_roles: Vec<ImageRole> = family.rows.keys().cloned().collect();
    for image_role in image_roles {
        let Some(mut row) = family.rows.get(&image_role).cloned() else { continue };
        match row.state {
            // Nobody has seen whether the last call had an effect, so it is looked for, not
            // repeated.
            RowState::Failed if row.image.is_none() && row.maybe_made => {
                row.state = RowState::Calling
            }
            RowState::Failed | RowState::Deregistered => {
                row.called_at = None;
                row.maybe_made = false;
                row.attempt = row.attempt.saturating_add(1);
                row.rename = 0;
                row.state = RowState::Wanted;
                row.image = None;
                row.share = ShareState::NotWanted;
                row.shared_with.clear();
                row.refused_targets.clear();
                row.shared_at = None;
                row.shared_by_others.clear();
                row.public = false;
                rename(family, &mut row);
            }
            RowState::TimedOut => {
                row.state = match (&row.image, row.called_at) {
                    (Some(_), _) => RowState::Pending,
                    (None, Some(_)) => RowState::Calling,
                    // Its time ran out before anything was asked for: there is nothing to look for.
                    (None, None) => RowState::Wanted,
                };
            }
            RowState::Available if row.share == ShareState::Failed => {
                row.share = ShareState::Wanted;
                row.refused_targets.clear();
            }
            RowState::Wanted
            | RowState::Calling
            | RowState::Pending
            | RowState::Available
            | RowState::Disabled => {
                continue;
            }
        }
        row.since = now;
        row.refused = None;
        row.recheck = None;
        row.looked_at = None;
        row.refusals = 0;
        row.not_before = None;
        row.pending_since = None;
        row.name_owner = None;
        row.reason = None;
        family.rows.insert(image_role.clone(), row);
        changes.rows.insert(image_role);
    }
    family.phase = Phase::Working;
    family.outcome = None;
    family.status_over = None;
    family.round = family.round.saturating_add(1);
    let role = if source == Some(RowState::Available) { Role::Distribute } else { Role::Create };
    family.work.due = Some((now, role));
    changes.facts.push(Fact::of(EventKind::FamilyRetried, &ImageRole::Source, None));
    Ok(changes)
}
