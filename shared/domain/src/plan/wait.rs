//! What has to be read now, and when to come back.

use super::{Duty, FamilyHint, Observed, PlanInput, UNKNOWN_OUTCOME_SECONDS};
use crate::family::{Family, ImageRow, Phase, Role, RowState, ShareState};
use crate::time::{plus_seconds, seconds_between};
use jiff::Timestamp;

/// Seconds after a call without an answer until its image is looked for, and between such looks.
const LOOK_AFTER_CALL_SECONDS: i64 = 30;

/// The reads that are needed now and were not made in this look.
pub fn reads<D: Duty>(
    family: &Family,
    observed: &Observed,
    hint: &FamilyHint,
    input: PlanInput<'_>,
) -> Vec<D::Read> {
    let unread = |row: &&ImageRow| {
        !observed.rows.contains_key(&row.image_role)
            && row_needs_look::<D>(family, row, hint, input)
    };
    let rows = family.rows.values().filter(unread).map(|row| D::read_row(row.image_role.clone()));
    rows.chain(D::own_reads(family, observed, hint, input)).collect()
}

/// Whether the source's keys have to be read before anything is copied or shared.
pub(super) fn needs_keys(family: &Family, observed: &Observed, input: PlanInput<'_>) -> bool {
    observed.source_keys.is_none()
        && keys_unknown(family, input)
        && family.source().is_some_and(|row| is_ready(row, input.now))
}

/// Whether the policy asks for a key and nobody has compared the source's with it.
pub(super) fn keys_unknown(family: &Family, input: PlanInput<'_>) -> bool {
    family.phase == Phase::Working
        && input.policy.is_some_and(|policy| policy.key_in(&family.region).is_some())
        && family
            .source()
            .is_some_and(|row| row.state == RowState::Available && row.as_wanted.is_none())
}

/// Whether a refused row may be tried again.
pub(super) fn is_ready(row: &ImageRow, now: Timestamp) -> bool {
    row.not_before.is_none_or(|at| at <= now)
}

fn row_needs_look<D: Duty>(
    family: &Family,
    row: &ImageRow,
    hint: &FamilyHint,
    input: PlanInput<'_>,
) -> bool {
    let hinted = hint.image.as_ref().is_some_and(|image| {
        image.region == row.region
            && (row.image.as_ref() == Some(&image.image)
                || (row.image.is_none() && row.called_at.is_some()))
    });
    let recheck = row.recheck.as_ref().is_some_and(|recheck| recheck.next <= input.now);
    // Somebody brought news and left it to us; whatever it was about, a read shows it.
    let told_something =
        hint.everything && row.image.is_some() && row.state != RowState::Deregistered;
    let shares = hint.shares && row.image.is_some() && row.state == RowState::Available;
    if hinted || recheck || told_something || shares || family.phase != Phase::Working {
        return hinted || recheck || told_something || shares;
    }
    let under_way = matches!(row.state, RowState::Calling | RowState::Pending);
    let due = under_way
        && (hint.everything || row_due(family, row, input).is_some_and(|(at, _)| at <= input.now));
    due || row.name_owner.is_some() || (D::ROLE == Role::Distribute && acts_on(family, row, input))
}

/// Whether a call is about to be made that changes or copies the row's image.
fn acts_on(family: &Family, row: &ImageRow, input: PlanInput<'_>) -> bool {
    let shares = row.state == RowState::Available
        && row.share == ShareState::Wanted
        && is_ready(row, input.now);
    let copies = row.image_role.is_source()
        && row.state == RowState::Available
        && family.rows.values().any(|copy| {
            !copy.image_role.is_source()
                && copy.state == RowState::Wanted
                && is_ready(copy, input.now)
        });
    shares || copies
}

/// When the family has to be looked at with no event asking for it, and whose turn it is. `None`:
/// never.
pub fn due<D: Duty>(family: &Family, input: PlanInput<'_>) -> Option<(Timestamp, Role)> {
    let answer = (family.phase == Phase::Answering || family.status_due).then(|| {
        // Only `create-image` may read the instance, which a correction asks for.
        let role = if family.status_over.is_some() { Role::Create } else { D::ROLE };
        (family.answer_not_before.unwrap_or(input.now), role)
    });
    let rows = family.rows.values().filter_map(|row| row_due(family, row, input));
    let rows: Vec<(Timestamp, Role)> =
        if family.phase == Phase::Working { rows.collect() } else { Vec::new() };
    let keys = keys_unknown(family, input).then(|| {
        (family.source().and_then(|row| row.not_before).unwrap_or(input.now), Role::Distribute)
    });
    let rechecks = family.rows.values().filter_map(|row| row.recheck.as_ref());
    let rechecks = rechecks.map(|recheck| (recheck.next, Role::Distribute));
    // A family at work is never without a due time: nothing else would find it if its events are
    // lost.
    let unfinished = (family.phase == Phase::Working).then_some((input.now, D::ROLE));
    rows.into_iter().chain(answer).chain(keys).chain(rechecks).min().or(unfinished)
}

/// When a row has to be looked at with no event asking for it, and whose turn it is.
pub(super) fn row_due(
    family: &Family,
    row: &ImageRow,
    input: PlanInput<'_>,
) -> Option<(Timestamp, Role)> {
    let role = if row.image_role.is_source() { Role::Create } else { Role::Distribute };
    let latest = |at: Timestamp| row.looked_at.map_or(at, |looked| looked.max(at));
    // A Region that cannot be read is asked less and less often.
    let ready = |at: Timestamp| row.not_before.map_or(at, |ready| ready.max(at));
    let deadline = deadline(row, input);
    match row.state {
        RowState::Wanted => {
            let possible = row.image_role.is_source()
                || family.source().is_some_and(|s| s.state == RowState::Available);
            possible.then(|| (row.not_before.unwrap_or(input.now).min(deadline), role))
        }
        RowState::Calling => {
            let called = row.called_at.unwrap_or(row.since);
            Some((ready(plus_seconds(latest(called), LOOK_AFTER_CALL_SECONDS)).min(deadline), role))
        }
        RowState::Pending => {
            let age = seconds_between(row.since, latest(row.since));
            let wait = (age / 4).clamp(300, 3600);
            Some((ready(plus_seconds(latest(row.since), wait)).min(deadline), Role::Distribute))
        }
        RowState::Available => (row.share == ShareState::Wanted)
            .then(|| (row.not_before.unwrap_or(input.now).min(deadline), Role::Distribute)),
        RowState::Failed | RowState::TimedOut | RowState::Disabled | RowState::Deregistered => None,
    }
}

/// When an image that is not available is given up.
pub(super) fn deadline(row: &ImageRow, input: PlanInput<'_>) -> Timestamp {
    let hours = input.policy.map_or(24, |policy| policy.deadline_hours);
    plus_seconds(row.since, i64::from(hours).saturating_mul(3600))
}

/// Whether a CreateImage without an answer has been looked for long enough to send the same name
/// again.
pub(super) fn may_call_again(row: &ImageRow, now: Timestamp) -> bool {
    row.called_at.is_none_or(|at| now >= plus_seconds(at, UNKNOWN_OUTCOME_SECONDS))
}
