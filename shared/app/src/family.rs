//! Bringing one family as far as it can go now: the one path for every event, due time and redelivery.

use crate::observe::read;
use crate::ports::{CallError, Clock, Committed, ImageReader, InstanceTagger, KillSwitch, RecordReader, RecordWriter};
use crate::rare;
use crate::settings::BoundedStack;
use crate::world::{Create, Distribute};
use amiline_domain::family::{Family, Lease, Worker};
use amiline_domain::history::{HistoryItem, append};
use amiline_domain::ids::FamilyId;
use amiline_domain::image::ObservedInstance;
use amiline_domain::look::Admission;
use amiline_domain::plan::{
    Action, Changes, InstanceSight, Knock, Observed, Scene, absorb, conclude, decide, looks, next_look,
};
use amiline_domain::policy::{Policy, PolicyRef};
use amiline_domain::record::{Expected, FamilyChange, TransactionError, Write};
use amiline_domain::time::plus_seconds;
use amiline_domain::wake::FamilyDue;
use futures_util::future::join_all;
use jiff::Timestamp;
use thiserror::Error;

mod hands;
mod record;

use hands::log_recorded;
pub(crate) use hands::{CreateHands, DistributeHands, Hands, answer_on_instance};
use record::kept_policy;
pub(crate) use record::{commit_announced, commit_surely, whole_family};

/// Seconds after an invocation's deadline for which its lease still holds: it may be a clock's error late.
const LEASE_AFTER_DEADLINE_SECONDS: i64 = 60;
/// Rounds of reading, planning and calling in one invocation. A family needs about five; more is a defect.
const ROUNDS_MAX: usize = 16;
/// Times that a family is loaded again because somebody else wrote it.
pub(crate) const RELOADS_MAX: usize = 10;

/// One run of a function for one message.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its request id.
    pub id: String,
    /// When it will be stopped.
    pub deadline: Timestamp,
}

impl Invocation {
    fn lease(&self) -> Lease {
        Lease { holder: self.id.clone(), until: plus_seconds(self.deadline, LEASE_AFTER_DEADLINE_SECONDS) }
    }
}

/// A use case that could not be carried out; its message will be delivered again.
#[derive(Debug, Error)]
pub enum UseCaseError {
    /// A call failed that the use case cannot do without.
    #[error(transparent)]
    Call(#[from] CallError),
    /// What was to be written is no transaction.
    #[error(transparent)]
    NoTransaction(#[from] TransactionError),
    /// Other invocations kept writing it.
    #[error("family {0} kept changing while it was worked on; it will be looked at again")]
    KeepsChanging(FamilyId),
    /// The planner did not come to an end.
    #[error(
        "family {0} is not settled after {ROUNDS_MAX} rounds; this is a defect: report it with the family's history"
    )]
    Unsettled(FamilyId),
    /// A family's policy text is not in the table, or cannot be read any more.
    #[error("the policy text of family {family} cannot be used: {problem}; restore item POLICY#{hash}")]
    PolicyLost {
        /// The family.
        family: FamilyId,
        /// The text's hash.
        hash: String,
        /// What is wrong.
        problem: String,
    },
}

/// What became of a look at a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// Everything that could be done now was done.
    Done,
    /// Another invocation has it and was told.
    LeasedToOther,
    /// There is no such family.
    NoSuchFamily,
}

fn knock(due: &FamilyDue) -> Knock {
    Knock { everything: due.early, shares: due.shares, ..Knock::default() }
}

/// `create-image`'s look at a family whose time has come.
pub async fn create_due<W: Create>(
    world: &W,
    stack: &BoundedStack,
    due: &FamilyDue,
    invocation: &Invocation,
) -> Result<Advanced, UseCaseError> {
    let hands = CreateHands { world, deadline: invocation.deadline };
    advance(world, &hands, stack, &due.family, knock(due), invocation).await
}

/// `distribute-image`'s look at a family whose time has come.
pub async fn distribute_due<W: Distribute>(
    world: &W,
    stack: &BoundedStack,
    due: &FamilyDue,
    invocation: &Invocation,
) -> Result<Advanced, UseCaseError> {
    let hands = DistributeHands { world };
    advance(world, &hands, stack, &due.family, knock(due), invocation).await
}

