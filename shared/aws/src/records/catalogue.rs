//! Lists for people.

use super::items::{self, HistoryEntry};
use super::layout::{self, text};
use crate::errors::Call;
use crate::world::{Aws, HasTable, Operator};
use amiline_app::ports::{CallError, Catalogue, RecordReader};
use amiline_domain::family::Family;
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::{FamilyId, InstanceId, Region};
use futures_util::future::join_all;

/// Families that are loaded at the same time.
const LOADED_AT_ONCE: usize = 10;

impl Catalogue for Aws<Operator> {
    async fn families(
        &self,
        limit: usize,
        after: Option<&Family>,
    ) -> Result<Vec<Family>, CallError> {
        let call = Call::new("dynamodb:Query", layout::LISTING_INDEX, self.home());
        let after = after.map_or_else(layout::listing_end, |family| {
            layout::listing_sk(family.created_at, &family.id)
        });
        let mut pages = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.settings.table())
            .index_name(layout::LISTING_INDEX)
            .key_condition_expression("list_pk = :families AND list_sk < :after")
            .expression_attribute_values(":families", text(layout::FAMILIES))
            .expression_attribute_values(":after", text(after))
            .scan_index_forward(false)
            .limit(page(limit))
            .into_paginator()
            .items()
            .send();
        let mut ids = Vec::new();
        while ids.len() < limit {
            let Some(item) = pages.try_next().await.map_err(|e| call.failed(e))? else { break };
            let pk = item.get(layout::PK).and_then(|pk| pk.as_s().ok());
            ids.extend(pk.and_then(|pk| layout::family_of_pk(pk)));
        }
        self.load(ids).await
    }

    async fn families_of_instance(
        &self,
        region: &Region,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Vec<Family>, CallError> {
        let call = Call::new("dynamodb:Query", instance.as_str(), self.home());
        let mut pages = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.settings.table())
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(layout::instance_pk(region, instance)))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(page(limit))
            .into_paginator()
            .items()
            .send();
        let mut ids = Vec::new();
        while ids.len() < limit {
            let Some(item) = pages.try_next().await.map_err(|e| call.failed(e))? else { break };
            let family = item.get(layout::FAMILY).and_then(|family| family.as_s().ok());
            ids.extend(family.and_then(|family| FamilyId::new(family.as_str()).ok()));
        }
        self.load(ids).await
    }

    async fn history(&self, id: &FamilyId) -> Result<Vec<HistoryItem>, CallError> {
        let call = Call::new("dynamodb:Query", id.as_str(), self.home());
        let pages = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.settings.table())
            .key_condition_expression("pk = :pk AND begins_with(sk, :history)")
            .expression_attribute_values(":pk", text(layout::family_pk(id)))
            .expression_attribute_values(":history", text(layout::HISTORY_PREFIX))
            .consistent_read(true)
            .into_paginator();
        let found = pages.items().send().try_collect().await.map_err(|e| call.failed(e))?;
        let history =
            found.into_iter().map(|item| items::read(item).map(|entry: HistoryEntry| entry.data));
        history.collect::<Result<_, _>>().map_err(|e| call.unreadable(&e))
    }
}

/// Items on one page, for somebody who wants so many.
fn page(limit: usize) -> i32 {
    i32::try_from(limit.clamp(1, 1000)).unwrap_or(1000)
}

impl Aws<Operator> {
    async fn load(&self, ids: Vec<FamilyId>) -> Result<Vec<Family>, CallError> {
        let mut families = Vec::with_capacity(ids.len());
        for some in ids.chunks(LOADED_AT_ONCE) {
            for family in join_all(some.iter().map(|id| self.family(id))).await {
                families.extend(family?);
            }
        }
        Ok(families)
    }
}
