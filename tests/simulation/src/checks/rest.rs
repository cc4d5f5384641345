//! What must hold once nothing goes wrong any more and everything has come to rest.

use super::oracle::Told;
use super::writes::hears;
use super::{Check, Oracle, desired, digests};
use crate::diary::Pressed;
use crate::run::{QUEUES, Run, TICK_SECONDS};
use amiline_domain::family::{Family, RowState};
use amiline_domain::history::EventKind;
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::press::STALE_READ_SECONDS;
use amiline_domain::receiver::Receiver;
use amiline_domain::time::seconds_between;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Everything that holds at rest. The event log is played again at the end.
pub(crate) fn look(run: &mut Run) {
    super::shares::look(run);
    announced(run);
    failures(run);
    messages(run);
    takeovers(run);
    presses(run);
    super::statuses::worse_answers(run);
    news(run);
    twins(run);
    super::news::look(run);
    if !run.violated() {
        digests::look(run);
    }
    desired::look(run);
    let flaws = run.cloud.flaws();
    run.oracle.hold(Check::LineageKept, flaws.is_empty(), || flaws.join("; "));
    // A press that nobody heard of is heard of when its event comes again.
    // Likewise an image that came after its deadline, when nobody looked any more.
    let unheard = run.diary.presses.iter().any(Pressed::is_there);
    let given_up =
        |family: &Family| family.rows.values().any(|row| row.state == RowState::TimedOut);
    let late = run.cloud.families().iter().any(given_up);
    if !run.violated() && !unheard && !late {
        replay(run);
    }
}

/// Everybody was told of every item that they are to hear of.
fn announced(run: &mut Run) {
    let unannounced = run.cloud.unannounced().len();
    run.oracle
        .hold(Check::OutcomesAnnounced, unannounced == 0, || format!("{unannounced} items wait"));
    for (id, (event, subject, _)) in run.oracle.recorded.clone() {
        let all = [Receiver::Notifications, Receiver::Attention, Receiver::Chat, Receiver::Bus];
        for receiver in all.into_iter().filter(|receiver| hears(*receiver, event)) {
            let told = run.oracle.announced.contains_key(&(receiver, id.clone()));
            run.oracle.hold(Check::OutcomesAnnounced, told, || {
                format!("{subject}: {receiver:?} was not told of {}", event.as_str())
            });
        }
    }
}

/// Every image of ours that failed stands in the history as failed, and nothing is left open.
fn failures(run: &mut Run) {
    let failed = run.oracle.failed.clone();
    for (place, image) in failed {
        if run.cloud.image_state(&place, &image) != Some(ImageState::Failed)
            || run.diary.touched(&place, &image)
        {
            continue;
        }
        let told = run.oracle.recorded.values().any(|(event, _, id)| {
            id.as_ref() == Some(&image)
                && matches!(event, EventKind::ImageFailed | EventKind::CopyFailed)
        });
        run.oracle.hold(Check::FailuresRecorded, told || run.oracle.lax_names, || {
            format!("{image} in {place} failed, and nobody says so")
        });
    }
    for family in run.cloud.families() {
        let open = family.rows.values().any(|row| row.state.is_open()) || family.outcome.is_none();
        run.oracle
            .hold(Check::FailuresRecorded, !open, || format!("{} is not finished", family.id));
    }
}

/// No message is left, and none that cannot be read came back until it was given up, unless keeping
/// it failed.
fn messages(run: &mut Run) {
    let waiting: usize = QUEUES.iter().map(|queue| run.cloud.waiting_count(*queue)).sum();
    run.oracle.hold(Check::MessagesAccounted, waiting == 0, || format!("{waiting} messages wait"));
    if run.storm.faults().total() > 0 {
        return;
    }
    let dead: Vec<_> = QUEUES.iter().flat_map(|queue| run.cloud.dead_letters(*queue)).collect();
    run.oracle.hold(Check::MessagesAccounted, dead.is_empty(), || {
        format!("without any fault {dead:?} was given up")
    });
}

