//! Why an instance has, or has not, the images that somebody expects: in plain words, what would happen now and what
//! happened last. It decides nothing: it asks the same questions as those who do, of the same facts.

use crate::coverage::{Cover, coverage, promises};
use crate::enrolment::{Enrolment, HeldUp, Named, Seat, Sight, Standing, standing};
use crate::escape::{in_quotes, one_line};
use crate::family::{Family, Outcome};
use crate::ids::{FamilyId, InstanceId, PolicyName, Region};
use crate::image::{InstanceState, RootDevice};
use crate::look::{Counts, PolicyRead, Requested, admit};
use crate::policy::{Refused, refused};
use crate::press::{LookDecision, PressState, decide_look};
use crate::tags::{Button, Trigger};
use crate::time::{seconds_between, utc};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that was read.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Where.
    pub region: &'a Region,
    /// Which instance.
    pub instance: &'a InstanceId,
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

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// Which instance.
    pub instance: InstanceId,
    /// Where.
    pub region: Region,
    /// Whether it can be imaged at all.
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
    /// Which.
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
    let mut now = vec![kill_switch(facts), button(facts)];
    now.extend(schedules(facts));
    now.push(hour(facts));
    Why {
        instance: facts.instance.clone(),
        region: facts.region.clone(),
        state: state(facts),
        now,
        images: images(facts),
        last: facts.latest.map(last),
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

fn state(facts: Facts<'_>) -> String {
    match facts.sight.instance {
        None => "EC2 shows no such instance there".to_owned(),
        Some(instance) if instance.state.is_gone() => "it is terminated: no image can be made of it".to_owned(),
        Some(instance) if instance.root_device == RootDevice::InstanceStore => {
            "its root is an instance store: EC2 makes images of instances with an EBS root only".to_owned()
        }
        Some(instance) => {
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
    }
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
                format!("the press of {} is being worked on, and the tag is off already", utc(slot.timestamp()))
            }
        },
        (LookDecision::LookAgain(at), Some(_)) => format!(
            "it was answered a moment ago and EC2 still shows the tag; if it is there at {}, it is a new press",
            utc(at)
        ),
        (LookDecision::SamePress(slot), Some(_)) => {
            format!("the press of {} is being worked on", utc(slot.timestamp()))
        }
        (LookDecision::OtherValueWaits(slot), Some(value)) => {
            format!("{} waits until the press of {} is answered", in_quotes(value, 60), utc(slot.timestamp()))
        }
        (LookDecision::Begin(_), Some(value)) => pressed(facts, value),
    };
    line(key, says)
}

/// What a press leads to that nobody has taken up yet.
fn pressed(facts: Facts<'_>, value: &str) -> String {
    let Facts { sight, .. } = facts;
    let Some(instance) = sight.instance else { return "there is no instance".to_owned() };
    let counts = Counts { press: sight.press, budget: sight.budget };
    let requested = Requested { value, policy: facts.pressed };
    let note = note(facts.pressed, sight);
    match admit(requested, instance, counts, sight.bounds, sight.keys, sight.now) {
        Ok(admission) => format!(
            "an image under policy {} is made at its event or, within five minutes, at the next tick{note}",
            admission.policy_ref.name
        ),
        Err(rejection) => format!("it will be rejected: {rejection}"),
    }
}

/// That a version other than the newest is in force.
fn note(read: &PolicyRead, sight: Sight<'_>) -> String {
    match refused(&read.texts, sight.bounds, sight.keys) {
        Some(refused @ Refused::Instead { .. }) => format!(". The newest version cannot be used: {refused}"),
        Some(Refused::Invalid(_) | Refused::Beyond(_) | Refused::InsteadBeyond { .. }) | None => String::new(),
    }
}

