//! Which families are asked now with whom their images are shared: those whose turn it is, and
//! those with a public image.

use crate::ports::CallError;
use crate::settings::WatchedStack;
use crate::world::Tick;
use amiline_domain::ids::{FamilyId, ImageId, Region};
use amiline_domain::share_checks::due_in_hour;
use futures_util::future::{join, join_all};
use std::collections::BTreeSet;

/// The families to ask, and the Regions that could not be read. A Region costs one call for a
/// thousand images, and one for the public ones.
pub(crate) async fn families_to_ask<W: Tick>(
    world: &W,
    watched: &WatchedStack,
    all: bool,
) -> (BTreeSet<FamilyId>, Vec<(Region, CallError)>) {
    let regions: BTreeSet<&Region> =
        watched.source_regions.iter().chain(&watched.bounds.regions).collect();
    let key = watched.stack.keys.family();
    let listed = join_all(regions.iter().map(|region| async {
        let (every, public) =
            join(world.images_tagged(region, &key), world.public_images_tagged(region, &key)).await;
        ((*region).clone(), every, public)
    }));
    let (mut families, mut public, mut unread) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (region, every, of_everybody) in listed.await {
        let mut take = |listed: Result<Vec<(ImageId, String)>, CallError>,
                        into: &mut BTreeSet<FamilyId>| match listed {
            // Whoever may tag may write what is no family's id.
            Ok(images) => {
                into.extend(images.into_iter().filter_map(|(_, value)| FamilyId::new(value).ok()))
            }
            Err(error) => unread.push((region.clone(), error)),
        };
        take(every, &mut families);
        take(of_everybody, &mut public);
    }
    let due = if all { families } else { due_in_hour(families, world.now()) };
    (due.into_iter().chain(public).collect(), unread)
}
