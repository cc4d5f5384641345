//! Waiting for an instance that EC2 makes no image of yet, and giving up one of which it never
//! will.
//!
//! The state that was read decides, not the text with which EC2 refuses CreateImage. A state may
//! change between the read and the call, so after a refusal that may be about the state the
//! instance is read again.

use super::backoff::put_off;
use super::wait::is_ready;
use super::{Changes, FamilyHint, InstanceShown, Observed, PlanInput, transitions};
use crate::family::{Family, ImageRole, ImageRow, Phase, RowState};
use crate::image::{InstanceState, ObservedInstance};
use crate::look::unfit;
use crate::press::PressKey;
use crate::reason::ImageReason;
use crate::status;
use crate::time::plus_seconds;

/// How long an instance may be pending before its image is given up, in seconds. Instances run
/// after seconds to a few minutes; one that cannot start is terminated by EC2 within minutes.
pub(super) const PENDING_SECONDS_MAX: i64 = 1800;
/// Seconds between two looks at a pending instance.
const PENDING_EVERY_SECONDS: i64 = 30;
/// How often EC2 may say that it does not know the instance, or that it is not in the right state,
/// although a read shows otherwise: over about seven minutes, which is longer than reads lag.
pub(super) const DOUBTFUL_REFUSALS_MAX: u32 = 3;

/// Whether the instance has to be read: CreateImage is due and was not preceded by a read in this
/// look, or somebody may have changed the button. Of an instance that is waited for, an early look
/// may find that it runs.
pub(super) fn needs_look(
    family: &Family,
    observed: &Observed,
    hint: &FamilyHint,
    input: PlanInput<'_>,
) -> bool {
    let due = |row: &ImageRow| {
        is_ready(row, input.now) || (hint.everything && row.pending_since.is_some())
    };
    let create = family.source().is_some_and(|row| row.state == RowState::Wanted && due(row));
    let button = (hint.button || hint.everything) && answers_a_press(family).is_some();
    observed.instance.is_none() && family.phase == Phase::Working && (create || button)
}

/// Whether this look saw the instance in a state in which EC2 makes images of it.
pub(super) fn saw_imageable(observed: &Observed) -> bool {
    matches!(&observed.instance, Some(InstanceShown::Seen(Some(instance))) if instance.state.can_be_imaged())
}

/// Takes in what the read of the instance showed, for an image that is still to be made. Taken in
/// twice it changes nothing more.
pub(super) fn take_in(
    family: &mut Family,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    let Some(shown) = &observed.instance else { return };
    let wanted = |row: &&mut ImageRow| row.state == RowState::Wanted;
    let Some(row) = family.rows.get_mut(&ImageRole::Source).filter(wanted) else { return };
    let waited_before = row.pending_since.is_some();
    let before = row.clone();
    match shown {
        InstanceShown::Unread if is_ready(row, input.now) => put_off(row, input),
        InstanceShown::Unread => {}
        InstanceShown::Seen(None) if !is_ready(row, input.now) => {}
        InstanceShown::Seen(None) if row.refusals < DOUBTFUL_REFUSALS_MAX => {
            put_off(row, input);
            row.reason = Some(ImageReason::InstanceNotShown);
        }
        InstanceShown::Seen(None) => {
            transitions::given_up(row, ImageReason::InstanceNotShown, changes)
        }
        InstanceShown::Seen(Some(instance)) => {
            match refusal(family.policy.as_ref(), instance, input) {
                Some(reason) => transitions::given_up(row, reason, changes),
                None if instance.state == InstanceState::Pending => wait(row, input, changes),
                None => {
                    if row.pending_since.take().is_some() {
                        row.not_before = None;
                    }
                }
            }
        }
    }
    let waits = row.pending_since.is_some() && row.state == RowState::Wanted;
    if *row != before {
        changes.rows.insert(ImageRole::Source);
    }
    if waits && !waited_before {
        family.status = Some(status::under_way(family));
        family.status_due = true;
        changes.family = true;
    }
}

/// Takes in what the button shows: another value than the one that is worked on waits, and the
/// status names it.
pub(super) fn take_in_the_button(
    family: &mut Family,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    let Some(InstanceShown::Seen(Some(instance))) = &observed.instance else { return };
    let Some(key) = answers_a_press(family) else { return };
    let shown = instance.tags.get(&input.keys.button(key.button));
    let other = shown.filter(|value| **value != family.requested);
    if family.other_value.as_ref() == other {
        return;
    }
    family.other_value = other.cloned();
    family.status = Some(status::under_way(family));
    family.status_due = true;
    changes.family = true;
}

/// The button whose press the family is working on. What it does after that press was answered has
/// none.
fn answers_a_press(family: &Family) -> Option<PressKey> {
    family.press_key().filter(|_| family.phase == Phase::Working && family.round == 0)
}

fn refusal(
    policy: Option<&crate::policy::PolicyRef>,
    instance: &ObservedInstance,
    input: PlanInput<'_>,
) -> Option<ImageReason> {
    let (policy_ref, policy) = (policy?, input.policy?);
    unfit(policy, &policy_ref.name, instance).map(|rejection| ImageReason::Unfit { rejection })
}

fn wait(row: &mut ImageRow, input: PlanInput<'_>, changes: &mut Changes) {
    let since = *row.pending_since.get_or_insert(input.now);
    let until = plus_seconds(since, PENDING_SECONDS_MAX);
    if input.now >= until {
        let minutes = PENDING_SECONDS_MAX.div_euclid(60);
        transitions::given_up(row, ImageReason::InstanceStillPending { minutes }, changes);
        return;
    }
    if is_ready(row, input.now) {
        row.not_before = Some(plus_seconds(input.now, PENDING_EVERY_SECONDS).min(until));
    }
    row.reason = Some(ImageReason::InstancePending);
}
