//! What must hold at every call that changes something in EC2.

use super::Check;
use super::oracle::{Oracle, Told};
use super::truth::{self, Asked};
use crate::diary::Diary;
use amiline_app::ports::CallError;
use amiline_domain::family::{ImageRole, RowState};
use amiline_domain::fault::Fault;
use amiline_domain::ids::{FamilyId, ImageId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::name::ImageName;
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep, TagStep};
use amiline_domain::press::PressState;
use amiline_domain::target::ShareTarget;
use amiline_domain::time::seconds_between;
use amiline_fakecloud::{FakeCloud, Happening, Refused};
use std::collections::BTreeSet;

/// Codes with which EC2 says that a call is put together wrongly.
const OUR_FAULT: [&str; 6] = [
    "IdempotentParameterMismatch",
    "InvalidClientToken",
    "InvalidAMIName.Malformed",
    "InvalidParameterValue",
    "MissingParameter",
    "ValidationException",
];

impl Oracle {
    /// The kill switch, before any change in EC2.
    pub(super) fn may_change(&mut self, happening: &Happening, call: &str) {
        let read = self.shown.entry(happening.invocation).or_default().switch_off_at;
        let fresh = read.is_some_and(|at| seconds_between(at, happening.at) <= 60);
        self.hold(Check::KillSwitchStops, fresh, || {
            format!("{call} at {}; the switch was read as off: {read:?}", happening.at)
        });
    }

    /// The lease, before anything is done on a family's behalf.
    pub(super) fn works_on(&mut self, cloud: &FakeCloud, happening: &Happening, family: &FamilyId) {
        let me = format!("invocation-{}", happening.invocation);
        let lease = cloud.lease_of(family);
        let mine = lease.as_ref().is_some_and(|lease| lease.holder == me);
        self.hold(Check::OneWorker, mine, || {
            format!("{me} acts on {family}, and its lease is {lease:?}")
        });
        let Some(told) = self.told.get_mut(family) else { return };
        let before = told.workers.last().copied();
        if before != Some(happening.invocation) {
            let back = told.workers.contains(&happening.invocation);
            told.workers.push(happening.invocation);
            let alive = before
                .is_some_and(|before| self.shown.get(&before).is_some_and(|shown| shown.alive));
            self.hold(Check::OneWorker, !(back && alive), || {
                format!("{me} and {before:?} act on {family} in turns")
            });
        }
    }

    pub(super) fn works_on_instance(
        &mut self,
        cloud: &FakeCloud,
        happening: &Happening,
        step: &TagStep,
    ) {
        let me = format!("invocation-{}", happening.invocation);
        let repeats = self.repeats_on(happening, &step.region, &step.instance).is_some();
        let holds = repeats || cloud.holds_lease(&step.region, &step.instance, &me);
        self.hold(Check::OneWorker, holds, || {
            format!("{me} tags {} and holds none of its families", step.instance)
        });
    }

    pub(super) fn allows(&mut self, happening: &Happening, place: &Region) {
        let allowed = self
            .stack_of(happening.invocation)
            .is_some_and(|stack| stack.bounds.regions.contains(place));
        self.hold(Check::PlacesWithinBounds, allowed, || {
            format!("an image is made in {place}, which is not allowed")
        });
    }

