//! The identities that make every creating call repeatable: intent keys, attempts and client
//! tokens.

use crate::ids::{AccountId, FamilyId, ImageId, InstanceId, Region, StackName, short_digest};
use crate::tags::Trigger;
use crate::time::Slot;
use serde::{Deserialize, Serialize};

/// What one press or one slot of a schedule asks for, once: (stack, account, Region, instance,
/// trigger, slot).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentKey<'a> {
    /// The stack that answers.
    pub stack: &'a StackName,
    /// The instance's account.
    pub account: &'a AccountId,
    /// The instance's Region.
    pub region: &'a Region,
    /// The instance.
    pub instance: &'a InstanceId,
    /// What asked.
    pub trigger: &'a Trigger,
    /// When the press was accepted, or the schedule's slot.
    pub slot: Slot,
}

impl IntentKey<'_> {
    /// The family that this intent makes.
    pub fn family_id(&self) -> FamilyId {
        FamilyId::from_digest(&[
            "family",
            self.stack.as_str(),
            self.account.as_str(),
            self.region.as_str(),
            self.instance.as_str(),
            &self.trigger.to_string(),
            &self.slot.second().to_string(),
        ])
    }
}

/// One image that one creating call may make: a family's place and attempt. It is the value of the
/// intent tag, a part of the image's name, and CopyImage's client token (at most 64 ASCII
/// characters, aws-behaviour.md#copyimage-has-a-client-token).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageKey(String);

impl ImageKey {
    /// The key of the source image's given attempt.
    pub fn create(family: &FamilyId, attempt: u32) -> Self {
        Self(short_digest(&["create", family.as_str(), &attempt.to_string()], 32))
    }

    /// The key of the given attempt to copy `source` to `destination`.
    pub fn copy(family: &FamilyId, source: &ImageId, destination: &Region, attempt: u32) -> Self {
        Self(short_digest(
            &["copy", family.as_str(), source.as_str(), destination.as_str(), &attempt.to_string()],
            32,
        ))
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The token for CopyImage. A changed name is a changed request, and EC2 refuses a token that
    /// is used again with other parameters (IdempotentParameterMismatch), so the rename is part of
    /// it.
    pub fn client_token(&self, rename: u8) -> String {
        short_digest(&["token", &self.0, &rename.to_string()], 48)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_and_destination_has_its_own_key_and_repeats_it() {
        let family = FamilyId::new("fam-0123456789abcdef").unwrap();
        let source = ImageId::new("ami-0123456789abcdef0").unwrap();
        let west = Region::new("us-west-2").unwrap();
        let east = Region::new("us-east-2").unwrap();
        let key = ImageKey::copy(&family, &source, &west, 1);
        assert_eq!(key, ImageKey::copy(&family, &source, &west, 1));
        assert_ne!(key, ImageKey::copy(&family, &source, &west, 2));
        assert_ne!(key, ImageKey::copy(&family, &source, &east, 1));
        assert_ne!(key, ImageKey::create(&family, 1));
        assert!(key.client_token(0).len() <= 64);
        assert_ne!(key.client_token(0), key.client_token(2));
    }
}