pub(crate) async fn advance<W, H>(
    world: &W,
    hands: &H,
    stack: &BoundedStack,
    id: &FamilyId,
    knock: Knock,
    invocation: &Invocation,
) -> Result<Advanced, UseCaseError>
where
    W: Clock + ImageReader + InstanceTagger + KillSwitch + RecordReader + RecordWriter,
    H: Hands,
{
    for _ in 0..RELOADS_MAX {
        let Some(family) = whole_family(world, id).await? else { return Ok(Advanced::NoSuchFamily) };
        if let Some(lease) = family.lease.clone().filter(|_| family.leased_to_other(&invocation.id, world.now())) {
            if world.wake(id, &lease.holder).await? {
                return Ok(Advanced::LeasedToOther);
            }
            continue;
        }
        let policy = kept_policy(world, &family).await?;
        if rare::turn(rare::Turn::LoadAgain) {
            continue;
        }
        // Whoever knocked at a holder that died left the news to nobody.
        let orphaned = family.lease.as_ref().is_some_and(|lease| lease.holder != invocation.id);
        let knock = Knock { everything: knock.everything || orphaned, ..knock.clone() };
        let work = Work::loaded(family, policy, knock, &invocation.id);
        if work.run(world, hands, stack, invocation).await? == Ran::ToTheEnd {
            return Ok(Advanced::Done);
        }
    }
    Err(UseCaseError::KeepsChanging(id.clone()))
}

fn scene<'a, H: Hands>(stack: &'a BoundedStack, policy: Option<&'a Policy>, now: Timestamp) -> Scene<'a> {
    let keys = &stack.stack.keys;
    Scene { keys, policy, bounds: &stack.bounds, worker: H::WORKER, now, paused: false }
}

/// What the first transaction of an admitted family writes besides: the counts, and the policy's text.
pub(crate) fn admitted(family: &Family, admission: &Admission) -> Vec<Write> {
    let PolicyRef { name, hash } = admission.policy_ref.clone();
    let text = Write::PolicyText { hash, text: admission.text.clone() };
    let hour = Write::HourCount(family.account.clone(), admission.budget.clone());
    let day = admission.day.clone().map(|day| Write::DayCount(name, day));
    [hour, text].into_iter().chain(day).collect()
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Nothing is left to do now.
    ToTheEnd,
    /// Somebody else wrote the record: load it and begin again.
    IntoAConflict,
}

/// A family in hand: what is in the table, and what has changed since.
pub(crate) struct Work {
    family: Family,
    policy: Option<Policy>,
    knock: Knock,
    observed: Observed,
    /// The version in the table; `None`: not there yet.
    version: Option<u64>,
    wakes: u64,
    /// Whether the lease in the table is ours.
    held: bool,
    changes: Changes,
    history: Vec<HistoryItem>,
    /// What else the next transaction writes.
    with: Vec<Write>,
}

impl Work {
    fn loaded(family: Family, policy: Option<Policy>, knock: Knock, holder: &str) -> Self {
        let (version, wakes) = (Some(family.version), family.wakes);
        // After a conflict the lease in the table may be this invocation's own.
        let held = family.lease.as_ref().is_some_and(|lease| lease.holder == holder);
        Self {
            family,
            policy,
            knock,
            observed: Observed::default(),
            version,
            wakes,
            held,
            changes: Changes::default(),
            history: Vec::new(),
            with: Vec::new(),
        }
    }

    /// A family that is not in the table yet.
    pub(crate) fn begun(family: Family, policy: Option<Policy>, changes: Changes, with: Vec<Write>) -> Self {
        Self { version: None, wakes: 0, changes, with, ..Self::loaded(family, policy, Knock::default(), "") }
    }

    /// With the instance as it was just read, so that it is not read again before the first call.
    pub(crate) fn of(self, instance: ObservedInstance) -> Self {
        let observed = Observed { instance: Some(InstanceSight::Seen(Some(instance))), ..self.observed };
        Self { observed, ..self }
    }

    pub(crate) async fn run<W, H>(
        mut self,
        world: &W,
        hands: &H,
        stack: &BoundedStack,
        invocation: &Invocation,
    ) -> Result<Ran, UseCaseError>
    where
        W: Clock + ImageReader + InstanceTagger + KillSwitch + RecordReader + RecordWriter,
        H: Hands,
    {
        let policy = self.policy.take();
        for _ in 0..ROUNDS_MAX {
            let mut scene = scene::<H>(stack, policy.as_ref(), world.now());
            let taken_in = absorb(&mut self.family, &self.observed, &self.knock, scene);
            self.changes.merge(taken_in);
            let wanted = looks(&self.family, &self.observed, &self.knock, scene);
            if !wanted.is_empty() {
                read(world, hands, stack, scene, &self.family, wanted, &mut self.observed).await;
                continue;
            }
            scene.paused = world.is_on().await;
            let actions = self.decide(scene);
            if actions.is_empty() {
                match self.let_go(world, scene).await? {
                    LetGo::Done => return self.hand_over(hands, scene).await,
                    LetGo::Knocked => continue,
                    LetGo::Conflict => return Ok(Ran::IntoAConflict),
                }
            }
            let lease = invocation.lease();
            self.family.next_look = Some((lease.until, H::WORKER));
            self.family.lease = Some(lease);
            if self.write(world, None, scene.now).await? == Committed::Conflict {
                return Ok(Ran::IntoAConflict);
            }
            self.held = true;
            self.carry_out(world, hands, stack, policy.as_ref(), actions, invocation).await;
        }
        Err(UseCaseError::Unsettled(self.family.id))
    }

