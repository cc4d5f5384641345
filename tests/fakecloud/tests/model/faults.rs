//! The gate, the faults and the executor.

use crate::{cloud, create, east};
use amiline_app::functions::Queue;
use amiline_app::ports::{Clock, ImageCreator, InstanceReader, KillSwitch, Messenger};
use amiline_domain::fault::Fault;
use amiline_domain::ids::InstanceId;
use amiline_fakecloud::{FakeCloud, FaultKind, FaultRule, Order, Race, World, block_on, run};

async fn two_calls(world: World, instance: InstanceId) -> &'static str {
    world.instance(&east(), &instance).await.unwrap();
    world.create_image(&create(&instance, instance.as_str())).await.unwrap();
    "done"
}

fn create_fault(kind: FaultKind) -> FaultRule {
    FaultRule::new(kind).caller("create-image").action("ec2:CreateImage").region("us-east-1").once()
}

#[test]
fn each_kind_of_fault_tells_the_caller_what_it_would_learn_from_aws() {
    let table = [
        (FaultKind::Throttle, Fault::Later, 0),
        (FaultKind::Denied, Fault::NeedsPerson, 0),
        (FaultKind::ServerError, Fault::Unknown, 0),
        (FaultKind::Timeout, Fault::Unknown, 0),
        (FaultKind::Refused("TagLimitExceeded".to_owned(), "x".to_owned()), Fault::Reject, 0),
        (FaultKind::LostReply, Fault::Unknown, 1),
    ];
    for (kind, fault, images) in table {
        let cloud = cloud();
        let instance = cloud.launch(&east());
        cloud.inject(create_fault(kind.clone()).about(instance.as_str()));
        let world = cloud.as_caller("create-image");
        let error = block_on(world.create_image(&create(&instance, "one"))).unwrap_err();
        assert_eq!(error.fault, fault, "{kind:?}");
        assert_eq!(cloud.images_created_for(&instance).len(), images, "{kind:?}");
        assert_eq!(cloud.effects_of("ec2:CreateImage"), images);
        cloud.advance(20);
        assert!(block_on(world.create_image(&create(&instance, "two"))).is_ok(), "only once");
    }
}

#[test]
fn a_hanging_call_is_a_crash_before_or_after_its_effect() {
    for (kind, images) in [(FaultKind::Hang, 0), (FaultKind::HangAfterEffect, 1)] {
        let cloud = cloud();
        let instance = cloud.launch(&east());
        cloud.inject(create_fault(kind));
        assert_eq!(run(two_calls(cloud.as_caller("create-image"), instance.clone())), None);
        assert_eq!(cloud.images_created_for(&instance).len(), images);
    }
}

#[test]
fn a_caller_dies_after_any_number_of_calls() {
    for calls in 0..3 {
        let cloud = cloud();
        let instance = cloud.launch(&east());
        let world = cloud.as_caller("create-image").dying_after(calls);
        let ended = run(two_calls(world.clone(), instance));
        assert_eq!(ended.is_some(), calls >= 2);
        assert_eq!((world.calls_made(), cloud.calls_made()), (calls, calls));
        assert_eq!(cloud.trace().contains("dropped before it was made"), calls < 2);
    }
}

#[test]
fn a_fault_can_be_put_on_any_one_call_by_its_number() {
    for (number, created) in [(1, 0), (2, 1)] {
        let cloud = cloud();
        let instance = cloud.launch(&east());
        cloud.inject_at(number, FaultKind::HangAfterEffect);
        assert_eq!(run(two_calls(cloud.as_caller("create-image"), instance)), None);
        assert_eq!(cloud.effects_of("ec2:CreateImage"), created);
    }
}

#[test]
fn a_function_may_decide_about_every_call() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    cloud.decide_faults(|call| (call.index == 2).then_some(FaultKind::Throttle));
    let world = cloud.as_caller("x");
    let ask = || block_on(world.instance(&east(), &instance)).is_ok();
    assert_eq!([ask(), ask(), ask()], [true, false, true]);
    cloud.clear_faults();
}

