//! KMS keys and their aliases, Region by Region.

use crate::cloud::FakeCloud;
use crate::identity::Ids;
use amiline_domain::ids::{AccountId, KeyAlias, Region};
use std::collections::BTreeMap;

/// The key that AWS manages for EBS.
const AWS_MANAGED: &str = "alias/aws/ebs";

#[derive(Debug, Clone)]
struct Key {
    arn: String,
    enabled: bool,
}

/// The keys of one Region by alias.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    by_alias: BTreeMap<String, Key>,
}

impl Keys {
    pub(crate) fn new(account: &AccountId, region: &Region, ids: &mut Ids) -> Self {
        let managed = Key { arn: arn(account, region, ids), enabled: true };
        Self { by_alias: BTreeMap::from([(AWS_MANAGED.to_owned(), managed)]) }
    }

    /// The ARN of the key that an alias names.
    pub(crate) fn arn(&self, alias: &str) -> Option<String> {
        self.by_alias.get(alias).map(|key| key.arn.clone())
    }

    /// The ARN of the key that AWS manages for EBS.
    pub(crate) fn aws_managed(&self) -> String {
        self.by_alias[AWS_MANAGED].arn.clone()
    }

    pub(crate) fn is_aws_managed(&self, arn: &str) -> bool {
        self.by_alias[AWS_MANAGED].arn == arn
    }

    /// Whether EBS can use the key. A key of another Region or account is not accessible.
    pub(crate) fn usable(&self, arn: &str) -> bool {
        self.by_alias.values().any(|key| key.arn == arn && key.enabled)
    }
}

fn arn(account: &AccountId, region: &Region, ids: &mut Ids) -> String {
    format!("arn:aws:kms:{region}:{account}:key/{}", ids.uuid("key"))
}

impl FakeCloud {
    /// Makes a customer-managed key with this alias in the Region; its ARN.
    pub fn create_key(&self, region: &Region, alias: &str) -> String {
        let alias = KeyAlias::new(alias).expect("an alias of a customer-managed key");
        let mut state = self.state.borrow_mut();
        let account = state.account.clone();
        let arn = arn(&account, region, &mut state.ids);
        let key = Key { arn: arn.clone(), enabled: true };
        state.region_mut(region).keys.by_alias.insert(alias.to_string(), key);
        arn
    }

    /// Makes the key with this alias in every Region.
    pub fn create_key_everywhere(&self, alias: &str) {
        for region in self.regions() {
            self.create_key(&region, alias);
        }
    }

    /// Somebody disables or enables a key.
    pub fn set_key_enabled(&self, region: &Region, alias: &str, enabled: bool) {
        let mut state = self.state.borrow_mut();
        state
            .region_mut(region)
            .keys
            .by_alias
            .get_mut(alias)
            .expect("a key with that alias")
            .enabled = enabled;
    }

    /// Somebody deletes a key and its alias.
    pub fn delete_key(&self, region: &Region, alias: &str) {
        self.state.borrow_mut().region_mut(region).keys.by_alias.remove(alias);
    }

    /// The ARN of the key that the alias names.
    pub fn key_arn(&self, region: &Region, alias: &str) -> Option<String> {
        self.state.borrow().region(region).keys.arn(alias)
    }
}
