//! Taking in what EC2 shows.

use super::begin::want_copies;
use super::wait::{deadline, may_call_again, row_due};
use super::{Changes, FamilyHint, KeysShown, Observed, PlanInput, RowShown, backoff};
use super::{instance, permissions, recheck, restate, transitions};
use crate::escape::one_line;
use crate::family::{Family, ImageRole, ImageRow, Phase, RowState, ShareState};
use crate::history::{EventKind, Fact, REASON_CHARACTERS};
use crate::ids::ImageId;
use crate::image::{ImageState, ObservedImage};
use crate::key::ImageKey;
use crate::name::RENAMES_MAX;
use crate::policy::BeyondBounds;
use crate::reason::{ByHandReason, ImageReason, Rejection};

/// Duplicates kept in a row. More than a few mean that somebody forges tags, which the first
/// notifications say.
const DUPLICATES_MAX: usize = 4;

/// Failed reads of the source's keys after which they count as not what the policy asks for.
const KEY_READS_MAX: u32 = 5;

/// Brings the family up to what was read. Reads that failed change nothing but the time of the next
/// one.
pub fn absorb(
    family: &mut Family,
    observed: &Observed,
    hint: &FamilyHint,
    input: PlanInput<'_>,
) -> Changes {
    let mut changes = Changes::default();
    let image_roles: Vec<ImageRole> = family.rows.keys().cloned().collect();
    for image_role in image_roles {
        let Some(mut row) = family.rows.get(&image_role).cloned() else { continue };
        let before = row.clone();
        match observed.rows.get(&image_role) {
            Some(RowShown::Seen(images)) => {
                take_in(family, &mut row, images, hint, input, &mut changes)
            }
            Some(RowShown::Unread) => {
                recheck::unread(&mut row, hint, input);
                // A look is taken in more than once; a read that failed puts the next one off once.
                if row.not_before.is_none_or(|at| at <= input.now) {
                    postpone(&mut row, input);
                }
            }
            None => {}
        }
        // EC2 may have finished it since the last look, so one that it is making is looked at once
        // more before it is given up.
        let looked = row.state == RowState::Wanted || observed.rows.contains_key(&image_role);
        if looked || !row.state.is_open() {
            give_up_if_overdue(&mut row, input, &mut changes);
        }
        if row != before {
            changes.rows.insert(image_role.clone());
            family.rows.insert(image_role, row);
        }
    }
    if family.phase == Phase::Working {
        instance::take_in(family, observed, input, &mut changes);
        instance::take_in_the_button(family, observed, input, &mut changes);
    }
    take_in_keys(family, observed, input, &mut changes);
    give_up_copies_without_a_source(family, observed, input, &mut changes);
    permissions::take_in(family, observed, input, &mut changes);
    restate::after_somebodys_hand(family, &mut changes);
    restate::check_the_tag(family, observed, input, &mut changes);
    if family.phase == Phase::Working {
        want_copies(family, input, &mut changes);
        want_shares(family, input, &mut changes);
        refuse_beyond_bounds(family, input, &mut changes);
    }
    changes
}

