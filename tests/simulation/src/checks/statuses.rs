//! The status tag: it says what the record says, and what went wrong for one who asked does not
//! vanish under what went well for another.

use super::Check;
use super::oracle::Oracle;
use crate::diary::{Diary, Pressed};
use crate::run::Run;
use amiline_domain::answers::{STANDS_SECONDS, both};
use amiline_domain::escape::{in_quotes, plain};
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::plan::TagStep;
use amiline_domain::status::weight;
use amiline_domain::tags::{Button, Trigger};
use amiline_domain::time::seconds_between;
use amiline_fakecloud::{FakeCloud, Happening};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds by which two clocks may differ here, and what a call takes.
const SLACK_SECONDS: i64 = 60;
/// What is said of a value that waits.
const WAITS: &str = " waits until this press is answered";
/// Characters of an answer that are shown however little room there is.
const SHOWN: usize = 30;

/// A status that was written for one who asked.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) at: Timestamp,
    region: Region,
    pub(super) instance: InstanceId,
    trigger: Trigger,
    pub(super) words: String,
}

impl Oracle {
    /// The words are those of a record that the writer holds, or two of which each was written
    /// before.
    pub(super) fn see_status(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        step: &TagStep,
    ) {
        self.see_what_waits(diary, step);
        let me = format!("invocation-{}", happening.invocation);
        let repeat = self.repeats_on(happening, &step.region, &step.instance);
        let again =
            repeat.filter(|repeat| repeat.says(&step.value)).map(|_| Trigger::Press(Button::Image));
        let of_record = cloud.trigger_of(|family| {
            family.region == step.region
                && family.instance == step.instance
                && family.work.lease.as_ref().is_some_and(|lease| lease.holder == me)
                && family.status.as_ref() == Some(&step.value)
        });
        match again.or(of_record) {
            Some(trigger) => self.statuses.push(Said {
                at: happening.at,
                region: step.region.clone(),
                instance: step.instance.clone(),
                trigger,
                words: step.value.clone(),
            }),
            None => {
                let both = self.is_of_two(&step.region, &step.instance, &step.value);
                self.hold(Check::StatusIsTrue, both, || {
                    format!("{} is told {:?}", step.instance, step.value)
                });
            }
        }
    }

    /// A value that is said to wait for an answer was tagged before that answer, by a person.
    fn see_what_waits(&mut self, diary: &Diary, step: &TagStep) {
        let Some(said) = step.value.strip_suffix(WAITS) else { return };
        // In the characters that a tag's value may have.
        let is_named = |pressed: &Pressed| {
            said.ends_with(&plain(&format!("; {}", in_quotes(&pressed.value, 60)), 256))
        };
        let on_it =
            |pressed: &&Pressed| pressed.region == step.region && pressed.instance == step.instance;
        let tagged = diary.presses.iter().filter(on_it).any(is_named);
        self.hold(Check::StatusIsTrue, tagged, || {
            format!("{} is told {:?}", step.instance, step.value)
        });
    }

    fn said_on<'a>(
        &'a self,
        region: &'a Region,
        instance: &'a InstanceId,
    ) -> impl Iterator<Item = &'a Said> + Clone {
        self.statuses
            .iter()
            .filter(move |said| said.region == *region && said.instance == *instance)
    }

    /// Whether a status joins two that were written to the instance.
    pub(super) fn is_of_two(&self, region: &Region, instance: &InstanceId, shown: &str) -> bool {
        let said = self.said_on(region, instance);
        said.clone().any(|one| {
            let mut others = said.clone().filter(|other| other.trigger != one.trigger);
            others.any(|two| both((&one.trigger, &one.words), (&two.trigger, &two.words)) == shown)
        })
    }
}

/// What went wrong for one who asked a moment before another was answered is still to be read.
pub(super) fn worse_answers(run: &mut Run) {
    let places: BTreeSet<(Region, InstanceId)> = run
        .oracle
        .statuses
        .iter()
        .map(|said| (said.region.clone(), said.instance.clone()))
        .collect();
    for here in places {
        if run.diary.terminated.contains_key(&here) || run.oracle.status_refused.contains(&here) {
            continue;
        }
        let shown = run
            .cloud
            .instance_now(&here.0, &here.1)
            .tags
            .get("amiline:status")
            .cloned()
            .unwrap_or_default();
        let said: Vec<Said> = run.oracle.said_on(&here.0, &here.1).cloned().collect();
        let Some(last) = said.last() else { continue };
        let newest: BTreeMap<&Trigger, &Said> =
            said.iter().map(|said| (&said.trigger, said)).collect();
        for other in newest.into_values() {
            let mended =
                other.trigger == Trigger::Enrolment && matches!(last.trigger, Trigger::Schedule(_));
            let worse = weight(&other.words).is_bad() && weight(&other.words) > weight(&last.words);
            let lately = seconds_between(other.at, last.at) < STANDS_SECONDS - SLACK_SECONDS;
            if other.trigger == last.trigger || mended || !worse || !lately {
                continue;
            }
            let words: String = other.words.chars().take(SHOWN).collect();
            run.oracle.hold(Check::WorseAnswerStays, shown.contains(&words), || {
                format!("{} shows {shown:?}, and was told {:?} before", here.1, other.words)
            });
        }
    }
}
