//! Making the reads that the planner asks for.

use crate::family::Hands;
use crate::ports::{CallError, ImageReader};
use crate::settings::BoundedStack;
use amiline_domain::family::{Family, ImageRow};
use amiline_domain::ids::ImageId;
use amiline_domain::image::ObservedImage;
use amiline_domain::plan::{InstanceSight, KeysSight, Look, Observed, PermissionsSight, RowSight, Scene};
use futures_util::future::{join_all, join4};

/// Makes the reads, all at once, and adds what they showed. A read that fails shows nothing, and is said so.
pub(crate) async fn read<W: ImageReader, H: Hands>(
    world: &W,
    hands: &H,
    stack: &BoundedStack,
    scene: Scene<'_>,
    family: &Family,
    wanted: Vec<Look>,
    observed: &mut Observed,
) {
    let rows = wanted.iter().filter_map(|look| match look {
        Look::Row(place) => family.rows.get(place),
        Look::SourceKeys | Look::Instance | Look::Permissions(_) => None,
    });
    let shared = wanted.iter().filter_map(|look| match look {
        Look::Permissions(place) => family.rows.get(place),
        Look::Row(_) | Look::SourceKeys | Look::Instance => None,
    });
    let shared = shared.map(|row| async move { (row.place.clone(), see_permissions(hands, family, row).await) });
    let rows = join_all(rows.map(|row| async move { (row.place.clone(), see(world, stack, family, row).await) }));
    let keys =
        async { if wanted.contains(&Look::SourceKeys) { Some(see_keys(hands, scene, family).await) } else { None } };
    let instance =
        async { if wanted.contains(&Look::Instance) { Some(see_instance(hands, family).await) } else { None } };
    let (rows, permissions, keys, instance) = join4(rows, join_all(shared), keys, instance).await;
    observed.rows.extend(rows);
    observed.permissions.extend(permissions);
    if keys.is_some() {
        observed.source_keys = keys;
    }
    if instance.is_some() {
        observed.instance = instance;
    }
}

async fn see<W: ImageReader>(world: &W, stack: &BoundedStack, family: &Family, row: &ImageRow) -> RowSight {
    match images(world, stack, family, row).await {
        Ok(images) => RowSight::Seen(images),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %row.region, error = %error, "read failed");
            RowSight::Unread
        }
    }
}

/// The images that carry the row's intent, which shows the row's own and any twin in one call; and, by id, the row's
/// own (its tags may have been taken off) and the one that holds its name, if the first read did not show them.
async fn images<W: ImageReader>(
    world: &W,
    stack: &BoundedStack,
    family: &Family,
    row: &ImageRow,
) -> Result<Vec<ObservedImage>, CallError> {
    let mut images = match family.key_of(row) {
        Some(key) => world.images_by_tag(&row.region, &stack.stack.keys.intent(), key.as_str()).await?,
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

async fn see_instance<H: Hands>(hands: &H, family: &Family) -> InstanceSight {
    match hands.instance(&family.region, &family.instance).await {
        Ok(seen) => InstanceSight::Seen(seen),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %family.region, error = %error, "instance could not be read");
            InstanceSight::Unread
        }
    }
}

async fn see_permissions<H: Hands>(hands: &H, family: &Family, row: &ImageRow) -> PermissionsSight {
    let Some(image) = &row.image else { return PermissionsSight::Unread };
    match hands.launch_permissions(&row.region, image).await {
        Ok(targets) => PermissionsSight::Read(targets),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %row.region, error = %error, "launch permissions could not be read");
            PermissionsSight::Unread
        }
    }
}

async fn see_keys<H: Hands>(hands: &H, scene: Scene<'_>, family: &Family) -> KeysSight {
    let key = scene.policy.and_then(|policy| policy.key_in(&family.region));
    let (Some(source), Some(key)) = (family.source(), key) else { return KeysSight::Unread };
    match hands.snapshot_keys(&source.region, &source.snapshots, key).await {
        Ok(keys) => KeysSight::Read(keys),
        Err(error) => {
            tracing::warn!(family = %family.id, region = %source.region, error = %error, "keys could not be read");
            KeysSight::Unread
        }
    }
}
