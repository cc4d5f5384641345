//! What people did, as they remember it: the other half of the truth, next to the cloud's own.

use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, Region};
use amiline_domain::target::ShareTarget;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A tag that a person put on an instance, from then until somebody took it off.
#[derive(Debug, Clone)]
pub struct Pressed {
    /// Where.
    pub region: Region,
    /// On which instance.
    pub instance: InstanceId,
    /// Its value.
    pub value: String,
    /// Since when.
    pub at: Timestamp,
    /// When a person took it back or changed it.
    pub taken_back: Option<Timestamp>,
    /// When Amiline removed it.
    pub removed: Option<Timestamp>,
    /// The family that answers it.
    pub family: Option<FamilyId>,
}

impl Pressed {
    /// Whether the tag is still there.
    pub fn is_there(&self) -> bool {
        self.taken_back.is_none() && self.removed.is_none()
    }
}

/// An instance that a person enrolled in schedules, from then until somebody changed the tag.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// Where.
    pub region: Region,
    /// Which.
    pub instance: InstanceId,
    /// The tag's value.
    pub value: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub to: Option<Timestamp>,
}

impl Enrolled {
    /// The policies that the tag names.
    pub fn policies(&self) -> BTreeSet<&str> {
        self.value.split([',', ' ']).filter(|part| !part.is_empty()).collect()
    }

    /// Whether the tag names the policy.
    pub fn names(&self, policy: &str) -> bool {
        self.policies().contains(policy)
    }
}

/// A policy's text, from then on; `None`: there is none of the name.
#[derive(Debug, Clone)]
pub struct Written {
    /// Since when.
    pub at: Timestamp,
    /// The text.
    pub text: Option<String>,
}

/// What people did.
#[derive(Debug, Default)]
pub struct Diary {
    /// Presses, in order.
    pub presses: Vec<Pressed>,
    /// Enrolments in schedules, in order.
    pub enrolments: Vec<Enrolled>,
    /// The texts of each policy, in order.
    pub policies: BTreeMap<String, Vec<Written>>,
    /// Images on which a person laid hands: deregistered, disabled, enabled, unshared, untagged,
    /// forged.
    pub touched: BTreeSet<(Region, ImageId)>,
    /// How often a person shared an image, or took a share back.
    pub shared: BTreeMap<(Region, ImageId), usize>,
    /// Instances that were terminated, and when.
    pub terminated: BTreeMap<(Region, InstanceId), Timestamp>,
    /// Instances that were pending for longer than a press waits.
    pub never_ran_in_time: BTreeSet<(Region, InstanceId)>,
    /// Accounts that were closed: EC2 refuses to share with them.
    pub closed: BTreeSet<ShareTarget>,
    /// Instances from which a volume was detached.
    pub detached: BTreeSet<(Region, InstanceId)>,
    /// Where a key was disabled or deleted.
    pub keys_touched: BTreeSet<Region>,
    /// When the stack's bounds were changed, and to what.
    pub redeployed: Vec<(Timestamp, Bounds)>,
}

/// The newest text that is a policy; the newest of all if none is, and none if the policy was
/// deleted.
fn in_force<'a>(written: &'a [Written], is_policy: &dyn Fn(&str) -> bool) -> Option<&'a str> {
    let newest = written.last()?.text.as_deref()?;
    let since =
        written.iter().rposition(|written| written.text.is_none()).map_or(0, |place| place + 1);
    let mut kept = written[since..].iter().rev().filter_map(|written| written.text.as_deref());
    Some(kept.find(|text| is_policy(text)).unwrap_or(newest))
}

impl Diary {
    /// A person puts the tag on an instance; the same value again is no new press.
    pub fn press(&mut self, region: &Region, instance: &InstanceId, value: &str, at: Timestamp) {
        if let Some(before) = self.standing(region, instance) {
            if before.value == value {
                return;
            }
            before.taken_back = Some(at);
        }
        self.presses.push(Pressed {
            region: region.clone(),
            instance: instance.clone(),
            value: value.to_owned(),
            at,
            taken_back: None,
            removed: None,
            family: None,
        });
    }

    /// The press whose tag is on the instance.
    pub fn standing(&mut self, region: &Region, instance: &InstanceId) -> Option<&mut Pressed> {
        self.presses
            .iter_mut()
            .rev()
            .find(|pressed| pressed.region == *region && pressed.instance == *instance)
            .filter(|pressed| pressed.is_there())
    }

    /// A person enrols an instance, or changes in what; `None` takes the tag off.
    pub fn enrol(
        &mut self,
        region: &Region,
        instance: &InstanceId,
        value: Option<&str>,
        at: Timestamp,
    ) {
        let mut standing = self.enrolments.iter_mut().rev();
        let before = standing
            .find(|one| one.region == *region && one.instance == *instance && one.to.is_none());
        if before.as_ref().map(|one| one.value.as_str()) == value {
            return;
        }
        if let Some(before) = before {
            before.to = Some(at);
        }
        if let Some(value) = value {
            let (region, instance, value) = (region.clone(), instance.clone(), value.to_owned());
            self.enrolments.push(Enrolled { region, instance, value, from: at, to: None });
        }
    }

    /// The text that holds under the name now: the newest that is a policy, since there is one of
    /// the name.
    pub fn in_force_now(&self, name: &str, is_policy: &dyn Fn(&str) -> bool) -> Option<&str> {
        in_force(self.policies.get(name)?, is_policy)
    }

    /// Every text that held under the name at some moment of the span.
    pub fn in_force_between(
        &self,
        name: &str,
        from: Timestamp,
        to: Timestamp,
        is_policy: &dyn Fn(&str) -> bool,
    ) -> Vec<Option<&str>> {
        let Some(written) = self.policies.get(name) else { return vec![None] };
        let first = written.iter().rposition(|written| written.at <= from);
        let mut texts = Vec::new();
        for (place, _) in
            written.iter().enumerate().skip(first.unwrap_or(0)).filter(|(_, one)| one.at <= to)
        {
            texts.push(in_force(&written[..=place], is_policy));
        }
        if first.is_none() {
            texts.push(None);
        }
        texts
    }

    /// A policy is written or deleted.
    pub fn write_policy(&mut self, name: &str, text: Option<&str>, at: Timestamp) {
        let written = Written { at, text: text.map(str::to_owned) };
        self.policies.entry(name.to_owned()).or_default().push(written);
    }

    /// Every text that stood under the name at some moment of the span.
    pub fn policy_between(&self, name: &str, from: Timestamp, to: Timestamp) -> Vec<Option<&str>> {
        let Some(written) = self.policies.get(name) else { return vec![None] };
        let first = written.iter().rposition(|written| written.at <= from);
        let mut texts: Vec<Option<&str>> = written
            .iter()
            .skip(first.unwrap_or(0))
            .filter(|w| w.at <= to)
            .map(|w| w.text.as_deref())
            .collect();
        if first.is_none() {
            texts.push(None);
        }
        texts
    }

    /// Whether a person laid hands on the image.
    pub fn touched(&self, region: &Region, image: &ImageId) -> bool {
        self.touched.contains(&(region.clone(), image.clone()))
    }
}
