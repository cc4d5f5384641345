//! Parameter Store: policies and the kill switch.

use crate::cloud::FakeCloud;
use std::collections::BTreeMap;

/// Parameters by name. Adapters cache reads for less than a minute; the model does not.
#[derive(Debug)]
pub(crate) struct Parameters {
    pub(crate) policies: BTreeMap<String, String>,
    /// The switch's value; `None`: the parameter was deleted.
    pub(crate) kill_switch: Option<String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { policies: BTreeMap::new(), kill_switch: Some("off".to_owned()) }
    }
}

impl Parameters {
    /// On unless it says "off".
    pub(crate) fn kill_switch_is_on(&self) -> bool {
        self.kill_switch.as_deref() != Some("off")
    }
}

impl FakeCloud {
    /// An administrator writes a policy.
    pub fn put_policy(&self, name: &str, text: &str) {
        self.state.borrow_mut().parameters.policies.insert(name.to_owned(), text.to_owned());
    }

    /// An administrator deletes a policy.
    pub fn delete_policy(&self, name: &str) {
        self.state.borrow_mut().parameters.policies.remove(name);
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
