//! The real use cases on the deterministic model, fed with whatever a target makes, and everything
//! that comes out.

use crate::log_lines::Logged;
use crate::properties::{ascii_line, holds, line};
use crate::target::{Broken, shape};
use amiline_app::announce::announce;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::functions::{
    Function, Queue, create_image, deliver, distribute_image, notify, schedule_tick,
};
use amiline_app::settings::BoundedStack;
use amiline_app::tick::tick;
use amiline_domain::bus;
use amiline_domain::chat;
use amiline_domain::console::StackAddress;
use amiline_domain::history::{HistoryItem, REASON_CHARACTERS, REASONS_CHARACTERS};
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::lineage::tree;
use amiline_domain::message::{ImageStateChange, InstanceTagged, Message, decode};
use amiline_domain::notice::{Notice, render};
use amiline_domain::reason::Reason;
use amiline_domain::receiver::{Topic, Unannounced};
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::{
    FakeCloud, Launch, STREAM_BATCH, StreamRecord, Volume, World, region, run,
};
use std::cell::RefCell;

/// The account that images may be shared with.
pub(crate) const FRIEND: &str = "222222222222";
/// An organization and a unit of it that images are shared with.
pub(crate) const ORGANIZATION: &str =
    "arn:aws:organizations::123456789012:organization/o-123example";
pub(crate) const UNIT: &str =
    "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111";
/// The key that images may be encrypted under.
pub(crate) const ALIAS: &str = "alias/amiline";
/// Longest value of a tag in EC2, in characters.
pub(crate) const TAG_VALUE_MAX: usize = 256;
/// Longest reason why a message was rejected: the rest of it stands in the excerpt.
const REJECTED_MAX: usize = 600;
/// Longest line that shows one image: a reason, and what stands before it.
const LINE_MAX: usize = REASON_CHARACTERS + 200;
/// What the lines of a notice begin with.
const LABELS: [&str; 12] = [
    "Reason",
    "Instance",
    "Image",
    "Region",
    "Account",
    "Policy",
    "Requested",
    "Family",
    "Time",
    "Images",
    "Console",
    "Next",
];
/// SNS takes 256 KiB.
const NOTICE_BYTES_MAX: usize = 256 * 1024;

