//! The functions, each registered once: its name, what it takes, its queue, its times, its
//! variables, and how it carries a message out. Whatever serves a function, deployed or in a test,
//! goes this way; the template is held against it.

mod create_image;
mod deliver;
mod distribute_image;
mod notify;
mod schedule_tick;
pub mod variables;

pub use create_image::create_image;
pub use deliver::deliver;
pub use distribute_image::distribute_image;
pub use notify::notify;
pub use schedule_tick::schedule_tick;

use crate::announce::Announced;
use crate::digest::Digested;
use crate::engine::Advanced;
use crate::enrol::EnrolDone;
use crate::image_event::ImageEventDone;
use crate::look::LookDone;
use crate::tick::TickDone;
use amiline_domain::message::MessageKind;

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Makes images of instances.
    CreateImage,
    /// Copies and shares them.
    DistributeImage,
    /// Finds what is due and no event told of.
    ScheduleTick,
    /// Announces.
    Notify,
}

/// The queue of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// Of `create-image`.
    Create,
    /// Of `distribute-image`.
    Distribute,
    /// Of `notify`.
    Notify,
}

/// What is the same of a function everywhere.
#[derive(Debug)]
pub struct Registered {
    /// Its name, its crate's and its binary's without `amiline-`.
    pub name: &'static str,
    /// The messages it takes. One of another kind is kept as rejected.
    pub takes: &'static [MessageKind],
    /// Its queue; none of a function that only schedules invoke.
    pub queue: Option<QueueOf>,
    /// Seconds that an invocation has.
    pub timeout_seconds: i64,
    /// Its variables.
    pub variables: &'static [&'static str],
}

/// A function's queue.
#[derive(Debug)]
pub struct QueueOf {
    /// Which.
    pub queue: Queue,
    /// Seconds until a message that was not acknowledged comes again: six times an invocation's,
    /// which AWS recommends (aws-behaviour.md#batches-are-answered-in-part).
    pub visibility_seconds: i64,
}

impl Function {
    /// All of them.
    pub const ALL: [Function; 4] = [
        Function::CreateImage,
        Function::DistributeImage,
        Function::ScheduleTick,
        Function::Notify,
    ];

    /// Its registration.
    pub const fn registered(self) -> &'static Registered {
        match self {
            Function::CreateImage => &create_image::REGISTERED,
            Function::DistributeImage => &distribute_image::REGISTERED,
            Function::ScheduleTick => &schedule_tick::REGISTERED,
            Function::Notify => &notify::REGISTERED,
        }
    }

    /// The function that a queue is of.
    pub const fn of_queue(queue: Queue) -> Self {
        match queue {
            Queue::Create => Function::CreateImage,
            Queue::Distribute => Function::DistributeImage,
            Queue::Notify => Function::Notify,
        }
    }

    /// Its name: `create-image`.
    pub const fn name(self) -> &'static str {
        self.registered().name
    }

    /// Its name as the template's resources begin: `CreateImage`.
    pub fn in_template(self) -> String {
        let word = |word: &str| {
            word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect()
        };
        self.name().split('-').map(word).collect::<Vec<String>>().concat()
    }
}

/// What a message led to.
#[derive(Debug)]
pub enum Handled {
    /// A tag event: what it meant for the button and for the schedules, if it was about them.
    Tagged(Option<LookDone>, Option<EnrolDone>),
    /// An instance's button.
    Button(LookDone),
    /// An instance's schedules.
    Schedules(EnrolDone),
    /// A policy; whether something was announced of it.
    Policy(bool),
    /// A family.
    Family(Advanced),
    /// An image's event.
    Image(ImageEventDone),
    /// A history item.
    Announced(Announced),
    /// A digest.
    Digest(Digested),
    /// A tick.
    Ticked(Box<TickDone>),
    /// A sweep.
    Swept(Box<TickDone>),
    /// The day that ended; how many digests were asked for.
    DayEnded(usize),
    /// It is for another function.
    NotMine,
}
