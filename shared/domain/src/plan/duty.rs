//! What each function may read and do for a family. Each has a type of its own for both, so that
//! what a function has no right to cannot be asked of it.

use super::decide::{copies, create, shares};
use super::{
    Changes, CopyStep, CreateStep, Ended, FamilyHint, Observed, PlanInput, ShareStep, StatusStep,
    TagStep, conclude, instance, permissions, restate, wait,
};
use crate::family::{Family, ImageRole, Role};
use crate::policy::Policy;
use std::fmt::Debug;

/// One function's part of the work on families.
pub trait Duty: Copy + Debug {
    /// Which function.
    const ROLE: Role;
    /// What it may read.
    type Read: Debug + Clone + PartialEq;
    /// What it may call.
    type Action: Debug + Clone + PartialEq + From<AnswerStep>;

    /// The read of a row, which every function may make.
    fn read_row(image_role: ImageRole) -> Self::Read;

    /// The reads that only this function makes.
    fn own_reads(
        family: &Family,
        observed: &Observed,
        hint: &FamilyHint,
        input: PlanInput<'_>,
    ) -> Vec<Self::Read>;

    /// The calls that only this function makes, announced in the family.
    fn own_actions(
        family: &mut Family,
        policy: &Policy,
        observed: &Observed,
        input: PlanInput<'_>,
        changes: &mut Changes,
    ) -> Vec<Self::Action>;

    /// Records how an announced call ended.
    fn conclude(
        family: &mut Family,
        action: &Self::Action,
        ended: &Ended,
        input: PlanInput<'_>,
    ) -> Changes;
}

/// The answer on the instance, which every function may give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerStep {
    /// DeleteTags of exactly this key and value.
    RemoveButton(TagStep),
    /// CreateTags of the status.
    WriteStatus(StatusStep),
}

/// `create-image`'s part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creating {}

/// What `create-image` may read for a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateRead {
    /// The images that carry a row's intent, the row's own image, and the one that holds its name.
    Row(ImageRole),
    /// The instance: right before an image is made of it, and for its tags.
    Instance,
}

/// What `create-image` may call for a family. Each call is announced in the record before it is
/// made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAction {
    /// CreateImage.
    Create(CreateStep),
    /// The answer on the instance.
    Answer(AnswerStep),
}

impl From<AnswerStep> for CreateAction {
    fn from(step: AnswerStep) -> Self {
        Self::Answer(step)
    }
}

impl Duty for Creating {
    const ROLE: Role = Role::Create;
    type Read = CreateRead;
    type Action = CreateAction;

    fn read_row(image_role: ImageRole) -> CreateRead {
        CreateRead::Row(image_role)
    }

    fn own_reads(
        family: &Family,
        observed: &Observed,
        hint: &FamilyHint,
        input: PlanInput<'_>,
    ) -> Vec<CreateRead> {
        let wanted = instance::needs_look(family, observed, hint, input)
            || restate::needs_look(family, observed, input);
        wanted.then_some(CreateRead::Instance).into_iter().collect()
    }

    fn own_actions(
        family: &mut Family,
        policy: &Policy,
        observed: &Observed,
        input: PlanInput<'_>,
        changes: &mut Changes,
    ) -> Vec<CreateAction> {
        create(family, policy, observed, input, changes)
            .map(CreateAction::Create)
            .into_iter()
            .collect()
    }

    fn conclude(
        family: &mut Family,
        action: &CreateAction,
        ended: &Ended,
        input: PlanInput<'_>,
    ) -> Changes {
        match action {
            CreateAction::Create(_) => conclude::made(family, &ImageRole::Source, ended, input),
            CreateAction::Answer(step) => conclude::answered(family, step, ended, input),
        }
    }
}

/// `distribute-image`'s part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distributing {}

/// What `distribute-image` may read for a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DistributeRead {
    /// The images that carry a row's intent, the row's own image, and the one that holds its name.
    Row(ImageRole),
    /// The keys of the source image's snapshots, and the key that the policy asks for in that
    /// Region.
    SourceKeys,
    /// Who may launch a row's image.
    Permissions(ImageRole),
}

/// What `distribute-image` may call for a family. Each call is announced in the record before it is
/// made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DistributeAction {
    /// CopyImage, in the destination Region.
    Copy(CopyStep),
    /// ModifyImageAttribute: add launch permissions.
    Share(ShareStep),
    /// The answer on the instance.
    Answer(AnswerStep),
}

impl From<AnswerStep> for DistributeAction {
    fn from(step: AnswerStep) -> Self {
        Self::Answer(step)
    }
}

impl Duty for Distributing {
    const ROLE: Role = Role::Distribute;
    type Read = DistributeRead;
    type Action = DistributeAction;

    fn read_row(image_role: ImageRole) -> DistributeRead {
        DistributeRead::Row(image_role)
    }

    fn own_reads(
        family: &Family,
        observed: &Observed,
        hint: &FamilyHint,
        input: PlanInput<'_>,
    ) -> Vec<DistributeRead> {
        let keys = wait::needs_keys(family, observed, input).then_some(DistributeRead::SourceKeys);
        let permissions = permissions::looks(family, observed, hint, input);
        keys.into_iter().chain(permissions.into_iter().map(DistributeRead::Permissions)).collect()
    }

    fn own_actions(
        family: &mut Family,
        policy: &Policy,
        observed: &Observed,
        input: PlanInput<'_>,
        changes: &mut Changes,
    ) -> Vec<DistributeAction> {
        let copies = copies(family, policy, observed, input, changes);
        let shares = shares(family, policy, observed, input);
        let copies = copies.into_iter().map(DistributeAction::Copy);
        copies.chain(shares.into_iter().map(DistributeAction::Share)).collect()
    }

    fn conclude(
        family: &mut Family,
        action: &DistributeAction,
        ended: &Ended,
        input: PlanInput<'_>,
    ) -> Changes {
        match action {
            DistributeAction::Copy(step) => {
                conclude::made(family, &ImageRole::Copy(step.destination.clone()), ended, input)
            }
            DistributeAction::Share(step) => conclude::shared(family, step, ended, input),
            DistributeAction::Answer(step) => conclude::answered(family, step, ended, input),
        }
    }
}
