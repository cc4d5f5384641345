//! Looking at the schedules of an instance: the one use case for its tag event, for redelivery, for
//! its turn and for the sweep.

use crate::engine::{Attempt, Invocation, Ran, until_written};
use crate::error::UseCaseError;
use crate::family::{NewFamily, admitted, commit_announced, whole_family};
use crate::made::made_of;
use crate::policy_read::read_policy;
use crate::ports::{CallError, Committed, Enrolled, RecordReader};
use crate::settings::BoundedStack;
use crate::world::Create;
use amiline_domain::coverage::{CoverageNews, Made};
use amiline_domain::enrolment::{
    Enrolment, EnrolmentDecision, EnrolmentKey, Missed, Named, POLICIES_MAX, Sight, decide,
};
use amiline_domain::history::{News, Subject, append_news};
use amiline_domain::ids::{InstanceId, PolicyName, Region};
use amiline_domain::image::ObservedInstance;
use amiline_domain::key::IntentKey;
use amiline_domain::look::PolicyRead;
use amiline_domain::message::InstanceTagged;
use amiline_domain::plan::{Scheduled, begin_slot, refuse_enrolment};
use amiline_domain::press::{Hint, PressState};
use amiline_domain::reason::Rejection;
use amiline_domain::record::{Expected, Transaction, Write};
use amiline_domain::tags::{Button, Trigger};
use amiline_domain::time::Slot;
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
        let hint =
            Hint { time: event.time, button: event.tags.get(&tag).cloned(), status, pressed: true };
        Some(Self {
            region: event.region.clone(),
            instance: event.instance.clone(),
            hint: Some(hint),
            coverage: false,
        })
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
    let look = async || {
        look_once(world, stack, (&key, request), (&mut done, &mut taken), invocation).await
    };
    // Each of an instance's policies may have something to begin.
    until_written(world, POLICIES_MAX, || format!("the enrolment of {}", key.instance), look)
        .await?;
    Ok(done)
}

async fn look_once<W: Create>(
    world: &W,
    stack: &BoundedStack,
    (key, request): (&EnrolmentKey, &EnrolRequest),
    (done, taken): (&mut EnrolDone, &mut BTreeSet<(PolicyName, Slot)>),
    invocation: &Invocation,
) -> Result<Attempt<()>, UseCaseError> {
    let looked = Looked::read(world, stack, key, request.coverage).await?;
    let decision = looked.decide(world, stack, (key, request.hint.as_ref()), taken).await?;
    let (enrolled, instance) = (&looked.enrolled, looked.instance.as_ref());
    let committed = match decision {
        EnrolmentDecision::Nothing => return Ok(Attempt::Done(())),
        EnrolmentDecision::Write(enrolment) => {
            let write = write_of(key, enrolled.enrolment.rev, enrolment);
            let committed = world.commit(&Transaction::new(vec![write])?).await?;
            // What is promised is known only now, and with it what the coverage is.
            if committed == Committed::Yes && !request.coverage {
                return Ok(Attempt::Done(()));
            }
            committed
        }
        EnrolmentDecision::Tell { news, enrolment } => {
            let count = news.len();
            let committed =
                tell(world, key, instance, enrolled.enrolment.rev, news, enrolment).await?;
            if committed == Committed::Yes {
                done.told = done.told.saturating_add(count);
            }
            committed
        }
        EnrolmentDecision::Begin { .. } | EnrolmentDecision::Refuse { .. }
            if world.is_on().await =>
        {
            done.paused = true;
            return Ok(Attempt::Done(()));
        }
        EnrolmentDecision::Begin { policy, slot, missed, admission, enrolment } => {
            let Some(scheduled) = looked.scheduled(stack, key) else {
                return Ok(Attempt::Done(()));
            };
            log_slot(key, &policy, slot, missed, invocation);
            let begun = begin_slot(scheduled, slot, missed, &admission, world.now());
            let id = begun.0.id.clone();
            let enrolment = Enrolment { last_family: Some(id.clone()), ..enrolment };
            let mut with = admitted(&begun.0, &admission);
            with.push(write_of(key, enrolled.enrolment.rev, enrolment));
            let (policy_text, instance) = (Some(admission.policy), instance.cloned());
            let family = NewFamily { begun, policy: policy_text, with, instance };
            let ran = family.begin(world, stack, invocation).await?;
            // The slot may have its family: it was taken before the instance was enrolled anew, by
            // a clock that was ahead.
            if ran == Ran::IntoAConflict && world.family(&id).await?.is_some() {
                taken.insert((policy, slot));
                return Ok(Attempt::Again);
            }
            done.begun = done.begun.saturating_add(usize::from(ran == Ran::ToTheEnd));
            Committed::from(ran)
        }
        EnrolmentDecision::Refuse { requested, slot, rejection, enrolment } => {
            let Some(scheduled) = looked.scheduled(stack, key) else {
                return Ok(Attempt::Done(()));
            };
            log_refusal(key, &requested, &rejection, invocation);
            let policy = looked.policies.iter().find(|(name, _)| name.as_str() == requested);
            let policy = policy.and_then(|(_, read)| read.named(&requested));
            let now = world.now();
            let begun = refuse_enrolment(scheduled, slot, &requested, policy, &rejection, now);
            let with = vec![write_of(key, enrolled.enrolment.rev, enrolment)];
            let family = NewFamily { begun, policy: None, with, instance: None };
            let ran = family.begin(world, stack, invocation).await?;
            done.refused = done.refused.saturating_add(usize::from(ran == Ran::ToTheEnd));
            Committed::from(ran)
        }
    };
    match committed {
        Committed::Yes => Ok(Attempt::Again),
        Committed::Conflict => Ok(Attempt::Conflict),
    }
}

