//! What must hold at every transaction, and at every announcement.

use super::Check;
use super::oracle::{Oracle, Told};
use super::truth::read;
use crate::diary::Diary;
use amiline_domain::family::{Family, Outcome, RowState};
use amiline_domain::notice::Notice;
use amiline_domain::policy::Policy;
use amiline_domain::press::PressKey;
use amiline_domain::record::{Commit, PressWrite};
use amiline_domain::time::{plus_seconds, seconds_between};
use amiline_fakecloud::Happening;
use std::collections::{BTreeMap, BTreeSet};

impl Oracle {
    pub(super) fn see_announced(&mut self, notice: &Notice) {
        let json: serde_json::Value = serde_json::from_str(&notice.json).unwrap_or_default();
        let id = json["outcome_id"].as_str().unwrap_or_default().to_owned();
        let recorded = self.recorded.contains_key(&id);
        self.hold(Check::RecordedBeforeAnnounced, recorded, || format!("{:?} was never recorded", notice.subject));
        if let Some(before) = self.announced.insert(id, notice.clone()) {
            self.hold(Check::RecordedBeforeAnnounced, before == *notice, || {
                format!("one outcome in two wordings: {} and {}", before.json, notice.json)
            });
        }
    }

    pub(super) fn see_written(&mut self, diary: &Diary, happening: &Happening, commit: &Commit) {
        let family = &commit.family;
        if let Some(PressWrite::Begin { key, .. }) = &commit.press {
            self.see_begun(diary, happening, key, commit);
        }
        for item in &commit.history {
            let known = (item.event, family.id.clone(), item.image.clone());
            self.recorded.insert(item.outcome_id.clone(), known);
            if let (Some(outcome), Some(told)) = (item.event.outcome(), self.told.get_mut(&family.id)) {
                told.ended.push((happening.at, outcome));
                told.status.clone_from(&family.status);
                self.see_ended(family, outcome);
            }
        }
        for row in commit.rows.iter().filter(|row| row.state == RowState::Available) {
            let seen =
                row.image.as_ref().is_some_and(|id| self.available_seen.contains(&(row.region.clone(), id.clone())));
            self.hold(Check::AvailableWasSeen, seen, || {
                format!("{}: {} is recorded as available", family.id, row.place)
            });
        }
        self.look_at_lineage(family);
    }

    pub(super) fn look_at_lineage(&mut self, family: &Family) {
        let Some(told) = self.told.get_mut(&family.id) else { return };
        let mut wrong = None;
        for row in family.rows.values() {
            let attempt = told.attempts.entry(row.place.clone()).or_insert(row.attempt);
            if row.attempt < *attempt {
                wrong = Some(format!("{} goes back to attempt {}", row.place, row.attempt));
            }
            *attempt = row.attempt;
            if let Some(image) = &row.image {
                let id = told.ids.entry((row.place.clone(), row.attempt)).or_insert_with(|| image.clone());
                if id != image {
                    wrong = Some(format!("{} of attempt {} was {id} and is {image}", row.place, row.attempt));
                }
            }
        }
        if told.attempts.keys().any(|place| !family.rows.contains_key(place)) {
            wrong = Some("a row is gone".to_owned());
        }
        self.hold(Check::LineageKept, wrong.is_none(), || format!("{}: {}", family.id, wrong.unwrap_or_default()));
    }

    pub(super) fn see_begun(&mut self, diary: &Diary, happening: &Happening, key: &PressKey, commit: &Commit) {
        let family = &commit.family;
        let shown = self.shown.entry(happening.invocation).or_default();
        let saw = shown.idle_press.as_ref() == Some(key) && shown.tag.as_ref() == Some(&family.requested);
        self.hold(Check::PressWasSeen, saw, || format!("{} began without a look at the tag", family.id));
        let presses = diary.presses.iter().filter(|pressed| {
            pressed.region == key.region && pressed.instance == key.instance && pressed.value == family.requested
        });
        let presses = presses.count();
        let mine =
            |told: &&Told| told.region == key.region && told.instance == key.instance && told.value == family.requested;
        let families = self.told.values().filter(mine).count();
        self.hold(Check::NoInventedPress, families < presses, || {
            format!("{} is family {} of {presses} presses of {:?}", family.id, families + 1, family.requested)
        });
        let rejected = family.outcome == Some(Outcome::Rejected);
        let text = commit.policy_text.as_ref().map(|(_, text)| text.as_str());
        let asked = text.and_then(read);
        let told = Told {
            region: key.region.clone(),
            instance: key.instance.clone(),
            value: family.requested.clone(),
            at: happening.at,
            asked,
            rejected,
            sources: Vec::new(),
            copies: BTreeMap::new(),
            refused: BTreeSet::new(),
            ended: Vec::new(),
            status: None,
            workers: Vec::new(),
            ids: BTreeMap::new(),
            attempts: BTreeMap::new(),
        };
        self.look_at_admission(diary, happening, &told, commit);
        if !rejected {
            self.look_at_rates(happening, &told);
            self.requested_at.push((happening.at, told.region.clone(), told.instance.clone()));
        }
        self.told.insert(family.id.clone(), told);
    }

