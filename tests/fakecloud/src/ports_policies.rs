//! The ports of a policy's administrator: Parameter Store with its versions.

use crate::parameters::VERSIONS_KEPT;
use crate::refusal::Refusal;
use crate::state::State;
use crate::trace::{Note, put};
use crate::world::World;
use amiline_app::ports::{
    BoundsReader, CallError, Freshness, PolicyHistory, PolicyStore, PolicyVersion, PolicyWriter,
    StoredPolicy,
};
use amiline_domain::ids::PolicyName;

impl Note for StoredPolicy {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} version {}", self.name, self.version));
    }
}

impl Note for PolicyVersion {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{}", self.version));
    }
}

impl Note for u64 {
    fn note(&self, out: &mut String) {
        put(out, format_args!("version {self}"));
    }
}

fn stored(state: &State, name: &str) -> Option<StoredPolicy> {
    let newest = state.parameters.versions(name).last()?;
    Some(StoredPolicy {
        name: name.to_owned(),
        text: newest.text.clone(),
        version: newest.version,
        at: newest.at,
    })
}

impl PolicyStore for World {
    async fn policies(&self) -> Result<Vec<StoredPolicy>, CallError> {
        let home = self.cloud.home();
        self.call("ssm:GetParametersByPath", &home, "policies", |state| {
            Ok(state
                .parameters
                .policies
                .keys()
                .filter_map(|name| stored(state, name))
                .collect::<Vec<_>>())
        })
        .await
    }

    async fn stored_policy(&self, name: &PolicyName) -> Result<Option<StoredPolicy>, CallError> {
        let home = self.cloud.home();
        self.call("ssm:GetParameter", &home, name.as_str(), |state| {
            Ok(stored(state, name.as_str()))
        })
        .await
    }
}

impl PolicyHistory for World {
    async fn policy_versions(
        &self,
        name: &PolicyName,
        _: Freshness,
    ) -> Result<Vec<PolicyVersion>, CallError> {
        let home = self.cloud.home();
        self.call("ssm:GetParameterHistory", &home, name.as_str(), |state| {
            let versions = state.parameters.versions(name.as_str());
            Ok(versions[versions.len().saturating_sub(VERSIONS_KEPT)..].to_vec())
        })
        .await
    }
}

impl BoundsReader for World {
    async fn stated_bounds(&self) -> Result<Option<String>, CallError> {
        let home = self.cloud.home();
        self.call("ssm:GetParameter", &home, "bounds", |state| Ok(state.parameters.bounds.clone()))
            .await
    }
}

impl PolicyWriter for World {
    async fn create_policy(&self, name: &PolicyName, text: &str) -> Result<Option<u64>, CallError> {
        let home = self.cloud.home();
        let written = self.call("ssm:PutParameter", &home, name.as_str(), |state| {
            if state.parameters.policies.contains_key(name.as_str()) {
                return Err(Refusal::new("ParameterAlreadyExists", "the parameter already exists"));
            }
            Ok(state.write_policy(name.as_str(), text, &self.caller))
        });
        match written.await {
            Ok(version) => Ok(Some(version)),
            Err(error) if error.code == "ParameterAlreadyExists" => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn replace_policy(&self, name: &PolicyName, text: &str) -> Result<u64, CallError> {
        let home = self.cloud.home();
        self.call("ssm:PutParameter", &home, name.as_str(), |state| {
            Ok(state.write_policy(name.as_str(), text, &self.caller))
        })
        .await
    }

    async fn delete_policy(&self, name: &PolicyName) -> Result<bool, CallError> {
        let home = self.cloud.home();
        self.call("ssm:DeleteParameter", &home, name.as_str(), |state| {
            Ok(state.delete_policy(name.as_str()))
        })
        .await
    }
}
