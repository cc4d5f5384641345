//! The naive model: what should exist now, from the presses, the policies' texts and what people
//! and EC2 did.
//!
//! It knows nothing of rows, attempts, leases or looks. For each family that was admitted it says
//! which images should be there, and excuses one that is missing only for a reason that is a fact:
//! EC2 refused it for good, it failed, its time ran out, a person laid hands on it, or the stack no
//! longer allows it.

use super::oracle::Told;
use super::truth::{Asked, knows};
use super::{Check, Oracle};
use crate::run::{OFF, Run};
use amiline_domain::bounds::Bounds;
use amiline_domain::family::Outcome;
use amiline_domain::ids::{FamilyId, ImageId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::target::ShareTarget;
use amiline_domain::time::seconds_between;
use amiline_fakecloud::{Image, Permission};
use jiff::Timestamp;

pub(super) fn look(run: &mut Run) {
    let families: Vec<(FamilyId, Told)> =
        run.oracle.told.iter().map(|(id, told)| (id.clone(), told.clone())).collect();
    for (id, told) in families {
        let problem = wrong_with(run, &id, &told);
        let check = if run.conditions.without_events() {
            Check::ConvergesWithoutEvents
        } else {
            Check::DesiredState
        };
        run.oracle
            .hold(check, problem.is_none(), || format!("{id}: {}", problem.unwrap_or_default()));
    }
}

/// What is not as it should be.
fn wrong_with(run: &Run, id: &FamilyId, told: &Told) -> Option<String> {
    let Some(asked) = told.asked.as_ref().filter(|_| !told.rejected) else {
        let made = told.sources.len() + told.copies.len();
        return (made > 0).then(|| format!("it was refused, and there are {made} images"));
    };
    let view = View { run, id, told, asked };
    let outcome = told.ended.last().map(|(_, outcome)| *outcome);
    let Some(source) = view.available(&told.region, &told.sources) else {
        if let Some(problem) = view.excuse_source() {
            return Some(problem);
        }
        let any_copy = told.copies.keys().any(|place| view.copy_in(place).is_some());
        let honest = outcome == Some(Outcome::Failed)
            || any_copy
            || view.touched_any()
            || view.ran_out_anywhere();

        return (!honest).then(|| format!("there is no image, and the outcome is {outcome:?}"));
    };
    if let Some(problem) = view.wrong_with(&source) {
        return Some(problem);
    }
    let mut missing = 0;
    for place in view.places(&source) {
        match view.copy_in(&place) {
            None => {
                missing += 1;
                if !view.excuses_copy(&place, &source) {
                    return Some(format!(
                        "there is no copy in {place}, and nothing excuses it ({outcome:?})"
                    ));
                }
            }
            Some(copy) => {
                if let Some(problem) = view.wrong_with(&copy) {
                    return Some(problem);
                }
                if !view.is_shared(&copy) {
                    missing += 1;
                    if !view.excuses_share(&copy) {
                        return Some(format!(
                            "{} in {place} is not shared, and nothing excuses it",
                            copy.id
                        ));
                    }
                }
            }
        }
    }
    let all = missing == 0 && view.is_shared_at_home(&source);
    let honest = match outcome {
        Some(Outcome::Complete) => all || view.touched_any() || view.keys_touched(&told.region),
        Some(Outcome::Partial) if !run.diary.closed.is_empty() => true,
        Some(Outcome::Partial) => {
            !all || view.touched_any() || view.refused_any() || view.ran_out_anywhere()
        }
        // The end came before the image did, or the image was given up by hand.
        Some(Outcome::Failed) => {
            view.touched_any() || view.ran_out_anywhere() || view.refused_any()
        }
        Some(Outcome::Rejected) | None => false,
    };
    (!honest).then(|| format!("{missing} are missing, and the outcome is {outcome:?}"))
}

struct View<'a> {
    run: &'a Run,
    id: &'a FamilyId,
    told: &'a Told,
    asked: &'a Asked,
}

