//! What became of one policy's images of one day, in one message. A family counts for the day on
//! which its button was pressed.

use crate::console::{Command, StackAddress, image_page, instance_page};
use crate::day::Day;
use crate::escape::{one_line, plain};
use crate::family::{Family, Outcome};
use crate::history::{EventKind, HistoryItem, REQUESTED_MAX, Severity};
use crate::ids::{FamilyId, ImageId, InstanceId, PolicyName, Region, StackName, short_digest};
use crate::image::InstanceName;
use crate::notice::{Notice, SUBJECT_MAX, instance_called};
use crate::reason::Reason;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Families of each kind that are listed; of the others only the number is told.
pub const LISTED_MAX: usize = 30;
/// Characters of a reason.
const REASON_MAX: usize = 200;

mod draft;

pub use draft::{DigestState, Draft, ReadFrom};

/// What a digest is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DigestKey {
    /// The policy; none for the presses whose value named none.
    pub policy: Option<PolicyName>,
    /// The day.
    pub day: Day,
}

impl DigestKey {
    /// Of a family: the digest that it is told in.
    pub fn of(family: &Family) -> Self {
        let policy = family.policy_name().cloned();
        Self { policy, day: Day::of(family.created_at) }
    }

    /// Of an enrolment that ended: the digest that it is told in; none of anything else.
    pub fn of_ended(item: &HistoryItem) -> Option<Self> {
        let ended = item.event == EventKind::EnrolmentEnded;
        ended.then(|| Self { policy: item.policy.clone(), day: Day::of(item.at) })
    }

    /// The same for every delivery of this digest, so that receivers can drop repeats.
    pub fn id(&self, stack: &StackName) -> String {
        let policy = self.policy.as_ref().map_or("", PolicyName::as_str);
        short_digest(&["digest", stack.as_str(), &self.day.to_string(), policy], 32)
    }
}

/// How a family stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Standing {
    Incomplete,
    UnderWay,
    Rejected,
}

impl Standing {
    const ALL: [Standing; 3] = [Standing::Incomplete, Standing::UnderWay, Standing::Rejected];

    /// None for what went as it was asked for.
    fn of(family: &Family) -> Option<Self> {
        match family.outcome {
            None => Some(Standing::UnderWay),
            Some(Outcome::Partial | Outcome::Failed) => Some(Standing::Incomplete),
            Some(Outcome::Rejected) => Some(Standing::Rejected),
            Some(Outcome::Complete) => None,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Standing::Incomplete => "Partial or failed",
            Standing::UnderWay => "Still under way; you are told when they end",
            Standing::Rejected => "Rejected",
        }
    }
}

/// A family that did not go as it was asked for, or not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    family: FamilyId,
    instance: InstanceId,
    instance_name: Option<InstanceName>,
    /// The policy's name as it was asked for.
    requested: String,
    region: Region,
    outcome: Option<Outcome>,
    /// The image at home, if there is one.
    image: Option<ImageId>,
    /// The answer that stands on the instance: image, Regions and why.
    status: Option<String>,
    /// The code of why it ended with less than was asked for, if it did.
    code: Option<String>,
}

impl Listed {
    /// Which machine, what became of its request, where to look, and what to type next.
    fn lines(&self, standing: Standing, address: &StackAddress) -> Vec<String> {
        let why = plain(self.status.as_deref().unwrap_or("no answer yet"), 300);
        let called = instance_called(&self.instance, self.instance_name.as_ref());
        let next = match standing {
            Standing::Incomplete => Some(Command::Retry(&self.family)),
            Standing::UnderWay => None,
            Standing::Rejected => Some(Command::Why(&self.instance, &self.region)),
        };
        let image = self.image.as_ref().and_then(|image| image_page(&self.region, image));
        let links = instance_page(&self.region, &self.instance).into_iter().chain(image);
        let below = links
            .chain(next.map(|command| address.typed(&command)))
            .map(|line| format!("    {line}"));
        [format!("{called} in {}: {why}", self.region)].into_iter().chain(below).collect()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    complete: usize,
    partial: usize,
    failed: usize,
    rejected: usize,
    under_way: usize,
}

impl Counts {
    fn add(&mut self, outcome: Option<Outcome>) {
        let count = match outcome {
            Some(Outcome::Complete) => &mut self.complete,
            Some(Outcome::Partial) => &mut self.partial,
            Some(Outcome::Failed) => &mut self.failed,
            Some(Outcome::Rejected) => &mut self.rejected,
            None => &mut self.under_way,
        };
        *count = count.saturating_add(1);
    }

    fn all(&self) -> usize {
        [self.complete, self.partial, self.failed, self.rejected, self.under_way]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// Presses that led to an image.
    fn images(&self) -> usize {
        self.complete.saturating_add(self.partial)
    }
}

/// An instance that no longer follows the policy's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ended {
    instance: Option<InstanceId>,
    instance_name: Option<InstanceName>,
    region: Region,
    at: Timestamp,
    reason: Option<Reason>,
}

impl Ended {
    fn document(&self) -> serde_json::Value {
        let Self { instance, instance_name, region, at, reason } = self;
        let reason = reason.as_ref().map(Reason::document);
        serde_json::json!({
            "instance": instance, "instance_name": instance_name, "region": region, "at": at, "reason": reason,
        })
    }
}

/// A digest, as far as its families are known. It keeps no more of them than it lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    key: DigestKey,
    counts: Counts,
    listed: BTreeMap<Standing, Vec<Listed>>,
    ended: Vec<Ended>,
    ended_count: usize,
}

