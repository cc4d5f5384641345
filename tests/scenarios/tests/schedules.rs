//! Stories about instances that are imaged by a schedule.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use amiline_app::functions::Queue;
use amiline_domain::family::{Family, Outcome};
use amiline_domain::history::Subject;
use amiline_domain::ids::{InstanceId, PolicyName};
use amiline_domain::reason::Reason;
use amiline_domain::receiver::Topic;
use amiline_domain::tags::Trigger;
use amiline_domain::time::seconds_between;
use amiline_fakecloud::{Delivery, EventKind, FaultKind, FaultRule, Launch, Volume};
use amiline_scenarios::{House, east};
use std::collections::{BTreeMap, BTreeSet};

const NIGHTLY: &str = r#"{"schedule":{"cron":["0 2 * * *"]}}"#;
const SPREAD: &str = r#"{"schedule":{"cron":["0 2 * * *"],"jitter_minutes":120}}"#;

/// A house with the policies `nightly` and `spread`, at noon in UTC.
fn house() -> House {
    let house = House::new();
    house.cloud.put_policy("nightly", NIGHTLY);
    house.cloud.put_policy("spread", SPREAD);
    go_to(&house, "12:00");
    house
}

/// Lets time pass, with nothing happening, until the clock shows so in UTC.
fn go_to(house: &House, clock: &str) {
    let now = house.cloud.now();
    let day = now.strftime("%Y-%m-%d").to_string();
    let today: jiff::Timestamp = format!("{day}T{clock}:00Z").parse().unwrap();
    let seconds = seconds_between(now, today).rem_euclid(86_400);
    house.cloud.advance(seconds);
}

fn enrolled(house: &House, policies: &str) -> InstanceId {
    let instance = house.instance();
    house.cloud.enrol(&east(), &instance, policies);
    instance
}

/// The slots of an instance's families, oldest first.
fn slots(house: &House, instance: &InstanceId) -> Vec<String> {
    let families = house.cloud.families();
    let mut slots: Vec<String> = families
        .iter()
        .filter(|family| {
            family.instance == *instance && matches!(family.trigger, Trigger::Schedule(_))
        })
        .map(|family| {
            format!("{} {}", family.requested, family.slot.timestamp().strftime("%d %H:%M"))
        })
        .collect();
    slots.sort();
    slots
}

fn families_of<'a>(families: &'a [Family], instance: &InstanceId) -> Vec<&'a Family> {
    families.iter().filter(|family| family.instance == *instance).collect()
}

#[test]
fn an_enrolled_instance_is_imaged_at_its_slot_and_told_so() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    assert_eq!(house.cloud.families().len(), 0, "nothing is due yet");
    go_to(&house, "02:00");
    house.live(20);
    house.assert_at_rest_but_enrolled(Outcome::Complete);
    let family = house.family();
    let source = family.source_image().unwrap();
    assert_eq!(house.status(&instance), format!("available {source} in 1 Region"));
    assert_eq!(slots(&house, &instance).len(), 1);
    assert_eq!(
        house.cloud.tag_of(&east(), &instance, "amiline:schedule").as_deref(),
        Some("nightly")
    );
}

#[test]
fn a_slot_makes_its_image_as_the_policy_says() {
    let house = house();
    let policy = r#"{"schedule":{"cron":["0 2 * * *"]},"create":{"name":"{tag:Name}/{slot}","carry_tags":["Team"],
        "exclude_devices":["/dev/sdb"]},"distribute":{"regions":["us-west-2"]}}"#;
    house.cloud.put_policy("described", policy);
    let tags = [("Name", "shop front"), ("Team", "web")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let launch = Launch { volumes: vec![Volume::Plain; 2], tags: tags.into(), ..Launch::default() };
    let instance = house.cloud.launch_with(&east(), launch);
    house.cloud.enrol(&east(), &instance, "described");
    house.deliver();
    go_to(&house, "02:00");
    house.live(20);
    house.assert_at_rest_but_enrolled(Outcome::Complete);
    let family = house.family();
    assert_eq!(family.rows.len(), 2);
    for row in family.rows.values() {
        let image = house.cloud.image(&row.region, row.image.as_ref().unwrap());
        assert!(image.name.starts_with(&format!("shop-front/{}-", family.slot)), "{}", image.name);
        assert_eq!(image.tags.get("Team").map(String::as_str), Some("web"));
        assert_eq!(image.devices.len(), 1, "{:?}", image.devices);
    }
}

