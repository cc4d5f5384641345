//! What families bring to the engine.

use super::record::kept_policy;
use super::{Executor, log_recorded, whole_family};
use crate::engine::{Input, Invocation, Kind};
use crate::error::UseCaseError;
use crate::ports::{CallError, Clock, Committed, KillSwitch, RecordReader, RecordWriter};
use crate::settings::BoundedStack;
use amiline_domain::family::{Family, Role};
use amiline_domain::history::{HistoryItem, append};
use amiline_domain::ids::FamilyId;
use amiline_domain::plan::{self, Changes, Duty, Ended, FamilyHint, Observed, PlanInput};
use amiline_domain::policy::Policy;
use amiline_domain::record::{Expected, FamilyChange, Transaction, TransactionError, Write};
use futures_util::future::join_all;
use jiff::Timestamp;

/// One function's work on families.
pub(crate) struct FamilyWork<'a, W, E> {
    pub(super) world: &'a W,
    pub(super) executor: E,
    pub(super) stack: &'a BoundedStack,
    pub(super) invocation: &'a Invocation,
}

impl<W, E> FamilyWork<'_, W, E> {
    fn plan_input<'b>(
        &'b self,
        policy: &'b Option<Policy>,
        now: Timestamp,
        paused: bool,
    ) -> PlanInput<'b> {
        let BoundedStack { stack, bounds } = self.stack;
        PlanInput { keys: &stack.keys, policy: policy.as_ref(), bounds, now, paused }
    }
}

/// What changed of a family, and what is written with it.
#[derive(Default)]
pub(crate) struct FamilyChanges {
    /// What the planner changed.
    pub(super) planned: Changes,
    /// What happened, as it is written.
    pub(super) history: Vec<HistoryItem>,
    /// What else is written.
    pub(super) with: Vec<Write>,
}

impl FamilyChanges {
    /// Of what the planner changed, and nothing else.
    pub(crate) fn of(planned: Changes) -> Self {
        Self { planned, ..Self::default() }
    }

    /// Makes history of what happened.
    pub(crate) fn seal(&mut self, family: &mut Family, now: Timestamp) {
        for fact in std::mem::take(&mut self.planned.facts) {
            self.history.push(append(family, fact, now));
        }
    }

    /// Marks the rows that changed as written with the family's version.
    pub(crate) fn stamp(&self, family: &mut Family) {
        family.stamp(&self.planned.rows);
    }

    /// What writes the family, and all that changed with it.
    pub(crate) fn transaction(
        &self,
        family: Family,
        expected: Expected,
        pending_hints: Option<u64>,
    ) -> Result<Transaction, TransactionError> {
        let Self { planned, history, with } = self;
        let press = planned.press.clone().map(Write::from);
        let rows = planned.rows.iter();
        let change = FamilyChange {
            rows: rows.filter_map(|image_role| family.rows.get(image_role).cloned()).collect(),
            pointers: planned.pointers.clone(),
            history: history.clone(),
            with: press.into_iter().chain(with.iter().cloned()).collect(),
            expected,
            pending_hints,
            family,
        };
        change.transaction()
    }
}

