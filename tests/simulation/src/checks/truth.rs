//! What a policy's text asks for, read naively: nothing here is shared with the product's own
//! reading.

use amiline_domain::bounds::Bounds;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What a usable policy asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Where copies go, with what is said of each alone.
    pub(super) regions: BTreeMap<String, Own>,
    /// The key where nothing is said of the Region alone.
    pub(super) key: Option<String>,
    /// The time for copies of which nothing is said alone.
    pub(super) minutes: Option<i64>,
    /// Accounts' ids and ARNs of organizations and units.
    pub(super) friends: BTreeSet<String>,
    pub(super) reboot: bool,
    pub(super) hours: i64,
    pub(super) slots: Option<Slots>,
    /// Minutes between two images of one instance.
    pub(super) interval: i64,
    /// Images in one day.
    pub(super) per_day: Option<i64>,
    /// The template for names.
    pub(super) name: Option<String>,
    /// Tags that are set.
    pub(super) tags: BTreeMap<String, String>,
    /// Tags that are carried over.
    pub(super) carried: BTreeSet<String>,
    /// Devices that are left out.
    pub(super) left_out: BTreeSet<String>,
    /// Devices of which it is said whether their volumes are deleted.
    pub(super) deleted: BTreeMap<String, bool>,
}

/// The slots of a policy's schedule, by the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slots {
    at: At,
    /// Minutes over which instances are spread.
    pub(super) jitter: i64,
}

/// The times that people here write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Every half hour.
    HalfHours,
    /// Seven minutes past each hour.
    Sevens,
    /// A quarter past every other hour in India, which is five hours and a half ahead of UTC all
    /// the year.
    India,
}

impl At {
    /// Whether a minute, counted from 1970 in UTC, is one.
    fn is(self, minute: i64) -> bool {
        match self {
            At::HalfHours => minute % 30 == 0,
            At::Sevens => minute % 60 == 7,
            At::India => (minute + 330) % 60 == 15 && (minute + 330) / 60 % 24 % 2 == 0,
        }
    }
}

impl Slots {
    /// Whether a moment is a slot.
    pub(super) fn has(self, second: i64) -> bool {
        second.rem_euclid(60) == 0 && self.at.is(second.div_euclid(60))
    }

    /// Minutes between two of them.
    pub(super) fn apart(self) -> u32 {
        match self.at {
            At::HalfHours => 30,
            At::Sevens => 60,
            At::India => 120,
        }
    }

    /// The last slot at or before a moment.
    pub(super) fn before(self, second: i64) -> Option<i64> {
        let minute = second.div_euclid(60);
        (0..3 * 60)
            .map(|back| minute - back)
            .find(|minute| self.at.is(*minute))
            .map(|minute| minute * 60)
    }

    /// The schedules that people here write; any other cannot be used.
    fn of(schedule: &Value) -> Option<Self> {
        let cron: Vec<&str> =
            schedule["cron"].as_array()?.iter().filter_map(Value::as_str).collect();
        let zone = schedule["time_zone"].as_str().unwrap_or("UTC");
        let jitter = schedule["jitter_minutes"].as_i64().unwrap_or(0);
        let at = match (&cron[..], zone) {
            (["*/30 * * * *"], "UTC") => At::HalfHours,
            (["7 * * * *"], "UTC") => At::Sevens,
            (["15 */2 * * *"], "Asia/Kolkata") => At::India,
            _ => return None,
        };
        Some(Self { at, jitter })
    }
}

/// What is said of one Region alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Own {
    key: Option<String>,
    minutes: Option<i64>,
}

/// A destination as it stands in the list: a name, or an object with at least the name.
fn destination(item: &Value) -> Option<(String, Own)> {
    if let Some(name) = item.as_str() {
        return Some((name.to_owned(), Own::default()));
    }
    let own = Own {
        key: item["kms_key"].as_str().map(str::to_owned),
        minutes: item["within_minutes"].as_i64(),
    };
    Some((item["region"].as_str()?.to_owned(), own))
}

