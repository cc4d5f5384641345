//! Whether a new press leads to an image, or to an answer that says why not.

use crate::bounds::Bounds;
use crate::budget::{Budget, DayCount};
use crate::escape::{in_quotes, one_line};
use crate::ids::{InvalidId, PolicyName, Region};
use crate::image::{ObservedInstance, RootDevice};
use crate::policy::{InForce, Policy, PolicyError, PolicyRef, PolicyTexts, Prepared};
use crate::press::{Press, too_soon};
use crate::reason::Rejection;
use crate::tags::TagKeys;
use jiff::Timestamp;
use std::num::NonZeroU32;
use std::sync::Arc;

fn unknown(name: &PolicyName, read: &PolicyRead) -> Rejection {
    Rejection::UnknownPolicy { policy: name.clone(), near: read.near.clone() }
}

/// A press that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The policy as it is in force now; the family keeps it.
    pub policy: Policy,
    /// Its identity.
    pub policy_ref: PolicyRef,
    /// Its text.
    pub text: String,
    /// The hour's count with this image in it.
    pub budget: Budget,
    /// The policy's day with this image in it, if the policy limits days.
    pub day: Option<DayCount>,
}

/// The tag's value and what Parameter Store has under that name.
#[derive(Debug, Clone, Copy)]
pub struct Requested<'a> {
    /// The tag's value.
    pub value: &'a str,
    /// What was read under that name.
    pub policy: &'a PolicyRead,
}

/// What an image of an instance counts against.
#[derive(Debug, Clone, Copy)]
pub struct Counts<'a> {
    /// The instance's button: it knows when the instance was imaged last.
    pub press: &'a Press,
    /// The account's hour.
    pub budget: &'a Budget,
}

/// Admits or refuses a new press.
pub fn admit(
    requested: Requested<'_>,
    instance: &ObservedInstance,
    counts: Counts<'_>,
    bounds: &Bounds,
    keys: &TagKeys,
    now: Timestamp,
) -> Result<Admission, Rejection> {
    let name = named_by(requested.value)
        .map_err(|bad| Rejection::BadValue(InvalidId { text: one_line(&bad.text, 40), ..bad }))?;
    let usable = usable(&name, requested.policy, &instance.region, bounds, keys)?;
    admit_under(usable, instance, counts, bounds, now)
}

/// The policy that a button's value names. Spaces around it are nobody's intent, as with the tag of
/// the schedule.
pub fn named_by(value: &str) -> Result<PolicyName, InvalidId> {
    PolicyName::new(value.trim())
}

/// A policy as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyRead {
    /// Its texts.
    pub texts: PolicyTexts,
    /// The policy whose name is nearest, if there is none of this name.
    pub near: Option<PolicyName>,
    /// The images under it of the day. Read only if the version in force has such a limit.
    pub day: DayCount,
}

impl PolicyRead {
    /// A policy of which only the newest text is known.
    pub fn newest(text: Option<&str>) -> Self {
        Self { texts: PolicyTexts::newest(text), ..Self::default() }
    }

    /// The policy that a request names, if there is one of that name, whatever is wrong with it.
    pub fn named(&self, requested: &str) -> Option<PolicyName> {
        self.texts.newest.as_ref().and_then(|_| named_by(requested).ok())
    }

    /// Whether the day's count has to be known.
    pub fn needs_day(&self) -> bool {
        let force = self.texts.in_force().and_then(Result::ok);
        force.is_some_and(|force| force.policy.limits.images_per_day.is_some())
    }
}

/// A policy that may be used, with what is counted under it.
#[derive(Debug, Clone)]
pub(crate) struct Usable<'a> {
    pub(crate) policy: Arc<Prepared>,
    name: &'a PolicyName,
    text: &'a str,
    day: &'a DayCount,
}

/// A policy that instances of a Region may be imaged under, whatever the moment.
pub(crate) fn usable<'a>(
    name: &'a PolicyName,
    read: &'a PolicyRead,
    region: &Region,
    bounds: &Bounds,
    keys: &TagKeys,
) -> Result<Usable<'a>, Rejection> {
    if !bounds.regions.contains(region) {
        return Err(Rejection::RegionNotAllowed { region: region.clone() });
    }
    let force = read.texts.in_force().ok_or_else(|| unknown(name, read))?;
    let invalid = |error: PolicyError| Rejection::InvalidPolicy {
        policy: name.clone(),
        problem: error.to_string(),
    };
    let InForce { policy, text, .. } = force.map_err(invalid)?;
    policy
        .check(bounds, keys)
        .map_err(|beyond| Rejection::BeyondBounds { policy: name.clone(), beyond })?;
    Ok(Usable { policy, name, text, day: &read.day })
}

