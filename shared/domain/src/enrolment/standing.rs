//! How an instance stands in a policy's schedule, for people: what a look would do, without doing
//! it.

use super::decide::{Act, act};
use super::{Seat, Sight, Turn};
use crate::ids::PolicyName;
use crate::image::ObservedInstance;
use crate::look::{unfit, usable};
use crate::reason::Rejection;
use crate::time::Slot;

/// How an instance stands in one policy's schedule at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its next slot has not come.
    Next(Turn),
    /// A slot has come, and its turn has not.
    InTheWindow(Turn),
    /// A slot has come, and something holds it up.
    HeldUp {
        /// The slot, and when it is looked at again.
        turn: Turn,
        /// What.
        by: HeldUp,
    },
    /// An image would be asked for now.
    Due(Slot),
    /// The policy gives no image.
    Refused(Rejection),
    /// The schedule has no further slot.
    Over,
}

/// What holds a slot up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldUp {
    /// An image of the instance is being made.
    Busy,
    /// A limit.
    Limit(Rejection),
}

/// How the instance stands in a policy's schedule. `seat` is as the enrolment has it.
pub fn standing(
    seat: &Seat,
    name: &PolicyName,
    instance: &ObservedInstance,
    sight: Sight<'_>,
) -> Standing {
    let read = sight.policies.get(name);
    let usable =
        read.and_then(|read| usable(name, read, &instance.region, sight.bounds, sight.keys).ok());
    // A look finds that out when a slot is due.
    if let Some(unfit) = usable.and_then(|usable| unfit(&usable.policy, name, instance)) {
        return Standing::Refused(unfit);
    }
    match act(&mut seat.clone(), name, instance, sight) {
        Act::Begin { slot, .. } => Standing::Due(slot),
        Act::Refuse(rejection) => Standing::Refused(rejection),
        Act::Wait(standing) => standing,
    }
}