/// A deployed stack, without queues between its parts.
pub(crate) struct Stage {
    pub(crate) cloud: FakeCloud,
    pub(crate) stack: BoundedStack,
    words: RefCell<Vec<String>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let cloud = FakeCloud::new("111111111111", "us-east-1", &["us-west-2"]);
        cloud.create_key_everywhere(ALIAS);
        let stack = cloud.bounded_stack(&[FRIEND, ORGANIZATION, UNIT]);
        Self { cloud, stack, words: RefCell::default() }
    }

    pub(crate) fn home(&self) -> Region {
        self.cloud.home()
    }

    /// An instance whose volume is under the stack's key.
    pub(crate) fn instance(&self) -> InstanceId {
        let volumes = vec![Volume::Under(ALIAS.to_owned())];
        self.cloud.launch_with(&self.home(), Launch { volumes, ..Launch::default() })
    }

    /// What happened, in a few words.
    pub(crate) fn words(&self) -> String {
        self.words.borrow().join(", ")
    }

    /// Why, of everything that went wrong, in a few words; what the input chose is left out.
    pub(crate) fn reasons(&self, chosen: &str) -> String {
        let items =
            self.cloud.families().into_iter().flat_map(|family| self.cloud.history(&family.id));
        let reasons = items.filter_map(|item| item.reason);
        let reasons: Vec<String> = if chosen.is_empty() {
            reasons.map(|reason| shape(&reason.text())).collect()
        } else {
            reasons.map(|reason| shape(&reason.text().replace(chosen, "#"))).collect()
        };
        reasons.join(", ")
    }

    fn say(&self, what: &str) {
        let mut words = self.words.borrow_mut();
        let what = shape(what);
        if words.len() < 40 && words.last() != Some(&what) {
            words.push(what);
        }
    }

    /// One message of a queue, as its function takes it.
    pub(crate) fn receive(&self, queue: Queue, id: &str, body: &str) {
        let world = self.cloud.as_caller(Function::of_queue(queue).name());
        match run(self.handle(&world, queue, id, body)) {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                // As amiline_aws::runtime::queue does.
                tracing::error!(
                    message_id = id,
                    outcome = "failed",
                    error = error.to_string(),
                    "message"
                );
                self.say(&error.to_string());
            }
            None => self.say("hangs"),
        }
    }

    async fn handle(
        &self,
        world: &World,
        queue: Queue,
        id: &str,
        body: &str,
    ) -> Result<(), UseCaseError> {
        let decoded = decode(body);
        match &decoded {
            Err(bad) => self.say(&format!("{}: {bad}", bad.code())),
            Ok(
                Message::InstanceTagged(InstanceTagged { region, .. })
                | Message::LookAtInstance { region, .. }
                | Message::LookAtSchedule { region, .. }
                | Message::ImageState(ImageStateChange { region, .. }),
            ) if !self.cloud.regions().contains(region) => {
                // EC2 is asked there and does not answer, of which the model knows nothing.
                self.say("in another Region");
                return Ok(());
            }
            Ok(message) => self.say(message.kind().detail_type()),
        }
        let (stack, invocation) = (&self.stack, self.invocation());
        let carry_out = async |message: &Message| match queue {
            // Schedules invoke a function without a queue; their messages are tried all the same.
            _ if Function::ScheduleTick.registered().takes.contains(&message.kind()) => {
                schedule_tick(world, &self.cloud.watched_stack(&[self.home()]), message).await
            }
            Queue::Create => create_image(world, stack, message, &invocation).await,
            Queue::Distribute => distribute_image(world, stack, message, &invocation).await,
            Queue::Notify => notify(world, message).await,
        };
        let handled =
            deliver(world, Function::of_queue(queue), (id, body), decoded.as_ref(), carry_out)
                .await?;
        self.say(&format!("{handled:?}"));
        Ok(())
    }

    fn invocation(&self) -> Invocation {
        Invocation { id: "invocation".to_owned(), deadline: plus_seconds(self.cloud.now(), 60) }
    }

    /// Lets everything happen that was begun: a few rounds of deliveries, with time between them.
    pub(crate) fn live(&self) {
        for _ in 0..6 {
            for queue in [Queue::Create, Queue::Distribute, Queue::Notify] {
                for _ in 0..4 {
                    let Some(message) = self.cloud.take(queue) else { break };
                    self.receive(queue, &message.id, &message.body);
                }
            }
            let records = self.cloud.take_stream();
            for record in &records {
                self.say(record.item.event.as_str());
            }
            let waiting: Vec<Unannounced> = records.iter().map(StreamRecord::waiting).collect();
            for batch in waiting.chunks(STREAM_BATCH) {
                let ends =
                    run(announce(&self.cloud.as_caller("notify"), batch)).unwrap_or_default();
                for error in ends.into_iter().filter_map(Result::err) {
                    self.say(&error.to_string());
                }
            }
            if self.cloud.next_due().is_none() {
                return;
            }
            self.cloud.advance(130);
            let ticked = run(tick(
                &self.cloud.as_caller("schedule-tick"),
                &self.cloud.watched_stack(&[self.home()]),
                amiline_domain::message::Tick {
                    due_within_seconds: 600,
                    ..amiline_domain::message::Tick::default()
                },
            ));
            if let Some(Err(error)) = ticked {
                self.say(&error.to_string());
            }
        }
    }

    /// Checks every text that left us: records, history, notices, tags, what the operator's command
    /// shows, the log.
    pub(crate) fn check(&self, logged: &Logged) -> Result<(), Broken> {
        logged.safe_lines()?;
        for rejected in self.cloud.rejected() {
            line("a rejected message's id", &rejected.message_id, 128)?;
            line("a rejected message's code", &rejected.code, 32)?;
            line("a rejected message's reason", &rejected.reason, REJECTED_MAX)?;
            line("a rejected message's excerpt", &rejected.excerpt, 1000)?;
        }
        for family in self.cloud.families() {
            let tree = tree(&family);
            // The instance, then its images; without any, the status.
            let lines =
                if family.rows.is_empty() { 2 } else { family.rows.len().saturating_add(1) };
            holds("a tree has a line for each image", tree.lines().count() == lines, || {
                tree.clone()
            })?;
            for shown in tree.lines() {
                line("a line of the tree", shown, LINE_MAX)?;
            }
            if let Some(status) = &family.status {
                ascii_line("the status", status, TAG_VALUE_MAX)?;
            }
            for item in self.cloud.history(&family.id) {
                line(
                    "a history item's reason",
                    &item.reason.as_ref().map(Reason::text).unwrap_or_default(),
                    REASONS_CHARACTERS,
                )?;
                check_notice(&item, &self.cloud.stack().address())?;
            }
            if let Some(status) =
                self.cloud.tag_of(&family.region, &family.instance, "amiline:status")
            {
                ascii_line("the status tag", &status, TAG_VALUE_MAX)?;
            }
        }
        for digest in self.cloud.notices_on(Topic::Digest) {
            check_digest(&digest.notice)?;
        }
        let flaws = self.cloud.flaws();
        holds("the model sees no flaw", flaws.is_empty(), || flaws.join("; "))
    }
}