#[test]
fn a_schedule_that_leaves_out_the_root_is_refused_once_it_is_due() {
    let house = house();
    let policy =
        r#"{"schedule":{"cron":["0 2 * * *"]},"create":{"exclude_devices":["/dev/xvda"]}}"#;
    house.cloud.put_policy("rootless", policy);
    let instance = enrolled(&house, "rootless");
    house.deliver();
    go_to(&house, "02:00");
    house.live(20);
    assert_eq!(house.family().outcome, Some(Outcome::Rejected));
    let status = house.status(&instance);
    assert!(status.starts_with("rejected: policy rootless leaves out /dev/xvda"), "{status}");
    assert!(house.cloud.images_created_for(&instance).is_empty());
}

#[test]
fn a_doubled_a_late_and_a_lost_tick_make_one_image_a_slot() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "02:00");
    for _ in 0..4 {
        house.tick();
    }
    house.live(20);
    // The ticks of the next morning are lost.
    go_to(&house, "06:40");
    house.cloud.advance(86_400);
    house.live(20);
    assert_eq!(slots(&house, &instance).len(), 2);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 2);
    assert_eq!(house.cloud.notices_of("slots-missed"), 0);
}

#[test]
fn ticks_that_are_lost_for_three_days_cost_the_slots_between_and_it_is_said() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    house.cloud.advance(3 * 86_400);
    house.live(20);
    assert_eq!(slots(&house, &instance).len(), 1);
    assert_eq!(house.cloud.notices_of("slots-missed"), 1);
    let notices = house.cloud.notices();
    let missed = notices
        .iter()
        .find(|published| published.notice.text.contains("slots of its schedule"))
        .unwrap();
    assert!(missed.notice.text.contains("2 earlier slots were missed"), "{}", missed.notice.text);
}

#[test]
fn an_enrolment_whose_event_is_lost_is_found_by_the_sweep() {
    let house = house();
    house.cloud.deliver(EventKind::TagChange, Delivery::Dropped);
    let instance = enrolled(&house, "nightly");
    house.deliver();
    assert_eq!(house.tick().swept, 0);
    assert_eq!(house.sweep().swept, 1);
    house.deliver();
    assert_eq!(house.sweep().swept, 0, "it is enrolled");
    go_to(&house, "02:00");
    house.live(20);
    assert_eq!(slots(&house, &instance).len(), 1);
}

#[test]
fn an_edited_policy_is_found_by_the_sweep_and_changes_the_slots_to_come() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    house.cloud.put_policy("nightly", r#"{"schedule":{"cron":["0 15 * * *"]}}"#);
    assert_eq!(house.sweep().swept, 1);
    house.deliver();
    go_to(&house, "15:00");
    house.live(20);
    assert_eq!(slots(&house, &instance), ["nightly 24 15:00"], "{:?}", house.cloud.now());
}

#[test]
fn a_retagged_instance_follows_the_policy_that_its_tag_names_when_the_slot_comes() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    house.cloud.put_policy("hourly", r#"{"schedule":{"cron":["30 * * * *"]}}"#);
    go_to(&house, "01:50");
    house.cloud.enrol(&east(), &instance, "hourly");
    house.live(60);
    assert_eq!(slots(&house, &instance), ["hourly 25 02:30"]);
}

#[test]
fn an_instance_that_is_no_longer_enrolled_is_left_alone() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "01:40");
    house.cloud.untag(&east(), &instance, "amiline:schedule");
    house.live(60);
    assert!(house.cloud.families().is_empty());
    assert_eq!(house.cloud.due(), vec![]);
}

