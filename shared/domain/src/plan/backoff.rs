//! Putting off what was refused or could not be read: a little longer each time.

use super::PlanInput;
use crate::family::{Family, ImageRow};
use crate::time::plus_seconds;

/// Puts off the next try for an image.
pub(super) fn put_off(row: &mut ImageRow, input: PlanInput<'_>) {
    row.refusals = row.refusals.saturating_add(1);
    row.not_before = Some(plus_seconds(input.now, backoff_seconds(row.refusals)));
}

/// Puts off the next try to answer.
pub(super) fn put_off_answer(family: &mut Family, input: PlanInput<'_>) {
    family.answer_refusals = family.answer_refusals.saturating_add(1);
    family.answer_not_before =
        Some(plus_seconds(input.now, backoff_seconds(family.answer_refusals)));
}

/// Seconds until the next try after `refusals` refused ones: a minute, doubling up to an hour.
fn backoff_seconds(refusals: u32) -> i64 {
    60i64.saturating_mul(1i64 << refusals.saturating_sub(1).min(6)).min(3600)
}
