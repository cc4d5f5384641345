//! Who checks: what it remembers of a run, and where it looks at each thing that happens.

use super::making::Wanted;
use super::news::Uncovered;
use super::repeats::Repeat;
use super::statuses::Said;
use super::truth::Asked;
use super::{Check, Tally, Violation};
use crate::diary::Diary;
use amiline_app::functions::Queue;
use amiline_app::settings::BoundedStack;
use amiline_domain::bus::BusEvent;
use amiline_domain::enrolment::EnrolmentKey;
use amiline_domain::family::{ImageRole, Outcome};
use amiline_domain::history::{EventKind, Subject};
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, Region};
use amiline_domain::image::{ImageState, ObservedInstance};
use amiline_domain::message::{BadEvent, Message};
use amiline_domain::notice::Notice;
use amiline_domain::press::PressKey;
use amiline_domain::reason::Rejection;
use amiline_domain::receiver::{Receiver, Topic};
use amiline_domain::time::Slot;
use amiline_domain::work::Lease;
use amiline_fakecloud::{FakeCloud, Happening, Queued, SeenImage, What};
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What an invocation was shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) stack: Option<Rc<BoundedStack>>,
    pub(super) idle_press: Option<PressKey>,
    /// The button's value, as read after the idle press.
    pub(super) tag: Option<String>,
    /// The enrolment that it read last.
    pub(super) enrolment: Option<EnrolmentKey>,
    /// The schedule's tag, as read after the enrolment.
    pub(super) schedule: Option<String>,
    /// The instance that it read last.
    pub(super) instance: Option<ObservedInstance>,
    pub(super) ours: BTreeSet<(Region, ImageId)>,
    pub(super) switch_off_at: Option<Timestamp>,
    pub(super) alive: bool,
    pub(super) deadline: Option<Timestamp>,
}

/// A family as the calls, the writes and the announcements tell it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) region: Region,
    pub(super) instance: InstanceId,
    pub(super) value: String,
    /// Whether a press asked for it, and no schedule.
    pub(super) press: bool,
    /// Its slot: of one button's presses each has a later one than the one before.
    pub(super) slot: Slot,
    /// When it began, by the cloud's clock.
    pub(super) at: Timestamp,
    /// When it began, or was last taken up again because a person asked for it.
    pub(super) began: Timestamp,
    /// How often a person asked for another attempt.
    pub(super) retried: usize,
    pub(super) asked: Option<Rc<Asked>>,
    /// How its images must be made.
    pub(super) wanted: Wanted,
    pub(super) rejected: bool,
    /// Why, if it was.
    pub(super) reason: Option<Rejection>,
    pub(super) sources: Vec<ImageId>,
    pub(super) copies: BTreeMap<Region, Vec<ImageId>>,
    /// What of it was refused for good since it began: an action and a Region.
    pub(super) refused: BTreeSet<(&'static str, Region)>,
    pub(super) ended: Vec<(Timestamp, Outcome)>,
    /// The answer that goes onto the instance.
    pub(super) status: Option<String>,
    pub(super) lease: Option<Lease>,
    pub(super) workers: Vec<u64>,
    pub(super) ids: BTreeMap<(ImageRole, u32), ImageId>,
    pub(super) attempts: BTreeMap<ImageRole, u32>,
    /// Since when the record says that an image is available.
    pub(super) available: BTreeMap<(Region, ImageId), Timestamp>,
}

/// What a receiver was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Words {
    Notice(Rc<Notice>),
    Event(Rc<BusEvent>),
}

/// What a copy's token stands for: family, destination, attempt and name.
pub(super) type Meant = (FamilyId, Region, u32, String);

/// Of an event's envelope, when it happened.
#[derive(Default, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
}