#[test]
fn a_terminated_instance_is_never_imaged_and_nothing_waits_for_it() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "01:50");
    house.cloud.terminate(&east(), &instance);
    house.live(60);
    assert!(house.cloud.families().is_empty());
    assert_eq!(house.cloud.due(), vec![]);
}

#[test]
fn a_policy_without_a_schedule_is_refused_once_where_people_look() {
    let house = house();
    let instance = enrolled(&house, "plain,no-such-policy");
    house.live(10);
    house.sweep();
    house.live(10);
    let families = house.cloud.families();
    let refused = families_of(&families, &instance);
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|family| family.outcome == Some(Outcome::Rejected)));
    assert_eq!(house.cloud.notices_of("request-rejected"), 2);
    assert!(house.status(&instance).starts_with("rejected: "), "{}", house.status(&instance));
}

#[test]
fn instances_of_a_policy_that_is_gone_or_misspelt_have_lost_their_coverage_and_are_told_of_once_for_all()
 {
    let house = house();
    let instances = ["nightly", "nightly", "nigthly weekly"].map(|tag| enrolled(&house, tag));
    house.live(10);
    let done = house.sweep();
    house.live(10);
    assert_eq!(done.lapsed, 2, "nigthly and weekly");
    let told = house.cloud.news(&Subject::Policy(PolicyName::new("nigthly").unwrap()));
    let reason = told[0].reason.as_ref().map(Reason::text).unwrap_or_default();
    assert_eq!(told[0].event.as_str(), "coverage-lost");
    assert!(
        reason.contains("did you mean nightly?") && reason.contains(instances[2].as_str()),
        "{reason}"
    );
    let answers = house.cloud.families().into_iter().filter_map(|family| family.status);
    assert!(answers.into_iter().any(|status| status.contains("did you mean nightly?")));
    assert_eq!(house.cloud.notices_on(Topic::Attention).len(), 2);

    house.cloud.delete_policy("nightly");
    for _ in 0..2 {
        assert_eq!(house.sweep().lapsed, 4);
        house.live(10);
    }
    let told = house.cloud.news(&Subject::Policy(PolicyName::new("nightly").unwrap()));
    assert_eq!(told.len(), 1, "once for a policy: {told:?}");
    assert!(
        told[0]
            .reason
            .as_ref()
            .is_some_and(|reason| reason.text().starts_with("2 instances follow it")),
        "{told:?}"
    );

    house.cloud.put_policy("nightly", NIGHTLY);
    assert_eq!(house.sweep().lapsed, 2);
    house.live(10);
    let told = house.cloud.news(&Subject::Policy(PolicyName::new("nightly").unwrap()));
    assert_eq!(told.last().map(|item| item.event.as_str()), Some("coverage-restored"));
    house.sweep();
    house.live(10);
    assert_eq!(
        house.cloud.news(&Subject::Policy(PolicyName::new("nightly").unwrap())).len(),
        2,
        "and its end once"
    );
}

#[test]
fn a_policy_that_turns_invalid_is_told_once_and_the_version_before_it_goes_on() {
    let house = house();
    let instances = [enrolled(&house, "nightly"), enrolled(&house, "nightly")];
    house.deliver();
    house.cloud.put_policy("nightly", "{");
    house.sweep();
    house.live(20);
    assert_eq!(house.cloud.notices_of("policy-refused"), 1, "before anybody needs it");
    let told = house.cloud.news(&Subject::Policy(PolicyName::new("nightly").unwrap()));
    assert!(
        told[0]
            .reason
            .as_ref()
            .is_some_and(|reason| reason.text().contains("version 1 stays in force")),
        "{told:?}"
    );
    go_to(&house, "02:00");
    house.live(30);
    for instance in &instances {
        assert_eq!(slots(&house, instance), ["nightly 25 02:00"]);
    }
    house.sweep();
    house.live(20);
    assert_eq!(house.cloud.notices_of("policy-refused"), 1, "told once, however often it is met");
    house.cloud.put_policy("nightly", NIGHTLY);
    house.sweep();
    house.live(20);
    assert_eq!(house.cloud.notices_of("policy-accepted"), 1);
    assert_eq!(house.cloud.notices_of("request-rejected"), 0);
}

