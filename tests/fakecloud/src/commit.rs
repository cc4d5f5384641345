//! The table's transaction: every condition, and then all of it or nothing.

use crate::refusal::Refusal;
use crate::settings::Plant;
use crate::state::State;
use crate::store::{KeptHistory, StreamRecord, history_pk, history_sk};
use amiline_app::ports::Committed;
use amiline_domain::family::Family;
use amiline_domain::history::HistoryItem;
use amiline_domain::press::{Press, PressKey, PressState};
use amiline_domain::record::{Commit, EnrolmentWrite, PressWrite};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Items that one transaction may hold.
const ITEMS_MAX: usize = 100;

impl State {
    /// TransactWriteItems. `Conflict` if any condition does not hold.
    pub(crate) fn commit(&mut self, commit: &Commit) -> Result<Committed, Refusal> {
        check_form(commit)?;
        if !self.family_as_expected(commit)
            || !self.items_are_new(commit)
            || !self.budget_as_expected(commit)
            || !self.day_as_expected(commit)
            || !commit.enrolment.as_ref().is_none_or(|write| self.enrolment_as_expected(write))
        {
            return Ok(Committed::Conflict);
        }
        let press = match &commit.press {
            None => None,
            Some(write) => match self.press_after(write) {
                None => return Ok(Committed::Conflict),
                changed => changed,
            },
        };
        self.store.transactions += 1;
        if self.settings.plant == Some(Plant::LostTransactions) && self.store.transactions.is_multiple_of(7) {
            return Ok(Committed::Yes);
        }
        self.note_flaws(commit);
        self.write_family(commit);
        if self.settings.plant != Some(Plant::HistoryLost) {
            self.write_history(commit);
        }
        if let Some((key, press)) = press {
            self.write_press(&key, press);
        }
        if let Some(write) = &commit.enrolment {
            self.write_enrolment(write);
        }
        if let Some(budget) = &commit.budget {
            self.store.budgets.insert(commit.family.account.clone(), budget.clone());
        }
        if let Some((policy, day)) = &commit.day {
            self.store.days.insert(policy.clone(), day.clone());
        }
        if let Some((hash, text)) = &commit.policy_text {
            self.store.policies.insert(hash.clone(), text.clone());
        }
        Ok(Committed::Yes)
    }

    fn family_as_expected(&self, commit: &Commit) -> bool {
        let stored = self.store.families.get(&commit.family.id);
        let wakes = self.store.wakes.get(&commit.family.id).copied().unwrap_or_default();
        let unchecked = self.settings.plant == Some(Plant::VersionsNotChecked);
        (unchecked || stored.map(|family| family.version) == commit.expected_version)
            && commit.expected_wakes.is_none_or(|expected| expected == wakes)
    }

    /// History is append-only, and a pointer never moves to another family.
    fn items_are_new(&self, commit: &Commit) -> bool {
        let history = &self.store.history;
        let pointers = &self.store.pointers;
        commit.history.iter().all(|item| !history.contains_key(&(item.subject.clone(), item.seq)))
            && commit
                .pointers
                .iter()
                .all(|pointer| pointers.get(pointer).is_none_or(|family| *family == commit.family.id))
    }

    fn budget_as_expected(&self, commit: &Commit) -> bool {
        let stored = self.store.budgets.get(&commit.family.account).map_or(0, |budget| budget.rev);
        commit.budget.as_ref().is_none_or(|budget| budget.rev == stored + 1)
    }

    fn day_as_expected(&self, commit: &Commit) -> bool {
        let rev = |policy| self.store.days.get(policy).map_or(0, |day| day.rev);
        commit.day.as_ref().is_none_or(|(policy, day)| day.rev == rev(policy) + 1)
    }

    pub(crate) fn enrolment_as_expected(&self, write: &EnrolmentWrite) -> bool {
        self.store.enrolments.get(&write.key).map_or(0, |enrolment| enrolment.rev) == write.expected_rev
    }

    pub(crate) fn write_enrolment(&mut self, write: &EnrolmentWrite) {
        self.index_enrolment(&write.key, &write.enrolment);
        self.store.enrolments.insert(write.key.clone(), write.enrolment.clone());
    }

    /// Writes an enrolment outside of a family's transaction.
    pub(crate) fn set_enrolment(&mut self, write: &EnrolmentWrite) -> Committed {
        if !self.enrolment_as_expected(write) {
            return Committed::Conflict;
        }
        if write.enrolment.rev != write.expected_rev + 1 {
            let (was, is) = (write.expected_rev, write.enrolment.rev);
            self.store.flaws.push(format!("{}: enrolment version {is} follows {was}", write.key.instance));
        }
        self.write_enrolment(write);
        Committed::Yes
    }

    /// What the press becomes; `None` if the condition does not hold.
    fn press_after(&self, write: &PressWrite) -> Option<(PressKey, Press)> {
        match write {
            PressWrite::Begin { key, expected_rev, press } => {
                let stored = self.store.presses.get(key).map_or(0, |press| press.rev);
                (stored == *expected_rev).then(|| (key.clone(), press.clone()))
            }
            PressWrite::Imaged { key, expected_rev, at } => {
                let mut press = self.store.presses.get(key).cloned().unwrap_or_else(Press::untouched);
                let expected = press.rev == *expected_rev;
                press.rev += 1;
                press.last_image_slot = Some(*at);
                expected.then(|| (key.clone(), press))
            }
            PressWrite::Answer { key, slot } => {
                let mut press = self.store.presses.get(key)?.clone();
                let PressState::Accepted { slot: accepted, value } = press.state else { return None };
                press.state = PressState::Answered { slot: accepted, value };
                press.rev += 1;
                (accepted == *slot).then(|| (key.clone(), press))
            }
            PressWrite::Clear { key, slot, cleared_at, answer } => {
                let mut press = self.store.presses.get(key)?.clone();
                let PressState::Answered { slot: answered, value } = press.state else { return None };
                press.state = PressState::Idle;
                press.answered = Some(value);
                press.cleared_at = Some(*cleared_at);
                press.answer.clone_from(answer);
                press.rev += 1;
                (answered == *slot).then(|| (key.clone(), press))
            }
        }
    }

