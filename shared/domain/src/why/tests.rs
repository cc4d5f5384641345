use super::*;
use crate::bounds::Bounds;
use crate::budget::Budget;
use crate::coverage::Made;
use crate::ids::{AccountId, DeviceName, ImageId, StackName, TagPrefix};
use crate::image::{InstanceState, ObservedInstance, RootDevice};
use crate::look::{Counts, Requested, admit};
use crate::plan::{Begun, begin};
use crate::policy::{EarlierText, Policy, PolicyTexts};
use crate::press::{Press, PressState};
use crate::tags::TagKeys;
use crate::time::Slot;
use std::collections::{BTreeMap, BTreeSet};

const NIGHTLY: &str = r#"{"schedule":{"cron":["0 2 * * *"],"jitter_minutes":60}}"#;

/// An instance that follows `nightly` since the 24th, and what is known of it.
struct Story {
    instance: Option<ObservedInstance>,
    tag: Option<&'static str>,
    button: Option<&'static str>,
    policies: BTreeMap<PolicyName, PolicyRead>,
    pressed: PolicyRead,
    press: Press,
    budget: Budget,
    per_hour: u32,
    enrolment: Enrolment,
    made: Vec<Made>,
    busy: bool,
    off: bool,
    watched: Vec<Region>,
    now: Timestamp,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn nightly() -> PolicyName {
    PolicyName::new("nightly").unwrap()
}

fn home() -> Region {
    Region::new("us-east-1").unwrap()
}

fn id() -> InstanceId {
    InstanceId::new("i-0123456789abcdef0").unwrap()
}

impl Story {
    fn new() -> Self {
        let mut story = Self {
            instance: Some(ObservedInstance {
                id: id(),
                region: home(),
                state: InstanceState::Running,
                hibernation: false,
                root_device: RootDevice::Ebs,
                root_name: DeviceName::new("/dev/xvda").ok(),
                devices: BTreeSet::new(),
                tags: BTreeMap::new(),
            }),
            tag: Some("nightly"),
            button: None,
            policies: BTreeMap::new(),
            pressed: PolicyRead::newest(Some("{}")),
            press: Press::untouched(),
            budget: Budget::default(),
            per_hour: 50,
            enrolment: Enrolment::default(),
            made: Vec::new(),
            busy: false,
            off: false,
            watched: vec![home()],
            now: at("2026-11-24T12:00:00Z"),
        };
        story.read(PolicyRead::newest(Some(NIGHTLY)));
        // What a look leaves behind.
        let keys = TagKeys::new(TagPrefix::new("amiline").unwrap());
        let bounds = story.bounds();
        let taken = BTreeSet::new();
        let sight = story.sight(&bounds, &keys, &taken);
        let crate::enrolment::EnrolmentDecision::Write(enrolment) =
            crate::enrolment::decide(&story.enrolment, sight)
        else {
            panic!("the first look enrols")
        };
        story.enrolment = enrolment;
        story
    }

    fn read(&mut self, read: PolicyRead) {
        self.policies.insert(nightly(), read);
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            regions: BTreeSet::from([home()]),
            accounts: BTreeSet::new(),
            organizations: BTreeSet::new(),
            organizational_units: BTreeSet::new(),
            keys: BTreeSet::new(),
            images_per_hour_max: self.per_hour,
            interval_minutes_min: 5,
        }
    }

    fn sight<'a>(
        &'a self,
        bounds: &'a Bounds,
        keys: &'a TagKeys,
        taken: &'a BTreeSet<(PolicyName, Slot)>,
    ) -> Sight<'a> {
        Sight {
            instance: self.instance.as_ref(),
            tag: self.tag,
            hint: None,
            policies: &self.policies,
            press: &self.press,
            budget: &self.budget,
            bounds,
            keys,
            made: Some(&self.made),
            taken,
            busy: self.busy,
            now: self.now,
        }
    }

    fn why(&self) -> Why {
        let (bounds, keys) = (self.bounds(), TagKeys::new(TagPrefix::new("amiline").unwrap()));
        explain(Facts {
            region: &home(),
            instance: &id(),
            watched: &self.watched,
            sight: self.sight(&bounds, &keys, &BTreeSet::new()),
            enrolment: &self.enrolment,
            button: self.button,
            pressed: &self.pressed,
            switched_off: self.off,
            latest: None,
        })
    }

    /// A press of it that was accepted.
    fn family(&self) -> Family {
        let (bounds, keys) = (self.bounds(), TagKeys::new(TagPrefix::new("amiline").unwrap()));
        let instance = self.instance.as_ref().unwrap();
        let requested = Requested { value: "default", policy: &self.pressed };
        let counts = Counts { press: &self.press, budget: &self.budget };
        let admission = admit(requested, instance, counts, &bounds, &keys, self.now).unwrap();
        let begun = Begun {
            stack: &StackName::new("amiline").unwrap(),
            account: &AccountId::new("111111111111").unwrap(),
            instance,
            press: &self.press,
            slot: Slot::at(self.now),
            value: "default",
            heard_at: None,
            status_before: None,
        };
        begin(begun, &admission, self.now).0
    }

    /// What is said of a thing.
    fn says(&self, about: &str) -> String {
        let why = self.why();
        let line = why.now.iter().find(|line| line.about == about);
        line.unwrap_or_else(|| panic!("{about}: {why:?}")).says.clone()
    }
}

