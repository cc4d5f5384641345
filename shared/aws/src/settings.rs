//! What the deployed stack says to each function, read once from environment variables.
//!
//! Each function's variables are registered with it, and it cannot read any other. Everything that
//! is wrong is told at once.

use amiline_app::functions::Function;
use amiline_app::functions::variables::{
    ACCOUNT, ALLOWED_ACCOUNTS, ALLOWED_KEYS, ALLOWED_ORGANIZATIONAL_UNITS, ALLOWED_ORGANIZATIONS,
    ALLOWED_REGIONS, ATTENTION_TOPIC, BUS, CHAT_TOPIC, CREATE_QUEUE, DIGEST_TOPIC,
    DISTRIBUTE_QUEUE, KILL_SWITCH, LOG, MAX_IMAGES_PER_HOUR, MINIMUM_INTERVAL_MINUTES,
    NOTIFY_QUEUE, POLICY_PATH, SOURCE_REGIONS, STACK, TABLE, TAG_PREFIX, TOPIC,
};
use amiline_app::settings::{BoundedStack, Stack, WatchedStack};
use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{AccountId, Region, StackName, TagPrefix};
use amiline_domain::tags::TagKeys;
use std::collections::BTreeSet;

mod read;

pub use read::{Env, SettingsError};

/// Set by Lambda itself.
const AWS_REGION: &str = "AWS_REGION";
/// Set for a local AWS only.
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// What every function is told.
#[derive(Debug, Clone)]
pub struct Process {
    /// How much is logged: `error`, `warn`, `info`, `debug` or `trace`.
    pub log: String,
    /// Where AWS is, if it is a local one.
    pub endpoint: Option<String>,
}

/// The settings of one function.
pub trait Settings: Sized {
    /// The function.
    const FUNCTION: Function;
    /// Reads them; `None` if one of them is unusable, which `env` has noted.
    fn read(env: &mut Env<'_>) -> Option<Self>;
    /// The stack.
    fn stack(&self) -> &Stack;
    /// What every function is told.
    fn process(&self) -> &Process;

    /// Reads the process's environment.
    fn from_environment() -> Result<Self, SettingsError> {
        Self::from_source(&read::process_variable)
    }

    /// Reads variables from anywhere.
    fn from_source(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut env = Env::new(Self::FUNCTION.registered().variables, source);
        let settings = Self::read(&mut env);
        env.finish(settings)
    }
}

/// The settings of `create-image`.
#[derive(Debug, Clone)]
pub struct CreateImage {
    /// The stack and its bounds.
    pub stack: BoundedStack,
    /// What every function is told.
    pub process: Process,
    /// The table's name.
    pub table: String,
    /// The path under which Parameter Store has the policies.
    pub policy_path: String,
    /// The name of the kill switch's parameter.
    pub kill_switch: String,
    /// The URL of `distribute-image`'s queue.
    pub distribute_queue: String,
}

impl Settings for CreateImage {
    const FUNCTION: Function = Function::CreateImage;

    fn read(env: &mut Env<'_>) -> Option<Self> {
        let (stack, process) = (stack(env), process(env));
        let limits = limits(env);
        let (table, kill_switch) = (env.text(TABLE), env.text(KILL_SWITCH));
        let (policy_path, distribute_queue) = (env.text(POLICY_PATH), env.text(DISTRIBUTE_QUEUE));
        Some(Self {
            stack: bounded(stack?, limits?),
            process: process?,
            table: table?,
            policy_path: policy_path?,
            kill_switch: kill_switch?,
            distribute_queue: distribute_queue?,
        })
    }

    fn stack(&self) -> &Stack {
        &self.stack.stack
    }

    fn process(&self) -> &Process {
        &self.process
    }
}

/// The settings of `distribute-image`.
#[derive(Debug, Clone)]
pub struct DistributeImage {
    /// The stack and its bounds.
    pub stack: BoundedStack,
    /// What every function is told.
    pub process: Process,
    /// The table's name.
    pub table: String,
    /// The name of the kill switch's parameter.
    pub kill_switch: String,
}

impl Settings for DistributeImage {
    const FUNCTION: Function = Function::DistributeImage;

    fn read(env: &mut Env<'_>) -> Option<Self> {
        let (stack, process) = (stack(env), process(env));
        let bounds = bounds(env);
        let (table, kill_switch) = (env.text(TABLE), env.text(KILL_SWITCH));
        Some(Self {
            stack: bounded(stack?, bounds?),
            process: process?,
            table: table?,
            kill_switch: kill_switch?,
        })
    }

    fn stack(&self) -> &Stack {
        &self.stack.stack
    }

    fn process(&self) -> &Process {
        &self.process
    }
}

/// The settings of `schedule-tick`.
#[derive(Debug, Clone)]
pub struct ScheduleTick {
    /// The stack.
    pub stack: Stack,
    /// What every function is told.
    pub process: Process,
    /// The table's name.
    pub table: String,
    /// The URL of `create-image`'s queue.
    pub create_queue: String,
    /// The URL of `distribute-image`'s queue.
    pub distribute_queue: String,
    /// The URL of `notify`'s queue.
    pub notify_queue: String,
    /// The path under which Parameter Store has the policies.
    pub policy_path: String,
    /// The stack's bounds.
    pub bounds: Bounds,
    /// The Regions whose instances are watched; home is always the first.
    pub source_regions: Vec<Region>,
}

impl ScheduleTick {
    /// The stack and what the tick watches.
    pub fn watched(&self) -> WatchedStack {
        WatchedStack {
            stack: self.stack.clone(),
            source_regions: self.source_regions.clone(),
            bounds: self.bounds.clone(),
        }
    }
}

impl Settings for ScheduleTick {
    const FUNCTION: Function = Function::ScheduleTick;