    fn decide(&mut self, scene: Scene<'_>) -> Vec<Action> {
        let (actions, changes) = decide(&mut self.family, &self.observed, scene);
        self.changes.merge(changes);
        actions
    }

    async fn carry_out<W: Clock, H: Hands>(
        &mut self,
        world: &W,
        hands: &H,
        stack: &BoundedStack,
        policy: Option<&Policy>,
        actions: Vec<Action>,
        invocation: &Invocation,
    ) {
        let ended = join_all(actions.iter().map(|action| hands.perform(action))).await;
        let scene = scene::<H>(stack, policy, world.now());
        for (action, ended) in actions.iter().zip(ended) {
            let changes = conclude(&mut self.family, action, &ended, scene);
            self.changes.merge(changes);
            hands::log(&self.family, action, &ended, invocation);
            // What was seen before a creating call says nothing about after it.
            if let (Action::Create(_) | Action::Copy(_), Some(place)) = (action, action.place()) {
                self.observed.rows.remove(&place);
                self.observed.instance = None;
            }
        }
    }

    /// Writes what is left to write and gives up the lease.
    async fn let_go<W: Clock + RecordReader + RecordWriter>(
        &mut self,
        world: &W,
        scene: Scene<'_>,
    ) -> Result<LetGo, UseCaseError> {
        let next = next_look(&self.family, scene);
        if self.changes.is_empty()
            && self.history.is_empty()
            && !self.held
            && self.version.is_some()
            && self.family.next_look == next
        {
            return Ok(LetGo::Done);
        }
        self.family.next_look = next;
        self.family.lease = None;
        let wakes = self.held.then_some(self.wakes);
        if rare::turn(rare::Turn::Knock) && self.held {
            self.look_again();
            return Ok(LetGo::Knocked);
        }
        if self.write(world, wakes, scene.now).await? == Committed::Yes {
            return Ok(LetGo::Done);
        }
        let fresh = world.family(&self.family.id).await?;
        match fresh {
            // Only the wakes moved: somebody brought news while we worked, and left it to us.
            Some(fresh) if self.held && Some(fresh.version) == self.version => {
                self.wakes = fresh.wakes;
                self.look_again();
                Ok(LetGo::Knocked)
            }
            Some(_) | None => Ok(LetGo::Conflict),
        }
    }

    /// Somebody brought news that nobody has seen yet: everything is read again.
    fn look_again(&mut self) {
        self.knock.everything = true;
        self.observed = Observed::default();
    }

    async fn hand_over<H: Hands>(&self, hands: &H, scene: Scene<'_>) -> Result<Ran, UseCaseError> {
        let due =
            self.family.next_look.filter(|(at, worker)| *at <= scene.now && *worker != H::WORKER && !scene.paused);
        // The due time is recorded, so a message that cannot be sent costs time only: the tick sends it.
        if let Some((_, worker)) = due
            && let Err(error) = hands.hand_over(&self.family.id, worker).await
        {
            tracing::warn!(family = %self.family.id, error = %error, "hand-over left to the tick");
        }
        Ok(Ran::ToTheEnd)
    }

    /// Writes the family with everything that changed. On `Yes` nothing is unwritten any more.
    async fn write<W: RecordReader + RecordWriter>(
        &mut self,
        world: &W,
        pending_hints: Option<u64>,
        now: Timestamp,
    ) -> Result<Committed, UseCaseError> {
        for fact in std::mem::take(&mut self.changes.facts) {
            self.history.push(append(&mut self.family, fact, now));
        }
        let mut family = self.family.clone();
        family.stamp(&self.changes.rows, self.version.map_or(1, |version| version.saturating_add(1)));
        let version = family.version;
        let press = self.changes.press.clone().map(Write::from);
        let change = FamilyChange {
            rows: self.changes.rows.iter().filter_map(|place| family.rows.get(place).cloned()).collect(),
            pointers: self.changes.pointers.clone(),
            history: self.history.clone(),
            with: press.into_iter().chain(self.with.iter().cloned()).collect(),
            expected: Expected::from(self.version),
            pending_hints,
            family,
        };
        let committed = commit_surely(world, &change.transaction()?).await?;
        if committed == Committed::Yes {
            self.history.iter().for_each(log_recorded);
            self.version = Some(version);
            self.family.stamp(&self.changes.rows, version);
            self.changes = Changes::default();
            self.history.clear();
            self.with.clear();
        }
        Ok(committed)
    }
}

enum LetGo {
    Done,
    Knocked,
    Conflict,
}

/// Which function's queue a worker reads.
pub(crate) fn queue_of(worker: Worker) -> crate::ports::Queue {
    match worker {
        Worker::Create => crate::ports::Queue::Create,
        Worker::Distribute => crate::ports::Queue::Distribute,
    }
}
