//! Messages to the functions' queues.

use crate::lab::{Lab, until};
use crate::suite::expected;
use amiline_app::functions::Queue;
use amiline_app::ports::Messenger;

expected! {
    "aws-behaviour.md#batches-of-messages" {
        every_message_reaches_its_queue,
        create_image_reaches_the_queue_of_distribute_image,
        the_operator_reaches_the_queues_by_name,
        no_messages_are_no_call,
        a_message_arrives_as_it_was_sent,
    }
    "infra/template.yaml, maxReceiveCount; SQS, dead-letter queues" {
        a_message_that_is_not_done_comes_again_until_it_is_given_up,
    }
}

/// Takes messages until there are as many, in any order.
async fn taken(lab: &impl Lab, queue: Queue, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    until(lab, async || {
        bodies.extend(lab.take_messages(queue).await);
        bodies.len() >= count
    })
    .await;
    bodies.sort();
    bodies
}

async fn every_message_reaches_its_queue(lab: &impl Lab) {
    for queue in [Queue::Create, Queue::Distribute, Queue::Notify] {
        // Three batches.
        let bodies: Vec<String> =
            (0..25).map(|number| format!("{{\"{queue:?}\":{number:02}}}")).collect();
        lab.schedule_tick().send(queue, &bodies).await.expect("they are sent");
        assert_eq!(taken(lab, queue, 25).await, bodies);
    }
}

async fn create_image_reaches_the_queue_of_distribute_image(lab: &impl Lab) {
    lab.create_image().send(Queue::Distribute, &["{}".to_owned()]).await.expect("it is sent");
    assert_eq!(taken(lab, Queue::Distribute, 1).await, ["{}"]);
}

async fn the_operator_reaches_the_queues_by_name(lab: &impl Lab) {
    for queue in [Queue::Create, Queue::Distribute, Queue::Notify] {
        let body = format!("{queue:?}");
        lab.operator().send(queue, std::slice::from_ref(&body)).await.expect("it is sent");
        assert_eq!(taken(lab, queue, 1).await, [body]);
    }
}

async fn no_messages_are_no_call(lab: &impl Lab) {
    assert_eq!(lab.schedule_tick().send(Queue::Create, &[]).await, Ok(()));
    assert_eq!(lab.take_messages(Queue::Create).await, [""; 0]);
}

async fn a_message_arrives_as_it_was_sent(lab: &impl Lab) {
    let body = "{\"a\":\"<&>\\\"\\n\u{1F4A5}\u{e9} %20+\"}".to_owned();
    lab.schedule_tick().send(Queue::Notify, std::slice::from_ref(&body)).await.expect("it is sent");
    assert_eq!(taken(lab, Queue::Notify, 1).await, [body]);
}

async fn a_message_that_is_not_done_comes_again_until_it_is_given_up(lab: &impl Lab) {
    for queue in [Queue::Create, Queue::Distribute, Queue::Notify] {
        let body = format!("poison for {queue:?}");
        lab.operator().send(queue, std::slice::from_ref(&body)).await.expect("it is sent");
        for receive in 1..=lab.receives_max(queue).await {
            assert_eq!(lab.fail_message(queue).await.as_ref(), Some(&body), "receive {receive}");
        }
        assert_eq!(lab.fail_message(queue).await, None, "once more than that");
        assert_eq!(lab.take_dead_letters(queue).await, [body]);
        assert_eq!(lab.take_messages(queue).await, [""; 0]);
    }
}
