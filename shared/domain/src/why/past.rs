//! What was made of an instance, and what happened last.

use super::{Facts, ImageLine, Last, duration};
use crate::coverage::{Cover, coverage, promises};
use crate::escape::{in_quotes, one_line};
use crate::family::{Family, Outcome};
use crate::tags::Trigger;
use crate::time::{seconds_between, utc};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The newest images, by policy and Region in which they are promised.
pub(super) fn images(facts: Facts<'_>) -> Vec<ImageLine> {
    let Facts { sight, enrolment, .. } = facts;
    let texts: BTreeMap<_, _> =
        sight.policies.iter().map(|(name, read)| (name.clone(), read.texts.clone())).collect();
    let made = sight.made.unwrap_or_default();
    let covers = coverage(facts.instance, enrolment, &promises(&texts), made, sight.now);
    covers
        .into_iter()
        .map(|cover| ImageLine {
            lost: cover.is_lost(),
            says: covered(&cover, sight.now),
            policy: cover.policy,
            region: cover.region,
        })
        .collect()
}

/// How an instance is covered in a Region, in words.
fn covered(cover: &Cover, now: Timestamp) -> String {
    let newest = cover.newest.as_ref().map(|newest| {
        format!("{}, {} old", newest.image, duration(seconds_between(newest.at, now)))
    });
    match (newest, cover.lost_slot, cover.lost_at) {
        (Some(newest), Some(slot), _) => {
            format!("{newest}: TOO OLD, there is none for the slot of {}", utc(slot))
        }
        (None, Some(slot), _) => format!("NO IMAGE, there is none for the slot of {}", utc(slot)),
        (Some(newest), None, Some(at)) => {
            format!("{newest}: new enough; the next one has to be there by {}", utc(at))
        }
        (None, None, Some(at)) => {
            format!("no image yet; the first one has to be there by {}", utc(at))
        }
        (Some(newest), None, None) => newest,
        (None, None, None) => "no image".to_owned(),
    }
}

/// The newest family, in words.
pub(super) fn last(family: &Family) -> Last {
    let asked = match &family.trigger {
        Trigger::Press(_) => format!("a press that named {}", in_quotes(&family.requested, 60)),
        Trigger::Schedule(policy) => {
            format!("the slot of {} of {policy}", utc(family.slot.timestamp()))
        }
        Trigger::Enrolment => format!("its schedule tag, {}", in_quotes(&family.requested, 60)),
    };
    let (ended, word) = match family.outcome {
        None => ("is under way", ""),
        Some(Outcome::Complete) => ("made every image", ""),
        Some(Outcome::Partial) => ("ended with something missing", "partial "),
        Some(Outcome::Failed) => ("failed", "failed: "),
        Some(Outcome::Rejected) => ("was rejected", "rejected: "),
    };
    // The status tag begins with the outcome, which was said already.
    let answer = family.status.as_deref().map(|status| status.strip_prefix(word).unwrap_or(status));
    let answer = answer.map(|answer| format!(": {}", one_line(answer, 300))).unwrap_or_default();
    Last {
        family: family.id.clone(),
        at: family.created_at,
        outcome: family.outcome,
        says: format!("{asked} {ended}{answer}"),
    }
}
