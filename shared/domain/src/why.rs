//! Why an instance has, or has not, the images that somebody expects: in plain words, what would
//! happen now and what happened last. It decides nothing: it asks the same questions as the
//! functions, of the same facts.

mod now;
mod past;
#[cfg(test)]
mod tests;

use crate::enrolment::{Enrolment, Sight};
use crate::family::{Family, Outcome};
use crate::ids::{FamilyId, InstanceId, PolicyName, Region};
use crate::look::PolicyRead;
use jiff::Timestamp;
use serde::Serialize;

/// Everything that was read.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The instance's Region.
    pub region: &'a Region,
    /// The instance.
    pub instance: &'a InstanceId,
    /// The Regions in which the stack watches instances.
    pub watched: &'a [Region],
    /// What a look at its schedules would see.
    pub sight: Sight<'a>,
    /// Its enrolment.
    pub enrolment: &'a Enrolment,
    /// The button's value on it.
    pub button: Option<&'a str>,
    /// The policy that the button names.
    pub pressed: &'a PolicyRead,
    /// Whether the kill switch is on.
    pub switched_off: bool,
    /// The newest family of it.
    pub latest: Option<&'a Family>,
}

impl Facts<'_> {
    /// What to do about a Region in which nothing looks at instances; none if it is watched.
    fn not_watched(&self) -> Option<String> {
        if self.watched.contains(self.region) {
            return None;
        }
        let watched: Vec<&str> = self.watched.iter().map(Region::as_str).collect();
        Some(format!(
            "the stack does not watch instances in {}, only in {}; to watch it, add it to the stack's SourceRegions and \
             deploy regional.yaml there",
            self.region,
            watched.join(", ")
        ))
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The instance.
    pub instance: InstanceId,
    /// Its Region.
    pub region: Region,
    /// Whether an image would be made if somebody asked for one now.
    pub possible: bool,
    /// The same in words, with what prevents it.
    pub state: String,
    /// What would happen now, by what would make it happen.
    pub now: Vec<Line>,
    /// The newest images, by policy and Region in which they are promised.
    pub images: Vec<ImageLine>,
    /// What happened last.
    pub last: Option<Last>,
}

/// What is said of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The thing.
    pub about: String,
    /// What is said of it.
    pub says: String,
}

/// The newest image by a policy in a Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageLine {
    /// The policy.
    pub policy: PolicyName,
    /// The Region.
    pub region: Region,
    /// Whether an image that is as new as promised is missing.
    pub lost: bool,
    /// In words.
    pub says: String,
}

/// The newest family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Last {
    /// Its id.
    pub family: FamilyId,
    /// When it was asked for.
    pub at: Timestamp,
    /// How it ended; none while it is under way.
    pub outcome: Option<Outcome>,
    /// In words.
    pub says: String,
}

/// Explains an instance.
pub fn explain(facts: Facts<'_>) -> Why {
    let prevented = now::prevented(facts);
    Why {
        instance: facts.instance.clone(),
        region: facts.region.clone(),
        possible: prevented.is_none(),
        state: prevented.unwrap_or_else(|| now::possible(facts)),
        now: now::lines(facts),
        images: past::images(facts),
        last: facts.latest.map(past::last),
    }
}

fn line(about: impl Into<String>, says: impl Into<String>) -> Line {
    Line { about: about.into(), says: says.into() }
}

/// A length of time, by its largest units.
pub fn duration(seconds: i64) -> String {
    let minutes = seconds.max(0).div_euclid(60);
    let (days, hours) = (minutes.div_euclid(1440), minutes.div_euclid(60));
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h {} min", minutes.rem_euclid(60)),
        (days, hours) => format!("{days} d {} h", hours.rem_euclid(24)),
    }
}
