//! Who may launch the images of a family that has ended, held against what was shared.
//!
//! EC2 sends no event when launch permissions change, so the sweep has each family asked in its
//! turn. What somebody took back is not given again, and what somebody added is not taken away, by
//! itself: somebody may have meant it. It is recorded and told once, with what mends it.

use super::{Changes, FamilyHint, Observed, PermissionsShown, PlanInput, RowShown};
use crate::family::{Family, ImageRole, ImageRow, Phase, RowState, ShareState};
use crate::history::{EventKind, Fact};
use crate::ids::FamilyId;
use crate::image::ImageState;
use crate::press::STALE_READ_SECONDS;
use crate::reason::{ByHandReason, ImageReason};
use crate::target::{ShareTarget, SomeTargets};
use crate::time::plus_seconds;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Targets of one image that are recorded: EC2's default quota of them. A record must stay within
/// DynamoDB's limit.
const OTHERS_MAX: usize = 1_000;

/// The images whose launch permissions have to be read now.
pub(super) fn looks(
    family: &Family,
    observed: &Observed,
    hint: &FamilyHint,
    input: PlanInput<'_>,
) -> Vec<ImageRole> {
    if !hint.shares || family.phase != Phase::Settled {
        return Vec::new();
    }
    let unread = |row: &&ImageRow| !observed.permissions.contains_key(&row.image_role);
    let asked = family.rows.values().filter(|row| may_be_compared(row, input.now)).filter(unread);
    asked.map(|row| row.image_role.clone()).collect()
}

/// Whether EC2 shows the permissions that the row knows of, and whatever came after them. A read
/// soon after a call of ours may be from before it.
fn may_be_compared(row: &ImageRow, now: Timestamp) -> bool {
    row.state == RowState::Available
        && row.image.is_some()
        && row.shared_at.is_none_or(|at| plus_seconds(at, STALE_READ_SECONDS) <= now)
}

/// Takes in the launch permissions that were read.
pub(super) fn take_in(
    family: &mut Family,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    if family.phase != Phase::Settled {
        return;
    }
    let (id, account) = (family.id.clone(), ShareTarget::Account(family.account.clone()));
    let policys = input.policy.map(|policy| policy.share.targets()).unwrap_or_default();
    for row in family.rows.values_mut().filter(|row| may_be_compared(row, input.now)) {
        let Some(PermissionsShown::Read(found)) = observed.permissions.get(&row.image_role) else {
            continue;
        };
        // Disabling an image takes its permissions away, so only those of one that this look saw
        // available say anything.
        if !is_seen_available(row, observed) {
            continue;
        }
        let none = BTreeSet::new();
        let promised = if row.share == ShareState::NotWanted { &none } else { &policys };
        let others =
            found.iter().filter(|target| !promised.contains(*target) && **target != account);
        let others: BTreeSet<ShareTarget> = others.take(OTHERS_MAX).cloned().collect();
        let before = row.clone();
        compare_promised(row, found, promised, &id, changes);
        compare_others(row, others, changes);
        if is_in_order(row) && !is_in_order(&before) {
            changes.facts.push(Fact::of(
                EventKind::SharesInOrder,
                &row.image_role,
                row.image.as_ref(),
            ));
        }
        if *row != before {
            changes.rows.insert(row.image_role.clone());
        }
    }
}

fn is_seen_available(row: &ImageRow, observed: &Observed) -> bool {
    let Some(RowShown::Seen(images)) = observed.rows.get(&row.image_role) else { return false };
    images
        .iter()
        .any(|image| Some(&image.id) == row.image.as_ref() && image.state == ImageState::Available)
}

/// Whether nothing is to be told of the image's shares.
fn is_in_order(row: &ImageRow) -> bool {
    row.share != ShareState::Failed && row.shared_by_others.is_empty() && !row.public
}

/// Those whom the policy names: who of them has the image still, and who has it again.
fn compare_promised(
    row: &mut ImageRow,
    found: &BTreeSet<ShareTarget>,
    promised: &BTreeSet<ShareTarget>,
    family: &FamilyId,
    changes: &mut Changes,
) {
    let has: BTreeSet<ShareTarget> = found.intersection(promised).cloned().collect();
    let taken: BTreeSet<ShareTarget> = row.shared_with.difference(&has).cloned().collect();
    row.refused_targets.retain(|target, _| !has.contains(target));
    row.shared_with = has;
    if !taken.is_empty() {
        let reason = ByHandReason::PermissionsTakenAway {
            targets: SomeTargets::of(&taken),
            family: family.clone(),
        };
        changes.facts.push(
            Fact::of(EventKind::ShareTakenBack, &row.image_role, row.image.as_ref())
                .because(reason),
        );
        let before = row.reason.take().filter(|_| row.share == ShareState::Failed);
        let before = before.map(|before| Box::new(before.alone()));
        row.share = ShareState::Failed;
        row.reason = Some(ImageReason::ShareTakenBack { targets: SomeTargets::of(&taken), before });
    } else if row.share == ShareState::Failed && row.shared_with == *promised {
        row.share = ShareState::Shared;
        row.reason = None;
    }
}

/// Those whom the policy does not name.
fn compare_others(row: &mut ImageRow, others: BTreeSet<ShareTarget>, changes: &mut Changes) {
    let new: BTreeSet<ShareTarget> = others.difference(&row.shared_by_others).cloned().collect();
    if let (false, Some(image)) = (new.is_empty(), &row.image) {
        let (targets, region) = (SomeTargets::of(&new), row.region.clone());
        let reason = ByHandReason::SharedWithOthers { targets, region, image: image.clone() };
        changes.facts.push(
            Fact::of(EventKind::SharedByOthers, &row.image_role, Some(image)).because(reason),
        );
    }
    row.shared_by_others = others;
}

/// A read of the image showed whether everybody may launch it.
pub(super) fn follow_public(row: &mut ImageRow, public: bool, changes: &mut Changes) {
    if row.public == public {
        return;
    }
    row.public = public;
    let Some(image) = &row.image else { return };
    if public {
        let reason = ByHandReason::MadePublic { region: row.region.clone(), image: image.clone() };
        changes.facts.push(
            Fact::of(EventKind::ImageMadePublic, &row.image_role, Some(image)).because(reason),
        );
    } else if is_in_order(row) {
        changes.facts.push(Fact::of(EventKind::SharesInOrder, &row.image_role, Some(image)));
    }
}