    /// Writes a press if the stored one has this version (0: there is no item).
    pub(crate) fn set_press(&mut self, key: &PressKey, expected_rev: u64, press: &Press) -> Committed {
        if self.store.presses.get(key).map_or(0, |stored| stored.rev) != expected_rev {
            return Committed::Conflict;
        }
        self.write_press(key, press.clone());
        Committed::Yes
    }

    /// Sets or removes the press's due time if it still has this version (0: there is no item). A new version
    /// comes of it, so that of two looks that overlap only one changes it.
    pub(crate) fn set_press_look(&mut self, key: &PressKey, rev: u64, at: Option<Timestamp>) -> Committed {
        let mut press = self.store.presses.get(key).cloned().unwrap_or_else(Press::untouched);
        if press.rev != rev {
            return Committed::Conflict;
        }
        press.rev += 1;
        press.next_look = at;
        self.write_press(key, press);
        Committed::Yes
    }

    fn write_family(&mut self, commit: &Commit) {
        let id = commit.family.id.clone();
        let bare = Family { rows: BTreeMap::new(), wakes: 0, ..commit.family.clone() };
        self.store.families.insert(id.clone(), bare);
        self.store.wakes.entry(id.clone()).or_insert(0);
        let rows = self.store.rows.entry(id.clone()).or_default();
        rows.extend(commit.rows.iter().map(|row| (row.place.clone(), row.clone())));
        for pointer in &commit.pointers {
            self.store.pointers.insert(pointer.clone(), id.clone());
        }
        self.index_family(&commit.family);
    }

    fn write_history(&mut self, commit: &Commit) {
        commit.history.iter().for_each(|item| self.write_history_item(item));
    }

    pub(crate) fn write_history_item(&mut self, item: &HistoryItem) {
        let unannounced = item.event.is_announced();
        let (pk, sk) = (history_pk(&item.subject), history_sk(item.seq));
        let kept = KeptHistory { item: item.clone(), unannounced, told: BTreeSet::new() };
        self.store.history.insert((item.subject.clone(), item.seq), kept);
        if unannounced {
            self.index_history(item);
        }
        self.store.stream.push_back(StreamRecord { pk, sk, item: item.clone() });
    }

    fn write_press(&mut self, key: &PressKey, press: Press) {
        self.index_press(key, &press);
        self.store.presses.insert(key.clone(), press);
    }

    /// What no condition can refuse: a row that changed and was not written, a gap or a break in the history.
    fn note_flaws(&mut self, commit: &Commit) {
        let id = &commit.family.id;
        let stored = self.store.rows.get(id);
        let mut flaws = Vec::new();
        for (place, row) in &commit.family.rows {
            let written = commit.rows.iter().rfind(|row| row.place == *place);
            if written.or_else(|| stored?.get(place)) != Some(row) {
                flaws.push(format!("{id} version {}: row {place} is not written as it is", commit.family.version));
            }
        }
        let before = self.store.families.get(id);
        let mut last = before.map_or((0, String::new()), |family| (family.seq, family.last_hash.clone()));
        for item in &commit.history {
            if item.seq != last.0 + 1 || item.prev_hash != last.1 || item.hash != item.compute_hash() {
                flaws.push(format!("{id}: history item {} does not follow {}", item.seq, last.0));
            }
            last = (item.seq, item.hash.clone());
        }
        if (commit.family.seq, &commit.family.last_hash) != (last.0, &last.1) {
            flaws.push(format!("{id} version {}: its last history item is not {}", commit.family.version, last.0));
        }
        if commit.family.version != commit.expected_version.unwrap_or_default() + 1 {
            flaws.push(format!("{id}: version {} follows {:?}", commit.family.version, commit.expected_version));
        }
        self.store.flaws.extend(flaws);
    }
}

/// What DynamoDB refuses whatever the conditions: too many items, and two writes of one item. A pointer that is given
/// twice is written once, as the adapter does.
fn check_form(commit: &Commit) -> Result<(), Refusal> {
    let places: BTreeSet<_> = commit.rows.iter().map(|row| &row.place).collect();
    let pointers: BTreeSet<_> = commit.pointers.iter().collect();
    let seqs: BTreeSet<_> = commit.history.iter().map(|item| (&item.subject, item.seq)).collect();
    let twice = places.len() != commit.rows.len() || seqs.len() != commit.history.len();
    let items = 1
        + places.len()
        + pointers.len()
        + seqs.len()
        // The item by which an instance's families are listed, with where their images are.
        + usize::from(commit.expected_version.is_none() || !commit.rows.is_empty())
        + usize::from(commit.press.is_some())
        + usize::from(commit.enrolment.is_some())
        + usize::from(commit.budget.is_some())
        + usize::from(commit.day.is_some())
        + usize::from(commit.policy_text.is_some());
    if twice {
        let message = "Transaction request cannot include multiple operations on one item";
        return Err(Refusal::new("ValidationException", message));
    }
    if items > ITEMS_MAX {
        let message = format!("{items} items; a transaction has at most {ITEMS_MAX}");
        return Err(Refusal::new("ValidationException", message));
    }
    Ok(())
}
