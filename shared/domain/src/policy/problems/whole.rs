//! What is wrong only in the light of another part of the policy.

use super::super::destinations::MINUTES_MAX;
use super::super::{DEADLINE_HOURS_DEFAULT, DEADLINE_HOURS_MAX};
use super::{Place, Problem, Step, Wrong};
use crate::document::Node;
use crate::schedule::{SLOT_MINUTES_MIN, Schedule};

/// What is wrong with a schedule whose parts are each in order.
pub(super) fn crowded_schedule(document: &Node) -> Option<Problem> {
    let root = Place::document();
    let (node, place) = field(document, "schedule", &root)?;
    let (_, cron) = field(node, "cron", &place)?;
    let schedule: Schedule = serde_json::from_value(serde_json::to_value(node).ok()?).ok()?;
    if schedule.cron.is_empty() {
        return Some(Problem { place: cron, wrong: Wrong::NoSlots });
    }
    let closest = schedule.closest()?;
    let when = closest.clocks_change_on.map_or_else(String::new, |date| {
        format!(" where the clocks in {} are set forward, as on {date}", schedule.time_zone)
    });
    let closest = closest.minutes;
    if closest < SLOT_MINUTES_MIN {
        return Some(Problem {
            place: cron,
            wrong: Wrong::SlotsTooClose { minutes: closest, when },
        });
    }
    if let Some((_, jitter)) = field(node, "jitter_minutes", &place)
        && i64::from(schedule.jitter_minutes) >= closest
    {
        let wrong =
            Wrong::JitterTooLong { jitter: schedule.jitter_minutes, minutes: closest, when };
        return Some(Problem { place: jitter, wrong });
    }
    let (limits, place) = field(document, "limits", &root)?;
    let (interval, place) = field(limits, "interval_minutes", &place)?;
    let interval: u32 = serde_json::from_value(serde_json::to_value(interval).ok()?).ok()?;
    let max = closest.saturating_sub(SLOT_MINUTES_MIN);
    let wrong = Wrong::IntervalTooLong { interval, max, when };
    (i64::from(interval) > max).then_some(Problem { place, wrong })
}

/// The place of the first list of those that images are shared with, if there is any and no key for
/// every Region. Keys of single destinations do not do: the image in the instance's own Region is
/// shared too, whichever that is.
pub(super) fn shares_without_key(document: &Node) -> Option<Place> {
    let root = Place::document();
    let keyless =
        field(document, "encrypt", &root).is_none_or(|(encrypt, _)| *encrypt == Node::Null);
    let (share, at) = field(document, "share", &root).filter(|_| keyless)?;
    let lists = ["accounts", "organizations", "organizational_units"];
    lists.into_iter().filter_map(|name| field(share, name, &at)).find_map(
        |(list, place)| match list {
            Node::List(items) if !items.is_empty() => Some(place),
            Node::List(_)
            | Node::Null
            | Node::Flag(_)
            | Node::Number { .. }
            | Node::Text(_)
            | Node::Object(_) => None,
        },
    )
}

/// Every time for a copy that is not shorter than the deadline.
pub(super) fn later_than_the_deadline(document: &Node) -> Vec<Problem> {
    let root = Place::document();
    let number = |node: &Node| match node {
        Node::Number { value, .. } => value.as_u64(),
        Node::Null | Node::Flag(_) | Node::Text(_) | Node::List(_) | Node::Object(_) => None,
    };
    let hours = match field(document, "deadline_hours", &root) {
        None => Some(u64::from(DEADLINE_HOURS_DEFAULT)),
        Some((hours, _)) => {
            number(hours).filter(|hours| (1..=u64::from(DEADLINE_HOURS_MAX)).contains(hours))
        }
    };
    // A deadline that is wrong is told of by itself.
    let (Some(hours), Some((distribute, at))) = (hours, field(document, "distribute", &root))
    else {
        return Vec::new();
    };
    let items = match field(distribute, "regions", &at) {
        Some((Node::List(items), place)) => {
            let place = &place;
            items
                .iter()
                .enumerate()
                .map(|(index, item)| (item, place.into(Step::Item(index))))
                .collect()
        }
        Some(_) | None => Vec::new(),
    };
    let times = std::iter::once((distribute, at)).chain(items);
    let times = times.filter_map(|(inside, place)| field(inside, "within_minutes", &place));
    times
        .filter_map(|(time, place)| {
            let minutes = number(time)
                .filter(|minutes| *minutes <= u64::from(MINUTES_MAX) && *minutes >= hours * 60)?;
            Some(Problem { place, wrong: Wrong::AfterDeadline { minutes, hours } })
        })
        .collect()
}

pub(super) fn field<'a>(node: &'a Node, wanted: &str, place: &Place) -> Option<(&'a Node, Place)> {
    let Node::Object(entries) = node else { return None };
    let (index, (name, value)) =
        entries.iter().enumerate().find(|(_, (name, _))| name == wanted)?;
    Some((value, place.into(Step::Field { index, name: name.clone() })))
}
