//! The reads of a family. A read that fails shows nothing, and is said so.

use crate::ports::{CallError, ImageReader, InstanceReader, KeyReader, PermissionReader};
use amiline_domain::family::{Family, ImageRole, ImageRow};
use amiline_domain::ids::ImageId;
use amiline_domain::image::ObservedImage;
use amiline_domain::plan::{InstanceShown, KeysShown, Observed, PermissionsShown, RowShown};
use amiline_domain::policy::Policy;
use amiline_domain::tags::TagKeys;

/// What one read showed.
pub(crate) enum Shown {
    /// Of a row.
    Row(ImageRole, RowShown),
    /// Of the source's keys.
    SourceKeys(KeysShown),
    /// Of the instance.
    Instance(InstanceShown),
    /// Of the launch permissions of a row's image.
    Permissions(ImageRole, PermissionsShown),
}

impl Shown {
    pub(super) fn add_to(self, observed: &mut Observed) {
        match self {
            Shown::Row(image_role, shown) => drop(observed.rows.insert(image_role, shown)),
            Shown::SourceKeys(shown) => observed.source_keys = Some(shown),
            Shown::Instance(shown) => observed.instance = Some(shown),
            Shown::Permissions(image_role, shown) => {
                drop(observed.permissions.insert(image_role, shown))
            }
        }
    }
}

pub(super) async fn row<W: ImageReader>(
    world: &W,
    keys: &TagKeys,
    family: &Family,
    image_role: &ImageRole,
) -> Shown {
    let Some(row) = family.rows.get(image_role) else {
        return Shown::Row(image_role.clone(), RowShown::Unread);
    };
    let shown = match images(world, keys, family, row).await {
        Ok(images) => RowShown::Seen(images),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %row.region, error = %error, "read failed");
            RowShown::Unread
        }
    };
    Shown::Row(image_role.clone(), shown)
}

/// The images that carry the row's intent, which shows the row's own and any duplicate in one call;
/// and, by id, the row's own (its tags may have been taken off) and the one that holds its name, if
/// the first read did not show them.
async fn images<W: ImageReader>(
    world: &W,
    keys: &TagKeys,
    family: &Family,
    row: &ImageRow,
) -> Result<Vec<ObservedImage>, CallError> {
    let mut images = match family.key_of(row) {
        Some(key) => world.images_by_tag(&row.region, &keys.intent(), key.as_str()).await?,
        None => Vec::new(),
    };
    let missing: Vec<ImageId> = [row.image.clone(), row.name_owner.clone()]
        .into_iter()
        .flatten()
        .filter(|id| !images.iter().any(|image| image.id == *id))
        .collect();
    if !missing.is_empty() {
        images.extend(world.images_by_id(&row.region, &missing).await?);
    }
    Ok(images)
}

pub(super) async fn instance<W: InstanceReader>(world: &W, family: &Family) -> Shown {
    Shown::Instance(match world.instance(&family.region, &family.instance).await {
        Ok(seen) => InstanceShown::Seen(seen),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %family.region, error = %error, "instance could not be read");
            InstanceShown::Unread
        }
    })
}

pub(super) async fn permissions<W: PermissionReader>(
    world: &W,
    family: &Family,
    image_role: &ImageRole,
) -> Shown {
    let image =
        family.rows.get(image_role).and_then(|row| Some((&row.region, row.image.as_ref()?)));
    let shown = match image {
        None => PermissionsShown::Unread,
        Some((region, image)) => match world.launch_permissions(region, image).await {
            Ok(targets) => PermissionsShown::Read(targets),
            Err(error) => {
                tracing::warn!(family = %family.id, region = %region, error = %error, "launch permissions could not be read");
                PermissionsShown::Unread
            }
        },
    };
    Shown::Permissions(image_role.clone(), shown)
}

pub(super) async fn source_keys<W: KeyReader>(
    world: &W,
    family: &Family,
    policy: Option<&Policy>,
) -> Shown {
    let key = policy.and_then(|policy| policy.key_in(&family.region));
    let (Some(source), Some(key)) = (family.source(), key) else {
        return Shown::SourceKeys(KeysShown::Unread);
    };
    Shown::SourceKeys(match world.snapshot_keys(&source.region, &source.snapshots, key).await {
        Ok(keys) => KeysShown::Read(keys),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %source.region, error = %error, "keys could not be read");
            KeysShown::Unread
        }
    })
}
