//! Named scenarios: short stories, told calmly, whose every yield is then swept with crashes and lost replies.

use crate::checks::{Check, rest};
use crate::choices::Choices;
use crate::conditions::{Conditions, Deliveries};
use crate::people::{GARBAGE, deploy, enrol, press, take_the_name};
use crate::policies::{SCHEDULES, put_policy};
use crate::run::{Later, Origin, Run};
use crate::seeds::{Ended, Wrong, guarded};
use amiline_app::ports::Queue;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::time::{plus_seconds, seconds_between};
use amiline_fakecloud::{Dark, FaultKind, FaultRule, Launch, Volume};
use amiline_scenarios::{east, west};

/// What somebody does at a time of the story.
pub(crate) type Step = fn(&mut Run);

/// A story.
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub says: &'static str,
    /// What is set up before it begins.
    set_up: fn(&mut Conditions),
    /// What people do: seconds after the beginning, and what.
    steps: &'static [(i64, Step)],
    /// Whether all pairs of faults are swept too.
    pub short: bool,
}

/// Every scenario.
pub const SCENARIOS: [Scenario; 26] = [
    Scenario { name: "press", says: "one press, one image", set_up: as_it_is, steps: &[(0, press_plain)], short: true },
    Scenario {
        name: "rejected",
        says: "a press of a policy that is not there",
        set_up: as_it_is,
        steps: &[(0, press_nothing)],
        short: true,
    },
    Scenario {
        name: "copies",
        says: "one press; copies to two Regions, encrypted and shared",
        set_up: as_it_is,
        steps: &[(0, press_default)],
        short: false,
    },
    Scenario {
        name: "home-copy",
        says: "the source is not under the policy's key, so home gets an encrypted copy",
        set_up: as_it_is,
        steps: &[(0, press_secret_plainly)],
        short: true,
    },
    Scenario {
        name: "as-asked",
        says: "a name of its own, tags that are carried over, and a device that is left out and comes meanwhile",
        set_up: as_it_is,
        steps: &[(0, describe_and_press), (1, describe_otherwise)],
        short: true,
    },
    Scenario {
        name: "own-keys",
        says: "one press; each copy under its own Region's key and within its own time",
        set_up: as_it_is,
        steps: &[(0, press_own_keys)],
        short: false,
    },
    Scenario {
        name: "organization",
        says: "shared with an organization, until the stack is deployed without it",
        set_up: as_it_is,
        steps: &[(0, press_organization), (70, forbid_organizations), (900, press_organization)],
        short: false,
    },
    Scenario {
        name: "no-events",
        says: "every event is lost",
        set_up: lose_events,
        steps: &[(0, press_copies)],
        short: true,
    },
    Scenario {
        name: "two-values",
        says: "another value while the first press is under way",
        set_up: as_it_is,
        steps: &[(0, press_plain), (30, press_copies)],
        short: false,
    },
    Scenario {
        name: "taken-back",
        says: "a press that is taken back at once",
        set_up: as_it_is,
        steps: &[(0, press_plain), (1, take_back)],
        short: true,
    },
    Scenario {
        name: "again",
        says: "a second press after the answer",
        set_up: as_it_is,
        steps: &[(0, press_plain), (400, press_plain)],
        short: false,
    },
    Scenario {
        name: "failed-copy",
        says: "a copy fails, and a person asks for another attempt",
        set_up: as_it_is,
        steps: &[(0, fail_west), (0, press_copies), (900, retry)],
        short: false,
    },
    Scenario {
        name: "failed-source",
        says: "the image fails, and a person asks for another attempt",
        set_up: as_it_is,
        steps: &[(0, fail_east), (0, press_plain), (900, retry)],
        short: true,
    },
    Scenario {
        name: "squatted",
        says: "somebody else's image holds the name",
        set_up: as_it_is,
        steps: &[(0, squat), (0, press_plain)],
        short: true,
    },
    Scenario {
        name: "twins",
        says: "EC2 forgets that names are unique, and an image is made twice",
        set_up: as_it_is,
        steps: &[(0, forget_names), (0, press_copies), (3600, see_again)],
        short: false,
    },
    Scenario {
        name: "terminated",
        says: "the instance is terminated while its image is made",
        set_up: as_it_is,
        steps: &[(0, press_copies), (30, terminate)],
        short: true,
    },
    Scenario {
        name: "switch",
        says: "the kill switch is on for a while",
        set_up: as_it_is,
        steps: &[(0, switch_on), (0, press_plain), (700, switch_off)],
        short: true,
    },
    Scenario {
        name: "dark",
        says: "a destination does not answer for an hour; another instance is imaged meanwhile",
        set_up: as_it_is,
        steps: &[(0, darken_west), (0, press_copies), (120, press_another)],
        short: false,
    },
    Scenario {
        name: "poison",
        says: "nonsense in every queue, before and while an instance is imaged",
        set_up: as_it_is,
        steps: &[(0, send_nonsense), (0, press_another), (30, send_nonsense)],
        short: false,
    },
    Scenario {
        name: "deadline",
        says: "copies come after the policy's deadline",
        set_up: slowly,
        steps: &[(0, press_reboot)],
        short: false,
    },
    Scenario {
        name: "vanished",
        says: "somebody deregisters the image while it is made, and no event says so",
        set_up: lose_events,
        steps: &[(0, press_plain), (30, deregister)],
        short: true,
    },
    Scenario {
        name: "slot",
        says: "an enrolled instance is imaged at its next slot",
        set_up: with_schedules,
        steps: &[(0, enrol_zoned)],
        short: false,
    },
    Scenario {
        name: "edited",
        says: "the policy turns invalid before the slot and is mended after it, and no event tells of the enrolment",
        set_up: with_schedules_unheard,
        steps: &[(0, enrol_zoned), (2000, break_zoned), (6000, mend_zoned)],
        short: false,
    },
    Scenario {
        name: "uncovered",
        says: "the kill switch is on until an enrolled instance's images are too old",
        set_up: with_schedules,
        steps: &[(0, enrol_zoned), (60, switch_on), (27_000, switch_off)],
        short: false,
    },
    Scenario {
        name: "full-day",
        says: "the policy's day is full, and its slots wait for the next",
        set_up: with_schedules,
        steps: &[(0, enrol_capped), (60, press_capped)],
        short: false,
    },
    Scenario {
        name: "deaf-bus",
        says: "the bus refuses a part of every batch for a while",
        set_up: as_it_is,
        steps: &[(0, deafen_the_bus), (0, press_copies)],
        short: false,
    },
];