#[test]
fn a_schedule_says_when_the_next_image_comes_and_what_holds_it_up() {
    let mut story = Story::new();
    let says = story.says("schedule nightly");
    assert!(
        says.starts_with(
            "its next slot is 2026-11-25 02:00 UTC, and its turn comes at 2026-11-25 02:"
        ),
        "{says}"
    );
    story.now = at("2026-11-25T02:00:01Z");
    assert!(story.says("schedule nightly").contains("has come, and its turn comes at"));
    story.now = at("2026-11-25T03:00:00Z");
    assert!(story.says("schedule nightly").contains("is due: its image is made at the next tick"));
    story.busy = true;
    assert!(story.says("schedule nightly").contains("an image of the instance is being made"));
    story.busy = false;
    story.per_hour = 0;
    assert!(story.says("schedule nightly").contains("over the limit of 0 images per hour"));
    assert_eq!(story.says("this hour"), "0 of the account's 0 images an hour are left");
    story.per_hour = 50;
    story.press.last_image_slot = Some(Slot::at(at("2026-11-25T02:59:00Z")));
    let says = story.says("schedule nightly");
    assert!(
        says.contains("waits until 2026-11-25 03:04 UTC: this instance may be imaged again at"),
        "{says}"
    );
}

#[test]
fn a_policy_that_gives_no_image_says_why_and_one_that_goes_on_says_so() {
    let mut story = Story::new();
    story.read(PolicyRead::default());
    assert_eq!(
        story.says("schedule nightly"),
        "it gives no image: there is no policy nightly; create it or tag with another name"
    );
    let earlier = vec![EarlierText { version: 3, text: NIGHTLY.to_owned() }];
    let texts = PolicyTexts { newest: Some("{".to_owned()), earlier };
    story.read(PolicyRead { texts, ..PolicyRead::default() });
    let says = story.says("schedule nightly");
    assert!(
        says.contains("its next slot is") && says.contains("version 3 stays in force"),
        "{says}"
    );
    story.read(PolicyRead::newest(Some("{}")));
    assert!(story.says("schedule nightly").contains("policy nightly has no schedule"));
}

#[test]
fn a_tag_that_nobody_has_seen_yet_or_that_names_nothing_says_so() {
    let mut story = Story::new();
    story.enrolment = Enrolment::default();
    assert!(story.says("schedule nightly").contains("the hourly sweep finds it"));
    story.tag = Some("two+words");
    assert!(story.says("amiline:schedule").contains("is not a valid policy name"));
    story.tag = None;
    assert_eq!(story.says("amiline:schedule"), "the tag is not there: no schedule is followed");
}

#[test]
fn the_button_says_what_a_press_would_lead_to() {
    let mut story = Story::new();
    assert_eq!(story.says("amiline:image"), "it is not pressed");
    story.button = Some("default");
    assert!(
        story
            .says("amiline:image")
            .starts_with("an image under policy default is made at its event")
    );
    story.pressed = PolicyRead::default();
    assert!(
        story.says("amiline:image").starts_with("it will be rejected: there is no policy default")
    );
    story.press.state =
        PressState::Accepted { slot: Slot::at(story.now), value: "other".to_owned() };
    assert_eq!(
        story.says("amiline:image"),
        "\"default\" waits until the press of 2026-11-24 12:00 UTC is answered"
    );
    story.button = Some("other");
    assert_eq!(story.says("amiline:image"), "the press of 2026-11-24 12:00 UTC is being worked on");
    story.press.state = PressState::Idle;
    story.press.cleared_at = Some(story.now);
    assert!(
        story
            .says("amiline:image")
            .contains("if it is there at 2026-11-24 12:05 UTC, it is a new press")
    );
    story.press.last_slot = Some(Slot::at(story.now));
    story.press.answered = Some("default".to_owned());
    assert_eq!(
        story.says("amiline:image"),
        "\"other\" waits: the press for another value was answered a short time ago, and EC2 may still show a tag from \
         before it; if it is there at 2026-11-24 12:05 UTC, it is a new press"
    );
    story.off = true;
    assert!(story.says("kill switch").starts_with("on: nothing is made"));
}