fn take_in(
    family: &mut Family,
    row: &mut ImageRow,
    images: &[ObservedImage],
    hint: &FamilyHint,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    // A look before its time does not put off the next one, so that one which shows nothing new
    // writes nothing.
    if row.state.is_open() && row_due(family, row, input).is_none_or(|(at, _)| at <= input.now) {
        row.looked_at = Some(input.now);
    }
    if row.image.is_none() && row.called_at.is_some() {
        let mut ours: Vec<&ObservedImage> =
            images.iter().filter(|image| family.owns(row, image, input.keys)).collect();
        ours.sort_by(|a, b| a.id.cmp(&b.id));
        match ours.first() {
            Some(image) => {
                // It may have been given up already; then there is work again.
                family.take_up_again();
                changes.family = true;
                transitions::begun(row, &image.id, input, changes);
                recheck::once_more(row, input);
            }
            None if row.state == RowState::Calling => {
                not_found_after_call(family, row, images, input, changes)
            }
            None => {}
        }
    }
    let Some(id) = row.image.clone() else { return };
    let claimants: Vec<&ObservedImage> =
        images.iter().filter(|image| family.claims(row, image, input.keys)).collect();
    note_duplicates(row, &id, &claimants, changes);
    match images.iter().find(|image| image.id == id) {
        Some(image) => {
            let before = row.state;
            follow(family, row, image, changes);
            leave_alone_if_unmanaged(family, row, image, input, changes);
            recheck::shown(row, image.state, hint, input);
            if hint.everything || recheck::may_turn_back(before, row.state) {
                recheck::once_more(row, input);
            }
        }
        None => recheck::missing(row, &family.id, hint, input, changes),
    }
}

/// No image of ours is to be seen after a call whose outcome is unknown, or whose name was refused
/// as taken.
fn not_found_after_call(
    family: &Family,
    row: &mut ImageRow,
    images: &[ObservedImage],
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    row.maybe_made |= row.name_owner.is_none();
    let holder =
        row.name_owner.as_ref().and_then(|holder| images.iter().find(|image| image.id == *holder));
    // Our own image may be shown before its tags are: what stems from our source and has our name
    // is waited for.
    let foreign = holder.is_some_and(|image| {
        let could_be_ours =
            image.owner.as_ref() == Some(&family.account) && family.stems_from_here(row, image);
        !could_be_ours || may_call_again(row, input.now)
    });
    if foreign {
        row.name_owner = None;
        row.rename = if row.rename == 0 { 2 } else { row.rename.saturating_add(1) };
        if row.rename > RENAMES_MAX {
            transitions::failed(row, RowState::Failed, ImageReason::NamesTaken, changes);
        } else {
            row.state = RowState::Wanted;
            rename(family, row);
        }
        return;
    }
    if let (Some(refused), true) = (row.refused.clone(), may_call_again(row, input.now)) {
        transitions::failed(row, RowState::Failed, refused, changes);
        return;
    }
    if row.refused.is_some() {
        return;
    }
    // CopyImage is safe to repeat with the same token; CreateImage is not until its effect must
    // have become visible. A name that is taken by an image which is not to be seen yet is not
    // worth repeating at once either.
    if (!row.image_role.is_source() && row.name_owner.is_none()) || may_call_again(row, input.now) {
        row.state = RowState::Wanted;
        row.name_owner = None;
    }
}

/// Gives the row the name of its current attempt and rename.
pub(super) fn rename(family: &Family, row: &mut ImageRow) {
    let key = match &row.image_role {
        ImageRole::Source => Some(ImageKey::create(&family.id, row.attempt)),
        ImageRole::Copy(region) => {
            family.source_image().map(|s| ImageKey::copy(&family.id, s, region, row.attempt))
        }
    };
    if let (Some(key), Some(policy)) = (key, &family.policy) {
        row.name = family.image_name(&policy.name, &key, row.rename);
    }
}

fn note_duplicates(
    row: &mut ImageRow,
    id: &ImageId,
    claimants: &[&ObservedImage],
    changes: &mut Changes,
) {
    for duplicate in
        claimants.iter().filter(|image| image.id != *id && image.state != ImageState::Deregistered)
    {
        if row.duplicates.len() < DUPLICATES_MAX && row.duplicates.insert(duplicate.id.clone()) {
            let reason =
                ByHandReason::SameIntent { image: id.clone(), duplicate: duplicate.id.clone() };
            changes.facts.push(
                Fact::of(EventKind::DuplicateFound, &row.image_role, Some(&duplicate.id))
                    .because(reason),
            );
        }
    }
}

