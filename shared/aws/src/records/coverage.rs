//! Enrolments many at once, and what was made of instances.

use super::due::{page_begins, page_ended};
use super::items;
use super::layout::{self, text};
use crate::errors::Call;
use crate::settings::{CreateImage, ScheduleTick};
use crate::world::{Aws, HasTable, Operator};
use amiline_app::ports::{CallError, EnrolmentReader, MadePage, MadeReader};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use std::collections::{BTreeMap, BTreeSet};

/// What was made of an instance that one page holds: some weeks of days, and more than is ever
/// needed while all goes well.
const PAGE_MAX: i32 = 25;

/// Settings of those who may read what concerns instances.
pub(crate) trait ReadsInstances: HasTable {}

impl ReadsInstances for CreateImage {}
impl ReadsInstances for ScheduleTick {}
impl ReadsInstances for Operator {}

impl<S: ReadsInstances> EnrolmentReader for Aws<S> {
    async fn enrolments(
        &self,
        keys: &[EnrolmentKey],
    ) -> Result<BTreeMap<EnrolmentKey, Enrolment>, CallError> {
        let call = Call::new("dynamodb:BatchGetItem", self.settings.table(), self.home());
        let wanted: BTreeSet<&EnrolmentKey> = keys.iter().collect();
        let wanted = wanted
            .into_iter()
            .map(|key| layout::key(&layout::enrolment_pk(key), layout::ENROLMENT_SK))
            .collect();
        let mut found = BTreeMap::new();
        for item in self.batch(call, self.settings.table(), wanted).await? {
            let key = layout::pk_of(&item).and_then(layout::enrolment_of_pk);
            let enrolment = items::enrolment(item).map_err(|e| call.unreadable(&e))?;
            found.extend(key.map(|key| (key, enrolment)));
        }
        Ok(found)
    }
}

impl<S: ReadsInstances> MadeReader for Aws<S> {
    async fn made(&self, key: &EnrolmentKey, from: Option<String>) -> Result<MadePage, CallError> {
        let call = Call::new("dynamodb:Query", key.instance.as_str(), self.home());
        let from = page_begins(from, call)?;
        let answer = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.settings.table())
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(
                ":pk",
                text(layout::instance_pk(&key.region, &key.instance)),
            )
            .scan_index_forward(false)
            .limit(PAGE_MAX)
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|e| call.failed(e))?;
        let next = page_ended(answer.last_evaluated_key, call)?;
        let made = answer.items.unwrap_or_default().into_iter().map(items::made);
        let made: Vec<Option<_>> =
            made.collect::<Result<_, _>>().map_err(|e| call.unreadable(&e))?;
        Ok(MadePage { made: made.into_iter().flatten().collect(), next })
    }
}
