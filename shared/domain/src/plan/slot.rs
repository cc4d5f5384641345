//! The first record of a family for a slot of a schedule: an image that is due, or a refusal. No
//! button springs back.

use super::Changes;
use super::begin::{Asked, answer_refused, new_family, want_source};
use crate::enrolment::Missed;
use crate::family::{Family, ImageRole, Phase};
use crate::history::{EventKind, Fact};
use crate::ids::{AccountId, PolicyName, StackName};
use crate::image::ObservedInstance;
use crate::look::Admission;
use crate::press::{Press, PressKey};
use crate::reason::{Rejection, RequestReason};
use crate::record::{Expected, PressWrite};
use crate::tags::{Button, Trigger};
use crate::time::Slot;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What a slot begins from.
#[derive(Debug, Clone, Copy)]
pub struct Scheduled<'a> {
    /// The stack.
    pub stack: &'a StackName,
    /// The account.
    pub account: &'a AccountId,
    /// The instance as just read.
    pub instance: &'a ObservedInstance,
    /// The instance's button as read with the enrolment.
    pub press: &'a Press,
}

/// The family of a slot whose time has come, with its source image wanted.
pub fn begin_slot(
    scheduled: Scheduled<'_>,
    slot: Slot,
    missed: Missed,
    admission: &Admission,
    now: Timestamp,
) -> (Family, Changes) {
    let policy = &admission.policy_ref.name;
    let asked = asked(scheduled, Trigger::Schedule(policy.clone()), slot, policy.as_str());
    let mut family = new_family(asked, Some(admission.policy_ref.clone()), now);
    want_source(&mut family, scheduled.instance, admission, now);
    let mut facts = vec![Fact::of(EventKind::ImageRequested, &ImageRole::Source, None)];
    if let Some(reason) = missed.reason(slot) {
        facts.push(Fact::of(EventKind::SlotsMissed, &ImageRole::Source, None).because(reason));
    }
    let key = PressKey {
        account: scheduled.account.clone(),
        region: scheduled.instance.region.clone(),
        instance: scheduled.instance.id.clone(),
        button: Button::Image,
    };
    let at = Slot::next(now, scheduled.press.last_image_slot);
    let changes = Changes {
        facts,
        press: Some(PressWrite::Imaged {
            key,
            expected: Expected::read_at(scheduled.press.rev),
            at,
        }),
        rows: BTreeSet::from([ImageRole::Source]),
        family: true,
        ..Changes::default()
    };
    (family, changes)
}

/// The family of a refused enrolment: no image, only the answer. `policy` is the one that the tag
/// named, if it exists.
pub fn refuse_enrolment(
    scheduled: Scheduled<'_>,
    slot: Slot,
    requested: &str,
    policy: Option<PolicyName>,
    rejection: &Rejection,
    now: Timestamp,
) -> (Family, Changes) {
    let asked = asked(scheduled, Trigger::Enrolment, slot, requested);
    let mut family = Family { rejected_policy: policy, ..new_family(asked, None, now) };
    let reason = RequestReason::from(rejection.clone());
    family.phase = Phase::Settled;
    answer_refused(&mut family, &reason, now);
    let changes = Changes {
        facts: vec![Fact::of(EventKind::RequestRejected, &ImageRole::Source, None).because(reason)],
        family: true,
        ..Changes::default()
    };
    (family, changes)
}

fn asked<'a>(
    scheduled: Scheduled<'a>,
    trigger: Trigger,
    slot: Slot,
    requested: &'a str,
) -> Asked<'a> {
    let Scheduled { stack, account, instance, .. } = scheduled;
    Asked { stack, account, instance, trigger, slot, requested }
}
