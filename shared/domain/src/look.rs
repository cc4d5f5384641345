//! Whether a new press leads to an image, or to an answer that says why not.

use crate::bounds::Bounds;
use crate::budget::Budget;
use crate::enrolment::BadSchedule;
use crate::escape::one_line;
use crate::ids::{DeviceName, InvalidId, PolicyName, Region};
use crate::image::{InstanceState, ObservedInstance, RootDevice};
use crate::policy::{BeyondBounds, Policy, PolicyError, PolicyRef};
use crate::press::{Press, too_soon};
use crate::tags::TagKeys;
use jiff::Timestamp;
use thiserror::Error;

/// Why a press is answered without an image. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The tag's value cannot be a policy's name.
    #[error("{0}")]
    BadValue(#[from] InvalidId),
    /// There is no such policy.
    #[error("there is no policy {0}; create it or tag with another name")]
    UnknownPolicy(PolicyName),
    /// The policy's text is not valid.
    #[error("policy {name}: {error}")]
    InvalidPolicy {
        /// Its name.
        name: PolicyName,
        /// What is wrong with it.
        error: PolicyError,
    },
    /// The policy asks for more than the stack allows.
    #[error("policy {name}: {error}")]
    BeyondBounds {
        /// Its name.
        name: PolicyName,
        /// What is beyond.
        error: BeyondBounds,
    },
    /// The instance is in a Region that the stack does not allow.
    #[error("Region {0} is not allowed for this stack; add it to AllowedRegions")]
    RegionNotAllowed(Region),
    /// The instance is shutting down or terminated.
    #[error("the instance is terminated")]
    Terminated,
    /// CreateImage needs an EBS root.
    #[error("the instance has an instance-store root; EC2 makes images of instances with an EBS root only")]
    InstanceStoreRoot,
    /// The tag of the schedule cannot be used as it is.
    #[error("{0}")]
    BadSchedule(#[from] BadSchedule),
    /// The policy has no schedule to follow.
    #[error("policy {0} has no schedule; give it one, or press for single images")]
    NoSchedule(PolicyName),
    /// The policy leaves out what the image starts from.
    #[error(
        "policy {name} leaves out {device}, which is this instance's root device: no image starts without it; take it out \
         of create.exclude_devices or tag with another policy"
    )]
    RootLeftOut {
        /// The policy's name.
        name: PolicyName,
        /// The root device.
        device: DeviceName,
    },
    /// Too many images were asked for in the last hour.
    #[error("over the limit of {0} images per hour for this stack; tag again later")]
    HourlyLimit(u32),
    /// The instance was imaged a short while ago.
    #[error("this instance may be imaged again at {0}; tag again then")]
    TooSoon(Timestamp),
}

impl Rejection {
    /// A short stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::BadValue(_) => "bad-value",
            Rejection::UnknownPolicy(_) => "unknown-policy",
            Rejection::InvalidPolicy { .. } => "invalid-policy",
            Rejection::BeyondBounds { .. } => "beyond-bounds",
            Rejection::RegionNotAllowed(_) => "region-not-allowed",
            Rejection::Terminated => "terminated",
            Rejection::InstanceStoreRoot => "instance-store-root",
            Rejection::BadSchedule(_) => "bad-schedule",
            Rejection::NoSchedule(_) => "no-schedule",
            Rejection::RootLeftOut { .. } => "root-left-out",
            Rejection::HourlyLimit(_) => "hourly-limit",
            Rejection::TooSoon(_) => "too-soon",
        }
    }
}

/// A press that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The policy as it is now; the family keeps it.
    pub policy: Policy,
    /// Its identity.
    pub policy_ref: PolicyRef,
    /// The hour's count with this press in it.
    pub budget: Budget,
}

/// The tag's value and the text that Parameter Store has under that name.
#[derive(Debug, Clone, Copy)]
pub struct Requested<'a> {
    /// The tag's value.
    pub value: &'a str,
    /// The policy's text; `None` if there is none of that name.
    pub text: Option<&'a str>,
}

/// Admits or refuses a new press.
pub fn admit(
    requested: Requested<'_>,
    instance: &ObservedInstance,
    press: &Press,
    budget: &Budget,
    bounds: &Bounds,
    keys: &TagKeys,
    now: Timestamp,
) -> Result<Admission, Rejection> {
    let name = PolicyName::new(requested.value)
        .map_err(|bad| Rejection::BadValue(InvalidId { text: one_line(&bad.text, 40), ..bad }))?;
    admit_under(usable(&name, requested.text, &instance.region, bounds, keys)?, instance, press, budget, bounds, now)
}

