//! Taking in how a call ended.

use super::instance::DOUBTFUL_REFUSALS_MAX;
use super::{
    AnswerStep, Changes, Ended, PlanInput, ShareRefused, ShareStep, Stopped, backoff, transitions,
};
use crate::family::{Family, ImageRole, ImageRow, Phase, RowState, ShareState};
use crate::fault::Fault;
use crate::history::{EventKind, Fact};
use crate::reason::ImageReason;
use crate::record::PressWrite;
use crate::status;
use crate::time::plus_seconds;

/// When to try a call again for which an invocation had no time, in seconds.
const NO_TIME_SECONDS: i64 = 60;
/// Refused attempts to write the status after which it is left; the answer also stands in the
/// record and was announced.
const STATUS_REFUSALS_MAX: u32 = 3;

/// What EC2 says of an instance that it does not know yet, or that is in no state for an image. The
/// second code says other things as well, so the instance is read again and the state that is read
/// decides.
const DOUBTFUL: [&str; 2] = ["InvalidInstanceID.NotFound", "InvalidParameterValue"];

/// Of a call that makes the image of a row.
pub(super) fn made(
    family: &mut Family,
    image_role: &ImageRole,
    ended: &Ended,
    input: PlanInput<'_>,
) -> Changes {
    let mut changes = Changes::default();
    let Some(row) = family.rows.get_mut(image_role) else { return changes };
    changes.rows.insert(image_role.clone());
    match ended {
        Ended::Image(id) => {
            transitions::begun(row, id, input, &mut changes);
            if image_role.is_source() {
                family.status = Some(status::under_way(family));
                family.status_image = Some(id.clone());
                family.status_due = true;
                changes.family = true;
            }
        }
        // The image that holds the name may be ours, from a call whose answer was lost: look at it
        // before anything else.
        Ended::NameTaken(holder) => row.name_owner.clone_from(holder),
        Ended::Refused { fault: Fault::Later, error } => {
            row.state = RowState::Wanted;
            put_off(row, error.clone().into(), input);
        }
        // Nobody refused anything, so the next invocation need not wait longer for each that had no
        // time.
        Ended::NoTime => {
            row.state = RowState::Wanted;
            row.not_before = Some(plus_seconds(input.now, NO_TIME_SECONDS));
        }
        Ended::Refused { fault: Fault::Reject, error }
            if image_role.is_source()
                && DOUBTFUL.contains(&error.code.as_str())
                && row.refusals < DOUBTFUL_REFUSALS_MAX =>
        {
            row.state = RowState::Wanted;
            put_off(row, error.clone().into(), input);
        }
        // An earlier call of this attempt may have had its effect: its image is looked for before
        // it is given up.
        Ended::Refused { fault: Fault::Reject | Fault::NeedsPerson, error } if row.maybe_made => {
            row.refused = Some(error.clone().into());
        }
        Ended::Refused { fault: Fault::Reject | Fault::NeedsPerson, error } => {
            transitions::failed(row, RowState::Failed, error.clone().into(), &mut changes);
        }
        // It may have had its effect: stay at `Calling`, and look.
        Ended::Refused { fault: Fault::Unknown, error } => {
            row.maybe_made = true;
            row.reason = Some(error.clone().into());
        }
        Ended::Done | Ended::Gone | Ended::Shared { .. } => {}
    }
    changes
}

fn put_off(row: &mut ImageRow, reason: ImageReason, input: PlanInput<'_>) {
    backoff::put_off(row, input);
    row.reason = Some(reason);
}

