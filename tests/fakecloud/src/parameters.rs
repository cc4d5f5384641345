//! Parameter Store: policies and the kill switch.

use crate::cloud::FakeCloud;
use crate::state::State;
use amiline_app::ports::PolicyVersion;
use std::collections::BTreeMap;

/// The versions that Parameter Store keeps of a parameter (SSM, ParameterMaxVersionLimitExceeded).
pub(crate) const VERSIONS_KEPT: usize = 100;

/// Parameters by name. Adapters cache reads for less than a minute; the model does not.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pub(crate) policies: BTreeMap<String, String>,
    /// The switch's value; `None`: there is no parameter, as in a new stack.
    pub(crate) kill_switch: Option<String>,
    /// What the stack states of its limits.
    pub(crate) bounds: Option<String>,
    /// Everything that was ever written to each policy that is there.
    versions: BTreeMap<String, Vec<PolicyVersion>>,
}

impl Parameters {
    /// On if there is a parameter that says anything but "off".
    pub(crate) fn kill_switch_is_on(&self) -> bool {
        self.kill_switch.as_deref().is_some_and(|value| value != "off")
    }

    /// The versions of a policy, oldest first.
    pub(crate) fn versions(&self, name: &str) -> &[PolicyVersion] {
        self.versions.get(name).map_or(&[], Vec::as_slice)
    }
}

impl State {
    /// Writes a policy and gives the new version.
    pub(crate) fn write_policy(&mut self, name: &str, text: &str, by: &str) -> u64 {
        let at = self.now;
        self.parameters.policies.insert(name.to_owned(), text.to_owned());
        let versions = self.parameters.versions.entry(name.to_owned()).or_default();
        let version = versions.last().map_or(1, |last| last.version + 1);
        versions.push(PolicyVersion { version, text: text.to_owned(), at, by: by.to_owned() });
        version
    }

    /// Deletes a policy, and its versions with it. Whether there was one.
    pub(crate) fn delete_policy(&mut self, name: &str) -> bool {
        self.parameters.versions.remove(name);
        self.parameters.policies.remove(name).is_some()
    }
}

impl FakeCloud {
    /// An administrator writes a policy.
    pub fn put_policy(&self, name: &str, text: &str) {
        self.state.borrow_mut().write_policy(name, text, "somebody");
    }

    /// An administrator deletes a policy, and its versions with it.
    pub fn delete_policy(&self, name: &str) {
        self.state.borrow_mut().delete_policy(name);
    }

    /// The stack states its limits.
    pub fn state_bounds(&self, text: Option<&str>) {
        self.state.borrow_mut().parameters.bounds = text.map(str::to_owned);
    }

    /// An administrator turns the kill switch.
    pub fn set_kill_switch(&self, on: bool) {
        self.set_kill_switch_value(Some(if on { "on" } else { "off" }));
    }

    /// The kill switch's parameter, whatever somebody wrote into it; `None` deletes it.
    pub fn set_kill_switch_value(&self, value: Option<&str>) {
        self.state.borrow_mut().parameters.kill_switch = value.map(str::to_owned);
    }
}
