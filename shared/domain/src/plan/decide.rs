//! Announcing the calls that are missing, and the family's end.

use super::wait::{is_ready, keys_unknown};
use super::{
    AnswerStep, Changes, CopyStep, CreateStep, Duty, Observed, PlanInput, ShareStep, StatusStep,
    TagStep, instance, restate,
};
use crate::family::{Family, ImageRole, Outcome, Phase, RowState, ShareState};
use crate::history::{EventKind, Fact};
use crate::policy::Policy;
use crate::reason::OutcomeReason;
use crate::record::PressWrite;
use crate::status;
use crate::target::ShareTarget;

/// Decides which calls to make now, with the family already saying so. They may be made only after
/// the family, the facts and the press were written.
pub fn decide<D: Duty>(
    family: &mut Family,
    observed: &Observed,
    input: PlanInput<'_>,
) -> (Vec<D::Action>, Changes) {
    let mut changes = Changes::default();
    let mut actions = Vec::new();
    if let (Phase::Working, Some(policy)) = (family.phase, input.policy) {
        if !input.paused {
            actions.extend(D::own_actions(family, policy, observed, input, &mut changes));
        }
        let open = keys_unknown(family, input)
            || family
                .rows
                .values()
                .any(|row| row.state.is_open() || awaits_share(row.state, row.share));
        if !open {
            settle(family, &mut changes);
        }
    }
    if !input.paused {
        actions.extend(answer(family, observed, input).map(D::Action::from));
    }
    (actions, changes)
}

fn awaits_share(state: RowState, share: ShareState) -> bool {
    state == RowState::Available && share == ShareState::Wanted
}

pub(super) fn create(
    family: &mut Family,
    policy: &Policy,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) -> Option<CreateStep> {
    let row =
        family.source().filter(|row| row.state == RowState::Wanted && is_ready(row, input.now))?;
    if !instance::saw_imageable(observed) {
        return None;
    }
    let key = family.key_of(row)?;
    let step = CreateStep {
        region: row.region.clone(),
        instance: family.instance.clone(),
        name: row.name.clone(),
        description: family.description(),
        reboot: policy.create.reboot,
        devices: family.making.devices.clone(),
        tags: input.keys.of_image(family, row, &key),
    };
    announce(family, &ImageRole::Source, input, changes);
    Some(step)
}

pub(super) fn copies(
    family: &mut Family,
    policy: &Policy,
    observed: &Observed,
    input: PlanInput<'_>,
    changes: &mut Changes,
) -> Vec<CopyStep> {
    let seen = family.source().filter(|row| observed.saw_available(family, row, input.keys));
    let source_is_encrypted = seen.is_some_and(|row| row.encrypted == Some(true));
    let Some(source) = seen.and_then(|row| row.image.clone()) else { return Vec::new() };
    let mut steps = Vec::new();
    let ready: Vec<ImageRole> = family
        .rows
        .values()
        .filter(|row| {
            !row.image_role.is_source() && row.state == RowState::Wanted && is_ready(row, input.now)
        })
        .map(|row| row.image_role.clone())
        .collect();
    for image_role in ready {
        let Some(row) = family.rows.get(&image_role) else { continue };
        let Some(key) = family.key_of(row) else { continue };
        let kms_key = policy.key_in(&row.region).cloned();
        steps.push(CopyStep {
            source_region: family.region.clone(),
            source: source.clone(),
            destination: row.region.clone(),
            name: row.name.clone(),
            description: family.description(),
            client_token: key.client_token(row.rename),
            encrypted: source_is_encrypted || kms_key.is_some(),
            kms_key,
            within_minutes: policy.minutes_to(&row.region),
            tags: input.keys.of_image(family, row, &key),
        });
        announce(family, &image_role, input, changes);
    }
    steps
}