    pub(super) fn see_created(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        step: &CreateStep,
        image: &ImageId,
    ) {
        self.may_change(happening, "CreateImage");
        self.allows(happening, &step.region);
        let bare = cloud.born_untagged(&step.region, image);
        self.hold(Check::TaggedFromBirth, bare.is_empty(), || {
            format!("made without our tags: {bare:?}")
        });
        let family = step.tags.get("amiline:family").and_then(|id| FamilyId::new(id.as_str()).ok());
        let Some(family) = family else { return };
        self.works_on(cloud, happening, &family);
        let Some(told) = self.told.get_mut(&family) else {
            return self.violate(
                Check::PressWasSeen,
                format!("{image} is made for {family}, which never began"),
            );
        };
        let earlier = told.sources.clone();
        let retried = told.retried;
        told.sources.push(image.clone());
        let reboot = told.asked.as_ref().is_some_and(|asked| asked.reboot);
        let rebooted = step.reboot;
        if !self.lax_names {
            // An image whose tags a person took off cannot be told from a stranger's any more.
            let over = earlier
                .iter()
                .all(|id| self.is_over(cloud, &step.region, id) || diary.touched(&step.region, id));
            self.hold(Check::OneCreate, over, || {
                format!("{image} is made for {family} beside {earlier:?}")
            });
        }
        self.hold(Check::RebootsByPolicyOnly, rebooted == reboot, || {
            format!("{family}: reboot is {rebooted}")
        });
        let disowned = earlier.iter().filter(|id| diary.touched(&step.region, id)).count();
        let bounded = self.lax_names || earlier.len() <= retried + disowned;
        self.hold(Check::BoundedEffects, bounded, || {
            format!("{family} made {} images", earlier.len() + 1)
        });
        self.is_meant(cloud, &family, &ImageRole::Source, &step.name);
        let instance = cloud.instance_now(&step.region, &step.instance);
        let of = instance
            .volumes
            .iter()
            .map(|volume| (volume.device.to_string(), volume.delete_on_termination));
        self.look_at_making(cloud, &family, &cloud.image(&step.region, image), &of.collect());
    }

    /// The record announced this very call before it was made; the attempt that it belongs to.
    fn is_meant(
        &mut self,
        cloud: &FakeCloud,
        family: &FamilyId,
        place: &ImageRole,
        name: &ImageName,
    ) -> u32 {
        let row = cloud.family(family).and_then(|family| family.rows.get(place).cloned());
        let meant = row.as_ref().is_some_and(|row| {
            row.state == RowState::Calling && row.image.is_none() && row.name == *name
        });
        self.hold(Check::IntentFirst, meant, || {
            format!("{name} is asked for, and the record says {row:?}")
        });
        row.map_or(0, |row| row.attempt)
    }

    /// Whether an image is gone for good, and somebody was shown that.
    pub(super) fn is_over(&self, cloud: &FakeCloud, place: &Region, id: &ImageId) -> bool {
        match cloud.image_state(place, id) {
            Some(ImageState::Failed) => self.failed_seen.contains(&(place.clone(), id.clone())),
            Some(ImageState::Deregistered) | None => true,
            Some(
                ImageState::Pending
                | ImageState::Available
                | ImageState::Disabled
                | ImageState::Transient,
            ) => false,
        }
    }

