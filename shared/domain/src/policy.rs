//! Policies: what administrators decided, as JSON text, and what of it the stack's bounds allow.

use crate::bounds::Bounds;
use crate::ids::{AccountId, KeyAlias, PolicyName, Region, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use thiserror::Error;

/// Parameter Store's limit for a standard parameter, in bytes.
pub const TEXT_BYTES_MAX: usize = 4096;

/// A policy whose text was read and found valid in itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// For people.
    #[serde(default)]
    pub description: String,
    /// How the source image is made.
    #[serde(default)]
    pub create: Create,
    /// The key that every image ends up under; none: images keep the encryption they have.
    #[serde(default)]
    pub encrypt: Option<Encrypt>,
    /// Where copies go.
    #[serde(default)]
    pub distribute: Distribute,
    /// Who may launch the images.
    #[serde(default)]
    pub share: Share,
    /// Hours until an image that is not available is given up. AWS says creation "may take up to 24 hours".
    #[serde(default = "deadline_hours_default")]
    pub deadline_hours: u32,
}

fn deadline_hours_default() -> u32 {
    24
}

/// How the source image is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Whether EC2 may reboot the instance for a consistent file system. Without it the image is crash-consistent.
    #[serde(default)]
    pub reboot: bool,
}

/// The key for images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encrypt {
    /// Alias of a customer-managed key that exists in every Region of the policy.
    pub kms_key: KeyAlias,
}

/// Where copies go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribute {
    /// Destination Regions. The instance's own Region may be among them; it makes no extra copy.
    #[serde(default)]
    pub regions: BTreeSet<Region>,
}

/// Who may launch the images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Accounts that may launch every image of the family.
    #[serde(default)]
    pub accounts: BTreeSet<AccountId>,
}

/// The identity of a policy's text as it was when a family began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Its name.
    pub name: PolicyName,
    /// SHA-256 of its text, under which the text is kept.
    pub hash: String,
}

/// A policy that is refused, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// Not JSON of the right shape.
    #[error("policy is not valid at line {line}, column {column}: {message}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What was found and what is allowed.
        message: String,
    },
    /// Longer than Parameter Store takes.
    #[error("policy has {bytes} bytes; Parameter Store takes {TEXT_BYTES_MAX}")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Sharing images that their receivers could not use.
    #[error(
        "policy shares images but names no customer-managed key: images under the AWS-managed EBS key cannot be \
         shared; add \"encrypt\": {{\"kms_key\": \"alias/NAME\"}} with a key that the accounts may use"
    )]
    ShareWithoutKey,
    /// No time at all, or more than a week.
    #[error("deadline_hours is {hours}; give 1 to 168")]
    DeadlineOutOfRange {
        /// What was given.
        hours: u32,
    },
    /// More Regions than one family may have.
    #[error("policy names {count} destination Regions; at most {DESTINATIONS_MAX}")]
    TooManyRegions {
        /// What was given.
        count: usize,
    },
}

/// Destination Regions of one policy. With the source and a home copy a family then fits one transaction.
pub const DESTINATIONS_MAX: usize = 20;

/// A valid policy that asks for more than the stack allows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BeyondBounds {
    /// A destination outside the allow-list.
    #[error(
        "policy copies to {0}, which the stack does not allow; add it to AllowedRegions or take it out of the policy"
    )]
    Region(Region),
    /// A share target outside the allow-list.
    #[error(
        "policy shares with account {0}, which the stack does not allow; add it to AllowedAccounts or take it out of the policy"
    )]
    Account(AccountId),
    /// A key that the stack's roles may not use.
    #[error(
        "policy encrypts under {0}, which the stack may not use; deploy the stack with it as KeyAlias or take it out of the policy"
    )]
    Key(KeyAlias),
}

