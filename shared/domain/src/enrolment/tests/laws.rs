//! What holds of every life of an enrolment, whatever people do and whenever somebody looks.

use super::*;
use crate::coverage::Made;
use crate::ids::ImageId;
use crate::schedule::Schedule;
use proptest::prelude::*;

const TEXTS: [&str; 8] = [
    NIGHTLY,
    SPREAD,
    r#"{"schedule":{"cron":["*/30 * * * *"],"jitter_minutes":20}}"#,
    r#"{"schedule":{"cron":["7 * * * *"]},"distribute":{"regions":["eu-west-1"]},"limits":{"interval_minutes":40}}"#,
    r#"{"schedule":{"cron":["0 * * * *"],"time_zone":"Europe/Berlin"},"limits":{"images_per_day":2}}"#,
    "{}",
    "{",
    r#"{"distribute":{"regions":["ap-southeast-3"]},"schedule":{"cron":["0 3 * * *"]}}"#,
];
const NAMES: [&str; 3] = ["nightly", "spread", "weekly"];
const TAGS: [Option<&str>; 6] = [
    Some("nightly"),
    Some("spread,nightly"),
    Some("weekly, nightly,spread"),
    Some("two+words nightly"),
    Some(""),
    None,
];

/// One thing that happens, and how many minutes later somebody looks.
#[derive(Debug, Clone)]
enum Step {
    Nothing,
    Edits(usize, Option<usize>),
    Tags(usize),
    Busy(bool),
    Full(bool),
    Coverage(bool),
}

fn step() -> impl Strategy<Value = (Step, i64)> {
    let what = prop_oneof![
        4 => Just(Step::Nothing),
        2 => (0..NAMES.len(), proptest::option::of(0..TEXTS.len())).prop_map(|(name, text)| Step::Edits(name, text)),
        1 => (0..TAGS.len()).prop_map(Step::Tags),
        1 => any::<bool>().prop_map(Step::Busy),
        1 => any::<bool>().prop_map(Step::Full),
        1 => any::<bool>().prop_map(Step::Coverage),
    ];
    // Mostly soon, sometimes after a day without any tick, and sometimes by a clock that is five
    // minutes behind.
    let minutes = prop_oneof![6 => 0..90_i64, 1 => 1440..3000_i64, 1 => -5..0_i64];
    (what, minutes)
}

/// Carries out what is decided until nothing is left: the slots that were taken.
fn settles(scene: &mut Scene) -> Result<Vec<(PolicyName, Slot)>, TestCaseError> {
    let mut taken = Vec::new();
    for _ in 0..40 {
        let decision = scene.decide();
        prop_assert_eq!(&decision, &scene.decide(), "the same reads lead to the same decision");
        scene.enrolment = match decision {
            EnrolmentDecision::Nothing => return Ok(taken),
            EnrolmentDecision::Write(enrolment)
            | EnrolmentDecision::Tell { enrolment, .. }
            | EnrolmentDecision::Refuse { enrolment, .. } => enrolment,
            EnrolmentDecision::Begin { policy, slot, admission, enrolment, .. } => {
                scene.budget = admission.budget;
                if let Some(day) = admission.day {
                    scene.policies.get_mut(&policy).unwrap().day = day;
                }
                scene.press.last_image_slot =
                    Some(Slot::next(scene.now, scene.press.last_image_slot));
                if let Some(made) = &mut scene.made {
                    let image = ImageId::new("ami-0123456789abcdef0").unwrap();
                    let available = BTreeMap::from([(Region::new("us-east-1").unwrap(), image)]);
                    let family = FamilyId::new("fam-0123456789abcdef").unwrap();
                    made.insert(
                        0,
                        Made { family, policy: policy.clone(), at: scene.now, available },
                    );
                }
                scene.taken.insert((policy.clone(), slot));
                taken.push((policy, slot));
                enrolment
            }
        };
    }
    Err(TestCaseError::fail(format!("it never comes to rest: {:?}", scene.enrolment)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_look_comes_to_rest_and_every_slot_is_real_due_and_taken_once(steps in proptest::collection::vec(step(), 1..40)) {
        let mut scene = Scene::new();
        scene.bounds.images_per_hour_max = 1000;
        let mut taken = BTreeSet::new();
        for (step, minutes) in steps {
            match step {
                Step::Nothing => {}
                Step::Edits(name, text) => {
                    let read = scene.policies.entry(super::name(NAMES[name])).or_default();
                    read.texts = crate::policy::PolicyTexts::newest(text.map(|text| TEXTS[text]));
                }
                Step::Tags(tag) => scene.tag = TAGS[tag],
                Step::Busy(busy) => scene.busy = busy,
                Step::Full(full) => scene.bounds.images_per_hour_max = if full { 0 } else { 1000 },
                Step::Coverage(asked) => scene.made = asked.then(Vec::new),
            }
            scene.now = plus_seconds(scene.now, minutes * 60 + 7);
            for (policy, slot) in settles(&mut scene)? {
                prop_assert!(slot.timestamp() <= scene.now, "{policy} {slot} is not due at {}", scene.now);
                let read = &scene.policies[&policy];
                let force = read.texts.in_force().unwrap().unwrap();
                let table = force.policy.schedule.as_ref().and_then(Schedule::timetable).unwrap();
                prop_assert_eq!(table.latest(plus_seconds(slot.timestamp(), -1), slot.timestamp()), Some(slot));
                prop_assert!(!scene.busy, "an image is being made");
                prop_assert!(taken.insert((policy, slot)), "a slot is taken twice");
            }
        }
    }
}
