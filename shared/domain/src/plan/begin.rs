//! The first record of a family: an admitted press, or a refused one.

use super::{Changes, PlanInput};
use crate::family::{Family, ImageRole, ImageRow, Outcome, Phase, Role, RowState, ShareState};
use crate::history::{EventKind, Fact};
use crate::ids::{AccountId, PolicyName, Region, StackName};
use crate::image::ObservedInstance;
use crate::key::{ImageKey, IntentKey};
use crate::look::Admission;
use crate::making::Making;
use crate::policy::PolicyRef;
use crate::press::{Press, PressKey, PressState, ToldRefusal};
use crate::reason::{Rejection, Repeats, RequestReason};
use crate::record::{Expected, PressWrite};
use crate::status;
use crate::tags::{Button, Trigger};
use crate::time::Slot;
use crate::work::WorkState;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What a press begins from.
#[derive(Debug, Clone, Copy)]
pub struct Begun<'a> {
    /// The stack.
    pub stack: &'a StackName,
    /// The account.
    pub account: &'a AccountId,
    /// The instance as just read.
    pub instance: &'a ObservedInstance,
    /// The press as read before it.
    pub press: &'a Press,
    /// The slot it gets.
    pub slot: Slot,
    /// The tag's value.
    pub value: &'a str,
    /// The time of the event that told of it, if one did.
    pub heard_at: Option<Timestamp>,
    /// The status tag when it was made, as far as that is known.
    pub status_before: Option<&'a str>,
}

/// The family of an admitted press, with its source image wanted.
pub fn begin(begun: Begun<'_>, admission: &Admission, now: Timestamp) -> (Family, Changes) {
    let mut family = new_family(begun.asked(), Some(admission.policy_ref.clone()), now);
    want_source(&mut family, begun.instance, admission, now);
    let press = Press {
        rev: begun.press.rev.saturating_add(1),
        state: PressState::Accepted { slot: begun.slot, value: begun.value.to_owned() },
        last_slot: Some(begun.slot),
        last_image_slot: Some(begun.slot),
        heard_at: begun.heard_at,
        status_before: begun.status_before.map(str::to_owned),
        cleared_at: begun.press.cleared_at,
        answer: None,
        answered: None,
        next_look: None,
        told: None,
    };
    let changes = Changes {
        facts: vec![Fact::of(EventKind::ImageRequested, &ImageRole::Source, None)],
        press: Some(PressWrite::Put {
            key: press_key(begun),
            expected: Expected::read_at(begun.press.rev),
            press,
        }),
        rows: BTreeSet::from([ImageRole::Source]),
        family: true,
        ..Changes::default()
    };
    (family, changes)
}

/// The family of a refused press: no image, only the answer. `policy` is the one that the press
/// named, if it exists.
pub fn refuse(
    begun: Begun<'_>,
    policy: Option<PolicyName>,
    rejection: &Rejection,
    now: Timestamp,
) -> (Family, Changes) {
    let mut family = Family { rejected_policy: policy, ..new_family(begun.asked(), None, now) };
    let before = begun.press.told.as_ref().filter(|told| told.repeats > 0);
    let same = before.filter(|told| told.what == rejection.identity(begun.value));
    let repeats = same.map(|told| Repeats { count: told.repeats, since: told.at });
    let reason = RequestReason { rejection: rejection.clone(), repeats };
    family.phase = Phase::Answering;
    answer_refused(&mut family, &reason, now);
    let press = Press {
        rev: begun.press.rev.saturating_add(1),
        state: PressState::Answered { slot: begun.slot, value: begun.value.to_owned() },
        last_slot: Some(begun.slot),
        last_image_slot: begun.press.last_image_slot,
        heard_at: begun.heard_at,
        status_before: begun.status_before.map(str::to_owned),
        cleared_at: begun.press.cleared_at,
        answer: None,
        answered: None,
        next_look: None,
        told: Some(ToldRefusal { what: rejection.identity(begun.value), at: now, repeats: 0 }),
    };
    let changes = Changes {
        facts: vec![Fact::of(EventKind::RequestRejected, &ImageRole::Source, None).because(reason)],
        press: Some(PressWrite::Put {
            key: press_key(begun),
            expected: Expected::read_at(begun.press.rev),
            press,
        }),
        family: true,
        ..Changes::default()
    };
    (family, changes)
}

fn press_key(begun: Begun<'_>) -> PressKey {
    PressKey {
        account: begun.account.clone(),
        region: begun.instance.region.clone(),
        instance: begun.instance.id.clone(),
        button: Button::Image,
    }
}

impl<'a> Begun<'a> {
    fn asked(&self) -> Asked<'a> {
        Asked {
            stack: self.stack,
            account: self.account,
            instance: self.instance,
            trigger: Trigger::Press(Button::Image),
            slot: self.slot,
            requested: self.value,
        }
    }
}

