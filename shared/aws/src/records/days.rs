//! The families of a day, and which digests were published.

use super::Item;
use super::due::{page_begins, page_ended};
use super::expression::Expression;
use super::items::{self, HistoryEntry};
use super::layout::{self, number, text};
use crate::errors::Call;
use crate::settings::{Notify, ScheduleTick};
use crate::world::{Aws, HasTable};
use amiline_app::ports::{CallError, Clock, DayPage, DayReader, DigestKeeper, EndedPage};
use amiline_domain::day::Day;
use amiline_domain::digest::DigestKey;
use amiline_domain::time::plus_seconds;
use std::collections::HashMap;

/// Items on one page: as many as one BatchGetItem takes.
const PAGE_MAX: i32 = 100;
/// How long it is known that a digest was published, in seconds.
const DIGEST_SECONDS: i64 = 30 * 86_400;

/// Settings of those who may read the days.
pub(crate) trait ReadsDays: HasTable {}

impl ReadsDays for ScheduleTick {}
impl ReadsDays for Notify {}

impl<S: ReadsDays> DayReader for Aws<S> {
    async fn families_of_day(&self, day: Day, from: Option<String>) -> Result<DayPage, CallError> {
        let (listed, next) = self.listed(self.settings.table(), layout::FAMILIES, day, from).await?;
        let pks: Vec<&str> = listed.iter().filter_map(layout::pk_of).collect();
        let keys = pks.iter().map(|pk| layout::key(pk, layout::META_SK)).collect();
        let about = day.to_string();
        let call = Call::new("dynamodb:BatchGetItem", &about, self.home());
        let mut families = HashMap::new();
        for item in self.batch(call, self.settings.table(), keys).await? {
            if let Some(family) = items::family(vec![item]).map_err(|e| call.unreadable(&e))? {
                families.insert(layout::family_pk(&family.id), family);
            }
        }
        // A batch has no order; the index has.
        Ok(DayPage { families: pks.into_iter().filter_map(|pk| families.remove(pk)).collect(), next })
    }

    async fn enrolments_ended_on(&self, day: Day, from: Option<String>) -> Result<EndedPage, CallError> {
        let (listed, next) = self.listed(self.settings.table(), layout::ENROLMENTS_ENDED, day, from).await?;
        let place = |item: &Item| {
            let sk = item.get(layout::SK).and_then(|sk| sk.as_s().ok())?;
            Some(layout::key(layout::pk_of(item)?, sk))
        };
        let about = day.to_string();
        let call = Call::new("dynamodb:BatchGetItem", &about, self.home());
        let mut found = Vec::new();
        for item in self.batch(call, self.settings.table(), listed.iter().filter_map(place).collect()).await? {
            let entry: HistoryEntry = items::read(item).map_err(|e| call.unreadable(&e))?;
            found.push(entry.data);
        }
        found.sort_by(|one, other| (one.at, &one.outcome_id).cmp(&(other.at, &other.outcome_id)));
        Ok(EndedPage { items: found, next })
    }
}

impl<S> Aws<S> {
    /// A page of what the index lists in a partition for a day, and where to go on.
    async fn listed(
        &self,
        table: &str,
        partition: &str,
        day: Day,
        from: Option<String>,
    ) -> Result<(Vec<Item>, Option<String>), CallError> {
        let about = day.to_string();
        let call = Call::new("dynamodb:Query", &about, self.home());
        let from = page_begins(from, call)?;
        // The index's sort key begins with the second and goes on, so the next day's first second sorts before its items.
        let (first, end) = (layout::padded(day.start().as_second()), layout::padded(day.end().as_second()));
        let answer = self
            .clients
            .dynamodb()
            .query()
            .table_name(table)
            .index_name(layout::LISTING_INDEX)
            .key_condition_expression("list_pk = :partition AND list_sk BETWEEN :first AND :end")
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":end", text(end))
            .limit(PAGE_MAX)
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|e| call.failed(e))?;
        let next = page_ended(answer.last_evaluated_key, call)?;
        Ok((answer.items.unwrap_or_default(), next))
    }
}

impl DigestKeeper for Aws<Notify> {
    async fn digest_was_published(&self, key: &DigestKey) -> Result<bool, CallError> {
        let (pk, sk) = (layout::digest_pk(key.day), layout::digest_sk(key.policy.as_ref()));
        let call = Call::new("dynamodb:GetItem", &pk, self.home());
        Ok(self.item(call, self.settings.table(), &pk, &sk).await?.is_some())
    }

    async fn note_digest_published(&self, key: &DigestKey) -> Result<(), CallError> {
        let (pk, sk) = (layout::digest_pk(key.day), layout::digest_sk(key.policy.as_ref()));
        let expires_at = plus_seconds(self.now(), DIGEST_SECONDS).as_second();
        let update = Expression::default().set("expires_at", number(expires_at));
        self.update(self.settings.table(), layout::key(&pk, &sk), &update, &pk).await.map(|_| ())
    }
}