fn follow(family: &mut Family, row: &mut ImageRow, image: &ObservedImage, changes: &mut Changes) {
    let source = row.image_role.is_source();
    match (row.state, image.state) {
        (RowState::Pending | RowState::TimedOut | RowState::Disabled, ImageState::Available) => {
            let kind = match row.state {
                RowState::Disabled => EventKind::ImageEnabled,
                RowState::Pending
                | RowState::TimedOut
                | RowState::Wanted
                | RowState::Calling
                | RowState::Available
                | RowState::Failed
                | RowState::Deregistered => {
                    if source {
                        EventKind::ImageAvailable
                    } else {
                        EventKind::CopyAvailable
                    }
                }
            };
            // What disabling took away does not come back by itself.
            let unshared = row.state == RowState::Disabled && row.share == ShareState::Failed;
            let mut fact = Fact::of(kind, &row.image_role, Some(&image.id));
            if unshared {
                row.reason = Some(ImageReason::PermissionsLost);
                fact = fact.because(ByHandReason::PermissionsNotBack { family: family.id.clone() });
            }
            changes.facts.push(fact);
            // An image that comes after its deadline takes the family's work up again.
            if row.state == RowState::TimedOut {
                family.take_up_again();
                changes.family = true;
            }
            row.state = RowState::Available;
            if row.share != ShareState::Failed {
                row.reason = None;
            }
            row.refusals = 0;
            row.not_before = None;
        }
        (RowState::Pending | RowState::TimedOut, ImageState::Failed) => {
            let message =
                image.state_reason.as_deref().map(|reason| one_line(reason, REASON_CHARACTERS));
            transitions::failed(
                row,
                RowState::Failed,
                ImageReason::FailedInEc2 { message },
                changes,
            );
        }
        (RowState::Pending | RowState::TimedOut | RowState::Available, ImageState::Disabled) => {
            transitions::disabled(row, &family.id, changes);
        }
        (
            RowState::Pending
            | RowState::TimedOut
            | RowState::Available
            | RowState::Disabled
            | RowState::Failed,
            ImageState::Deregistered,
        ) => {
            transitions::deregistered(row, &family.id, changes);
        }
        (
            RowState::Wanted
            | RowState::Calling
            | RowState::Pending
            | RowState::Available
            | RowState::Failed
            | RowState::TimedOut
            | RowState::Disabled
            | RowState::Deregistered,
            ImageState::Pending
            | ImageState::Available
            | ImageState::Failed
            | ImageState::Transient
            | ImageState::Disabled
            | ImageState::Deregistered,
        ) => {}
    }
    if row.state == RowState::Available {
        row.snapshots.clone_from(&image.snapshots);
        row.encrypted = Some(image.encrypted);
        permissions::follow_public(row, image.public, changes);
    }
}

/// Somebody took our tag off an image that is still to be shared: it is not ours to change any
/// more.
fn leave_alone_if_unmanaged(
    family: &Family,
    row: &mut ImageRow,
    image: &ObservedImage,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    if row.state == RowState::Available
        && row.share == ShareState::Wanted
        && !family.manages(image, input.keys)
    {
        transitions::not_shared(
            row,
            ImageReason::Unmanaged { tag: input.keys.managed_by() },
            changes,
        );
    }
}

/// Copies that were not begun when the source went away, or stopped being ours, will never be.
fn give_up_copies_without_a_source(
    family: &mut Family,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    let Some(source) = family.source() else { return };
    let reason = match (source.state, observed.rows.get(&ImageRole::Source)) {
        (
            RowState::Failed | RowState::TimedOut | RowState::Disabled | RowState::Deregistered,
            _,
        ) => ImageReason::SourceGone,
        (RowState::Available, Some(RowShown::Seen(images))) => {
            let seen = images.iter().find(|image| Some(&image.id) == source.image.as_ref());
            match seen {
                Some(image) if !family.manages(image, input.keys) => ImageReason::SourceUnmanaged,
                Some(_) | None => return,
            }
        }
        (RowState::Available, Some(RowShown::Unread) | None)
        | (RowState::Wanted | RowState::Calling | RowState::Pending, _) => return,
    };
    for row in family
        .rows
        .values_mut()
        .filter(|row| !row.image_role.is_source() && row.state == RowState::Wanted)
    {
        transitions::given_up(row, reason.clone(), changes);
    }
}

