//! Policies: what administrators decided, as JSON text, and what of it the stack's bounds allow.

use crate::bounds::Bounds;
use crate::document::{Node, quoted, without_mark};
use crate::ids::{
    AccountId, DeviceName, Fingerprint, KeyAlias, OrganizationArn, OrganizationalUnitArn,
    PolicyName, Region, TagPrefix, digest,
};
use crate::memo::Memo;
use crate::name::TextTemplate;
use crate::schedule::Schedule;
use crate::tags::{TagKey, TagKeys, TagValue};
use crate::target::ShareTarget;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use thiserror::Error;

mod change;
mod destinations;
mod in_force;
mod position;
mod prepared;
mod problems;
mod schema;
mod shape;
mod watch;

pub use change::{Change, Difference, Verdict, compare};
pub use destinations::{CopyMinutes, Destination, Destinations, InvalidMinutes};
pub use in_force::{EarlierText, InForce, Instead, PolicyTexts};
pub use prepared::Prepared;
pub use problems::{Part, Place, Problem, Step, Wrong, nearest, problems};
pub use schema::schema;
pub use watch::{FOLLOWERS_NAMED_MAX, Followers, Lapse, ToldLapse, Watch, refused, version_in_use};

/// Parameter Store's limit for a standard parameter, in bytes.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Destination Regions of one policy. With the source and a home copy a family then fits one
/// transaction.
pub const DESTINATIONS_MAX: usize = 20;
/// Devices that one policy may leave out, and devices of which it may say what becomes of their
/// volumes.
pub const DEVICES_MAX: usize = 20;
/// The longest time between two images of one instance that a policy may ask for: a month.
pub const INTERVAL_MINUTES_MAX: u32 = 44_640;
/// The most images a day that a policy may name.
pub const IMAGES_PER_DAY_MAX: u32 = 1_000_000;
const DEADLINE_HOURS_MAX: u32 = 168;
const DEADLINE_HOURS_DEFAULT: u32 = 24;

thread_local! {
    static PARSED: Memo<Result<Arc<Prepared>, PolicyError>> = const { Memo::new() };
    static HASHES: Memo<Fingerprint> = const { Memo::new() };
}

/// A policy whose text was read and found valid in itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// For people.
    #[serde(default)]
    pub description: String,
    /// When enrolled instances are imaged; none: only on a press.
    #[serde(default)]
    pub schedule: Option<Schedule>,
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
    /// How much may be made under it.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Hours until an image that is not available is given up. AWS says creation "may take up to 24
    /// hours".
    #[serde(default = "deadline_hours_default")]
    pub deadline_hours: u32,
}

fn deadline_hours_default() -> u32 {
    DEADLINE_HOURS_DEFAULT
}

/// How the source image is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// Whether EC2 may reboot the instance for a consistent file system. Without it the image is
    /// crash-consistent.
    #[serde(default)]
    pub reboot: bool,
    /// The first part of the images' names; none: the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TextTemplate>,
    /// What EC2 shows as their description; none: the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<TextTemplate>,
    /// Tags of the images and their snapshots, besides ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<TagKey, TagValue>,
    /// Tags that they get as the instance has them when the family begins.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub carry_tags: BTreeSet<TagKey>,
    /// Devices that the image does not have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude_devices: BTreeSet<DeviceName>,
    /// Whether volumes that are launched from the image are deleted with their instance, by device.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delete_on_termination: BTreeMap<DeviceName, bool>,
}

/// For fields that may be missing but, if they are there, have a value.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The key for images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encrypt {
    /// Alias of a customer-managed key that exists in every Region of the policy, but those that
    /// name their own.
    pub kms_key: KeyAlias,
}

/// Where copies go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribute {
    /// Destination Regions. The instance's own Region may be among them; it makes no extra copy.
    #[serde(default)]
    pub regions: Destinations,
    /// The time within which EC2 completes the copies to them; none: when it can.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub within_minutes: Option<CopyMinutes>,
}

/// Who may launch the images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Accounts that may launch every image of the family.
    #[serde(default)]
    pub accounts: BTreeSet<AccountId>,
    /// Organizations whose accounts may.
    #[serde(default)]
    pub organizations: BTreeSet<OrganizationArn>,
    /// Organizational units whose accounts may, with those of the units below them.
    #[serde(default)]
    pub organizational_units: BTreeSet<OrganizationalUnitArn>,
}

/// How much may be made under a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Minutes between two images of one instance.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub interval_minutes: Option<NonZeroU32>,
    /// Images of all instances together in one day in UTC.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub images_per_day: Option<NonZeroU32>,
}

