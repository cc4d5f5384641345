//! Named scenarios: short stories, told calmly, whose every yield is then swept with crashes and
//! lost replies.

mod steps;

use crate::checks::{Check, rest};
use crate::choices::Choices;
use crate::conditions::Conditions;
use crate::run::{Later, Run};
use crate::seeds::{Ended, Wrong, guarded};
use amiline_domain::time::{plus_seconds, seconds_between};
use amiline_fakecloud::{FaultKind, Launch, Volume};
use amiline_scenarios::east;
use steps::*;

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
    Scenario {
        name: "press",
        says: "one press, one image",
        set_up: as_it_is,
        steps: &[(0, press_plain)],
        short: true,
    },
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

    fn begin(
        &self,
        choices: &Choices,
        mut conditions: Conditions,
        wrong: Wrong,
        keep_words: bool,
    ) -> Run {
        (self.set_up)(&mut conditions);
        let mut run = Run::new(choices, conditions, wrong.mutant);
        run.cloud.keep_trace(keep_words);
        if let Some(plant) = wrong.plant {
            run.cloud.plant(plant);
        }
        let ours = Launch {
            volumes: vec![Volume::Under("alias/amiline".to_owned())],
            ..Launch::default()
        };
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

/// The second instance, if it was pressed: it is answered within a tick of the time that its image
/// takes, whatever becomes of the others.
fn look_at_the_neighbour(run: &mut Run) {
    let (place, instance) = run.instances[1].clone();
    let pending = run.conditions.pending;
    let Some(pressed) =
        run.diary.presses.iter().find(|pressed| pressed.instance == instance).cloned()
    else {
        return;
    };
    let ended = run.oracle.first_answer(&place, &instance);
    let seconds = ended.map(|at| seconds_between(pressed.at, at));
    let in_time = seconds.is_some_and(|seconds| seconds <= pending + crate::run::TICK_SECONDS);
    run.oracle.hold(Check::NeighboursNotHeldUp, in_time, || {
        format!("{instance} waited {seconds:?} s for its answer")
    });
}
