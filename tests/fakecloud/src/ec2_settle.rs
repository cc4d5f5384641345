//! How images change their state: by themselves, and by people.

use crate::ec2_copy::KEY_NOT_ACCESSIBLE;
use crate::happenings::What;
use crate::state::State;
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::image::ImageState;

impl State {
    /// A pending image's time has come: it becomes available, or fails if something stands in its
    /// way.
    pub(crate) fn settle(&mut self, region: &Region, id: &ImageId) {
        let place = self.region(region);
        let Some(image) = place.image(id).filter(|image| image.state == ImageState::Pending) else {
            return;
        };
        let keys =
            image.snapshots.iter().filter_map(|snapshot| place.snapshots[snapshot].key.as_deref());
        // A copy fails (aws-behaviour.md#the-key-of-a-copy-is-checked-later). For an image of an
        // instance it is not documented: fails as well.
        let key_lost = keys.into_iter().any(|key| !place.keys.usable(key));
        let why = image
            .doomed
            .clone()
            .or_else(|| place.failing.clone())
            .or_else(|| key_lost.then(|| KEY_NOT_ACCESSIBLE.to_owned()));
        match why {
            Some(why) => self.fail_image(region, id, &why),
            None => self.set_state(region, id, ImageState::Available, None),
        }
    }

    pub(crate) fn fail_image(&mut self, region: &Region, id: &ImageId, why: &str) {
        self.set_state(region, id, ImageState::Failed, Some(why.to_owned()));
    }

    /// Changes an image's state and emits the event (aws-behaviour.md#ami-state-change-events).
    pub(crate) fn set_state(
        &mut self,
        region: &Region,
        id: &ImageId,
        to: ImageState,
        why: Option<String>,
    ) {
        let now = self.now;
        self.change_image(region, id, |image| {
            image.state = to;
            image.state_reason.clone_from(&why);
            if to == ImageState::Disabled {
                // EnableImage does not give them back
                // (aws-behaviour.md#disabling-removes-launch-permissions).
                image.permissions.clear();
            }
            if to == ImageState::Deregistered {
                image.deregistered_at = Some(now);
            }
        });
        self.line(format_args!(
            "{id} in {region} is {to:?}{}",
            why.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
        ));
        self.happened(0, || What::ImageIs { region: region.clone(), image: id.clone(), state: to });
        self.emit_image_state(region, id, to, why.as_deref().unwrap_or_default());
    }
}
