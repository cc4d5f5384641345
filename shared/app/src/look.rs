//! Looking at an instance: the one use case for its tag event, for redelivery and for the tick.

use crate::engine::{Attempt, Invocation, until_written};
use crate::error::UseCaseError;
use crate::family::{NewFamily, admitted, answer_on_instance, create_part};
use crate::policy_read::read_policy;
use crate::ports::{CallError, Committed};
use crate::settings::BoundedStack;
use crate::world::Create;
use amiline_domain::budget::Budget;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::image::ObservedInstance;
use amiline_domain::key::IntentKey;
use amiline_domain::look::{Counts, PolicyRead, Requested, admit, named_by};
use amiline_domain::message::InstanceTagged;
use amiline_domain::plan::{Begun, FamilyHint, StatusStep, TagStep, begin, refuse};
use amiline_domain::press::{Heard, Hint, LookDecision, Press, PressKey, decide_look};
use amiline_domain::reason::Rejection;
use amiline_domain::record::{Expected, PressWrite, Transaction};
use amiline_domain::status;
use amiline_domain::tags::{Button, Trigger};
use amiline_domain::time::Slot;
use jiff::Timestamp;

/// Which instance to look at.
#[derive(Debug, Clone)]
pub struct LookRequest {
    /// Where.
    pub region: Region,
    /// Which.
    pub instance: InstanceId,
    /// What an event claimed.
    pub hint: Option<Hint>,
}

impl LookRequest {
    /// The look that a tag event asks for; `None` if it is about another account or another tag. An
    /// answer that is written while the button is there asks for one as well: another value may
    /// have waited for it.
    pub fn of_event(event: &InstanceTagged, stack: &BoundedStack) -> Option<Self> {
        let keys = &stack.stack.keys;
        let button = keys.button(Button::Image);
        let status = event.tags.get(&keys.status()).cloned();
        let pressed = event.changed_keys.contains(&button);
        let answered = event.changed_keys.contains(&keys.status())
            && event.tags.contains_key(&button)
            && status.as_deref().is_some_and(status::is_an_answer);
        if event.account != stack.stack.account || !(pressed || answered) {
            tracing::info!(
                instance = %event.instance,
                region = %event.region,
                outcome = "foreign",
                why = "another account or another tag",
                "tag event"
            );
            return None;
        }
        let hint =
            Hint { time: event.time, button: event.tags.get(&button).cloned(), status, pressed };
        Some(Self {
            region: event.region.clone(),
            instance: event.instance.clone(),
            hint: Some(hint),
        })
    }
}

/// What a look led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookDone {
    /// Nothing is asked for.
    Nothing,
    /// The reads may be stale; it will be looked at again then.
    LookAgain(Timestamp),
    /// The press that is under way was woken.
    SamePress,
    /// Another value waits for the press that is under way, whose family was woken to say so.
    OtherValueWaits,
    /// A new press was admitted.
    Begun,
    /// A new press was refused, and answered.
    Rejected,
    /// A press was refused as one before it: it was answered on the instance, and nobody else was
    /// told.
    Repeated,
    /// The kill switch is on: nothing was done; the tick comes back to it.
    Paused,
}

/// Looks at an instance and does what its button asks for.
pub async fn look_at_instance<W: Create>(
    world: &W,
    stack: &BoundedStack,
    request: &LookRequest,
    invocation: &Invocation,
) -> Result<LookDone, UseCaseError> {
    let key = PressKey {
        account: stack.stack.account.clone(),
        region: request.region.clone(),
        instance: request.instance.clone(),
        button: Button::Image,
    };
    let look = async || look_once(world, stack, &key, request, invocation).await;
    until_written(world, 0, || format!("the press of {}", key.instance), look).await
}

