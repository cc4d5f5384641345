//! EventBridge: what EC2 announces, the stack's rules, and how deliveries go wrong.

use crate::cloud::FakeCloud;
use crate::state::{Later, State};
use amiline_app::functions::Queue;
use amiline_domain::ids::{AccountId, ImageId, InstanceId, Region};
use amiline_domain::image::ImageState;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The two kinds of event that the stack has rules for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// `Tag Change on Resource`.
    TagChange,
    /// `EC2 AMI State Change`.
    ImageState,
}

/// What becomes of events of a kind: they are best effort, may come twice and in any order
/// (aws-behaviour.md#events-are-best-effort).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// They arrive at once.
    #[default]
    AtOnce,
    /// They are lost.
    Dropped,
    /// They arrive so many times.
    Times(u32),
    /// They wait until the test releases them.
    Held,
    /// They arrive after so many seconds.
    After(i64),
}

/// Says of an event after how many seconds each delivery of it arrives: an empty answer loses it.
pub type Decider = dyn FnMut(EventKind, &Region) -> Vec<i64>;

/// An event that was put onto a Region's default bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusEvent {
    /// When.
    pub at: Timestamp,
    /// Of which Region.
    pub region: Region,
    /// Its kind.
    pub kind: EventKind,
    /// The JSON text.
    pub body: String,
    /// The queue of the rule that matched it; none if no rule did, or its Region is not forwarded.
    pub queue: Option<Queue>,
}

