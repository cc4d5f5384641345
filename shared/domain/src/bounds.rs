//! What an administrator allowed when the stack was deployed. No policy and no tag goes beyond it.

use crate::escape::one_line;
use crate::ids::{
    AccountId, InvalidId, KeyAlias, OrganizationArn, OrganizationalUnitArn, Region, StackName,
};
use crate::target::ShareTarget;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::str::FromStr;
use thiserror::Error;

/// The stack's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Regions in which images may be made, the home Region included.
    pub regions: BTreeSet<Region>,
    /// Accounts that images may be shared with.
    pub accounts: BTreeSet<AccountId>,
    /// Organizations that images may be shared with.
    pub organizations: BTreeSet<OrganizationArn>,
    /// Organizational units that images may be shared with. An organization that is allowed does
    /// not allow its units: each is named as it is shared with.
    pub organizational_units: BTreeSet<OrganizationalUnitArn>,
    /// The keys that policies may encrypt images under: those that the roles may use.
    pub keys: BTreeSet<KeyAlias>,
    /// Images that may be asked for in any 60 minutes.
    pub images_per_hour_max: u32,
    /// Minutes between two images of one instance; 0 for no minimum.
    pub interval_minutes_min: u32,
}

impl Bounds {
    /// Whether an image may be shared with them.
    pub fn allows(&self, target: &ShareTarget) -> bool {
        match target {
            ShareTarget::Account(id) => self.accounts.contains(id),
            ShareTarget::Organization(arn) => self.organizations.contains(arn),
            ShareTarget::OrganizationalUnit(arn) => self.organizational_units.contains(arn),
        }
    }
}

/// The limits as the stack states them in Parameter Store, for whoever writes policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedBounds {
    /// The stack that states them.
    pub stack: StackName,
    /// Its account.
    pub account: AccountId,
    /// The Regions in which it watches instances; home is among them.
    pub source_regions: BTreeSet<Region>,
    /// Its limits.
    pub bounds: Bounds,
}

/// The parameter's fields. Lists are the texts that the functions' variables hold, so that the
/// parameter is never longer than those are: Lambda and Parameter Store both take 4 KB.
#[derive(Debug, Deserialize)]
struct Stated {
    stack: String,
    account: String,
    home: String,
    source_regions: String,
    regions: String,
    accounts: String,
    organizations: String,
    organizational_units: String,
    keys: String,
    images_per_hour_max: u32,
    interval_minutes_min: u32,
}

/// A parameter that states no limits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the stack's bounds cannot be read: {0}; the template writes them, so deploy it again")]
pub struct NoBounds(String);

impl StatedBounds {
    /// Reads the parameter's value.
    pub fn parse(text: &str) -> Result<Self, NoBounds> {
        let no_bounds = |why: String| NoBounds(one_line(&why, 200));
        let stated: Stated =
            serde_json::from_str(text).map_err(|error| no_bounds(error.to_string()))?;
        let invalid = |invalid: InvalidId| no_bounds(invalid.to_string());
        let mut regions = list(&stated.regions).map_err(invalid)?;
        let mut source_regions = list(&stated.source_regions).map_err(invalid)?;
        // As the functions do it: home is always allowed, and always watched.
        let home = Region::new(stated.home).map_err(invalid)?;
        regions.insert(home.clone());
        source_regions.insert(home);
        let bounds = Bounds {
            regions,
            accounts: list(&stated.accounts).map_err(invalid)?,
            organizations: list(&stated.organizations).map_err(invalid)?,
            organizational_units: list(&stated.organizational_units).map_err(invalid)?,
            keys: list(&stated.keys).map_err(invalid)?,
            images_per_hour_max: stated.images_per_hour_max,
            interval_minutes_min: stated.interval_minutes_min,
        };
        let stack = StackName::new(stated.stack).map_err(invalid)?;
        let account = AccountId::new(stated.account).map_err(invalid)?;
        Ok(Self { stack, account, source_regions, bounds })
    }
}

/// Empty parts count for nothing (aws-behaviour.md#an-empty-list-has-one-empty-text).
fn list<T: FromStr<Err = InvalidId> + Ord>(text: &str) -> Result<BTreeSet<T>, InvalidId> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_read_as_the_functions_read_their_variables() {
        let text = r#"{"stack":"amiline","account":"111111111111","home":"us-east-1","source_regions":"us-east-1,eu-west-1",
            "regions":"us-east-1,us-west-2,,","accounts":",",
            "organizations":"","organizational_units":"","keys":"alias/amiline","images_per_hour_max":50,"interval_minutes_min":5}"#;
        let stated = StatedBounds::parse(text).unwrap();
        assert_eq!(stated.stack.as_str(), "amiline");
        assert_eq!(stated.bounds.regions.len(), 2);
        let sources: Vec<&str> = stated.source_regions.iter().map(Region::as_str).collect();
        assert_eq!(sources, ["eu-west-1", "us-east-1"]);
        assert!(stated.bounds.accounts.is_empty() && stated.bounds.keys.len() == 1);
        assert!(
            stated.bounds.organizations.is_empty() && stated.bounds.organizational_units.is_empty()
        );
    }

    #[test]
    fn an_organization_that_is_allowed_does_not_allow_its_units_nor_the_other_way_round() {
        let (organization, unit) = (
            "arn:aws:organizations::123456789012:organization/o-123example",
            "arn:aws:organizations::123456789012:ou/o-123example/ou-1234-5example",
        );
        let stated = |organizations: &str, units: &str| {
            let text = serde_json::json!({
                "stack": "amiline", "account": "111111111111", "home": "us-east-1", "source_regions": "",
                "regions": "", "accounts": "222222222222", "keys": "",
                "organizations": organizations, "organizational_units": units,
                "images_per_hour_max": 1, "interval_minutes_min": 0,
            });
            StatedBounds::parse(&text.to_string()).unwrap().bounds
        };
        let target = |text: &str| text.parse::<ShareTarget>().unwrap();
        let bounds = stated(organization, "");
        assert!(bounds.allows(&target(organization)) && !bounds.allows(&target(unit)));
        let bounds = stated("", unit);
        assert!(bounds.allows(&target(unit)) && !bounds.allows(&target(organization)));
        assert!(bounds.allows(&target("222222222222")) && !bounds.allows(&target("333333333333")));
    }

    #[test]
    fn anything_else_is_refused_with_advice() {
        for text in ["", "{}", &"[".repeat(500)] {
            let error = StatedBounds::parse(text).unwrap_err().to_string();
            assert!(error.contains("deploy it again") && error.len() < 400, "{error}");
        }
    }
}
