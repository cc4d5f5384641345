//! The reads of a family. A read that fails shows nothing, and is said so.

use crate::ports::{CallError, ImageReader, InstanceReader, KeyReader, PermissionReader};
use amiline_domain::family::{Family, ImageRow, Place};
use amiline_domain::ids::ImageId;
use amiline_domain::image::ObservedImage;
use amiline_domain::plan::{InstanceSight, KeysSight, Observed, PermissionsSight, RowSight};
use amiline_domain::policy::Policy;
use amiline_domain::tags::TagKeys;

/// What one read showed.
pub(crate) enum Shown {
    /// Of a row.
    Row(Place, RowSight),
    /// Of the source's keys.
    SourceKeys(KeysSight),
    /// Of the instance.
    Instance(InstanceSight),
    /// Of the launch permissions of a row's image.
    Permissions(Place, PermissionsSight),
}

impl Shown {
    pub(super) fn add_to(self, observed: &mut Observed) {
        match self {
            Shown::Row(place, sight) => drop(observed.rows.insert(place, sight)),
            Shown::SourceKeys(sight) => observed.source_keys = Some(sight),
            Shown::Instance(sight) => observed.instance = Some(sight),
            Shown::Permissions(place, sight) => drop(observed.permissions.insert(place, sight)),
        }
    }
}

pub(super) async fn row<W: ImageReader>(world: &W, keys: &TagKeys, family: &Family, place: &Place) -> Shown {
    let Some(row) = family.rows.get(place) else { return Shown::Row(place.clone(), RowSight::Unread) };
    let sight = match images(world, keys, family, row).await {
        Ok(images) => RowSight::Seen(images),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %row.region, error = %error, "read failed");
            RowSight::Unread
        }
    };
    Shown::Row(place.clone(), sight)
}

/// The images that carry the row's intent, which shows the row's own and any twin in one call; and, by id, the row's
/// own (its tags may have been taken off) and the one that holds its name, if the first read did not show them.
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
    let missing: Vec<ImageId> = [row.image.clone(), row.holder.clone()]
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
        Ok(seen) => InstanceSight::Seen(seen),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %family.region, error = %error, "instance could not be read");
            InstanceSight::Unread
        }
    })
}

pub(super) async fn permissions<W: PermissionReader>(world: &W, family: &Family, place: &Place) -> Shown {
    let image = family.rows.get(place).and_then(|row| Some((&row.region, row.image.as_ref()?)));
    let sight = match image {
        None => PermissionsSight::Unread,
        Some((region, image)) => match world.launch_permissions(region, image).await {
            Ok(targets) => PermissionsSight::Read(targets),
            Err(error) => {
                tracing::warn!(family = %family.id, region = %region, error = %error, "launch permissions could not be read");
                PermissionsSight::Unread
            }
        },
    };
    Shown::Permissions(place.clone(), sight)
}

pub(super) async fn source_keys<W: KeyReader>(world: &W, family: &Family, policy: Option<&Policy>) -> Shown {
    let key = policy.and_then(|policy| policy.key_in(&family.region));
    let (Some(source), Some(key)) = (family.source(), key) else { return Shown::SourceKeys(KeysSight::Unread) };
    Shown::SourceKeys(match world.snapshot_keys(&source.region, &source.snapshots, key).await {
        Ok(keys) => KeysSight::Read(keys),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %source.region, error = %error, "keys could not be read");
            KeysSight::Unread
        }
    })
}