fn announce(
    family: &mut Family,
    image_role: &ImageRole,
    input: PlanInput<'_>,
    changes: &mut Changes,
) {
    if let Some(row) = family.rows.get_mut(image_role) {
        row.state = RowState::Calling;
        row.called_at = Some(input.now);
        row.looked_at = None;
        row.not_before = None;
        changes.rows.insert(image_role.clone());
    }
}

pub(super) fn shares(
    family: &Family,
    policy: &Policy,
    observed: &Observed,
    input: PlanInput<'_>,
) -> Vec<ShareStep> {
    family
        .rows
        .values()
        .filter(|row| awaits_share(row.state, row.share) && is_ready(row, input.now))
        .filter(|row| observed.saw_available(family, row, input.keys))
        .filter_map(|row| {
            // Those whom an earlier look found out about are done with.
            let decided = |target: &ShareTarget| {
                row.refused_targets.contains_key(target)
                    || (!row.refused_targets.is_empty() && row.shared_with.contains(target))
            };
            let targets =
                policy.share.targets().into_iter().filter(|target| !decided(target)).collect();
            let (image_role, region) = (row.image_role.clone(), row.region.clone());
            Some(ShareStep { image_role, region, image: row.image.clone()?, targets })
        })
        .collect()
}

/// How a family whose work is done stands.
pub(super) fn outcome_of(family: &Family) -> Outcome {
    let any = family.rows.values().any(|row| row.state == RowState::Available);
    match (family.is_complete(), any) {
        (true, true) => Outcome::Complete,
        (false, true) => Outcome::Partial,
        (true | false, false) => Outcome::Failed,
    }
}

fn settle(family: &mut Family, changes: &mut Changes) {
    let outcome = outcome_of(family);
    let kind = match outcome {
        Outcome::Complete => EventKind::FamilyComplete,
        Outcome::Partial => EventKind::FamilyPartial,
        Outcome::Failed | Outcome::Rejected => EventKind::FamilyFailed,
    };
    family.outcome = Some(outcome);
    family.status = Some(status::ended(family, outcome));
    family.status_image = family.home_image().cloned();
    family.status_due = true;
    family.status_over = None;
    family.other_value = None;
    family.answer_refusals = 0;
    family.answer_not_before = None;
    changes.family = true;
    let fact = Fact::of(kind, &ImageRole::Source, family.home_image());
    changes.facts.push(match outcome {
        Outcome::Complete => fact,
        Outcome::Partial | Outcome::Failed | Outcome::Rejected => {
            fact.because(OutcomeReason::of(family))
        }
    });
    // The press was answered in the first round; what comes later has no button to spring back, and
    // no schedule has one.
    match family.press_key().filter(|_| family.round == 0) {
        Some(key) => {
            family.phase = Phase::Answering;
            changes.press = Some(PressWrite::Answer { key, slot: family.slot });
        }
        None => family.phase = Phase::Settled,
    }
}

/// The button first, the status after it: who sees the answer may press again.
fn answer(family: &Family, observed: &Observed, input: PlanInput<'_>) -> Option<AnswerStep> {
    if family.answer_not_before.is_some_and(|at| at > input.now) {
        return None;
    }
    let step = |key: String, value: String| TagStep {
        region: family.region.clone(),
        instance: family.instance.clone(),
        key,
        value,
    };
    match (family.phase, &family.status) {
        (Phase::Answering, _) => {
            let button = family.press_key()?.button;
            Some(AnswerStep::RemoveButton(step(
                input.keys.button(button),
                family.requested.clone(),
            )))
        }
        (Phase::Settled, Some(_))
            if family.status_over.is_some()
                && !restate::shows_the_former(family, observed, input) =>
        {
            None
        }
        (Phase::Working | Phase::Settled, Some(status)) if family.status_due => {
            let tag = step(input.keys.status(), status.clone());
            let (account, trigger) = (family.account.clone(), family.trigger.clone());
            Some(AnswerStep::WriteStatus(StatusStep { account, trigger, tag }))
        }
        (Phase::Working | Phase::Settled, _) => None,
    }
}