#[test]
fn a_policy_that_was_never_valid_makes_nothing_and_its_slot_is_made_when_it_is_mended() {
    let house = house();
    house.cloud.put_policy("fresh", "{");
    let instance = enrolled(&house, "fresh");
    house.deliver();
    house.live(10);
    assert_eq!(
        (house.cloud.notices_of("policy-refused"), house.cloud.notices_of("request-rejected")),
        (1, 1)
    );
    house.cloud.put_policy("fresh", NIGHTLY);
    house.sweep();
    go_to(&house, "02:00");
    house.live(20);
    assert_eq!(slots(&house, &instance), ["fresh 25 02:00"]);
}

/// The failure that nobody else reports: nothing fails, and no image comes.
#[test]
fn an_instance_whose_images_silently_stopped_is_told_of_once_and_so_is_its_end() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "02:00");
    house.live(60);
    assert_eq!(slots(&house, &instance).len(), 1);
    // Somebody leaves the kill switch on. Every attempt is in order: nothing may be made.
    house.cloud.set_kill_switch(true);
    for _ in 0..26 {
        house.live(60);
        house.sweep();
    }
    assert_eq!(
        house.cloud.notices_of("coverage-lost"),
        0,
        "the slot of the night may take until the next"
    );
    for _ in 0..48 {
        house.live(60);
        house.sweep();
    }
    let lost = house.cloud.notices_of("coverage-lost");
    assert!(lost > 0, "one for each Region");
    for _ in 0..10 {
        house.live(60);
        house.sweep();
    }
    assert_eq!(house.cloud.notices_of("coverage-lost"), lost, "told once");
    house.cloud.set_kill_switch(false);
    for _ in 0..3 {
        house.live(60);
        house.sweep();
    }
    assert_eq!(house.cloud.notices_of("coverage-restored"), lost);
}

#[test]
fn whoever_loses_the_newest_image_by_hand_is_told_that_the_coverage_is_lost() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "02:00");
    house.live(60);
    house.sweep();
    let source = house.cloud.families()[0].source().unwrap().image.clone().unwrap();
    house.cloud.deregister(&east(), &source);
    house.deliver();
    // The next slot finds the hour full, so nothing covers for what is gone.
    let mut full = house;
    full.stack.bounds.images_per_hour_max = 0;
    for _ in 0..48 {
        full.live(60);
        full.sweep();
    }
    assert!(full.cloud.notices_of("coverage-lost") >= 1);
    assert_eq!(slots(&full, &instance).len(), 1);
}

#[test]
fn a_policys_day_is_full_and_whoever_waited_longest_goes_first_on_the_next() {
    let house = house();
    house.cloud.put_policy(
        "capped",
        r#"{"schedule":{"cron":["0 2 * * *"]},"limits":{"images_per_day":2}}"#,
    );
    let instances: Vec<_> = (0..6).map(|_| enrolled(&house, "capped")).collect();
    house.deliver();
    go_to(&house, "02:00");
    house.live(60);
    let made = |house: &House| {
        instances.iter().filter(|instance| !slots(house, instance).is_empty()).count()
    };
    assert_eq!(made(&house), 2);
    assert_eq!(house.cloud.notices_of("request-rejected"), 0, "it waits");
    for expected in [4, 6] {
        house.live(24 * 60);
        assert_eq!(made(&house), expected, "nobody is passed over while somebody has two");
    }
    house.live(6 * 24 * 60);
    let each: Vec<usize> = instances.iter().map(|instance| slots(&house, instance).len()).collect();
    assert!(each.iter().all(|count| (2..=4).contains(count)), "{each:?}");
}

