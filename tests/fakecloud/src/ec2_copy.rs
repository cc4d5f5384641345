//! CopyImage.

use crate::ec2_images::{Image, NewImage};
use crate::ec2_instances::check_tags;
use crate::refusal::Refusal;
use crate::settings::Plant;
use crate::state::{Later, State};
use crate::versioned::Versioned;
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::plan::CopyStep;
use amiline_domain::policy::CopyMinutes;

/// Seconds until a copy fails whose key cannot be used.
const KEY_FAILURE_SECONDS: i64 = 5;
/// What EC2 says of such a copy (aws-behaviour.md#the-key-of-a-copy-is-checked-later).
pub(crate) const KEY_NOT_ACCESSIBLE: &str = "Given key ID is not accessible";

/// A client token that was used in a destination Region.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    request: String,
    image: ImageId,
}

impl State {
    /// CopyImage, called in the destination Region
    /// (aws-behaviour.md#copyimage-is-called-in-the-destination).
    pub(crate) fn copy_image(&mut self, step: &CopyStep) -> Result<ImageId, Refusal> {
        if let Some(image) = self.answered_before(step)? {
            return Ok(image);
        }
        if self.is_dark(&step.source_region) {
            return Err(Refusal::with_status(
                "Unavailable",
                "The source Region does not answer.",
                503,
            ));
        }
        let source = self.copyable(&step.source_region, &step.source)?.clone();
        check_tags(&step.tags)?;
        self.check_name(&step.destination, step.name.as_str())?;
        self.check_copies_in_flight(&step.destination)?;
        let (keys, doomed) = self.keys_of_copy(step, &source)?;
        let destination = step.destination.clone();
        let seconds = match &doomed {
            // The call succeeds, then the image fails
            // (aws-behaviour.md#the-key-of-a-copy-is-checked-later).
            Some(_) => Some(KEY_FAILURE_SECONDS),
            // EC2 keeps the time, unless a quota is nearly used up, which is not modelled
            // (aws-behaviour.md#time-based-copies).
            None => {
                let promised = step.within_minutes.map(|minutes| i64::from(minutes.get()) * 60);
                let seconds = self.region(&destination).copy_seconds;
                seconds.map(|seconds| promised.map_or(seconds, |promised| promised.min(seconds)))
            }
        };
        let doomed = doomed.or_else(|| self.region_mut(&destination).failures.pop_front());
        let id = self.insert_image(NewImage {
            region: destination.clone(),
            name: step.name.to_string(),
            source_instance: None,
            source_image: Some(step.source.clone()),
            keys,
            // A device that the source lacks is in no copy.
            devices: source.devices,
            tags: step.tags.clone(),
            is_copy: true,
            within_minutes: step.within_minutes,
            doomed,
        });
        let token = Token { request: request(step), image: id.clone() };
        let flying = self.copies_in_flight(&destination);
        let region = self.region_mut(&destination);
        region.tokens.insert(step.client_token.clone(), token);
        region.copies_peak = region.copies_peak.max(flying);
        if let Some(seconds) = seconds {
            self.schedule(seconds, Later::Settle(destination, id.clone()));
        }
        Ok(id)
    }

    /// The image that this token made before. Another request with it is refused
    /// (aws-behaviour.md#copyimage-has-a-client-token). How long EC2 remembers a token is not
    /// documented; the model never forgets.
    fn answered_before(&self, step: &CopyStep) -> Result<Option<ImageId>, Refusal> {
        if !step.client_token.is_ascii() || step.client_token.len() > 64 {
            return Err(Refusal::new(
                "InvalidClientToken",
                "A client token has at most 64 ASCII characters.",
            ));
        }
        if self.settings.plant == Some(Plant::TokensForgotten) {
            return Ok(None);
        }
        match self.region(&step.destination).tokens.get(&step.client_token) {
            None => Ok(None),
            Some(token) if token.request == request(step) => Ok(Some(token.image.clone())),
            Some(_) => Err(Refusal::new(
                "IdempotentParameterMismatch",
                "The client token has been used with other parameters.",
            )),
        }
    }

    /// The source must be there and, presumably, available
    /// (aws-behaviour.md#copyimage-is-called-in-the-destination).
    fn copyable(&self, region: &Region, id: &ImageId) -> Result<&Image, Refusal> {
        let image = self.known_image(region, id)?;
        if image.state != ImageState::Available {
            let message = format!("The image id '[{id}]' is not available");
            return Err(Refusal::new("InvalidAMIID.Unavailable", message));
        }
        Ok(image)
    }

    pub(crate) fn copies_in_flight(&self, destination: &Region) -> usize {
        let images = self.region(destination).images.values().map(Versioned::current);
        images.filter(|image| image.is_copy && image.state == ImageState::Pending).count()
    }

    /// Copies in flight for each destination are limited
    /// (aws-behaviour.md#copies-in-flight-are-limited).
    fn check_copies_in_flight(&self, destination: &Region) -> Result<(), Refusal> {
        if self.copies_in_flight(destination) >= self.region(destination).copies_max {
            let message =
                "The number of snapshot copies in progress to this Region has reached its limit.";
            return Err(Refusal::new("ResourceLimitExceeded", message));
        }
        Ok(())
    }

    /// The keys of the copy's snapshots, and why it will fail, if its keys will make it.
    fn keys_of_copy(
        &self,
        step: &CopyStep,
        source: &Image,
    ) -> Result<(Vec<Option<String>>, Option<String>), Refusal> {
        let destination = &self.region(&step.destination).keys;
        let source_keys = self.keys_of(&step.source_region, &source.snapshots)?;
        let from = &self.region(&step.source_region).keys;
        let unreadable = source_keys.iter().flatten().any(|key| !from.usable(key));
        let asked = step.kms_key.as_ref().map(|alias| destination.arn(alias.as_str()));
        let missing = asked == Some(None);
        let same_region = step.source_region == step.destination;
        let by_default = self.region(&step.destination).encrypts_by_default;
        let keys: Vec<Option<String>> = source_keys
            .into_iter()
            .map(|key| match (&asked, key) {
                // A key that is not there: what the snapshots of an image that will fail are under
                // does not show.
                (Some(asked), _) => asked.clone().or_else(|| Some(destination.aws_managed())),
                // An encrypted snapshot never becomes a plain one; without a key of its own it
                // keeps its key in the same Region, and gets the AWS-managed one in another
                // (aws-behaviour.md#which-key-a-copy-gets).
                (None, Some(key)) if same_region => Some(key),
                (None, Some(_)) => Some(destination.aws_managed()),
                (None, None) => by_default.then(|| destination.aws_managed()),
            })
            .collect();
        let unusable = keys.iter().flatten().any(|key| !destination.usable(key));
        let doomed = (missing || unusable || unreadable).then(|| KEY_NOT_ACCESSIBLE.to_owned());
        Ok((keys, doomed))
    }
}

/// What must be the same for a token to be used again.
fn request(step: &CopyStep) -> String {
    let key = step.kms_key.as_ref().map(ToString::to_string);
    let minutes = step.within_minutes.map(CopyMinutes::get);
    format!(
        "{} {} {} {key:?} {minutes:?} {:?}",
        step.source_region, step.source, step.name, step.tags
    )
}
