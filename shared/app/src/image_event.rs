//! An image changed its state, somewhere. Most images are not ours.

use crate::engine::{Advanced, Invocation};
use crate::error::UseCaseError;
use crate::family::distribute_part;
use crate::settings::BoundedStack;
use crate::world::Distribute;
use amiline_domain::ids::FamilyId;
use amiline_domain::message::ImageStateChange;
use amiline_domain::plan::{FamilyHint, ImageHint};

/// What became of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageEventDone {
    /// It is an image of a family, which was looked at.
    Looked(Advanced),
    /// It is none of ours.
    Foreign,
}

/// Finds the family of an image and looks at it. The event's word is never taken: the image is read
/// again.
pub async fn on_image_state<W: Distribute>(
    world: &W,
    stack: &BoundedStack,
    event: &ImageStateChange,
    invocation: &Invocation,
) -> Result<ImageEventDone, UseCaseError> {
    let foreign = |why: &'static str| {
        tracing::info!(image = %event.image, region = %event.region, outcome = "foreign", why, request = invocation.id, "image event");
        ImageEventDone::Foreign
    };
    if event.account != stack.stack.account {
        return Ok(foreign("another account"));
    }
    let family = match world.family_of_image(&event.region, &event.image).await? {
        Some(family) => family,
        // The event may have overtaken our record of the image: then its tags name the family, and
        // the planner takes it as ours only if everything else fits the family's open intent.
        None => match family_by_tags(world, stack, event).await? {
            Some(family) => family,
            None => return Ok(foreign("no pointer and no tags of ours")),
        },
    };
    let image =
        ImageHint { region: event.region.clone(), image: event.image.clone(), state: event.state };
    let hint = FamilyHint { image: Some(image), ..FamilyHint::default() };
    match distribute_part(world, stack, &family, hint, invocation).await? {
        Advanced::NoSuchRecord => Ok(foreign("its tags name a family that does not exist")),
        advanced @ (Advanced::Done | Advanced::LeasedToOther) => {
            Ok(ImageEventDone::Looked(advanced))
        }
    }
}

async fn family_by_tags<W: Distribute>(
    world: &W,
    stack: &BoundedStack,
    event: &ImageStateChange,
) -> Result<Option<FamilyId>, UseCaseError> {
    let images = world.images_by_id(&event.region, std::slice::from_ref(&event.image)).await?;
    let keys = &stack.stack.keys;
    Ok(images
        .into_iter()
        .find(|image| {
            image.id == event.image
                && image.owner.as_ref() == Some(&stack.stack.account)
                && image.tags.get(&keys.managed_by()).map(String::as_str)
                    == Some(stack.stack.name.as_str())
        })
        .and_then(|image| {
            image.tags.get(&keys.family()).and_then(|family| FamilyId::new(family.as_str()).ok())
        }))
}
