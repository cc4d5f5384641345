//! Why an instance has, or has not, its images: reads what a look would read, and does nothing.

use crate::enrol::is_busy;
use crate::made::made_of;
use crate::policy_read::policy_named;
use crate::ports::{
    CallError, Catalogue, Clock, DayCountReader, InstanceReader, KillSwitch, MadeReader, PolicyHistory, PolicyReader,
    PolicyStore, RecordReader,
};
use crate::settings::BoundedStack;
use amiline_domain::enrolment::{EnrolmentKey, Named, Sight};
use amiline_domain::ids::{InstanceId, PolicyName, Region};
use amiline_domain::look::{PolicyRead, named_by};
use amiline_domain::tags::Button;
use amiline_domain::why::{Facts, Why, explain};
use std::collections::{BTreeMap, BTreeSet};

/// Explains an instance; none if neither EC2 nor the record knows it there.
pub async fn why<W>(
    world: &W,
    stack: &BoundedStack,
    region: &Region,
    instance: &InstanceId,
) -> Result<Option<Why>, CallError>
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
    let key = EnrolmentKey { account: stack.stack.account.clone(), region: region.clone(), instance: instance.clone() };
    let enrolled = world.enrolment(&key).await?;
    let observed = world.instance(region, instance).await?;
    let latest = world.families_of_instance(region, instance, 1).await?.pop();
    if observed.is_none() && latest.is_none() {
        return Ok(None);
    }
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
    let busy = is_busy(world, stack, &key, &enrolled).await?;
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
    Ok(Some(explain(Facts {
        region,
        instance,
        sight,
        enrolment: &enrolled.enrolment,
        button: button.as_deref(),
        pressed: &pressed,
        switched_off,
        latest: latest.as_ref(),
    })))
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
