//! One run: a cloud, the stack in it, people, trouble, and virtual time.
//!
//! A run is a loop of turns. In each, an invocation makes its next port call, or a message is taken
//! up, or the clock moves to the next thing that happens. After every turn the oracle sees what
//! really happened.

use crate::checks::{Check, Oracle, Violation};
use crate::choices::Choices;
use crate::conditions::Conditions;
use crate::diary::Diary;
use crate::mutants::Mutant;
use crate::people::PutBack;
use crate::policies::EUROPES_KEY;
use crate::stats::Stats;
use crate::storm::Storm;
use amiline_app::error::UseCaseError;
use amiline_app::functions::Queue;
use amiline_app::settings::{BoundedStack, WatchedStack};
use amiline_domain::day::Day;
use amiline_domain::ids::{FamilyId, InstanceId, Region};
use amiline_domain::message::{BadEvent, Message};
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::{Dark, FakeCloud, Happening, Queued, StreamRecord, Turns, region};
use amiline_scenarios::{FRIEND, ORGANIZATION, UNIT, east, europe, west};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

/// Seconds between ticks (infra/template.yaml, TickSchedule).
pub const TICK_SECONDS: i64 = 300;
/// Seconds between sweeps (infra/template.yaml, SweepSchedule).
pub const SWEEP_SECONDS: i64 = 3600;
/// Seconds after midnight at which the day's digests are asked for (infra/template.yaml,
/// DigestSchedule).
pub const DIGEST_SECONDS: i64 = 900;
/// Times that the stream mapping tries a record again (infra/template.yaml, MaximumRetryAttempts).
const RECORD_TRIES: u32 = 6;
/// The Region that the account has not enabled.
pub const OFF: &str = "ap-southeast-3";
/// Turns after which a run that should come to rest is given up.
const TURNS_MAX: u64 = 200_000;
/// Hours that two looks may take once faults stop, with leases, backoffs and redelivery: looks are
/// an hour apart at most.
const REST_HOURS: i64 = 5;

mod turns;

pub(crate) type Future = Pin<Box<dyn std::future::Future<Output = Result<(), UseCaseError>>>>;

/// What woke an invocation, and what becomes of that when it ends.
#[derive(Debug)]
pub(crate) enum Origin {
    Message {
        queue: Queue,
        message: Queued,
        decoded: Rc<Result<Message, BadEvent>>,
        back_at: Timestamp,
    },
    Records {
        records: Vec<StreamRecord>,
        tries: u32,
    },
    Tick,
    EarlyTick,
    Sweep,
    /// A sweep that asks with whom every image is shared.
    ShareSweep,
    /// A day, and how often Lambda has begun it.
    DayEnded(Day, u32),
    Person,
}

struct Live {
    number: u64,
    future: Future,
    deadline: Timestamp,
    origin: Origin,
}

/// What happens at a time of its own.
#[derive(Debug)]
pub(crate) enum Later {
    Back(Queue, Queued),
    Records(Vec<StreamRecord>, u32),
    Tick,
    /// The hourly sweep of enrolments.
    Sweep,
    /// The daily schedule.
    DayEnded,
    /// Lambda begins the day's end once more, since it failed (infra/template.yaml,
    /// EventInvokeConfig).
    DayEndedAgain(Day),
    Act,
    /// A tool puts a button back.
    PutBack(PutBack),
    /// A scenario's step.
    Scripted(usize),
    /// A Region stops answering.
    Dark(Region),
    /// A Region answers again.
    Light(Region),
    SwitchOff,
}

/// A run in progress.
pub struct Run {
    /// AWS.
    pub cloud: FakeCloud,
    /// Where every choice comes from.
    pub choices: Choices,
    /// Its conditions.
    pub conditions: Conditions,
    /// Its trouble.
    pub storm: Storm,
    /// What people did.
    pub diary: Diary,
    /// The stack as it is deployed now.
    pub stack: Rc<BoundedStack>,
    /// The Regions in which instances are watched.
    pub watched: Rc<Vec<Region>>,
    /// Who checks.
    pub oracle: Oracle,
    /// What was done.
    pub stats: Stats,
    /// Since when nothing goes wrong any more.
    pub calm_since: Option<Timestamp>,
    /// What is wrong with the product on purpose.
    pub mutant: Option<Mutant>,
    pub(crate) script: Vec<crate::scenarios::Step>,
    pub(crate) instances: Vec<(Region, InstanceId)>,
    pub(crate) retry: Option<FamilyId>,
    live: Vec<Live>,
    agenda: BTreeMap<(Timestamp, u64), Later>,
    agenda_next: u64,
    turns: Turns,
    happened: Vec<Happening>,
}