async fn look_once<W: Create>(
    world: &W,
    stack: &BoundedStack,
    key: &PressKey,
    request: &LookRequest,
    invocation: &Invocation,
) -> Result<Attempt<LookDone>, UseCaseError> {
    // The press first, then the tags: a tag that is seen with an idle press is then a new press.
    let (press, budget) = world.press_and_budget(key).await?;
    let instance = world.instance(&key.region, &key.instance).await?;
    let button = stack.stack.keys.button(key.button);
    let tag = instance.as_ref().and_then(|instance| instance.tags.get(&button)).cloned();
    let decision = decide_look(&press, tag.as_deref(), request.hint.as_ref(), world.now());
    tracing::info!(instance = %key.instance, region = %key.region, decision = ?decision, request = invocation.id, "look");
    match (decision, instance, tag) {
        (LookDecision::Nothing { forget_look }, _, _) => {
            if forget_look {
                set_due_time(world, key, &press, None).await?;
            }
            Ok(Attempt::Done(LookDone::Nothing))
        }
        (LookDecision::LookAgain(at), _, _) => {
            if press.next_look.is_none_or(|next| next <= world.now()) {
                set_due_time(world, key, &press, Some(at)).await?;
            }
            Ok(Attempt::Done(LookDone::LookAgain(at)))
        }
        (LookDecision::SamePress(slot), _, _) => {
            wake_family(world, stack, key, slot, invocation).await?;
            Ok(Attempt::Done(LookDone::SamePress))
        }
        (LookDecision::OtherValueWaits(slot), _, _) => {
            wake_family(world, stack, key, slot, invocation).await?;
            Ok(Attempt::Done(LookDone::OtherValueWaits))
        }
        (LookDecision::Begin(_), Some(_), Some(value)) if world.is_on().await => {
            Ok(Attempt::of(hold_back(world, key, &press, &value).await?, LookDone::Paused))
        }
        (LookDecision::Begin(slot), Some(instance), Some(value)) => {
            let heard = request.hint.clone().filter(|hint| hint.button.as_ref() == Some(&value));
            let new = NewPress { instance, press, budget, slot, value, heard };
            begin_press(world, stack, new, invocation).await
        }
        (LookDecision::Begin(_), _, _) => Ok(Attempt::Done(LookDone::Nothing)),
    }
}

/// Writes the press, if nobody has written it since it was read.
async fn put_press<W: Create>(
    world: &W,
    key: &PressKey,
    read: &Press,
    press: Press,
) -> Result<Committed, CallError> {
    let write = PressWrite::Put { key: key.clone(), expected: Expected::read_at(read.rev), press };
    world.commit(&Transaction::press(write)).await
}

/// Sets or removes the due time of the press, if nobody has written the press since it was read.
async fn set_due_time<W: Create>(
    world: &W,
    key: &PressKey,
    read: &Press,
    at: Option<Timestamp>,
) -> Result<Committed, CallError> {
    let write = PressWrite::DueTime { key: key.clone(), expected: Expected::read_at(read.rev), at };
    world.commit(&Transaction::press(write)).await
}

/// Keeps what an event vouched for, so that the press is taken up when the kill switch is off. Our
/// table is not EC2.
async fn hold_back<W: Create>(
    world: &W,
    key: &PressKey,
    press: &Press,
    value: &str,
) -> Result<Committed, CallError> {
    match decide_look(press, Some(value), None, world.now()) {
        LookDecision::LookAgain(_) => put_press(world, key, press, press.held_back()).await,
        LookDecision::Begin(_)
        | LookDecision::Nothing { .. }
        | LookDecision::SamePress(_)
        | LookDecision::OtherValueWaits(_) => Ok(Committed::Yes),
    }
}

async fn wake_family<W: Create>(
    world: &W,
    stack: &BoundedStack,
    key: &PressKey,
    slot: Slot,
    invocation: &Invocation,
) -> Result<(), UseCaseError> {
    let trigger = Trigger::Press(key.button);
    let intent = IntentKey {
        stack: &stack.stack.name,
        account: &key.account,
        region: &key.region,
        instance: &key.instance,
        trigger: &trigger,
        slot,
    };
    let hint = FamilyHint { button: true, ..FamilyHint::default() };
    create_part(world, stack, &intent.family_id(), hint, invocation).await?;
    Ok(())
}

struct NewPress {
    instance: ObservedInstance,
    press: Press,
    budget: Budget,
    slot: Slot,
    value: String,
    /// The event that told of it, if one did.
    heard: Option<Hint>,
}

