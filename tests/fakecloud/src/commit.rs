//! The table's transaction: every condition, and then all of it or nothing.

use crate::settings::Plant;
use crate::state::State;
use crate::store::{KeptHistory, StreamRecord, enrolment_pk, history_pk, history_sk, press_pk};
use amiline_app::ports::Committed;
use amiline_domain::family::Family;
use amiline_domain::history::HistoryItem;
use amiline_domain::press::{Press, PressKey, PressState};
use amiline_domain::record::{Expected, FamilyWrite, PressWrite, Revisioned, Transaction, Write};
use amiline_domain::work::WorkState;
use std::collections::{BTreeMap, BTreeSet};

/// The call by which a transaction is written. A press or an enrolment alone needs no
/// TransactWriteItems.
pub(crate) fn action(transaction: &Transaction) -> &'static str {
    match transaction.writes() {
        [Write::Press(write)] => match **write {
            PressWrite::Put { .. } | PressWrite::Imaged { expected: Expected::Absent, .. } => {
                "dynamodb:PutItem"
            }
            PressWrite::Imaged { .. }
            | PressWrite::DueTime { .. }
            | PressWrite::Answer { .. }
            | PressWrite::Clear { .. } => "dynamodb:UpdateItem",
        },
        [Write::Enrolment(..)] => "dynamodb:UpdateItem",
        _ => "dynamodb:TransactWriteItems",
    }
}

/// What the call is about: the first record.
pub(crate) fn subject(transaction: &Transaction) -> String {
    match transaction.writes().first() {
        Some(Write::Family(write)) => format!("{} v{}", write.family.id, write.family.work.version),
        Some(Write::Press(write)) => press_pk(write.key()),
        Some(Write::Enrolment(key, ..)) => enrolment_pk(key),
        Some(Write::Watch(policy, ..)) => policy.to_string(),
        Some(Write::KillSwitch(stack, ..)) => stack.to_string(),
        other => format!("{:?}", other.map(Write::record)),
    }
}

impl State {
    /// `Conflict` if any condition does not hold.
    pub(crate) fn commit(&mut self, transaction: &Transaction) -> Committed {
        if !transaction.writes().iter().all(|write| self.holds(write)) {
            return Committed::Conflict;
        }
        if transaction.family().is_some() {
            self.store.transactions += 1;
            let lost = self.settings.plant == Some(Plant::LostTransactions);
            if lost && self.store.transactions.is_multiple_of(7) {
                return Committed::Yes;
            }
        }
        self.note_flaws(transaction);
        transaction.writes().iter().for_each(|write| self.carry_out(write));
        Committed::Yes
    }

    /// The revision that a record has.
    fn revision(&self, record: &Revisioned) -> Expected {
        let store = &self.store;
        Expected::from(match record {
            Revisioned::Family(id) => store.families.get(id).map(|family| family.work.version),
            Revisioned::Press(key) => store.presses.get(key).map(|press| press.rev),
            Revisioned::Enrolment(key) => store.enrolments.get(key).map(|enrolment| enrolment.rev),
            Revisioned::HourCount(account) => store.budgets.get(account).map(|count| count.rev),
            Revisioned::DayCount(policy) => store.days.get(policy).map(|count| count.rev),
            Revisioned::Watch(policy) => store.watches.get(policy).map(|watch| watch.rev),
            Revisioned::KillSwitch(stack) => store.switches.get(stack).map(|switch| switch.rev),
        })
    }

    /// Whether the condition of a write holds.
    fn holds(&self, write: &Write) -> bool {
        let is = |record: Revisioned, expected: &Expected| self.revision(&record) == *expected;
        match write {
            Write::Family(write) => self.family_as_expected(write),
            Write::Image(..) | Write::Listing(_) | Write::PolicyText { .. } => true,
            // A pointer never moves to another family.
            Write::Pointer(region, image, family) => {
                let stored = self.store.pointers.get(&(region.clone(), image.clone()));
                stored.is_none_or(|stored| stored == family)
            }
            Write::History(item) => {
                !self.store.history.contains_key(&(item.subject.clone(), item.seq))
            }
            Write::Press(write) => self.press_after(write).is_some(),
            Write::Enrolment(key, expected, _) => is(Revisioned::Enrolment(key.clone()), expected),
            Write::HourCount(account, count) => is(
                Revisioned::HourCount(account.clone()),
                &Expected::read_at(count.rev.saturating_sub(1)),
            ),
            Write::DayCount(policy, count) => is(
                Revisioned::DayCount(policy.clone()),
                &Expected::read_at(count.rev.saturating_sub(1)),
            ),
            Write::Watch(policy, expected, _) => is(Revisioned::Watch(policy.clone()), expected),
            Write::KillSwitch(stack, expected, _) => {
                is(Revisioned::KillSwitch(stack.clone()), expected)
            }
            Write::Check(record, expected) => is(record.clone(), expected),
        }
    }

