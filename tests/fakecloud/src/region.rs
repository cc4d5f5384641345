//! What one Region holds, and how it is set up.

use crate::ec2_copy::Token;
use crate::ec2_images::{Image, Snapshot};
use crate::ec2_instances::Instance;
use crate::identity::Ids;
use crate::keys::Keys;
use crate::versioned::Versioned;
use amiline_domain::ids::{AccountId, ImageId, InstanceId, Region, SnapshotId};
use std::collections::{BTreeMap, VecDeque};

/// One Region.
#[derive(Debug)]
pub(crate) struct RegionState {
    pub(crate) instances: BTreeMap<InstanceId, Versioned<Instance>>,
    pub(crate) images: BTreeMap<ImageId, Versioned<Image>>,
    pub(crate) snapshots: BTreeMap<SnapshotId, Snapshot>,
    pub(crate) keys: Keys,
    /// Launch templates: the image that the newest version of each names.
    pub(crate) templates: BTreeMap<String, ImageId>,
    pub(crate) tokens: BTreeMap<String, Token>,
    /// Seconds by which describes lag behind.
    pub(crate) lag_seconds: i64,
    /// Seconds by which describes of images lag behind, if not by the same.
    pub(crate) image_lag_seconds: Option<i64>,
    /// Seconds that a created image is pending; `None`: until the test settles it.
    pub(crate) create_seconds: Option<i64>,
    /// Seconds that a copied image is pending; `None`: until the test settles it.
    pub(crate) copy_seconds: Option<i64>,
    /// Copies that may be in flight to this Region.
    pub(crate) copies_max: usize,
    /// The most copies that ever were.
    pub(crate) copies_peak: usize,
    /// Why the next images fail, one each.
    pub(crate) failures: VecDeque<String>,
    /// Why every image fails.
    pub(crate) failing: Option<String>,
    /// Whether new snapshots are encrypted unless asked otherwise.
    pub(crate) encrypts_by_default: bool,
    /// Whether its events reach the home Region.
    pub(crate) forwarded: bool,
}

impl RegionState {
    pub(crate) fn new(account: &AccountId, region: &Region, ids: &mut Ids) -> Self {
        Self {
            instances: BTreeMap::new(),
            images: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            keys: Keys::new(account, region, ids),
            templates: BTreeMap::new(),
            tokens: BTreeMap::new(),
            lag_seconds: 0,
            image_lag_seconds: None,
            create_seconds: Some(60),
            copy_seconds: Some(120),
            // 20 concurrent copies for each destination
            // (aws-behaviour.md#copies-in-flight-are-limited).
            copies_max: 20,
            copies_peak: 0,
            failures: VecDeque::new(),
            failing: None,
            encrypts_by_default: false,
            forwarded: true,
        }
    }

    /// An image that exists, deregistered or not.
    pub(crate) fn image(&self, id: &ImageId) -> Option<&Image> {
        self.images.get(id).map(Versioned::current)
    }
}
