//! The turns that an image's row takes, each with its fact: whoever finds out, by a call's answer
//! or by a read, records the same.

use super::{Changes, PlanInput};
use crate::family::{ImageRole, ImageRow, RowState, ShareState};
use crate::history::{EventKind, Fact};
use crate::ids::{FamilyId, ImageId};
use crate::reason::{ByHandReason, ImageReason};

/// EC2 is making the image, and this is its id.
pub(super) fn begun(row: &mut ImageRow, id: &ImageId, input: PlanInput<'_>, changes: &mut Changes) {
    row.state = RowState::Pending;
    row.image = Some(id.clone());
    row.maybe_made = false;
    row.refused = None;
    row.reason = None;
    row.name_owner = None;
    row.refusals = 0;
    row.not_before = None;
    row.pending_since = None;
    row.looked_at = Some(input.now);
    changes.pointers.push((row.region.clone(), id.clone()));
    let kind =
        if row.image_role.is_source() { EventKind::ImageCreating } else { EventKind::CopyStarted };
    changes.facts.push(Fact::of(kind, &row.image_role, Some(id)));
}

/// The image failed or is given up; `state` says which.
pub(super) fn failed(
    row: &mut ImageRow,
    state: RowState,
    reason: ImageReason,
    changes: &mut Changes,
) {
    let kind =
        if row.image_role.is_source() { EventKind::ImageFailed } else { EventKind::CopyFailed };
    changes.facts.push(Fact::of(kind, &row.image_role, row.image.as_ref()).because(reason.clone()));
    changes.rows.insert(row.image_role.clone());
    row.state = state;
    row.reason = Some(reason);
}

/// Somebody deregistered the image: nobody can launch it, so it is shared with nobody.
pub(super) fn deregistered(row: &mut ImageRow, family: &FamilyId, changes: &mut Changes) {
    let next = match &row.image_role {
        ImageRole::Source => ByHandReason::SourceDeregistered,
        ImageRole::Copy(_) => ByHandReason::CopyDeregistered { family: family.clone() },
    };
    changes.facts.push(
        Fact::of(EventKind::ImageDeregistered, &row.image_role, row.image.as_ref()).because(next),
    );
    changes.rows.insert(row.image_role.clone());
    row.state = RowState::Deregistered;
    row.share = ShareState::NotWanted;
    without_permissions(row);
    row.reason = None;
}

/// EC2 drops every launch permission of an image that is disabled or deregistered.
fn without_permissions(row: &mut ImageRow) {
    row.shared_with.clear();
    row.refused_targets.clear();
    row.shared_by_others.clear();
    row.public = false;
}

/// Somebody disabled the image. DisableImage removes every launch permission, and EnableImage does
/// not give them back.
pub(super) fn disabled(row: &mut ImageRow, family: &FamilyId, changes: &mut Changes) {
    let was_shared = matches!(row.share, ShareState::Shared | ShareState::Failed);
    row.state = RowState::Disabled;
    without_permissions(row);
    if was_shared {
        row.share = ShareState::Failed;
        row.reason = Some(ImageReason::DisabledBySomebody);
    }
    let next = ByHandReason::ImageDisabled { share_again: was_shared.then(|| family.clone()) };
    changes.facts.push(
        Fact::of(EventKind::ImageDisabled, &row.image_role, row.image.as_ref()).because(next),
    );
    changes.rows.insert(row.image_role.clone());
}

/// The image is not asked for any more. If a call may have made it already, it is looked for first:
/// one that was made must not be left behind unrecorded.
pub(super) fn given_up(row: &mut ImageRow, reason: ImageReason, changes: &mut Changes) {
    if row.maybe_made {
        row.state = RowState::Calling;
        row.refused = Some(reason);
        changes.rows.insert(row.image_role.clone());
    } else {
        failed(row, RowState::Failed, reason, changes);
    }
}

/// The image will not be shared. `reason` is kept as it is told.
pub(super) fn not_shared(row: &mut ImageRow, reason: ImageReason, changes: &mut Changes) {
    changes.facts.push(
        Fact::of(EventKind::ShareFailed, &row.image_role, row.image.as_ref())
            .because(reason.clone()),
    );
    changes.rows.insert(row.image_role.clone());
    row.share = ShareState::Failed;
    row.reason = Some(reason);
}
