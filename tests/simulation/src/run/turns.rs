//! One turn after the other: invocations begin, make their calls, end or die, and time passes.

use super::{
    DIGEST_SECONDS, Later, Live, Origin, QUEUES, RECORD_TRIES, Run, SWEEP_SECONDS, TICK_SECONDS,
};
use crate::mutants::begin;
use amiline_app::functions::{Function, Queue};
use amiline_domain::day::Day;
use amiline_domain::message::{BadEvent, Message, MessageKind, decode};
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::{Dark, Queued, STREAM_BATCH, StreamRecord, Turn};
use jiff::Timestamp;
use std::rc::Rc;

impl Run {
    /// One turn. `false` if nothing is left that could happen before `until`.
    pub(super) fn step(&mut self, until: Timestamp) -> bool {
        self.do_what_is_due();
        let waiting =
            QUEUES.iter().any(|queue| self.can_take(*queue)) || self.cloud.stream_length() > 0;
        let go_on = !self.live.is_empty() && (!waiting || self.choices.below(4) != 1);
        if go_on {
            self.turn();
        } else if waiting {
            self.take_up();
        } else if !self.pass_time(until) {
            return false;
        }
        self.watch();
        true
    }

    fn do_what_is_due(&mut self) {
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > self.cloud.now() {
                return;
            }
            match entry.remove() {
                Later::Back(queue, message) => self.cloud.give_back(queue, message),
                Later::Records(records, tries) => self.start_records(records, tries),
                Later::Tick => self.tick(),
                Later::Sweep => self.sweep(),
                Later::DayEnded => self.day_ended(),
                Later::DayEndedAgain(day) => {
                    self.start(Function::ScheduleTick, "day ended", Origin::DayEnded(day, 2));
                }
                Later::Act => crate::people::act(self),
                Later::PutBack(tool) => crate::people::put_back(self, tool),
                Later::Scripted(place) => crate::scenarios::perform(self, place),
                Later::Dark(place) => {
                    self.storm.count("Region dark");
                    self.cloud.set_dark(&place, Some(Dark::Unavailable));
                }
                Later::Light(place) => self.cloud.set_dark(&place, None),
                Later::SwitchOff => self.turn_kill_switch(Some("off")),
            }
        }
    }

    fn can_take(&self, queue: Queue) -> bool {
        let of = |live: &&Live| matches!(&live.origin, Origin::Message { queue: own, .. } if *own == queue);
        self.cloud.waiting_count(queue) > 0
            && self.live.iter().filter(of).count() < concurrency(queue)
    }

    /// Takes up a message or a record of the stream. The oldest is the calm choice; queues keep no
    /// order.
    fn take_up(&mut self) {
        let records = self.cloud.stream_length();
        let open: Vec<Queue> = QUEUES.into_iter().filter(|queue| self.can_take(*queue)).collect();
        let place = self.choices.place(open.len() + usize::from(records > 0));
        match open.get(place) {
            Some(queue) => {
                let place = self.choices.place(self.cloud.waiting_count(*queue).min(8));
                if let Some(message) = self.cloud.take_at(*queue, place) {
                    self.start_message(*queue, message);
                }
            }
            None => {
                let records = self.cloud.take_stream().into_iter();
                let brought = records.flat_map(|record| vec![record; self.storm.stream_brings()]);
                let brought: Vec<StreamRecord> = brought.collect();
                let batch = *self.choices.one_of(&[STREAM_BATCH, 1, 3]);
                for records in brought.chunks(batch) {
                    self.start_records(records.to_vec(), 1);
                }
            }
        }
    }

    fn start_message(&mut self, queue: Queue, message: Queued) {
        let back_at = plus_seconds(self.cloud.now(), visibility_seconds(queue));
        let decoded = Rc::new(decode(&message.body));
        let wake = kind_of(&decoded, &message.body);
        let origin = Origin::Message { queue, message, decoded, back_at };
        self.start(Function::of_queue(queue), wake, origin);
    }

    fn start_records(&mut self, records: Vec<StreamRecord>, tries: u32) {
        self.start(Function::Notify, "stream", Origin::Records { records, tries });
    }

    fn tick(&mut self) {
        self.later(plus_seconds(self.cloud.now(), TICK_SECONDS), Later::Tick);
        let wanted = self.conditions.idle_ticks || self.cloud.tick_would_find(&self.watched);
        if !wanted || self.storm.loses_tick() {
            return;
        }
        self.start(Function::ScheduleTick, "tick", Origin::Tick);
        if self.storm.doubles_tick() {
            self.start(Function::ScheduleTick, "tick", Origin::Tick);
        }
    }

    /// Somebody writes the kill switch's parameter. Its event asks for a tick, unless it is lost.
    pub(crate) fn turn_kill_switch(&mut self, value: Option<&str>) {
        self.cloud.set_kill_switch_value(value);
        if !self.storm.loses_tick() {
            self.start(Function::ScheduleTick, "tick", Origin::Tick);
        }
    }

    fn sweep(&mut self) {
        self.later(plus_seconds(self.cloud.now(), SWEEP_SECONDS), Later::Sweep);
        let enrolled = self.diary.enrolments.iter().any(|enrolled| enrolled.to.is_none());
        if !enrolled || self.storm.loses_tick() {
            return;
        }
        for _ in 0..=usize::from(self.storm.doubles_tick()) {
            self.start(Function::ScheduleTick, "sweep", Origin::Sweep);
        }
    }

    /// The daily schedule, which may fire twice or not at all, as the tick's may.
    fn day_ended(&mut self) {
        let now = self.cloud.now();
        self.later(plus_seconds(Day::of(now).end(), DIGEST_SECONDS), Later::DayEnded);
        if self.storm.loses_tick() {
            return;
        }
        for _ in 0..1 + usize::from(self.storm.doubles_tick()) {
            self.ask_for_digests(Day::before(now));
        }
    }

    pub(crate) fn ask_for_digests(&mut self, day: Day) {
        self.start(Function::ScheduleTick, "day ended", Origin::DayEnded(day, 1));
    }

    pub(crate) fn start(&mut self, function: Function, wake: &'static str, origin: Origin) {
        self.start_for(function.name(), wake, function.registered().timeout_seconds, origin);
    }

    /// The same of a caller that has so many seconds.
    pub(crate) fn start_for(
        &mut self,
        caller: &'static str,
        wake: &'static str,
        seconds: i64,
        origin: Origin,
    ) {
        let world = self.cloud.as_caller(caller).skewed(self.skew());
        let number = world.invocation();
        self.storm.begins(number, caller, wake);
        let deadline = plus_seconds(self.cloud.now(), seconds);
        self.oracle.begins(number, &self.stack, deadline);
        self.stats.invocations += 1;
        let future = begin(self, world, deadline, &origin);
        self.live.push(Live { number, future, deadline, origin });
    }

    /// Seconds by which the next invocation's clock is wrong: none is the calm choice.
    fn skew(&self) -> i64 {
        let most = self.conditions.skew;
        if most == 0 || !self.storm.rages() {
            return 0;
        }
        let skew = self.choices.seconds(0, most * 2);
        if skew > most { most - skew } else { skew }
    }

    /// The oldest invocation's turn, or another's.
    fn turn(&mut self) {
        let place = self.choices.place(self.live.len());
        if self.conditions.latency_millis > 0 {
            // Invocations wait for their calls at the same time: of `n` that run, each call takes
            // an `n`th of the clock.
            let running = i64::try_from(self.live.len()).unwrap_or(1);
            let latency = self.choices.seconds(0, self.conditions.latency_millis);
            self.cloud.advance_millis(latency / running);
        }
        if self.storm.stalls() {
            self.cloud.advance(*self.choices.one_of(&[5, 20, 45]));
        }
        let too_late = self.cloud.now() >= self.live[place].deadline;
        if too_late || self.storm.kills() {
            self.cloud.say(format_args!("-- invocation {} dies", self.live[place].number));
            let dead = self.live.remove(place);
            self.ended(dead.number, dead.origin, false);
            drop(dead.future);
            return;
        }
        self.stats.turns += 1;
        match self.turns.give(self.live[place].future.as_mut()) {
            Turn::Yielded => {}
            Turn::Done(result) => {
                let done = self.live.remove(place);
                if let Err(error) = &result {
                    self.cloud.say(format_args!("-- invocation {} fails: {error}", done.number));
                }
                self.ended(done.number, done.origin, result.is_ok());
            }
            Turn::Stuck => {
                let stuck = self.live.remove(place);
                self.ended(stuck.number, stuck.origin, false);
            }
        }
    }

    /// What becomes of what woke an invocation.
    fn ended(&mut self, number: u64, origin: Origin, done: bool) {
        self.see();
        self.oracle.ends(number, done);
        match origin {
            Origin::Message { queue, message, decoded, back_at } => {
                if !done || self.storm.loses_ack() {
                    self.later(back_at, Later::Back(queue, message));
                } else {
                    self.oracle.acknowledged(&self.cloud, queue, &message, &decoded);
                }
            }
            // Lambda brings those from the first that failed on; all of them again is no less
            // trouble.
            Origin::Records { records, tries } if !done && tries < RECORD_TRIES => {
                self.later(plus_seconds(self.cloud.now(), 1), Later::Records(records, tries + 1));
            }
            Origin::DayEnded(day, 1) if !done => {
                self.later(plus_seconds(self.cloud.now(), 60), Later::DayEndedAgain(day));
            }
            // It lies in the dead-letter queue of the tick, which has an alarm.
            Origin::DayEnded(day, _) if !done => {
                self.oracle.days_given_up.insert(day.to_string());
            }
            Origin::Records { .. }
            | Origin::Tick
            | Origin::EarlyTick
            | Origin::Sweep
            | Origin::ShareSweep
            | Origin::DayEnded(..)
            | Origin::Person => {}
        }
    }

    /// Moves the clock to the next thing that happens.
    fn pass_time(&mut self, until: Timestamp) -> bool {
        let now = self.cloud.now();
        let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let next =
            next.into_iter().chain(self.cloud.next_by_itself()).min().unwrap_or(until).min(until);
        if next <= now {
            return now < until;
        }
        self.cloud.advance_millis(next.as_millisecond() - now.as_millisecond());
        true
    }
}