    /// Admitted with a text that stood under the name, and that the stack allows; refused only with a reason.
    pub(super) fn look_at_admission(&mut self, diary: &Diary, happening: &Happening, told: &Told, commit: &Commit) {
        let Some(stack) = self.stack_of(happening.invocation) else { return };
        let texts = diary.policy_between(&told.value, plus_seconds(happening.at, -60), happening.at);
        let usable = |text: &Option<&str>| text.and_then(read).is_some_and(|asked| asked.is_within(&stack.bounds));
        if told.rejected {
            let terminated = diary.terminated.contains_key(&(told.region.clone(), told.instance.clone()));
            let busy = !self.requested_at.is_empty()
                && (stack.bounds.images_per_hour_max < 50 || stack.bounds.interval_minutes_min > 0);
            let place = !stack.bounds.regions.contains(&told.region);
            let reason = commit.history.first().and_then(|item| item.reason.clone()).unwrap_or_default();
            let holds = texts.iter().any(|text| !usable(text))
                || terminated
                || busy
                || place
                || reason.contains("instance-store");
            self.hold(Check::RefusalsHaveReasons, holds, || {
                format!("{}={} was refused: {reason}", told.instance, told.value)
            });
        } else {
            let kept = commit.family.policy.as_ref().map(|policy| policy.hash.clone());
            let stood = texts.iter().any(|text| usable(text) && text.map(Policy::hash) == kept);
            self.hold(Check::RefusalsHaveReasons, stood, || format!("{}={} was admitted", told.instance, told.value));
        }
    }

    pub(super) fn look_at_rates(&mut self, happening: &Happening, told: &Told) {
        if self.skewed {
            return;
        }
        let Some(stack) = self.stack_of(happening.invocation) else { return };
        let hour = self.requested_at.iter().filter(|(at, ..)| seconds_between(*at, happening.at) < 3300).count();
        let max = usize::try_from(stack.bounds.images_per_hour_max).unwrap_or(usize::MAX);
        self.hold(Check::HourlyLimit, hour < max, || format!("{} images within the hour, {max} allowed", hour + 1));
        let minutes = i64::from(stack.bounds.interval_minutes_min);
        let mut same =
            self.requested_at.iter().filter(|(_, region, id)| *region == told.region && *id == told.instance);
        // A minute less: the slot is taken before the transaction is written.
        let apart = same.all(|(at, ..)| seconds_between(*at, happening.at) >= minutes * 60 - 60);
        self.hold(Check::MinimumInterval, apart, || {
            format!("{} is imaged again within {minutes} minutes", told.instance)
        });
    }

    /// What is announced as complete must exist, at that moment, as far as nobody else laid hands on it.
    pub(super) fn see_ended(&mut self, family: &Family, outcome: Outcome) {
        let Some(told) = self.told.get(&family.id) else { return };
        let asked = told.asked.clone().unwrap_or_default();
        let made = |place: &str| told.copies.keys().any(|region| region.as_str() == place);
        let missing: Vec<String> =
            asked.regions.iter().filter(|name| **name != told.region.as_str() && !made(name)).cloned().collect();
        let none = told.sources.is_empty();
        let true_word = outcome != Outcome::Complete || (missing.is_empty() && !none);
        self.hold(Check::AnnouncedIsTrue, true_word, || format!("{} is complete without {missing:?}", family.id));
    }
}
