mod laws;

use super::*;
use crate::bounds::Bounds;
use crate::budget::Budget;
use crate::coverage::Made;
use crate::ids::{DeviceName, TagPrefix};
use crate::image::{InstanceState, ObservedInstance, RootDevice};
use crate::look::PolicyRead;
use crate::press::{Hint, Press};
use crate::reason::Rejection;
use crate::tags::TagKeys;
use crate::time::plus_seconds;

const NIGHTLY: &str = r#"{"schedule":{"cron":["0 2 * * *"]}}"#;
const WEEKLY: &str = r#"{"schedule":{"cron":["0 4 * * 0"],"time_zone":"Europe/Berlin"}}"#;
const SPREAD: &str = r#"{"schedule":{"cron":["0 2 * * *"],"jitter_minutes":60}}"#;

/// An instance, its policies and what the stack allows: what a look would read.
struct Scene {
    instance: Option<ObservedInstance>,
    tag: Option<&'static str>,
    hint: Option<Hint>,
    policies: BTreeMap<PolicyName, PolicyRead>,
    press: Press,
    made: Option<Vec<Made>>,
    budget: Budget,
    bounds: Bounds,
    taken: BTreeSet<(PolicyName, Slot)>,
    busy: bool,
    enrolment: Enrolment,
    now: Timestamp,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(text: &str) -> PolicyName {
    PolicyName::new(text).unwrap()
}

impl Scene {
    /// Tagged with `nightly` at noon.
    fn new() -> Self {
        let region = Region::new("us-east-1").unwrap();
        Self {
            instance: Some(ObservedInstance {
                id: InstanceId::new("i-0123456789abcdef0").unwrap(),
                region: region.clone(),
                state: InstanceState::Running,
                hibernation: false,
                root_device: RootDevice::Ebs,
                root_name: DeviceName::new("/dev/xvda").ok(),
                devices: BTreeSet::new(),
                tags: BTreeMap::new(),
            }),
            tag: Some("nightly"),
            hint: None,
            policies: BTreeMap::from([
                (name("nightly"), PolicyRead::newest(Some(NIGHTLY))),
                (name("weekly"), PolicyRead::newest(Some(WEEKLY))),
                (name("spread"), PolicyRead::newest(Some(SPREAD))),
                (name("by-hand"), PolicyRead::newest(Some("{}"))),
                (name("broken"), PolicyRead::newest(Some("{"))),
            ]),
            press: Press::untouched(),
            made: None,
            budget: Budget::default(),
            bounds: Bounds {
                regions: BTreeSet::from([region]),
                accounts: BTreeSet::new(),
                organizations: BTreeSet::new(),
                organizational_units: BTreeSet::new(),
                keys: BTreeSet::new(),
                images_per_hour_max: 10,
                interval_minutes_min: 30,
            },
            taken: BTreeSet::new(),
            busy: false,
            enrolment: Enrolment::default(),
            now: at("2026-11-24T12:00:00Z"),
        }
    }

    fn tagged(tag: &'static str) -> Self {
        Self { tag: Some(tag), ..Self::new() }
    }

    fn decide(&self) -> EnrolmentDecision {
        let keys = TagKeys::new(TagPrefix::new("amiline").unwrap());
        let sight = Sight {
            instance: self.instance.as_ref(),
            tag: self.tag,
            hint: self.hint.as_ref(),
            policies: &self.policies,
            press: &self.press,
            made: self.made.as_deref(),
            budget: &self.budget,
            bounds: &self.bounds,
            keys: &keys,
            taken: &self.taken,
            busy: self.busy,
            now: self.now,
        };
        decide(&self.enrolment, sight)
    }