impl Limits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Share {
    /// Everybody whom it names.
    pub fn targets(&self) -> BTreeSet<ShareTarget> {
        let accounts = self.accounts.iter().cloned().map(ShareTarget::Account);
        let organizations = self.organizations.iter().cloned().map(ShareTarget::Organization);
        let units = self.organizational_units.iter().cloned().map(ShareTarget::OrganizationalUnit);
        accounts.chain(organizations).chain(units).collect()
    }

    /// Whether nothing is shared.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
            && self.organizations.is_empty()
            && self.organizational_units.is_empty()
    }

    /// Everybody whom the stack does not allow.
    pub fn beyond(&self, bounds: &Bounds) -> impl Iterator<Item = BeyondBounds> {
        let strangers = self.targets().into_iter().filter(|target| !bounds.allows(target));
        strangers.map(|target| match target {
            ShareTarget::Account(id) => BeyondBounds::Account(id),
            ShareTarget::Organization(arn) => BeyondBounds::Organization(arn),
            ShareTarget::OrganizationalUnit(arn) => BeyondBounds::OrganizationalUnit(arn),
        })
    }
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
    /// Not JSON.
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
    /// JSON, but not a policy.
    #[error("{}{first}{}", not_valid(first, *line, *column), more(*others))]
    Wrong {
        /// Where the first problem is, from 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The first problem.
        first: Box<Problem>,
        /// How many more there are.
        others: usize,
    },
}

/// What is wrong with the policy as a whole speaks for itself.
fn not_valid(first: &Problem, line: usize, column: usize) -> String {
    if first.wrong == Wrong::ShareWithoutKey {
        return String::new();
    }
    format!("policy is not valid at line {line}, column {column}: ")
}

fn more(others: usize) -> String {
    match others {
        0 => String::new(),
        others => format!(" (and {others} more; `amiline policy check` lists them all)"),
    }
}

/// A valid policy that asks for more than the stack allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(tag = "bound", content = "value", rename_all = "kebab-case")]
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
    /// An organization outside the allow-list.
    #[error(
        "policy shares with {0}, which the stack does not allow; add it to AllowedOrganizations or take it out of the policy"
    )]
    Organization(OrganizationArn),
    /// An organizational unit outside the allow-list.
    #[error(
        "policy shares with {0}, which the stack does not allow; add it to AllowedOrganizationalUnits or take it out of the \
         policy"
    )]
    OrganizationalUnit(OrganizationalUnitArn),
    /// A key that the stack's roles may not use.
    #[error(
        "policy encrypts under {0}, which the stack may not use; add it to AllowedKeyAliases or take it out of the policy"
    )]
    Key(KeyAlias),
    /// A tag by which the stack knows its own images.
    #[error(
        "policy gives images the tag {}, but keys that begin with {prefix}: are the stack's own and say whose an image is; \
         take it out of create.tags and create.carry_tags", quoted(key.as_str())
    )]
    Tag {
        /// The tag's key.
        key: TagKey,
        /// The stack's prefix.
        prefix: TagPrefix,
    },
}

/// A valid policy, and the JSON that Parameter Store is given for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What it says.
    pub policy: Policy,
    /// The document as JSON: the same fields, in the same order.
    pub text: String,
}

