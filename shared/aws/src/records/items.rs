//! Records as items, and back.

use super::Item;
use super::layout::{self, DueKind};
use amiline_domain::budget::{Budget, DayCount};
use amiline_domain::coverage::Made;
use amiline_domain::enrolment::Enrolment;
use amiline_domain::family::{Family, ImageRow, Role, RowState};
use amiline_domain::history::{EventKind, HistoryItem};
use amiline_domain::ids::{FamilyId, PolicyName, StackName};
use amiline_domain::policy::Watch;
use amiline_domain::press::{Press, PressKey, PressState, ToldRefusal};
use amiline_domain::receiver::{Receiver, Unannounced};
use amiline_domain::record::Listing;
use amiline_domain::switch::Switch;
use amiline_domain::time::{Slot, plus_seconds};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};
use std::collections::BTreeSet;

/// How long an item has to be announced before the tick sends it, in seconds.
const ANNOUNCE_SECONDS: i64 = 600;

pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, String> {
    from_item(item).map_err(|e| e.to_string())
}

pub(super) fn write<T: Serialize>(item: &T) -> Result<Item, String> {
    to_item(item).map_err(|e| e.to_string())
}

/// When a family is due, and for whom. While it is leased that is the lease's end, so that the
/// family of a dead worker is found.
pub(super) fn family_due(family: &Family) -> Option<String> {
    let role = family.work.due.map(|(_, role)| role);
    let at = family.work.due_at()?;
    Some(layout::due_at(at, DueKind::Family(role.unwrap_or_else(|| turn(family)))))
}

/// Whose turn it is by the state of the source image, for a lease without a next look.
fn turn(family: &Family) -> Role {
    let made = family.source().is_some_and(|row| row.state == RowState::Available);
    if made { Role::Distribute } else { Role::Create }
}

#[derive(Deserialize)]
struct Meta {
    data: Family,
    #[serde(default)]
    pending_hints: u64,
}

#[derive(Serialize, Deserialize)]
struct Row {
    pk: String,
    sk: String,
    data: ImageRow,
}

pub(super) fn row_item(pk: &str, row: &ImageRow) -> Result<Item, String> {
    write(&Row { pk: pk.to_owned(), sk: layout::image_sk(&row.image_role), data: row.clone() })
}

/// A family from its META and its rows; `None` without a META.
pub(super) fn family(items: Vec<Item>) -> Result<Option<Family>, String> {
    let mut meta: Option<Meta> = None;
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        let sk = item.get(layout::SK).and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
        if sk == layout::META_SK {
            meta = Some(read(item)?);
        } else if sk.starts_with(layout::IMAGE_PREFIX) {
            rows.push(read::<Row>(item)?.data);
        }
    }
    Ok(meta.map(|meta| {
        let mut family = meta.data;
        family.work.pending_hints = meta.pending_hints;
        family.rows = rows.into_iter().map(|row| (row.image_role.clone(), row)).collect();
        family
    }))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StateName {
    Idle,
    Accepted,
    Answered,
}

/// A press with its state laid flat, so that conditions can be put on it.
#[derive(Serialize, Deserialize)]
struct PressItem {
    pk: String,
    sk: String,
    rev: u64,
    state: StateName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_slot: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_image_slot: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status_before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cleared_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_look: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<ToldRefusal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_shard: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
}

pub(super) fn press_item(key: &PressKey, press: &Press) -> Result<Item, String> {
    let pk = layout::press_pk(key);
    let (state, slot, value) = match &press.state {
        PressState::Idle => (StateName::Idle, None, press.answered.clone()),
        PressState::Accepted { slot, value } => {
            (StateName::Accepted, Some(*slot), Some(value.clone()))
        }
        PressState::Answered { slot, value } => {
            (StateName::Answered, Some(*slot), Some(value.clone()))
        }
    };
    write(&PressItem {
        sk: layout::PRESS_SK.to_owned(),
        rev: press.rev,
        state,
        slot,
        value,
        last_slot: press.last_slot,
        last_image_slot: press.last_image_slot,
        heard_at: press.heard_at,
        status_before: press.status_before.clone(),
        cleared_at: press.cleared_at,
        answer: press.answer.clone(),
        next_look: press.next_look,
        told: press.told.clone(),
        due_shard: press.next_look.map(|_| layout::due_shard(&pk)),
        due_at: press.next_look.map(|at| layout::due_at(at, DueKind::Press)),
        pk,
    })
}

pub(super) fn press(item: Item) -> Result<Press, String> {
    let item: PressItem = read(item)?;
    let (state, answered) = match (item.state, item.slot, item.value) {
        (StateName::Idle, _, answered) => (PressState::Idle, answered),
        (StateName::Accepted, Some(slot), Some(value)) => {
            (PressState::Accepted { slot, value }, None)
        }
        (StateName::Answered, Some(slot), Some(value)) => {
            (PressState::Answered { slot, value }, None)
        }
        (StateName::Accepted | StateName::Answered, _, _) => {
            return Err("a press has no slot or value".to_owned());
        }
    };
    Ok(Press {
        rev: item.rev,
        state,
        last_slot: item.last_slot,
        last_image_slot: item.last_image_slot,
        heard_at: item.heard_at,
        status_before: item.status_before,
        cleared_at: item.cleared_at,
        answer: item.answer,
        answered,
        next_look: item.next_look,
        told: item.told,
    })
}

