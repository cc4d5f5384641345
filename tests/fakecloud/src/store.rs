//! The table `lineage`, as typed items.

use crate::cloud::FakeCloud;
use crate::state::State;
use crate::versioned::Versioned;
use amiline_app::ports::{DayPage, Due, EndedPage, RejectedMessage};
use amiline_domain::answers::Answers;
use amiline_domain::budget::{Budget, DayCount};
use amiline_domain::coverage::Made;
use amiline_domain::day::Day;
use amiline_domain::digest::{DigestKey, DigestState};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::{Family, ImageRole, ImageRow};
use amiline_domain::history::{EventKind, HistoryItem, Subject};
use amiline_domain::ids::{
    AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region, StackName,
};
use amiline_domain::policy::Watch;
use amiline_domain::press::{Press, PressKey};
use amiline_domain::receiver::{Receiver, Unannounced};
use amiline_domain::switch::Switch;
use amiline_domain::time::Slot;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A history item in the table.
#[derive(Debug, Clone)]
pub(crate) struct KeptHistory {
    pub(crate) item: HistoryItem,
    pub(crate) unannounced: bool,
    /// Who was told of it while it waits.
    pub(crate) told: BTreeSet<Receiver>,
}

/// A history item that the table's stream brings: an INSERT of an item whose sort key begins with
/// `HISTORY#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Its partition key.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// The item.
    pub item: HistoryItem,
}

impl StreamRecord {
    /// The item as the stream shows it: as it was written, when nobody was told of it yet.
    pub fn waiting(&self) -> Unannounced {
        Unannounced::by_nobody(self.item.clone())
    }
}

/// Records that the stream's mapping gives one invocation (infra/template.yaml, BatchSize).
pub const STREAM_BATCH: usize = 10;

/// An instance's families by their slots, and where their images are available.
type Listings = BTreeMap<(Slot, FamilyId), Option<Made>>;

/// Every item by its kind. A family's own item, its rows and its hints are kept apart, as they are
/// in the table.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) families: BTreeMap<FamilyId, Family>,
    pub(crate) hints: BTreeMap<FamilyId, u64>,
    pub(crate) rows: BTreeMap<FamilyId, BTreeMap<ImageRole, ImageRow>>,
    pub(crate) history: BTreeMap<(Subject, u64), KeptHistory>,
    /// The families of each instance.
    pub(crate) listings: BTreeMap<(Region, InstanceId), Listings>,
    pub(crate) pointers: BTreeMap<(Region, ImageId), FamilyId>,
    pub(crate) presses: BTreeMap<PressKey, Press>,
    pub(crate) enrolments: BTreeMap<EnrolmentKey, Enrolment>,
    /// What instances were answered lately.
    pub(crate) answers: BTreeMap<(AccountId, Region, InstanceId), Answers>,
    pub(crate) budgets: BTreeMap<AccountId, Budget>,
    pub(crate) days: BTreeMap<PolicyName, DayCount>,
    pub(crate) watches: BTreeMap<PolicyName, Watch>,
    /// What is recorded of each stack's kill switch.
    pub(crate) switches: BTreeMap<StackName, Switch>,
    pub(crate) policies: BTreeMap<String, String>,
    pub(crate) rejected: BTreeMap<String, RejectedMessage>,
    /// What is remembered of digests.
    pub(crate) digests: BTreeMap<DigestKey, DigestState>,
    pub(crate) stream: VecDeque<StreamRecord>,
    /// The index of what is due, by part, partition key and sort key.
    pub(crate) due: BTreeMap<(u32, String, String), Versioned<Option<Due>>>,
    /// Transactions that were written.
    pub(crate) transactions: u64,
    /// Writes that no condition refused and that are wrong all the same.
    pub(crate) flaws: Vec<String>,
}

/// A history item's sort key.
pub(crate) fn history_sk(seq: u64) -> String {
    format!("HISTORY#{seq:012}")
}

/// A family's partition key.
pub(crate) fn family_pk(family: &FamilyId) -> String {
    format!("FAMILY#{family}")
}

/// A history's partition key.
pub(crate) fn history_pk(subject: &Subject) -> String {
    match subject {
        Subject::Family(family) => family_pk(family),
        Subject::Enrolment(key) => enrolment_pk(key),
        Subject::Policy(policy) => watch_pk(policy),
        Subject::KillSwitch(stack) => format!("SWITCH#{stack}"),
    }
}

/// A policy's watch's partition key.
pub(crate) fn watch_pk(policy: &PolicyName) -> String {
    format!("WATCH#{policy}")
}

/// A press's partition key.
pub(crate) fn press_pk(key: &PressKey) -> String {
    format!("PRESS#{}#{}#{}#{}", key.account, key.region, key.instance, key.button.as_str())
}

/// An enrolment's partition key.
pub(crate) fn enrolment_pk(key: &EnrolmentKey) -> String {
    format!("ENROLMENT#{}#{}#{}", key.account, key.region, key.instance)
}

impl Store {
    /// The family's own item with its hints, without rows.
    pub(crate) fn bare_family(&self, id: &FamilyId) -> Option<Family> {
        let mut family = self.families.get(id)?.clone();
        family.work.pending_hints = self.hints.get(id).copied().unwrap_or_default();
        Some(family)
    }