impl Digest {
    /// An empty one.
    pub fn new(key: DigestKey) -> Self {
        Self {
            key,
            counts: Counts::default(),
            listed: BTreeMap::new(),
            ended: Vec::new(),
            ended_count: 0,
        }
    }

    /// Takes a family in, if it belongs here.
    pub fn add(&mut self, family: &Family) {
        if DigestKey::of(family) != self.key {
            return;
        }
        self.counts.add(family.outcome);
        let Some(standing) = Standing::of(family) else { return };
        let listed = self.listed.entry(standing).or_default();
        if listed.len() < LISTED_MAX {
            listed.push(Listed {
                family: family.id.clone(),
                instance: family.instance.clone(),
                instance_name: family.instance_name.clone(),
                requested: one_line(&family.requested, REQUESTED_MAX),
                region: family.region.clone(),
                outcome: family.outcome,
                image: family.status_image.clone(),
                status: family.status.as_deref().map(|status| one_line(status, REASON_MAX)),
                code: family.reason().map(|reason| reason.code().to_owned()),
            });
        }
    }

    /// Takes in an enrolment that ended, if it belongs here.
    pub fn add_ended(&mut self, item: &HistoryItem) {
        if DigestKey::of_ended(item).as_ref() != Some(&self.key) {
            return;
        }
        self.ended_count = self.ended_count.saturating_add(1);
        if self.ended.len() < LISTED_MAX {
            self.ended.push(Ended {
                instance: item.instance.clone(),
                instance_name: item.instance_name.clone(),
                region: item.region.clone(),
                at: item.at,
                reason: item.reason.clone(),
            });
        }
    }

    /// The message; none if there was nothing that day: who hears nothing every day reads nothing
    /// any more.
    pub fn notice(&self, address: &StackAddress) -> Option<Notice> {
        if self.counts.all() == 0 && self.ended_count == 0 {
            return None;
        }
        let policy = self.key.policy.as_ref().map_or("no policy", |policy| policy.as_str());
        let severity = match () {
            () if self.counts.partial > 0 || self.counts.failed > 0 => Severity::Error,
            () if self.ended_count > 0 => Severity::Warning,
            () => Severity::Info,
        };
        let mut attributes = BTreeMap::from([
            ("event", "digest".to_owned()),
            ("severity", severity.as_str().to_owned()),
            ("day", self.key.day.to_string()),
        ]);
        if let Some(policy) = &self.key.policy {
            attributes.insert("policy", policy.to_string());
        }
        Some(Notice {
            subject: plain(
                &format!("Amiline: {policy} on {}: {}", self.key.day, self.counted()),
                SUBJECT_MAX,
            ),
            text: self.text(policy, address),
            json: self.json(&address.stack),
            attributes,
        })
    }

    /// In a few words: what is zero is not said.
    fn counted(&self) -> String {
        let Counts { partial, failed, rejected, under_way, .. } = self.counts;
        let images = self.counts.images();
        let mut said = format!("{images} image{}", if images == 1 { "" } else { "s" });
        let ended = self.ended_count;
        for (count, what) in [
            (partial, "partial"),
            (failed, "failed"),
            (under_way, "under way"),
            (rejected, "rejected"),
            (ended, "no longer enrolled"),
        ] {
            if count > 0 {
                // Writing to a String cannot fail.
                let _ = write!(said, ", {count} {what}");
            }
        }
        said
    }

    fn text(&self, policy: &str, address: &StackAddress) -> String {
        let mut text = format!(
            "{}\n",
            plain(&format!("{policy}, {} (UTC): {}", self.key.day, self.counted()), 300)
        );
        for standing in Standing::ALL {
            let Some(listed) = self.listed.get(&standing) else { continue };
            let _ = write!(text, "\n{}\n", standing.title());
            for one in listed {
                for line in one.lines(standing, address) {
                    let _ = writeln!(text, "  {line}");
                }
            }
            let more = self.count_of(standing).saturating_sub(listed.len());
            if more > 0 {
                let _ = writeln!(
                    text,
                    "  and {more} more; the command \"amiline families\" lists them"
                );
            }
        }
        if self.ended_count > 0 {
            text.push_str("\nNo longer enrolled, though the instance is there\n");
            for one in &self.ended {
                let instance = one.instance.as_ref().map_or("-", InstanceId::as_str);
                let line = format!(
                    "{instance} in {}: {}",
                    one.region,
                    one.reason.as_ref().map(Reason::text).unwrap_or_default()
                );
                let _ = writeln!(text, "  {}", plain(&line, 400));
            }
            let more = self.ended_count.saturating_sub(self.ended.len());
            if more > 0 {
                let _ = writeln!(text, "  and {more} more");
            }
        }
        text
    }

    fn count_of(&self, standing: Standing) -> usize {
        match standing {
            Standing::Incomplete => self.counts.partial.saturating_add(self.counts.failed),
            Standing::UnderWay => self.counts.under_way,
            Standing::Rejected => self.counts.rejected,
        }
    }

    /// For programs; its schema is `events/digest.schema.json`.
    fn json(&self, stack: &StackName) -> String {
        let listed: Vec<&Listed> = self.listed.values().flatten().collect();
        let all = Standing::ALL
            .into_iter()
            .map(|standing| self.count_of(standing))
            .fold(0, usize::saturating_add);
        serde_json::json!({
            "version": 1,
            "digest_id": self.key.id(stack),
            "day": self.key.day.to_string(),
            "policy": self.key.policy,
            "images": self.counts.images(),
            "counts": self.counts,
            "left_out": all.saturating_sub(listed.len()),
            "families": listed,
            "enrolments_ended": {"count": self.ended_count, "instances": self.ended.iter().map(Ended::document).collect::<Vec<_>>()},
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests;
