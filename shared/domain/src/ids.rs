//! Identifiers, validated where they enter, so that no unchecked text travels further.

pub mod patterns;

use crate::escape::{in_quotes, one_line};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// Characters that are kept and shown of text that is no identifier.
const SHOWN: usize = 64;

/// Text that is not a valid identifier of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("{} is not a valid {kind}: {rule}", in_quotes(text, SHOWN))]
pub struct InvalidId {
    /// What it was meant to be.
    pub kind: Cow<'static, str>,
    /// What was given, on one line and cut to 64 characters.
    #[serde(rename = "given")]
    pub text: String,
    /// What a valid one looks like.
    pub rule: Cow<'static, str>,
}

impl InvalidId {
    /// Text that is not one of `kind`, for which `rule` says what a valid one looks like.
    pub(crate) fn new(kind: &'static str, text: &str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: kind.into(), text: one_line(text, SHOWN), rule: rule.into() }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        // Shared text: an id is copied into every record, call and log line about its subject.
        pub struct $name(Arc<str>);

        impl $name {
            /// Accepts the text if it is a valid one.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId::new($kind, &text, $rule))
                }
            }

            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }
    };
}

/// `PREFIX` followed by 8 or 17 lower-case hexadecimal digits (aws-behaviour.md#ids-of-ec2).
fn ec2_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|hex| {
        (hex.len() == 8 || hex.len() == 17)
            && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn made_of(text: &str, lengths: std::ops::RangeInclusive<usize>, extra: &str) -> bool {
    lengths.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.as_bytes().contains(&b))
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The last part of an ARN of AWS Organizations, in any partition:
/// `arn:aws…:organizations::ACCOUNT:` stands before it.
fn in_organizations(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let partition = |text: &str| {
        text.strip_prefix("aws").is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix('-').is_some_and(|words| {
                    words.split('-').all(|word| {
                        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
                    })
                })
        })
    };
    (parts.next() == Some("arn")
        && parts.next().is_some_and(partition)
        && parts.next() == Some("organizations")
        && parts.next() == Some("")
        && parts.next().is_some_and(is_account_id))
    .then(|| parts.next())
    .flatten()
}

fn lower_or_digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_organization_id(text: &str) -> bool {
    text.strip_prefix("o-").is_some_and(|id| lower_or_digits(id, 10..=32))
}

/// `ou-`, the id of the root that it is under, and its own.
fn is_unit_id(text: &str) -> bool {
    text.strip_prefix("ou-")
        .and_then(|ids| ids.split_once('-'))
        .is_some_and(|(root, own)| lower_or_digits(root, 4..=32) && lower_or_digits(own, 8..=32))
}

