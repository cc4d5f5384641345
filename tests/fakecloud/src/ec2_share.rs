//! Launch permissions: ModifyImageAttribute and DescribeImageAttribute. EC2 sends no event when
//! they change.

use crate::ec2_images::Permission;
use crate::refusal::Refusal;
use crate::state::State;
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::image::ImageState;
use std::collections::BTreeSet;

impl State {
    /// DescribeImageAttribute of `launchPermission`, as far behind as describes of images are. One
    /// that was deregistered, or is another account's, is refused.
    pub(crate) fn launch_permissions(
        &self,
        region: &Region,
        id: &ImageId,
    ) -> Result<BTreeSet<Permission>, Refusal> {
        let image = self.known_image(region, id)?;
        if image.owner != self.account {
            return Err(Refusal::with_status(
                "AuthFailure",
                format!("Not authorized for image:{id}"),
                403,
            ));
        }
        let shown = self
            .region(region)
            .images
            .get(id)
            .and_then(|image| image.as_of(self.images_seen_until(region)));
        let shown = shown.ok_or_else(|| {
            Refusal::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
        })?;
        Ok(shown.permissions.clone())
    }

    /// Adds launch permissions; whether any is new.
    pub(crate) fn share_image(
        &mut self,
        region: &Region,
        id: &ImageId,
        permissions: &BTreeSet<Permission>,
    ) -> Result<bool, Refusal> {
        let image = self.known_image(region, id)?;
        if image.owner != self.account {
            return Err(Refusal::with_status(
                "AuthFailure",
                format!("Not authorized for image:{id}"),
                403,
            ));
        }
        match image.state {
            ImageState::Available => {}
            // aws-behaviour.md#a-pending-image-cannot-be-shared.
            ImageState::Pending => {
                let message = format!("The AMI ID '{id}' is currently pending");
                return Err(Refusal::new("InvalidAMIID.Unavailable", message));
            }
            _ => {
                return Err(Refusal::new(
                    "InvalidAMIID.Unavailable",
                    format!("The AMI ID '{id}' is not available"),
                ));
            }
        }
        // aws-behaviour.md#one-bad-target-refuses-the-whole-call. The code for a closed account is
        // not documented; this one and its text are what EC2 says of an id that cannot be an
        // account's.
        let closed = permissions.iter().find_map(|permission| match permission {
            Permission::Target(target) if self.settings.closed.contains(target) => Some(target),
            Permission::Target(_) | Permission::Everybody => None,
        });
        if let Some(target) = closed {
            let message =
                format!("Invalid attribute item value \"{target}\" for userId item type.");
            return Err(Refusal::new("InvalidAMIAttributeItemValue", message));
        }
        // Nothing forbids sharing unencrypted ones
        // (aws-behaviour.md#images-under-the-aws-managed-key-cannot-be-shared).
        let keys = self.keys_of(region, &image.snapshots)?;
        if keys.iter().flatten().any(|key| self.region(region).keys.is_aws_managed(key)) {
            return Err(Refusal::new(
                "InvalidParameter",
                "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot.",
            ));
        }
        // Public images may hold no encrypted snapshot; the block is not modelled
        // (aws-behaviour.md#public-images).
        if permissions.contains(&Permission::Everybody) && keys.iter().any(Option::is_some) {
            return Err(Refusal::new(
                "OperationNotPermitted",
                "You cannot make an image with encrypted snapshots public.",
            ));
        }
        Ok(self.change_image(region, id, |image| {
            let before = image.permissions.len();
            image.permissions.extend(permissions.iter().cloned());
            image.permissions.len() > before
        }))
    }
}
