//! The seam once more: the ports that find out with whom images are shared.

use super::Mutant;
use super::ports::Mutated;
use amiline_app::ports::{CallError, ImageLister, PermissionReader};
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::target::ShareTarget;
use std::collections::BTreeSet;

impl ImageLister for Mutated {
    async fn images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError> {
        self.world.images_tagged(region, key).await
    }

    async fn public_images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError> {
        self.world.public_images_tagged(region, key).await
    }
}

impl PermissionReader for Mutated {
    async fn launch_permissions(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<BTreeSet<ShareTarget>, CallError> {
        if self.is(Mutant::BelievesItsRecord) {
            let families = self.world.cloud().families().into_iter();
            let mut rows = families.flat_map(|family| family.rows.into_values());
            let row = rows.find(|row| row.region == *region && row.image.as_ref() == Some(image));
            return Ok(row.map(|row| row.shared_with).unwrap_or_default());
        }
        self.world.launch_permissions(region, image).await
    }
}
