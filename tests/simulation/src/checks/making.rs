//! How images are made: what a policy's text and the read with which a family began ask for, said
//! again naively, and the images held against it.

use super::Check;
use super::oracle::{Oracle, Told};
use super::truth::Asked;
use amiline_domain::ids::FamilyId;
use amiline_domain::image::ObservedInstance;
use amiline_domain::time::Slot;
use amiline_fakecloud::{FakeCloud, Image};
use std::collections::{BTreeMap, BTreeSet};

/// What every image of a family must have.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    tags: BTreeMap<String, String>,
    left_out: BTreeSet<String>,
    deleted: BTreeMap<String, bool>,
    /// What names begin with.
    name: String,
}

impl Wanted {
    pub(super) fn of(asked: &Asked, policy: &str, seen: &ObservedInstance, slot: Slot) -> Self {
        let mut tags = asked.tags.clone();
        let carried =
            asked.carried.iter().filter_map(|key| Some((key.clone(), seen.tags.get(key)?.clone())));
        tags.extend(carried);
        let shown =
            |name: &String| seen.devices.iter().any(|device| device.as_str() == name.as_str());
        let deleted = asked.deleted.clone().into_iter().filter(|(name, _)| shown(name)).collect();
        let usual = || format!("amiline/{policy}/{}/{slot}", seen.id);
        let name = asked.name.as_ref().map(|template| filled(template, policy, seen, slot));
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(usual);
        Self { tags, left_out: asked.left_out.clone(), deleted, name }
    }

    /// What is not as it should be with an image's tags; `born` are those that its creating call
    /// gave it.
    fn wrong_tags(
        &self,
        told: &Told,
        id: &FamilyId,
        image: &Image,
        born: &BTreeMap<String, String>,
    ) -> Option<String> {
        let ours = [
            ("amiline-stack", "amiline"),
            ("amiline:managed-by", "amiline"),
            ("amiline:family", id.as_str()),
            ("amiline:policy", &told.value),
            ("amiline:source-instance", told.instance.as_str()),
            ("Name", &image.name),
        ];
        let mut expected = self.tags.clone();
        expected.extend(ours.map(|(key, value)| (key.to_owned(), value.to_owned())));
        // These two differ by image; that they are right is for the checks of attempts and copies.
        let mut found = born.clone();
        let intent = found.remove("amiline:intent").is_some();
        let source = found.remove("amiline:source-image");
        let right = found == expected && intent && source.is_some() == image.is_copy;
        (!right)
            .then(|| format!("{} has the tags {born:?}, and {expected:?} are asked for", image.id))
    }

    /// What is not as it should be with an image's devices, made of those.
    fn wrong_devices(&self, image: &Image, of: &BTreeMap<String, bool>) -> Option<String> {
        let mut expected = of.clone();
        expected.retain(|name, _| !self.left_out.contains(name));
        for (name, delete) in &self.deleted {
            expected.entry(name.clone()).and_modify(|found| *found = *delete);
        }
        let found = devices(image);
        (found != expected).then(|| {
            format!("{} has the devices {found:?}, and {expected:?} are asked for", image.id)
        })
    }

    fn wrong_name(&self, image: &Image) -> Option<String> {
        let name = &image.name;
        let safe = name.chars().all(|c| c.is_ascii_alphanumeric() || "._/()-".contains(c));
        let right = safe && (3..=127).contains(&name.len()) && name.starts_with(&self.name);
        (!right).then(|| format!("{} is named {name:?}, and not {:?}...", image.id, self.name))
    }
}

/// The template with its placeholders replaced one after the other, tags last, and what no name can
/// have.
fn filled(template: &str, policy: &str, seen: &ObservedInstance, slot: Slot) -> String {
    let day = slot.timestamp().strftime("%Y%m%d").to_string();
    let name = seen.tags.get("Name").cloned().unwrap_or_default();
    let text = template
        .replace("{policy}", policy)
        .replace("{instance}", seen.id.as_str())
        .replace("{slot}", &slot.to_string())
        .replace("{date}", &day)
        .replace("{tag:Name}", &name);
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._/()-".contains(c) { c } else { '-' };
    text.chars().take(113).map(safe).collect()
}

pub(super) fn devices(image: &Image) -> BTreeMap<String, bool> {
    image
        .devices
        .iter()
        .map(|device| (device.name.to_string(), device.delete_on_termination))
        .collect()
}

impl Oracle {
    /// An image that was just made, of something with these devices.
    pub(super) fn look_at_making(
        &mut self,
        cloud: &FakeCloud,
        id: &FamilyId,
        image: &Image,
        of: &BTreeMap<String, bool>,
    ) {
        let Some(told) = self.told.get(id) else { return };
        let born = image.born_with.clone().unwrap_or_default();
        let tags = told.wanted.wrong_tags(told, id, image, &born);
        let devices = told.wanted.wrong_devices(image, of);
        let name = told.wanted.wrong_name(image);
        let snapshots = cloud.snapshots(&image.region);
        let mut snapshots = snapshots.iter().filter(|snapshot| snapshot.image == image.id);
        let alike = snapshots.all(|snapshot| snapshot.tags == born);
        self.hold(Check::TagsAsAsked, tags.is_none(), || tags.unwrap_or_default());
        self.hold(Check::TagsAsAsked, alike, || {
            format!("the snapshots of {} have other tags than it", image.id)
        });
        self.hold(Check::DevicesAsAsked, devices.is_none(), || devices.unwrap_or_default());
        self.hold(Check::NamesAsAsked, name.is_none(), || name.unwrap_or_default());
    }
}

impl Told {
    /// What is not as the policy asked for with an image that exists at the end and that nobody
    /// touched.
    pub(super) fn wrong_with(&self, id: &FamilyId, image: &Image) -> Option<String> {
        // A device may have come to the instance since the read; it is never one that is left out.
        let out =
            image.devices.iter().find(|device| self.wanted.left_out.contains(device.name.as_str()));
        let out =
            out.map(|device| format!("{} has {}, which is to be left out", image.id, device.name));
        out.or_else(|| self.wanted.wrong_tags(self, id, image, &image.tags))
            .or_else(|| self.wanted.wrong_name(image))
    }
}