#[test]
fn the_images_say_how_old_they_are() {
    let mut story = Story::new();
    story.now = at("2026-11-28T12:00:00Z");
    let why = story.why();
    assert_eq!(why.images.len(), 1);
    assert!(
        why.images[0].lost
            && why.images[0].says.starts_with("NO IMAGE, there is none for the slot of"),
        "{why:?}"
    );
    let available = BTreeMap::from([(home(), ImageId::new("ami-0123456789abcdef0").unwrap())]);
    let family = FamilyId::new("fam-0123456789abcdef").unwrap();
    story.made.push(Made { family, policy: nightly(), at: at("2026-11-28T02:10:00Z"), available });
    let why = story.why();
    assert!(
        why.images[0].says.starts_with(
            "ami-0123456789abcdef0, 9 h 50 min old: new enough; the next one has to be there by 2026-11-30"
        ),
        "{why:?}"
    );
    assert!(!why.images[0].lost && why.last.is_none());
    assert_eq!(Policy::hash(NIGHTLY), story.enrolment.seats[&nightly()].text_hash.clone().unwrap());
}

#[test]
fn an_instance_that_is_gone_or_has_the_wrong_root_says_so_first() {
    let mut story = Story::new();
    assert_eq!(story.why().state, "an image can be made of it");
    assert!(story.why().possible);
    story.instance.as_mut().unwrap().root_device = RootDevice::InstanceStore;
    assert!(story.why().state.contains("instance store"));
    story.instance.as_mut().unwrap().state = InstanceState::Terminated;
    assert!(story.why().state.contains("terminated"));
    story.instance = None;
    assert!(story.why().state.contains("no such instance"));
}

#[test]
fn the_headline_never_promises_an_image_that_something_prevents() {
    let mut story = Story::new();
    story.button = Some("default");
    story.off = true;
    assert_eq!(story.why().state, "no image is made of it now: the kill switch is on");
    assert_eq!(
        story.says("amiline:image"),
        "an image under policy default is made within a minute after the kill switch is off; amiline:status does not say \
         so, since no tag is written until then"
    );
    story.off = false;
    story.per_hour = 0;
    assert_eq!(
        story.why().state,
        "no image is made of it now: the account's 0 images an hour are used up"
    );
    story.per_hour = 50;
    story.press.last_image_slot = Some(Slot::at(at("2026-11-24T11:58:00Z")));
    let why = story.why();
    assert!(
        why.state.starts_with(
            "what its tags ask for gives no image: this instance may be imaged again at"
        ),
        "{why:?}"
    );
    assert!(!why.possible);
    story.press.last_image_slot = None;
    assert!(story.why().possible);
    story.pressed = PolicyRead::default();
    assert!(story.why().state.contains("there is no policy default"));
    // Without a press the schedules are what asks, and one that gives images is enough.
    story.button = None;
    assert!(story.why().possible);
    story.read(PolicyRead::default());
    assert!(story.why().state.contains("there is no policy nightly"));
}

#[test]
fn an_unwatched_region_says_so_and_predicts_no_rejection() {
    let mut story = Story::new();
    story.watched = vec![Region::new("eu-west-1").unwrap(), Region::new("us-west-2").unwrap()];
    story.button = Some("nope");
    story.pressed = PolicyRead::default();
    let why = story.why();
    assert_eq!(why.state, "no tag on it is looked at: us-east-1 is not watched");
    assert_eq!(
        story.says("Region"),
        "the stack does not watch instances in us-east-1, only in eu-west-1, us-west-2; to watch it, add it to the \
         stack's SourceRegions and deploy regional.yaml there"
    );
    assert!(story.says("amiline:image").contains("neither made nor rejected"));
    story.enrolment = Enrolment::default();
    assert!(story.says("schedule nightly").starts_with("it is not followed"));
    assert!(!serde_json::to_string(&why).unwrap().contains("there is no policy"), "{why:?}");
}

#[test]
fn what_happened_last_says_its_outcome_once() {
    let mut family = Story::new().family();
    let mut says = |outcome, status: &str| {
        family.outcome = outcome;
        family.status = Some(status.to_owned());
        past::last(&family).says
    };
    assert_eq!(
        says(Some(Outcome::Failed), "failed: EC2 said no"),
        "a press that named \"default\" failed: EC2 said no"
    );
    assert_eq!(
        says(Some(Outcome::Rejected), "rejected: there is no policy default"),
        "a press that named \"default\" was rejected: there is no policy default"
    );
    assert_eq!(
        says(Some(Outcome::Partial), "partial ami-1 in 1 Region: us-west-2: denied"),
        "a press that named \"default\" ended with something missing: ami-1 in 1 Region: us-west-2: denied"
    );
    assert_eq!(
        says(Some(Outcome::Complete), "available ami-1 in 3 Regions"),
        "a press that named \"default\" made every image: available ami-1 in 3 Regions"
    );
    assert_eq!(
        says(None, "creating ami-1"),
        "a press that named \"default\" is under way: creating ami-1"
    );
}
