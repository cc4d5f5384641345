//! The tags that Amiline reads and writes. Keys start with the stack's prefix.

use crate::family::{Family, ImageRow};
use crate::ids::{InvalidId, PolicyName, TagPrefix};
use crate::key::ImageKey;
use std::collections::BTreeMap;
use std::fmt;

mod extra;

pub use extra::{EXTRA_TAGS_MAX, KEY_CHARACTERS_MAX, TagKey, TagValue, VALUE_CHARACTERS_MAX};

/// The one tag whose key does not depend on the prefix: the stack's name on every image and
/// snapshot.
///
/// IAM conditions name tag keys, and CloudFormation cannot put a parameter into a condition's key,
/// so the roles' conditions need a constant one (docs/decisions/constant-tag-key-for-iam.md).
pub const STACK_KEY: &str = "amiline-stack";

/// The tag that AWS's consoles show as a name. On images and snapshots it holds the image's name.
pub const NAME_KEY: &str = "Name";

/// Whether a key is ours on images and snapshots whatever the prefix. IAM's condition keys know no
/// case, so neither does the one that they ask for.
pub fn is_always_ours(key: &str) -> bool {
    key == NAME_KEY || key.eq_ignore_ascii_case(STACK_KEY)
}

/// Which tag of an instance was pressed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Button {
    /// `PREFIX:image`: make one image now.
    Image,
}

impl Button {
    /// Short name, as it stands in keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Button::Image => "image",
        }
    }
}

/// What asked for an image.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum Trigger {
    /// Somebody pressed a button.
    Press(Button),
    /// A slot of this policy's schedule, in which the instance is enrolled.
    Schedule(PolicyName),
    /// The tag that enrols the instance, which is refused.
    Enrolment,
}

const SCHEDULE: &str = "schedule:";
const ENROLMENT: &str = "enrolment";

impl fmt::Display for Trigger {
    /// `image`, `schedule:POLICY` or `enrolment`: a part of the intent, so it never changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::Press(button) => f.write_str(button.as_str()),
            Trigger::Schedule(policy) => write!(f, "{SCHEDULE}{policy}"),
            Trigger::Enrolment => f.write_str(ENROLMENT),
        }
    }
}

impl From<Trigger> for String {
    fn from(trigger: Trigger) -> String {
        trigger.to_string()
    }
}

impl TryFrom<String> for Trigger {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        if text == Button::Image.as_str() {
            return Ok(Trigger::Press(Button::Image));
        }
        if text == ENROLMENT {
            return Ok(Trigger::Enrolment);
        }
        let policy = text.strip_prefix(SCHEDULE).map(PolicyName::new);
        policy
            .unwrap_or_else(|| {
                Err(InvalidId::new("trigger", &text, "image, enrolment or schedule:POLICY"))
            })
            .map(Trigger::Schedule)
    }
}

/// Builds the tag keys of one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagKeys(TagPrefix);

impl TagKeys {
    /// Keys for this prefix.
    pub fn new(prefix: TagPrefix) -> Self {
        Self(prefix)
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.0)
    }

    /// The key of a button on an instance.
    pub fn button(&self, button: Button) -> String {
        self.key(button.as_str())
    }

    /// The policies in whose schedules an instance is enrolled.
    pub fn schedule(&self) -> String {
        self.key("schedule")
    }

    /// The answer on an instance.
    pub fn status(&self) -> String {
        self.key("status")
    }

    /// The stack that manages an image or a snapshot.
    pub fn managed_by(&self) -> String {
        self.key("managed-by")
    }

    /// The family that an image belongs to.
    pub fn family(&self) -> String {
        self.key("family")
    }

    /// The intent that one creating call carried out.
    pub fn intent(&self) -> String {
        self.key("intent")
    }

    /// The first part of every key of ours.
    pub fn prefix(&self) -> &TagPrefix {
        &self.0
    }

    /// Whether a key is ours on images and snapshots. No policy sets such a tag and none is carried
    /// over: they say whose an image is.
    pub fn are_ours(&self, key: &str) -> bool {
        let prefix = self.0.as_str();
        let begins =
            key.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        is_always_ours(key)
            || (begins && key.get(prefix.len()..).is_some_and(|rest| rest.starts_with(':')))
    }

    /// The tags that an image and its snapshots get in the creating call itself: the family's own
    /// first, then ours, which nothing takes the place of.
    pub fn of_image(
        &self,
        family: &Family,
        row: &ImageRow,
        key: &ImageKey,
    ) -> BTreeMap<String, String> {
        let extra = family.making.tags.iter().filter(|(key, _)| !self.are_ours(key.as_str()));
        let mut tags: BTreeMap<String, String> = extra
            .map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned()))
            .collect();
        tags.extend(self.ours(family, row, key));
        tags
    }

    fn ours(&self, family: &Family, row: &ImageRow, key: &ImageKey) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::from([
            (STACK_KEY.to_owned(), family.stack.to_string()),
            (self.managed_by(), family.stack.to_string()),
            (self.family(), family.id.to_string()),
            (self.intent(), key.as_str().to_owned()),
            (self.key("source-instance"), family.instance.to_string()),
            (NAME_KEY.to_owned(), row.name.as_str().to_owned()),
        ]);
        if let Some(policy) = &family.policy {
            tags.insert(self.key("policy"), policy.name.to_string());
        }
        if let (false, Some(source)) = (row.image_role.is_source(), family.source_image()) {
            tags.insert(self.key("source-image"), source.to_string());
        }
        tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_ours_are_told_whatever_their_case_and_no_others() {
        let keys = TagKeys::new(TagPrefix::new("amiline").unwrap());
        for ours in
            ["amiline:intent", "amiline:", "Amiline:x", "amiline-stack", "AMILINE-STACK", "Name"]
        {
            assert!(keys.are_ours(ours), "{ours}");
        }
        for other in
            ["amiline", "amiline-stacks", "amilines:x", "x:amiline:y", "name", "", "\u{e9}miline:"]
        {
            assert!(!keys.are_ours(other), "{other}");
        }
    }
}
