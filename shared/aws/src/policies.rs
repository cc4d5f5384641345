//! Policies as their administrator sees them: Parameter Store itself, uncached, with versions.

use crate::errors::Call;
use crate::parameters::POLICY_SECONDS;
use crate::world::{Aws, Operator, ReadsPolicies};
use amiline_app::ports::{
    BoundsReader, CallError, Clock, Freshness, PolicyHistory, PolicyStore, PolicyVersion,
    PolicyWriter, StoredPolicy,
};
use amiline_domain::ids::PolicyName;
use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::primitives::DateTime;
use aws_sdk_ssm::types::{Parameter, ParameterHistory, ParameterType};
use jiff::Timestamp;

/// The most that GetParametersByPath and GetParameterHistory give at once (their API references).
const POLICIES_PAGE: i32 = 10;
const VERSIONS_PAGE: i32 = 50;

/// The name of a policy's parameter.
pub(crate) fn parameter_of(settings: &impl ReadsPolicies, name: &PolicyName) -> String {
    format!("{}/{name}", settings.policy_path().trim_end_matches('/'))
}

impl Aws<Operator> {
    async fn put_policy(
        &self,
        parameter: &str,
        text: &str,
        overwrite: bool,
    ) -> Result<Put, CallError> {
        let call = Call::new("ssm:PutParameter", parameter, self.home());
        let put =
            self.clients.ssm().put_parameter().name(parameter).value(text).overwrite(overwrite);
        let answer = match put.r#type(ParameterType::String).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let exists = error.as_service_error().and_then(ProvideErrorMetadata::code);
                return match exists {
                    Some("ParameterAlreadyExists") if !overwrite => Ok(Put::Exists),
                    Some(_) | None => Err(call.failed(error)),
                };
            }
        };
        version(answer.version())
            .map(Put::Version)
            .ok_or_else(|| call.unreadable("the answer names no version"))
    }
}

impl<S> Aws<S> {
    /// A parameter's value as it is now; `None` if it does not exist.
    pub(crate) async fn parameter_now(&self, name: &str) -> Result<Option<Parameter>, CallError> {
        let call = Call::new("ssm:GetParameter", name, self.home());
        match self.clients.ssm().get_parameter().name(name).send().await {
            Ok(answer) => answer
                .parameter
                .map(Some)
                .ok_or_else(|| call.unreadable("the answer has no parameter")),
            Err(error) => match error.as_service_error().and_then(ProvideErrorMetadata::code) {
                Some("ParameterNotFound") => Ok(None),
                Some(_) | None => Err(call.failed(error)),
            },
        }
    }
}

enum Put {
    Version(u64),
    Exists,
}