/// Each invocation's clock is five minutes ahead of the cloud's, or five behind, in turns.
#[test]
fn clocks_that_differ_by_ten_minutes_make_one_image_a_slot_and_none_before_its_time_by_more() {
    let house = house();
    house.clocks_differ(300);
    let instances: Vec<_> = (0..4).map(|_| enrolled(&house, "nightly")).collect();
    house.deliver();
    go_to(&house, "01:40");
    for _ in 0..3 {
        house.live(24 * 60);
        house.sweep();
        house.live(10);
    }
    // Whoever met a clock that is behind is asked again.
    house.live(30);
    for instance in &instances {
        let nights =
            ["nightly 25 02:00", "nightly 26 02:00", "nightly 27 02:00", "nightly 28 02:00"];
        assert_eq!(slots(&house, instance), nights);
    }
    for family in house.cloud.families() {
        let early = seconds_between(family.created_at, family.slot.timestamp());
        assert!(early <= 0, "its own clock says that the slot has come: {early}");
    }
    assert_eq!(house.cloud.notices_of("slots-missed") + house.cloud.notices_of("coverage-lost"), 0);
}

#[test]
fn a_sweep_that_cannot_read_a_region_fails_and_does_not_count_what_it_did_not_see() {
    let house = house();
    enrolled(&house, "nightly");
    house.deliver();
    house.cloud.inject(FaultRule::new(FaultKind::Throttle).action("ec2:DescribeTags").once());
    assert!(house.try_sweep().is_none(), "its counts would pass for the truth");
    assert!(house.try_sweep().is_some());
}

#[test]
fn with_the_kill_switch_on_a_slot_waits_and_is_made_once_when_it_is_off() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "02:00");
    house.cloud.set_kill_switch(true);
    house.live(60);
    assert!(house.cloud.families().is_empty());
    house.cloud.set_kill_switch(false);
    house.live(20);
    assert_eq!(slots(&house, &instance), ["nightly 25 02:00"]);
}

#[test]
fn a_crash_at_any_call_of_a_slot_leaves_one_image() {
    let before_the_turn = || {
        let house = house();
        let instance = enrolled(&house, "nightly");
        house.deliver();
        go_to(&house, "02:00");
        house.tick();
        (house, instance)
    };
    let (house, _) = before_the_turn();
    let first = house.cloud.calls_made() + 1;
    house.live(20);
    for kind in
        [FaultKind::Hang, FaultKind::HangAfterEffect, FaultKind::LostReply, FaultKind::Throttle]
    {
        for call in first..=house.cloud.calls_made() {
            let (house, instance) = before_the_turn();
            house.cloud.inject_at(call, kind.clone());
            house.live(90);
            assert_eq!(slots(&house, &instance), ["nightly 25 02:00"], "{kind:?} at call {call}");
            assert_eq!(
                house.cloud.images_created_for(&instance).len(),
                1,
                "{kind:?} at call {call}"
            );
            assert_eq!(house.family().outcome, Some(Outcome::Complete), "{kind:?} at call {call}");
            assert_eq!(house.cloud.flaws(), Vec::<String>::new());
            assert!(house.cloud.unannounced().is_empty());
        }
    }
}

#[test]
fn a_press_and_a_slot_keep_the_interval_between_them() {
    let mut house = house();
    house.stack.bounds.interval_minutes_min = 30;
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "01:50");
    house.cloud.press(&east(), &instance, "plain");
    house.live(90);
    let families = house.cloud.families();
    let mut made: Vec<_> =
        families_of(&families, &instance).iter().map(|family| family.created_at).collect();
    made.sort();
    assert_eq!(made.len(), 2);
    assert!(seconds_between(made[0], made[1]) >= 30 * 60);
}

#[test]
fn a_refused_press_is_still_to_be_read_when_the_slots_image_is_there_a_moment_later() {
    let house = house();
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "02:00");
    house.tick();
    house.deliver();
    house.cloud.press(&east(), &instance, "nothing");
    house.live(8);
    let rejected = "press: rejected: there is no policy nothing";
    let status = house.status(&instance);
    assert!(
        status.starts_with(rejected) && status.contains("; schedule nightly: available ami-"),
        "{status}"
    );
    house.cloud.put_policy("often", r#"{"limits":{"interval_minutes":1}}"#);
    house.cloud.press(&east(), &instance, "often");
    house.live_by_events(10);
    let status = house.status(&instance);
    assert!(status.starts_with("available ami-"), "the press is answered anew: {status}");
}