fn takeovers(run: &mut Run) {
    for family in run.oracle.deaths_with_lease.clone() {
        let ended = run
            .cloud
            .family(&family)
            .is_some_and(|family| family.outcome.is_some() && family.work.lease.is_none());
        run.oracle.hold(Check::DeadLeaseTakenOver, ended, || {
            format!("{family} lost its role and was never ended")
        });
    }
}

/// Every press that nobody took back is answered, its tag is gone, and the status says so.
fn presses(run: &mut Run) {
    for pressed in run.diary.presses.clone() {
        let here = (pressed.region.clone(), pressed.instance.clone());
        let gone = run.diary.terminated.contains_key(&here);
        // Where nobody watches, a press whose event was lost is not heard of.
        if pressed.taken_back.is_some() || gone || !run.watched.contains(&pressed.region) {
            continue;
        }
        let instance = run.cloud.instance_now(&pressed.region, &pressed.instance);
        debug_assert!(!instance.state.is_gone());
        let removed = pressed.removed.is_some();
        run.oracle.hold(Check::PressAnswered, removed, || {
            format!("{:?} on {} is still there", pressed.value, pressed.instance)
        });
        let answered = run.oracle.told.values().any(|told| {
            told.region == pressed.region
                && told.instance == pressed.instance
                && told.value == pressed.value
                && told
                    .ended
                    .iter()
                    .any(|(at, _)| *at >= pressed.at || !run.oracle.said_so(&pressed, told, *at))
        });
        let answered = answered || run.oracle.answered_again(&pressed);
        run.oracle.hold(Check::PressAnswered, answered, || {
            format!("{:?} on {} has no answer", pressed.value, pressed.instance)
        });
        let shown = instance.tags.get("amiline:status");
        let said = run
            .cloud
            .trigger_of(|family| {
                (family.region.clone(), family.instance.clone()) == here
                    && family.outcome.is_some()
                    && family.status.as_ref() == shown
            })
            .is_some();
        let said = said || run.oracle.says_again(&pressed.region, &pressed.instance, shown);
        let said = said
            || shown.is_some_and(|shown| {
                run.oracle.is_of_two(&pressed.region, &pressed.instance, shown)
            });
        let refused = run.oracle.status_refused.contains(&here);
        run.oracle.hold(Check::StatusIsTrue, said || refused, || {
            format!("{} shows {shown:?}", pressed.instance)
        });
        taken_up_in_time(run, &pressed);
    }
}

/// Once nothing goes wrong, two ticks and the quiet time after our own removal are enough to hear
/// of a press, unless an earlier one of the same instance is under way.
fn taken_up_in_time(run: &mut Run, pressed: &Pressed) {
    const SECONDS: i64 = 2 * TICK_SECONDS + STALE_READ_SECONDS;
    let Some(calm) = run.calm_since else { return };
    let presses =
        run.diary.presses.iter().filter(|other| other.instance == pressed.instance).count();
    let of = |told: &&Told| {
        told.press && told.region == pressed.region && told.instance == pressed.instance
    };
    let mut taken_up = run.oracle.told.values().filter(of).map(|told| told.at);
    if let (1, Some(at), None) = (presses, taken_up.next(), taken_up.next()) {
        let waited = seconds_between(pressed.at.max(calm), at);
        let what =
            || format!("{:?} on {} waited {waited} s to be heard", pressed.value, pressed.instance);
        run.oracle.hold(Check::PressAnswered, waited <= SECONDS, what);
    }
}