/// Sees everything, and holds it against what must hold.
#[derive(Default)]
pub struct Oracle {
    /// The first thing that was found wrong.
    pub violation: Option<Violation>,
    /// How often each check had something to check.
    pub tally: Tally,
    /// Whether EC2 enforces names in this run.
    pub lax_names: bool,
    /// Whether clocks differ in this run.
    pub skewed: bool,
    pub(super) told: BTreeMap<FamilyId, Told>,
    pub(super) recorded: BTreeMap<String, (EventKind, Subject, Option<ImageId>)>,
    /// Refusals that were answered without a family.
    pub(super) repeats: Vec<Repeat>,
    /// Coverage that was told to be lost.
    pub(super) uncovered: Uncovered,
    /// What each receiver was told, by receiver and outcome.
    pub(super) announced: BTreeMap<(Receiver, String), Words>,
    /// Days whose digests could not be asked for.
    pub(crate) days_given_up: BTreeSet<String>,
    /// The digests that were published, by day and policy: each time's document.
    pub(super) digests: BTreeMap<(String, Option<String>), Vec<serde_json::Value>>,
    pub(super) failed_seen: BTreeSet<(Region, ImageId)>,
    pub(super) failed: BTreeSet<(Region, ImageId)>,
    pub(super) deaths_with_lease: BTreeSet<FamilyId>,
    /// When an instance's status was written, and what.
    pub(super) statuses: Vec<Said>,
    /// Instances of which a status could not be written.
    pub(super) status_refused: BTreeSet<(Region, InstanceId)>,
    /// The newest turn that each image really took.
    pub(super) image_is: BTreeMap<(Region, ImageId), (Timestamp, ImageState)>,
    /// The newest turn of each image that an acknowledged event told of, by its second.
    pub(super) heard: BTreeMap<(Region, ImageId), (i64, ImageState)>,
    pub(super) slots: BTreeMap<PressKey, Option<Slot>>,
    /// The slots of schedules that were taken: Region, instance, policy and second.
    pub(super) taken: BTreeSet<(Region, InstanceId, String, i64)>,
    /// What each client token stands for.
    pub(super) tokens: BTreeMap<String, Meant>,
    pub(super) asked_with: BTreeMap<Meant, String>,
    /// In boxes: they are large, and a map moves what it holds.
    pub(super) shown: BTreeMap<u64, Box<Shown>>,
    pub(super) available_seen: BTreeSet<(Region, ImageId)>,
    pub(super) share_changes: BTreeMap<(Region, ImageId), u32>,
    pub(super) requested_at: Vec<(Timestamp, Region, InstanceId)>,
    pub(super) wrong_writes: usize,
}

impl Oracle {
    pub(crate) fn violate(&mut self, check: Check, what: String) {
        self.violation.get_or_insert(Violation { check, what });
    }

    /// Counts the check, and notes what is wrong if it does not hold.
    pub(crate) fn hold(&mut self, check: Check, holds: bool, what: impl FnOnce() -> String) {
        self.tally.count(check);
        if !holds {
            self.violate(check, what());
        }
    }

    /// An invocation begins under this stack.
    pub fn begins(&mut self, invocation: u64, stack: &Rc<BoundedStack>, deadline: Timestamp) {
        let shown = Shown {
            stack: Some(Rc::clone(stack)),
            alive: true,
            deadline: Some(deadline),
            ..Shown::default()
        };
        self.shown.insert(invocation, Box::new(shown));
    }

    /// An invocation is over.
    pub fn ends(&mut self, invocation: u64, done: bool) {
        self.shown.entry(invocation).or_default().alive = false;
        if !done {
            let worked =
                self.told.iter().filter(|(_, told)| told.workers.last() == Some(&invocation));
            self.deaths_with_lease.extend(worked.map(|(id, _)| id.clone()));
        }
    }

    /// A message was acknowledged.
    pub fn acknowledged(
        &mut self,
        cloud: &FakeCloud,
        queue: Queue,
        message: &Queued,
        decoded: &Result<Message, BadEvent>,
    ) {
        let mine = match (decoded, queue) {
            (
                Ok(
                    Message::InstanceTagged(_)
                    | Message::LookAtInstance { .. }
                    | Message::LookAtSchedule { .. }
                    | Message::LookAtPolicy(_)
                    | Message::FamilyDue(_),
                ),
                Queue::Create,
            )
            | (Ok(Message::ImageState(_) | Message::FamilyDue(_)), Queue::Distribute)
            | (Ok(Message::AnnounceHistory { .. } | Message::DigestDue(_)), Queue::Notify) => true,
            (_, Queue::Create | Queue::Distribute | Queue::Notify) => false,
        };
        if !mine {
            let kept = cloud.was_rejected(&message.id);
            self.hold(Check::MessagesAccounted, kept, || {
                format!("{:?} was acknowledged and not kept", message.body)
            });
        }
        if let (Ok(Message::ImageState(event)), Queue::Distribute) = (decoded, queue)
            && event.account == cloud.account()
        {
            let envelope: Envelope = serde_json::from_str(&message.body).unwrap_or_default();
            let second = envelope.time.parse::<Timestamp>().map_or(0, Timestamp::as_second);
            let image = (event.region.clone(), event.image.clone());
            let newest = self.heard.entry(image).or_insert((second, event.state));
            if second >= newest.0 {
                *newest = (second, event.state);
            }
        }
    }

    /// Writes that no condition refused and that are wrong.
    pub fn look_at_writes(&mut self, cloud: &FakeCloud) {
        let wrong = cloud.wrong_writes();
        if wrong > self.wrong_writes {
            self.wrong_writes = wrong;
            self.violate(Check::LineageKept, cloud.flaws().join("; "));
        }
    }

