//! Policies in Parameter Store. Its rate is low, so answers are kept for a while.

use crate::errors::Call;
use crate::policies::parameter_of;
use crate::world::{Aws, ReadsPolicies};
use amiline_app::ports::{CallError, Clock, PolicyReader};
use amiline_domain::ids::PolicyName;
use amiline_domain::time::seconds_between;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

pub(crate) const POLICY_SECONDS: i64 = 30;
pub(crate) const KILL_SWITCH_SECONDS: i64 = 20;

/// Texts that were read, and when. What was not there is read again each time: somebody who has
/// just written it does not want to wait.
#[derive(Debug)]
pub(crate) struct Kept<T = String>(Mutex<BTreeMap<String, (Timestamp, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<T: Clone> Kept<T> {
    pub(crate) fn fresh(&self, name: &str, now: Timestamp, seconds: i64) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = kept.get(name)?;
        (0..seconds).contains(&seconds_between(*at, now)).then(|| value.clone())
    }

    pub(crate) fn keep<V: ToOwned<Owned = T> + ?Sized>(
        &self,
        name: &str,
        now: Timestamp,
        value: &V,
    ) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(name.to_owned(), (now, value.to_owned()));
    }
}

impl<S> Aws<S> {
    pub(crate) async fn parameter(
        &self,
        name: &str,
        seconds: i64,
    ) -> Result<Option<String>, CallError> {
        let now = self.now();
        if let Some(value) = self.kept.fresh(name, now, seconds) {
            return Ok(Some(value));
        }
        let call = Call::new("ssm:GetParameters", name, self.home());
        let answer = self
            .clients
            .ssm()
            .get_parameters()
            .names(name)
            .send()
            .await
            .map_err(|e| call.failed(e))?;
        // A parameter that is not there is listed as invalid, not an error.
        let value = answer.parameters().iter().find(|parameter| parameter.name() == Some(name));
        let Some(value) = value.and_then(|parameter| parameter.value()) else { return Ok(None) };
        self.kept.keep(name, now, value);
        Ok(Some(value.to_owned()))
    }
}

impl<S: ReadsPolicies> PolicyReader for Aws<S> {
    async fn policy_text(&self, name: &PolicyName) -> Result<Option<String>, CallError> {
        self.parameter(&parameter_of(&self.settings, name), POLICY_SECONDS).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_parameter_is_kept_for_its_time_and_not_when_the_clock_went_back() {
        let kept: Kept = Kept::default();
        kept.keep("/a", at("2026-11-24T12:00:00Z"), "off");
        assert_eq!(kept.fresh("/a", at("2026-11-24T12:00:19Z"), 20).as_deref(), Some("off"));
        assert_eq!(kept.fresh("/a", at("2026-11-24T12:00:20Z"), 20), None);
        assert_eq!(kept.fresh("/a", at("2026-11-24T11:59:59Z"), 20), None);
        assert_eq!(kept.fresh("/b", at("2026-11-24T12:00:00Z"), 20), None);
    }
}
