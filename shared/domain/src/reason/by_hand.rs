//! What somebody did to an image, and what mends it if nobody means it.

use crate::ids::{FamilyId, ImageId, Region};
use crate::target::{ShareTarget, SomeTargets};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};
use thiserror::Error;

/// What somebody did to an image.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error, IntoStaticStr, VariantNames,
)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ByHandReason {
    /// The image made from the instance was deregistered.
    #[error("it cannot be made again: tag the instance for a new one")]
    SourceDeregistered,
    /// A copy was deregistered.
    #[error("`amiline retry {family}` copies it again")]
    CopyDeregistered {
        /// Its family.
        family: FamilyId,
    },
    /// An image was disabled. DisableImage takes its launch permissions away.
    #[error("nobody can launch it until it is enabled again{}", shared_again(share_again.as_ref()))]
    ImageDisabled {
        /// Its family, if it was shared: then it has to be shared again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share_again: Option<FamilyId>,
    },
    /// An image was enabled again.
    #[error("its launch permissions did not come back; `amiline retry {family}` shares it again")]
    PermissionsNotBack {
        /// Its family.
        family: FamilyId,
    },
    /// Another image carries the same intent.
    #[error(
        "{duplicate} carries the same intent as {image}; it is left alone: find out who made it"
    )]
    SameIntent {
        /// The image of the record.
        image: ImageId,
        /// The other one.
        duplicate: ImageId,
    },
    /// Launch permissions of the policy were taken away.
    #[error(
        "somebody took back the share with {targets}; `amiline retry {family}` shares it again"
    )]
    PermissionsTakenAway {
        /// From whom.
        targets: SomeTargets,
        /// Its family.
        family: FamilyId,
    },
    /// It was shared with others than the policy names.
    #[error(
        "shared with {targets}, whom its policy does not name; it stays so: if nobody means it, {}",
        take_back(region, image, targets.first.iter().map(permission))
    )]
    SharedWithOthers {
        /// With whom.
        targets: SomeTargets,
        /// Where the image is.
        region: Region,
        /// The image.
        image: ImageId,
    },
    /// Everybody may launch it.
    #[error(
        "everybody may launch it and read what is on its disks; it stays so: if nobody means it, {}",
        take_back(region, image, ["{Group=all}".to_owned()].into_iter())
    )]
    MadePublic {
        /// Where the image is.
        region: Region,
        /// The image.
        image: ImageId,
    },
}

fn shared_again(family: Option<&FamilyId>) -> String {
    family
        .map(|family| format!("; `amiline retry {family}` shares it again then"))
        .unwrap_or_default()
}

/// The AWS CLI's command that takes permissions away.
fn take_back(
    region: &Region,
    image: &ImageId,
    permissions: impl Iterator<Item = String>,
) -> String {
    let some: Vec<String> = permissions.collect();
    format!(
        "`aws ec2 modify-image-attribute --region {region} --image-id {image} --launch-permission 'Remove=[{}]'`",
        some.join(",")
    )
}

/// A permission as the AWS CLI writes it.
fn permission(target: &ShareTarget) -> String {
    match target {
        ShareTarget::Account(id) => format!("{{UserId={id}}}"),
        ShareTarget::Organization(arn) => format!("{{OrganizationArn={arn}}}"),
        ShareTarget::OrganizationalUnit(arn) => format!("{{OrganizationalUnitArn={arn}}}"),
    }
}