/// What was read for one look.
struct Looked {
    enrolled: Enrolled,
    instance: Option<ObservedInstance>,
    tag: Option<String>,
    policies: BTreeMap<PolicyName, PolicyRead>,
    /// If the coverage is asked for.
    made: Option<Vec<Made>>,
}

impl Looked {
    async fn read<W: Create>(
        world: &W,
        stack: &BoundedStack,
        key: &EnrolmentKey,
        coverage: bool,
    ) -> Result<Self, UseCaseError> {
        // The enrolment first, then the tags, as with a press.
        let enrolled = world.enrolment(key).await?;
        let instance = world.instance(&key.region, &key.instance).await?;
        let tag = instance
            .as_ref()
            .and_then(|instance| instance.tags.get(&stack.stack.keys.schedule()))
            .cloned();
        let made = async {
            match coverage {
                true => made_of(world, key, &enrolled.enrolment).await.map(Some),
                false => Ok(None),
            }
        };
        // Together: a look has to come to its end where each call takes seconds.
        let (policies, made) = join(policies(world, stack, tag.as_deref()), made).await;
        let (policies, made) = (policies?, made?);
        Ok(Self { enrolled, instance, tag, policies, made })
    }

    async fn decide<W: Create>(
        &self,
        world: &W,
        stack: &BoundedStack,
        (key, hint): (&EnrolmentKey, Option<&Hint>),
        taken: &BTreeSet<(PolicyName, Slot)>,
    ) -> Result<EnrolmentDecision, UseCaseError> {
        let sight = Sight {
            instance: self.instance.as_ref(),
            tag: self.tag.as_deref(),
            hint,
            policies: &self.policies,
            press: &self.enrolled.press,
            budget: &self.enrolled.budget,
            bounds: &stack.bounds,
            keys: &stack.stack.keys,
            made: self.made.as_deref(),
            taken,
            busy: false,
            now: world.now(),
        };
        let decision = decide(&self.enrolled.enrolment, sight);
        // Asked only where it matters: one read a slot, and none for an instance that waits.
        if matches!(decision, EnrolmentDecision::Begin { .. })
            && is_busy(world, stack, key, &self.enrolled).await?
        {
            return Ok(decide(&self.enrolled.enrolment, Sight { busy: true, ..sight }));
        }
        Ok(decision)
    }

    /// What a family of the instance's schedules begins from; none without an instance.
    fn scheduled<'a>(
        &'a self,
        stack: &'a BoundedStack,
        key: &'a EnrolmentKey,
    ) -> Option<Scheduled<'a>> {
        Some(Scheduled {
            stack: &stack.stack.name,
            account: &key.account,
            instance: self.instance.as_ref()?,
            press: &self.enrolled.press,
        })
    }
}

fn log_slot(
    key: &EnrolmentKey,
    policy: &PolicyName,
    slot: Slot,
    missed: Missed,
    invocation: &Invocation,
) {
    tracing::info!(
        instance = %key.instance,
        region = %key.region,
        policy = %policy,
        slot = %slot,
        missed = missed.slots,
        late_seconds = missed.late_seconds,
        request = invocation.id,
        "slot"
    );
}

fn log_refusal(
    key: &EnrolmentKey,
    requested: &str,
    rejection: &Rejection,
    invocation: &Invocation,
) {
    tracing::info!(
        instance = %key.instance,
        region = %key.region,
        requested = requested,
        outcome = "rejected",
        code = rejection.code(),
        reason = %rejection,
        request = invocation.id,
        "schedule"
    );
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
        let news = News {
            kind,
            account: key.account.clone(),
            region,
            instance_name,
            policy: Some(policy),
            image,
            reason,
        };
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

/// Whether an image of the instance is being made: of the slot before, or of a press that is under
/// way. EC2 makes few of one instance at once, and whoever came first must not wait for ever.
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