fn race(order: Order) -> (FakeCloud, Vec<Option<&'static str>>) {
    let cloud = cloud();
    let mut race = Race::new();
    for _ in 0..3 {
        let instance = cloud.launch(&east());
        race.add(two_calls(cloud.as_caller("create-image"), instance));
    }
    let ended = race.run(order);
    (cloud, ended)
}

#[test]
fn invocations_take_turns_at_every_call_and_the_same_order_gives_the_same_trace() {
    let first_create = |order| {
        let (cloud, ended) = race(order);
        assert_eq!(ended, vec![Some("done"); 3]);
        let actions: Vec<&str> = cloud.effects().iter().map(|effect| effect.action).collect();
        (actions.iter().position(|action| *action == "ec2:CreateImage").unwrap(), cloud.trace())
    };
    assert_eq!(first_create(Order::RoundRobin).0, 3, "all of them read before one writes");
    assert_eq!(first_create(Order::Given(vec![1, 1, 1])).0, 1);
    let traces: Vec<String> = (0..8).map(|seed| first_create(Order::Seeded(seed)).1).collect();
    for (seed, trace) in (0..8).zip(&traces) {
        assert_eq!(first_create(Order::Seeded(seed)).1, *trace);
    }
    assert!(traces.iter().any(|trace| *trace != traces[0]), "seeds differ");
}

#[test]
fn the_dead_do_not_hold_up_the_others() {
    let cloud = cloud();
    let (one, two) = (cloud.launch(&east()), cloud.launch(&east()));
    let mut race = Race::new();
    race.add(two_calls(cloud.as_caller("create-image").dying_after(1), one.clone()));
    race.add(two_calls(cloud.as_caller("create-image"), two));
    assert_eq!(race.run(Order::RoundRobin), [None, Some("done")]);
    assert!(cloud.images_created_for(&one).is_empty());
}

#[test]
fn a_delayed_call_lets_the_others_go_first() {
    let cloud = cloud();
    let (one, two) = (cloud.launch(&east()), cloud.launch(&east()));
    cloud.inject_at(1, FaultKind::Delay(10));
    let mut race = Race::new();
    race.add(two_calls(cloud.as_caller("slow"), one));
    race.add(two_calls(cloud.as_caller("fast"), two));
    race.run(Order::RoundRobin);
    assert_eq!(
        cloud.effects().iter().map(|effect| &*effect.caller).collect::<Vec<_>>(),
        ["fast", "fast", "slow", "slow"]
    );
}

#[test]
fn time_passes_as_the_test_says() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let start = cloud.now();
    cloud.set_call_millis(500);
    let world = cloud.as_caller("x");
    block_on(two_calls(world.clone(), instance));
    assert_eq!(world.now(), start + jiff::SignedDuration::from_secs(1));
    assert_eq!(world.clone().skewed(-300).now(), start - jiff::SignedDuration::from_secs(299));
}

#[test]
fn a_kill_switch_that_cannot_be_read_or_understood_is_on() {
    let cloud = cloud();
    let world = cloud.as_caller("x");
    let on = || block_on(world.is_on());
    assert!(!on());
    cloud.set_kill_switch(true);
    assert!(on());
    cloud.set_kill_switch_value(Some("perhaps"));
    assert!(on());
    cloud.set_kill_switch_value(Some(""));
    assert!(on());
    cloud.set_kill_switch_value(None);
    assert!(!on());
    cloud.inject(FaultRule::new(FaultKind::Denied).action("ssm:GetParameter"));
    assert!(on());
}

#[test]
fn calls_are_counted_and_mutations_told_apart() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("create-image");
    block_on(two_calls(world.clone(), instance));
    block_on(world.send(Queue::Distribute, &[])).unwrap();
    assert_eq!((cloud.calls_made(), cloud.mutations()), (2, 1));
    assert_eq!(cloud.call_counts().len(), 2);
    assert!(
        cloud.trace().contains("#2 create-image ec2:CreateImage us-east-1 i-"),
        "{}",
        cloud.trace()
    );
}