#[test]
fn a_press_that_goes_well_does_not_cover_the_slot_that_failed_a_moment_before() {
    let house = house();
    house.cloud.put_policy(
        "nightly",
        r#"{"schedule":{"cron":["0 2 * * *"]},"limits":{"interval_minutes":1}}"#,
    );
    let instance = enrolled(&house, "nightly");
    house.deliver();
    go_to(&house, "02:00");
    house.cloud.fail_next(&east(), "Client.InternalError: Client error on launch");
    house.live(8);
    let failed = "failed: Client.InternalError: Client error on launch";
    assert_eq!(house.status(&instance), failed);
    house.cloud.put_policy("often", r#"{"limits":{"interval_minutes":1}}"#);
    house.cloud.press(&east(), &instance, "often");
    house.live_by_events(1);
    let shown = house.status(&instance);
    assert!(shown.starts_with(&format!("schedule nightly: {failed}; press: ")), "{shown}");
    house.cloud.advance(900);
    house.cloud.press(&east(), &instance, "often");
    house.live_by_events(10);
    let later = house.status(&instance);
    assert!(
        later.starts_with("available ami-"),
        "what failed a quarter of an hour ago makes room: {later}"
    );
}

#[test]
fn three_hundred_instances_that_are_due_at_once_all_get_their_turn_within_the_limit() {
    let mut house = house();
    house.stack.bounds.images_per_hour_max = 100;
    let instances: BTreeSet<InstanceId> = (0..300)
        .map(|_| {
            house.cloud.launch_with(&east(), Launch { tags: tags("nightly"), ..Launch::default() })
        })
        .collect();
    house.sweep();
    house.deliver();
    go_to(&house, "02:00");
    let start = house.cloud.now();
    house.live(5 * 60);
    let families = house.cloud.families();
    let served: BTreeSet<_> = families.iter().map(|family| family.instance.clone()).collect();
    assert_eq!(served, instances, "nobody starves");
    assert_eq!(families.len(), 300, "each once");
    let mut by_hour: BTreeMap<i64, usize> = BTreeMap::new();
    for family in &families {
        *by_hour.entry(seconds_between(start, family.created_at) / 3600).or_default() += 1;
    }
    assert!(by_hour.values().all(|count| *count <= 100), "{by_hour:?}");
    assert!(by_hour.len() <= 4, "{by_hour:?}");
}

#[test]
fn the_window_spreads_instances_and_the_tick_asks_for_nobody_before_their_turn() {
    let house = house();
    for _ in 0..40 {
        house.cloud.launch_with(&east(), Launch { tags: tags("spread"), ..Launch::default() });
    }
    house.sweep();
    house.deliver();
    go_to(&house, "02:00");
    let start = house.cloud.now();
    house.live(150);
    let families = house.cloud.families();
    assert_eq!(families.len(), 40);
    let halves: BTreeSet<i64> =
        families.iter().map(|f| seconds_between(start, f.created_at) / 1800).collect();
    assert!(halves.len() >= 4, "{halves:?}");
}

/// The tick pays for what is due, and nothing for what is not.
#[test]
fn a_thousand_enrolled_instances_that_are_not_due_cost_the_tick_no_call_more() {
    let calls = |count: usize| {
        let house = house();
        for _ in 0..count {
            house.cloud.launch_with(&east(), Launch { tags: tags("nightly"), ..Launch::default() });
        }
        house.sweep();
        house.deliver();
        assert!(house.cloud.waiting(Queue::Create).is_empty());
        let before = house.cloud.calls_made();
        house.tick();
        house.cloud.calls_made() - before
    };
    assert_eq!(calls(0), calls(1000));
}

fn tags(policies: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("amiline:schedule".to_owned(), policies.to_owned())])
}