impl Run {
    /// A world under these conditions, before anything happened.
    pub fn new(choices: &Choices, conditions: Conditions, mutant: Option<Mutant>) -> Self {
        let cloud = FakeCloud::new("111111111111", "us-east-1", &["us-west-2", "eu-west-1", OFF]);
        cloud.keep_happenings();
        cloud.keep_trace(false);
        cloud.create_key_everywhere("alias/amiline");
        cloud.set_dark(&region(OFF), Some(Dark::NotOptedIn));
        let storm = Storm::new(choices, &conditions);
        cloud.create_key(&europe(), EUROPES_KEY);
        let mut stack = cloud.bounded_stack(&[FRIEND, ORGANIZATION, UNIT]);
        stack.bounds.keys.insert(EUROPES_KEY.parse().expect("an alias"));
        stack.bounds.images_per_hour_max = conditions.images_per_hour;
        stack.bounds.interval_minutes_min = conditions.interval_minutes;
        if !conditions.allows_what_is_off {
            stack.bounds.regions.remove(&region(OFF));
        }
        let mut run = Self {
            cloud,
            choices: choices.clone(),
            storm,
            diary: Diary::default(),
            stack: Rc::new(stack),
            // Home, and whatever is forwarded.
            watched: Rc::new(if conditions.forwarded {
                vec![east(), west(), europe()]
            } else {
                vec![east(), west()]
            }),
            oracle: Oracle::default(),
            stats: Stats::default(),
            calm_since: None,
            mutant,
            script: Vec::new(),
            instances: Vec::new(),
            retry: None,
            live: Vec::new(),
            agenda: BTreeMap::new(),
            agenda_next: 0,
            turns: Turns::default(),
            happened: Vec::new(),
            conditions,
        };
        run.set_up();
        run
    }

    fn set_up(&mut self) {
        let (cloud, conditions) = (self.cloud.clone(), self.conditions.clone());
        cloud.set_page_size(conditions.page);
        cloud.set_index_parts(conditions.parts);
        cloud.set_index_lag(conditions.index_lag);
        cloud.set_torn_reads(conditions.torn);
        if conditions.throttled {
            cloud.throttle_as_documented();
        }
        cloud.set_ghost_seconds(conditions.ghosts);
        if let Some(max) = conditions.at_once_max {
            cloud.set_no_reboot_max(max);
        }
        for place in cloud.regions() {
            cloud.set_encrypts_by_default(&place, conditions.encrypts_by_default);
            cloud.set_lag(&place, conditions.lag);
            cloud.set_image_lag(&place, conditions.image_lag);
            cloud.set_copies_max(&place, conditions.copies_max);
            cloud.set_create_seconds(&place, Some(conditions.pending));
            cloud.set_copy_seconds(&place, Some(conditions.pending * 2));
            cloud.set_forwarded(&place, conditions.forwarded);
        }
        let storm = self.storm.clone();
        cloud.decide_faults(move |call| storm.fault_of(call));
        let storm = self.storm.clone();
        cloud.decide_deliveries(Some(Box::new(move |kind, _| storm.deliveries(kind))));
        self.let_rare_turns_be_taken();
        crate::policies::write_policies(self);
        self.later(plus_seconds(self.cloud.now(), TICK_SECONDS), Later::Tick);
        if self.conditions.enrols {
            self.later(plus_seconds(self.cloud.now(), SWEEP_SECONDS), Later::Sweep);
        }
        self.later(plus_seconds(Day::of(self.cloud.now()).end(), DIGEST_SECONDS), Later::DayEnded);
    }

    #[cfg(amiline_sim)]
    fn let_rare_turns_be_taken(&self) {
        let storm = self.storm.clone();
        amiline_app::failpoint::decide(Some(Box::new(move |failpoint| storm.hits(failpoint))));
    }

    #[cfg(not(amiline_sim))]
    fn let_rare_turns_be_taken(&self) {}

    pub(crate) fn later(&mut self, at: Timestamp, what: Later) {
        self.agenda_next += 1;
        self.agenda.insert((at, self.agenda_next), what);
    }

    /// The stack as the tick sees it now.
    pub(crate) fn watched_stack(&self) -> WatchedStack {
        WatchedStack {
            stack: self.stack.stack.clone(),
            source_regions: self.watched.to_vec(),
            bounds: self.stack.bounds.clone(),
        }
    }

    pub(crate) fn violated(&self) -> bool {
        self.oracle.violation.is_some()
    }

    /// Things go wrong, for ever: until the turns or the minutes are used up, or something is
    /// violated.
    pub fn rage(&mut self) {
        let until = plus_seconds(self.cloud.now(), self.conditions.minutes * 60);
        let first = self.stats.turns;
        let turns = u64::from(self.conditions.turns);
        while !self.violated()
            && self.cloud.now() < until
            && self.stats.turns - first < turns
            && self.step(until)
        {}
    }

    /// Nothing goes wrong any more, nobody interferes, and everything must come to rest.
    pub fn calm_down(&mut self) {
        self.calm_since = Some(self.cloud.now());
        self.storm.end();
        self.agenda.retain(|_, later| {
            !matches!(later, Later::Act | Later::PutBack(_) | Later::Dark(_) | Later::SwitchOff)
        });
        self.cloud.clear_faults();
        let storm = self.storm.clone();
        // Calls are still counted by where they come from.
        self.cloud.decide_faults(move |call| storm.fault_of(call));
        self.turn_kill_switch(Some("off"));
        for place in self.cloud.regions() {
            if place != region(OFF) {
                self.cloud.set_dark(&place, None);
            }
            self.cloud.set_lag(&place, 0);
            self.cloud.set_image_lag(&place, 0);
            self.cloud.set_copies_max(&place, 20);
        }
        self.cloud.say(format_args!("-- from here on nothing goes wrong any more"));
        self.end_schedules();
        self.come_to_rest();
    }

