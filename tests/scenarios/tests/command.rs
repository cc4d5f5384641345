//! Stories about a person who presses from the command.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

use amiline_app::press::{Answering, Press, PressError, answering, press};
use amiline_app::settings::WatchedStack;
use amiline_domain::family::Outcome;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::tags::TagKeys;
use amiline_fakecloud::{World, block_on};
use amiline_scenarios::{House, east, west};

fn watched(house: &House) -> WatchedStack {
    let stack = house.cloud.bounded_stack(&[]);
    WatchedStack { stack: stack.stack, source_regions: vec![east()], bounds: stack.bounds }
}

fn keys(house: &House) -> TagKeys {
    house.cloud.bounded_stack(&[]).stack.keys
}

fn person(house: &House) -> World {
    house.cloud.as_caller("operator")
}

fn asked(region: Region, instance: &InstanceId, policy: &str) -> Press {
    Press { region, instance: instance.clone(), policy: policy.parse().unwrap() }
}

#[test]
fn a_press_from_the_command_is_answered_by_a_new_family() {
    let house = House::new();
    let instance = house.instance();
    let (person, keys, asked) = (person(&house), keys(&house), asked(east(), &instance, "default"));
    for images in 1..=2 {
        let pressed = block_on(press(&person, &watched(&house), &asked)).unwrap();
        assert!(!pressed.already);
        let answer = || block_on(answering(&person, &keys, &asked, &pressed)).unwrap();
        assert_eq!(answer(), Answering::Waiting, "the family of an earlier press is no answer");
        let again = block_on(press(&person, &watched(&house), &asked)).unwrap();
        assert!(again.already, "nothing is written twice");
        house.live_by_events(10);
        let Answering::Family(family) = answer() else { panic!("{:?}", answer()) };
        assert_eq!(family.outcome, Some(Outcome::Complete));
        assert_eq!(house.cloud.images_created_for(&instance).len(), images);
    }
}

#[test]
fn a_press_of_which_no_image_can_come_is_refused_before_anything_is_written() {
    let house = House::new();
    let instance = house.instance();
    let nobody: InstanceId = "i-00000000000000009".parse().unwrap();
    let refused = |region, instance: &InstanceId, policy: &str| {
        let asked = asked(region, instance, policy);
        block_on(press(&person(&house), &watched(&house), &asked)).unwrap_err()
    };
    assert!(matches!(refused(east(), &instance, "nobody"), PressError::NoSuchPolicy(_)));
    assert!(matches!(refused(east(), &nobody, "default"), PressError::NoSuchInstance { .. }));
    assert!(matches!(refused(west(), &instance, "default"), PressError::NotWatched { .. }));
    house.cloud.press(&east(), &instance, "plain");
    let taken = refused(east(), &instance, "default").to_string();
    assert!(taken.contains("is pressed for plain already"), "{taken}");
    assert_eq!(house.cloud.effects_of("ec2:CreateTags"), 0);
}
