//! The text of a policy, as Parameter Store has it.

use super::policies;
use crate::properties::{holds, line};
use crate::stage::{ALIAS, FRIEND, ORGANIZATION, UNIT};
use crate::target::{Broken, Outcome, Target, shape};
use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{
    AccountId, KeyAlias, OrganizationArn, OrganizationalUnitArn, Region, TagPrefix,
};
use amiline_domain::policy::{CopyMinutes, Destination, Policy, TEXT_BYTES_MAX};
use amiline_domain::tags::TagKeys;
use std::collections::BTreeSet;
use std::io;

/// Characters of what is said of a policy: with its name it has to fit a history item's reason.
const MESSAGE_MAX: usize = 440;

pub(super) const TARGET: Target =
    Target { name: "policy", longest: TEXT_BYTES_MAX + 100, seeds, run };

fn seeds() -> io::Result<Vec<Vec<u8>>> {
    Ok(policies()?.into_iter().map(String::into_bytes).collect())
}

fn run(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let policy = match Policy::parse(&text) {
        Ok(policy) => policy,
        Err(error) => {
            line("what is wrong with a policy", &error.to_string(), MESSAGE_MAX)?;
            return Ok(shape(&error.to_string()));
        }
    };
    holds("a policy that is too long is refused", text.len() <= TEXT_BYTES_MAX, || {
        text.len().to_string()
    })?;
    holds("the deadline is an hour to a week", (1..=168).contains(&policy.deadline_hours), || {
        policy.deadline_hours.to_string()
    })?;
    holds("who shares names a key", policy.share.is_empty() || policy.encrypt.is_some(), || {
        text.to_string()
    })?;
    check_times(&policy)?;
    check_written(&policy)?;
    check_bounds(&policy)
}

/// A copy's time is one that EC2 takes, and is over before the copy is given up.
fn check_times(policy: &Policy) -> Result<(), Broken> {
    let own =
        policy.distribute.regions.iter().filter_map(|(_, destination)| destination.within_minutes);
    for minutes in own.chain(policy.distribute.within_minutes).map(CopyMinutes::get) {
        let taken = (15..=2880).contains(&minutes) && minutes % 15 == 0;
        holds("EC2 takes the time of a copy", taken, || minutes.to_string())?;
        let in_time = minutes < policy.deadline_hours.saturating_mul(60);
        holds("a copy is not given up before its time is over", in_time, || minutes.to_string())?;
    }
    Ok(())
}

/// A policy says the same when it is written and read again.
fn check_written(policy: &Policy) -> Result<(), Broken> {
    let law = "a policy that is written reads the same";
    let written = serde_json::to_string(policy).map_err(|e| Broken::new(law, e.to_string()))?;
    if written.len() > TEXT_BYTES_MAX {
        // It says every field, so it may be longer than what was read.
        return Ok(());
    }
    let read = Policy::parse(&written);
    holds(law, read.as_ref() == Ok(policy), || format!("{read:?}"))
}

/// Allowed is what the bounds list, all of it and nothing else.
fn check_bounds(policy: &Policy) -> Outcome {
    let bounds = bounds()?;
    let checked = policy.check(&bounds, &keys()?);
    let mut keys = policy.encrypt.iter().map(|encrypt| &encrypt.kms_key);
    let mut destinations = policy.distribute.regions.iter();
    let within = destinations.all(|(region, destination)| {
        bounds.regions.contains(region)
            && destination.kms_key.as_ref().is_none_or(|key| bounds.keys.contains(key))
    }) && policy.share.accounts.is_subset(&bounds.accounts)
        && policy.share.organizations.is_subset(&bounds.organizations)
        && policy.share.organizational_units.is_subset(&bounds.organizational_units)
        && keys.all(|key| bounds.keys.contains(key))
        && policy
            .create
            .tags
            .keys()
            .chain(&policy.create.carry_tags)
            .all(|key| !is_ours(key.as_str()));
    holds(
        "what is beyond the bounds is refused, and nothing else",
        checked.is_ok() == within,
        || format!("{checked:?}"),
    )?;
    let said = checked.err().map(|beyond| beyond.to_string()).unwrap_or_default();
    line("what is beyond the bounds", &said, MESSAGE_MAX)?;
    Ok(format!(
        "read; {} Regions, {} with settings, {} accounts, {} others, key {}, time {}, reboot {}, name {}, {} tags, {} devices; {}",
        policy.distribute.regions.iter().count().min(21),
        policy
            .distribute
            .regions
            .iter()
            .filter(|(_, own)| **own != Destination::default())
            .count()
            .min(3),
        policy.share.accounts.len().min(3),
        policy.share.targets().len().saturating_sub(policy.share.accounts.len()).min(3),
        policy.encrypt.is_some(),
        policy.distribute.within_minutes.is_some(),
        policy.create.reboot,
        policy.create.name.is_some(),
        (policy.create.tags.len() + policy.create.carry_tags.len()).min(41),
        (policy.create.exclude_devices.len() + policy.create.delete_on_termination.len()).min(3),
        shape(&said)
    ))
}

/// Whether a key is one of the stack's.
fn is_ours(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("amiline:") || key == "amiline-stack"
}

fn keys() -> Result<TagKeys, Broken> {
    let prefix =
        TagPrefix::new("amiline").map_err(|e| Broken::new("the prefix is valid", e.to_string()))?;
    Ok(TagKeys::new(prefix))
}

fn bounds() -> Result<Bounds, Broken> {
    let invalid =
        |e: amiline_domain::ids::InvalidId| Broken::new("the bounds are valid", e.to_string());
    Ok(Bounds {
        regions: BTreeSet::from([
            Region::new("us-east-1").map_err(invalid)?,
            Region::new("us-west-2").map_err(invalid)?,
        ]),
        accounts: BTreeSet::from([AccountId::new(FRIEND).map_err(invalid)?]),
        organizations: BTreeSet::from([OrganizationArn::new(ORGANIZATION).map_err(invalid)?]),
        organizational_units: BTreeSet::from([OrganizationalUnitArn::new(UNIT).map_err(invalid)?]),
        keys: BTreeSet::from([KeyAlias::new(ALIAS).map_err(invalid)?]),
        images_per_hour_max: 50,
        interval_minutes_min: 0,
    })
}