thread_local! {
    /// What each text asks for: people write the same few texts in every run.
    static READ: RefCell<BTreeMap<String, Option<Rc<Asked>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Texts that are kept read.
const KEPT_MAX: usize = 256;

/// What the text asks for; `None` if it cannot be used.
pub(super) fn read(text: &str) -> Option<Rc<Asked>> {
    READ.with_borrow_mut(|kept| {
        if let Some(asked) = kept.get(text) {
            return asked.clone();
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let asked = read_anew(text).map(Rc::new);
        kept.insert(text.to_owned(), asked.clone());
        asked
    })
}

fn read_anew(text: &str) -> Option<Asked> {
    let Value::Object(fields) = serde_json::from_str(text).ok()? else { return None };
    let known = [
        "description",
        "schedule",
        "create",
        "encrypt",
        "distribute",
        "share",
        "limits",
        "deadline_hours",
    ];
    if fields.keys().any(|field| !known.contains(&field.as_str())) {
        return None;
    }
    let list = |field: &str, name: &str| -> BTreeSet<String> {
        let values =
            fields.get(field).and_then(|value| value[name].as_array()).into_iter().flatten();
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let items = fields
        .get("distribute")
        .and_then(|value| value["regions"].as_array())
        .into_iter()
        .flatten();
    let create = fields.get("create").cloned().unwrap_or_default();
    let named = |field: &str| create[field].as_object().cloned().unwrap_or_default().into_iter();
    let asked = Asked {
        regions: items.map(destination).collect::<Option<_>>()?,
        minutes: fields.get("distribute").and_then(|value| value["within_minutes"].as_i64()),
        key: fields.get("encrypt").and_then(|value| value["kms_key"].as_str()).map(str::to_owned),
        friends: ["accounts", "organizations", "organizational_units"]
            .into_iter()
            .flat_map(|kind| list("share", kind))
            .collect(),
        reboot: create["reboot"] == Value::Bool(true),
        name: create["name"].as_str().map(str::to_owned),
        tags: named("tags")
            .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
            .collect(),
        carried: list("create", "carry_tags"),
        left_out: list("create", "exclude_devices"),
        deleted: named("delete_on_termination")
            .filter_map(|(key, value)| Some((key, value.as_bool()?)))
            .collect(),
        hours: fields.get("deadline_hours").map_or(Some(24), Value::as_i64)?,
        interval: fields
            .get("limits")
            .and_then(|value| value["interval_minutes"].as_i64())
            .unwrap_or(0),
        per_day: fields.get("limits").and_then(|value| value["images_per_day"].as_i64()),
        slots: match fields.get("schedule") {
            Some(schedule) => Some(Slots::of(schedule)?),
            None => None,
        },
    };
    let sharable = asked.friends.is_empty() || asked.key.is_some();
    let times: Vec<i64> =
        asked.regions.values().filter_map(|own| own.minutes).chain(asked.minutes).collect();
    let possible =
        times.iter().all(|minutes| minutes % 15 == 0 && (15..asked.hours * 60).contains(minutes));
    let placeholders = ["{policy}", "{instance}", "{slot}", "{date}", "{tag:Name}"];
    let rest = |name: &String| {
        placeholders.iter().fold(name.clone(), |rest, known| rest.replace(known, ""))
    };
    let namable = asked.name.iter().all(|name| !rest(name).contains(['{', '}']));
    (sharable && possible && namable && (1..=168).contains(&asked.hours)).then_some(asked)
}

impl Asked {
    /// Whether the stack allows it.
    pub(super) fn is_within(&self, bounds: &Bounds) -> bool {
        let regions = self
            .regions
            .keys()
            .all(|name| bounds.regions.iter().any(|region| region.as_str() == name));
        let friends = self.friends.iter().all(|friend| knows(bounds, friend));
        let mut keys =
            self.key.iter().chain(self.regions.values().filter_map(|own| own.key.as_ref()));
        let keys = keys.all(|alias| bounds.keys.iter().any(|key| key.as_str() == alias));
        let ours = |key: &String| key.to_lowercase().starts_with("amiline:");
        regions && friends && keys && !self.tags.keys().chain(&self.carried).any(ours)
    }

    /// The key for what is in a Region.
    pub(super) fn key_in(&self, place: &str) -> Option<&String> {
        self.regions.get(place).and_then(|own| own.key.as_ref()).or(self.key.as_ref())
    }

    /// The time for a copy to a Region.
    pub(super) fn minutes_to(&self, place: &str) -> Option<i64> {
        self.regions.get(place).and_then(|own| own.minutes.or(self.minutes))
    }
}

/// Whether the stack allows sharing with them.
pub(super) fn knows(bounds: &Bounds, friend: &str) -> bool {
    bounds.accounts.iter().any(|account| account.as_str() == friend)
        || bounds.organizations.iter().any(|organization| organization.as_str() == friend)
        || bounds.organizational_units.iter().any(|unit| unit.as_str() == friend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::{POLICIES, SCHEDULES};

    #[test]
    fn the_naive_reading_and_the_products_agree_on_the_policies_that_people_use() {
        for (name, text) in POLICIES.into_iter().chain(SCHEDULES) {
            let naive = read(text);
            let product = amiline_domain::policy::Policy::parse(text);
            assert_eq!(naive.is_some(), product.is_ok(), "{name}");
            if let (Some(naive), Ok(product)) = (naive, product) {
                assert_eq!(naive.reboot, product.create.reboot, "{name}");
                assert_eq!(naive.hours, i64::from(product.deadline_hours), "{name}");
                let limits = product.limits;
                assert_eq!(
                    naive.interval,
                    limits.interval_minutes.map_or(0, |minutes| i64::from(minutes.get())),
                    "{name}"
                );
                assert_eq!(
                    naive.per_day,
                    limits.images_per_day.map(|images| i64::from(images.get())),
                    "{name}"
                );
                let regions: Vec<String> =
                    product.distribute.regions.regions().map(ToString::to_string).collect();
                assert_eq!(naive.regions.keys().cloned().collect::<Vec<_>>(), regions, "{name}");
                for place in product.distribute.regions.regions() {
                    let key = product.key_in(place).map(ToString::to_string);
                    let minutes = product.minutes_to(place).map(|minutes| i64::from(minutes.get()));
                    let naive =
                        (naive.key_in(place.as_str()).cloned(), naive.minutes_to(place.as_str()));
                    assert_eq!(naive, (key, minutes), "{name} {place}");
                }
                let friends: BTreeSet<String> =
                    product.share.targets().iter().map(ToString::to_string).collect();
                assert_eq!(naive.friends, friends, "{name}");
                let create = product.create;
                assert_eq!(
                    naive.name.as_deref(),
                    create.name.as_ref().map(|name| name.as_str()),
                    "{name}"
                );
                assert!(
                    naive
                        .tags
                        .keys()
                        .map(String::as_str)
                        .eq(create.tags.keys().map(|key| key.as_str())),
                    "{name}"
                );
                assert!(
                    naive
                        .carried
                        .iter()
                        .map(String::as_str)
                        .eq(create.carry_tags.iter().map(|key| key.as_str())),
                    "{name}"
                );
                let left_out = create.exclude_devices.iter().map(ToString::to_string).collect();
                assert_eq!(naive.left_out, left_out, "{name}");
                assert_eq!(naive.deleted.len(), create.delete_on_termination.len(), "{name}");
                let table = product.schedule.as_ref().and_then(|schedule| schedule.timetable());
                assert_eq!(naive.slots.is_some(), table.is_some(), "{name}");
                let Some((naive, table)) = naive.slots.zip(table) else { continue };
                let mut slot =
                    table.next(jiff::Timestamp::from_second(1_795_521_600).unwrap()).unwrap();
                for _ in 0..100 {
                    let next = table.next(slot.timestamp()).unwrap();
                    let minutes = slot.second() / 60 + 1..next.second() / 60;
                    assert!(
                        naive.has(slot.second()) && !minutes.into_iter().any(|m| naive.has(m * 60)),
                        "{name}"
                    );
                    slot = next;
                }
            }
        }
    }
}