impl Policy {
    /// Reads a policy's text, as Parameter Store has it.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        Policy::look(text, |read| {
            read.as_ref().map(|prepared| prepared.policy().clone()).map_err(Clone::clone)
        })
    }

    /// Reads a policy's text, with what is derived from it. A text that was read before is not read
    /// again.
    pub fn prepared(text: &str) -> Result<Arc<Prepared>, PolicyError> {
        Policy::look(text, Clone::clone)
    }

    /// Whether a text is a policy's.
    pub fn is_one(text: &str) -> bool {
        Policy::look(text, Result::is_ok)
    }

    fn look<R>(text: &str, look: impl FnOnce(&Result<Arc<Prepared>, PolicyError>) -> R) -> R {
        if text.len() > TEXT_BYTES_MAX {
            return look(&Err(PolicyError::TooLong { bytes: text.len() }));
        }
        let anew =
            || Policy::parse_anew(without_mark(text)).map(|policy| Arc::new(Prepared::new(policy)));
        PARSED.with(|parsed| parsed.look(text, anew, look))
    }

    fn parse_anew(text: &str) -> Result<Policy, PolicyError> {
        let document: Node = serde_json::from_str(text).map_err(malformed)?;
        let mut problems = problems(&document).into_iter();
        if let Some(first) = problems.next() {
            let (line, column) = position::position(text, &first.place);
            return Err(PolicyError::Wrong {
                line,
                column,
                first: Box::new(first),
                others: problems.count(),
            });
        }
        // Nothing is left for it to refuse; should there be, it says so here.
        serde_json::from_str(text).map_err(malformed)
    }

    /// A policy of a document that somebody wrote, with the text to store; or everything that is
    /// wrong with it.
    pub fn from_document(document: &Node) -> Result<Written, Vec<Problem>> {
        let mut problems = problems(document);
        let whole = |wrong| Problem { place: Place::document(), wrong };
        let text = serde_json::to_string(document).unwrap_or_default();
        if text.len() > TEXT_BYTES_MAX {
            problems.push(whole(Wrong::TooLong { bytes: text.len() }));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        match Policy::parse(&text) {
            Ok(policy) => Ok(Written { policy, text }),
            Err(error) => Err(vec![whole(Wrong::Kind {
                found: document.found(),
                allowed: "a policy".to_owned(),
                advice: format!(". {error}"),
            })]),
        }
    }

    /// Refuses a policy that goes beyond the stack's bounds, or that sets tags of the stack's own.
    pub fn check(&self, bounds: &Bounds, keys: &TagKeys) -> Result<(), BeyondBounds> {
        self.all_beyond(bounds, keys).next().map_or(Ok(()), Err)
    }

    /// Everything in which it goes beyond the stack's bounds.
    pub fn beyond(&self, bounds: &Bounds, keys: &TagKeys) -> Vec<BeyondBounds> {
        self.all_beyond(bounds, keys).collect()
    }

    fn all_beyond(&self, bounds: &Bounds, keys: &TagKeys) -> impl Iterator<Item = BeyondBounds> {
        let regions =
            self.distribute.regions.regions().filter(|region| !bounds.regions.contains(region));
        let regions = regions.cloned().map(BeyondBounds::Region);
        let under = self
            .keys()
            .into_iter()
            .filter(|key| !bounds.keys.contains(key))
            .cloned()
            .map(BeyondBounds::Key);
        let tags = self
            .create
            .tags
            .keys()
            .chain(&self.create.carry_tags)
            .filter(|key| keys.are_ours(key.as_str()));
        let tags =
            tags.map(|key| BeyondBounds::Tag { key: key.clone(), prefix: keys.prefix().clone() });
        regions.chain(self.share.beyond(bounds)).chain(under).chain(tags)
    }

    /// Every key that it names.
    fn keys(&self) -> BTreeSet<&KeyAlias> {
        let own = self
            .distribute
            .regions
            .iter()
            .filter_map(|(_, destination)| destination.kms_key.as_ref());
        self.encrypt.iter().map(|encrypt| &encrypt.kms_key).chain(own).collect()
    }

    /// The key that the images in a Region end up under: the Region's own, or the policy's.
    pub fn key_in(&self, region: &Region) -> Option<&KeyAlias> {
        let own = self
            .distribute
            .regions
            .get(region)
            .and_then(|destination| destination.kms_key.as_ref());
        own.or_else(|| self.encrypt.as_ref().map(|encrypt| &encrypt.kms_key))
    }

    /// The destinations whose copies are made without a key. What EC2 encrypts there is under the
    /// Region's default key for EBS.
    pub fn destinations_without_key(&self) -> impl Iterator<Item = &Region> {
        self.distribute.regions.regions().filter(|region| self.key_in(region).is_none())
    }

    /// The time for a copy to a Region: its own, or that of all destinations. The encrypted copy in
    /// a Region that is no destination has none.
    pub fn minutes_to(&self, region: &Region) -> Option<CopyMinutes> {
        let destination = self.distribute.regions.get(region)?;
        destination.within_minutes.or(self.distribute.within_minutes)
    }

    /// Minutes between two images of one instance: the stack's or the policy's, whichever is
    /// longer.
    pub fn interval_minutes(&self, bounds: &Bounds) -> u32 {
        bounds.interval_minutes_min.max(self.limits.interval_minutes.map_or(0, NonZeroU32::get))
    }

    /// The name under which a text is kept.
    pub fn hash(text: &str) -> Fingerprint {
        HASHES.with(|hashes| hashes.get(text, || digest(&[text]).into()))
    }
}

fn malformed(error: serde_json::Error) -> PolicyError {
    PolicyError::Malformed {
        line: error.line(),
        column: error.column(),
        message: crate::escape::one_line(&error.to_string(), 300),
    }
}

#[cfg(test)]
mod tests;