    /// Looks until nothing is left to do, and tells what was done.
    fn looks(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        loop {
            let (said, enrolment) = match self.decide() {
                EnrolmentDecision::Nothing => return done,
                EnrolmentDecision::Write(enrolment) => (None, enrolment),
                EnrolmentDecision::Begin { policy, slot, missed, admission, enrolment } => {
                    self.budget = admission.budget;
                    self.press.last_image_slot =
                        Some(Slot::next(self.now, self.press.last_image_slot));
                    (Some(format!("{policy} {slot}, {} missed", missed.slots)), enrolment)
                }
                EnrolmentDecision::Tell { news, enrolment } => {
                    let told = news.iter().map(|news| {
                        format!("{} {} {}", news.kind.as_str(), news.policy, news.region)
                    });
                    (Some(told.collect::<Vec<_>>().join(", ")), enrolment)
                }
                EnrolmentDecision::Refuse { requested, rejection, enrolment, .. } => {
                    (Some(format!("{requested}: {}", rejection.code())), enrolment)
                }
            };
            assert_eq!(enrolment.rev, self.enrolment.rev + 1);
            self.enrolment = enrolment;
            done.extend(said);
            assert!(done.len() < 20, "{done:?}");
        }
    }

    fn looks_at(&mut self, now: &str) -> Vec<String> {
        self.now = at(now);
        self.looks()
    }

