//! A house in which the real use cases live on the deterministic cloud: the functions, their queues
//! and the clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a panic here is a failed test, with a backtrace"
)]

use amiline_app::announce::announce;
use amiline_app::digest::ask_for_digests;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::functions::{Function, Queue, create_image, deliver, distribute_image, notify};
use amiline_app::ports::{Clock, Due};
use amiline_app::settings::{BoundedStack, WatchedStack};
use amiline_app::tick::{TickDone, tick};
use amiline_app::{Create, Distribute, Notify};
use amiline_domain::day::Day;
use amiline_domain::family::{Family, Outcome};
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::message::{BadEvent, Message, Tick, decode};
use amiline_domain::receiver::Unannounced;
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::{
    FakeCloud, Launch, Queued, STREAM_BATCH, StreamRecord, Volume, World, region, run,
};
use std::cell::Cell;

/// The account that images are shared with.
pub const FRIEND: &str = "222222222222";

/// The organization that images are shared with.
pub const ORGANIZATION: &str = "arn:aws:organizations::123456789012:organization/o-123example";

/// The organizational unit that images are shared with.
pub const UNIT: &str = "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111";

/// Encrypted, copied to two Regions, shared with one account.
pub const POLICY: &str = r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":["us-west-2","eu-west-1"]},
    "share":{"accounts":["222222222222"]}}"#;

/// Home.
pub fn east() -> Region {
    region("us-east-1")
}

/// A destination.
pub fn west() -> Region {
    region("us-west-2")
}

/// The other destination.
pub fn europe() -> Region {
    region("eu-west-1")
}

/// The deployed stack, with everything that runs in it.
pub struct House {
    /// AWS.
    pub cloud: FakeCloud,
    /// The stack and its bounds.
    pub stack: BoundedStack,
    invocations: Cell<u64>,
    /// Seconds by which the clocks of every other invocation are ahead, and those of the others
    /// behind.
    skew: Cell<i64>,
}

impl Default for House {
    fn default() -> Self {
        Self::new()
    }
}

impl House {
    /// A stack with the policies `default` and `plain`, and a customer key in every Region.
    pub fn new() -> Self {
        let cloud = FakeCloud::new(
            "111111111111",
            "us-east-1",
            &["us-west-2", "eu-west-1", "ap-southeast-3"],
        );
        cloud.create_key_everywhere("alias/amiline");
        cloud.put_policy("default", POLICY);
        cloud.put_policy("plain", "{}");
        let mut stack = cloud.bounded_stack(&[FRIEND]);
        stack.bounds.regions.remove(&region("ap-southeast-3"));
        Self { cloud, stack, invocations: Cell::new(0), skew: Cell::new(0) }
    }

    /// An instance at home whose volume is under the customer key.
    pub fn instance(&self) -> InstanceId {
        let volumes = vec![Volume::Under("alias/amiline".to_owned())];
        self.cloud.launch_with(&east(), Launch { volumes, ..Launch::default() })
    }

    /// From now on the clocks of invocations differ: one is so many seconds ahead, the next as many
    /// behind.
    pub fn clocks_differ(&self, seconds: i64) {
        self.skew.set(seconds);
    }

    /// A caller with a clock of its own.
    fn caller_with_a_clock(&self, name: &'static str) -> World {
        let ahead = self.invocations.get().is_multiple_of(2);
        self.cloud.as_caller(name).skewed(if ahead { self.skew.get() } else { -self.skew.get() })
    }

    /// An instance with its button pressed.
    pub fn pressed(&self, policy: &str) -> InstanceId {
        let instance = self.instance();
        self.cloud.press(&east(), &instance, policy);
        instance
    }

    /// A new invocation, with a minute to live. The machine that it runs on says when it ends, by
    /// its own clock.
    fn invocation(&self, world: &World) -> Invocation {
        self.invocations.set(self.invocations.get() + 1);
        let id = format!("invocation-{}", self.invocations.get());
        Invocation { id, deadline: plus_seconds(world.now(), 60) }
    }