impl<S: ReadsPolicies> PolicyStore for Aws<S> {
    async fn policies(&self) -> Result<Vec<StoredPolicy>, CallError> {
        let path = self.settings.policy_path().trim_end_matches('/');
        let call = Call::new("ssm:GetParametersByPath", path, self.home());
        let mut policies = Vec::new();
        let mut next = None;
        // A page may be empty and still not the last one.
        loop {
            let asked =
                self.clients.ssm().get_parameters_by_path().path(path).max_results(POLICIES_PAGE);
            let page = asked.set_next_token(next).send().await.map_err(|e| call.failed(e))?;
            for parameter in page.parameters() {
                let policy = stored(parameter);
                policies.push(policy.ok_or_else(|| {
                    call.unreadable("a parameter lacks its name, value or version")
                })?);
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        policies.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(policies)
    }

    async fn stored_policy(&self, name: &PolicyName) -> Result<Option<StoredPolicy>, CallError> {
        let parameter = parameter_of(&self.settings, name);
        let Some(found) = self.parameter_now(&parameter).await? else { return Ok(None) };
        let call = Call::new("ssm:GetParameter", &parameter, self.home());
        stored(&found)
            .map(Some)
            .ok_or_else(|| call.unreadable("the parameter lacks its name, value or version"))
    }
}

impl<S: ReadsPolicies> PolicyHistory for Aws<S> {
    async fn policy_versions(
        &self,
        name: &PolicyName,
        how: Freshness,
    ) -> Result<Vec<PolicyVersion>, CallError> {
        let parameter = parameter_of(&self.settings, name);
        let now = self.now();
        let kept = match how {
            Freshness::Kept => self.versions.fresh(&parameter, now, POLICY_SECONDS),
            Freshness::Fresh => None,
        };
        if let Some(versions) = kept {
            return Ok(versions);
        }
        let call = Call::new("ssm:GetParameterHistory", &parameter, self.home());
        let mut versions = Vec::new();
        let mut next = None;
        loop {
            let asked = self
                .clients
                .ssm()
                .get_parameter_history()
                .name(&parameter)
                .max_results(VERSIONS_PAGE);
            let page = match asked.set_next_token(next).send().await {
                Ok(page) => page,
                Err(error) => match error.as_service_error().and_then(ProvideErrorMetadata::code) {
                    Some("ParameterNotFound") => return Ok(Vec::new()),
                    Some(_) | None => return Err(call.failed(error)),
                },
            };
            for entry in page.parameters() {
                versions.push(
                    past(entry).ok_or_else(|| {
                        call.unreadable("a version lacks its number, value or date")
                    })?,
                );
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        versions.sort_by_key(|version| version.version);
        self.versions.keep(&parameter, now, &versions);
        Ok(versions)
    }
}

impl BoundsReader for Aws<Operator> {
    async fn stated_bounds(&self) -> Result<Option<String>, CallError> {
        let name = format!("/{}/bounds", self.settings.prefix);
        Ok(self.parameter_now(&name).await?.and_then(|parameter| parameter.value))
    }
}

impl PolicyWriter for Aws<Operator> {
    async fn create_policy(&self, name: &PolicyName, text: &str) -> Result<Option<u64>, CallError> {
        match self.put_policy(&parameter_of(&self.settings, name), text, false).await? {
            Put::Version(version) => Ok(Some(version)),
            Put::Exists => Ok(None),
        }
    }

    async fn replace_policy(&self, name: &PolicyName, text: &str) -> Result<u64, CallError> {
        let parameter = parameter_of(&self.settings, name);
        match self.put_policy(&parameter, text, true).await? {
            Put::Version(version) => Ok(version),
            Put::Exists => Err(Call::new("ssm:PutParameter", &parameter, self.home())
                .unreadable("it exists and may be overwritten")),
        }
    }

    async fn delete_policy(&self, name: &PolicyName) -> Result<bool, CallError> {
        let parameter = parameter_of(&self.settings, name);
        let call = Call::new("ssm:DeleteParameter", &parameter, self.home());
        match self.clients.ssm().delete_parameter().name(&parameter).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error().and_then(ProvideErrorMetadata::code) {
                Some("ParameterNotFound") => Ok(false),
                Some(_) | None => Err(call.failed(error)),
            },
        }
    }
}

fn stored(parameter: &Parameter) -> Option<StoredPolicy> {
    Some(StoredPolicy {
        name: parameter.name()?.rsplit('/').next()?.to_owned(),
        text: parameter.value()?.to_owned(),
        version: version(parameter.version())?,
        at: timestamp(parameter.last_modified_date()?)?,
    })
}

fn past(entry: &ParameterHistory) -> Option<PolicyVersion> {
    Some(PolicyVersion {
        version: version(entry.version())?,
        text: entry.value()?.to_owned(),
        at: timestamp(entry.last_modified_date()?)?,
        by: entry.last_modified_user().unwrap_or("unknown").to_owned(),
    })
}

/// Versions are counted from 1; an answer without one shows 0.
fn version(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|version| *version > 0)
}

fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(date.secs()).ok()
}

#[cfg(test)]
mod tests;
