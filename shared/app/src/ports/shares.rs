//! Finding out with whom images are shared. EC2 sends no event of it.

use super::CallError;
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::target::ShareTarget;
use std::collections::BTreeSet;

/// Launch permissions of own images.
pub trait PermissionReader {
    /// The accounts, organizations and units that have a launch permission for the image. Whether
    /// everybody has one is said by whatever reads images.
    async fn launch_permissions(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<BTreeSet<ShareTarget>, CallError>;
}

/// Own images of a Region, by the thousand.
pub trait ImageLister {
    /// Every image in the Region that carries the tag key, with the tag's value, following every
    /// page.
    async fn images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError>;
    /// Those of them that everybody may launch.
    async fn public_images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError>;
}