    /// Lives until every step of a script was performed.
    pub(crate) fn perform_all(&mut self) {
        let scripted =
            |run: &Self| run.agenda.values().any(|later| matches!(later, Later::Scripted(_)));
        let until = plus_seconds(self.cloud.now(), 86_400);
        while !self.violated() && scripted(self) && self.step(until) {}
    }

    /// Where instances are enrolled: lives through their next slots, which must be taken; then
    /// people end the enrolments, since a schedule never comes to rest.
    pub fn end_schedules(&mut self) {
        if !self.diary.enrolments.iter().any(|enrolled| enrolled.to.is_none()) {
            return;
        }
        let since = self.cloud.now();
        let until = plus_seconds(since, SLOTS_MINUTES * 60);
        let first = self.stats.turns;
        while !self.violated()
            && self.cloud.now() < until
            && self.stats.turns - first < TURNS_MAX
            && self.step(until)
        {}
        if !self.violated() {
            crate::checks::slots::look(self, since);
        }
        for (place, instance) in self.instances.clone() {
            crate::people::leave(self, &place, &instance);
        }
    }

    /// Lives on until nothing is left to do.
    pub fn come_to_rest(&mut self) {
        let first = self.stats.turns;
        let mut last = self.cloud.now();
        while !self.violated() && !self.at_rest() {
            // What EC2 and EventBridge still do by themselves is not ours to hurry.
            last = last.max(self.cloud.next_by_itself().unwrap_or(last));
            let until = plus_seconds(last, self.rest_hours() * 3600);
            if self.cloud.now() >= until || self.stats.turns - first > TURNS_MAX {
                let what = self.what_is_unfinished();
                self.oracle.violate(Check::ComesToRest, what);
                return;
            }
            self.step(until);
        }
        self.oracle.tally.count(Check::ComesToRest);
    }

    /// Where a Region cannot even be read, the policy's deadline ends the work, and nothing sooner.
    /// An instance that waits for a policy's next day, or whose policies give no slot, is not
    /// looked at before the next day.
    fn rest_hours(&self) -> i64 {
        if self.oracle.copies_to(OFF) || !self.diary.enrolments.is_empty() {
            30
        } else {
            REST_HOURS
        }
    }

    /// Has every family asked with whom its images are shared, when no read is behind any more.
    pub(crate) fn ask_with_whom_images_are_shared(&mut self) {
        self.cloud.advance(600);
        // Time enough, however slow the calls are: a sweep that is cut short would be made again.
        self.start_for("schedule-tick", "sweep", 3600, Origin::ShareSweep);
        self.come_to_rest();
    }

    fn what_is_unfinished(&self) -> String {
        let waiting: usize = QUEUES.iter().map(|queue| self.cloud.waiting_count(*queue)).sum();
        format!(
            "{} messages wait, {} invocations run, due: {:?}, unannounced: {}",
            waiting,
            self.live.len(),
            self.cloud.due(),
            self.cloud.unannounced().len()
        )
    }

    fn at_rest(&self) -> bool {
        self.live.is_empty()
            && QUEUES.iter().all(|queue| self.cloud.waiting_count(*queue) == 0)
            && self.cloud.stream_length() == 0
            && self
                .agenda
                .values()
                .all(|later| matches!(later, Later::Tick | Later::Sweep | Later::DayEnded))
            && self.cloud.next_by_itself().is_none()
            && self.cloud.next_due().is_none()
            && !self.cloud.tick_would_find(&self.watched)
    }

    /// Shows the oracle what happened.
    pub(crate) fn watch(&mut self) {
        self.see();
        self.oracle.look_at_writes(&self.cloud);
    }

    fn see(&mut self) {
        self.cloud.take_happenings(&mut self.happened);
        for happening in self.happened.drain(..) {
            self.oracle.see(&self.cloud, &mut self.diary, &happening);
        }
    }

    /// Everything that this run did, for the report.
    pub fn finish(mut self) -> (Stats, Option<Violation>) {
        self.stats.faults = self.storm.faults();
        self.stats.yields = self.storm.yields();
        self.stats.tally = self.oracle.tally.clone();
        self.stats.hash = self.cloud.trace_hash();
        self.stats.calls = self.cloud.calls_made();
        let now = self.cloud.now();
        let seconds = |at: &Timestamp| u64::try_from(now.as_second() - at.as_second()).unwrap_or(0);
        self.stats.image_seconds = self.cloud.images_created_at().iter().map(seconds).sum();
        (self.stats, self.oracle.violation)
    }
}

/// Minutes for which enrolled instances are watched when nothing goes wrong any more: a sweep, and
/// a slot after it.
const SLOTS_MINUTES: i64 = 200;

/// The queues of the functions.
pub(crate) const QUEUES: [Queue; 3] = [Queue::Create, Queue::Distribute, Queue::Notify];