    fn read(env: &mut Env<'_>) -> Option<Self> {
        let (stack, process) = (stack(env), process(env));
        let (table, create_queue) = (env.text(TABLE), env.text(CREATE_QUEUE));
        let (distribute_queue, notify_queue) = (env.text(DISTRIBUTE_QUEUE), env.text(NOTIFY_QUEUE));
        let (policy_path, limits) = (env.text(POLICY_PATH), limits(env));
        let mut others: BTreeSet<Region> = env.list(SOURCE_REGIONS)?;
        let stack = stack?;
        others.remove(&stack.home);
        Some(Self {
            source_regions: std::iter::once(stack.home.clone()).chain(others).collect(),
            bounds: at_home(&stack, limits?),
            stack,
            process: process?,
            table: table?,
            create_queue: create_queue?,
            distribute_queue: distribute_queue?,
            notify_queue: notify_queue?,
            policy_path: policy_path?,
        })
    }

    fn stack(&self) -> &Stack {
        &self.stack
    }

    fn process(&self) -> &Process {
        &self.process
    }
}

/// The settings of `notify`.
#[derive(Debug, Clone)]
pub struct Notify {
    /// The stack.
    pub stack: Stack,
    /// What every function is told.
    pub process: Process,
    /// The table's name.
    pub table: String,
    /// The ARN of the topic for everything.
    pub topic: String,
    /// The ARN of the topic for what needs a person.
    pub attention_topic: String,
    /// The ARN of the topic for digests.
    pub digest_topic: String,
    /// The ARN of the topic for a chat channel.
    pub chat_topic: String,
    /// The ARN of the bus for programs.
    pub bus: String,
}

impl Settings for Notify {
    const FUNCTION: Function = Function::Notify;

    fn read(env: &mut Env<'_>) -> Option<Self> {
        let (stack, process, table) = (stack(env), process(env), env.text(TABLE));
        let (topic, attention_topic, bus) =
            (env.text(TOPIC), env.text(ATTENTION_TOPIC), env.text(BUS));
        let (digest_topic, chat_topic) = (env.text(DIGEST_TOPIC), env.text(CHAT_TOPIC));
        Some(Self {
            stack: stack?,
            process: process?,
            table: table?,
            topic: topic?,
            attention_topic: attention_topic?,
            digest_topic: digest_topic?,
            chat_topic: chat_topic?,
            bus: bus?,
        })
    }

    fn stack(&self) -> &Stack {
        &self.stack
    }

    fn process(&self) -> &Process {
        &self.process
    }
}

fn stack(env: &mut Env<'_>) -> Option<Stack> {
    let (name, account): (Option<StackName>, Option<AccountId>) =
        (env.value(STACK), env.value(ACCOUNT));
    let (home, prefix): (Option<Region>, Option<TagPrefix>) =
        (env.value(AWS_REGION), env.value(TAG_PREFIX));
    Some(Stack { name: name?, account: account?, home: home?, keys: TagKeys::new(prefix?) })
}

fn process(env: &mut Env<'_>) -> Option<Process> {
    let log = env.word(LOG, "info", &["error", "warn", "info", "debug", "trace"]);
    Some(Process { endpoint: env.optional(AWS_ENDPOINT_URL), log: log? })
}

/// What is asked again right before a call. Who admits no press is told of no other limit, and has
/// none to give away.
fn bounds(env: &mut Env<'_>) -> Option<Bounds> {
    let (regions, accounts) = (env.list(ALLOWED_REGIONS), env.list(ALLOWED_ACCOUNTS));
    let (organizations, units) =
        (env.list(ALLOWED_ORGANIZATIONS), env.list(ALLOWED_ORGANIZATIONAL_UNITS));
    Some(Bounds {
        regions: regions?,
        accounts: accounts?,
        organizations: organizations?,
        organizational_units: units?,
        keys: BTreeSet::new(),
        images_per_hour_max: 0,
        interval_minutes_min: 0,
    })
}

/// All limits, for whoever judges policies.
fn limits(env: &mut Env<'_>) -> Option<Bounds> {
    let (bounds, keys) = (bounds(env), env.list(ALLOWED_KEYS));
    let (per_hour, interval) =
        (env.value(MAX_IMAGES_PER_HOUR), env.value(MINIMUM_INTERVAL_MINUTES));
    Some(Bounds {
        keys: keys?,
        images_per_hour_max: per_hour?,
        interval_minutes_min: interval?,
        ..bounds?
    })
}

fn bounded(stack: Stack, bounds: Bounds) -> BoundedStack {
    BoundedStack { bounds: at_home(&stack, bounds), stack }
}

/// Home is always allowed: a stack that could not make an image where it lives would be of no use.
fn at_home(stack: &Stack, mut bounds: Bounds) -> Bounds {
    bounds.regions.insert(stack.home.clone());
    bounds
}

#[cfg(test)]
mod tests;
