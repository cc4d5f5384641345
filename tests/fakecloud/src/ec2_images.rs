//! Images and their snapshots as they are.

use crate::refusal::Refusal;
use crate::settings::Plant;
use crate::state::State;
use crate::versioned::Versioned;
use amiline_domain::ids::{AccountId, DeviceName, ImageId, InstanceId, Region, SnapshotId};
use amiline_domain::image::ImageState;
use amiline_domain::policy::CopyMinutes;
use amiline_domain::target::ShareTarget;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, btree_map};

/// Who may launch an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// An account, an organization or an organizational unit.
    Target(ShareTarget),
    /// Everybody: EC2's group `all`.
    Everybody,
}

impl Permission {
    /// An account.
    pub fn account(id: AccountId) -> Self {
        Permission::Target(ShareTarget::Account(id))
    }
}

/// A block device of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDevice {
    /// Its name.
    pub name: DeviceName,
    /// Whether its volume is deleted with an instance that is launched from the image.
    pub delete_on_termination: bool,
}

/// An image as it is.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Where it is.
    pub region: Region,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: AccountId,
    /// Its state.
    pub state: ImageState,
    /// Why it failed.
    pub state_reason: Option<String>,
    /// The instance it was made from, by CreateImage.
    pub source_instance: Option<InstanceId>,
    /// The image it comes from: the instance's for CreateImage, the copied one for CopyImage
    /// (aws-behaviour.md#where-an-image-says-that-it-comes-from).
    pub source_image: Option<ImageId>,
    /// Its snapshots, one for each device.
    pub snapshots: Vec<SnapshotId>,
    /// Its devices.
    pub devices: Vec<ImageDevice>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The tags that the creating call gave it; `None` for an image that a person made.
    pub born_with: Option<BTreeMap<String, String>>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Who may launch it.
    pub permissions: BTreeSet<Permission>,
    /// Whether CopyImage made it.
    pub is_copy: bool,
    /// The time that CopyImage was given for it.
    pub within_minutes: Option<CopyMinutes>,
    /// When it was deregistered.
    pub deregistered_at: Option<Timestamp>,
    /// Why it will fail.
    pub(crate) doomed: Option<String>,
}

impl Image {
    /// Whether it holds its name. After deregistering it does for a while
    /// (aws-behaviour.md#image-names-are-unique). That a failed or disabled image holds its name is
    /// not documented.
    pub(crate) fn holds_name(&self, now: Timestamp, ghost_seconds: i64) -> bool {
        self.deregistered_at.is_none_or(|at| now < at + SignedDuration::from_secs(ghost_seconds))
    }

    /// Whether it is there and was not deregistered.
    pub fn exists(&self) -> bool {
        self.deregistered_at.is_none()
    }
}

/// A snapshot of an image's block device.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The image it was made for.
    pub image: ImageId,
    /// The ARN of its key; `None` if it is not encrypted.
    pub key: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A new image, before it has an id.
pub(crate) struct NewImage {
    pub(crate) region: Region,
    pub(crate) name: String,
    pub(crate) source_instance: Option<InstanceId>,
    pub(crate) source_image: Option<ImageId>,
    /// One for each device.
    pub(crate) keys: Vec<Option<String>>,
    pub(crate) devices: Vec<ImageDevice>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) is_copy: bool,
    pub(crate) within_minutes: Option<CopyMinutes>,
    pub(crate) doomed: Option<String>,
}

impl State {
    pub(crate) fn change_image<R>(
        &mut self,
        region: &Region,
        id: &ImageId,
        change: impl FnOnce(&mut Image) -> R,
    ) -> R {
        let now = self.now;
        self.region_mut(region)
            .images
            .get_mut(id)
            .expect("an image of this Region")
            .change(now, change)
    }

    /// An image that calls can name. Of a deregistered one EC2 says something else than of an id
    /// that never was: "The specified AMI has been deregistered and is no longer available" (EC2
    /// API reference, Error codes, InvalidAMIID.Unavailable).
    pub(crate) fn known_image(&self, region: &Region, id: &ImageId) -> Result<&Image, Refusal> {
        match self.region(region).image(id) {
            Some(image) if image.exists() => Ok(image),
            Some(_) => Err(Refusal::new(
                "InvalidAMIID.Unavailable",
                format!("The image ID '{id}' is no longer available"),
            )),
            None => Err(Refusal::new(
                "InvalidAMIID.NotFound",
                format!("The image id '[{id}]' does not exist"),
            )),
        }
    }

    /// Refuses a name that is malformed or taken. Names are unique for each account and Region, and
    /// the message of InvalidAMIName.Duplicate says who holds it
    /// (aws-behaviour.md#image-names-are-unique).
    pub(crate) fn check_name(&self, region: &Region, name: &str) -> Result<(), Refusal> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
        if !(3..=128).contains(&name.chars().count()) || !name.chars().all(allowed) {
            return Err(Refusal::new(
                "InvalidAMIName.Malformed",
                "AMI names must be between 3 and 128 characters long",
            ));
        }
        if self.settings.lax_names
            || matches!(self.settings.plant, Some(Plant::NamesNotUnique | Plant::TokensForgotten))
        {
            return Ok(());
        }
        let holder = self.region(region).images.values().map(Versioned::current).find(|image| {
            image.owner == self.account
                && image.name == name
                && image.holds_name(self.now, self.settings.ghost_seconds)
        });
        holder.map_or(Ok(()), |holder| {
            let message = format!("AMI name {name} is already in use by AMI {}", holder.id);
            Err(Refusal::new("InvalidAMIName.Duplicate", message))
        })
    }

    /// Puts a new pending image and its snapshots into the Region, tagged from the first moment: if
    /// tagging on creation fails, nothing is created (aws-behaviour.md#tags-in-the-creating-call).
    pub(crate) fn insert_image(&mut self, new: NewImage) -> ImageId {
        let id = self.ids.image();
        let now = self.now;
        let owner = self.account.clone();
        let mut snapshots = Vec::new();
        for key in new.keys {
            let snapshot = self.ids.snapshot();
            snapshots.push(snapshot.clone());
            let snapshot =
                Snapshot { id: snapshot, image: id.clone(), key, tags: new.tags.clone() };
            self.region_mut(&new.region).snapshots.insert(snapshot.id.clone(), snapshot);
        }
        let region = self.region_mut(&new.region);
        let image = Image {
            id: id.clone(),
            region: new.region.clone(),
            name: new.name,
            owner,
            state: ImageState::Pending,
            state_reason: None,
            source_instance: new.source_instance,
            source_image: new.source_image,
            snapshots,
            devices: new.devices,
            born_with: Some(new.tags.clone()),
            tags: new.tags,
            created_at: now,
            permissions: BTreeSet::new(),
            is_copy: new.is_copy,
            within_minutes: new.within_minutes,
            deregistered_at: None,
            doomed: new.doomed,
        };
        if let btree_map::Entry::Vacant(entry) = region.images.entry(id.clone()) {
            entry.insert(Versioned::new(now, image));
        }
        id
    }
}