/// Why no image of the instance can be made under the policy, as the instance is. One that is
/// pending is not unfit: it is waited for.
pub(crate) fn unfit(
    policy: &Policy,
    name: &PolicyName,
    instance: &ObservedInstance,
) -> Option<Rejection> {
    if instance.state.is_gone() {
        return Some(Rejection::Terminated);
    }
    if instance.root_device == RootDevice::InstanceStore {
        return Some(Rejection::InstanceStoreRoot);
    }
    if let Some(root) =
        instance.root_name.as_ref().filter(|root| policy.create.exclude_devices.contains(*root))
    {
        return Some(Rejection::RootLeftOut { policy: name.clone(), device: root.clone() });
    }
    let group = instance.auto_scaling_group().filter(|_| policy.create.reboot)?;
    Some(Rejection::AutoScalingMember { policy: name.clone(), group: in_quotes(group, 100) })
}

/// Admits or refuses an image of the instance now, under a policy that is usable.
pub(crate) fn admit_under(
    usable: Usable<'_>,
    instance: &ObservedInstance,
    counts: Counts<'_>,
    bounds: &Bounds,
    now: Timestamp,
) -> Result<Admission, Rejection> {
    let Usable { policy, name, text, day } = usable;
    if let Some(unfit) = unfit(&policy, name, instance) {
        return Err(unfit);
    }
    if let Some(free) = too_soon(counts.press, policy.interval_minutes(bounds), now) {
        return Err(Rejection::TooSoon { free });
    }
    let day = match policy.limits.images_per_day.map(NonZeroU32::get) {
        None => None,
        Some(max) => Some(day.take(now, max).map_err(|free| Rejection::DailyLimit {
            policy: name.clone(),
            max,
            free,
        })?),
    };
    let per_hour = bounds.images_per_hour_max;
    let budget = counts.budget.take(now, per_hour).ok_or_else(|| Rejection::HourlyLimit {
        max: per_hour,
        free: counts.budget.free_at(now, per_hour),
    })?;
    let policy_ref = PolicyRef { name: name.clone(), hash: Policy::hash(text).into() };
    Ok(Admission {
        policy: policy.policy().clone(),
        policy_ref,
        text: text.to_owned(),
        budget,
        day,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DeviceName, InstanceId, TagPrefix};
    use crate::image::InstanceState;
    use std::collections::{BTreeMap, BTreeSet};

    fn bounds() -> Bounds {
        Bounds {
            regions: BTreeSet::from([Region::new("us-east-1").unwrap()]),
            accounts: BTreeSet::new(),
            organizations: BTreeSet::new(),
            organizational_units: BTreeSet::new(),
            keys: BTreeSet::new(),
            images_per_hour_max: 2,
            interval_minutes_min: 10,
        }
    }

    fn instance() -> ObservedInstance {
        ObservedInstance {
            id: InstanceId::new("i-0123456789abcdef0").unwrap(),
            region: Region::new("us-east-1").unwrap(),
            state: InstanceState::Running,
            hibernation: false,
            root_device: RootDevice::Ebs,
            root_name: Some(DeviceName::new("/dev/xvda").unwrap()),
            devices: ["/dev/xvda", "/dev/sdf"].map(|name| DeviceName::new(name).unwrap()).into(),
            tags: BTreeMap::new(),
        }
    }

    fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn code(
        value: &str,
        text: Option<&str>,
        instance: &ObservedInstance,
        press: &Press,
        budget: &Budget,
    ) -> &'static str {
        let keys = TagKeys::new(TagPrefix::new("images").unwrap());
        let policy = PolicyRead::newest(text);
        match admit(
            Requested { value, policy: &policy },
            instance,
            Counts { press, budget },
            &bounds(),
            &keys,
            now(),
        ) {
            Ok(_) => "admitted",
            Err(rejection) => rejection.code(),
        }
    }

    #[test]
    fn each_reason_has_its_answer() {
        let press = Press::untouched();
        let budget = Budget::default();
        let ok = instance();
        assert_eq!(code("default", Some("{}"), &ok, &press, &budget), "admitted");
        assert_eq!(code(" default ", Some("{}"), &ok, &press, &budget), "admitted");
        assert_eq!(code("a\nb", Some("{}"), &ok, &press, &budget), "bad-value");
        assert_eq!(code("nope", None, &ok, &press, &budget), "unknown-policy");
        assert_eq!(code("default", Some("{"), &ok, &press, &budget), "invalid-policy");
        let far = r#"{"distribute":{"regions":["eu-west-1"]}}"#;
        assert_eq!(code("default", Some(far), &ok, &press, &budget), "beyond-bounds");
        let owner = r#"{"create":{"tags":{"Images:managed-by":"us"}}}"#;
        assert_eq!(code("default", Some(owner), &ok, &press, &budget), "beyond-bounds");
        let rootless = r#"{"create":{"exclude_devices":["/dev/xvda"]}}"#;
        assert_eq!(code("default", Some(rootless), &ok, &press, &budget), "root-left-out");
        let other_root = ObservedInstance {
            root_name: Some(DeviceName::new("/dev/sda1").unwrap()),
            ..instance()
        };
        assert_eq!(code("default", Some(rootless), &other_root, &press, &budget), "admitted");
        for gone in [InstanceState::ShuttingDown, InstanceState::Terminated] {
            let gone = ObservedInstance { state: gone, ..instance() };
            assert_eq!(code("default", Some("{}"), &gone, &press, &budget), "terminated");
        }
        for there in [InstanceState::Pending, InstanceState::Stopping, InstanceState::Stopped] {
            let there = ObservedInstance { state: there, ..instance() };
            assert_eq!(
                code("default", Some("{}"), &there, &press, &budget),
                "admitted",
                "{:?}",
                there.state
            );
        }
        let tags = [("aws:autoscaling:groupName".to_owned(), "shop".to_owned())].into();
        let member = ObservedInstance { tags, ..instance() };
        let reboots = r#"{"create":{"reboot":true}}"#;
        assert_eq!(code("default", Some(reboots), &member, &press, &budget), "auto-scaling-member");
        assert_eq!(code("default", Some("{}"), &member, &press, &budget), "admitted");
        assert_eq!(code("default", Some(reboots), &ok, &press, &budget), "admitted");
        let store = ObservedInstance { root_device: RootDevice::InstanceStore, ..instance() };
        assert_eq!(code("default", Some("{}"), &store, &press, &budget), "instance-store-root");
        let elsewhere =
            ObservedInstance { region: Region::new("eu-west-1").unwrap(), ..instance() };
        assert_eq!(code("default", Some("{}"), &elsewhere, &press, &budget), "region-not-allowed");
        let recent = Press {
            last_image_slot: Some(crate::time::Slot::next(
                "2026-11-24T11:55:00Z".parse().unwrap(),
                None,
            )),
            ..Press::untouched()
        };
        assert_eq!(code("default", Some("{}"), &ok, &recent, &budget), "too-soon");
        let slow = r#"{"limits":{"interval_minutes":30}}"#;
        let earlier = Press {
            last_image_slot: Some(crate::time::Slot::next(
                "2026-11-24T11:31:00Z".parse().unwrap(),
                None,
            )),
            ..Press::untouched()
        };
        assert_eq!(code("default", Some("{}"), &ok, &earlier, &budget), "admitted");
        assert_eq!(code("default", Some(slow), &ok, &earlier, &budget), "too-soon");
        let full = budget.take(now(), 9).unwrap().take(now(), 9).unwrap();
        assert_eq!(code("default", Some("{}"), &ok, &press, &full), "hourly-limit");
        let said = Rejection::HourlyLimit { max: 2, free: full.free_at(now(), 2) }.to_string();
        assert!(
            said.ends_with(
                "2 images per hour for this stack; tag again after 2026-11-24T13:05:00Z"
            ),
            "{said}"
        );
    }

    #[test]
    fn a_policys_day_holds_so_many_images_of_all_instances_together() {
        let keys = TagKeys::new(TagPrefix::new("images").unwrap());
        let mut policy = PolicyRead::newest(Some(r#"{"limits":{"images_per_day":1}}"#));
        assert!(policy.needs_day() && !PolicyRead::newest(Some("{}")).needs_day());
        let admit = |policy: &PolicyRead| {
            let (press, budget) = (Press::untouched(), Budget::default());
            let counts = Counts { press: &press, budget: &budget };
            admit(
                Requested { value: "default", policy },
                &instance(),
                counts,
                &bounds(),
                &keys,
                now(),
            )
        };
        policy.day = admit(&policy).unwrap().day.expect("the day is counted");
        let full = admit(&policy).unwrap_err();
        assert_eq!(full.code(), "daily-limit");
        assert!(
            full.to_string().contains("1 images a day")
                && full.to_string().contains("2026-11-25T00:00:00Z"),
            "{full}"
        );
    }

    #[test]
    fn a_text_that_is_no_policy_leaves_the_version_before_it_in_force() {
        let keys = TagKeys::new(TagPrefix::new("images").unwrap());
        let earlier =
            crate::policy::EarlierText { version: 1, text: r#"{"deadline_hours":3}"#.to_owned() };
        let texts = PolicyTexts { newest: Some("{".to_owned()), earlier: vec![earlier] };
        let policy = PolicyRead { texts, ..PolicyRead::default() };
        let (press, budget) = (Press::untouched(), Budget::default());
        let counts = Counts { press: &press, budget: &budget };
        let requested = Requested { value: "default", policy: &policy };
        let admission = admit(requested, &instance(), counts, &bounds(), &keys, now()).unwrap();
        assert_eq!(
            (admission.policy.deadline_hours, admission.text.as_str()),
            (3, r#"{"deadline_hours":3}"#)
        );
        assert_eq!(admission.policy_ref.hash, Policy::hash(&admission.text).as_str());
    }
}
