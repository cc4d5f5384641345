//! Looking at the schedules of an instance: the one use case for its tag event, for redelivery, for its turn and for the
//! sweep.

use crate::family::{
    CreateHands, Invocation, RELOADS_MAX, Ran, UseCaseError, Work, admitted, commit_announced, whole_family,
};
use crate::made::made_of;
use crate::policy_read::read_policy;
use crate::ports::{CallError, Committed, Enrolled, RecordReader};
use crate::settings::BoundedStack;
use crate::world::Create;
use amiline_domain::coverage::CoverageNews;
use amiline_domain::enrolment::{
    Enrolment, EnrolmentDecision, EnrolmentKey, Missed, Named, POLICIES_MAX, Sight, decide,
};
use amiline_domain::history::{News, Subject, append_news};
use amiline_domain::ids::{InstanceId, PolicyName, Region};
use amiline_domain::image::ObservedInstance;
use amiline_domain::key::IntentKey;
use amiline_domain::look::PolicyRead;
use amiline_domain::plan::{Scheduled, begin_slot, refuse_enrolment};
use amiline_domain::press::{Hint, PressState};
use amiline_domain::reason::Rejection;
use amiline_domain::record::{Expected, Transaction, Write};
use amiline_domain::tags::{Button, Trigger};
use amiline_domain::time::Slot;
use amiline_domain::wake::InstanceTagged;
use futures_util::future::{join, join_all};
use std::collections::{BTreeMap, BTreeSet};

/// Whose schedules to look at.
#[derive(Debug, Clone)]
pub struct EnrolRequest {
    /// Where.
    pub region: Region,
    /// Which instance.
    pub instance: InstanceId,
    /// What an event claimed; its `button` is the schedule's tag.
    pub hint: Option<Hint>,
    /// Also tell what has become of the instance's coverage.
    pub coverage: bool,
}

impl EnrolRequest {
    /// The look that a tag event asks for; `None` if it is about another account or another tag.
    pub fn of_event(event: &InstanceTagged, stack: &BoundedStack) -> Option<Self> {
        let keys = &stack.stack.keys;
        let tag = keys.schedule();
        if event.account != stack.stack.account || !event.changed_keys.contains(&tag) {
            return None;
        }
        let status = event.tags.get(&keys.status()).cloned();
        let hint = Hint { time: event.time, button: event.tags.get(&tag).cloned(), status, pressed: true };
        Some(Self { region: event.region.clone(), instance: event.instance.clone(), hint: Some(hint), coverage: false })
    }
}

/// What a look led to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnrolDone {
    /// Slots that were taken.
    pub begun: usize,
    /// Refusals that were told.
    pub refused: usize,
    /// News of the coverage that were told.
    pub told: usize,
    /// The kill switch is on: nothing was begun; it stays due.
    pub paused: bool,
}

