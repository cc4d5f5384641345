//! The functions' queues, with what tests do to them, the topics and the bus.

use crate::cloud::FakeCloud;
use crate::state::State;
use amiline_app::functions::Queue;
use amiline_domain::bus::BusEvent;
use amiline_domain::notice::Notice;
use amiline_domain::receiver::Topic;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Receives after which a message goes to the dead-letter queue (infra/template.yaml,
/// maxReceiveCount).
pub fn receives_max(queue: Queue) -> usize {
    match queue {
        Queue::Create | Queue::Notify => 25,
        Queue::Distribute => 15,
    }
}

/// A message in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The queue's id of it.
    pub id: String,
    /// What it says.
    pub body: String,
    /// How often it was received.
    pub received: usize,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// A notice that a topic took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub at: Timestamp,
    /// Which topic.
    pub topic: Topic,
    /// What.
    pub notice: Rc<Notice>,
}

impl Published {
    /// A field of the notice's JSON, as text; empty if it has none.
    pub fn field(&self, name: &str) -> String {
        let json: serde_json::Value =
            serde_json::from_str(&self.notice.json).expect("a notice is JSON");
        json.pointer(&format!("/{name}"))
            .and_then(|value| value.as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

/// An event that the bus took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnBus {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Rc<BusEvent>,
}

/// Three queues and their dead-letter queues.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    waiting: BTreeMap<Queue, VecDeque<Queued>>,
    dead: BTreeMap<Queue, Vec<Queued>>,
}

impl State {
    pub(crate) fn enqueue(&mut self, queue: Queue, body: String) {
        let message = Queued { id: self.ids.uuid("message"), body, received: 0, sent_at: self.now };
        self.queues.waiting.entry(queue).or_default().push_back(message);
    }
}

impl FakeCloud {
    fn with_queue<R>(&self, queue: Queue, change: impl FnOnce(&mut VecDeque<Queued>) -> R) -> R {
        change(self.state.borrow_mut().queues.waiting.entry(queue).or_default())
    }

    /// Receives the oldest message. Not giving it back acknowledges it.
    pub fn take(&self, queue: Queue) -> Option<Queued> {
        self.take_at(queue, 0)
    }

    /// Receives the message at a place among those that wait: queues keep no order.
    pub fn take_at(&self, queue: Queue, place: usize) -> Option<Queued> {
        self.with_queue(queue, |messages| {
            let mut message = messages.remove(place)?;
            message.received += 1;
            Some(message)
        })
    }

    /// A failed item: the message comes again, or goes to the dead-letter queue after as many
    /// receives as that takes.
    pub fn give_back(&self, queue: Queue, message: Queued) {
        let mut state = self.state.borrow_mut();
        if message.received >= receives_max(queue) {
            state.queues.dead.entry(queue).or_default().push(message);
        } else {
            state.queues.waiting.entry(queue).or_default().push_back(message);
        }
    }

    /// Somebody sends a message, whatever it says.
    pub fn push(&self, queue: Queue, body: &str) {
        self.state.borrow_mut().enqueue(queue, body.to_owned());
    }

    /// The messages that wait, oldest first.
    pub fn waiting(&self, queue: Queue) -> Vec<Queued> {
        self.with_queue(queue, |messages| messages.iter().cloned().collect())
    }

    /// How many messages wait.
    pub fn waiting_count(&self, queue: Queue) -> usize {
        self.state.borrow().queues.waiting.get(&queue).map_or(0, VecDeque::len)
    }

    /// The messages that were given up.
    pub fn dead_letters(&self, queue: Queue) -> Vec<Queued> {
        self.state.borrow().queues.dead.get(&queue).cloned().unwrap_or_default()
    }

    /// Delivers a waiting message twice, by its place.
    pub fn duplicate(&self, queue: Queue, place: usize) {
        self.with_queue(queue, |messages| messages.push_back(messages[place].clone()));
    }

    /// Loses a waiting message, by its place.
    pub fn lose(&self, queue: Queue, place: usize) -> Queued {
        self.with_queue(queue, |messages| messages.remove(place).expect("a message at that place"))
    }

    /// Loses every waiting message; how many there were.
    pub fn lose_all(&self, queue: Queue) -> usize {
        self.with_queue(queue, |messages| messages.drain(..).count())
    }

    /// Turns the order of the waiting messages round.
    pub fn reverse(&self, queue: Queue) {
        self.with_queue(queue, |messages| messages.make_contiguous().reverse());
    }

    /// Puts the message at the place first.
    pub fn bring_forward(&self, queue: Queue, place: usize) {
        let message = self.lose(queue, place);
        self.with_queue(queue, |messages| messages.push_front(message));
    }

    /// What every topic took, oldest first.
    pub fn published(&self) -> Vec<Published> {
        self.state.borrow().published.clone()
    }

    /// What a topic took, oldest first.
    pub fn notices_on(&self, topic: Topic) -> Vec<Published> {
        let mut published = self.published();
        published.retain(|published| published.topic == topic);
        published
    }

    /// What the topic for everything took, oldest first.
    pub fn notices(&self) -> Vec<Published> {
        self.notices_on(Topic::Notifications)
    }

    /// How many notices were published of an event, by its name (`image-available`).
    pub fn notices_of(&self, event: &str) -> usize {
        self.notices().iter().filter(|published| published.field("event") == event).count()
    }

    /// What the bus took, oldest first.
    pub fn bus_events(&self) -> Vec<OnBus> {
        self.state.borrow().on_bus.clone()
    }
}