fn check_notice(item: &HistoryItem, address: &StackAddress) -> Result<(), Broken> {
    let notice = render(item, address);
    ascii_line("a notice's subject", &notice.subject, 99)?;
    for shown in notice.text.lines() {
        line("a line of a notice", shown, REASONS_CHARACTERS + 10)?;
        let markup = shown.contains(['<', '>', '`']);
        holds("a line of a notice has no markup", !markup, || shown.to_owned())?;
    }
    let labelled = notice
        .text
        .lines()
        .skip(2)
        .find(|shown| !LABELS.contains(&shown.split(' ').next().unwrap_or_default()));
    holds("every line of a notice has its label", labelled.is_none(), || notice.text.clone())?;
    let bytes = notice.text.len().saturating_add(notice.json.len());
    holds("a notice is no longer than SNS takes", bytes <= NOTICE_BYTES_MAX, || bytes.to_string())?;
    line("a notice's JSON", &notice.json, NOTICE_BYTES_MAX)?;
    let event = bus::event(item);
    holds("an event is no larger than EventBridge takes", event.bytes() < bus::BYTES_MAX, || {
        event.bytes().to_string()
    })?;
    holds("the bus carries the same document", event.detail == notice.json, || {
        event.detail.clone()
    })?;
    let json = serde_json::from_str::<serde_json::Value>(&notice.json);
    holds("a notice's JSON is JSON", json.is_ok(), || notice.json.clone())?;
    let chat = chat::render(item, address).json;
    line("a chat's notification", &chat, NOTICE_BYTES_MAX)?;
    let mentions = chat.contains("<!") || chat.contains("<@");
    holds("a chat's notification mentions nobody", !mentions, || chat.clone())?;
    notice.attributes.values().try_for_each(|value| line("a notice's attribute", value, 100))
}

fn check_digest(notice: &Notice) -> Result<(), Broken> {
    ascii_line("a digest's subject", &notice.subject, 99)?;
    notice.text.lines().try_for_each(|shown| line("a line of a digest", shown, 402))?;
    line("a digest's JSON", &notice.json, NOTICE_BYTES_MAX)?;
    notice.attributes.values().try_for_each(|value| line("a digest's attribute", value, 100))
}

/// The other Region.
pub(crate) fn west() -> Region {
    region("us-west-2")
}
