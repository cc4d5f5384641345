//! The stories of `tests/scenarios` on a local AWS: real functions, real template, real SDK calls.
//!
//! They run in the order given here, one after the other: faults are global, and the last ones look
//! back at the calls and logs of all the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test binary of its own: it measures real time, waits for real processes, and fails by panicking"
)]

mod cloud;
mod hearing;
mod inbox;
mod operator;
mod stories;

use amiline_local::{Options, Progress};
use cloud::Cloud;
use libtest_mimic::{Arguments, Failed, Trial};
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long images stay pending.
const PENDING_SECONDS: f64 = 1.0;

/// The local AWS of all stories, started by the first that runs.
#[derive(Default)]
pub(crate) struct Stage {
    cloud: OnceLock<Cloud>,
}

impl Stage {
    async fn cloud(&self) -> &Cloud {
        if self.cloud.get().is_none() {
            let parameters = [
                ("MaxImagesPerHour", "1000"),
                ("AllowedOrganizations", stories::distribution::ORGANIZATION),
                ("AllowedOrganizationalUnits", stories::distribution::UNIT),
                ("AllowedKeyAliases", stories::distribution::EUROPES_KEY),
            ];
            let started = Cloud::start(options(&parameters)).await;
            let _ = self.cloud.set(started);
        }
        self.cloud.get().expect("just set")
    }
}

pub(crate) fn options(parameters: &[(&str, &str)]) -> Options {
    Options {
        pending_seconds: PENDING_SECONDS,
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        enforce: true,
        progress: Progress::Silent,
        ..Options::default()
    }
}

fn main() -> ExitCode {
    // What failed is listed at the end; a backtrace of the harness says nothing.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "panicked at {place}");
    }));
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = Arc::new(runtime.expect("an async runtime"));
    let stage = Arc::new(Stage::default());
    let mut trials = Vec::new();
    macro_rules! story {
        ($name:path) => {{
            let (runtime, stage) = (runtime.clone(), stage.clone());
            let name = stringify!($name).trim_start_matches("stories::");
            trials.push(Trial::test(name, move || {
                let since = Instant::now();
                let played = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(async {
                        let cloud = stage.cloud().await;
                        let played =
                            tokio::time::timeout(Duration::from_secs(240), $name(cloud)).await;
                        cloud.calm().await;
                        played
                    })
                }));
                if let Some(cloud) = stage.cloud.get() {
                    cloud.note(format!("{name}: {:.1} s", since.elapsed().as_secs_f64()));
                }
                match played {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) => Err(Failed::from("the story did not end")),
                    Err(panic) => {
                        if let Some(cloud) = stage.cloud.get() {
                            runtime.block_on(cloud.calm());
                        }
                        let text = panic.downcast_ref::<String>().cloned();
                        let text = text.or_else(|| {
                            panic.downcast_ref::<&str>().map(|text| (*text).to_owned())
                        });
                        Err(Failed::from(text.unwrap_or_default()))
                    }
                }
            }));
        }};
    }
    story!(stories::press::a_press_end_to_end);
    story!(stories::press::run_and_tag_at_once);
    story!(stories::press::one_tag_event_twenty_times);
    story!(stories::press::presses_before_and_after_the_answer);
    story!(stories::press::a_press_from_the_command);
    story!(stories::refusals::messages_that_make_no_sense);
    story!(stories::schedules::an_enrolled_instance_is_imaged_at_its_slot);
    story!(stories::schedules::the_sweep_finds_what_no_event_told);
    story!(stories::schedules::a_policy_that_turns_invalid);
    // From here to the end of that story, the message of the killed process is in flight.
    story!(stories::chance::create_image_is_killed_before_the_reply);
    story!(stories::trouble::one_region_denied_then_retried);
    story!(stories::trouble::one_key_missing_then_retried);
    story!(stories::refusals::every_refused_press_is_answered);
    story!(stories::policies::policies_are_documents);
    story!(stories::pages::every_console_block_is_what_the_command_prints);
    story!(stories::making::images_are_made_as_their_policy_says);
    story!(
        stories::distribution::each_destination_has_its_key_and_time_and_an_organization_may_launch
    );
    story!(stories::distribution::what_somebody_shares_by_hand_is_told_and_left_alone);
    story!(stories::distribution::an_organization_or_a_key_that_the_stack_does_not_name_is_refused);
    story!(stories::news::a_press_is_heard_on_the_bus);
    story!(stories::news::who_must_act_hears_of_that_alone);
    story!(stories::news::a_bus_that_is_out_of_order);
    story!(stories::chance::a_lost_reply_and_an_invisible_image);
    story!(stories::chance::available_before_the_record);
    story!(stories::chance::every_event_twice);
    story!(stories::chance::no_event_at_all);
    story!(stories::chance::images_of_others_and_forged_ones);
    story!(stories::bounds::the_kill_switch);
    story!(stories::bounds::two_hundred_at_once_over_a_limit_of_fifty);
    story!(stories::chance::the_killed_ones_image_is_adopted);
    story!(stories::news::the_digest_of_a_day);
    story!(stories::whole::nobody_was_told_anything_twice);
    story!(stories::whole::nothing_is_untagged);
    story!(stories::whole::every_line_of_every_log_is_one_json_object);
    story!(stories::whole::each_role_grants_what_is_used);
    // They judge the whole suite, so a part of it says nothing to them.
    if arguments.filter.is_some() || !arguments.skip.is_empty() {
        let judge = |trial: Trial| {
            if trial.name().starts_with("whole::") { trial.with_ignored_flag(true) } else { trial }
        };
        trials = trials.into_iter().map(judge).collect();
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(cloud) = stage.cloud.get() {
        let _ = writeln!(std::io::stdout(), "notes:\n    {}", cloud.notes().join("\n    "));
    }
    // Ends the local AWS: `exit` runs no destructors.
    drop(stage);
    conclusion.exit_code()
}
