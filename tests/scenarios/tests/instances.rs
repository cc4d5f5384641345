//! Stories about the instance's state: pressed or due while it is pending, gone before the call, a
//! member of a group.

use amiline_app::functions::Queue;
use amiline_domain::family::{Outcome, RowState};
use amiline_domain::ids::InstanceId;
use amiline_domain::image::InstanceState;
use amiline_domain::message::family_due_early;
use amiline_domain::reason::{ImageReason, Rejection};
use amiline_fakecloud::{FaultKind, FaultRule, Launch, Volume};
use amiline_scenarios::{House, east};

fn launched(house: &House, launch: Launch) -> InstanceId {
    let volumes = vec![Volume::Under("alias/amiline".to_owned())];
    house.cloud.launch_with(&east(), Launch { volumes, ..launch })
}

/// An instance that is pending for so many seconds; for ever without.
fn pending(house: &House, seconds: Option<i64>) -> InstanceId {
    launched(house, Launch { pending_seconds: seconds, ..Launch::default() })
}

#[test]
fn a_pending_instance_is_waited_for_without_a_call_and_told_so() {
    let house = House::new();
    let instance = pending(&house, Some(40));
    house.cloud.press(&east(), &instance, "default");
    house.deliver();
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 0);
    assert_eq!(house.status(&instance), "waiting until the instance runs");
    assert!(house.is_pressed(&instance), "the press is under way");
    house.live(20);
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 1);
    assert!(house.status(&instance).starts_with("available ami-"), "{}", house.status(&instance));
}

#[test]
fn a_slot_of_a_pending_instance_waits_alike() {
    let house = House::new();
    let policy = r#"{"schedule":{"cron":["*/30 * * * *"],"time_zone":"UTC"}}"#;
    house.cloud.put_policy("half-hourly", policy);
    let instance = house.instance();
    house.cloud.enrol(&east(), &instance, "half-hourly");
    house.live(28);
    house.cloud.set_instance_state(&east(), &instance, InstanceState::Pending);
    house.live(10);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 0);
    assert_eq!(house.status(&instance), "waiting until the instance runs");
    house.cloud.set_instance_state(&east(), &instance, InstanceState::Running);
    house.live(15);
    house.assert_at_rest_but_enrolled(Outcome::Complete);
}

#[test]
fn an_instance_that_stays_pending_for_thirty_minutes_is_given_up_with_a_clear_answer() {
    let house = House::new();
    let instance = pending(&house, None);
    house.cloud.press(&east(), &instance, "default");
    house.live(25);
    assert_eq!(house.family().outcome, None);
    house.live(15);
    house.assert_at_rest(Outcome::Failed);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 0);
    let status = house.status(&instance);
    assert!(
        status.contains("still pending after 30 minutes") && status.contains("tag it again"),
        "{status}"
    );
    assert!(!house.is_pressed(&instance));
}

#[test]
fn an_instance_that_is_terminated_while_it_is_waited_for_ends_the_press() {
    let house = House::new();
    let instance = pending(&house, None);
    house.cloud.press(&east(), &instance, "default");
    house.live(6);
    house.cloud.terminate(&east(), &instance);
    house.live(10);
    house.assert_at_rest(Outcome::Failed);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 0);
    let unfit = ImageReason::Unfit { rejection: Rejection::Terminated };
    assert_eq!(house.family().source().unwrap().reason, Some(unfit));
}

#[test]
fn a_refusal_between_the_read_and_the_call_is_later_and_the_next_read_decides() {
    let refused = |house: &House| {
        let text = "Instance is not in state 'running' or 'stopping' or 'stopped'".to_owned();
        let kind = FaultKind::Refused("InvalidParameterValue".to_owned(), text);
        house.cloud.inject(FaultRule::new(kind).action("ec2:CreateImage").once());
    };
    let house = House::new();
    refused(&house);
    house.pressed("default");
    house.live(20);
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 2);

    let house = House::new();
    refused(&house);
    let instance = house.pressed("default");
    house.deliver();
    house.cloud.set_instance_state(&east(), &instance, InstanceState::ShuttingDown);
    house.live(20);
    house.assert_at_rest(Outcome::Failed);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 1);
}

#[test]
fn reads_that_lag_behind_a_start_do_not_end_the_family() {
    let house = House::new();
    let instance = house.instance();
    house.cloud.advance(600);
    house.cloud.set_lag(&east(), 240);
    house.cloud.set_instance_state(&east(), &instance, InstanceState::Pending);
    house.cloud.press(&east(), &instance, "default");
    house.cloud.advance(240);
    // What is read from now on is four minutes old: it shows the instance as it was before it was
    // started.
    house.cloud.set_lag(&east(), 300);
    house.live(9);
    house.cloud.set_instance_state(&east(), &instance, InstanceState::Running);
    house.live(40);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn an_invalid_call_ends_within_the_hour_though_its_code_may_mean_the_state() {
    let house = House::new();
    let kind = FaultKind::Refused(
        "InvalidParameterValue".to_owned(),
        "Value (x) for parameter y is invalid".to_owned(),
    );
    house.cloud.inject(FaultRule::new(kind).action("ec2:CreateImage"));
    house.pressed("default");
    house.live(40);
    house.assert_at_rest(Outcome::Failed);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 4);
}

#[test]
fn a_member_of_an_auto_scaling_group_is_not_rebooted_and_the_answer_says_what_to_do() {
    let house = House::new();
    house.cloud.put_policy("reboots", r#"{"create":{"reboot":true}}"#);
    let tags = [("aws:autoscaling:groupName".to_owned(), "shop".to_owned())].into();
    let instance = launched(&house, Launch { tags, ..Launch::default() });
    house.cloud.press(&east(), &instance, "reboots");
    house.live(5);
    let status = house.status(&instance);
    assert!(status.starts_with("rejected: ") && status.contains("Auto Scaling group"), "{status}");
    let reason = house.cloud.families()[0].status.clone().unwrap();
    assert!(reason.contains("the group replaces a member that reboots"), "{reason}");
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 0);
    assert_eq!(house.cloud.instance_now(&east(), &instance).reboots, 0);
}

#[test]
fn images_of_an_instance_with_hibernation_say_that_they_may_not_boot() {
    let house = House::new();
    let instance = launched(&house, Launch { hibernation: true, ..Launch::default() });
    house.cloud.press(&east(), &instance, "default");
    house.live(15);
    house.assert_at_rest(Outcome::Complete);
    let status = house.status(&instance);
    assert!(status.ends_with("in 3 Regions (may not boot: hibernation is configured)"), "{status}");
}

#[test]
fn looks_that_show_nothing_new_write_nothing() {
    let house = House::new();
    house.cloud.inject(FaultRule::new(FaultKind::Timeout).action("ec2:CreateImage").once());
    house.pressed("default");
    house.deliver();
    assert_eq!(house.family().source().unwrap().state, RowState::Calling, "its outcome is unknown");
    let written = house.family();
    let transactions = house.cloud.effects_of("dynamodb:TransactWriteItems");
    for _ in 0..5 {
        house.cloud.advance(2);
        house.cloud.push(Queue::Create, &family_due_early(&written.id));
        house.deliver();
    }
    assert!(house.cloud.calls("create-image", "ec2:DescribeImages") >= 5, "they looked");
    assert_eq!(house.cloud.effects_of("dynamodb:TransactWriteItems"), transactions);
    assert_eq!(house.family(), written);
    house.live(20);
    house.assert_at_rest(Outcome::Complete);
}
