//! A policy with what is derived from its text alone. It is computed once for a text and shared:
//! every instance of a fleet is planned under the same few policies.

use super::Policy;
use crate::ids::Fingerprint;
use crate::schedule::{Schedule, Timetable};
use std::ops::Deref;
use std::sync::Arc;

/// A policy, ready to plan many instances. Reads like the [`Policy`] in it.
#[derive(Debug)]
pub struct Prepared {
    policy: Policy,
    timetable: Option<Arc<Timetable>>,
    slots: Option<Fingerprint>,
}

impl Prepared {
    pub(super) fn new(policy: Policy) -> Self {
        let timetable = policy.schedule.as_ref().and_then(Schedule::timetable).map(Arc::new);
        let slots = policy.schedule.as_ref().map(Schedule::identity);
        Self { policy, timetable, slots }
    }

    /// The policy itself.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The times of its schedule. `None`: it has no schedule.
    pub fn timetable(&self) -> Option<&Arc<Timetable>> {
        self.timetable.as_ref()
    }

    /// Identifies the slots of its schedule, whatever else it says.
    pub(crate) fn slots(&self) -> Option<&Fingerprint> {
        self.slots.as_ref()
    }
}

impl Deref for Prepared {
    type Target = Policy;
    fn deref(&self) -> &Policy {
        &self.policy
    }
}

// The rest is derived from the policy.
impl PartialEq for Prepared {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy
    }
}

impl Eq for Prepared {}