impl Scenario {
    /// The scenario of this name.
    pub fn of(name: &str) -> Option<&'static Scenario> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// Tells the story with these faults at these calls, until everything is at rest.
    pub fn tell(&self, faults: &[(u64, FaultKind)], wrong: Wrong, keep_words: bool) -> Ended {
        let choices = Choices::calm();
        let begin = || self.begin(&choices, Conditions::calm(), wrong, keep_words);
        let live = |run: &mut Run| {
            run.storm.end();
            for (call, fault) in faults {
                run.cloud.inject_at(*call, fault.clone());
            }
            run.perform_all();
            run.end_schedules();
            run.come_to_rest();
            if !run.violated() {
                rest::look(run);
            }
            if faults.is_empty() {
                look_at_the_neighbour(run);
            }
        };
        guarded(&choices, begin, live, keep_words)
    }

    /// Tells the story in the trouble of these choices.
    pub fn under(&self, choices: &Choices, wrong: Wrong, keep_words: bool) -> Ended {
        let begin = || {
            let conditions = Conditions { acts: 0, ..Conditions::of(choices) };
            let mut run = self.begin(choices, conditions, wrong, keep_words);
            run.oracle.skewed = run.conditions.skew > 0;
            run
        };
        let live = |run: &mut Run| {
            run.rage();
            if !run.violated() {
                run.calm_down();
            }
            if !run.violated() {
                rest::look(run);
            }
        };
        guarded(choices, begin, live, keep_words)
    }