/// Admits or refuses a new press and carries it out. A conflict: somebody else wrote the press or
/// the hour's count, which is one item, so a burst of presses meets there.
async fn begin_press<W: Create>(
    world: &W,
    stack: &BoundedStack,
    new: NewPress,
    invocation: &Invocation,
) -> Result<Attempt<LookDone>, UseCaseError> {
    let now = world.now();
    // An invalid name is refused by `admit`; it never reaches Parameter Store.
    let policy = match named_by(&new.value) {
        Ok(name) => read_policy(world, stack, &name).await?,
        Err(_) => PolicyRead::default(),
    };
    let requested = Requested { value: &new.value, policy: &policy };
    let begun = Begun {
        stack: &stack.stack.name,
        account: &stack.stack.account,
        instance: &new.instance,
        press: &new.press,
        slot: new.slot,
        value: &new.value,
        heard_at: new.heard.as_ref().map(|hint| hint.time),
        status_before: match &new.heard {
            // The event is as old as the press; the read may be older.
            Some(hint) => hint.status.as_deref(),
            None => new.instance.tags.get(&stack.stack.keys.status()).map(String::as_str),
        },
    };
    let counts = Counts { press: &new.press, budget: &new.budget };
    let (family, done) =
        match admit(requested, &new.instance, counts, &stack.bounds, &stack.stack.keys, now) {
            Ok(admission) => {
                let begun = begin(begun, &admission, now);
                let with = admitted(&begun.0, &admission);
                let instance = Some(new.instance.clone());
                (
                    NewFamily { begun, policy: Some(admission.policy), with, instance },
                    LookDone::Begun,
                )
            }
            Err(rejection) => {
                tracing::info!(
                    instance = %new.instance.id,
                    region = %new.instance.region,
                    outcome = "rejected",
                    code = rejection.code(),
                    reason = %rejection,
                    request = invocation.id,
                    "press"
                );
                if new.press.was_told(&rejection.identity(&new.value), now) {
                    let heard = Heard { at: begun.heard_at, status_before: begun.status_before };
                    return repeat(world, stack, &new, heard, &rejection).await;
                }
                let begun = refuse(begun, policy.named(&new.value), &rejection, now);
                (
                    NewFamily { begun, policy: None, with: Vec::new(), instance: None },
                    LookDone::Rejected,
                )
            }
        };
    Ok(Attempt::of(family.begin(world, stack, invocation).await?.into(), done))
}

/// Answers a press on the instance that is refused as one before it, without a family: the press
/// counts it, the tag is removed and the status says why. A conflict: somebody else wrote the
/// press.
async fn repeat<W: Create>(
    world: &W,
    stack: &BoundedStack,
    new: &NewPress,
    heard: Heard<'_>,
    rejection: &Rejection,
) -> Result<Attempt<LookDone>, UseCaseError> {
    let (keys, instance) = (&stack.stack.keys, &new.instance);
    let key = PressKey {
        account: stack.stack.account.clone(),
        region: instance.region.clone(),
        instance: instance.id.clone(),
        button: Button::Image,
    };
    let answer = status::rejected(&rejection.clone().into());
    let after = new.press.repeated(heard, &answer, world.now());
    // Before the removal, as always: a read that lags then shows no new press.
    if put_press(world, &key, &new.press, after).await? == Committed::Conflict {
        return Ok(Attempt::Conflict);
    }
    let step = |tag: String, value: &str| TagStep {
        region: instance.region.clone(),
        instance: instance.id.clone(),
        key: tag,
        value: value.to_owned(),
    };
    // What is refused here is seen again by the tick, and answered again.
    let removed = world.remove_tag(&step(keys.button(key.button), &new.value)).await;
    let written = match removed {
        Ok(()) => {
            let (account, trigger) = (key.account, Trigger::Press(key.button));
            answer_on_instance(
                world,
                &StatusStep { account, trigger, tag: step(keys.status(), &answer) },
            )
            .await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        tracing::warn!(instance = %instance.id, region = %instance.region, error = %error, "the answer was not written");
    }
    Ok(Attempt::Done(LookDone::Repeated))
}
