//! Why an instance has, or has not, its images: reads what a look would read, and does nothing.

use crate::enrol::is_busy;
use crate::made::made_of;
use crate::policy_read::policy_named;
use crate::ports::{
    CallError, Catalogue, Clock, DayCountReader, InstanceReader, KillSwitch, MadeReader,
    PolicyHistory, PolicyReader, PolicyStore, RecordReader,
};
use crate::settings::WatchedStack;
use crate::unread::Unread;
use amiline_domain::enrolment::{EnrolmentKey, Named, Sight};
use amiline_domain::ids::{InstanceId, PolicyName, Region};
use amiline_domain::look::{PolicyRead, named_by};
use amiline_domain::tags::Button;
use amiline_domain::why::{Facts, Why, explain};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Explains an instance, in whichever of the Regions it is; an error if no Region that could be
/// read has it.
pub async fn why<W>(
    world: &W,
    stack: &WatchedStack,
    regions: &[Region],
    instance: &InstanceId,
) -> Result<Why, WhyError>
where
    W: Clock
        + InstanceReader
        + PolicyReader
        + PolicyStore
        + PolicyHistory
        + DayCountReader
        + KillSwitch
        + RecordReader
        + MadeReader
        + Catalogue,
{
    let shown = join_all(regions.iter().map(|region| world.instance(region, instance))).await;
    let mut unread = Vec::new();
    let mut place = None;
    for (region, shown) in regions.iter().zip(shown) {
        match shown {
            Ok(Some(_)) => place = place.or(Some(region)),
            Ok(None) => {}
            Err(error) => unread.push(Unread { region: region.clone(), error }),
        }
    }
    if place.is_none() {
        // EC2 forgets a terminated instance within the hour; its records stay.
        for region in regions {
            if !world.families_of_instance(region, instance, 1).await?.is_empty() {
                place = Some(region);
                break;
            }
        }
    }
    // What an unreadable Region knows of the instance is not guessed.
    match place {
        Some(region) if unread.iter().all(|unread| unread.region != *region) => {
            Ok(explained(world, stack, region, instance).await?)
        }
        Some(_) | None => Err(WhyError::Unknown {
            instance: instance.clone(),
            read: regions
                .iter()
                .filter(|region| unread.iter().all(|one| one.region != **region))
                .cloned()
                .collect(),
            unread,
        }),
    }
}

/// Why an instance is not explained.
#[derive(Debug, Error)]
pub enum WhyError {
    /// No Region that could be read has it.
    #[error("{}", unknown(.instance, .read, .unread))]
    Unknown {
        /// Which.
        instance: InstanceId,
        /// Where EC2 shows no such instance.
        read: Vec<Region>,
        /// Where it could not be asked.
        unread: Vec<Unread>,
    },
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

fn unknown(instance: &InstanceId, read: &[Region], unread: &[Unread]) -> String {
    let names: Vec<&str> = read.iter().map(Region::as_str).collect();
    let mut text = match read {
        [] => String::new(),
        [..] => format!(
            "there is no instance {instance} in {}, and nothing is recorded of one; check the id, and name its Region with \
             --in if it is in another",
            names.join(", ")
        ),
    };
    for Unread { region, error } in unread {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("whether {instance} is in {region} is not known: {error}"));
    }
    text
}

/// Explains an instance that is known in the Region.
async fn explained<W>(
    world: &W,
    stack: &WatchedStack,
    region: &Region,
    instance: &InstanceId,
) -> Result<Why, CallError>
where
    W: Clock
        + InstanceReader
        + PolicyReader
        + PolicyStore
        + PolicyHistory
        + DayCountReader
        + KillSwitch
        + RecordReader
        + MadeReader
        + Catalogue,
{
    let keys = &stack.stack.keys;
    let key = EnrolmentKey {
        account: stack.stack.account.clone(),
        region: region.clone(),
        instance: instance.clone(),
    };
    let enrolled = world.enrolment(&key).await?;
    let observed = world.instance(region, instance).await?;
    let latest = world.families_of_instance(region, instance, 1).await?.pop();
    let tag = |key: String| observed.as_ref().and_then(|seen| seen.tags.get(&key)).cloned();
    let (scheduled, button) = (tag(keys.schedule()), tag(keys.button(Button::Image)));
    let mut policies = BTreeMap::new();
    for name in scheduled.as_deref().map(Named::of).unwrap_or_default().policies {
        let read = read(world, &name).await?;
        policies.insert(name, read);
    }
    let pressed = match button.as_deref().map(named_by) {
        Some(Ok(name)) => read(world, &name).await?,
        Some(Err(_)) | None => PolicyRead::default(),
    };
    let made = made_of(world, &key, &enrolled.enrolment).await?;
    let busy = is_busy(world, &stack.bounded(), &key, &enrolled).await?;
    let switched_off = world.is_on().await;
    let sight = Sight {
        instance: observed.as_ref(),
        tag: scheduled.as_deref(),
        hint: None,
        policies: &policies,
        press: &enrolled.press,
        budget: &enrolled.budget,
        bounds: &stack.bounds,
        keys,
        made: Some(&made),
        taken: &BTreeSet::new(),
        busy,
        now: world.now(),
    };
    Ok(explain(Facts {
        region,
        instance,
        watched: &stack.source_regions,
        sight,
        enrolment: &enrolled.enrolment,
        button: button.as_deref(),
        pressed: &pressed,
        switched_off,
        latest: latest.as_ref(),
    }))
}

async fn read<W>(world: &W, name: &PolicyName) -> Result<PolicyRead, CallError>
where
    W: PolicyReader + PolicyStore + PolicyHistory + DayCountReader,
{
    let mut read = policy_named(world, name).await?;
    if read.needs_day() {
        read.day = world.day_count(name).await?;
    }
    Ok(read)
}
