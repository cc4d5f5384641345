use super::*;
use crate::bounds::Bounds;
use crate::budget::Budget;
use crate::coverage::Made;
use crate::ids::{DeviceName, ImageId, TagPrefix};
use crate::image::ObservedInstance;
use crate::policy::{EarlierText, Policy, PolicyTexts};
use crate::press::Press;
use crate::tags::TagKeys;
use crate::time::Slot;
use std::collections::BTreeSet;

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
            now: at("2026-11-24T12:00:00Z"),
        };
        story.read(PolicyRead::newest(Some(NIGHTLY)));
        // What a look leaves behind.
        let keys = TagKeys::new(TagPrefix::new("amiline").unwrap());
        let bounds = story.bounds();
        let taken = BTreeSet::new();
        let sight = story.sight(&bounds, &keys, &taken);
        let crate::enrolment::EnrolmentDecision::Write(enrolment) = crate::enrolment::decide(&story.enrolment, sight)
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
            sight: self.sight(&bounds, &keys, &BTreeSet::new()),
            enrolment: &self.enrolment,
            button: self.button,
            pressed: &self.pressed,
            switched_off: self.off,
            latest: None,
        })
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
    assert!(says.starts_with("its next slot is 2026-11-25 02:00 UTC, and its turn comes at 2026-11-25 02:"), "{says}");
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
    assert!(says.contains("waits until 2026-11-25 03:04 UTC: this instance may be imaged again at"), "{says}");
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
    assert!(says.contains("its next slot is") && says.contains("version 3 stays in force"), "{says}");
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
    assert!(story.says("amiline:image").starts_with("an image under policy default is made at its event"));
    story.pressed = PolicyRead::default();
    assert!(story.says("amiline:image").starts_with("it will be rejected: there is no policy default"));
    story.press.state = PressState::Accepted { slot: Slot::at(story.now), value: "other".to_owned() };
    assert_eq!(story.says("amiline:image"), "\"default\" waits until the press of 2026-11-24 12:00 UTC is answered");
    story.button = Some("other");
    assert_eq!(story.says("amiline:image"), "the press of 2026-11-24 12:00 UTC is being worked on");
    story.press.state = PressState::Idle;
    story.press.cleared_at = Some(story.now);
    assert!(story.says("amiline:image").contains("if it is there at 2026-11-24 12:05 UTC, it is a new press"));
    story.off = true;
    assert!(story.says("kill switch").starts_with("on: nothing is made"));
}

#[test]
fn the_images_say_how_old_they_are() {
    let mut story = Story::new();
    story.now = at("2026-11-28T12:00:00Z");
    let why = story.why();
    assert_eq!(why.images.len(), 1);
    assert!(why.images[0].lost && why.images[0].says.starts_with("no image: TOO OLD"), "{why:?}");
    let available = BTreeMap::from([(home(), ImageId::new("ami-0123456789abcdef0").unwrap())]);
    let family = FamilyId::new("fam-0123456789abcdef").unwrap();
    story.made.push(Made { family, policy: nightly(), at: at("2026-11-28T02:10:00Z"), available });
    let why = story.why();
    assert!(
        why.images[0].says.starts_with("ami-0123456789abcdef0, 9 h 50 min old: in order until 2026-11-30"),
        "{why:?}"
    );
    assert!(!why.images[0].lost && why.last.is_none());
    assert_eq!(Policy::hash(NIGHTLY), story.enrolment.seats[&nightly()].text_hash.clone().unwrap());
}

#[test]
fn an_instance_that_is_gone_or_has_the_wrong_root_says_so_first() {
    let mut story = Story::new();
    assert_eq!(story.why().state, "an image can be made of it");
    story.instance.as_mut().unwrap().root_device = RootDevice::InstanceStore;
    assert!(story.why().state.contains("instance store"));
    story.instance.as_mut().unwrap().state = InstanceState::Terminated;
    assert!(story.why().state.contains("terminated"));
    story.instance = None;
    assert!(story.why().state.contains("no such instance"));
}
