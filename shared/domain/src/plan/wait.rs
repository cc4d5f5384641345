//! What has to be read now, and when to come back.

use super::{Duty, Knock, Observed, Scene, UNKNOWN_OUTCOME_SECONDS};
use crate::family::{Family, ImageRow, Phase, RowState, ShareState, Worker};
use crate::time::{plus_seconds, seconds_between};
use jiff::Timestamp;

/// Seconds after a call without an answer until its image is looked for, and between such looks.
const LOOK_AFTER_CALL_SECONDS: i64 = 30;

/// The reads that are needed now and were not made in this look.
pub fn reads<D: Duty>(family: &Family, observed: &Observed, knock: &Knock, scene: Scene<'_>) -> Vec<D::Read> {
    let unread =
        |row: &&ImageRow| !observed.rows.contains_key(&row.place) && row_needs_look::<D>(family, row, knock, scene);
    let rows = family.rows.values().filter(unread).map(|row| D::read_row(row.place.clone()));
    rows.chain(D::own_reads(family, observed, knock, scene)).collect()
}

/// Whether the source's keys have to be read before anything is copied or shared.
pub(super) fn needs_keys(family: &Family, observed: &Observed, scene: Scene<'_>) -> bool {
    observed.source_keys.is_none()
        && keys_unknown(family, scene)
        && family.source().is_some_and(|row| is_ready(row, scene.now))
}

/// Whether the policy asks for a key and nobody has compared the source's with it.
pub(super) fn keys_unknown(family: &Family, scene: Scene<'_>) -> bool {
    family.phase == Phase::Working
        && scene.policy.is_some_and(|policy| policy.key_in(&family.region).is_some())
        && family.source().is_some_and(|row| row.state == RowState::Available && row.as_wanted.is_none())
}

/// Whether a refused row may be tried again.
pub(super) fn is_ready(row: &ImageRow, now: Timestamp) -> bool {
    row.not_before.is_none_or(|at| at <= now)
}

fn row_needs_look<D: Duty>(family: &Family, row: &ImageRow, knock: &Knock, scene: Scene<'_>) -> bool {
    let knocked = knock.image.as_ref().is_some_and(|image| {
        image.region == row.region
            && (row.image.as_ref() == Some(&image.image) || (row.image.is_none() && row.called_at.is_some()))
    });
    let recheck = row.recheck.as_ref().is_some_and(|recheck| recheck.next <= scene.now);
    // Somebody brought news and left it to us; whatever it was about, a read shows it.
    let told_something = knock.everything && row.image.is_some() && row.state != RowState::Deregistered;
    let shares = knock.shares && row.image.is_some() && row.state == RowState::Available;
    if knocked || recheck || told_something || shares || family.phase != Phase::Working {
        return knocked || recheck || told_something || shares;
    }
    let under_way = matches!(row.state, RowState::Calling | RowState::Pending);
    let due = under_way && (knock.everything || row_due(family, row, scene).is_some_and(|(at, _)| at <= scene.now));
    due || row.holder.is_some() || (D::WORKER == Worker::Distribute && acts_on(family, row, scene))
}

/// Whether a call is about to be made that changes or copies the row's image.
fn acts_on(family: &Family, row: &ImageRow, scene: Scene<'_>) -> bool {
    let shares = row.state == RowState::Available && row.share == ShareState::Wanted && is_ready(row, scene.now);
    let copies = row.place.is_source()
        && row.state == RowState::Available
        && family
            .rows
            .values()
            .any(|copy| !copy.place.is_source() && copy.state == RowState::Wanted && is_ready(copy, scene.now));
    shares || copies
}

/// When the family has to be looked at with no event asking for it, and whose turn it is. `None`: never.
pub fn due<D: Duty>(family: &Family, scene: Scene<'_>) -> Option<(Timestamp, Worker)> {
    let answer = (family.phase == Phase::Answering || family.status_due).then(|| {
        // Only `create-image` may read the instance, which a correction asks for.
        let worker = if family.status_over.is_some() { Worker::Create } else { D::WORKER };
        (family.answer_not_before.unwrap_or(scene.now), worker)
    });
    let rows = family.rows.values().filter_map(|row| row_due(family, row, scene));
    let rows: Vec<(Timestamp, Worker)> = if family.phase == Phase::Working { rows.collect() } else { Vec::new() };
    let keys = keys_unknown(family, scene)
        .then(|| (family.source().and_then(|row| row.not_before).unwrap_or(scene.now), Worker::Distribute));
    let rechecks = family.rows.values().filter_map(|row| row.recheck.as_ref());
    let rechecks = rechecks.map(|recheck| (recheck.next, Worker::Distribute));
    // A family at work is never without a due time: nothing else would find it if its events are lost.
    let unfinished = (family.phase == Phase::Working).then_some((scene.now, D::WORKER));
    rows.into_iter().chain(answer).chain(keys).chain(rechecks).min().or(unfinished)
}

/// When a row has to be looked at with no event asking for it, and whose turn it is.
pub(super) fn row_due(family: &Family, row: &ImageRow, scene: Scene<'_>) -> Option<(Timestamp, Worker)> {
    let worker = if row.place.is_source() { Worker::Create } else { Worker::Distribute };
    let latest = |at: Timestamp| row.looked_at.map_or(at, |looked| looked.max(at));
    // A Region that cannot be read is asked less and less often.
    let ready = |at: Timestamp| row.not_before.map_or(at, |ready| ready.max(at));
    let deadline = deadline(row, scene);
    match row.state {
        RowState::Wanted => {
            let possible = row.place.is_source() || family.source().is_some_and(|s| s.state == RowState::Available);
            possible.then(|| (row.not_before.unwrap_or(scene.now).min(deadline), worker))
        }
        RowState::Calling => {
            let called = row.called_at.unwrap_or(row.since);
            Some((ready(plus_seconds(latest(called), LOOK_AFTER_CALL_SECONDS)).min(deadline), worker))
        }
        RowState::Pending => {
            let age = seconds_between(row.since, latest(row.since));
            let wait = (age / 4).clamp(300, 3600);
            Some((ready(plus_seconds(latest(row.since), wait)).min(deadline), Worker::Distribute))
        }
        RowState::Available => (row.share == ShareState::Wanted)
            .then(|| (row.not_before.unwrap_or(scene.now).min(deadline), Worker::Distribute)),
        RowState::Failed | RowState::TimedOut | RowState::Disabled | RowState::Deregistered => None,
    }
}

/// When an image that is not available is given up.
pub(super) fn deadline(row: &ImageRow, scene: Scene<'_>) -> Timestamp {
    let hours = scene.policy.map_or(24, |policy| policy.deadline_hours);
    plus_seconds(row.since, i64::from(hours).saturating_mul(3600))
}

/// Whether a CreateImage without an answer has been looked for long enough to send the same name again.
pub(super) fn may_call_again(row: &ImageRow, now: Timestamp) -> bool {
    row.called_at.is_none_or(|at| now >= plus_seconds(at, UNKNOWN_OUTCOME_SECONDS))
}
