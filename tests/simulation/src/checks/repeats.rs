//! Refusals that are repeated: told once, counted after that, and answered on the instance each
//! time.

use super::Check;
use super::oracle::{Oracle, Told};
use super::statuses::Said;
use crate::diary::{Diary, Pressed};
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::press::{Press, PressKey};
use amiline_domain::time::seconds_between;
use amiline_fakecloud::Happening;
use jiff::Timestamp;

const DAY_SECONDS: i64 = 86_400;
/// Seconds by which two clocks may differ here, twice.
const CLOCKS_SECONDS: i64 = 1500;

/// A refusal that was answered without a family.
#[derive(Debug, Clone)]
pub(super) struct Repeat {
    invocation: u64,
    at: Timestamp,
    region: Region,
    instance: InstanceId,
    value: String,
    answer: String,
}

impl Repeat {
    fn is_of(&self, region: &Region, instance: &InstanceId) -> bool {
        self.region == *region && self.instance == *instance
    }
}

impl Oracle {
    /// The tag that an invocation saw on an instance whose press was idle.
    fn tag_seen(&mut self, happening: &Happening, key: &PressKey) -> Option<String> {
        let shown = self.shown.entry(happening.invocation).or_default();
        shown.tag.clone().filter(|_| shown.idle_press.as_ref() == Some(key))
    }

    /// The tag was seen.
    pub(super) fn see_held_back(&mut self, happening: &Happening, key: &PressKey) {
        let seen = self.tag_seen(happening, key).is_some();
        self.hold(Check::PressWasSeen, seen, || format!("{} is held back unseen", key.instance));
    }

    /// The same refusal was told within the day, and the tag was seen.
    pub(super) fn see_repeated(
        &mut self,
        diary: &mut Diary,
        happening: &Happening,
        key: &PressKey,
        press: &Press,
    ) {
        let tag = self.tag_seen(happening, key);
        self.hold(Check::PressWasSeen, tag.is_some(), || {
            format!("{} is refused again unseen", key.instance)
        });
        let Some(value) = tag else { return };
        let within =
            |told: &&Told| seconds_between(told.at, happening.at) < DAY_SECONDS + CLOCKS_SECONDS;
        let before = self.last_press(&key.region, &key.instance);
        let told = before.filter(within).is_some_and(|told| told.rejected && told.value == value);
        self.hold(Check::RefusalsToldOnce, told, || {
            format!("{value:?} of {} is refused again, and nobody was told before", key.instance)
        });
        let stood = diary.presses.iter_mut().find(|pressed| {
            pressed.region == key.region
                && pressed.instance == key.instance
                && pressed.value == value
                && pressed.family.is_none()
                && pressed.at <= happening.at
        });
        if let Some(pressed) = stood {
            pressed.family =
                self.told.iter().find(|(_, told)| told.value == value).map(|(id, _)| id.clone());
        }
        self.repeats.push(Repeat {
            invocation: happening.invocation,
            at: happening.at,
            region: key.region.clone(),
            instance: key.instance.clone(),
            value,
            answer: press.answer.clone().unwrap_or_default(),
        });
    }

    /// Of what is told now: the press before it was not refused in the same words within the day.
    pub(super) fn is_no_repeat(&mut self, happening: &Happening, told: &Told) {
        if !told.rejected || !told.press {
            return;
        }
        let before = self.last_press(&told.region, &told.instance);
        let same = before.filter(|before| {
            before.rejected
                && before.value == told.value
                && before.reason == told.reason
                && seconds_between(before.at, happening.at) < DAY_SECONDS - CLOCKS_SECONDS
        });
        let again = same.is_some();
        self.hold(Check::RefusalsToldOnce, !again, || {
            format!("{:?} of {} is told again: {:?}", told.value, told.instance, told.reason)
        });
    }

    fn last_press(&self, region: &Region, instance: &InstanceId) -> Option<&Told> {
        let of = |told: &&Told| told.press && told.region == *region && told.instance == *instance;
        self.told.values().filter(of).max_by_key(|told| told.slot)
    }

    /// The refusal that this invocation repeats on an instance.
    pub(super) fn repeats_on(
        &self,
        happening: &Happening,
        region: &Region,
        instance: &InstanceId,
    ) -> Option<&Repeat> {
        let mine = |repeat: &&Repeat| {
            repeat.invocation == happening.invocation && repeat.is_of(region, instance)
        };
        self.repeats.iter().rev().find(mine)
    }

    /// Whether this very press was refused as one before it.
    pub(super) fn refused_again(&self, pressed: &Pressed) -> bool {
        let of = |repeat: &Repeat| {
            repeat.is_of(&pressed.region, &pressed.instance) && repeat.value == pressed.value
        };
        self.repeats.iter().any(|repeat| of(repeat) && repeat.at >= pressed.at)
    }

    /// Whether a press was answered as one before it.
    pub(super) fn answered_again(&self, pressed: &Pressed) -> bool {
        self.repeats.iter().any(|repeat| {
            let shown = |said: &Said| {
                said.instance == pressed.instance
                    && (repeat.at..pressed.at).contains(&said.at)
                    && said.words == repeat.answer
            };
            repeat.is_of(&pressed.region, &pressed.instance)
                && repeat.value == pressed.value
                && (repeat.at >= pressed.at || !self.statuses.iter().any(shown))
        })
    }

    /// Whether a status is that of a repeated refusal.
    pub(super) fn says_again(
        &self,
        region: &Region,
        instance: &InstanceId,
        shown: Option<&String>,
    ) -> bool {
        let of = |repeat: &&Repeat| repeat.is_of(region, instance);
        self.repeats.iter().filter(of).any(|repeat| Some(&repeat.answer) == shown)
    }
}

impl Repeat {
    pub(super) fn removes(&self, value: &str) -> bool {
        self.value == value
    }

    pub(super) fn says(&self, words: &str) -> bool {
        self.answer == words
    }
}
