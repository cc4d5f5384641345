//! Stories about pressing the button.

use amiline_app::functions::Queue;
use amiline_app::switch::{standing, turn};
use amiline_domain::family::Outcome;
use amiline_domain::image::RootDevice;
use amiline_domain::switch::Position;
use amiline_fakecloud::{
    Delivery, EventKind, FaultKind, FaultRule, Launch, Order, Race, Turn, Turns, block_on, region,
};
use amiline_scenarios::{House, POLICY, east};

#[test]
fn a_press_ends_with_images_in_three_regions_and_the_button_springs_back() {
    let house = House::new();
    let instance = house.pressed("default");
    house.live_by_events(10);
    house.assert_at_rest(Outcome::Complete);
    assert!(!house.is_pressed(&instance));
    let family = house.family();
    let source = family.source_image().unwrap();
    assert_eq!(house.status(&instance), format!("available {source} in 3 Regions"));
    assert_eq!(
        house.cloud.copies_of(source).len(),
        2,
        "the source is under the policy's key: no copy at home"
    );
}

#[test]
fn the_same_event_twenty_times_with_overlapping_invocations_makes_one_image() {
    for seed in 0..50 {
        let house = House::new();
        house.cloud.deliver(EventKind::TagChange, Delivery::Times(20));
        let instance = house.pressed("default");
        let messages: Vec<_> = std::iter::from_fn(|| house.cloud.take(Queue::Create)).collect();
        assert_eq!(messages.len(), 20);
        let mut race = Race::new();
        for message in &messages {
            race.add(house.handle(house.cloud.as_caller("create-image"), Queue::Create, message));
        }
        for (message, result) in messages.iter().zip(race.run(Order::Seeded(seed))) {
            // Whoever loses a race too often lets the message come again.
            if !matches!(result, Some(Ok(()))) {
                house.cloud.give_back(Queue::Create, message.clone());
            }
        }
        house.live(15);
        assert_eq!(house.cloud.images_created_for(&instance).len(), 1, "seed {seed}");
        house.assert_at_rest(Outcome::Complete);
        assert_eq!(house.cloud.effects_of("ec2:CreateImage"), 1, "seed {seed}");
        for event in ["image-creating", "image-available", "family-complete"] {
            assert_eq!(house.cloud.notices_of(event), 1, "{event}, seed {seed}");
        }
    }
}

#[test]
fn a_tool_that_puts_the_button_back_is_answered_each_time_and_told_of_once_until_it_changes_or_a_day_is_over()
 {
    let house = House::new();
    let instance = house.instance();
    let press = |value: &str| {
        house.cloud.press(&east(), &instance, value);
        house.live_by_events(1);
        assert!(!house.is_pressed(&instance), "each is answered");
        (house.cloud.families().len(), house.cloud.notices_of("request-rejected"))
    };
    for _ in 0..30 {
        assert_eq!(press("no-such-policy"), (1, 1));
        assert!(house.status(&instance).starts_with("rejected: there is no policy no-such-policy"));
    }
    assert_eq!(press("another"), (2, 2), "another refusal");
    assert_eq!(press("no-such-policy"), (3, 3), "it changed");
    assert_eq!(press("no-such-policy"), (3, 3));
    house.cloud.advance(86_400);
    assert_eq!(press("no-such-policy"), (4, 4), "a day is over");
    let told = house.cloud.notices();
    assert!(
        told.last().unwrap().field("reason/text").contains("(refused once more since "),
        "{told:?}"
    );
    // An image in between is news, and so is the next refusal.
    house.cloud.put_policy("no-such-policy", "{}");
    house.cloud.press(&east(), &instance, "no-such-policy");
    house.live_by_events(10);
    house.cloud.delete_policy("no-such-policy");
    house.cloud.advance(120);
    assert_eq!(press("no-such-policy").1, 5);
}

#[test]
fn a_press_after_the_answer_makes_a_second_family() {
    let house = House::new();
    let instance = house.pressed("plain");
    house.live_by_events(5);
    assert!(house.status(&instance).starts_with("available"));
    house.cloud.press(&east(), &instance, "plain");
    house.live_by_events(5);
    assert_eq!(house.cloud.families().len(), 2);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 2);
}

#[test]
fn a_press_in_the_very_second_of_the_answer_is_heard_at_once() {
    let house = House::new();
    house.cloud.set_create_seconds(&east(), Some(0));
    let instance = house.pressed("plain");
    while !house.status(&instance).starts_with("available") {
        house.cloud.advance(1);
        house.deliver();
    }
    house.cloud.press(&east(), &instance, "plain");
    house.deliver();
    assert_eq!(house.cloud.families().len(), 2);
}