    fn next(&self) -> Option<String> {
        self.enrolment.next_look.map(|at| at.to_string())
    }
}

#[test]
fn an_instance_that_is_enrolled_waits_for_the_next_slot_and_is_imaged_once_for_each() {
    let mut scene = Scene::new();
    assert!(scene.looks().is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T02:00:00Z"));
    assert!(scene.looks_at("2026-11-25T01:59:59Z").is_empty());
    assert_eq!(scene.looks_at("2026-11-25T02:00:00Z"), ["nightly 20261125T020000Z, 0 missed"]);
    for again in ["2026-11-25T02:00:00Z", "2026-11-25T02:05:00Z", "2026-11-25T23:00:00Z"] {
        assert!(scene.looks_at(again).is_empty());
    }
    assert_eq!(scene.next().as_deref(), Some("2026-11-26T02:00:00Z"));
    assert_eq!(scene.looks_at("2026-11-26T02:03:00Z"), ["nightly 20261126T020000Z, 0 missed"]);
}

#[test]
fn what_was_missed_is_caught_up_once_and_said() {
    let mut scene = Scene::new();
    scene.looks();
    assert_eq!(scene.looks_at("2026-11-28T09:00:00Z"), ["nightly 20261128T020000Z, 3 missed"]);
    assert!(scene.looks().is_empty());
    let missed = Missed { slots: 3, late_seconds: 7 * 3600 };
    let said = missed.reason(Slot::at(at("2026-11-28T02:00:00Z"))).unwrap().to_string();
    assert_eq!(
        said,
        "3 earlier slots were missed; the slot of 2026-11-28T02:00:00Z is made 420 minutes late"
    );
}

#[test]
fn slots_before_the_enrolment_are_nobodys() {
    let mut scene = Scene { now: at("2026-11-24T02:00:00Z"), ..Scene::new() };
    assert!(scene.looks().is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T02:00:00Z"));
}

#[test]
fn a_clock_that_is_ahead_takes_a_slot_early_and_no_other_takes_it_again() {
    let mut scene = Scene::new();
    scene.looks();
    // The clock that is ahead is at the slot, and the right one five minutes before it.
    assert_eq!(scene.looks_at("2026-11-25T02:00:00Z"), ["nightly 20261125T020000Z, 0 missed"]);
    assert!(scene.looks_at("2026-11-25T01:55:00Z").is_empty());
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-26T02:00:00Z"));
}

#[test]
fn several_policies_each_have_their_slots() {
    let mut scene = Scene::tagged("weekly, nightly");
    assert!(scene.looks().is_empty());
    assert_eq!(scene.enrolment.seats.len(), 2);
    // Sunday 04:00 in Berlin is 03:00 in UTC.
    assert_eq!(scene.looks_at("2026-11-29T02:00:00Z"), ["nightly 20261129T020000Z, 4 missed"]);
    assert_eq!(scene.looks_at("2026-11-29T03:00:00Z"), ["weekly 20261129T030000Z, 0 missed"]);
}

#[test]
fn two_policies_that_are_due_at_once_keep_the_interval() {
    let mut scene = Scene::tagged("nightly,other");
    scene.policies.insert(name("other"), PolicyRead::newest(Some(NIGHTLY)));
    scene.looks();
    assert_eq!(scene.looks_at("2026-11-25T02:00:00Z"), ["nightly 20261125T020000Z, 0 missed"]);
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T02:30:00Z"));
    assert_eq!(scene.looks_at("2026-11-25T02:30:00Z"), ["other 20261125T020000Z, 0 missed"]);
}

#[test]
fn a_policy_that_comes_often_does_not_keep_another_waiting_for_ever() {
    let mut scene = Scene::tagged("a-often,z-seldom");
    scene.policies.insert(
        name("a-often"),
        PolicyRead::newest(Some(r#"{"schedule":{"cron":["*/30 * * * *"]}}"#)),
    );
    scene.policies.insert(
        name("z-seldom"),
        PolicyRead::newest(Some(r#"{"schedule":{"cron":["15 13 * * *"]}}"#)),
    );
    scene.looks();
    assert_eq!(scene.looks_at("2026-11-24T12:30:00Z").len(), 1);
    assert_eq!(scene.looks_at("2026-11-24T13:00:00Z").len(), 1);
    scene.busy = true;
    assert!(scene.looks_at("2026-11-24T13:15:00Z").is_empty());
    scene.busy = false;
    assert_eq!(scene.looks_at("2026-11-24T13:30:00Z"), ["z-seldom 20261124T131500Z, 0 missed"]);
    assert_eq!(scene.looks_at("2026-11-24T14:00:00Z"), ["a-often 20261124T140000Z, 1 missed"]);
}

#[test]
fn each_instance_keeps_its_place_in_the_window() {
    let mut scene = Scene::tagged("spread");
    scene.looks();
    let turn = scene.enrolment.next_look.unwrap();
    assert!(turn >= at("2026-11-25T02:00:00Z") && turn < at("2026-11-25T03:00:00Z"), "{turn}");
    assert!(scene.looks_at(&plus_seconds(turn, -1).to_string()).is_empty());
    assert_eq!(scene.looks_at(&turn.to_string()), ["spread 20261125T020000Z, 0 missed"]);
    assert_eq!(scene.enrolment.next_look, Some(plus_seconds(turn, 86400)));
}

#[test]
fn a_full_hour_makes_a_slot_wait_and_not_be_lost() {
    let mut scene = Scene::new();
    scene.looks();
    scene.bounds.images_per_hour_max = 0;
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T02:00:00Z"));
    scene.bounds.images_per_hour_max = 1;
    assert_eq!(scene.looks_at("2026-11-25T02:40:00Z"), ["nightly 20261125T020000Z, 0 missed"]);
}

#[test]
fn an_image_of_a_press_makes_a_slot_wait_for_the_interval() {
    let mut scene = Scene::new();
    scene.looks();
    scene.press.last_image_slot = Some(Slot::at(at("2026-11-25T01:50:00Z")));
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T02:20:00Z"));
    assert_eq!(scene.looks_at("2026-11-25T02:20:00Z"), ["nightly 20261125T020000Z, 0 missed"]);
}

#[test]
fn a_policy_that_gives_no_slots_is_told_once_and_followed_when_it_does() {
    for (policy, code) in [("missing", "unknown-policy"), ("by-hand", "no-schedule")] {
        let mut scene = Scene::tagged(policy);
        assert_eq!(scene.looks(), [format!("{policy}: {code}")]);
        assert!(scene.looks_at("2026-11-27T12:00:00Z").is_empty(), "{policy}");
        // Whether the tag is still there is asked now and then: its event may be lost.
        assert_eq!(scene.next().as_deref(), Some("2026-11-28T12:00:00Z"), "{policy}");
        assert!(scene.looks_at("2026-11-27T12:30:00Z").is_empty());
        assert_eq!(
            scene.next().as_deref(),
            Some("2026-11-28T12:00:00Z"),
            "another look does not put it off"
        );
        scene.policies.insert(name(policy), PolicyRead::newest(Some(NIGHTLY)));
        assert!(scene.looks_at("2026-11-27T13:00:00Z").is_empty());
        // What passed while there was no schedule was nobody's.
        assert_eq!(
            scene.looks_at("2026-11-28T02:00:00Z"),
            [format!("{policy} 20261128T020000Z, 0 missed")]
        );
    }
}

#[test]
fn a_policy_that_turns_invalid_misses_slots_and_one_is_caught_up_when_it_is_mended() {
    let mut scene = Scene::new();
    scene.looks();
    scene.policies.insert(name("nightly"), PolicyRead::newest(Some("{")));
    assert_eq!(scene.looks_at("2026-11-24T13:00:00Z"), ["nightly: invalid-policy"]);
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty());
    scene.policies.insert(name("nightly"), PolicyRead::newest(Some(NIGHTLY)));
    assert_eq!(scene.looks_at("2026-11-27T13:00:00Z"), ["nightly 20261127T020000Z, 2 missed"]);
    // Broken again, it is told again.
    scene.policies.insert(name("nightly"), PolicyRead::newest(Some("{")));
    assert_eq!(scene.looks_at("2026-11-27T14:00:00Z"), ["nightly: invalid-policy"]);
}

#[test]
fn an_instance_with_an_instance_store_root_is_told_once() {
    let mut scene = Scene::new();
    scene.instance.as_mut().unwrap().root_device = RootDevice::InstanceStore;
    scene.looks();
    assert_eq!(scene.looks_at("2026-11-25T02:00:00Z"), ["nightly: instance-store-root"]);
    assert!(scene.looks_at("2026-11-26T02:00:00Z").is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-27T02:00:00Z"));
}

#[test]
fn a_region_that_the_stack_does_not_allow_is_told_once() {
    let mut scene = Scene::new();
    scene.bounds.regions.clear();
    assert_eq!(scene.looks(), ["nightly: region-not-allowed"]);
    assert!(scene.looks_at("2026-11-26T02:00:00Z").is_empty());
}

#[test]
fn a_policy_that_is_edited_changes_the_slots_to_come_and_none_that_was_taken() {
    let mut scene = Scene::new();
    scene.looks();
    assert_eq!(scene.looks_at("2026-11-25T02:00:00Z").len(), 1);
    let later = r#"{"schedule":{"cron":["0 2,15 * * *"]}}"#;
    scene.policies.insert(name("nightly"), PolicyRead::newest(Some(later)));
    assert!(scene.looks_at("2026-11-25T02:10:00Z").is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T15:00:00Z"));
    assert_eq!(scene.looks_at("2026-11-25T15:00:00Z"), ["nightly 20261125T150000Z, 0 missed"]);
}

#[test]
fn a_tag_that_no_read_shows_for_five_minutes_is_gone() {
    let mut scene = Scene::new();
    scene.looks();
    scene.tag = None;
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty(), "nothing is made without the tag");
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T02:05:00Z"));
    assert_eq!(scene.enrolment.seats.len(), 1);
    assert_eq!(scene.looks_at("2026-11-25T02:05:00Z"), ["enrolment-ended nightly us-east-1"]);
    assert!(scene.enrolment.seats.is_empty());
    assert_eq!(scene.next(), None);
}

#[test]
fn an_enrolment_that_ends_while_the_instance_is_there_is_told_of_once() {
    let mut scene = Scene::tagged("nightly weekly by-hand");
    scene.looks();
    scene.tag = Some("weekly");
    let ended = scene.looks_at("2026-11-24T13:00:00Z");
    assert_eq!(ended, ["enrolment-ended nightly us-east-1"], "what promised nothing does not end");
    assert!(scene.looks_at("2026-11-24T13:01:00Z").is_empty());
    scene.instance.as_mut().unwrap().state = InstanceState::Terminated;
    assert!(
        scene.looks_at("2026-11-24T14:00:00Z").is_empty(),
        "whoever terminates an instance knows"
    );
}

#[test]
fn a_read_that_lags_costs_no_slot() {
    let mut scene = Scene::new();
    scene.looks();
    scene.tag = None;
    scene.looks_at("2026-11-25T02:00:00Z");
    scene.tag = Some("nightly");
    assert_eq!(scene.looks_at("2026-11-25T02:05:00Z"), ["nightly 20261125T020000Z, 0 missed"]);
}

#[test]
fn a_terminated_instance_is_no_longer_enrolled_and_a_stopped_one_is() {
    let mut scene = Scene::new();
    scene.looks();
    scene.instance.as_mut().unwrap().state = InstanceState::Terminated;
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty());
    assert!(scene.enrolment.seats.is_empty() && scene.enrolment.next_look.is_none());
}

#[test]
fn an_event_that_a_read_does_not_show_yet_is_looked_after() {
    let mut scene = Scene { tag: None, ..Scene::new() };
    scene.hint = Some(Hint {
        time: scene.now,
        button: Some("nightly".to_owned()),
        status: None,
        pressed: true,
    });
    assert!(scene.looks().is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-24T12:01:00Z"));
    scene.hint = None;
    scene.tag = Some("nightly");
    scene.looks_at("2026-11-24T12:01:00Z");
    assert_eq!(scene.next().as_deref(), Some("2026-11-25T02:00:00Z"));
}

#[test]
fn what_can_be_used_of_a_tag_is_and_the_rest_is_told_once() {
    let mut scene = Scene::tagged("nightly,no/such/name");
    assert_eq!(scene.looks().len(), 1);
    assert!(scene.enrolment.seats.contains_key(&name("nightly")));
    assert!(scene.looks_at("2026-11-24T15:00:00Z").is_empty());
    let mut empty = Scene::tagged(" , ");
    assert_eq!(empty.looks(), [" , : bad-schedule"]);
    let both: Vec<String> = ["a b", " a  b ", "a,b", "a, b,", "a\tb"]
        .map(|value| {
            format!("{:?} {:?}", Named::of(value).policies.len(), Named::of(value).problem)
        })
        .into();
    assert!(both.iter().all(|both| both == "2 None"), "{both:?}");
    let many = Named::of("a,b c,d e,f g");
    assert_eq!(many.policies.len(), POLICIES_MAX);
    assert_eq!(many.problem, Some(BadSchedule::TooMany { count: 7 }));
}

#[test]
fn while_an_image_is_being_made_a_slot_waits_and_only_the_latest_is_taken() {
    let mut scene = Scene::tagged("hourly");
    scene
        .policies
        .insert(name("hourly"), PolicyRead::newest(Some(r#"{"schedule":{"cron":["0 * * * *"]}}"#)));
    scene.looks();
    assert_eq!(scene.looks_at("2026-11-24T13:00:00Z").len(), 1);
    scene.busy = true;
    assert!(scene.looks_at("2026-11-24T14:00:00Z").is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-24T14:15:00Z"));
    let put_off = scene.enrolment.clone();
    assert!(scene.looks_at("2026-11-24T14:05:00Z").is_empty());
    assert_eq!(scene.enrolment, put_off, "another look does not put it off further");
    scene.looks_at("2026-11-24T15:05:00Z");
    scene.busy = false;
    assert_eq!(scene.looks_at("2026-11-24T15:20:00Z"), ["hourly 20261124T150000Z, 1 missed"]);
}

#[test]
fn a_slot_whose_family_is_there_already_is_passed_over() {
    let mut scene = Scene::new();
    scene.looks();
    scene.taken.insert((name("nightly"), Slot::at(at("2026-11-25T02:00:00Z"))));
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty());
    assert_eq!(scene.next().as_deref(), Some("2026-11-26T02:00:00Z"));
}

#[test]
fn the_sweep_looks_at_what_differs_only() {
    let mut scene = Scene::tagged("nightly");
    scene.looks();
    let hashes = BTreeMap::from([(name("nightly"), crate::policy::Policy::hash(NIGHTLY))]);
    assert!(scene.enrolment.is_current("nightly", &hashes));
    assert!(!scene.enrolment.is_current("nightly,weekly", &hashes));
    assert!(!scene.enrolment.is_current("nightly", &BTreeMap::new()));
    assert!(!Enrolment::default().is_current("nightly", &hashes));
    let refusal = Rejection::NoSchedule { policy: name("by-hand") };
    assert!(refusal.to_string().contains("has no schedule"));
}

#[test]
fn what_becomes_of_the_coverage_is_told_when_it_is_asked_for_and_its_end_when_the_tag_goes() {
    let mut scene = Scene::new();
    scene.looks();
    scene.bounds.images_per_hour_max = 0;
    assert!(scene.looks_at("2026-11-26T03:00:00Z").is_empty(), "the hour is full, and nobody asks");
    scene.made = Some(Vec::new());
    assert_eq!(scene.looks(), ["coverage-lost nightly us-east-1"]);
    assert!(scene.looks_at("2026-11-26T04:00:00Z").is_empty());
    scene.tag = None;
    assert!(scene.looks_at("2026-11-26T04:01:00Z").is_empty());
    assert_eq!(
        scene.looks_at("2026-11-26T04:07:00Z"),
        ["enrolment-ended nightly us-east-1, coverage-restored nightly us-east-1"]
    );
    assert!(scene.enrolment.seats.is_empty() && scene.enrolment.lost.is_empty());
}

#[test]
fn a_schedule_that_is_edited_begins_with_its_next_slot_and_no_slot_of_it_from_before_was_missed() {
    let mut scene = Scene::new();
    scene.looks();
    scene.policies.insert(
        name("nightly"),
        PolicyRead::newest(Some(r#"{"schedule":{"cron":["0 * * * *"]}}"#)),
    );
    assert!(scene.looks_at("2026-11-24T23:30:00Z").is_empty());
    assert_eq!(scene.looks_at("2026-11-25T00:01:00Z"), ["nightly 20261125T000000Z, 0 missed"]);
    // What does not change when it happens leaves a slot that is waiting for its turn alone.
    let spread = r#"{"schedule":{"cron":["0 * * * *"],"jitter_minutes":30}}"#;
    scene.policies.insert(name("nightly"), PolicyRead::newest(Some(spread)));
    assert_eq!(scene.looks_at("2026-11-25T01:45:00Z"), ["nightly 20261125T010000Z, 0 missed"]);
    // Nor does another time beside it.
    let both = r#"{"schedule":{"cron":["0 2 * * *","0 14 * * *"],"jitter_minutes":60}}"#;
    let mut scene = Scene::tagged("spread");
    scene.looks();
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty(), "its turn has not come");
    scene.policies.insert(name("spread"), PolicyRead::newest(Some(both)));
    assert!(scene.looks_at("2026-11-25T02:00:01Z").is_empty());
    assert_eq!(scene.looks_at("2026-11-25T03:00:00Z"), ["spread 20261125T020000Z, 0 missed"]);
}

#[test]
fn a_slot_beyond_the_policys_day_waits_for_the_next_day() {
    let mut scene = Scene::new();
    let limited = PolicyRead::newest(Some(
        r#"{"schedule":{"cron":["0 2 * * *"]},"limits":{"images_per_day":1}}"#,
    ));
    let day = limited.day.take(at("2026-11-25T01:00:00Z"), 1).unwrap();
    scene.policies.insert(name("nightly"), PolicyRead { day, ..limited });
    scene.looks();
    assert!(scene.looks_at("2026-11-25T02:00:00Z").is_empty());
    // Within the next day's first hour: whoever has been without an image for longer comes earlier.
    let turn = scene.enrolment.next_look.unwrap();
    assert!(turn > at("2026-11-26T00:00:00Z") && turn < at("2026-11-26T01:00:00Z"), "{turn}");
    assert_eq!(scene.looks_at("2026-11-26T01:00:00Z"), ["nightly 20261125T020000Z, 0 missed"]);
}