    fn family_as_expected(&self, write: &FamilyWrite) -> bool {
        let id = &write.family.id;
        let hints = self.store.hints.get(id).copied().unwrap_or_default();
        let unchecked = self.settings.plant == Some(Plant::VersionsNotChecked);
        (unchecked || self.revision(&Revisioned::Family(id.clone())) == write.expected)
            && write.pending_hints.is_none_or(|expected| expected == hints)
    }

    fn carry_out(&mut self, write: &Write) {
        match write {
            Write::Family(write) => self.write_family(&write.family),
            Write::Image(family, row) => {
                self.store
                    .rows
                    .entry(family.clone())
                    .or_default()
                    .insert(row.image_role.clone(), (**row).clone());
            }
            Write::Pointer(region, image, family) => {
                self.store.pointers.insert((region.clone(), image.clone()), family.clone());
            }
            Write::Listing(listing) => {
                let instance = (listing.region.clone(), listing.instance.clone());
                let place = (listing.slot, listing.family.clone());
                self.store
                    .listings
                    .entry(instance)
                    .or_default()
                    .insert(place, listing.made.clone());
            }
            Write::History(item) if self.settings.plant != Some(Plant::HistoryLost) => {
                self.write_history_item(item)
            }
            Write::History(_) | Write::Check(..) => {}
            Write::Press(write) => {
                if let Some(press) = self.press_after(write) {
                    self.write_press(write.key(), press);
                }
            }
            Write::Enrolment(key, _, enrolment) => {
                self.index_enrolment(key, enrolment);
                self.store.enrolments.insert(key.clone(), (**enrolment).clone());
            }
            Write::HourCount(account, count) => {
                self.store.budgets.insert(account.clone(), count.clone());
            }
            Write::DayCount(policy, count) => {
                self.store.days.insert(policy.clone(), count.clone());
            }
            Write::PolicyText { hash, text } => {
                self.store.policies.insert(hash.clone(), text.clone());
            }
            Write::Watch(policy, _, watch) => {
                self.store.watches.insert(policy.clone(), (**watch).clone());
            }
            Write::KillSwitch(stack, _, switch) => {
                self.store.switches.insert(stack.clone(), (**switch).clone());
            }
        }
    }

    /// What the press becomes; `None` if the condition does not hold.
    fn press_after(&self, write: &PressWrite) -> Option<Press> {
        let key = write.key();
        let as_expected =
            |expected: &Expected| self.revision(&Revisioned::Press(key.clone())) == *expected;
        let stored = self.store.presses.get(key);
        let or_untouched = || stored.cloned().unwrap_or_else(Press::untouched);
        match write {
            PressWrite::Put { expected, press, .. } => as_expected(expected).then(|| press.clone()),
            PressWrite::Imaged { expected, at, .. } => as_expected(expected).then(|| Press {
                rev: expected.next(),
                last_image_slot: Some(*at),
                ..or_untouched()
            }),
            // A new revision comes of it, so that of two invocations at once only one changes it.
            PressWrite::DueTime { expected, at, .. } => as_expected(expected).then(|| Press {
                rev: expected.next(),
                next_look: *at,
                ..or_untouched()
            }),
            PressWrite::Answer { slot, .. } => {
                let mut press = stored?.clone();
                let PressState::Accepted { slot: accepted, value } = press.state else {
                    return None;
                };
                press.state = PressState::Answered { slot: accepted, value };
                press.rev += 1;
                (accepted == *slot).then_some(press)
            }
            PressWrite::Clear { slot, cleared_at, answer, .. } => {
                let mut press = stored?.clone();
                let PressState::Answered { slot: answered, value } = press.state else {
                    return None;
                };
                press.state = PressState::Idle;
                press.answered = Some(value);
                press.cleared_at = Some(*cleared_at);
                press.answer.clone_from(answer);
                press.rev += 1;
                (answered == *slot).then_some(press)
            }
        }
    }

    fn write_family(&mut self, family: &Family) {
        let id = family.id.clone();
        let bare = Family {
            rows: BTreeMap::new(),
            work: WorkState { pending_hints: 0, ..family.work.clone() },
            ..family.clone()
        };
        self.store.families.insert(id.clone(), bare);
        self.store.hints.entry(id).or_insert(0);
        self.index_family(family);
    }

    fn write_history_item(&mut self, item: &HistoryItem) {
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
}