    pub(super) fn see_copied(
        &mut self,
        cloud: &FakeCloud,
        happening: &Happening,
        step: &CopyStep,
        image: &ImageId,
        new: bool,
    ) {
        self.may_change(happening, "CopyImage");
        self.allows(happening, &step.destination);
        let source = (step.source_region.clone(), step.source.clone());
        let ours =
            self.shown.get(&happening.invocation).is_some_and(|shown| shown.ours.contains(&source));
        self.hold(Check::OwnImagesOnly, ours, || {
            format!("{} is copied and was not seen to be ours", step.source)
        });
        let family = step.tags.get("amiline:family").and_then(|id| FamilyId::new(id.as_str()).ok());
        if let Some(family) = &family {
            self.works_on(cloud, happening, family);
            let attempt = self.is_meant(
                cloud,
                family,
                &ImageRole::Copy(step.destination.clone()),
                &step.name,
            );
            let meant = (family.clone(), step.destination.clone(), attempt, step.name.to_string());
            let one =
                *self.tokens.entry(step.client_token.clone()).or_insert_with(|| meant.clone())
                    == meant
                    && *self.asked_with.entry(meant).or_insert_with(|| step.client_token.clone())
                        == step.client_token;
            self.hold(Check::IntentFirst, one, || {
                format!("token {} stands for two calls", step.client_token)
            });
        }
        if !new {
            return;
        }
        let bare = cloud.born_untagged(&step.destination, image);
        self.hold(Check::TaggedFromBirth, bare.is_empty(), || {
            format!("made without our tags: {bare:?}")
        });
        let Some(told) = family.as_ref().and_then(|family| self.told.get_mut(family)) else {
            return self.violate(Check::OneCopy, format!("{image} is a copy for no family"));
        };
        let copies = told.copies.entry(step.destination.clone()).or_default();
        let earlier = copies.clone();
        copies.push(image.clone());
        let asked = told.asked.clone().unwrap_or_default();
        let twin = !told.sources.contains(&step.source);
        let over = earlier.iter().all(|id| self.is_over(cloud, &step.destination, id));
        self.hold(Check::OneCopy, over, || {
            format!("{image} copies {} beside {earlier:?}", step.source)
        });
        self.hold(Check::TwinsLeftAlone, !twin, || {
            format!("{} was not made for its family, and is copied", step.source)
        });
        let home = step.destination == step.source_region;
        let wanted = home || asked.regions.contains_key(step.destination.as_str());
        self.hold(Check::BoundedEffects, wanted, || {
            format!("a copy to {}, which nobody asked for", step.destination)
        });
        let minutes = step.within_minutes.map(|minutes| i64::from(minutes.get()));
        let in_time = minutes == asked.minutes_to(step.destination.as_str());
        self.hold(Check::BoundedEffects, in_time, || {
            format!("{image} is given {minutes:?} minutes, which nobody asked for")
        });
        self.look_at_keys(cloud, step, image, &asked);
        if let Some(family) = &family {
            let of = super::making::devices(&cloud.image(&step.source_region, &step.source));
            self.look_at_making(cloud, family, &cloud.image(&step.destination, image), &of);
        }
    }

    pub(super) fn look_at_keys(
        &mut self,
        cloud: &FakeCloud,
        step: &CopyStep,
        image: &ImageId,
        asked: &Asked,
    ) {
        let from = cloud.keys_of_image(&step.source_region, &step.source);
        let to = cloud.keys_of_image(&step.destination, image);
        let never_less = from.iter().zip(&to).all(|(from, to)| from.is_none() || to.is_some());
        let wanted = asked.key_in(step.destination.as_str());
        let key = wanted.and_then(|alias| cloud.key_arn(&step.destination, alias));
        // Without the key the copy is made and fails; what it would be encrypted under does not
        // matter then.
        let as_asked = wanted.is_none() || key.is_none() || to.iter().all(|to| *to == key);
        let named = step.kms_key.as_ref().map(ToString::to_string).as_ref() == wanted;
        self.hold(Check::NeverLessEncrypted, never_less && as_asked && named, || {
            format!("{image} is under {to:?}, its source under {from:?}, and the policy asks for {wanted:?}")
        });
    }

    pub(super) fn see_shared(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        step: &ShareStep,
        changed: bool,
    ) {
        self.may_change(happening, "ModifyImageAttribute");
        let at = (step.region.clone(), step.image.clone());
        let shown = self.shown.get(&happening.invocation);
        let ours = shown.is_some_and(|shown| shown.ours.contains(&at));
        self.hold(Check::OwnImagesOnly, ours, || {
            format!("{} is shared and was not seen to be ours", step.image)
        });
        let stack = self.stack_of(happening.invocation);
        let allowed = stack.is_some_and(|stack| {
            !step.targets.is_empty()
                && step.targets.iter().all(|target| truth::knows(&stack.bounds, target.as_str()))
        });
        self.hold(Check::SharesWithinBounds, allowed, || {
            format!("{} is shared with {:?}", step.image, step.targets)
        });
        let family = cloud.family_of(&step.region, &step.image);
        if let Some(family) = &family {
            self.works_on(cloud, happening, family);
            let made =
                self.told.get(family).is_some_and(|told| told.has(&step.region, &step.image));
            self.hold(Check::TwinsLeftAlone, made, || {
                format!("{} was not made by us, and is shared", step.image)
            });
            let asked = self.told.get(family).and_then(|told| told.asked.as_ref());
            let named = asked.is_some_and(|asked| {
                let friends: BTreeSet<&str> = asked.friends.iter().map(String::as_str).collect();
                let targets: BTreeSet<&str> =
                    step.targets.iter().map(ShareTarget::as_str).collect();
                // Where EC2 refuses one of them, the others are asked for without it.
                targets == friends || (!diary.closed.is_empty() && targets.is_subset(&friends))
            });
            self.hold(Check::BoundedEffects, named, || {
                format!(
                    "{} is shared with {:?}, and the policy names others",
                    step.image, step.targets
                )
            });
        }
        if changed {
            let changes = self.share_changes.entry(at.clone()).or_insert(0);
            *changes += 1;
            let changes = *changes;
            let once = changes == 1 || diary.touched(&at.0, &at.1) || !diary.closed.is_empty();
            self.hold(Check::BoundedEffects, once, || {
                format!("{} was shared {changes} times", step.image)
            });
        }
    }

