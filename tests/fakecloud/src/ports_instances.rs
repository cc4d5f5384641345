//! The ports on what the table has of instances and policies, many at once. Its calls go to the
//! home Region.

use crate::trace::{Note, put};
use crate::world::World;
use amiline_app::ports::{
    CallError, DayCountReader, EnrolmentReader, MadePage, MadeReader, WatchReader,
};
use amiline_domain::budget::DayCount;
use amiline_domain::coverage::Made;
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::ids::PolicyName;
use amiline_domain::policy::Watch;
use std::collections::BTreeMap;

impl Note for BTreeMap<EnrolmentKey, Enrolment> {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} enrolled", self.len()));
    }
}

impl Note for BTreeMap<PolicyName, Watch> {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} watched", self.len()));
    }
}

impl Note for DayCount {
    fn note(&self, out: &mut String) {
        put(out, format_args!("rev {}", self.rev));
    }
}

impl Note for MadePage {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} made", self.made.len()));
    }
}

impl EnrolmentReader for World {
    async fn enrolments(
        &self,
        keys: &[EnrolmentKey],
    ) -> Result<BTreeMap<EnrolmentKey, Enrolment>, CallError> {
        let home = self.cloud.home();
        let mut found = BTreeMap::new();
        // BatchGetItem takes a hundred keys.
        for keys in keys.chunks(100) {
            let some: BTreeMap<EnrolmentKey, Enrolment> = self
                .call(
                    "dynamodb:BatchGetItem",
                    &home,
                    &format!("{} enrolments", keys.len()),
                    |state| {
                        let of = |key: &EnrolmentKey| {
                            Some((key.clone(), state.store.enrolments.get(key)?.clone()))
                        };
                        Ok(keys.iter().filter_map(of).collect())
                    },
                )
                .await?;
            found.extend(some);
        }
        Ok(found)
    }
}

impl MadeReader for World {
    async fn made(&self, key: &EnrolmentKey, from: Option<String>) -> Result<MadePage, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:Query", &home, key.instance.as_str(), |state| {
            let made = state.store.made_of(key);
            let place = |made: &Made| made.family.to_string();
            let start = from
                .and_then(|from| made.iter().position(|made| place(made) == from))
                .map_or(0, |at| at + 1);
            let page: Vec<Made> =
                made.iter().skip(start).take(state.settings.page_size).cloned().collect();
            let next = page.last().filter(|_| start + page.len() < made.len()).map(place);
            Ok(MadePage { made: page, next })
        })
        .await
    }
}

impl WatchReader for World {
    async fn watches(
        &self,
        policies: &[PolicyName],
    ) -> Result<BTreeMap<PolicyName, Watch>, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:BatchGetItem", &home, &format!("{} watches", policies.len()), |state| {
            let of = |policy: &PolicyName| {
                Some((policy.clone(), state.store.watches.get(policy)?.clone()))
            };
            Ok(policies.iter().filter_map(of).collect::<BTreeMap<_, _>>())
        })
        .await
    }
}

impl DayCountReader for World {
    async fn day_count(&self, policy: &PolicyName) -> Result<DayCount, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:GetItem", &home, &format!("DAY#{policy}"), |state| {
            Ok(state.store.days.get(policy).cloned().unwrap_or_default())
        })
        .await
    }
}
