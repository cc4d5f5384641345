//! Events, rules and queues.

use crate::{cloud, create, east, west};
use amiline_app::functions::Queue;
use amiline_app::ports::{ImageCreator, Messenger};
use amiline_domain::image::ImageState;
use amiline_domain::message::{Message, decode};
use amiline_fakecloud::{Delivery, EventKind, FakeCloud, Forged, Launch, block_on, receives_max};

fn queued(cloud: &FakeCloud, queue: Queue) -> Vec<Message> {
    cloud.waiting(queue).iter().map(|message| decode(&message.body).unwrap()).collect()
}

#[test]
fn a_pressed_button_reaches_create_image_with_all_tags_and_other_tags_do_not() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    cloud.tag(&east(), &instance, "Name", "web");
    assert!(cloud.waiting(Queue::Create).is_empty());
    cloud.advance(1);
    cloud.press(&east(), &instance, "default");
    let Message::InstanceTagged(event) = &queued(&cloud, Queue::Create)[0] else {
        panic!("a tag event")
    };
    assert_eq!((&event.instance, &event.region, event.time), (&instance, &east(), cloud.now()));
    assert_eq!(event.changed_keys, ["amiline:image"]);
    assert_eq!(event.tags.len(), 2);
    cloud.press(&east(), &instance, "default");
    assert_eq!(cloud.waiting(Queue::Create).len(), 1, "the same value is no change");
}

#[test]
fn the_removal_of_the_button_wakes_nobody_unless_the_rule_is_loose() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    cloud.press(&east(), &instance, "default");
    cloud.untag(&east(), &instance, "amiline:image");
    assert_eq!(cloud.waiting(Queue::Create).len(), 1);
    assert_eq!(cloud.events().len(), 2);
    cloud.set_rule_wants_button(false);
    cloud.press(&east(), &instance, "default");
    cloud.untag(&east(), &instance, "amiline:image");
    assert_eq!(cloud.waiting(Queue::Create).len(), 3);
}

#[test]
fn a_tag_at_launch_is_announced_by_nobody() {
    let cloud = cloud();
    let tags = crate::tags(&[("amiline:image", "default")]);
    cloud.launch_with(&east(), Launch { tags, ..Launch::default() });
    assert!(cloud.events().is_empty());
}

#[test]
fn image_states_reach_distribute_image_from_every_forwarded_region() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let image = block_on(cloud.as_caller("x").create_image(&create(&instance, "one"))).unwrap();
    assert!(cloud.waiting(Queue::Distribute).is_empty(), "EC2 announces no pending image");
    cloud.advance(60);
    cloud.disable(&east(), &image);
    cloud.enable(&east(), &image);
    cloud.deregister(&east(), &image);
    let states: Vec<ImageState> = queued(&cloud, Queue::Distribute)
        .into_iter()
        .map(|wake| match wake {
            Message::ImageState(event) => event.state,
            other => panic!("{other:?}"),
        })
        .collect();
    use ImageState::{Available, Deregistered, Disabled};
    assert_eq!(states, [Available, Disabled, Available, Deregistered]);
    cloud.set_forwarded(&west(), false);
    cloud.forge(&west(), Forged { name: "theirs".to_owned(), ..Forged::default() }).unwrap();
    assert_eq!(cloud.waiting(Queue::Distribute).len(), 4);
}

#[test]
fn events_are_lost_repeated_held_and_late() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let mut value = 0;
    let mut press = |delivery| {
        cloud.deliver(EventKind::TagChange, delivery);
        value += 1;
        cloud.press(&east(), &instance, &format!("p{value}"));
        cloud.waiting(Queue::Create).len()
    };
    assert_eq!(press(Delivery::Dropped), 0);
    assert_eq!(press(Delivery::Times(20)), 20);
    assert_eq!(press(Delivery::Held), 20);
    assert_eq!(press(Delivery::Held), 20);
    assert_eq!(press(Delivery::After(30)), 20);
    assert!(cloud.release_held(1) && cloud.held_events().len() == 1);
    assert!(cloud.waiting(Queue::Create)[20].body.contains("p4"));
    cloud.release_all_held();
    cloud.advance(30);
    assert_eq!(cloud.waiting(Queue::Create).len(), 23);
    cloud.replay_events();
    assert_eq!(cloud.waiting(Queue::Create).len(), 28);
}

#[test]
fn events_of_images_come_at_their_own_moments() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    block_on(cloud.as_caller("x").create_image(&create(&instance, "one"))).unwrap();
    let due = cloud.now() + jiff::SignedDuration::from_secs(60);
    cloud.advance(3600);
    assert_eq!(cloud.events()[0].at, due);
    assert_eq!(cloud.waiting(Queue::Distribute)[0].sent_at, due);
}

#[test]
fn a_message_that_fails_as_often_as_its_queue_takes_is_given_up_and_kept() {
    let cloud = cloud();
    block_on(cloud.as_caller("x").send(Queue::Create, &["poison".to_owned()])).unwrap();
    for _ in 0..receives_max(Queue::Create) {
        let message = cloud.take(Queue::Create).unwrap();
        cloud.give_back(Queue::Create, message);
    }
    assert!(cloud.take(Queue::Create).is_none());
    assert_eq!(cloud.dead_letters(Queue::Create)[0].body, "poison");
}

#[test]
fn tests_may_repeat_lose_and_reorder_messages() {
    let cloud = cloud();
    for body in ["a", "b", "c"] {
        cloud.push(Queue::Notify, body);
    }
    cloud.duplicate(Queue::Notify, 0);
    cloud.reverse(Queue::Notify);
    cloud.bring_forward(Queue::Notify, 2);
    let bodies: Vec<String> =
        cloud.waiting(Queue::Notify).into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["b", "a", "c", "a"]);
    cloud.lose(Queue::Notify, 0);
    assert_eq!(cloud.lose_all(Queue::Notify), 3);
}

#[test]
fn messages_go_in_batches_of_ten_and_a_batch_that_fails_leaves_the_ones_before_it() {
    use amiline_fakecloud::{FaultKind, FaultRule};
    let cloud = cloud();
    let bodies: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    cloud.inject(FaultRule::new(FaultKind::Throttle).action("sqs:SendMessage").after(1).once());
    let world = cloud.as_caller("schedule-tick");
    assert!(block_on(world.send(Queue::Create, &bodies)).is_err());
    assert_eq!(cloud.waiting(Queue::Create).len(), 10);
    block_on(world.send(Queue::Create, &bodies)).unwrap();
    assert_eq!(
        (cloud.waiting(Queue::Create).len(), cloud.calls("schedule-tick", "sqs:SendMessage")),
        (35, 5)
    );
}