/// Brings the instance's enrolment up to date and does what is due.
pub async fn look_at_schedule<W: Create>(
    world: &W,
    stack: &BoundedStack,
    request: &EnrolRequest,
    invocation: &Invocation,
) -> Result<EnrolDone, UseCaseError> {
    let key = EnrolmentKey {
        account: stack.stack.account.clone(),
        region: request.region.clone(),
        instance: request.instance.clone(),
    };
    let mut done = EnrolDone::default();
    let mut taken = BTreeSet::new();
    // Each of an instance's policies may have something to begin, and each may meet somebody who writes too.
    for round in 0..RELOADS_MAX.saturating_add(POLICIES_MAX) {
        // The enrolment first, then the tags, as with a press.
        let enrolled = world.enrolment(&key).await?;
        let instance = world.instance(&key.region, &key.instance).await?;
        let tag = instance.as_ref().and_then(|instance| instance.tags.get(&stack.stack.keys.schedule())).cloned();
        let made = async {
            match request.coverage {
                true => made_of(world, &key, &enrolled.enrolment).await.map(Some),
                false => Ok(None),
            }
        };
        // Together: a look has to come to its end where each call takes seconds.
        let (policies, made) = join(policies(world, stack, tag.as_deref()), made).await;
        let (policies, made) = (policies?, made?);
        let now = world.now();
        let mut sight = Sight {
            instance: instance.as_ref(),
            tag: tag.as_deref(),
            hint: request.hint.as_ref(),
            policies: &policies,
            press: &enrolled.press,
            budget: &enrolled.budget,
            bounds: &stack.bounds,
            keys: &stack.stack.keys,
            made: made.as_deref(),
            taken: &taken,
            busy: false,
            now,
        };
        let mut decision = decide(&enrolled.enrolment, sight);
        // Asked only where it matters: one read a slot, and none for an instance that waits.
        if matches!(decision, EnrolmentDecision::Begin { .. }) && is_busy(world, stack, &key, &enrolled).await? {
            sight.busy = true;
            decision = decide(&enrolled.enrolment, sight);
        }
        let acts = match decision {
            EnrolmentDecision::Nothing => return Ok(done),
            EnrolmentDecision::Write(enrolment) => {
                let write = write_of(&key, enrolled.enrolment.rev, enrolment);
                match world.commit(&Transaction::new(vec![write])?).await? {
                    // What is promised is known only now, and with it what the coverage is.
                    Committed::Yes if request.coverage => {}
                    Committed::Yes => return Ok(done),
                    Committed::Conflict => world.give_way(round).await,
                }
                continue;
            }
            EnrolmentDecision::Tell { news, enrolment } => {
                let count = news.len();
                match tell(world, &key, instance.as_ref(), enrolled.enrolment.rev, news, enrolment).await? {
                    Committed::Yes => done.told = done.told.saturating_add(count),
                    Committed::Conflict => world.give_way(round).await,
                }
                continue;
            }
            EnrolmentDecision::Begin { .. } | EnrolmentDecision::Refuse { .. } => decision,
        };
        if world.is_on().await {
            return Ok(EnrolDone { paused: true, ..done });
        }
        let Some(instance) = instance else { return Ok(done) };
        let act = Act { key: &key, enrolled: &enrolled, instance: &instance, policies: &policies };
        match act.carry_out(world, stack, acts, invocation).await? {
            Acted::Begun => done.begun = done.begun.saturating_add(1),
            Acted::Refused => done.refused = done.refused.saturating_add(1),
            Acted::InTheWay => world.give_way(round).await,
            Acted::TakenBefore(policy, slot) => {
                taken.insert((policy, slot));
            }
        }
    }
    Err(CallError::busy("enrolment", key.instance.to_string(), key.region).into())
}

/// The enrolment, if nobody has written it since it was read at this revision.
fn write_of(key: &EnrolmentKey, revision: u64, enrolment: Enrolment) -> Write {
    Write::Enrolment(key.clone(), Expected::read_at(revision), Box::new(enrolment))
}

/// Writes what is told of the coverage, with the enrolment that remembers it.
async fn tell<W: Create>(
    world: &W,
    key: &EnrolmentKey,
    instance: Option<&ObservedInstance>,
    revision: u64,
    news: Vec<CoverageNews>,
    mut enrolment: Enrolment,
) -> Result<Committed, UseCaseError> {
    let subject = Subject::Enrolment(key.clone());
    let mut history = Vec::with_capacity(news.len());
    for CoverageNews { kind, policy, region, image, reason } in news {
        let reason = reason.into();
        let instance_name = instance.and_then(ObservedInstance::name);
        let news =
            News { kind, account: key.account.clone(), region, instance_name, policy: Some(policy), image, reason };
        history.push(append_news(subject.clone(), &mut enrolment.news, news, world.now()));
    }
    commit_announced(world, write_of(key, revision, enrolment), history).await
}

async fn policies<W: Create>(
    world: &W,
    stack: &BoundedStack,
    tag: Option<&str>,
) -> Result<BTreeMap<PolicyName, PolicyRead>, UseCaseError> {
    let named = tag.map(Named::of).unwrap_or_default().policies;
    let read = join_all(named.iter().map(|policy| read_policy(world, stack, policy))).await;
    named.iter().cloned().zip(read).map(|(policy, read)| Ok((policy, read?))).collect()
}

