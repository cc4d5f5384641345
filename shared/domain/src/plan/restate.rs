//! Saying anew how a family stands after somebody's hand on its images: the outcome and the answer
//! that were given once would say what is no longer true. What happened was told as it was found,
//! so this announces nothing.

use super::backoff::put_off_answer;
use super::{Changes, InstanceShown, Observed, PlanInput};
use crate::family::{Family, FormerStatus, Outcome, Phase};
use crate::press::STALE_READ_SECONDS;
use crate::status;
use crate::time::plus_seconds;
use std::collections::BTreeSet;

/// Gives a family that has ended the outcome and the answer that its images have now.
pub(super) fn after_somebodys_hand(family: &mut Family, changes: &mut Changes) {
    let ended =
        matches!(family.outcome, Some(Outcome::Complete | Outcome::Partial | Outcome::Failed));
    if family.phase != Phase::Settled || !ended {
        return;
    }
    let outcome = super::decide::outcome_of(family);
    if family.outcome == Some(outcome)
        && status::ended(family, outcome) == family.status.clone().unwrap_or_default()
    {
        return;
    }
    let status = status::restated(family, outcome);
    if family.outcome == Some(outcome) && family.status.as_ref() == Some(&status) {
        return;
    }
    let before = family.status.take();
    match (&mut family.status_over, before) {
        // The correction before this one may have been written by somebody who could not record
        // that any more.
        (Some(former), Some(before)) if family.status_due => {
            former.doubted = false;
            former.words.insert(before);
        }
        (over, Some(before)) if !family.status_due => {
            *over = Some(FormerStatus { words: BTreeSet::from([before]), doubted: false });
        }
        // An answer that was not written yet is simply another one.
        (_, _) => {}
    }
    family.outcome = Some(outcome);
    family.status = Some(status);
    family.status_image = family.home_image().cloned();
    family.status_due = true;
    family.answer_refusals = 0;
    family.answer_not_before = None;
    changes.family = true;
}

/// Whether the instance has to be read before the answer is corrected: the tag shows the latest
/// answer of any family, and only one of this family is corrected.
pub(super) fn needs_look(family: &Family, observed: &Observed, input: PlanInput<'_>) -> bool {
    observed.instance.is_none()
        && family.phase == Phase::Settled
        && family.status_due
        && family.status_over.is_some()
        && family.answer_not_before.is_none_or(|at| at <= input.now)
}

/// Leaves the tag alone where it shows another family's answer.
pub(super) fn check_the_tag(
    family: &mut Family,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    if !family.status_due || family.phase != Phase::Settled || family.status_over.is_none() {
        return;
    }
    match &observed.instance {
        None => return,
        Some(InstanceShown::Unread)
            if family.answer_not_before.is_none_or(|at| at <= input.now) =>
        {
            put_off_answer(family, input);
        }
        Some(InstanceShown::Unread) => return,
        Some(InstanceShown::Seen(_)) if shows_the_former(family, observed, input) => return,
        Some(InstanceShown::Seen(_))
            if family.answer_not_before.is_some_and(|at| at > input.now) =>
        {
            return;
        }
        Some(InstanceShown::Seen(_)) => {
            match family.status_over.as_mut().filter(|former| !former.doubted) {
                // The read may be from before the former answer was written.
                Some(former) => {
                    former.doubted = true;
                    family.answer_not_before = Some(plus_seconds(input.now, STALE_READ_SECONDS));
                }
                None => {
                    family.status_due = false;
                    family.status_over = None;
                }
            }
        }
    }
    changes.family = true;
}

/// Whether this look saw the answer that is to be corrected on the instance.
pub(super) fn shows_the_former(family: &Family, observed: &Observed, input: PlanInput<'_>) -> bool {
    let Some(InstanceShown::Seen(Some(instance))) = &observed.instance else { return false };
    !instance.state.is_gone()
        && instance.tags.get(&input.keys.status()).is_some_and(|shown| {
            family.status_over.as_ref().is_some_and(|former| former.words.contains(shown))
        })
}
