//! How an instance stands in a policy's schedule, for people: what a look would do, without doing it.

use super::decide::{Act, act};
use super::{Seat, Sight, Turn};
use crate::ids::PolicyName;
use crate::image::ObservedInstance;
use crate::look::{Counts, Rejection, admit_under, usable};
use crate::schedule::Schedule;
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
pub fn standing(seat: &Seat, name: &PolicyName, instance: &ObservedInstance, sight: Sight<'_>) -> Standing {
    let unread = crate::look::PolicyRead::default();
    let read = sight.policies.get(name).unwrap_or(&unread);
    let counts = Counts { press: sight.press, budget: sight.budget };
    let admitted = usable(name, read, &instance.region, sight.bounds, sight.keys).and_then(|usable| {
        let table = usable.policy.schedule.as_ref().and_then(Schedule::timetable);
        let table = table.ok_or_else(|| Rejection::NoSchedule(name.clone()))?;
        Ok((table, admit_under(usable, instance, counts, sight.bounds, sight.now)))
    });
    let (table, admitted) = match admitted {
        Err(rejection) => return Standing::Refused(rejection),
        Ok(admitted) => admitted,
    };
    let limit = match admitted {
        Ok(_) => None,
        Err(limit @ (Rejection::TooSoon(_) | Rejection::HourlyLimit { .. } | Rejection::DailyLimit { .. })) => {
            Some(limit)
        }
        Err(rejection) => return Standing::Refused(rejection),
    };
    let mut seat = seat.clone();
    match act(&mut seat, name, instance, sight) {
        Some(Act::Begin { slot, .. }) => return Standing::Due(slot),
        Some(Act::Refuse(rejection)) => return Standing::Refused(rejection),
        None => {}
    }
    let Some(turn) = seat.next else { return Standing::Over };
    if turn.slot.timestamp() > sight.now {
        return Standing::Next(turn);
    }
    // Before its turn no limit was asked.
    if table.turn(turn.slot, name, &instance.id) > sight.now {
        return Standing::InTheWindow(turn);
    }
    match limit {
        _ if sight.busy => Standing::HeldUp { turn, by: HeldUp::Busy },
        Some(limit) => Standing::HeldUp { turn, by: HeldUp::Limit(limit) },
        None => Standing::InTheWindow(turn),
    }
}