    /// One message, as the function of that queue handles it.
    pub async fn handle(
        &self,
        world: World,
        queue: Queue,
        message: &Queued,
    ) -> Result<(), UseCaseError> {
        handle(&world, &self.stack, queue, message, &self.invocation(&world)).await
    }

    /// Takes one message and handles it. `false` if it failed or the invocation died; then it comes
    /// again.
    pub fn serve(&self, queue: Queue) -> bool {
        let message = self.cloud.take(queue).expect("a message waits");
        let done = matches!(
            run(self.handle(
                self.caller_with_a_clock(Function::of_queue(queue).name()),
                queue,
                &message
            )),
            Some(Ok(()))
        );
        if !done {
            self.cloud.give_back(queue, message);
        }
        done
    }

    /// Delivers what waits, until nothing does. What fails is left for the next call of this.
    pub fn deliver(&self) {
        let queues = [Queue::Create, Queue::Distribute, Queue::Notify];
        let mut failed = 0;
        while failed < 3 && queues.iter().any(|queue| !self.cloud.waiting(*queue).is_empty()) {
            for queue in queues {
                for _ in 0..self.cloud.waiting(queue).len() {
                    failed += usize::from(!self.serve(queue));
                }
            }
        }
        self.deliver_stream();
    }

    /// Lives so many minutes, with a tick every five, at the pace that the functions' concurrency
    /// allows: so many messages of each queue in a second.
    pub fn live_at_a_pace(&self, minutes: usize, per_second: usize) {
        for second in 1..=minutes * 60 {
            for queue in [Queue::Create, Queue::Distribute, Queue::Notify] {
                for _ in 0..self.cloud.waiting(queue).len().min(per_second) {
                    self.serve(queue);
                }
            }
            self.deliver_stream();
            self.cloud.advance(1);
            if second % 300 == 0 {
                let _ = self.try_tick(Tick::default());
            }
        }
    }

    /// Delivers what the table's stream brings.
    fn deliver_stream(&self) {
        let records: Vec<Unannounced> =
            self.cloud.take_stream().iter().map(StreamRecord::waiting).collect();
        for mut batch in records.chunks(STREAM_BATCH) {
            // The mapping's retries are bounded; what is left over is the tick's.
            for _ in 0..3 {
                // After a crash all of them come again, otherwise those from the first that failed
                // on.
                let Some(ends) = run(announce(&self.cloud.as_caller("notify"), batch)) else {
                    continue;
                };
                let Some(failed) = ends.iter().position(Result::is_err) else { break };
                batch = &batch[failed..];
            }
        }
    }

    /// One tick, over the source Regions.
    pub fn tick(&self) -> TickDone {
        self.ticked(Tick::default())
    }

    /// The hourly sweep, which holds every tag against its enrolment.
    pub fn sweep(&self) -> TickDone {
        self.ticked(Tick { sweep: true, ..Tick::default() })
    }

    /// A sweep that asks with whom every image is shared, whosever turn it is.
    pub fn sweep_all_shares(&self) -> TickDone {
        self.ticked(Tick { sweep: true, all_shares: true, ..Tick::default() })
    }

    /// A sweep; none if it fails or dies.
    pub fn try_sweep(&self) -> Option<TickDone> {
        self.try_tick(Tick { sweep: true, ..Tick::default() })
    }

    fn ticked(&self, request: Tick) -> TickDone {
        self.try_tick(request).expect("a tick that nothing happens to")
    }

    /// A tick; none if it fails or dies, which is a lost one.
    fn try_tick(&self, request: Tick) -> Option<TickDone> {
        let watched = WatchedStack {
            stack: self.stack.stack.clone(),
            source_regions: vec![east()],
            bounds: self.stack.bounds.clone(),
        };
        run(tick(&self.cloud.as_caller("schedule-tick"), &watched, request))?.ok()
    }

    /// Somebody turns the kill switch. The event of its parameter asks for a tick.
    pub fn turn_kill_switch(&self, on: bool) {
        self.cloud.set_kill_switch(on);
        self.tick();
    }