    fn begin(&self, choices: &Choices, mut conditions: Conditions, wrong: Wrong, keep_words: bool) -> Run {
        (self.set_up)(&mut conditions);
        let mut run = Run::new(choices, conditions, wrong.mutant);
        run.cloud.keep_trace(keep_words);
        if let Some(plant) = wrong.plant {
            run.cloud.plant(plant);
        }
        let ours = Launch { volumes: vec![Volume::Under("alias/amiline".to_owned())], ..Launch::default() };
        for launch in [ours.clone(), ours] {
            let instance = run.cloud.launch_with(&east(), launch);
            run.instances.push((east(), instance));
        }
        let now = run.cloud.now();
        for (place, (seconds, step)) in self.steps.iter().enumerate() {
            run.script.push(*step);
            run.later(plus_seconds(now, *seconds), Later::Scripted(place));
        }
        run
    }
}

/// Performs a step of the script.
pub(crate) fn perform(run: &mut Run, place: usize) {
    if let Some(step) = run.script.get(place).copied() {
        step(run);
    }
}

/// The second instance, if it was pressed: it is answered within a tick of the time that its image takes, whatever
/// becomes of the others.
fn look_at_the_neighbour(run: &mut Run) {
    let (place, instance) = run.instances[1].clone();
    let pending = run.conditions.pending;
    let Some(pressed) = run.diary.presses.iter().find(|pressed| pressed.instance == instance).cloned() else { return };
    let ended = run.oracle.first_answer(&place, &instance);
    let seconds = ended.map(|at| seconds_between(pressed.at, at));
    let in_time = seconds.is_some_and(|seconds| seconds <= pending + crate::run::TICK_SECONDS);
    run.oracle.hold(Check::NeighboursNotHeldUp, in_time, || format!("{instance} waited {seconds:?} s for its answer"));
}

fn first(run: &Run) -> (Region, InstanceId) {
    run.instances[0].clone()
}

fn press_first(run: &mut Run, policy: &str) {
    let (place, instance) = first(run);
    press(run, &place, &instance, policy);
}

fn as_it_is(_: &mut Conditions) {}

fn lose_events(conditions: &mut Conditions) {
    conditions.events = Deliveries { lost: 10_000, doubled: 0, late: 0 };
    conditions.forwarded = false;
}

fn with_schedules(conditions: &mut Conditions) {
    conditions.enrols = true;
}

fn with_schedules_unheard(conditions: &mut Conditions) {
    lose_events(conditions);
    conditions.enrols = true;
}

fn enrol_zoned(run: &mut Run) {
    let (place, instance) = first(run);
    enrol(run, &place, &instance, "zoned");
}

fn enrol_capped(run: &mut Run) {
    let (place, instance) = first(run);
    enrol(run, &place, &instance, "capped");
}

fn press_capped(run: &mut Run) {
    let (place, instance) = run.instances[1].clone();
    press(run, &place, &instance, "capped");
}

fn break_zoned(run: &mut Run) {
    put_policy(run, "zoned", Some("{"));
}

fn mend_zoned(run: &mut Run) {
    put_policy(run, "zoned", Some(SCHEDULES[2].1));
}

fn slowly(conditions: &mut Conditions) {
    conditions.pending = 1900;
}

fn deafen_the_bus(run: &mut Run) {
    run.cloud.inject(FaultRule::new(FaultKind::SomeRefused(0b101)).action("events:PutEvents").times(12));
}

fn press_plain(run: &mut Run) {
    press_first(run, "plain");
}

fn press_copies(run: &mut Run) {
    press_first(run, "copies");
}

fn press_default(run: &mut Run) {
    press_first(run, "default");
}

fn press_own_keys(run: &mut Run) {
    press_first(run, "own-keys");
}

fn press_organization(run: &mut Run) {
    press_first(run, "organization");
}

fn forbid_organizations(run: &mut Run) {
    deploy(run, |bounds| {
        bounds.organizations.clear();
        bounds.organizational_units.clear();
    });
}

