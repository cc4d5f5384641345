//! What would happen to an instance now.

use super::{Facts, Line, line};
use crate::enrolment::{HeldUp, Named, Seat, Sight, Standing, standing};
use crate::escape::in_quotes;
use crate::image::{InstanceState, RootDevice};
use crate::look::{Admission, Counts, PolicyRead, Requested, admit};
use crate::policy::refused;
use crate::press::{LookDecision, PressState, decide_look};
use crate::reason::Rejection;
use crate::tags::Button;
use crate::time::utc;

/// Why no image would be made of the instance if somebody asked for one now, with what was asked
/// for already.
pub(super) fn prevented(facts: Facts<'_>) -> Option<String> {
    let sight = facts.sight;
    let Some(instance) = sight.instance else {
        return Some(
            "EC2 shows no such instance any more; this is what the records say".to_owned(),
        );
    };
    if instance.state.is_gone() {
        return Some("it is terminated: no image can be made of it".to_owned());
    }
    if instance.root_device == RootDevice::InstanceStore {
        return Some(
            "its root is an instance store: EC2 makes images of instances with an EBS root only"
                .to_owned(),
        );
    }
    if facts.not_watched().is_some() {
        return Some(format!("no tag on it is looked at: {} is not watched", facts.region));
    }
    if facts.switched_off {
        return Some("no image is made of it now: the kill switch is on".to_owned());
    }
    let max = sight.bounds.images_per_hour_max;
    if sight.budget.left(sight.now, max) == 0 {
        return Some(format!(
            "no image is made of it now: the account's {max} images an hour are used up"
        ));
    }
    coming_rejection(facts)
        .map(|rejection| format!("what its tags ask for gives no image: {rejection}"))
}

/// That an image would be made, and what to know of it.
pub(super) fn possible(facts: Facts<'_>) -> String {
    let Some(instance) = facts.sight.instance else { return String::new() };
    let when = match instance.state {
        InstanceState::Pending => "it is pending: an image can be made of it as soon as it runs",
        InstanceState::Running
        | InstanceState::Stopping
        | InstanceState::Stopped
        | InstanceState::ShuttingDown
        | InstanceState::Terminated => "an image can be made of it",
    };
    let hibernates = if instance.hibernation {
        "; hibernation is configured, so an instance launched from the image may not be reachable"
    } else {
        ""
    };
    format!("{when}{hibernates}")
}

/// Why what the instance's tags ask for leads to no image.
fn coming_rejection(facts: Facts<'_>) -> Option<Rejection> {
    if let Some(value) = new_press(facts) {
        return admitted(facts, value).err().flatten();
    }
    let (tag, instance) = (facts.sight.tag?, facts.sight.instance?);
    let refused = Named::of(tag).policies.into_iter().map(|name| {
        let seat = facts.enrolment.seats.get(&name).map(Box::as_ref);
        match standing(seat.unwrap_or(&Seat::taken(facts.sight.now)), &name, instance, facts.sight)
        {
            Standing::Refused(rejection) => Some(rejection),
            Standing::Next(_)
            | Standing::InTheWindow(_)
            | Standing::HeldUp { .. }
            | Standing::Due(_)
            | Standing::Over => None,
        }
    });
    // One policy that gives images is enough for one to be made.
    refused.collect::<Option<Vec<Rejection>>>()?.into_iter().next()
}

/// The button's value, if it is a press that nothing has taken up yet.
fn new_press<'a>(facts: Facts<'a>) -> Option<&'a str> {
    let sight = facts.sight;
    match decide_look(sight.press, facts.button, None, sight.now) {
        LookDecision::Begin(_) => facts.button,
        LookDecision::Nothing { .. }
        | LookDecision::LookAgain(_)
        | LookDecision::SamePress(_)
        | LookDecision::OtherValueWaits(_) => None,
    }
}

/// What a look would answer to a new press; an error without a rejection if there is no instance to
/// ask about.
fn admitted(facts: Facts<'_>, value: &str) -> Result<Admission, Option<Rejection>> {
    let sight = facts.sight;
    let instance = sight.instance.ok_or(None)?;
    let counts = Counts { press: sight.press, budget: sight.budget };
    let requested = Requested { value, policy: facts.pressed };
    admit(requested, instance, counts, sight.bounds, sight.keys, sight.now).map_err(Some)
}

/// What would happen, by what would make it happen.
pub(super) fn lines(facts: Facts<'_>) -> Vec<Line> {
    let mut lines: Vec<Line> =
        facts.not_watched().map(|why| line("Region", why)).into_iter().collect();
    lines.extend([kill_switch(facts), button(facts)]);
    lines.extend(schedules(facts));
    lines.push(hour(facts));
    lines
}

fn kill_switch(facts: Facts<'_>) -> Line {
    let says = match facts.switched_off {
        true => "on: nothing is made until it is \"off\"; what is due then is made then",
        false => "off: images may be made",
    };
    line("kill switch", says)
}

fn hour(facts: Facts<'_>) -> Line {
    let max = facts.sight.bounds.images_per_hour_max;
    let left = facts.sight.budget.left(facts.sight.now, max);
    line("this hour", format!("{left} of the account's {max} images an hour are left"))
}