impl View<'_> {
    fn oracle(&self) -> &Oracle {
        &self.run.oracle
    }

    fn available(&self, place: &Region, images: &[ImageId]) -> Option<Image> {
        let there = images
            .iter()
            .rev()
            .find(|id| self.run.cloud.image_state(place, id) == Some(ImageState::Available));
        there.map(|id| self.run.cloud.image(place, id))
    }

    fn copy_in(&self, place: &Region) -> Option<Image> {
        self.available(place, self.told.copies.get(place)?)
    }

    /// What of an image is not as the policy asked for, if nobody laid hands on it.
    fn wrong_with(&self, image: &Image) -> Option<String> {
        let touched = self.run.diary.touched(&image.region, &image.id);
        (!touched).then(|| self.told.wrong_with(self.id, image)).flatten()
    }

    /// Where copies should be: the policy's Regions, and home if the source is not under the key
    /// for home.
    fn places(&self, source: &Image) -> Vec<Region> {
        let home = &self.told.region;
        let regions = self.run.cloud.regions();
        let mut places: Vec<Region> = regions
            .into_iter()
            .filter(|region| region != home && self.asked.regions.contains_key(region.as_str()))
            .collect();
        if !self.is_as_asked(source) {
            places.push(home.clone());
        }
        places
    }

    fn is_as_asked(&self, source: &Image) -> bool {
        let Some(alias) = self.asked.key_in(source.region.as_str()) else { return true };
        let wanted = self.run.cloud.key_arn(&source.region, alias);
        let keys = self.run.cloud.keys_of_image(&source.region, &source.id);
        wanted.is_some() && keys.iter().all(|key| *key == wanted)
    }

    fn is_shared(&self, image: &Image) -> bool {
        let shared = |target: ShareTarget| {
            self.run.diary.closed.contains(&target)
                || image.permissions.contains(&Permission::Target(target))
        };
        self.asked.friends.iter().all(|friend| friend.parse().is_ok_and(shared))
    }

    fn is_shared_at_home(&self, source: &Image) -> bool {
        !self.is_as_asked(source) || self.is_shared(source)
    }

    fn touched(&self, place: &Region, images: &[ImageId]) -> bool {
        images.iter().any(|id| self.run.diary.touched(place, id))
    }

    fn touched_any(&self) -> bool {
        self.touched(&self.told.region, &self.told.sources)
            || self.told.copies.iter().any(|(place, images)| self.touched(place, images))
    }

    fn refused_any(&self) -> bool {
        !self.told.refused.is_empty() || !self.run.diary.redeployed.is_empty()
    }

    /// Whether somebody laid hands on the key that an image there depends on: its own, or its
    /// source's.
    fn keys_touched(&self, place: &Region) -> bool {
        let touched = &self.run.diary.keys_touched;
        touched.contains(place) || touched.contains(&self.told.region)
    }

    fn end(&self) -> Timestamp {
        self.told.ended.last().map_or(self.told.at, |(at, _)| *at)
    }

    /// Whether the stack was deployed without the Region before the end.
    fn lost_its_place(&self, place: &Region) -> bool {
        let end = self.end();
        self.run
            .diary
            .redeployed
            .iter()
            .any(|(at, bounds)| *at <= end && !bounds.regions.contains(place))
    }

    /// Whether the stack was deployed without one of those whom the images are shared with before
    /// the end.
    fn lost_its_friends(&self) -> bool {
        let end = self.end();
        let lacks =
            |bounds: &Bounds| self.asked.friends.iter().any(|friend| !knows(bounds, friend));
        self.run.diary.redeployed.iter().any(|(at, bounds)| *at <= end && lacks(bounds))
    }

    /// Whether the policy's time ran out for an image: it lasted that long, and either EC2 was
    /// slow, or trouble had not ended two looks before, or the place cannot even be read.
    fn ran_out(&self, place: &Region, made: &[ImageId]) -> bool {
        // A minute less: clocks differ.
        let limit = self.asked.hours * 3600 - 60;
        if self.told.ended.is_empty() || seconds_between(self.told.began, self.end()) < limit {
            return false;
        }
        let came = |id: &ImageId| {
            self.oracle().image_is.get(&(place.clone(), id.clone())).map(|(at, _)| *at)
        };
        let slow = made.iter().any(|id| {
            came(id).is_none_or(|at| seconds_between(self.told.began, at) >= limit - 600)
        });
        let troubled = self
            .run
            .calm_since
            .is_none_or(|calm| seconds_between(calm, self.end()) < 2 * 3600 + 600);
        slow || troubled || place.as_str() == OFF
    }

    fn ran_out_anywhere(&self) -> bool {
        let copies = self.run.cloud.regions();
        let made = |place: &Region| self.told.copies.get(place).map_or(&[][..], Vec::as_slice);
        self.ran_out(&self.told.region, &self.told.sources)
            || copies.iter().any(|place| self.ran_out(place, made(place)))
    }

    /// Whether the newest image there failed.
    fn failed(&self, place: &Region, images: &[ImageId]) -> bool {
        images
            .last()
            .is_some_and(|id| self.run.cloud.image_state(place, id) == Some(ImageState::Failed))
    }

    /// Why there is no source image, unless a fact excuses it.
    fn excuse_source(&self) -> Option<String> {
        let told = self.told;
        let here = (told.region.clone(), told.instance.clone());
        let terminated = self.run.diary.terminated.contains_key(&here);
        let excused = self.failed(&told.region, &told.sources)
            || self.touched(&told.region, &told.sources)
            || self.oracle().refused(self.id, "create", &told.region)
            || (terminated && told.sources.is_empty())
            || self.run.diary.never_ran_in_time.contains(&here)
            || self.lost_its_place(&told.region)
            || self.ran_out(&told.region, &told.sources);
        (!excused)
            .then(|| format!("there is no source image, and nothing excuses it ({:?})", told.ended))
    }

    fn excuses_copy(&self, place: &Region, source: &Image) -> bool {
        let made = self.told.copies.get(place).map_or(&[][..], Vec::as_slice);
        self.failed(place, made)
            || self.touched(place, made)
            || self.touched(&source.region, &self.told.sources)
            || self.oracle().refused(self.id, "copy", place)
            || self.keys_touched(place)
            || self.lost_its_place(place)
            || self.ran_out(place, made)
            || self.ran_out(&self.told.region, &self.told.sources)
    }

    fn excuses_share(&self, copy: &Image) -> bool {
        self.run.diary.touched(&copy.region, &copy.id)
            || self.oracle().refused(self.id, "share", &copy.region)
            || self.lost_its_friends()
            || self.ran_out(&copy.region, std::slice::from_ref(&copy.id))
    }
}