/// The buses and their rules.
#[derive(Default)]
pub(crate) struct Bus {
    decide: Option<Box<Decider>>,
    tags: Delivery,
    images: Delivery,
    held: Vec<(EventKind, Queue, String)>,
    log: Vec<BusEvent>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope<'a, D> {
    version: &'static str,
    id: String,
    detail_type: &'static str,
    source: &'static str,
    account: &'a AccountId,
    time: String,
    region: &'a Region,
    resources: [&'a str; 1],
    detail: &'a D,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct TagDetail<'a> {
    changed_tag_keys: [&'a str; 1],
    tags: &'a BTreeMap<String, String>,
    service: &'static str,
    resource_type: &'static str,
    version: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageDetail<'a> {
    request_id: String,
    image_id: &'a ImageId,
    state: &'static str,
    error_message: &'a str,
}

impl State {
    /// `Tag Change on Resource` of an instance: `tags` is the full set after the change
    /// (aws-behaviour.md#tag-change-events).
    pub(crate) fn emit_tag_change(&mut self, region: &Region, id: &InstanceId, key: &str) {
        let instance = self.region(region).instances[id].current();
        let (tags, version) = (instance.tags.clone(), instance.tag_version);
        let button = Rc::clone(self.settings.button());
        // The patterns of the rules (infra/template.yaml, InstanceTaggedRule and
        // InstanceEnrolledRule).
        let of_the_button = key == &*button || key == &**self.settings.status();
        let pressed = if self.settings.rule_wants_button {
            of_the_button && tags.contains_key(&*button)
        } else {
            key == &*button
        };
        let matches = pressed || key == &**self.settings.schedule();
        let arn = format!("arn:aws:ec2:{region}:{}:instance/{id}", self.account);
        let detail = TagDetail {
            changed_tag_keys: [key],
            tags: &tags,
            service: "ec2",
            resource_type: "instance",
            version,
        };
        let body = self.envelope("aws.tag", "Tag Change on Resource", region, &arn, &detail);
        self.put_event(EventKind::TagChange, region, body, matches.then_some(Queue::Create));
    }

    /// `EC2 AMI State Change` (aws-behaviour.md#ami-state-change-events): no event for a state that
    /// EC2 does not announce.
    pub(crate) fn emit_image_state(
        &mut self,
        region: &Region,
        id: &ImageId,
        state: ImageState,
        error: &str,
    ) {
        let state = match state {
            ImageState::Available => "available",
            ImageState::Failed => "failed",
            ImageState::Deregistered => "deregistered",
            ImageState::Disabled => "disabled",
            ImageState::Pending | ImageState::Transient => return,
        };
        let request_id = self.ids.uuid("request");
        let detail = ImageDetail { request_id, image_id: id, state, error_message: error };
        // The account part of an image's ARN is empty.
        let arn = format!("arn:aws:ec2:{region}::image/{id}");
        let body = self.envelope("aws.ec2", "EC2 AMI State Change", region, &arn, &detail);
        self.put_event(EventKind::ImageState, region, body, Some(Queue::Distribute));
    }

    fn envelope(
        &mut self,
        source: &'static str,
        detail_type: &'static str,
        region: &Region,
        arn: &str,
        detail: &impl Serialize,
    ) -> String {
        let second = Timestamp::from_second(self.now.as_second()).expect("a second of a moment");
        let envelope = Envelope {
            version: "0",
            id: self.ids.uuid("event"),
            detail_type,
            source,
            account: &self.account,
            time: second.to_string(),
            region,
            resources: [arn],
            detail,
        };
        serde_json::to_string(&envelope).expect("texts and numbers")
    }

    fn put_event(&mut self, kind: EventKind, region: &Region, body: String, queue: Option<Queue>) {
        let reaches_home = *region == self.home || self.region(region).forwarded;
        let queue = queue.filter(|_| reaches_home);
        self.bus.log.push(BusEvent {
            at: self.now,
            region: region.clone(),
            kind,
            body: body.clone(),
            queue,
        });
        let Some(queue) = queue else { return };
        if let Some(mut decide) = self.bus.decide.take() {
            for seconds in decide(kind, region) {
                if seconds == 0 {
                    self.arrive(kind, queue, body.clone());
                } else {
                    self.schedule(seconds, Later::Arrive(kind, queue, body.clone()));
                }
            }
            self.bus.decide = Some(decide);
            return;
        }
        let delivery = match kind {
            EventKind::TagChange => self.bus.tags,
            EventKind::ImageState => self.bus.images,
        };
        match delivery {
            Delivery::AtOnce => self.arrive(kind, queue, body),
            Delivery::Dropped => {}
            Delivery::Times(times) => {
                (0..times).for_each(|_| self.arrive(kind, queue, body.clone()))
            }
            Delivery::Held => self.bus.held.push((kind, queue, body)),
            Delivery::After(seconds) => self.schedule(seconds, Later::Arrive(kind, queue, body)),
        }
    }

    pub(crate) fn arrive(&mut self, kind: EventKind, queue: Queue, body: String) {
        self.line(format_args!("{kind:?} event arrives"));
        self.enqueue(queue, body);
    }
}

impl FakeCloud {
    /// What becomes of events of this kind from now on.
    pub fn deliver(&self, kind: EventKind, delivery: Delivery) {
        let mut state = self.state.borrow_mut();
        match kind {
            EventKind::TagChange => state.bus.tags = delivery,
            EventKind::ImageState => state.bus.images = delivery,
        }
    }

    /// Asks a function about every event of either kind, as a seeded simulation does; `None` lets
    /// [`FakeCloud::deliver`] decide again.
    pub fn decide_deliveries(&self, decide: Option<Box<Decider>>) {
        self.state.borrow_mut().bus.decide = decide;
    }

    /// Both kinds of event.
    pub fn deliver_all(&self, delivery: Delivery) {
        self.deliver(EventKind::TagChange, delivery);
        self.deliver(EventKind::ImageState, delivery);
    }

    /// Events that are held, oldest first.
    pub fn held_events(&self) -> Vec<String> {
        self.state.borrow().bus.held.iter().map(|(_, _, body)| body.clone()).collect()
    }

    /// Lets one held event arrive, by its place among the held ones; `false` if there is none.
    pub fn release_held(&self, place: usize) -> bool {
        let mut state = self.state.borrow_mut();
        if place >= state.bus.held.len() {
            return false;
        }
        let (kind, queue, body) = state.bus.held.remove(place);
        state.arrive(kind, queue, body);
        true
    }

    /// Lets every held event arrive, oldest first.
    pub fn release_all_held(&self) {
        while self.release_held(0) {}
    }

    /// Every event that was put onto a bus, matched by a rule or not: what a replay of the log
    /// sends again.
    pub fn events(&self) -> Vec<BusEvent> {
        self.state.borrow().bus.log.clone()
    }

    /// Sends every matched event of the log again, in order.
    pub fn replay_events(&self) {
        let mut state = self.state.borrow_mut();
        for event in state.bus.log.clone() {
            if let Some(queue) = event.queue {
                state.arrive(event.kind, queue, event.body);
            }
        }
    }
}