fn postpone(row: &mut ImageRow, input: PlanInput<'_>) {
    row.looked_at = Some(input.now);
    backoff::put_off(row, input);
}

fn give_up_if_overdue(row: &mut ImageRow, input: PlanInput<'_>, changes: &mut Changes) {
    if row.state == RowState::Available
        && row.share == ShareState::Wanted
        && input.now >= deadline(row, input)
    {
        let last = row.reason.take().map(|last| Box::new(last.alone()));
        transitions::not_shared(row, ImageReason::NotSharedByDeadline { last }, changes);
    }
    if row.state.is_open() && input.now >= deadline(row, input) {
        let hours = input.policy.map_or(24, |policy| policy.deadline_hours);
        let last = row.reason.take().map(|last| Box::new(last.alone()));
        transitions::failed(
            row,
            RowState::TimedOut,
            ImageReason::NotByDeadline { hours, last },
            changes,
        );
    }
}

fn take_in_keys(
    family: &mut Family,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    let Some(source) = family.rows.get_mut(&ImageRole::Source) else { return };
    if source.as_wanted.is_some() || source.state != RowState::Available {
        return;
    }
    match &observed.source_keys {
        Some(KeysShown::Read(keys)) => {
            source.as_wanted = Some(keys.all_as_wanted());
            source.refusals = 0;
            source.not_before = None;
        }
        Some(KeysShown::Unread) if source.refusals >= KEY_READS_MAX => {
            // Whoever cannot tell makes the encrypted copy: it is what the policy asks for, and if
            // the key cannot be used, the copy fails with the reason.
            source.as_wanted = Some(false);
            source.refusals = 0;
            source.not_before = None;
        }
        Some(KeysShown::Unread) if source.not_before.is_none_or(|at| at <= input.now) => {
            postpone(source, input)
        }
        Some(KeysShown::Unread) | None => return,
    }
    changes.rows.insert(ImageRole::Source);
}

/// Marks available images that the policy shares. The source itself is shared only if it is
/// encrypted as the policy asks; otherwise its encrypted copy is.
fn want_shares(family: &mut Family, input: PlanInput<'_>, changes: &mut Changes) {
    if input.policy.is_none_or(|policy| policy.share.is_empty()) {
        return;
    }
    for row in family.rows.values_mut() {
        let shared = !row.image_role.is_source() || row.as_wanted == Some(true);
        if shared && row.state == RowState::Available && row.share == ShareState::NotWanted {
            row.share = ShareState::Wanted;
            changes.rows.insert(row.image_role.clone());
        }
    }
}

/// What the stack does not allow any more is not done, though the policy's text was within the
/// bounds once.
fn refuse_beyond_bounds(family: &mut Family, input: PlanInput<'_>, changes: &mut Changes) {
    let stranger = input.policy.and_then(|policy| policy.share.beyond(input.bounds).next());
    for row in family.rows.values_mut() {
        if row.state == RowState::Wanted && !input.bounds.regions.contains(&row.region) {
            let reason = match &row.image_role {
                ImageRole::Source => ImageReason::Unfit {
                    rejection: Rejection::RegionNotAllowed { region: row.region.clone() },
                },
                ImageRole::Copy(region) => {
                    ImageReason::NotAllowedAnyMore { beyond: BeyondBounds::Region(region.clone()) }
                }
            };
            transitions::given_up(row, reason, changes);
        }
        if let (ShareState::Wanted, Some(stranger)) = (row.share, &stranger) {
            transitions::not_shared(
                row,
                ImageReason::NotAllowedAnyMore { beyond: stranger.clone() },
                changes,
            );
        }
    }
}
