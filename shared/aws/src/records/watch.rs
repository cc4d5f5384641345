//! What was told of policies and of the kill switch, and how many images were made under policies.

use super::{items, layout};
use crate::errors::Call;
use crate::settings::{CreateImage, ScheduleTick};
use crate::world::{Aws, HasTable, Operator};
use amiline_app::ports::{CallError, DayCountReader, WatchReader};
use amiline_domain::budget::DayCount;
use amiline_domain::ids::{PolicyName, StackName};
use amiline_domain::policy::Watch;
use amiline_domain::switch::Switch;
use std::collections::BTreeMap;

/// Settings of those who may read what was told of policies.
pub(crate) trait ReadsWatches: HasTable {}

impl ReadsWatches for CreateImage {}
impl ReadsWatches for ScheduleTick {}
impl ReadsWatches for Operator {}

/// Settings of those who may read how many images were made under policies.
pub(crate) trait ReadsDayCounts: HasTable {}

impl ReadsDayCounts for CreateImage {}
impl ReadsDayCounts for Operator {}

impl<S: ReadsWatches> WatchReader for Aws<S> {
    async fn watches(
        &self,
        policies: &[PolicyName],
    ) -> Result<BTreeMap<PolicyName, Watch>, CallError> {
        let call = Call::new("dynamodb:BatchGetItem", self.settings.table(), self.home());
        let wanted = policies
            .iter()
            .map(|policy| layout::key(&layout::watch_pk(policy), layout::WATCH_SK))
            .collect();
        let mut found = BTreeMap::new();
        for item in self.batch(call, self.settings.table(), wanted).await? {
            let policy = layout::pk_of(&item).and_then(layout::policy_of_watch_pk);
            let watch = items::watch(item).map_err(|e| call.unreadable(&e))?;
            found.extend(policy.map(|policy| (policy, watch)));
        }
        Ok(found)
    }
}

impl Aws<Operator> {
    /// What is recorded of the kill switch.
    pub(crate) async fn recorded_switch(&self, stack: &StackName) -> Result<Switch, CallError> {
        let call = Call::new("dynamodb:GetItem", stack.as_str(), self.home());
        let item = self
            .item(call, self.settings.table(), &layout::switch_pk(stack), layout::SWITCH_SK)
            .await?;
        let switch = item.map(items::switch).transpose().map_err(|e| call.unreadable(&e))?;
        Ok(switch.unwrap_or_default())
    }
}

impl<S: ReadsDayCounts> DayCountReader for Aws<S> {
    async fn day_count(&self, policy: &PolicyName) -> Result<DayCount, CallError> {
        let call = Call::new("dynamodb:GetItem", policy.as_str(), self.home());
        let item =
            self.item(call, self.settings.table(), &layout::day_pk(policy), layout::DAY_SK).await?;
        let day = item.map(items::day).transpose().map_err(|e| call.unreadable(&e))?;
        Ok(day.unwrap_or_default())
    }
}