impl Policy {
    /// Reads a policy's text.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(PolicyError::TooLong { bytes: text.len() });
        }
        let malformed = |e: serde_json::Error| PolicyError::Malformed {
            line: e.line(),
            column: e.column(),
            message: crate::escape::one_line(&e.to_string(), 300),
        };
        let shape: serde_json::Value = serde_json::from_str(text).map_err(malformed)?;
        check_shape(&shape)?;
        let policy: Policy = serde_json::from_str(text).map_err(malformed)?;
        if !policy.share.accounts.is_empty() && policy.encrypt.is_none() {
            return Err(PolicyError::ShareWithoutKey);
        }
        if !(1..=168).contains(&policy.deadline_hours) {
            return Err(PolicyError::DeadlineOutOfRange { hours: policy.deadline_hours });
        }
        if policy.distribute.regions.len() > DESTINATIONS_MAX {
            return Err(PolicyError::TooManyRegions { count: policy.distribute.regions.len() });
        }
        Ok(policy)
    }

    /// Refuses a policy that goes beyond the stack's bounds.
    pub fn check(&self, bounds: &Bounds) -> Result<(), BeyondBounds> {
        if let Some(region) = self.distribute.regions.difference(&bounds.regions).next() {
            return Err(BeyondBounds::Region(region.clone()));
        }
        if let Some(account) = self.share.accounts.difference(&bounds.accounts).next() {
            return Err(BeyondBounds::Account(account.clone()));
        }
        if let Some(encrypt) = self.encrypt.as_ref().filter(|encrypt| !bounds.keys.contains(&encrypt.kms_key)) {
            return Err(BeyondBounds::Key(encrypt.kms_key.clone()));
        }
        Ok(())
    }

    /// The name under which a text is kept.
    pub fn hash(text: &str) -> String {
        digest(&[text])
    }
}

/// A list is never an object here, though serde would take one as the fields in order.
fn check_shape(shape: &serde_json::Value) -> Result<(), PolicyError> {
    let not_an_object = |what: &str| PolicyError::Malformed {
        line: 1,
        column: 1,
        message: format!("{what} is a JSON object in braces, {{ }}"),
    };
    let fields = shape.as_object().ok_or_else(|| not_an_object("a policy"))?;
    for name in ["create", "encrypt", "distribute", "share"] {
        if fields.get(name).is_some_and(serde_json::Value::is_array) {
            return Err(not_an_object(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Policy, PolicyError> {
        Policy::parse(text)
    }

    #[test]
    fn an_empty_policy_makes_one_image_without_a_reboot_and_shares_nothing() {
        let policy = parse("{}").unwrap();
        assert!(!policy.create.reboot);
        assert!(policy.distribute.regions.is_empty() && policy.share.accounts.is_empty() && policy.encrypt.is_none());
        assert_eq!(policy.deadline_hours, 24);
    }

    #[test]
    fn a_misspelt_field_is_refused_with_its_place_and_the_allowed_names() {
        let message = parse("{\n \"shares\": {}\n}").unwrap_err().to_string();
        assert!(message.contains("line 2") && message.contains("`shares`") && message.contains("`share`"), "{message}");
    }

    #[test]
    fn sharing_without_a_customer_key_is_refused_with_advice() {
        let error = parse(r#"{"share":{"accounts":["222222222222"]}}"#).unwrap_err();
        assert_eq!(error, PolicyError::ShareWithoutKey);
        assert!(error.to_string().contains("kms_key"));
    }

    #[test]
    fn the_aws_managed_key_is_refused() {
        assert!(matches!(parse(r#"{"encrypt":{"kms_key":"alias/aws/ebs"}}"#), Err(PolicyError::Malformed { .. })));
    }

    #[test]
    fn a_policy_beyond_the_bounds_is_refused_by_name() {
        let bounds = Bounds {
            regions: BTreeSet::from([Region::new("us-east-1").unwrap()]),
            accounts: BTreeSet::new(),
            keys: BTreeSet::from([KeyAlias::new("alias/ours").unwrap()]),
            images_per_hour_max: 50,
            interval_minutes_min: 0,
        };
        let policy = parse(r#"{"distribute":{"regions":["us-east-1","eu-west-1"]}}"#).unwrap();
        assert_eq!(policy.check(&bounds), Err(BeyondBounds::Region(Region::new("eu-west-1").unwrap())));
        let policy = parse(r#"{"encrypt":{"kms_key":"alias/k"},"share":{"accounts":["222222222222"]}}"#).unwrap();
        assert!(matches!(policy.check(&bounds), Err(BeyondBounds::Account(_))));
        let policy = parse(r#"{"encrypt":{"kms_key":"alias/other"}}"#).unwrap();
        assert_eq!(policy.check(&bounds), Err(BeyondBounds::Key(KeyAlias::new("alias/other").unwrap())));
        assert_eq!(parse(r#"{"encrypt":{"kms_key":"alias/ours"}}"#).unwrap().check(&bounds), Ok(()));
    }

    #[test]
    fn nonsense_is_refused_without_a_panic() {
        for text in [
            "",
            "null",
            "[]",
            "{",
            "{\"deadline_hours\":0}",
            "{\"deadline_hours\":-1}",
            "{\"create\":[true]}",
            "{\"create\":{\"reboot\":\"yes\"}}",
            "\u{0}",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(matches!(parse(&" ".repeat(5000)), Err(PolicyError::TooLong { .. })));
    }
}