impl<W, E> Kind for FamilyWork<'_, W, E>
where
    W: Clock + KillSwitch + RecordReader + RecordWriter,
    E: Executor,
{
    type Id = FamilyId;
    type Role = amiline_domain::family::Role;
    type Record = Family;
    type Given = Option<Policy>;
    type Hint = FamilyHint;
    type Observed = Observed;
    type Read = <E::Duty as Duty>::Read;
    type Action = <E::Duty as Duty>::Action;
    type Ended = Ended;
    type Changes = FamilyChanges;
    type Transaction = Transaction;
    type Error = UseCaseError;

    const ROLE: Role = E::Duty::ROLE;

    fn describe(id: &FamilyId) -> String {
        format!("family {id}")
    }

    fn id(family: &Family) -> &FamilyId {
        &family.id
    }

    fn of_anything(hint: FamilyHint) -> FamilyHint {
        FamilyHint { everything: true, ..hint }
    }

    fn absorb(&self, family: &mut Family, input: Input<'_, Self>, changes: &mut FamilyChanges) {
        let plan = self.plan_input(input.given, input.now, input.paused);
        changes.planned.merge(plan::absorb(family, input.observed, input.hint, plan));
    }

    fn reads(&self, family: &Family, input: Input<'_, Self>) -> Vec<Self::Read> {
        let plan = self.plan_input(input.given, input.now, input.paused);
        plan::reads::<E::Duty>(family, input.observed, input.hint, plan)
    }

    fn decide(
        &self,
        family: &mut Family,
        input: Input<'_, Self>,
        changes: &mut FamilyChanges,
    ) -> Vec<Self::Action> {
        let plan = self.plan_input(input.given, input.now, input.paused);
        let (actions, planned) = plan::decide::<E::Duty>(family, input.observed, plan);
        changes.planned.merge(planned);
        actions
    }

    fn conclude(
        &self,
        family: &mut Family,
        (action, ended): (&Self::Action, &Ended),
        (policy, now): (&Option<Policy>, Timestamp),
        observed: &mut Observed,
        changes: &mut FamilyChanges,
    ) {
        changes.planned.merge(E::Duty::conclude(
            family,
            action,
            ended,
            self.plan_input(policy, now, false),
        ));
        let call = E::call(action);
        call.log(family, ended, self.invocation);
        // What was seen before a creating call says nothing about after it.
        if let Some(image_role) = call.creates {
            observed.rows.remove(&image_role);
            observed.instance = None;
        }
    }

    fn due(&self, family: &Family, input: Input<'_, Self>) -> Option<(Timestamp, Role)> {
        plan::due::<E::Duty>(family, self.plan_input(input.given, input.now, input.paused))
    }

    fn is_empty(changes: &FamilyChanges) -> bool {
        changes.planned.is_empty() && changes.history.is_empty()
    }

    fn seal(family: &mut Family, changes: &mut FamilyChanges, now: Timestamp) {
        changes.seal(family, now);
    }

    fn stamp(family: &mut Family, changes: &FamilyChanges) {
        changes.stamp(family);
    }

    fn transaction(
        family: Family,
        changes: &FamilyChanges,
        expected: Expected,
        pending_hints: Option<u64>,
    ) -> Result<Transaction, UseCaseError> {
        Ok(changes.transaction(family, expected, pending_hints)?)
    }

    fn log_written(changes: &FamilyChanges) {
        changes.history.iter().for_each(log_recorded);
    }

    fn now(&self) -> Timestamp {
        self.world.now()
    }

    async fn is_paused(&self) -> bool {
        self.world.is_on().await
    }

    async fn load(&self, id: &FamilyId) -> Result<Option<Family>, CallError> {
        whole_family(self.world, id).await
    }

    async fn given(&self, family: &Family) -> Result<Option<Policy>, UseCaseError> {
        kept_policy(self.world, family).await
    }

    async fn leave_hint(&self, id: &FamilyId, holder: &str) -> Result<bool, CallError> {
        self.world.leave_hint(id, holder).await
    }

    async fn read(
        &self,
        family: &Family,
        policy: &Option<Policy>,
        reads: Vec<Self::Read>,
        observed: &mut Observed,
    ) {
        let keys = &self.stack.stack.keys;
        let shown =
            reads.iter().map(|read| self.executor.read(read, family, policy.as_ref(), keys));
        for shown in join_all(shown).await {
            shown.add_to(observed);
        }
    }

    async fn perform(&self, action: &Self::Action) -> Ended {
        self.executor.perform(action).await
    }

    async fn commit(&self, transaction: &Transaction) -> Result<Committed, CallError> {
        self.world.commit(transaction).await
    }

    async fn hand_over(&self, id: &FamilyId, role: Role) {
        if let Err(error) = self.executor.hand_over(id, role).await {
            tracing::warn!(family = %id, error = %error, "hand-over left to the tick");
        }
    }
}