fn schedules(facts: Facts<'_>) -> Vec<Line> {
    let Facts { sight, enrolment, .. } = facts;
    let key = sight.keys.schedule();
    let (Some(tag), Some(instance)) = (sight.tag, sight.instance) else {
        return vec![line(key, "the tag is not there: no schedule is followed")];
    };
    let named = Named::of(tag);
    let mut lines: Vec<Line> = named.problem.iter().map(|problem| line(key.clone(), problem.to_string())).collect();
    for name in &named.policies {
        let seat = enrolment.seats.get(name);
        let stands = standing(seat.unwrap_or(&Seat::taken(sight.now)), name, instance, sight);
        let mut says = stands_so(stands, sight);
        if seat.is_none() {
            says.push_str(". The tag was not seen yet: the hourly sweep finds it if its event was lost");
        }
        if let Some(read) = sight.policies.get(name) {
            says.push_str(&note(read, sight));
        }
        lines.push(line(format!("schedule {name}"), says));
    }
    lines
}

fn stands_so(standing: Standing, sight: Sight<'_>) -> String {
    let slot = |slot: crate::time::Slot| utc(slot.timestamp());
    match standing {
        Standing::Next(turn) if turn.at > turn.slot.timestamp() => {
            format!("its next slot is {}, and its turn comes at {}", slot(turn.slot), utc(turn.at))
        }
        Standing::Next(turn) => format!("its next slot is {}", slot(turn.slot)),
        Standing::InTheWindow(turn) => {
            format!("the slot of {} has come, and its turn comes at {}", slot(turn.slot), utc(turn.at))
        }
        Standing::HeldUp { turn, by: HeldUp::Busy } => format!(
            "the slot of {} waits: an image of the instance is being made; it is looked at again at {}",
            slot(turn.slot),
            utc(turn.at)
        ),
        Standing::HeldUp { turn, by: HeldUp::Limit(limit) } => {
            let again = if turn.at > sight.now { format!(" until {}", utc(turn.at)) } else { String::new() };
            format!("the slot of {} waits{again}: {limit}", slot(turn.slot))
        }
        Standing::Due(due) => {
            format!("the slot of {} is due: its image is made at the next tick that has room for it", slot(due))
        }
        Standing::Refused(rejection) => format!("it gives no image: {rejection}"),
        Standing::Over => "its schedule has no further slot".to_owned(),
    }
}

fn images(facts: Facts<'_>) -> Vec<ImageLine> {
    let Facts { sight, enrolment, .. } = facts;
    let texts: BTreeMap<_, _> = sight.policies.iter().map(|(name, read)| (name.clone(), read.texts.clone())).collect();
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
    let newest = cover.newest.as_ref().map_or_else(
        || "no image".to_owned(),
        |newest| format!("{}, {} old", newest.image, duration(seconds_between(newest.at, now))),
    );
    match (cover.lost_slot, cover.lost_at) {
        (Some(slot), _) => format!("{newest}: TOO OLD, there is none for the slot of {}", utc(slot)),
        (None, Some(at)) => format!("{newest}: in order until {} if no newer one comes", utc(at)),
        (None, None) => newest,
    }
}

fn last(family: &Family) -> Last {
    let asked = match &family.trigger {
        Trigger::Press(_) => format!("a press that named {}", in_quotes(&family.requested, 60)),
        Trigger::Schedule(policy) => format!("the slot of {} of {policy}", utc(family.slot.timestamp())),
        Trigger::Enrolment => format!("its schedule tag, {}", in_quotes(&family.requested, 60)),
    };
    let ended = match family.outcome {
        None => "is under way".to_owned(),
        Some(outcome) => format!("ended {}", outcome.as_str()),
    };
    let answer = family.status.as_deref().map(|status| format!(": {}", one_line(status, 300))).unwrap_or_default();
    Last {
        family: family.id.clone(),
        at: family.created_at,
        outcome: family.outcome,
        says: format!("{asked} {ended}{answer}"),
    }
}

#[cfg(test)]
mod tests;
