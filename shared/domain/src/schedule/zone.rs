//! The name of a time zone.

use crate::ids::InvalidId;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A time zone of the IANA database, whose rules are part of this build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZoneName(Arc<str>);

impl ZoneName {
    /// Accepts the names of the database, as they are written there.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        // Names are found in any case; one spelling keeps differences between policies true.
        let known =
            TimeZone::get(&text).ok().filter(|zone| zone.iana_name() == Some(text.as_str()));
        match known {
            Some(zone) if !zone.is_unknown() => Ok(Self(text.into())),
            Some(_) | None => Err(InvalidId::new(
                "time zone",
                &text,
                "a name of the IANA database, such as \"UTC\" or \"Europe/Berlin\", in its spelling",
            )),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What somebody has to know who reads the name as it looks: the sign of `Etc/GMT+5` is the
    /// other way round.
    pub fn caution(&self) -> Option<String> {
        let hours = self.0.strip_prefix("Etc/GMT")?;
        let (ours, real) =
            [("+", "-"), ("-", "+")].into_iter().find(|(sign, _)| hours.starts_with(*sign))?;
        let hours = hours.strip_prefix(ours).filter(|hours| *hours != "0")?;
        Some(format!(
            "{self} is UTC{real}{hours}: the signs of these names are the other way round"
        ))
    }

    pub(super) fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(&self.0).ok()
    }
}

impl Default for ZoneName {
    fn default() -> Self {
        Self("UTC".into())
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ZoneName {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl From<ZoneName> for String {
    fn from(zone: ZoneName) -> String {
        zone.0.to_string()
    }
}
