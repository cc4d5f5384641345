//! What really happened, in order and with its details, for whoever checks Amiline from outside.
//!
//! It is kept only if asked for: a story needs the truth at its end, a simulation after every step.

use crate::cloud::FakeCloud;
use crate::state::State;
use crate::world::World;
use amiline_app::ports::CallError;
use amiline_domain::bus::BusEvent;
use amiline_domain::enrolment::EnrolmentKey;
use amiline_domain::ids::{ImageId, InstanceId, Region};
use amiline_domain::image::{ImageState, ObservedInstance};
use amiline_domain::notice::Notice;
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep, TagStep};
use amiline_domain::press::PressKey;
use amiline_domain::receiver::Topic;
use amiline_domain::record::Transaction;
use jiff::Timestamp;
use std::rc::Rc;

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// The invocation that did it; 0 for what people did and what EC2 did by itself.
    pub invocation: u64,
    /// What.
    pub what: What,
}

/// What happened. Calls that changed something, what an invocation was shown, and what was refused.
#[derive(Debug, Clone)]
pub enum What {
    /// It was shown a press.
    PressRead {
        /// Which.
        key: PressKey,
        /// Whether nothing was under way.
        idle: bool,
    },
    /// It was shown an instance's enrolment.
    EnrolmentRead {
        /// Whose.
        key: EnrolmentKey,
    },
    /// It was shown an instance, or that there is none.
    InstanceRead {
        /// Where.
        region: Region,
        /// Which.
        instance: InstanceId,
        /// The button's value, if the tag was there.
        button: Option<String>,
        /// The value of the schedule's tag, if it was there.
        schedule: Option<String>,
        /// The instance as it was shown.
        seen: Option<ObservedInstance>,
    },
    /// It was shown images.
    ImagesRead(Region, Vec<SeenImage>),
    /// It was shown the kill switch.
    SwitchRead {
        /// Whether it was on.
        on: bool,
    },
    /// CreateImage made an image.
    Created(CreateStep, ImageId),
    /// CopyImage answered with an image.
    Copied {
        /// The call.
        step: CopyStep,
        /// The copy.
        image: ImageId,
        /// Whether it was made now; the token may have made it before.
        new: bool,
    },
    /// ModifyImageAttribute was carried out.
    Shared {
        /// The call.
        step: ShareStep,
        /// Whether it added a permission.
        changed: bool,
    },
    /// DeleteTags was carried out on an instance.
    TagRemoved {
        /// The call.
        step: TagStep,
        /// Whether the tag was there with that value.
        changed: bool,
    },
    /// CreateTags was carried out on an instance.
    TagWritten(TagStep),
    /// A transaction was written.
    Committed(Box<Transaction>),
    /// A topic took a notice.
    Published(Topic, Rc<Notice>),
    /// The bus took an event.
    PutOnBus(Rc<BusEvent>),
    /// A call that would have changed something was refused.
    Refused(Refused, CallError),
    /// An image came into a state, by itself or by a person's hand.
    ImageIs {
        /// Where.
        region: Region,
        /// Which.
        image: ImageId,
        /// Its state.
        state: ImageState,
    },
}

/// What a read showed of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenImage {
    /// Which.
    pub id: ImageId,
    /// Its state.
    pub state: ImageState,
    /// Whether its tags said that the stack manages it.
    pub managed: bool,
}

/// The call that was refused.
#[derive(Debug, Clone)]
pub enum Refused {
    /// CreateImage.
    Create(CreateStep),
    /// CopyImage.
    Copy(CopyStep),
    /// ModifyImageAttribute.
    Share(ShareStep),
    /// DeleteTags or CreateTags on an instance.
    Tag(TagStep),
}

/// The log, if it is kept.
#[derive(Debug, Default)]
pub(crate) struct Happenings {
    kept: Option<Vec<Happening>>,
}

impl State {
    /// Writes down what happened; `what` is not made if nobody asked for it.
    pub(crate) fn happened(&mut self, invocation: u64, what: impl FnOnce() -> What) {
        let at = self.now;
        if let Some(kept) = &mut self.happenings.kept {
            kept.push(Happening { at, invocation, what: what() });
        }
    }
}

impl World {
    pub(crate) fn refused<T>(&self, answer: &Result<T, CallError>, call: impl FnOnce() -> Refused) {
        if let Err(error) = answer {
            self.cloud
                .state
                .borrow_mut()
                .happened(self.invocation, || What::Refused(call(), error.clone()));
        }
    }
}

impl FakeCloud {
    /// Keeps what happens from now on.
    pub fn keep_happenings(&self) {
        self.state.borrow_mut().happenings.kept.get_or_insert_default();
    }

    /// Takes what happened since the last time, oldest first, into `into`.
    pub fn take_happenings(&self, into: &mut Vec<Happening>) {
        if let Some(kept) = &mut self.state.borrow_mut().happenings.kept {
            into.append(kept);
        }
    }
}
