//! The tags that Amiline reads and writes. Keys start with the stack's prefix.

use crate::family::{Family, ImageRow};
use crate::ids::{InvalidId, PolicyName, TagPrefix};
use crate::key::ImageKey;
use std::collections::BTreeMap;
use std::fmt;

/// The one tag whose key does not depend on the prefix: the stack's name on every image and snapshot.
///
/// IAM conditions name tag keys, and CloudFormation cannot put a parameter into a condition's key, so the roles'
/// conditions need a constant one.
pub const STACK_KEY: &str = "amiline-stack";

/// Which tag of an instance was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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
            .unwrap_or_else(|| Err(InvalidId::new("trigger", &text, "image, enrolment or schedule:POLICY")))
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

    /// The tags that an image and its snapshots get in the creating call itself.
    pub fn of_image(&self, family: &Family, row: &ImageRow, key: &ImageKey) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::from([
            (STACK_KEY.to_owned(), family.stack.to_string()),
            (self.managed_by(), family.stack.to_string()),
            (self.family(), family.id.to_string()),
            (self.intent(), key.as_str().to_owned()),
            (self.key("source-instance"), family.instance.to_string()),
            ("Name".to_owned(), row.name.as_str().to_owned()),
        ]);
        if let Some(policy) = &family.policy {
            tags.insert(self.key("policy"), policy.name.to_string());
        }
        if let (false, Some(source)) = (row.place.is_source(), family.source_image()) {
            tags.insert(self.key("source-image"), source.to_string());
        }
        tags
    }
}
