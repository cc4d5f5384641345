//! The world of one function.

use crate::client::{Clients, lambda_config};
use crate::parameters::Kept;
use crate::settings::{CreateImage, DistributeImage, Notify, ScheduleTick, Settings};
use crate::sign_in::{ConnectError, SignIn, operator_config};
use amiline_app::functions::Queue;
use amiline_app::ports::{Clock, PolicyVersion};
use amiline_domain::ids::{Region, StackName, TagPrefix};
use jiff::Timestamp;
use std::time::Duration;

/// How long the first round of giving way lasts at most, and how often it grows by that much.
const GIVE_WAY: Duration = Duration::from_millis(60);
const GIVE_WAY_ROUNDS_MAX: u32 = 10;

/// What a function is told, and the clients to act on it. The ports are implemented for the
/// settings that have what a port needs.
#[derive(Debug)]
pub struct Aws<S> {
    pub(crate) clients: Clients,
    pub(crate) settings: S,
    pub(crate) kept: Kept,
    /// The kill switch; `None`: there is no parameter.
    pub(crate) switch: Kept<Option<String>>,
    pub(crate) versions: Kept<Vec<PolicyVersion>>,
}

impl<S> Aws<S> {
    /// A world with these clients.
    pub fn new(clients: Clients, settings: S) -> Self {
        Self {
            clients,
            settings,
            kept: Kept::default(),
            switch: Kept::default(),
            versions: Kept::default(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// The Region that the stack is deployed to.
    pub fn home_region(&self) -> &Region {
        self.clients.home()
    }

    /// The Region of the stack.
    pub fn home(&self) -> &Region {
        self.clients.home()
    }
}

impl<S: Settings> Aws<S> {
    /// The world of a Lambda function.
    pub fn connect(settings: S) -> Self {
        let home = settings.stack().home.clone();
        let config = lambda_config(&home, settings.process().endpoint.as_deref());
        Self::new(Clients::new(config, home), settings)
    }
}

impl<S> Clock for Aws<S> {
    fn now(&self) -> Timestamp {
        crate::time::now()
    }

    async fn give_way(&self, round: usize) {
        let round = u32::try_from(round).unwrap_or(u32::MAX).min(GIVE_WAY_ROUNDS_MAX);
        crate::time::pause(GIVE_WAY * round.saturating_add(1)).await;
    }
}

/// Settings that name the table.
pub(crate) trait HasTable {
    fn table(&self) -> &str;
}

/// Settings of those who may read and write records.
pub(crate) trait KeepsRecords: HasTable {}

/// Settings that name the kill switch's parameter.
pub(crate) trait HasKillSwitch {
    fn kill_switch(&self) -> &str;
}

/// Settings that say where Parameter Store has the policies.
pub(crate) trait ReadsPolicies {
    fn policy_path(&self) -> &str;
}

/// Settings of those who may read images and answer on instances.
pub(crate) trait WorksOnFamilies {}

/// Where a queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueueAt {
    Url(String),
    Name(String),
}

/// Settings that know of queues.
pub(crate) trait HasQueues {
    fn queue(&self, queue: Queue) -> Option<QueueAt>;
}

impl HasTable for CreateImage {
    fn table(&self) -> &str {
        &self.table
    }
}

impl KeepsRecords for CreateImage {}
impl WorksOnFamilies for CreateImage {}

impl HasKillSwitch for CreateImage {
    fn kill_switch(&self) -> &str {
        &self.kill_switch
    }
}

impl HasQueues for CreateImage {
    fn queue(&self, queue: Queue) -> Option<QueueAt> {
        match queue {
            Queue::Distribute => Some(QueueAt::Url(self.distribute_queue.clone())),
            Queue::Create | Queue::Notify => None,
        }
    }
}

impl HasTable for DistributeImage {
    fn table(&self) -> &str {
        &self.table
    }
}

impl KeepsRecords for DistributeImage {}
impl WorksOnFamilies for DistributeImage {}

impl HasKillSwitch for DistributeImage {
    fn kill_switch(&self) -> &str {
        &self.kill_switch
    }
}

impl ReadsPolicies for CreateImage {
    fn policy_path(&self) -> &str {
        &self.policy_path
    }
}

impl ReadsPolicies for ScheduleTick {
    fn policy_path(&self) -> &str {
        &self.policy_path
    }
}

impl HasTable for ScheduleTick {
    fn table(&self) -> &str {
        &self.table
    }
}

impl HasQueues for ScheduleTick {
    fn queue(&self, queue: Queue) -> Option<QueueAt> {
        let url = match queue {
            Queue::Create => &self.create_queue,
            Queue::Distribute => &self.distribute_queue,
            Queue::Notify => &self.notify_queue,
        };
        Some(QueueAt::Url(url.clone()))
    }
}

impl HasTable for Notify {
    fn table(&self) -> &str {
        &self.table
    }
}

/// `notify` keeps messages that it rejects.
impl KeepsRecords for Notify {}

/// The operator's command: everything follows from the stack's name, as the template gives names.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The stack.
    pub stack: StackName,
    /// The first part of its parameters' names.
    pub(crate) prefix: TagPrefix,
    policy_path: String,
    kill_switch: String,
    table: String,
}

impl Operator {
    /// The operator of a stack whose tags and parameters have this prefix.
    pub fn of(stack: StackName, prefix: TagPrefix) -> Self {
        let table = format!("{stack}-lineage");
        let (policy_path, kill_switch) =
            (format!("/{prefix}/policies"), format!("/{prefix}/kill-switch"));
        Self { stack, prefix, policy_path, kill_switch, table }
    }
}

impl HasKillSwitch for Operator {
    fn kill_switch(&self) -> &str {
        &self.kill_switch
    }
}

impl ReadsPolicies for Operator {
    fn policy_path(&self) -> &str {
        &self.policy_path
    }
}

impl HasTable for Operator {
    fn table(&self) -> &str {
        &self.table
    }
}

impl KeepsRecords for Operator {}

impl HasQueues for Operator {
    fn queue(&self, queue: Queue) -> Option<QueueAt> {
        let function = match queue {
            Queue::Create => "create-image",
            Queue::Distribute => "distribute-image",
            Queue::Notify => "notify",
        };
        Some(QueueAt::Name(format!("{}-{function}", self.stack)))
    }
}

impl Aws<Operator> {
    /// The operator's world, with the configuration that the AWS CLI would use.
    pub async fn connect_operator(
        operator: Operator,
        sign_in: &SignIn,
    ) -> Result<Self, ConnectError> {
        let config = operator_config(sign_in).await?;
        let home = match config.region() {
            Some(region) if !region.as_ref().is_empty() => Region::new(region.as_ref())?,
            Some(_) | None => return Err(ConnectError::NoRegion),
        };
        Ok(Self::new(Clients::new(config, home), operator))
    }
}
