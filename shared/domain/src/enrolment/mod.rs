//! Enrolments: which instances follow which schedules, and what their next look leads to.
//!
//! An enrolment is a record per instance, kept current by tag events, by its own due times and by
//! an hourly sweep. For each policy that the instance's tag names it has a seat, which knows the
//! last slot that is done with and the next one's turn. What is due is found through the index of
//! due times, so instances that wait cost nothing.

mod decide;
mod promised;
mod standing;

pub(crate) use decide::MISSED_MAX;
pub use decide::{EnrolmentDecision, Missed, Sight, decide};
pub use promised::Promised;
pub use standing::{HeldUp, Standing, standing};

use crate::coverage::Lost;
use crate::escape::one_line;
use crate::history::Chain;
use crate::ids::{AccountId, FamilyId, Fingerprint, InstanceId, InvalidId, PolicyName, Region};
use crate::time::Slot;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Policies that one tag may name.
pub const POLICIES_MAX: usize = 5;

/// Which instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EnrolmentKey {
    /// Its account.
    pub account: AccountId,
    /// Its Region.
    pub region: Region,
    /// Its id.
    pub instance: InstanceId,
}

/// What is known of one instance's schedules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Version for conditional writes.
    pub rev: u64,
    /// One for each policy that the tag names.
    // A node of the map has room for eleven, and most instances have one.
    pub seats: BTreeMap<PolicyName, Box<Seat>>,
    /// What of the tag's value was refused, so that it is refused once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_value: Option<String>,
    /// The slot of the newest refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<Slot>,
    /// The family of the slot that was taken last. While its image is being made no other slot is
    /// taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_family: Option<FamilyId>,
    /// Slots for which there is no image that is new enough, as it was told, by policy and Region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lost: Lost,
    /// The end of its history.
    #[serde(default, skip_serializing_if = "Chain::is_empty")]
    pub news: Chain,
    /// Since when no read has shown the tag. Reads lag, so the seats are kept for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<Timestamp>,
    /// When to look at the instance with no event asking for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look: Option<Timestamp>,
}

/// An instance's place in one policy's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Slots up to this moment are done with: an image was asked for, or they passed before the
    /// instance was enrolled.
    pub done: Timestamp,
    /// The slot that comes next, and when it is the instance's turn; none while the policy gives no
    /// slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Turn>,
    /// Identifies the slots of the schedule that is followed; none while the policy gives no slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Fingerprint>,
    /// The Regions in which an image for each slot is promised, with the moment since which it is.
    #[serde(default, skip_serializing_if = "Promised::is_empty")]
    pub promised: Promised,
    /// Hash of the policy's newest text when this was worked out; none if there was no such policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<Fingerprint>,
    /// Why the policy gives no image, as it was last told; none while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whether there is no such policy, or none with a schedule: then what passes meanwhile is
    /// nobody's slot. A policy that only cannot be read or followed has slots that were missed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
}

/// A slot and when it is an instance's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The slot.
    pub slot: Slot,
    /// Not before then.
    pub at: Timestamp,
}

impl Seat {
    /// The place of an instance whose tag has begun to name a policy.
    pub fn taken(now: Timestamp) -> Self {
        Self {
            done: now,
            next: None,
            slots: None,
            promised: Promised::default(),
            text_hash: None,
            refused: None,
            lapsed: false,
        }
    }
}

impl Enrolment {
    /// Whether the record says what tag and policies say now, so that no look is needed. The sweep
    /// asks this; `hashes` has the hash of each policy's text, for those that there are.
    pub fn is_current(&self, value: &str, hashes: &BTreeMap<PolicyName, Fingerprint>) -> bool {
        let named = Named::of(value);
        self.absent_since.is_none()
            && self.bad_value == named.bad
            && self.seats.keys().eq(named.policies.iter())
            && self.seats.iter().all(|(policy, seat)| seat.text_hash.as_ref() == hashes.get(policy))
    }

    /// The earliest turn of any seat.
    fn first_turn(&self) -> Option<Timestamp> {
        self.seats.values().filter_map(|seat| seat.next.map(|turn| turn.at)).min()
    }
}

/// What the tag's value names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The policies.
    pub policies: BTreeSet<PolicyName>,
    /// What of it cannot be used, made safe.
    pub bad: Option<String>,
    /// Why.
    pub problem: Option<BadSchedule>,
}

/// A value of the tag that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum BadSchedule {
    /// A part of it is no policy's name.
    #[error("{0}; the others are followed")]
    NoName(#[from] InvalidId),
    /// Too many.
    #[error("the tag names {count} policies; the first {POLICIES_MAX} by name are followed")]
    TooMany {
        /// So many.
        count: usize,
    },
    /// Nothing but separators.
    #[error(
        "the tag names no policy; its value is the name of one, or several with spaces or commas between them"
    )]
    Empty,
}

impl Named {
    /// Reads policies with spaces or commas between them. What can be used is, and the rest is
    /// told. A space is what every service and shorthand takes: the AWS CLI's shorthand ends a
    /// value at a comma.
    pub fn of(value: &str) -> Self {
        let parts = value
            .split(|letter: char| letter == ',' || letter.is_whitespace())
            .filter(|part| !part.is_empty());
        let mut named = Named::default();
        for part in parts {
            match PolicyName::new(part) {
                Ok(policy) => {
                    named.policies.insert(policy);
                }
                Err(bad) => {
                    named.problem = Some(BadSchedule::NoName(InvalidId {
                        text: one_line(&bad.text, 40),
                        ..bad
                    }))
                }
            }
        }
        let count = named.policies.len();
        if count > POLICIES_MAX {
            named.policies = named.policies.into_iter().take(POLICIES_MAX).collect();
            named.problem = Some(BadSchedule::TooMany { count });
        }
        if count == 0 && named.problem.is_none() {
            named.problem = Some(BadSchedule::Empty);
        }
        named.bad = named.problem.is_some().then(|| one_line(value, 256));
        named
    }
}

#[cfg(test)]
mod tests;