#[test]
fn two_presses_before_the_answer_make_one_image() {
    let house = House::new();
    let instance = house.pressed("plain");
    house.deliver();
    house.cloud.untag(&east(), &instance, "amiline:image");
    house.cloud.press(&east(), &instance, "plain");
    house.live(10);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn another_value_waits_for_the_answer_and_is_heard_then() {
    let house = House::new();
    let instance = house.pressed("plain");
    house.deliver();
    house.cloud.press(&east(), &instance, "default");
    house.live(30);
    let requested: Vec<_> =
        house.cloud.families().iter().map(|family| family.requested.clone()).collect();
    assert_eq!(house.cloud.images_created_for(&instance).len(), 2, "{requested:?}");
    assert!(!house.is_pressed(&instance));
}

/// A press of `first` whose image takes ten minutes, while somebody tags `plain`. `answered` says
/// what becomes of the event of our answer.
fn overtaken(answered: Delivery) -> House {
    let house = House::new();
    house.cloud.put_policy("first", "{}");
    house.cloud.set_create_seconds(&east(), Some(600));
    let instance = house.pressed("first");
    house.deliver();
    house.cloud.press(&east(), &instance, "plain");
    house.deliver();
    assert!(!asked_for(&house, "plain"), "it waits");
    let status = house.status(&instance);
    assert!(status.starts_with("creating ami-"), "{status}");
    assert!(status.ends_with("; \"plain\" waits until this press is answered"), "{status}");
    house.cloud.deliver(EventKind::TagChange, answered);
    house.cloud.advance(700);
    house.deliver();
    house
}

fn asked_for(house: &House, value: &str) -> bool {
    house.cloud.families().iter().any(|family| family.requested == value)
}

#[test]
fn a_value_that_is_changed_back_waits_for_nothing() {
    let house = House::new();
    house.cloud.set_create_seconds(&east(), Some(600));
    let instance = house.pressed("default");
    house.deliver();
    let alone = house.status(&instance);
    for value in ["plain", "default"] {
        house.cloud.advance(10);
        house.cloud.press(&east(), &instance, value);
        house.deliver();
        assert_eq!(
            house.status(&instance) == alone,
            value == "default",
            "{}",
            house.status(&instance)
        );
    }
}

/// Two presses within seconds: the second one's event finds the first one's family leased.
#[test]
fn a_value_that_comes_while_the_image_is_asked_for_is_named_as_well() {
    let house = House::new();
    house.cloud.put_policy("first", "{}");
    house.cloud.set_create_seconds(&east(), Some(600));
    let instance = house.pressed("first");
    let first = house.cloud.take(Queue::Create).expect("the event of the press");
    let turns = Turns::default();
    let mut handling =
        Box::pin(house.handle(house.cloud.as_caller("create-image"), Queue::Create, &first));
    while house.cloud.calls("create-image", "ec2:CreateImage") == 0 {
        assert!(matches!(turns.give(handling.as_mut()), Turn::Yielded));
    }
    // The family is leased.
    house.cloud.press(&east(), &instance, "plain");
    house.deliver();
    assert!(matches!(block_on(handling), Ok(())));
    let status = house.status(&instance);
    assert!(status.ends_with("; \"plain\" waits until this press is answered"), "{status}");
}

#[test]
fn another_value_is_taken_up_at_the_event_of_the_answer_without_a_tick() {
    let house = overtaken(Delivery::AtOnce);
    assert!(asked_for(&house, "plain"), "{}", house.cloud.trace());
}

#[test]
fn another_value_is_taken_up_by_the_next_tick_if_the_event_of_the_answer_is_lost() {
    let house = overtaken(Delivery::Dropped);
    assert!(!asked_for(&house, "plain"));
    house.tick();
    house.deliver();
    assert!(asked_for(&house, "plain"), "{}", house.cloud.trace());
}

#[test]
fn the_kill_switch_keeps_what_an_events_time_vouched_for() {
    let house = House::new();
    let instance = house.pressed("unknown");
    house.deliver();
    assert!(!house.is_pressed(&instance));
    house.cloud.set_kill_switch(true);
    house.cloud.advance(30);
    house.cloud.press(&east(), &instance, "plain");
    house.deliver();
    house.cloud.set_kill_switch(false);
    house.cloud.advance(25);
    house.tick();
    house.deliver();
    assert!(asked_for(&house, "plain"), "the first tick takes it up: {}", house.cloud.trace());
}

#[test]
fn our_own_removal_of_the_tag_makes_no_image_even_if_the_rule_lets_it_through() {
    let house = House::new();
    house.cloud.set_rule_wants_button(false);
    let instance = house.pressed("plain");
    house.live(30);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn reads_that_lag_behind_our_removal_make_no_second_image() {
    let house = House::new();
    house.cloud.set_lag(&east(), 90);
    let instance = house.pressed("plain");
    house.live(60);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn a_person_who_takes_the_tag_off_before_the_event_arrives_gets_no_image() {
    let house = House::new();
    let instance = house.pressed("plain");
    house.cloud.untag(&east(), &instance, "amiline:image");
    house.live(20);
    assert!(house.cloud.images_created_for(&instance).is_empty());
    assert!(house.cloud.families().is_empty());
}

#[test]
fn with_every_event_dropped_the_tick_brings_it_to_the_same_end() {
    let house = House::new();
    house.cloud.deliver_all(Delivery::Dropped);
    house.pressed("default");
    house.live(60);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn each_refusal_is_recorded_announced_and_answered_on_the_instance() {
    let house = House::new();
    house.cloud.put_policy("broken", "{\"shares\":{}}");
    house.cloud.put_policy("far", r#"{"distribute":{"regions":["ap-southeast-3"]}}"#);
    house.cloud.put_policy("nokey", r#"{"share":{"accounts":["222222222222"]}}"#);
    let cases = [
        ("nope", "rejected: there is no policy nope"),
        ("broken", "rejected: policy broken: policy is not valid at line 1"),
        ("far", "rejected: policy far: policy copies to ap-southeast-3"),
        ("nokey", "rejected: policy nokey: policy shares images but names no customer-managed key"),
        ("a b", "rejected: \"a b\" is not a valid policy name"),
    ];
    for (value, answer) in cases {
        let instance = house.pressed(value);
        house.deliver();
        let status = house.status(&instance);
        assert!(status.starts_with(answer), "{value}: {status}");
        assert!(!house.is_pressed(&instance), "{value}");
        assert!(house.cloud.images_created_for(&instance).is_empty());
    }
    assert_eq!(house.cloud.notices_of("request-rejected"), cases.len());
}

#[test]
fn an_instance_store_root_is_refused() {
    let house = House::new();
    let launch = Launch { root_device: RootDevice::InstanceStore, ..Launch::default() };
    let instance = house.cloud.launch_with(&east(), launch);
    house.cloud.press(&east(), &instance, "plain");
    house.deliver();
    assert!(
        house.status(&instance).starts_with("rejected: the instance has an instance-store root")
    );
}

#[test]
fn a_terminated_instance_is_refused_though_it_may_have_nowhere_to_say_so() {
    let house = House::new();
    let instance = house.pressed("plain");
    house.cloud.terminate(&east(), &instance);
    house.live(10);
    assert_eq!(house.cloud.notices_of("request-rejected"), 1);
    assert!(house.cloud.due().is_empty());
}

#[test]
fn an_instance_in_a_region_that_is_not_allowed_is_told_so() {
    let house = House::new();
    let far = region("ap-southeast-3");
    let instance = house.cloud.launch(&far);
    house.cloud.press(&far, &instance, "plain");
    house.deliver();
    let status = house.cloud.tag_of(&far, &instance, "amiline:status").unwrap_or_default();
    assert!(status.starts_with("rejected: Region ap-southeast-3 is not allowed"), "{status}");
    assert_eq!(house.cloud.effects_of("ec2:CreateImage"), 0);
}

#[test]
fn two_hundred_presses_at_once_make_fifty_images_and_a_hundred_and_fifty_clear_answers() {
    let house = House::new();
    let instances: Vec<_> = (0..200).map(|_| house.pressed("plain")).collect();
    house.live(30);
    let made = instances.iter().filter(|id| !house.cloud.images_created_for(id).is_empty()).count();
    let refused = instances
        .iter()
        .filter(|id| house.status(id).starts_with("rejected: over the limit of 50"))
        .count();
    assert_eq!((made, refused), (50, 150));
    assert!(instances.iter().all(|id| !house.is_pressed(id)));
    assert!(house.cloud.dead_letters(Queue::Create).is_empty());
}

#[test]
fn five_workers_at_once_share_the_hours_limit_without_going_over_it() {
    for seed in 0..20 {
        let mut house = House::new();
        house.stack.bounds.images_per_hour_max = 3;
        let instances: Vec<_> = (0..5).map(|_| house.pressed("plain")).collect();
        let messages: Vec<_> = std::iter::from_fn(|| house.cloud.take(Queue::Create)).collect();
        let mut race = Race::new();
        for message in &messages {
            race.add(house.handle(house.cloud.as_caller("create-image"), Queue::Create, message));
        }
        race.run(Order::Seeded(seed));
        house.live(15);
        let made =
            instances.iter().filter(|id| !house.cloud.images_created_for(id).is_empty()).count();
        assert_eq!(made, 3, "seed {seed}");
    }
}

#[test]
fn an_instance_imaged_minutes_ago_is_told_when_it_may_be_again() {
    let mut house = House::new();
    house.stack.bounds.interval_minutes_min = 60;
    let instance = house.pressed("plain");
    house.live_by_events(5);
    house.cloud.press(&east(), &instance, "plain");
    house.deliver();
    let status = house.status(&instance);
    assert!(
        status.starts_with("rejected: this instance may be imaged again at 2026-11-24T13:00"),
        "{status}"
    );
}

#[test]
fn with_the_kill_switch_on_nothing_changes_and_off_again_the_work_goes_on() {
    let house = House::new();
    house.cloud.set_kill_switch(true);
    let instance = house.pressed("default");
    house.live(30);
    assert_eq!(house.cloud.mutations(), 0, "{}", house.cloud.trace());
    house.cloud.set_kill_switch(false);
    house.live(30);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn the_kill_switch_in_the_middle_holds_what_is_under_way() {
    let house = House::new();
    house.pressed("default");
    house.deliver();
    house.cloud.set_kill_switch(true);
    let before = house.cloud.mutations();
    house.live(30);
    assert_eq!(house.cloud.mutations(), before);
    house.cloud.set_kill_switch(false);
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn a_reboot_happens_only_if_the_policy_says_so() {
    let house = House::new();
    house.cloud.put_policy("restart", r#"{"create":{"reboot":true}}"#);
    for (policy, reboots) in [("plain", 0), ("reboot", 0), ("restart", 1)] {
        let instance = house.pressed(policy);
        house.live_by_events(3);
        assert_eq!(house.cloud.instance_now(&east(), &instance).reboots, reboots, "{policy}");
    }
}

#[test]
fn a_throttled_create_is_tried_again_later_with_the_same_name() {
    let house = House::new();
    house.cloud.inject(FaultRule::new(FaultKind::Throttle).action("ec2:CreateImage").times(3));
    let instance = house.pressed("plain");
    house.live(60);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn a_policy_edit_does_not_change_what_is_under_way() {
    let house = House::new();
    house.pressed("default");
    house.deliver();
    house.cloud.put_policy("default", "{}");
    house.live(15);
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(house.family().rows.len(), 3);
    assert_eq!(
        house.family().policy.unwrap().hash,
        amiline_domain::policy::Policy::hash(POLICY).as_str()
    );
}

#[test]
fn whoever_turns_the_kill_switch_is_announced_with_their_reason_and_the_switch_is_turned_first() {
    let house = House::new();
    let jane = house.cloud.as_caller("jane");
    let stack = &house.stack.stack;
    let on = || {
        block_on(turn(
            &jane,
            (&stack.name, &stack.home),
            Position::On,
            Some("the network is being moved"),
        ))
    };
    // Nobody can be told who it was, and yet everything stops.
    house.cloud.inject(FaultRule::new(FaultKind::Denied).action("sts:GetCallerIdentity"));
    let error = on().unwrap_err().to_string();
    assert!(error.starts_with("the kill switch is on, but nobody is told of it"), "{error}");
    let instance = house.pressed("default");
    house.live(30);
    assert_eq!(house.cloud.mutations(), 0, "{}", house.cloud.trace());

    house.cloud.clear_faults();
    on().unwrap();
    block_on(turn(&jane, (&stack.name, &stack.home), Position::Off, None)).unwrap();
    house.live(30);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    for (event, words) in [
        ("kill-switch-on", "user/jane: the network is being moved"),
        ("kill-switch-off", "user/jane"),
    ] {
        let notices: Vec<_> =
            house.cloud.notices().into_iter().filter(|n| n.field("event") == event).collect();
        let [notice] = notices.as_slice() else { panic!("{event} is announced once") };
        assert!(notice.field("reason/text").contains(words), "{}", notice.notice.json);
    }
    let standing = block_on(standing(&jane, &stack.name)).unwrap();
    assert_eq!(standing.turned().map(|turned| turned.to), Some(Position::Off));
}