fn button(facts: Facts<'_>) -> Line {
    let Facts { sight, button, .. } = facts;
    let key = sight.keys.button(Button::Image);
    let says = match (decide_look(sight.press, button, None, sight.now), button) {
        (LookDecision::Nothing { .. }, _) | (_, None) => match &sight.press.state {
            PressState::Idle => "it is not pressed".to_owned(),
            PressState::Accepted { slot, .. } | PressState::Answered { slot, .. } => {
                format!(
                    "the press of {} is being worked on, and the tag is off already",
                    utc(slot.timestamp())
                )
            }
        },
        (LookDecision::LookAgain(at), Some(value))
            if sight.press.answered.as_deref().is_some_and(|answered| answered != value) =>
        {
            format!(
                "{} waits: the press for another value was answered a short time ago, and EC2 may still show a tag from \
                 before it; if it is there at {}, it is a new press",
                in_quotes(value, 60),
                utc(at)
            )
        }
        (LookDecision::LookAgain(at), Some(_)) => format!(
            "it was answered a moment ago and EC2 still shows the tag; if it is there at {}, it is a new press",
            utc(at)
        ),
        (LookDecision::SamePress(slot), Some(_)) => {
            format!("the press of {} is being worked on", utc(slot.timestamp()))
        }
        (LookDecision::OtherValueWaits(slot), Some(value)) => {
            format!(
                "{} waits until the press of {} is answered",
                in_quotes(value, 60),
                utc(slot.timestamp())
            )
        }
        (LookDecision::Begin(_), Some(value)) => pressed(facts, value),
    };
    line(key, says)
}

/// What a press leads to that nothing has taken up yet.
fn pressed(facts: Facts<'_>, value: &str) -> String {
    if facts.not_watched().is_some() {
        return format!(
            "{} waits: instances in {} are not looked at, so it is neither made nor rejected",
            in_quotes(value, 60),
            facts.region
        );
    }
    let note = note(facts.pressed, facts.sight);
    match admitted(facts, value) {
        Ok(admission) if facts.switched_off => {
            format!(
                "an image under policy {} is made within a minute after the kill switch is off; {} does not say so, since \
                 no tag is written until then{note}",
                admission.policy_ref.name,
                facts.sight.keys.status()
            )
        }
        Ok(admission) => format!(
            "an image under policy {} is made at its event or, within five minutes, at the next tick{note}",
            admission.policy_ref.name
        ),
        Err(Some(rejection)) if facts.switched_off => {
            format!("it will be rejected within a minute after the kill switch is off: {rejection}")
        }
        Err(Some(rejection)) => format!("it will be rejected: {rejection}"),
        Err(None) => "there is no instance".to_owned(),
    }
}

/// That a version other than the newest is in force.
fn note(read: &PolicyRead, sight: Sight<'_>) -> String {
    let refused = refused(&read.texts, sight.bounds, sight.keys);
    let instead = refused.filter(|refused| refused.version_in_force().is_some());
    instead
        .map(|refused| format!(". The newest version cannot be used: {refused}"))
        .unwrap_or_default()
}

fn schedules(facts: Facts<'_>) -> Vec<Line> {
    let Facts { sight, enrolment, .. } = facts;
    let key = sight.keys.schedule();
    let (Some(tag), Some(instance)) = (sight.tag, sight.instance) else {
        return vec![line(key, "the tag is not there: no schedule is followed")];
    };
    let named = Named::of(tag);
    let mut lines: Vec<Line> =
        named.problem.iter().map(|problem| line(key.clone(), problem.to_string())).collect();
    for name in &named.policies {
        let seat = enrolment.seats.get(name).map(Box::as_ref);
        if seat.is_none() && facts.not_watched().is_some() {
            let says =
                format!("it is not followed: instances in {} are not looked at", facts.region);
            lines.push(line(format!("schedule {name}"), says));
            continue;
        }
        let stands = standing(seat.unwrap_or(&Seat::taken(sight.now)), name, instance, sight);
        let mut says = stands_so(stands, facts);
        if seat.is_none() {
            says.push_str(
                ". The tag was not seen yet: the hourly sweep finds it if its event was lost",
            );
        }
        if let Some(read) = sight.policies.get(name) {
            says.push_str(&note(read, sight));
        }
        lines.push(line(format!("schedule {name}"), says));
    }
    lines
}

fn stands_so(standing: Standing, facts: Facts<'_>) -> String {
    let slot = |slot: crate::time::Slot| utc(slot.timestamp());
    match standing {
        Standing::Next(turn) if turn.at > turn.slot.timestamp() => {
            format!("its next slot is {}, and its turn comes at {}", slot(turn.slot), utc(turn.at))
        }
        Standing::Next(turn) => format!("its next slot is {}", slot(turn.slot)),
        Standing::InTheWindow(turn) => {
            format!(
                "the slot of {} has come, and its turn comes at {}",
                slot(turn.slot),
                utc(turn.at)
            )
        }
        Standing::HeldUp { turn, by: HeldUp::Busy } => format!(
            "the slot of {} waits: an image of the instance is being made; it is looked at again at {}",
            slot(turn.slot),
            utc(turn.at)
        ),
        Standing::HeldUp { turn, by: HeldUp::Limit(limit) } => {
            let again = if turn.at > facts.sight.now {
                format!(" until {}", utc(turn.at))
            } else {
                String::new()
            };
            format!("the slot of {} waits{again}: {limit}", slot(turn.slot))
        }
        Standing::Due(due) if facts.switched_off => {
            format!(
                "the slot of {} is due: its image is made when the kill switch is off",
                slot(due)
            )
        }
        Standing::Due(due) => {
            format!(
                "the slot of {} is due: its image is made at the next tick that has room for it",
                slot(due)
            )
        }
        Standing::Refused(rejection) => format!("it gives no image: {rejection}"),
        Standing::Over => "its schedule has no further slot".to_owned(),
    }
}
