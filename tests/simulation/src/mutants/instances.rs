//! The seam once more: the ports on what concerns instances and policies as a whole.

use super::Mutant;
use super::ports::Mutated;
use amiline_app::ports::{
    CallError, DayCountReader, EnrolmentReader, Freshness, MadePage, MadeReader, PolicyHistory,
    PolicyStore, PolicyVersion, StoredPolicy, WatchReader,
};
use amiline_domain::budget::DayCount;
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::ids::PolicyName;
use amiline_domain::policy::Watch;
use std::collections::BTreeMap;

impl PolicyHistory for Mutated {
    async fn policy_versions(
        &self,
        name: &PolicyName,
        how: Freshness,
    ) -> Result<Vec<PolicyVersion>, CallError> {
        let versions = self.world.policy_versions(name, how).await?;
        Ok(if self.is(Mutant::ForgetsTheVersionBefore) { Vec::new() } else { versions })
    }
}

impl PolicyStore for Mutated {
    async fn policies(&self) -> Result<Vec<StoredPolicy>, CallError> {
        self.world.policies().await
    }

    async fn stored_policy(&self, name: &PolicyName) -> Result<Option<StoredPolicy>, CallError> {
        self.world.stored_policy(name).await
    }
}

impl EnrolmentReader for Mutated {
    async fn enrolments(
        &self,
        keys: &[EnrolmentKey],
    ) -> Result<BTreeMap<EnrolmentKey, Enrolment>, CallError> {
        self.world.enrolments(keys).await
    }
}

impl MadeReader for Mutated {
    async fn made(&self, key: &EnrolmentKey, from: Option<String>) -> Result<MadePage, CallError> {
        let page = self.world.made(key, from).await?;
        Ok(if self.is(Mutant::OverlooksImages) { MadePage::default() } else { page })
    }
}

impl WatchReader for Mutated {
    async fn watches(
        &self,
        policies: &[PolicyName],
    ) -> Result<BTreeMap<PolicyName, Watch>, CallError> {
        self.world.watches(policies).await
    }
}

impl DayCountReader for Mutated {
    async fn day_count(&self, policy: &PolicyName) -> Result<DayCount, CallError> {
        let day = self.world.day_count(policy).await?;
        Ok(if self.is(Mutant::NoDailyLimit) { DayCount { images: 0, ..day } } else { day })
    }
}