    pub(super) fn see_removed(
        &mut self,
        cloud: &FakeCloud,
        diary: &mut Diary,
        happening: &Happening,
        step: &TagStep,
        changed: bool,
    ) {
        self.may_change(happening, "DeleteTags");
        self.works_on_instance(cloud, happening, step);
        if !changed {
            return;
        }
        let press = cloud.press_of(&step.region, &step.instance);
        let answered = press
            .is_some_and(|press| matches!(&press.state, PressState::Answered { value, .. } if *value == step.value));
        let repeat = self.repeats_on(happening, &step.region, &step.instance);
        let again = repeat.is_some_and(|repeat| repeat.removes(&step.value));
        self.hold(Check::AnswerBeforeRemoval, answered || again, || {
            format!("{}={} was removed", step.key, step.value)
        });
        if let Some(pressed) = diary.standing(&step.region, &step.instance) {
            pressed.removed = Some(happening.at);
        }
    }

    pub(super) fn see_refused(&mut self, diary: &Diary, call: &Refused, error: &CallError) {
        // Only a volume that somebody took away meanwhile can be named in vain.
        let taken_away = match call {
            Refused::Create(step) => {
                diary.detached.contains(&(step.region.clone(), step.instance.clone()))
            }
            Refused::Copy(_) | Refused::Share(_) | Refused::Tag(_) => false,
        };
        let named_in_vain = error.code == "InvalidBlockDeviceMapping" && !taken_away;
        let badly_put = OUR_FAULT.contains(&error.code.as_str()) || named_in_vain;
        self.hold(Check::CallsAreWellFormed, !badly_put, || format!("{call:?}: {error}"));
        if let Refused::Tag(step) = call
            && step.key == "amiline:status"
        {
            self.status_refused.insert((step.region.clone(), step.instance.clone()));
        }
        // A name that is taken is no end: its holder is looked at, or another name is tried.
        if matches!(error.fault, Fault::Later | Fault::Unknown)
            || error.code == "InvalidAMIName.Duplicate"
        {
            return;
        }
        let (action, tags, place) = match call {
            Refused::Create(step) => ("create", &step.tags, &step.region),
            Refused::Copy(step) => ("copy", &step.tags, &step.destination),
            Refused::Share(step) => {
                // One that is closed excuses nothing for the others.
                let of_one = error.code == "InvalidAMIAttributeItemValue";
                if of_one && step.targets.iter().any(|target| diary.closed.contains(target)) {
                    return;
                }
                let of = |told: &&mut Told| told.has(&step.region, &step.image);
                if let Some(told) = self.told.values_mut().find(of) {
                    told.refused.insert(("share", step.region.clone()));
                }
                return;
            }
            Refused::Tag(_) => return,
        };
        let family = tags.get("amiline:family").and_then(|id| FamilyId::new(id.as_str()).ok());
        if let Some(told) = family.and_then(|family| self.told.get_mut(&family)) {
            told.refused.insert((action, place.clone()));
        }
    }
}