    /// A tick that a person asks for, who will not wait for what is due within a day.
    pub fn tick_early(&self) -> TickDone {
        self.ticked(Tick { due_within_seconds: 86_400, ..Tick::default() })
    }

    /// The schedule asks for a day's digests; how many. `None`: the invocation failed.
    pub fn day_ended(&self, day: Day) -> Option<usize> {
        run(ask_for_digests(&self.cloud.as_caller("schedule-tick"), day))?.ok()
    }

    /// Lives so many minutes, with a tick every five.
    pub fn live(&self, minutes: usize) {
        for minute in 1..=minutes {
            self.deliver();
            self.cloud.advance(60);
            if minute % 5 == 0 {
                let _ = self.try_tick(Tick::default());
            }
        }
        self.deliver();
    }

    /// Lives so many minutes without a tick.
    pub fn live_by_events(&self, minutes: usize) {
        for _ in 0..minutes {
            self.deliver();
            self.cloud.advance(60);
        }
        self.deliver();
    }

    /// The only family.
    pub fn family(&self) -> Family {
        let mut families = self.cloud.families();
        assert_eq!(families.len(), 1, "{families:#?}");
        families.remove(0)
    }

    /// The status tag.
    pub fn status(&self, instance: &InstanceId) -> String {
        self.cloud.tag_of(&east(), instance, "amiline:status").unwrap_or_default()
    }

    /// Whether the button is still pressed.
    pub fn is_pressed(&self, instance: &InstanceId) -> bool {
        self.cloud.tag_of(&east(), instance, "amiline:image").is_some()
    }

    /// Nothing is wrong, nothing is unfinished, nothing is unannounced; and the one family ended
    /// so.
    pub fn assert_at_rest(&self, outcome: Outcome) {
        assert_eq!(self.cloud.flaws(), Vec::<String>::new());
        assert_eq!(self.cloud.untagged(), Vec::<String>::new());
        assert_eq!(self.family().outcome, Some(outcome), "{}", self.cloud.trace());
        assert_eq!(self.cloud.due(), vec![]);
        self.assert_told(outcome);
    }

    /// Like [`House::assert_at_rest`], with the next slots still to come.
    pub fn assert_at_rest_but_enrolled(&self, outcome: Outcome) {
        assert_eq!(self.cloud.flaws(), Vec::<String>::new());
        assert_eq!(self.cloud.untagged(), Vec::<String>::new());
        assert_eq!(self.family().outcome, Some(outcome), "{}", self.cloud.trace());
        assert!(
            self.cloud.due().iter().all(|due| matches!(due, Due::Enrolment { .. })),
            "{:?}",
            self.cloud.due()
        );
        self.assert_told(outcome);
    }

    fn assert_told(&self, outcome: Outcome) {
        assert!(self.cloud.unannounced().is_empty());
        assert_eq!(self.cloud.notices_of(&format!("family-{}", outcome.as_str())), 1);
    }
}

/// One message, as the function of that queue handles it.
pub async fn handle<W: Create + Distribute + Notify>(
    world: &W,
    stack: &BoundedStack,
    queue: Queue,
    message: &Queued,
    invocation: &Invocation,
) -> Result<(), UseCaseError> {
    handle_decoded(world, stack, (queue, message, &decode(&message.body)), invocation).await
}

/// The same with the message as it is decoded.
pub async fn handle_decoded<W: Create + Distribute + Notify>(
    world: &W,
    stack: &BoundedStack,
    (queue, message, decoded): (Queue, &Queued, &Result<Message, BadEvent>),
    invocation: &Invocation,
) -> Result<(), UseCaseError> {
    let received = (message.id.as_str(), message.body.as_str());
    deliver(world, Function::of_queue(queue), received, decoded.as_ref(), async |message| {
        match queue {
            Queue::Create => create_image(world, stack, message, invocation).await,
            Queue::Distribute => distribute_image(world, stack, message, invocation).await,
            Queue::Notify => notify(world, message).await,
        }
    })
    .await
    .map(|_| ())
}