/// Of a call that shares an image.
pub(super) fn shared(
    family: &mut Family,
    step: &ShareStep,
    ended: &Ended,
    input: PlanInput<'_>,
) -> Changes {
    let mut changes = Changes::default();
    let Some(row) = family.rows.get_mut(&step.image_role) else { return changes };
    changes.rows.insert(step.image_role.clone());
    if matches!(ended, Ended::Done | Ended::Shared { .. }) {
        row.shared_at = Some(input.now);
    }
    match ended {
        Ended::Done | Ended::Image(_) => {
            row.shared_with.extend(step.targets.iter().cloned());
            row.refusals = 0;
            row.not_before = None;
            row.reason = None;
            changes.facts.push(Fact::of(
                EventKind::ImageShared,
                &step.image_role,
                Some(&step.image),
            ));
            if row.refused_targets.is_empty() {
                row.share = ShareState::Shared;
            } else {
                // An earlier look found out whom EC2 refuses; these were the rest.
                let reason = ImageReason::not_shared_with(row, None);
                transitions::not_shared(row, reason, &mut changes);
            }
        }
        Ended::Shared { shared, refused, stopped } => {
            row.shared_with.extend(shared.iter().cloned());
            row.refused_targets.extend(refused.clone());
            if !shared.is_empty() {
                changes.facts.push(Fact::of(
                    EventKind::ImageShared,
                    &step.image_role,
                    Some(&step.image),
                ));
            }
            let then = match stopped {
                Some(Stopped::EnoughCalls) => {
                    put_off(row, ImageReason::SharingGoesOn, input);
                    return changes;
                }
                Some(Stopped::Refused(ShareRefused {
                    fault: Fault::Later | Fault::Unknown,
                    error,
                })) => {
                    put_off(row, error.clone().into(), input);
                    return changes;
                }
                Some(Stopped::Refused(ShareRefused {
                    fault: Fault::Reject | Fault::NeedsPerson,
                    error,
                })) => Some(error.clone()),
                None => None,
            };
            let reason = ImageReason::not_shared_with(row, then);
            transitions::not_shared(row, reason, &mut changes);
        }
        // Adding a permission twice is harmless, so an unknown outcome is simply tried again.
        Ended::Refused { fault: Fault::Later | Fault::Unknown, error } => {
            put_off(row, error.clone().into(), input)
        }
        Ended::Refused { fault: Fault::Reject | Fault::NeedsPerson, error } => {
            transitions::not_shared(
                row,
                ImageReason::NotShared(Box::new(error.clone())),
                &mut changes,
            );
        }
        Ended::NameTaken(_) | Ended::Gone | Ended::NoTime => {}
    }
    changes
}

/// Of a call that answers on the instance.
pub(super) fn answered(
    family: &mut Family,
    step: &AnswerStep,
    ended: &Ended,
    input: PlanInput<'_>,
) -> Changes {
    match step {
        AnswerStep::RemoveButton(_) => button_removed(family, ended, input),
        AnswerStep::WriteStatus(step) => status_written(family, &step.tag.value, ended, input),
    }
}

fn button_removed(family: &mut Family, ended: &Ended, input: PlanInput<'_>) -> Changes {
    let mut changes = Changes { family: true, ..Changes::default() };
    match ended {
        // An instance that is gone has no tag left to remove. Any other refusal leaves the tag
        // there, so the press stays answered: an idle press with the tag would be a new one.
        Ended::Done
        | Ended::Gone
        | Ended::NoTime
        | Ended::Image(_)
        | Ended::NameTaken(_)
        | Ended::Shared { .. } => {
            family.phase = Phase::Settled;
            if family.reopen {
                family.take_up_again();
            }
            family.answer_refusals = 0;
            family.answer_not_before = None;
            changes.press = family.press_key().map(|key| PressWrite::Clear {
                key,
                slot: family.slot,
                cleared_at: input.now,
                answer: family.status.clone(),
            });
        }
        Ended::Refused { .. } => backoff::put_off_answer(family, input),
    }
    changes
}

fn status_written(
    family: &mut Family,
    written: &str,
    ended: &Ended,
    input: PlanInput<'_>,
) -> Changes {
    // An image that began beside this call has another status, which is still to be written.
    let is_newest = family.status.as_deref() == Some(written);
    match ended {
        Ended::Refused { fault: Fault::Later | Fault::Unknown, .. }
            if family.answer_refusals < STATUS_REFUSALS_MAX =>
        {
            backoff::put_off_answer(family, input);
        }
        Ended::Done
        | Ended::Gone
        | Ended::NoTime
        | Ended::Image(_)
        | Ended::NameTaken(_)
        | Ended::Shared { .. }
        | Ended::Refused { .. } => {
            family.status_due &= !is_newest;
            family.status_over = None;
            family.answer_refusals = 0;
            family.answer_not_before = None;
        }
    }
    Changes { family: true, ..Changes::default() }
}