/// What a family is made for.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    pub(super) stack: &'a StackName,
    pub(super) account: &'a AccountId,
    pub(super) instance: &'a ObservedInstance,
    pub(super) trigger: Trigger,
    pub(super) slot: Slot,
    pub(super) requested: &'a str,
}

pub(super) fn new_family(asked: Asked<'_>, policy: Option<PolicyRef>, now: Timestamp) -> Family {
    let intent = IntentKey {
        stack: asked.stack,
        account: asked.account,
        region: &asked.instance.region,
        instance: &asked.instance.id,
        trigger: &asked.trigger,
        slot: asked.slot,
    };
    Family {
        id: intent.family_id(),
        work: WorkState::new(),
        stack: asked.stack.clone(),
        account: asked.account.clone(),
        region: asked.instance.region.clone(),
        instance: asked.instance.id.clone(),
        instance_name: asked.instance.name(),
        trigger: asked.trigger.clone(),
        slot: asked.slot,
        requested: asked.requested.to_owned(),
        policy,
        rejected_policy: None,
        rejection: None,
        making: Making::default(),
        phase: Phase::Working,
        outcome: None,
        status: None,
        status_image: None,
        status_due: false,
        status_over: None,
        other_value: None,
        reopen: false,
        answer_refusals: 0,
        answer_not_before: None,
        round: 0,
        seq: 0,
        last_hash: String::new(),
        created_at: now,
        row_versions: BTreeMap::new(),
        rows: BTreeMap::new(),
    }
}

/// Adds the row of the source image, still to be made.
pub(super) fn want_source(
    family: &mut Family,
    instance: &ObservedInstance,
    admission: &Admission,
    now: Timestamp,
) {
    let policy = &admission.policy_ref.name;
    family.making = Making::of(&admission.policy.create, policy, instance, family.slot);
    let row = new_row(family, ImageRole::Source, family.region.clone(), policy, now);
    family.rows.insert(ImageRole::Source, row);
    family.work.due = Some((now, Role::Create));
}

/// Gives the family the refusal as its answer.
pub(super) fn answer_refused(family: &mut Family, reason: &RequestReason, now: Timestamp) {
    family.outcome = Some(Outcome::Rejected);
    family.rejection = Some(reason.clone());
    family.status = Some(status::rejected(reason));
    family.status_due = true;
    family.work.due = Some((now, Role::Create));
}

/// A row whose image is still to be made.
fn new_row(
    family: &Family,
    image_role: ImageRole,
    region: Region,
    policy: &PolicyName,
    now: Timestamp,
) -> ImageRow {
    let key = match &image_role {
        ImageRole::Source => ImageKey::create(&family.id, 1),
        ImageRole::Copy(destination) => family.source_image().map_or_else(
            || ImageKey::create(&family.id, 1),
            |source| ImageKey::copy(&family.id, source, destination, 1),
        ),
    };
    ImageRow {
        name: family.image_name(policy, &key, 0),
        image_role,
        region,
        written_at: 0,
        attempt: 1,
        rename: 0,
        state: RowState::Wanted,
        image: None,
        since: now,
        called_at: None,
        looked_at: None,
        refusals: 0,
        not_before: None,
        pending_since: None,
        maybe_made: false,
        refused: None,
        recheck: None,
        name_owner: None,
        reason: None,
        snapshots: Vec::new(),
        encrypted: None,
        as_wanted: None,
        share: ShareState::NotWanted,
        shared_with: BTreeSet::new(),
        refused_targets: BTreeMap::new(),
        shared_at: None,
        shared_by_others: BTreeSet::new(),
        public: false,
        duplicates: BTreeSet::new(),
    }
}

/// Adds the rows of every copy that is missing, once the source is there.
pub(super) fn want_copies(family: &mut Family, input: PlanInput<'_>, changes: &mut Changes) {
    let (Some(policy), Some(policy_ref)) = (input.policy, family.policy.clone()) else { return };
    let Some(source) = family.source().filter(|row| row.state == RowState::Available) else {
        return;
    };
    let home_copy = (source.as_wanted == Some(false)).then(|| family.region.clone());
    let destinations: Vec<Region> = policy
        .distribute
        .regions
        .regions()
        .filter(|region| **region != family.region)
        .cloned()
        .chain(home_copy)
        .collect();
    for region in destinations {
        let image_role = ImageRole::Copy(region.clone());
        if !family.rows.contains_key(&image_role) {
            let row = new_row(family, image_role.clone(), region, &policy_ref.name, input.now);
            family.rows.insert(image_role.clone(), row);
            changes.rows.insert(image_role);
        }
    }
}
