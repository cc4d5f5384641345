//! Looking again soon, where an event and a read do not agree, or a read does not show what should
//! be there.
//!
//! Events are lost after they were acknowledged, and reads lag and fail; for an image that nothing
//! else is waiting for (settled, or only shared), these looks are what finds out that somebody
//! deregistered, disabled or revived it.

use super::{Changes, FamilyHint, PlanInput, transitions};
use crate::family::{ImageRow, Recheck, RowState};
use crate::ids::FamilyId;
use crate::image::ImageState;
use crate::time::plus_seconds;

/// Seconds between the looks.
const EVERY_SECONDS: i64 = 60;
/// How long they go on after an event that no read confirms, in seconds.
const TOLD_SECONDS: i64 = 300;
/// How long an image that was there must stay out of every read before it counts as gone, in
/// seconds: describes lag by seconds to minutes (aws-behaviour.md#reads-are-eventually-consistent).
const MISSING_SECONDS: i64 = 600;

/// An event about the image may have come that nobody can name any more: before it was known whose
/// image it is, or to somebody who only knocked. It is looked at once more when what is read now is
/// certainly not behind any more.
pub(super) fn once_more(row: &mut ImageRow, input: PlanInput<'_>) {
    if row.recheck.is_none() && is_recorded(row) {
        let later = plus_seconds(input.now, TOLD_SECONDS);
        row.recheck =
            Some(Recheck { told: Some(ImageState::Available), next: later, until: later });
    }
}

/// Whether a read showed that somebody disabled or enabled the image. Both can be undone, so the
/// read may be one from before it was undone, and an event that agrees with it may be the older of
/// two.
pub(super) fn may_turn_back(before: RowState, after: RowState) -> bool {
    before != after && (before == RowState::Disabled || after == RowState::Disabled)
}

/// What an event said about this very image.
fn told(row: &ImageRow, hint: &FamilyHint) -> Option<ImageState> {
    let image = hint.image.as_ref()?;
    (row.image.as_ref() == Some(&image.image) && row.region == image.region).then_some(image.state)
}

/// Asks whether an event was right. Events come in any order, so of two that differ neither is
/// believed: the image is looked at when no read is behind any more. One that says again what is
/// asked already may be newer than the question, so it is asked for longer. Nothing comes after a
/// deregistration.
fn begin(row: &mut ImageRow, told: Option<ImageState>, seconds: i64, input: PlanInput<'_>) {
    let in_seconds = |seconds| plus_seconds(input.now, seconds);
    let soon = in_seconds(EVERY_SECONDS);
    let next = match (row.recheck.as_ref().map(|open| (open.told, open.next)), told) {
        (None, _) | (Some((None, _)), Some(_)) => soon,
        (Some((Some(asked), next)), Some(told)) if asked == told => next.min(soon),
        (Some((Some(asked), _)), Some(_)) if asked != ImageState::Deregistered => {
            in_seconds(seconds)
        }
        (Some(_), _) => return,
    };
    row.recheck = Some(Recheck { told, next, until: in_seconds(seconds) });
}

/// A read showed the image in this state, and the row has taken that in.
pub(super) fn shown(
    row: &mut ImageRow,
    state: ImageState,
    hint: &FamilyHint,
    input: PlanInput<'_>,
) {
    if row.state == RowState::Deregistered {
        // Nothing comes after that, so there is nothing to look at again.
        row.recheck = None;
        return;
    }
    // A read that agrees with the news may still be from before what an open question asks about.
    let asked_otherwise = |told| {
        row.recheck.as_ref().is_some_and(|open| open.told.is_some_and(|asked| asked != told))
    };
    if let Some(told) = told(row, hint)
        && (told != state || asked_otherwise(told))
    {
        begin(row, Some(told), TOLD_SECONDS, input);
        return;
    }
    let Some(recheck) =
        row.recheck.take_if(|recheck| recheck.told.is_none() || recheck.next <= input.now)
    else {
        return;
    };
    let Some(told) = recheck.told else {
        // A read that missed it and one that shows it: one of them is behind, and it may be this
        // one.
        once_more(row, input);
        return;
    };
    if told != state && input.now < recheck.until {
        row.recheck = Some(Recheck { next: plus_seconds(input.now, EVERY_SECONDS), ..recheck });
    }
}

/// Whether the row has an image that may still change.
fn is_recorded(row: &ImageRow) -> bool {
    let may_change = matches!(
        row.state,
        RowState::Pending
            | RowState::Available
            | RowState::Failed
            | RowState::TimedOut
            | RowState::Disabled
    );
    may_change && row.image.is_some()
}

/// A read did not show the row's image. With an event that says so it is gone; without one, after a
/// while.
pub(super) fn missing(
    row: &mut ImageRow,
    family: &FamilyId,
    hint: &FamilyHint,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    if !is_recorded(row) {
        row.recheck = None;
        return;
    }
    let told = told(row, hint).or(row.recheck.as_ref().and_then(|recheck| recheck.told));
    // Whatever it has become meanwhile: looks that found nothing must come to an end.
    let long_gone = row
        .recheck
        .as_ref()
        .is_some_and(|recheck| recheck.told.is_none() && recheck.until <= input.now);
    if told == Some(ImageState::Deregistered) || long_gone {
        transitions::deregistered(row, family, changes);
        row.recheck = None;
        return;
    }
    if let Some(recheck) = row.recheck.as_mut().filter(|recheck| recheck.next <= input.now) {
        recheck.next = plus_seconds(input.now, EVERY_SECONDS);
    }
    // The read may be behind the event; what it told is asked for until a read can show it.
    if let Some(state) = self::told(row, hint) {
        begin(row, Some(state), TOLD_SECONDS, input);
    }
    // An event that said something else is done with; that the image is missing is a new question.
    row.recheck.take_if(|recheck| recheck.told.is_some() && recheck.until <= input.now);
    begin(row, None, MISSING_SECONDS, input);
}

/// The read failed, so the event that asked for it is not answered yet.
pub(super) fn unread(row: &mut ImageRow, hint: &FamilyHint, input: PlanInput<'_>) {
    match told(row, hint) {
        Some(told) => begin(row, Some(told), TOLD_SECONDS, input),
        // Somebody brought news of something; what it was is not known, so the question stays open.
        None if hint.everything && is_recorded(row) => begin(row, None, MISSING_SECONDS, input),
        None => {}
    }
    if let Some(recheck) = row.recheck.as_mut().filter(|recheck| recheck.next <= input.now) {
        // A Region that cannot be read for a while must not use the time up.
        recheck.next = plus_seconds(input.now, EVERY_SECONDS);
        recheck.until = recheck.until.max(plus_seconds(input.now, TOLD_SECONDS));
    }
}