    /// One thing that happened.
    pub fn see(&mut self, cloud: &FakeCloud, diary: &mut Diary, happening: &Happening) {
        let by = happening.invocation;
        match &happening.what {
            What::PressRead { key, idle } => {
                let shown = self.shown.entry(by).or_default();
                shown.idle_press = idle.then(|| key.clone());
                shown.tag = None;
            }
            What::EnrolmentRead { key } => {
                let shown = self.shown.entry(by).or_default();
                shown.enrolment = Some(key.clone());
                shown.schedule = None;
            }
            What::InstanceRead { region, instance, button, schedule, seen } => {
                let shown = self.shown.entry(by).or_default();
                let same = shown
                    .idle_press
                    .as_ref()
                    .is_some_and(|key| key.region == *region && key.instance == *instance);
                shown.tag = button.clone().filter(|_| same);
                shown.instance.clone_from(seen);
                let enrolled = shown.enrolment.as_ref();
                let same =
                    enrolled.is_some_and(|key| key.region == *region && key.instance == *instance);
                shown.schedule = schedule.clone().filter(|_| same);
            }
            What::ImagesRead(region, images) => self.see_images(by, region, images),
            What::SwitchRead { on } => {
                self.shown.entry(by).or_default().switch_off_at = (!on).then_some(happening.at);
            }
            What::Created(step, image) => self.see_created(cloud, diary, happening, step, image),
            What::Copied { step, image, new } => {
                self.see_copied(cloud, happening, step, image, *new)
            }
            What::Shared { step, changed } => {
                self.see_shared(cloud, diary, happening, step, *changed)
            }
            What::TagRemoved { step, changed } => {
                self.see_removed(cloud, diary, happening, step, *changed)
            }
            What::TagWritten(step) => {
                self.may_change(happening, "CreateTags");
                self.works_on_instance(cloud, happening, step);
                self.see_status(cloud, diary, happening, step);
            }
            What::Committed(transaction) => {
                self.see_transaction(cloud, diary, happening, transaction)
            }
            What::Published(topic, notice) => {
                let receiver = match topic {
                    Topic::Notifications => Receiver::Notifications,
                    Topic::Attention => Receiver::Attention,
                    Topic::Chat => Receiver::Chat,
                    Topic::Digest => return self.see_digest(&notice.json),
                };
                self.see_announced(receiver, Words::Notice(Rc::clone(notice)));
            }
            What::PutOnBus(event) => {
                self.see_announced(Receiver::Bus, Words::Event(Rc::clone(event)))
            }
            What::Refused(call, error) => self.see_refused(diary, call, error),
            What::ImageIs { region, image, state } => {
                self.image_is.insert((region.clone(), image.clone()), (happening.at, *state));
                let ours = || self.told.values().any(|told| told.has(region, image));
                if *state == ImageState::Failed && ours() {
                    self.failed.insert((region.clone(), image.clone()));
                }
            }
        }
    }

    fn see_images(&mut self, by: u64, region: &Region, images: &[SeenImage]) {
        let shown = self.shown.entry(by).or_default();
        for image in images {
            let at = (region.clone(), image.id.clone());
            if image.managed {
                shown.ours.insert(at.clone());
            }
            match image.state {
                ImageState::Available => self.available_seen.insert(at),
                ImageState::Failed => self.failed_seen.insert(at),
                ImageState::Pending
                | ImageState::Transient
                | ImageState::Disabled
                | ImageState::Deregistered => false,
            };
        }
    }

    /// When an instance was first answered.
    pub fn first_answer(&self, place: &Region, instance: &InstanceId) -> Option<Timestamp> {
        let of = |told: &&Told| told.region == *place && told.instance == *instance;
        self.told.values().filter(of).flat_map(|told| &told.ended).map(|(at, _)| *at).min()
    }

    /// Whether any family is to be copied to a Region.
    pub fn copies_to(&self, place: &str) -> bool {
        self.told
            .values()
            .any(|told| told.asked.as_ref().is_some_and(|asked| asked.regions.contains_key(place)))
    }

    pub(super) fn stack_of(&self, invocation: u64) -> Option<Rc<BoundedStack>> {
        self.shown.get(&invocation).and_then(|shown| shown.stack.clone())
    }
}

impl Told {
    /// Whether a call of this family made the image.
    pub(super) fn has(&self, region: &Region, image: &ImageId) -> bool {
        (*region == self.region && self.sources.contains(image))
            || self.copies.get(region).is_some_and(|copies| copies.contains(image))
    }
}
