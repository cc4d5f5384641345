//! The index of what is due.

use super::Item;
use super::items;
use super::layout::{self, DueKind, text};
use crate::errors::Call;
use crate::settings::ScheduleTick;
use crate::world::{Aws, HasTable};
use amiline_app::ports::{CallError, Due, DuePage, DueReader};
use amiline_domain::budget::Budget;
use amiline_domain::fault::Fault;
use amiline_domain::ids::AccountId;
use amiline_domain::press::{PressKey, PressState};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How much one page holds.
const PAGE_MAX: i32 = 100;

impl DueReader for Aws<ScheduleTick> {
    fn shards(&self) -> u32 {
        layout::DUE_SHARDS
    }

    async fn due(
        &self,
        shard: u32,
        now: Timestamp,
        from: Option<String>,
    ) -> Result<DuePage, CallError> {
        let shard = layout::due_shard_name(shard);
        let call = Call::new("dynamodb:Query", &shard, self.home());
        let from = page_begins(from, call)?;
        let answer = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.settings.table())
            .index_name(layout::DUE_INDEX)
            .key_condition_expression("due_shard = :shard AND due_at < :end")
            .expression_attribute_values(":shard", text(&shard))
            .expression_attribute_values(":end", text(layout::due_before(now)))
            .limit(PAGE_MAX)
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|e| call.failed(e))?;
        let next = page_ended(answer.last_evaluated_key, call)?;
        let items = answer.items.unwrap_or_default();
        Ok(DuePage { items: items.iter().filter_map(due_or_noted).collect(), next })
    }

    async fn budget(&self, account: &AccountId) -> Result<Budget, CallError> {
        let call = Call::new("dynamodb:GetItem", account.as_str(), self.home());
        let item = self
            .item(call, self.settings.table(), &layout::budget_pk(account), layout::BUDGET_SK)
            .await?;
        let budget = item.map(items::budget).transpose().map_err(|e| call.unreadable(&e))?;
        Ok(budget.unwrap_or_default())
    }

    async fn presses_under_way(&self, keys: &[PressKey]) -> Result<BTreeSet<PressKey>, CallError> {
        let call = Call::new("dynamodb:BatchGetItem", self.settings.table(), self.home());
        let wanted: BTreeSet<&PressKey> = keys.iter().collect();
        let wanted = wanted
            .into_iter()
            .map(|key| layout::key(&layout::press_pk(key), layout::PRESS_SK))
            .collect();
        let mut under_way = BTreeSet::new();
        for item in self.batch(call, self.settings.table(), wanted).await? {
            let key = of(&item, layout::PK).and_then(layout::press_of_pk);
            let press = items::press(item).map_err(|e| call.unreadable(&e))?;
            if let (Some(key), PressState::Accepted { .. } | PressState::Answered { .. }) =
                (key, &press.state)
            {
                under_way.insert(key);
            }
        }
        Ok(under_way)
    }
}

fn of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// One item that nobody understands must not keep the others from being seen.
fn due_or_noted(item: &Item) -> Option<Due> {
    let due = due(item);
    if due.is_none() {
        let (pk, at) = (of(item, layout::PK), of(item, layout::DUE_AT));
        tracing::error!(pk, due_at = at, "an item of the index of what is due is of no known form");
    }
    due
}

pub(super) fn due(item: &Item) -> Option<Due> {
    let (pk, sk) = (of(item, layout::PK)?, of(item, layout::SK)?);
    let (at, kind) = layout::parse_due_at(of(item, layout::DUE_AT)?)?;
    match kind {
        DueKind::Family(role) => Some(Due::Family { family: layout::family_of_pk(pk)?, role, at }),
        DueKind::Press => Some(Due::Press { key: layout::press_of_pk(pk)?, at }),
        DueKind::Enrolment => Some(Due::Enrolment { key: layout::enrolment_of_pk(pk)?, at }),
        DueKind::Notify => Some(Due::History { pk: pk.to_owned(), sk: sk.to_owned(), at }),
        DueKind::Digest => Some(Due::Digest { key: layout::digest_of(pk, sk)?, at }),
    }
}

/// Where a page begins, from where the one before it ended.
pub(super) fn page_begins(from: Option<String>, call: Call<'_>) -> Result<Option<Item>, CallError> {
    from.map(|from| decode(&from)).transpose().map_err(|e| call.error("NotSent", &e, Fault::Reject))
}

/// Where a page ended, for the next one; `None` after the last.
pub(super) fn page_ended(last: Option<Item>, call: Call<'_>) -> Result<Option<String>, CallError> {
    let last = last.filter(|key| !key.is_empty());
    last.map(|key| encode(&key)).transpose().map_err(|e| call.unreadable(&e))
}

/// Where a page ended, as text. Every key attribute of the index is text.
pub(super) fn encode(key: &Item) -> Result<String, String> {
    let mut plain = BTreeMap::new();
    for (name, value) in key {
        plain.insert(name, value.as_s().map_err(|_| format!("{name} is not text"))?);
    }
    serde_json::to_string(&plain).map_err(|e| e.to_string())
}

pub(super) fn decode(text_of_key: &str) -> Result<Item, String> {
    let plain: BTreeMap<String, String> =
        serde_json::from_str(text_of_key).map_err(|e| e.to_string())?;
    Ok(plain.into_iter().map(|(name, value)| (name, text(value))).collect())
}
