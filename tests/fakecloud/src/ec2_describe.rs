//! DescribeImages and DescribeSnapshots.

use crate::ec2_images::{Image, Permission};
use crate::refusal::Refusal;
use crate::state::State;
use amiline_domain::ids::{ImageId, Region, SnapshotId};
use amiline_domain::image::{ImageState, ObservedImage};
use jiff::{SignedDuration, Timestamp};

impl State {
    /// DescribeImages with owner self and IncludeDisabled, as far behind as the Region's describes
    /// are (aws-behaviour.md#reads-are-eventually-consistent).
    pub(crate) fn describe_images(
        &self,
        region: &Region,
        wanted: impl Fn(&Image) -> bool,
    ) -> Vec<ObservedImage> {
        self.describe(region, true, wanted)
    }

    /// The same as somebody sees it who may not have asked for disabled images
    /// (aws-behaviour.md#disabled-and-deprecated-images-in-lists).
    pub(crate) fn describe(
        &self,
        region: &Region,
        include_disabled: bool,
        wanted: impl Fn(&Image) -> bool,
    ) -> Vec<ObservedImage> {
        let seen = self.images_seen_until(region);
        let images = self.region(region).images.values().filter_map(|image| image.as_of(seen));
        images
            .filter(|image| image.owner == self.account)
            .filter(|image| include_disabled || image.state != ImageState::Disabled)
            .filter(|image| !self.faded(image, seen))
            .filter(|image| wanted(image))
            .map(|image| self.observed(image))
            .collect()
    }

    /// Recently deregistered images linger in DescribeImages
    /// (aws-behaviour.md#reads-are-eventually-consistent).
    fn faded(&self, image: &Image, seen: Timestamp) -> bool {
        let ghost = SignedDuration::from_secs(self.settings.ghost_seconds);
        image.deregistered_at.is_some_and(|at| seen >= at + ghost)
    }

    /// DescribeTags with a key: every own image that is shown with it, and the tag's value.
    pub(crate) fn images_with_tag(
        &self,
        region: &Region,
        key: &str,
        public_only: bool,
    ) -> Vec<(ImageId, String)> {
        let shown = self.describe(region, !public_only, |image| {
            image.tags.contains_key(key)
                && (!public_only || image.permissions.contains(&Permission::Everybody))
        });
        shown
            .into_iter()
            .filter_map(|image| Some((image.id, image.tags.get(key)?.clone())))
            .collect()
    }

    fn observed(&self, image: &Image) -> ObservedImage {
        // During a copy the ids may be missing
        // (aws-behaviour.md#a-copy-hides-its-snapshots-while-it-is-made).
        let hidden = image.is_copy && image.state == ImageState::Pending;
        let snapshots = if hidden { Vec::new() } else { image.snapshots.clone() };
        ObservedImage {
            id: image.id.clone(),
            name: image.name.clone(),
            owner: Some(image.owner.clone()),
            state: image.state,
            state_reason: image.state_reason.clone(),
            source_instance: image.source_instance.clone(),
            source_image: image.source_image.clone(),
            encrypted: !snapshots.is_empty()
                && self
                    .keys_of(&image.region, &snapshots)
                    .is_ok_and(|keys| keys.iter().all(Option::is_some)),
            public: image.permissions.contains(&Permission::Everybody),
            snapshots,
            tags: image.tags.clone(),
        }
    }

    /// DescribeSnapshots: the key of each.
    pub(crate) fn keys_of(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
    ) -> Result<Vec<Option<String>>, Refusal> {
        let known = &self.region(region).snapshots;
        let key = |id: &SnapshotId| {
            known.get(id).map(|snapshot| snapshot.key.clone()).ok_or_else(|| {
                Refusal::new(
                    "InvalidSnapshot.NotFound",
                    format!("The snapshot '{id}' does not exist."),
                )
            })
        };
        snapshots.iter().map(key).collect()
    }

    /// Whether an image has the id, for the filter of a describe.
    pub(crate) fn one_of<'a>(ids: &'a [ImageId]) -> impl Fn(&Image) -> bool + 'a {
        move |image| ids.contains(&image.id)
    }
}