    pub(crate) fn rows_of(&self, id: &FamilyId) -> BTreeMap<ImageRole, ImageRow> {
        self.rows.get(id).cloned().unwrap_or_default()
    }

    /// The whole family.
    pub(crate) fn family(&self, id: &FamilyId) -> Option<Family> {
        let family = self.bare_family(id)?;
        Some(Family { rows: self.rows_of(id), ..family })
    }

    pub(crate) fn history_of(&self, subject: &Subject) -> Vec<HistoryItem> {
        let kept = self.history.range((subject.clone(), 0)..=(subject.clone(), u64::MAX));
        kept.map(|(_, kept)| kept.item.clone()).collect()
    }

    /// What was made of an instance, newest first.
    pub(crate) fn made_of(&self, key: &EnrolmentKey) -> Vec<Made> {
        let listed = self.listings.get(&(key.region.clone(), key.instance.clone()));
        listed.into_iter().flat_map(|listed| listed.values().rev()).flatten().cloned().collect()
    }
}

impl State {
    /// Adds 1 to the family's pending hints if the holder still has its lease.
    pub(crate) fn wake_family(&mut self, id: &FamilyId, holder: &str) -> bool {
        let lease = self.store.families.get(id).and_then(|family| family.work.lease.as_ref());
        let held = lease.is_some_and(|lease| lease.holder == holder);
        if held {
            *self.store.hints.entry(id.clone()).or_insert(0) += 1;
        }
        held
    }

    /// A page of the families that began on a day, as the index lists them.
    pub(crate) fn day_page(&self, day: Day, from: Option<&str>) -> DayPage {
        let seen = self.now - SignedDuration::from_secs(self.settings.index_lag_seconds);
        let mut families: Vec<(String, Family)> = self
            .store
            .families
            .keys()
            .filter_map(|id| self.store.bare_family(id))
            .filter(|family| day.holds(family.created_at) && family.created_at <= seen)
            .map(|family| (format!("{:012}#{}", family.created_at.as_second(), family.id), family))
            .filter(|(place, _)| from.is_none_or(|from| place.as_str() > from))
            .collect();
        families.sort_by(|a, b| a.0.cmp(&b.0));
        let more = families.len() > self.settings.page_size;
        families.truncate(self.settings.page_size);
        let next = families.last().filter(|_| more).map(|(place, _)| place.clone());
        DayPage { families: families.into_iter().map(|(_, family)| family).collect(), next }
    }

    /// A page of the enrolments that ended on a day, as the index lists them.
    pub(crate) fn ended_page(&self, day: Day, from: Option<&str>) -> EndedPage {
        let seen = self.now - SignedDuration::from_secs(self.settings.index_lag_seconds);
        let mut items: Vec<(String, HistoryItem)> = self
            .store
            .history
            .values()
            .map(|kept| &kept.item)
            .filter(|item| {
                item.event == EventKind::EnrolmentEnded && day.holds(item.at) && item.at <= seen
            })
            .map(|item| (format!("{:012}#{}", item.at.as_second(), item.outcome_id), item.clone()))
            .filter(|(place, _)| from.is_none_or(|from| place.as_str() > from))
            .collect();
        items.sort_by(|a, b| a.0.cmp(&b.0));
        let more = items.len() > self.settings.page_size;
        items.truncate(self.settings.page_size);
        let next = items.last().filter(|_| more).map(|(place, _)| place.clone());
        EndedPage { items: items.into_iter().map(|(_, item)| item).collect(), next }
    }

    /// Marks a history item as announced; an item that is gone stays gone.
    pub(crate) fn mark_announced(&mut self, subject: &Subject, seq: u64) {
        if let Some(kept) = self.store.history.get_mut(&(subject.clone(), seq)) {
            kept.unannounced = false;
            kept.told.clear();
        }
        self.set_due(history_pk(subject), history_sk(seq), None);
    }

    /// Adds to those who were told of a history item that waits; any other stays as it is.
    pub(crate) fn note_told(&mut self, subject: &Subject, seq: u64, told: &BTreeSet<Receiver>) {
        let kept = self.store.history.get_mut(&(subject.clone(), seq));
        if let Some(kept) = kept.filter(|kept| kept.unannounced) {
            kept.told.extend(told);
        }
    }

    /// The history item under these keys, if it still waits to be announced.
    pub(crate) fn waiting_history(&self, pk: &str, sk: &str) -> Option<Unannounced> {
        let waiting = self.store.history.values().find(|kept| {
            kept.unannounced
                && history_pk(&kept.item.subject) == pk
                && history_sk(kept.item.seq) == sk
        });
        waiting.map(|kept| Unannounced { item: kept.item.clone(), told: kept.told.clone() })
    }
}

impl FakeCloud {
    /// How many records the stream holds.
    pub fn stream_length(&self) -> usize {
        self.state.borrow().store.stream.len()
    }

    /// Takes everything that the stream brings now, oldest first. It brings every item at least
    /// once: to have one twice, deliver it twice; to have the stream lose it, do nothing with it.
    pub fn take_stream(&self) -> Vec<StreamRecord> {
        self.state.borrow_mut().store.stream.drain(..).collect()
    }
}
