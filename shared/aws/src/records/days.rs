//! The families of a day, and which digests were published.

use super::Item;
use super::due::{page_begins, page_ended};
use super::expression::Expression;
use super::items::{self, HistoryEntry};
use super::layout::{self, DueKind, number, text};
use crate::errors::Call;
use crate::settings::{Notify, ScheduleTick};
use crate::world::{Aws, HasTable};
use amiline_app::ports::{
    CallError, Clock, Committed, DayPage, DayReader, DigestKeeper, EndedPage,
};
use amiline_domain::day::Day;
use amiline_domain::digest::{DigestKey, DigestState, Draft};
use amiline_domain::fault::Fault;
use amiline_domain::time::plus_seconds;
use jiff::Timestamp;
use std::collections::HashMap;

/// Items on one page: as many as one BatchGetItem takes.
const PAGE_MAX: i32 = 100;
/// A digest of the pages that were read, as JSON.
const DRAFT: &str = "draft";
/// Times that the draft was kept.
const DRAFT_REV: &str = "draft_rev";
/// How long it is known that a digest was published, in seconds.
const DIGEST_SECONDS: i64 = 30 * 86_400;

/// Settings of those who may read the days.
pub(crate) trait ReadsDays: HasTable {}

impl ReadsDays for ScheduleTick {}
impl ReadsDays for Notify {}

impl<S: ReadsDays> DayReader for Aws<S> {
    async fn families_of_day(&self, day: Day, from: Option<String>) -> Result<DayPage, CallError> {
        let (listed, next) =
            self.listed(self.settings.table(), layout::FAMILIES, day, from).await?;
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
        Ok(DayPage {
            families: pks.into_iter().filter_map(|pk| families.remove(pk)).collect(),
            next,
        })
    }

    async fn enrolments_ended_on(
        &self,
        day: Day,
        from: Option<String>,
    ) -> Result<EndedPage, CallError> {
        let (listed, next) =
            self.listed(self.settings.table(), layout::ENROLMENTS_ENDED, day, from).await?;
        let image_role = |item: &Item| {
            let sk = item.get(layout::SK).and_then(|sk| sk.as_s().ok())?;
            Some(layout::key(layout::pk_of(item)?, sk))
        };
        let about = day.to_string();
        let call = Call::new("dynamodb:BatchGetItem", &about, self.home());
        let mut found = Vec::new();
        for item in self
            .batch(call, self.settings.table(), listed.iter().filter_map(image_role).collect())
            .await?
        {
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
        // The index's sort key begins with the second and goes on, so the next day's first second
        // sorts before its items.
        let (first, end) =
            (layout::padded(day.start().as_second()), layout::padded(day.end().as_second()));
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
    async fn digest(&self, key: &DigestKey) -> Result<DigestState, CallError> {
        let (pk, sk) = (layout::digest_pk(key.day), layout::digest_sk(key.policy.as_ref()));
        let call = Call::new("dynamodb:GetItem", &pk, self.home());
        let Some(item) = self.item(call, self.settings.table(), &pk, &sk).await? else {
            return Ok(DigestState::Unknown);
        };
        let Some(draft) = item.get(DRAFT).and_then(|draft| draft.as_s().ok()) else {
            return Ok(DigestState::Published);
        };
        let draft = serde_json::from_str(draft).map_err(|e| call.unreadable(&e.to_string()))?;
        Ok(DigestState::Begun(Box::new(draft)))
    }

    async fn keep_draft(&self, key: &DigestKey, draft: &Draft) -> Result<Committed, CallError> {
        let (pk, sk) = (layout::digest_pk(key.day), layout::digest_sk(key.policy.as_ref()));
        let call = Call::new("dynamodb:UpdateItem", &pk, self.home());
        let json = serde_json::to_string(draft)
            .map_err(|e| call.error("NotSent", &e.to_string(), Fault::Reject))?;
        let update = kept_for_30_days(self.now())
            .set(DRAFT, text(json))
            .set(DRAFT_REV, number(draft.rev))
            .set(layout::DUE_SHARD, text(layout::due_shard(&pk)))
            .set(layout::DUE_AT, text(layout::due_at(self.now(), DueKind::Digest)));
        let update = match draft.rev.saturating_sub(1) {
            0 => update.when_absent(layout::PK),
            before => update.when_equal(DRAFT_REV, number(before)),
        };
        self.update(self.settings.table(), layout::key(&pk, &sk), &update, &pk).await
    }

    async fn note_digest_published(&self, key: &DigestKey) -> Result<(), CallError> {
        let (pk, sk) = (layout::digest_pk(key.day), layout::digest_sk(key.policy.as_ref()));
        let gone = [DRAFT, DRAFT_REV, layout::DUE_SHARD, layout::DUE_AT];
        let update = gone.into_iter().fold(kept_for_30_days(self.now()), Expression::remove);
        self.update(self.settings.table(), layout::key(&pk, &sk), &update, &pk).await.map(|_| ())
    }
}

fn kept_for_30_days(now: Timestamp) -> Expression {
    Expression::default().set("expires_at", number(plus_seconds(now, DIGEST_SECONDS).as_second()))
}