#[derive(Deserialize)]
struct EnrolmentItem {
    data: Enrolment,
}

pub(super) fn enrolment(item: Item) -> Result<Enrolment, String> {
    Ok(read::<EnrolmentItem>(item)?.data)
}

#[derive(Serialize, Deserialize)]
struct BudgetItem {
    pk: String,
    sk: String,
    rev: u64,
    data: Budget,
}

pub(super) fn budget_item(pk: String, budget: &Budget) -> Result<Item, String> {
    write(&BudgetItem {
        pk,
        sk: layout::BUDGET_SK.to_owned(),
        rev: budget.rev,
        data: budget.clone(),
    })
}

pub(super) fn budget(item: Item) -> Result<Budget, String> {
    Ok(read::<BudgetItem>(item)?.data)
}

#[derive(Serialize, Deserialize)]
struct DayItem {
    pk: String,
    sk: String,
    rev: u64,
    data: DayCount,
}

pub(super) fn day_item(policy: &PolicyName, day: &DayCount) -> Result<Item, String> {
    let (pk, sk) = (layout::day_pk(policy), layout::DAY_SK.to_owned());
    write(&DayItem { pk, sk, rev: day.rev, data: day.clone() })
}

pub(super) fn day(item: Item) -> Result<DayCount, String> {
    Ok(read::<DayItem>(item)?.data)
}

#[derive(Serialize, Deserialize)]
struct WatchItem {
    pk: String,
    sk: String,
    rev: u64,
    data: Watch,
}

pub(super) fn watch_item(policy: &PolicyName, watch: &Watch) -> Result<Item, String> {
    let (pk, sk) = (layout::watch_pk(policy), layout::WATCH_SK.to_owned());
    write(&WatchItem { pk, sk, rev: watch.rev, data: watch.clone() })
}

pub(super) fn watch(item: Item) -> Result<Watch, String> {
    Ok(read::<WatchItem>(item)?.data)
}

#[derive(Serialize, Deserialize)]
struct SwitchItem {
    pk: String,
    sk: String,
    rev: u64,
    data: Switch,
}

pub(super) fn switch_item(stack: &StackName, switch: &Switch) -> Result<Item, String> {
    let (pk, sk) = (layout::switch_pk(stack), layout::SWITCH_SK.to_owned());
    write(&SwitchItem { pk, sk, rev: switch.rev, data: switch.clone() })
}

pub(super) fn switch(item: Item) -> Result<Switch, String> {
    Ok(read::<SwitchItem>(item)?.data)
}

/// By which an instance's families are listed.
#[derive(Serialize, Deserialize)]
struct InstanceItem {
    pk: String,
    sk: String,
    family: FamilyId,
    /// None of a family that was refused before it had a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Made>,
}

pub(super) fn instance_item(listing: &Listing) -> Result<Item, String> {
    let pk = layout::instance_pk(&listing.region, &listing.instance);
    let sk = layout::instance_sk(listing.slot, &listing.family);
    write(&InstanceItem { pk, sk, family: listing.family.clone(), data: listing.made.clone() })
}

pub(super) fn made(item: Item) -> Result<Option<Made>, String> {
    Ok(read::<InstanceItem>(item)?.data)
}

/// A history item, whether it still has to be announced, and who was told of it already.
#[derive(Serialize, Deserialize)]
pub(super) struct HistoryEntry {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) data: HistoryItem,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unannounced: Option<bool>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    told: BTreeSet<Receiver>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_shard: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// By which a day's ended enrolments are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list_pk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list_sk: Option<String>,
}

impl HistoryEntry {
    /// The item, if it still waits.
    pub(super) fn waiting(self) -> Option<Unannounced> {
        self.unannounced
            .unwrap_or(false)
            .then_some(Unannounced { item: self.data, told: self.told })
    }
}

pub(super) fn history_item(item: &HistoryItem) -> Result<Item, String> {
    let pk = layout::history_pk(&item.subject);
    let announced = item.event.is_announced();
    let late = plus_seconds(item.at, ANNOUNCE_SECONDS);
    let listed = item.event == EventKind::EnrolmentEnded;
    write(&HistoryEntry {
        sk: layout::history_sk(item.seq),
        data: item.clone(),
        unannounced: announced.then_some(true),
        told: BTreeSet::new(),
        due_shard: announced.then(|| layout::due_shard(&pk)),
        due_at: announced.then(|| layout::due_at(late, DueKind::Notify)),
        list_pk: listed.then(|| layout::ENROLMENTS_ENDED.to_owned()),
        list_sk: listed.then(|| layout::ended_sk(item.at, &item.outcome_id)),
        pk,
    })
}