/// Invocations of a function at once: more than the template allows, for more of them to meet.
fn concurrency(queue: Queue) -> usize {
    match queue {
        Queue::Create | Queue::Distribute => 5,
        Queue::Notify => 2,
    }
}

/// Seconds until a message that was not acknowledged comes again.
fn visibility_seconds(queue: Queue) -> i64 {
    let registered = Function::of_queue(queue).registered();
    registered.queue.as_ref().map_or(registered.timeout_seconds, |queue| queue.visibility_seconds)
}

/// What a message is; by its words, if it cannot be read.
fn kind_of(decoded: &Result<Message, BadEvent>, body: &str) -> &'static str {
    const KINDS: [(MessageKind, &str); 8] = [
        (MessageKind::InstanceTagged, "tag event"),
        (MessageKind::ImageState, "image event"),
        (MessageKind::LookAtInstance, "look"),
        (MessageKind::LookAtSchedule, "turn"),
        (MessageKind::LookAtPolicy, "policy"),
        (MessageKind::FamilyDue, "family due"),
        (MessageKind::AnnounceHistory, "announce"),
        (MessageKind::DigestDue, "digest"),
    ];
    let of = |kind: &MessageKind| match decoded {
        Ok(message) => message.kind() == *kind,
        Err(_) => body.contains(kind.detail_type()),
    };
    KINDS.iter().find(|(kind, _)| of(kind)).map_or("something else", |(_, name)| name)
}
