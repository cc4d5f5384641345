//! Pressing an instance's button for a person, and looking how it is answered.

use crate::ports::{ButtonPresser, CallError, Catalogue, InstanceReader, PolicyStore};
use crate::settings::WatchedStack;
use amiline_domain::escape::one_line;
use amiline_domain::family::Family;
use amiline_domain::ids::{FamilyId, InstanceId, PolicyName, Region};
use amiline_domain::plan::TagStep;
use amiline_domain::tags::{Button, TagKeys, Trigger};
use std::collections::BTreeSet;
use thiserror::Error;

/// Families of the instance that are looked through for the one that answers. More do not begin
/// while one waits.
const FAMILIES_LOOKED_THROUGH: usize = 5;

/// Which button, and what is asked for.
#[derive(Debug, Clone)]
pub struct Press {
    /// Where the instance is.
    pub region: Region,
    /// The instance.
    pub instance: InstanceId,
    /// The policy.
    pub policy: PolicyName,
}

/// A button that is pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    /// Whether it was pressed for the same policy before, and not answered yet.
    pub already: bool,
    /// The families that had ended by then.
    ended: BTreeSet<FamilyId>,
}

/// What is known of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answering {
    /// Nothing has taken it up.
    Waiting,
    /// This family answers it.
    Family(Box<Family>),
    /// The tag is gone and nothing new is recorded: a refusal that was told before. These are the
    /// words of the status.
    Gone(Option<String>),
}

/// Why a button is not pressed.
#[derive(Debug, Error)]
pub enum PressError {
    /// There is no such policy.
    #[error(
        "there is no policy {0}; `amiline policy list` lists those that there are. Nothing was pressed"
    )]
    NoSuchPolicy(PolicyName),
    /// There is no such instance.
    #[error(
        "there is no instance {instance} in {region}; check the id, and give its Region with --in if it is in another. Nothing \
         was pressed"
    )]
    NoSuchInstance {
        /// Which.
        instance: InstanceId,
        /// Where it was looked for.
        region: Region,
    },
    /// Nobody would answer.
    #[error(
        "the stack does not watch {region}, so nothing would answer; it watches {watched}. Add it to the parameter SourceRegions \
         and deploy infra/regional.yaml there. Nothing was pressed"
    )]
    NotWatched {
        /// Where the instance is.
        region: Region,
        /// Where one may press.
        watched: String,
    },
    /// It is pressed for something else.
    #[error(
        "{instance} is pressed for {value} already; press again when that is answered. Nothing was pressed"
    )]
    Taken {
        /// Which.
        instance: InstanceId,
        /// What the tag says, made safe.
        value: String,
    },
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Presses the button, unless it is known beforehand that no image can come of it.
pub async fn press<W>(world: &W, stack: &WatchedStack, press: &Press) -> Result<Pressed, PressError>
where
    W: InstanceReader + PolicyStore + Catalogue + ButtonPresser,
{
    let Press { region, instance, policy } = press;
    if !stack.source_regions.contains(region) {
        let watched: Vec<&str> = stack.source_regions.iter().map(Region::as_str).collect();
        return Err(PressError::NotWatched { region: region.clone(), watched: watched.join(", ") });
    }
    if world.stored_policy(policy).await?.is_none() {
        return Err(PressError::NoSuchPolicy(policy.clone()));
    }
    let Some(seen) = world.instance(region, instance).await? else {
        return Err(PressError::NoSuchInstance {
            instance: instance.clone(),
            region: region.clone(),
        });
    };
    let key = stack.stack.keys.button(Button::Image);
    let already = match seen.tags.get(&key).map(|value| value.trim()) {
        Some(value) if value == policy.as_str() => true,
        Some(value) => {
            return Err(PressError::Taken {
                instance: instance.clone(),
                value: one_line(value, 60),
            });
        }
        None => false,
    };
    let families = world.families_of_instance(region, instance, FAMILIES_LOOKED_THROUGH).await?;
    let ended = families
        .into_iter()
        .filter(|family| family.outcome.is_some())
        .map(|family| family.id)
        .collect();
    if !already {
        let value = policy.to_string();
        world
            .press_button(&TagStep {
                region: region.clone(),
                instance: instance.clone(),
                key,
                value,
            })
            .await?;
    }
    Ok(Pressed { already, ended })
}

/// How a press is answered so far.
pub async fn answering<W>(
    world: &W,
    keys: &TagKeys,
    press: &Press,
    pressed: &Pressed,
) -> Result<Answering, CallError>
where
    W: InstanceReader + Catalogue,
{
    let Press { region, instance, policy } = press;
    let families = world.families_of_instance(region, instance, FAMILIES_LOOKED_THROUGH).await?;
    let answers = |family: &Family| {
        matches!(family.trigger, Trigger::Press(Button::Image))
            && family.requested.trim() == policy.as_str()
            && !pressed.ended.contains(&family.id)
    };
    if let Some(family) = families.into_iter().find(answers) {
        return Ok(Answering::Family(Box::new(family)));
    }
    let seen = world.instance(region, instance).await?;
    let tags = seen.map(|seen| seen.tags).unwrap_or_default();
    Ok(match tags.contains_key(&keys.button(Button::Image)) {
        true => Answering::Waiting,
        false => Answering::Gone(tags.get(&keys.status()).map(|status| one_line(status, 256))),
    })
}