fn press_reboot(run: &mut Run) {
    press_first(run, "reboot");
}

/// The policy of this story.
const AS_ASKED: &str = r#"{"create":{"name":"{tag:Name}","tags":{"Stage":"test"},"carry_tags":["Team"],"exclude_devices":["/dev/sdf"],
    "delete_on_termination":{"/dev/xvda":false}}}"#;

fn describe_and_press(run: &mut Run) {
    let (place, instance) = first(run);
    put_policy(run, "as-asked", Some(AS_ASKED));
    for (key, value) in [("Name", "shop front"), ("Team", "web")] {
        run.cloud.tag(&place, &instance, key, value);
    }
    press(run, &place, &instance, "as-asked");
}

fn describe_otherwise(run: &mut Run) {
    let (place, instance) = first(run);
    run.cloud.tag(&place, &instance, "Team", "another");
    run.cloud.untag(&place, &instance, "Name");
    run.cloud.attach(&place, &instance, "/dev/sdf", &Volume::Plain);
}

fn press_nothing(run: &mut Run) {
    press_first(run, "no-such-policy");
}

fn press_secret_plainly(run: &mut Run) {
    let instance = run.cloud.launch(&east());
    run.instances[0] = (east(), instance);
    press_first(run, "secret");
}

fn press_another(run: &mut Run) {
    let (place, instance) = run.instances[1].clone();
    press(run, &place, &instance, "plain");
}

fn take_back(run: &mut Run) {
    let (place, instance) = first(run);
    run.cloud.untag(&place, &instance, "amiline:image");
    let now = run.cloud.now();
    if let Some(pressed) = run.diary.standing(&place, &instance) {
        pressed.taken_back = Some(now);
    }
}

fn fail_west(run: &mut Run) {
    run.cloud.fail_next(&west(), "Client.InternalError");
}

fn fail_east(run: &mut Run) {
    run.cloud.fail_next(&east(), "Client.InternalError");
}

fn retry(run: &mut Run) {
    let Some(family) = run.cloud.families().first().map(|family| family.id.clone()) else { return };
    run.retry = Some(family);
    run.start("operator", "retry", 60, Origin::Person);
}

/// The name that the press of this second will lead to is taken.
fn squat(run: &mut Run) {
    let (place, instance) = first(run);
    take_the_name(run, &place, &instance, "plain");
}

/// Names are not unique, reads of the home Region are seven minutes behind, and the first answer is lost: so the image
/// is looked for in vain, and made again.
fn forget_names(run: &mut Run) {
    run.oracle.lax_names = true;
    run.cloud.set_lax_names(true);
    run.cloud.set_image_lag(&east(), 420);
    run.cloud.inject(FaultRule::new(FaultKind::LostReply).action("ec2:CreateImage").once());
}

fn see_again(run: &mut Run) {
    run.cloud.set_image_lag(&east(), 0);
}

fn terminate(run: &mut Run) {
    let (place, instance) = first(run);
    let now = run.cloud.now();
    run.cloud.terminate(&place, &instance);
    run.diary.terminated.insert((place, instance), now);
}

fn switch_on(run: &mut Run) {
    run.cloud.set_kill_switch(true);
}

fn switch_off(run: &mut Run) {
    run.cloud.set_kill_switch(false);
}

fn darken_west(run: &mut Run) {
    run.cloud.set_dark(&west(), Some(Dark::Unavailable));
    run.later(plus_seconds(run.cloud.now(), 3600), Later::Light(west()));
}

fn send_nonsense(run: &mut Run) {
    for queue in [Queue::Create, Queue::Distribute, Queue::Notify] {
        for body in GARBAGE {
            run.cloud.push(queue, body);
        }
    }
}

fn deregister(run: &mut Run) {
    for image in run.cloud.images(&east()).into_iter().filter(|image| image.state == ImageState::Pending) {
        run.diary.touched.insert((east(), image.id.clone()));
        run.cloud.deregister(&east(), &image.id);
    }
}