/// What an acknowledged event told of an image, as its newest turn, stands in the record.
fn news(run: &mut Run) {
    for ((place, image), (second, state)) in run.oracle.heard.clone() {
        let Some((at, is)) = run.oracle.image_is.get(&(place.clone(), image.clone())) else {
            continue;
        };
        if at.as_second() != second || *is != state {
            continue;
        }
        let family = run.cloud.family_of(&place, &image).and_then(|id| run.cloud.family(&id));
        let mut rows = family.into_iter().flat_map(|family| family.rows.into_values());
        let Some(row) = rows.find(|row| row.region == place && row.image.as_ref() == Some(&image))
        else {
            continue;
        };
        let knows = match state {
            ImageState::Available => row.state == RowState::Available,
            ImageState::Failed => row.state == RowState::Failed,
            ImageState::Disabled => row.state == RowState::Disabled,
            ImageState::Deregistered => row.state == RowState::Deregistered,
            ImageState::Pending | ImageState::Transient => true,
        };
        run.oracle.hold(Check::NewsNotForgotten, knows, || {
            format!("{image} is {state:?}, which an event told, and is recorded as {:?}", row.state)
        });
    }
}

/// Of two images with one intent the other one is told of.
fn twins(run: &mut Run) {
    if !run.oracle.lax_names {
        return;
    }
    let told = run.oracle.told.clone();
    for (family, told) in told.iter().filter(|(_, told)| told.sources.len() > 1) {
        let live = told
            .sources
            .iter()
            .filter(|id| run.cloud.image_state(&told.region, id) == Some(ImageState::Available));
        let shown = told.sources.iter().filter(|id| run.oracle.was_seen(&told.region, id)).count();
        if live.count() > 1 && shown > 1 {
            let said = run.oracle.recorded.values().any(|(event, id, _)| {
                *event == EventKind::DuplicateFound && id.family() == Some(family)
            });
            run.oracle.hold(Check::TwinsLeftAlone, said, || {
                format!("{family} has two images, and nobody says so")
            });
        }
    }
}

/// The whole event log again: nothing changes in EC2, and no family is made. Only where an event
/// that was lost the first time tells of somebody's hand on an image is the answer on the instance
/// corrected.
fn replay(run: &mut Run) {
    let ends = |run: &Run| -> BTreeMap<_, _> {
        run.cloud.families().into_iter().map(|family| (family.id, family.seq)).collect()
    };
    let (before, mutations, answers) =
        (ends(run), run.cloud.mutations(), run.cloud.effects_of("ec2:CreateTags"));
    // Nothing may look new to it: the quiet time after our own removals is over.
    run.cloud.advance(600);
    run.cloud.replay_events();
    run.come_to_rest();
    let after = ends(run);
    let news = after
        .iter()
        .filter(|(id, seq)| before.get(*id).is_some_and(|before| before < *seq))
        .count();
    let corrected = (run.cloud.effects_of("ec2:CreateTags") - answers).min(news);
    let changes = run.cloud.mutations() - mutations - corrected;
    let quiet = changes == 0 && after.keys().eq(before.keys());
    run.oracle.hold(Check::ReplayIsQuiet, quiet, || {
        format!("{changes} changes in EC2 by a replay of the event log")
    });
}

impl Oracle {
    /// Whether any read showed the image as available.
    fn was_seen(&self, place: &Region, image: &ImageId) -> bool {
        self.available_seen.contains(&(place.clone(), image.clone()))
    }

    /// Whether the instance's status showed the family's answer before it was pressed: an earlier
    /// press merges.
    fn said_so(&self, pressed: &Pressed, told: &Told, since: Timestamp) -> bool {
        self.statuses.iter().any(|said| {
            said.instance == pressed.instance
                && (since..pressed.at).contains(&said.at)
                && told.status.as_ref() == Some(&said.words)
        })
    }

    /// Whether anything of a family was refused for good in a Region.
    pub(super) fn refused(
        &self,
        family: &amiline_domain::ids::FamilyId,
        action: &'static str,
        place: &Region,
    ) -> bool {
        self.told.get(family).is_some_and(|told| told.refused.contains(&(action, place.clone())))
    }
}
