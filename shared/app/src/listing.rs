//! Families that a person asks for, newest first.

use crate::ports::{CallError, Catalogue};
use amiline_domain::family::Family;
use amiline_domain::ids::{Region, SnapshotId};
use amiline_domain::selection::Selection;

/// Families that are read at a time while most of them may not be asked for.
const PAGE: usize = 100;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The families, by when they were asked for, newest first.
    pub families: Vec<Family>,
    /// Whether there may be more of them.
    pub more: bool,
}

/// The newest families of a selection, at most `limit`. Those of one instance are looked for in
/// `regions`.
pub async fn listed<W: Catalogue>(
    world: &W,
    selection: &Selection,
    regions: &[Region],
    limit: usize,
) -> Result<Listed, CallError> {
    let mut families = match &selection.instance {
        Some(instance) => {
            let mut all = Vec::new();
            for region in regions {
                all.extend(world.families_of_instance(region, instance, usize::MAX).await?);
            }
            all.retain(|family| selection.has(family));
            all
        }
        None => of_all(world, selection, limit).await?,
    };
    families.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    let more = families.len() > limit;
    families.truncate(limit);
    Ok(Listed { families, more })
}

/// The newest family that has the snapshot, in this Region if one is given. Every family may have
/// to be read.
pub async fn with_snapshot<W: Catalogue>(
    world: &W,
    snapshot: &SnapshotId,
    region: Option<&Region>,
) -> Result<Option<Family>, CallError> {
    let has = |family: &Family| {
        let mut rows =
            family.rows.values().filter(|row| region.is_none_or(|region| row.region == *region));
        rows.any(|row| row.snapshots.contains(snapshot))
    };
    let mut after: Option<Family> = None;
    loop {
        let read = world.families(PAGE, after.as_ref()).await?;
        let ended = read.len() < PAGE;
        after = read.last().cloned();
        if let Some(family) = read.into_iter().find(&has) {
            return Ok(Some(family));
        }
        if ended {
            return Ok(None);
        }
    }
}

/// One more than `limit` if there are so many, since the next one tells that there are more.
async fn of_all<W: Catalogue>(
    world: &W,
    selection: &Selection,
    limit: usize,
) -> Result<Vec<Family>, CallError> {
    let enough = limit.saturating_add(1);
    let page = if *selection == Selection::default() { enough.min(PAGE) } else { PAGE };
    let mut families: Vec<Family> = Vec::new();
    let mut after: Option<Family> = None;
    while families.len() < enough {
        let read = world.families(page, after.as_ref()).await?;
        let ended =
            read.len() < page || read.last().is_none_or(|oldest| selection.is_before(oldest));
        after = read.last().cloned();
        families.extend(read.into_iter().filter(|family| selection.has(family)));
        if ended {
            break;
        }
    }
    families.truncate(enough);
    Ok(families)
}
