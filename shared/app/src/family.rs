//! Families on the engine: the work on the images of one press or slot, by each of its functions.

use crate::engine::{Advanced, Invocation, Job, Ran, advance};
use crate::error::UseCaseError;
use crate::functions::Queue;
use crate::settings::BoundedStack;
use crate::world::{Create, Distribute};
use amiline_domain::family::{Family, Role};
use amiline_domain::ids::FamilyId;
use amiline_domain::image::ObservedInstance;
use amiline_domain::look::Admission;
use amiline_domain::message::FamilyDue;
use amiline_domain::plan::{Changes, FamilyHint, InstanceShown, Observed};
use amiline_domain::policy::{Policy, PolicyRef};
use amiline_domain::record::Write;

mod executor;
mod kind;
mod reads;
mod record;

pub(crate) use executor::answer_on_instance;
use executor::{CreateExecutor, DistributeExecutor, Executor, log_recorded};
pub(crate) use kind::FamilyChanges;
use kind::FamilyWork;
pub(crate) use record::{commit_announced, whole_family, write_surely};

fn hint(due: &FamilyDue) -> FamilyHint {
    FamilyHint { everything: due.early, shares: due.shares, ..FamilyHint::default() }
}

/// `create-image`'s part of a family whose time has come.
pub async fn create_due<W: Create>(
    world: &W,
    stack: &BoundedStack,
    due: &FamilyDue,
    invocation: &Invocation,
) -> Result<Advanced, UseCaseError> {
    create_part(world, stack, &due.family, hint(due), invocation).await
}

/// `create-image`'s part of a family.
pub(crate) async fn create_part<W: Create>(
    world: &W,
    stack: &BoundedStack,
    id: &FamilyId,
    hint: FamilyHint,
    invocation: &Invocation,
) -> Result<Advanced, UseCaseError> {
    let executor = CreateExecutor { world, deadline: invocation.deadline };
    advance(&FamilyWork { world, executor, stack, invocation }, id, hint, invocation).await
}

/// `distribute-image`'s part of a family whose time has come.
pub async fn distribute_due<W: Distribute>(
    world: &W,
    stack: &BoundedStack,
    due: &FamilyDue,
    invocation: &Invocation,
) -> Result<Advanced, UseCaseError> {
    distribute_part(world, stack, &due.family, hint(due), invocation).await
}

/// `distribute-image`'s part of a family.
pub(crate) async fn distribute_part<W: Distribute>(
    world: &W,
    stack: &BoundedStack,
    id: &FamilyId,
    hint: FamilyHint,
    invocation: &Invocation,
) -> Result<Advanced, UseCaseError> {
    let executor = DistributeExecutor { world };
    advance(&FamilyWork { world, executor, stack, invocation }, id, hint, invocation).await
}

/// A family that is not in the table yet.
pub(crate) struct NewFamily {
    /// Its record, and what is written of it.
    pub(crate) begun: (Family, Changes),
    /// Its policy; none of a request that was refused.
    pub(crate) policy: Option<Policy>,
    /// What its first transaction writes besides.
    pub(crate) with: Vec<Write>,
    /// The instance as it was just read, so that it is not read again before the first call.
    pub(crate) instance: Option<ObservedInstance>,
}

impl NewFamily {
    /// Writes the family and does `create-image`'s part of it. A conflict: somebody wrote it, or
    /// what is written with it.
    pub(crate) async fn begin<W: Create>(
        self,
        world: &W,
        stack: &BoundedStack,
        invocation: &Invocation,
    ) -> Result<Ran, UseCaseError> {
        let Self { begun: (family, planned), policy, with, instance } = self;
        let instance = instance.map(|instance| InstanceShown::Seen(Some(instance)));
        let observed = Observed { instance, ..Observed::default() };
        let changes = FamilyChanges { with, ..FamilyChanges::of(planned) };
        let executor = CreateExecutor { world, deadline: invocation.deadline };
        let work = FamilyWork { world, executor, stack, invocation };
        Job::begun(family, policy, FamilyHint::default(), observed, changes)
            .run(&work, invocation)
            .await
    }
}

/// What the first transaction of an admitted family writes besides: the counts, and the policy's
/// text.
pub(crate) fn admitted(family: &Family, admission: &Admission) -> Vec<Write> {
    let PolicyRef { name, hash } = admission.policy_ref.clone();
    let text = Write::PolicyText { hash, text: admission.text.clone() };
    let hour = Write::HourCount(family.account.clone(), admission.budget.clone());
    let day = admission.day.clone().map(|day| Write::DayCount(name, day));
    [hour, text].into_iter().chain(day).collect()
}

/// Which function's queue a worker reads.
pub(crate) fn queue_of(role: Role) -> Queue {
    match role {
        Role::Create => Queue::Create,
        Role::Distribute => Queue::Distribute,
    }
}