id!(
    /// An AWS account: 12 digits.
    AccountId, "account id", "12 digits", is_account_id
);
id!(
    /// An organization of AWS Organizations. EC2 takes its ARN, never its bare id.
    OrganizationArn, "organization ARN",
    "arn:aws:organizations::ACCOUNT:organization/o-ID, as the organization's management account shows it",
    |t| in_organizations(t).is_some_and(|resource| resource.strip_prefix("organization/").is_some_and(is_organization_id))
);
id!(
    /// An organizational unit of AWS Organizations, with all the units and accounts below it.
    OrganizationalUnitArn, "organizational unit ARN",
    "arn:aws:organizations::ACCOUNT:ou/o-ID/ou-ROOT-ID, as the organization's management account shows it",
    |t| in_organizations(t)
        .and_then(|resource| resource.strip_prefix("ou/"))
        .and_then(|path| path.split_once('/'))
        .is_some_and(|(organization, unit)| is_organization_id(organization) && is_unit_id(unit))
);
id!(
    /// An AWS Region name such as `us-east-1`.
    Region, "Region", "lower-case words and a number, as in us-east-1", patterns::is_region
);
id!(
    /// An EC2 instance id.
    InstanceId, "instance id", "i- and 8 or 17 hexadecimal digits", |t| ec2_id(t, "i-")
);
id!(
    /// An AMI id.
    ImageId, "image id", "ami- and 8 or 17 hexadecimal digits", |t| ec2_id(t, "ami-")
);
id!(
    /// An EBS snapshot id.
    SnapshotId, "snapshot id", "snap- and 8 or 17 hexadecimal digits", |t| ec2_id(t, "snap-")
);
id!(
    /// The name of a policy, which is also the last part of its parameter's name and a part of
    /// image names.
    PolicyName, "policy name", "1 to 40 letters, digits, '.', '_' or '-', starting with a letter or digit",
    |t| made_of(t, 1..=40, "._-") && t.starts_with(|c: char| c.is_ascii_alphanumeric())
);
id!(
    /// The name of the deployed stack: the value of the managed-by tag.
    StackName, "stack name", "a letter, then at most 37 letters, digits or '-', since EventBridge's rules are named after it",
    |t| made_of(t, 1..=StackName::LENGTH_MAX, "-") && t.starts_with(|c: char| c.is_ascii_alphabetic())
);
id!(
    /// The first part of every tag key of this stack.
    TagPrefix, "tag prefix",
    "a lower-case letter, then up to 30 lower-case letters, digits or '-', and neither aws nor ssm at the beginning",
    patterns::is_tag_prefix
);
id!(
    /// A family: the image made from one press of one instance's button, its copies and all that
    /// belongs to them.
    FamilyId, "family id", "fam- and 16 hexadecimal digits",
    |t| t.strip_prefix("fam-").is_some_and(|h| h.len() == 16
        && h.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
);
id!(
    /// The alias of a customer-managed KMS key. In another Region the same alias names another key.
    KeyAlias, "KMS key alias",
    "alias/NAME of a customer-managed key (alias/aws/... keys belong to AWS: images under them cannot be shared)",
    |t| t.strip_prefix("alias/").is_some_and(|n| made_of(n, 1..=250, "/_-") && !n.starts_with("aws/"))
);

id!(
    /// A block device of an instance, by the name under which EC2 attaches the volume. The
    /// operating system may call it something else.
    DeviceName, "device name", "as EC2 shows it, such as /dev/sdf or xvdf: 1 to 32 letters, digits, '/', '_' or '-'",
    |t| made_of(t, 1..=32, "/_-") && t.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
);

impl StackName {
    /// What the longest name in the template leaves of the 64 characters that EventBridge allows a
    /// rule.
    pub const LENGTH_MAX: usize = 38;
}

impl FamilyId {
    /// The family id that belongs to these parts, always the same one.
    pub(crate) fn from_digest(parts: &[&str]) -> Self {
        Self(format!("fam-{}", short_digest(parts, 16)).into())
    }
}

/// A digest that many records carry. They share its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Fingerprint(Arc<str>);

impl Fingerprint {
    /// Its hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Fingerprint {
    fn from(digits: String) -> Self {
        Self(digits.into())
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        fingerprint.0.as_ref().to_owned()
    }
}

/// Lower-case hexadecimal SHA-256 of the parts, each ended by a zero byte so that no two lists
/// collide.
pub fn digest(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    // As a whole: `hex::encode` builds its text digit by digit, and every id and every link of a
    // history is a digest.
    let mut digits = [0; 64];
    let _ = hex::encode_to_slice(hasher.finalize(), &mut digits);
    String::from_utf8(digits.to_vec()).unwrap_or_default()
}

/// The first `length` characters of a digest.
pub fn short_digest(parts: &[&str], length: usize) -> String {
    let mut text = digest(parts);
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_ec2_are_accepted_and_anything_else_is_refused() {
        for good in ["i-0123456789abcdef0", "i-1a2b3c4d"] {
            assert!(InstanceId::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "i-",
            "i-xyz",
            "i-0123456789ABCDEF0",
            "i-0123456789abcdef0\n",
            "ami-0123456789abcdef0",
        ] {
            assert!(InstanceId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_of_aws_itself_is_refused_because_its_images_cannot_be_shared() {
        assert!(KeyAlias::new("alias/amiline").is_ok());
        assert!(KeyAlias::new("alias/aws/ebs").is_err());
        assert!(KeyAlias::new("arn:aws:kms:us-east-1:1:key/x").is_err());
    }

    #[test]
    fn an_organization_or_its_unit_is_named_by_a_whole_arn_and_never_by_anything_wider() {
        for good in [
            "arn:aws:organizations::123456789012:organization/o-123example",
            "arn:aws-us-gov:organizations::123456789012:organization/o-a1b2c3d4e5f6",
        ] {
            assert!(OrganizationArn::new(good).is_ok(), "{good}");
            assert!(OrganizationalUnitArn::new(good).is_err(), "{good}");
        }
        for good in [
            "arn:aws:organizations::123456789012:ou/o-123example/ou-1234-5example",
            "arn:aws-cn:organizations::123456789012:ou/o-123example/ou-ab12-33333333",
        ] {
            assert!(OrganizationalUnitArn::new(good).is_ok(), "{good}");
            assert!(OrganizationArn::new(good).is_err(), "{good}");
        }
        for bad in [
            "",
            "all",
            "o-123example",
            "arn:aws:organizations::123456789012:organization/*",
            "arn:aws:organizations::123456789012:organization/o-123Example",
            "arn:aws:organizations::123456789012:organization/o-short",
            "arn:aws:organizations::123456789012:organization/o-123example/x",
            "arn:aws:organizations:us-east-1:123456789012:organization/o-123example",
            "arn:aws:organizations::12345678901:organization/o-123example",
            "arn:aws-:organizations::123456789012:organization/o-123example",
            "arn:awsx:organizations::123456789012:organization/o-123example",
            "arn:aws:iam::123456789012:organization/o-123example",
            "arn:aws:organizations::123456789012:root/o-123example/r-ab12",
            "arn:aws:organizations::123456789012:ou/o-123example",
            "arn:aws:organizations::123456789012:ou/o-123example/ou-1234",
            "arn:aws:organizations::123456789012:ou/o-123example/ou-12-5example",
            "arn:aws:organizations::123456789012:ou/o-123example/ou-1234-5example/*",
            "arn:aws:organizations::123456789012:organization/o-123example\n",
        ] {
            assert!(OrganizationArn::new(bad).is_err(), "{bad:?}");
            assert!(OrganizationalUnitArn::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn regions_look_like_regions() {
        for good in
            ["us-east-1", "ap-southeast-3", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"]
        {
            assert!(Region::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "us-east",
            "US-EAST-1",
            "us--1",
            "us-east-1 ",
            "everywhere",
            "7-1-1",
            "europe-west-1",
        ] {
            assert!(Region::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn digests_tell_lists_apart_that_join_to_the_same_text() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