/// A policy that instances of a Region may be imaged under, whatever the moment.
pub(crate) fn usable(
    name: &PolicyName,
    text: Option<&str>,
    region: &Region,
    bounds: &Bounds,
    keys: &TagKeys,
) -> Result<(Policy, PolicyRef), Rejection> {
    if !bounds.regions.contains(region) {
        return Err(Rejection::RegionNotAllowed(region.clone()));
    }
    let text = text.ok_or_else(|| Rejection::UnknownPolicy(name.clone()))?;
    let policy = Policy::parse(text).map_err(|error| Rejection::InvalidPolicy { name: name.clone(), error })?;
    policy.check(bounds, keys).map_err(|error| Rejection::BeyondBounds { name: name.clone(), error })?;
    Ok((policy, PolicyRef { name: name.clone(), hash: Policy::hash(text) }))
}

/// Admits or refuses an image of the instance now, under a policy that is usable.
pub(crate) fn admit_under(
    (policy, policy_ref): (Policy, PolicyRef),
    instance: &ObservedInstance,
    press: &Press,
    budget: &Budget,
    bounds: &Bounds,
    now: Timestamp,
) -> Result<Admission, Rejection> {
    if instance.state == InstanceState::Gone {
        return Err(Rejection::Terminated);
    }
    if instance.root_device == RootDevice::InstanceStore {
        return Err(Rejection::InstanceStoreRoot);
    }
    if let Some(root) = instance.root_name.as_ref().filter(|root| policy.create.exclude_devices.contains(*root)) {
        return Err(Rejection::RootLeftOut { name: policy_ref.name, device: root.clone() });
    }
    if let Some(free) = too_soon(press, bounds, now) {
        return Err(Rejection::TooSoon(free));
    }
    let budget =
        budget.take(now, bounds.images_per_hour_max).ok_or(Rejection::HourlyLimit(bounds.images_per_hour_max))?;
    Ok(Admission { policy, policy_ref, budget })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{InstanceId, TagPrefix};
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
            state: InstanceState::Present,
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
        match admit(Requested { value, text }, instance, press, budget, &bounds(), &keys, now()) {
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
        assert_eq!(code("a\nb", Some("{}"), &ok, &press, &budget), "bad-value");
        assert_eq!(code("nope", None, &ok, &press, &budget), "unknown-policy");
        assert_eq!(code("default", Some("{"), &ok, &press, &budget), "invalid-policy");
        let far = r#"{"distribute":{"regions":["eu-west-1"]}}"#;
        assert_eq!(code("default", Some(far), &ok, &press, &budget), "beyond-bounds");
        let owner = r#"{"create":{"tags":{"Images:managed-by":"us"}}}"#;
        assert_eq!(code("default", Some(owner), &ok, &press, &budget), "beyond-bounds");
        let rootless = r#"{"create":{"exclude_devices":["/dev/xvda"]}}"#;
        assert_eq!(code("default", Some(rootless), &ok, &press, &budget), "root-left-out");
        let other_root = ObservedInstance { root_name: Some(DeviceName::new("/dev/sda1").unwrap()), ..instance() };
        assert_eq!(code("default", Some(rootless), &other_root, &press, &budget), "admitted");
        let gone = ObservedInstance { state: InstanceState::Gone, ..instance() };
        assert_eq!(code("default", Some("{}"), &gone, &press, &budget), "terminated");
        let store = ObservedInstance { root_device: RootDevice::InstanceStore, ..instance() };
        assert_eq!(code("default", Some("{}"), &store, &press, &budget), "instance-store-root");
        let elsewhere = ObservedInstance { region: Region::new("eu-west-1").unwrap(), ..instance() };
        assert_eq!(code("default", Some("{}"), &elsewhere, &press, &budget), "region-not-allowed");
        let recent = Press {
            last_image_slot: Some(crate::time::Slot::next("2026-11-24T11:55:00Z".parse().unwrap(), None)),
            ..Press::untouched()
        };
        assert_eq!(code("default", Some("{}"), &ok, &recent, &budget), "too-soon");
        let full = budget.take(now(), 9).unwrap().take(now(), 9).unwrap();
        assert_eq!(code("default", Some("{}"), &ok, &press, &full), "hourly-limit");
    }
}