/// Whether an image of the instance is being made: of the slot before, or of a press that is under way. EC2 makes few of one
/// instance at once, and whoever came first must not wait for ever.
pub(crate) async fn is_busy<W: RecordReader>(
    world: &W,
    stack: &BoundedStack,
    key: &EnrolmentKey,
    enrolled: &Enrolled,
) -> Result<bool, CallError> {
    let pressed = match &enrolled.press.state {
        PressState::Accepted { slot, .. } => {
            let intent = IntentKey {
                stack: &stack.stack.name,
                account: &key.account,
                region: &key.region,
                instance: &key.instance,
                trigger: &Trigger::Press(Button::Image),
                slot: *slot,
            };
            Some(intent.family_id())
        }
        PressState::Idle | PressState::Answered { .. } => None,
    };
    for family in enrolled.enrolment.last_family.iter().chain(&pressed) {
        let family = whole_family(world, family).await?;
        if family.is_some_and(|family| family.source().is_some_and(|row| row.state.is_open())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was read, for something to carry out.
struct Act<'a> {
    key: &'a EnrolmentKey,
    enrolled: &'a Enrolled,
    instance: &'a ObservedInstance,
    policies: &'a BTreeMap<PolicyName, PolicyRead>,
}

enum Acted {
    Begun,
    Refused,
    /// Somebody else wrote enrolment, press or the hour's count.
    InTheWay,
    /// The slot has its family: it was taken before the instance was enrolled anew, by a clock that was ahead.
    TakenBefore(PolicyName, Slot),
}

impl Act<'_> {
    async fn carry_out<W: Create>(
        &self,
        world: &W,
        stack: &BoundedStack,
        decision: EnrolmentDecision,
        invocation: &Invocation,
    ) -> Result<Acted, UseCaseError> {
        let scheduled = Scheduled {
            stack: &stack.stack.name,
            account: &self.key.account,
            instance: self.instance,
            press: &self.enrolled.press,
        };
        let now = world.now();
        match decision {
            EnrolmentDecision::Nothing | EnrolmentDecision::Write(_) | EnrolmentDecision::Tell { .. } => {
                Ok(Acted::InTheWay)
            }
            EnrolmentDecision::Begin { policy, slot, missed, admission, enrolment } => {
                self.log_slot(&policy, slot, missed, invocation);
                let (family, changes) = begin_slot(scheduled, slot, missed, &admission, now);
                let id = family.id.clone();
                let enrolment = Enrolment { last_family: Some(id.clone()), ..enrolment };
                let mut with = admitted(&family, &admission);
                with.push(self.write(enrolment));
                let work = Work::begun(family, Some(admission.policy), changes, with).of(self.instance.clone());
                if run(work, world, stack, invocation).await? == Ran::ToTheEnd {
                    return Ok(Acted::Begun);
                }
                let there = world.family(&id).await?.is_some();
                Ok(if there { Acted::TakenBefore(policy, slot) } else { Acted::InTheWay })
            }
            EnrolmentDecision::Refuse { requested, slot, rejection, enrolment } => {
                self.log_refusal(&requested, &rejection, invocation);
                let policy = self.policies.iter().find(|(name, _)| name.as_str() == requested);
                let policy = policy.and_then(|(_, read)| read.named(&requested));
                let (family, changes) = refuse_enrolment(scheduled, slot, &requested, policy, &rejection, now);
                let work = Work::begun(family, None, changes, vec![self.write(enrolment)]);
                let ran = run(work, world, stack, invocation).await?;
                Ok(if ran == Ran::ToTheEnd { Acted::Refused } else { Acted::InTheWay })
            }
        }
    }

    fn write(&self, enrolment: Enrolment) -> Write {
        write_of(self.key, self.enrolled.enrolment.rev, enrolment)
    }

    fn log_slot(&self, policy: &PolicyName, slot: Slot, missed: Missed, invocation: &Invocation) {
        tracing::info!(
            instance = %self.key.instance,
            region = %self.key.region,
            policy = %policy,
            slot = %slot,
            missed = missed.slots,
            late_seconds = missed.late_seconds,
            request = invocation.id,
            "slot"
        );
    }

    fn log_refusal(&self, requested: &str, rejection: &Rejection, invocation: &Invocation) {
        tracing::info!(
            instance = %self.key.instance,
            region = %self.key.region,
            requested = requested,
            outcome = "rejected",
            code = rejection.code(),
            reason = %rejection,
            request = invocation.id,
            "schedule"
        );
    }
}

async fn run<W: Create>(
    work: Work,
    world: &W,
    stack: &BoundedStack,
    invocation: &Invocation,
) -> Result<Ran, UseCaseError> {
    let hands = CreateHands { world, deadline: invocation.deadline };
    work.run(world, &hands, stack, invocation).await
}
