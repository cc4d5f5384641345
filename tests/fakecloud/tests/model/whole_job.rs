//! The real use cases on the model: it carries them from the tag to the last notice.

use crate::{cloud, east, west};
use amiline_app::announce::announce;
use amiline_app::engine::Invocation;
use amiline_app::error::UseCaseError;
use amiline_app::functions::{
    Function, Handled, Queue, create_image, deliver, distribute_image, notify,
};
use amiline_app::tick::tick;
use amiline_domain::family::{Family, Outcome};
use amiline_domain::ids::InstanceId;
use amiline_domain::message::{Message, Tick, decode};
use amiline_domain::receiver::Unannounced;
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::{
    FakeCloud, Permission, Queued, STREAM_BATCH, StreamRecord, World, region, run,
};

const POLICY: &str = r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":["us-west-2","eu-west-1"]},
    "share":{"accounts":["222222222222"]}}"#;

fn invocation(cloud: &FakeCloud, id: &str) -> Invocation {
    Invocation { id: id.to_owned(), deadline: plus_seconds(cloud.now(), 60) }
}

pub(crate) async fn handle(
    world: World,
    queue: Queue,
    message: Queued,
) -> Result<(), UseCaseError> {
    let cloud = world.cloud().clone();
    let stack = cloud.bounded_stack(&["222222222222"]);
    let invocation = invocation(&cloud, &format!("{}-{}", message.id, message.received));
    let decoded = decode(&message.body);
    let received = (message.id.as_str(), message.body.as_str());
    let carry_out = async |message: &Message| match queue {
        Queue::Create => create_image(&world, &stack, message, &invocation).await,
        Queue::Distribute => distribute_image(&world, &stack, message, &invocation).await,
        Queue::Notify => notify(&world, message).await,
    };
    let handled =
        deliver(&world, Function::of_queue(queue), received, decoded.as_ref(), carry_out).await?;
    assert!(!matches!(handled, Handled::NotMine), "{decoded:?} for {queue:?}");
    Ok(())
}

/// Delivers every message and every stream record until nothing is left. What fails or crashes
/// comes again.
fn deliver_all(cloud: &FakeCloud) {
    let queues = [Queue::Create, Queue::Distribute, Queue::Notify];
    while queues.iter().any(|queue| !cloud.waiting(*queue).is_empty()) {
        for queue in queues {
            let caller = Function::of_queue(queue).name();
            for _ in 0..cloud.waiting(queue).len() {
                let message = cloud.take(queue).unwrap();
                if !matches!(
                    run(handle(cloud.as_caller(caller), queue, message.clone())),
                    Some(Ok(()))
                ) {
                    cloud.give_back(queue, message);
                }
            }
        }
    }
    deliver_stream(cloud);
}

/// Publishes what the stream brings, with its retries: bounded, as in the template. What is left
/// over is the tick's.
pub(crate) fn deliver_stream(cloud: &FakeCloud) {
    let records: Vec<Unannounced> = cloud.take_stream().iter().map(StreamRecord::waiting).collect();
    for mut batch in records.chunks(STREAM_BATCH) {
        for _ in 0..3 {
            // After a crash all of them come again, otherwise those from the first that failed on.
            let Some(ends) = run(announce(&cloud.as_caller("notify"), batch)) else { continue };
            let Some(failed) = ends.iter().position(Result::is_err) else { break };
            batch = &batch[failed..];
        }
    }
}

/// One tick. One that fails or crashes is made up for by the next.
pub(crate) fn tick_once(cloud: &FakeCloud) {
    let _ = run(tick(
        &cloud.as_caller("schedule-tick"),
        &cloud.watched_stack(&[east()]),
        Tick::default(),
    ));
}

/// Lives so many minutes without a tick.
fn live(cloud: &FakeCloud, minutes: usize) {
    for _ in 0..minutes {
        deliver_all(cloud);
        cloud.advance(60);
    }
}

/// Lives so many minutes with a tick every five.
pub(crate) fn live_with_ticks(cloud: &FakeCloud, minutes: usize) {
    for minute in 0..minutes {
        if minute % 5 == 4 {
            tick_once(cloud);
        }
        deliver_all(cloud);
        cloud.advance(60);
    }
}

pub(crate) fn pressed() -> (FakeCloud, InstanceId) {
    let cloud = cloud();
    cloud.create_key_everywhere("alias/amiline");
    cloud.put_policy("default", POLICY);
    let instance = cloud.launch(&east());
    cloud.press(&east(), &instance, "default");
    (cloud, instance)
}

/// What is missing or too much, for a press that should have ended in one image and three copies.
pub(crate) fn all_made_once(cloud: &FakeCloud, instance: &InstanceId) -> Vec<String> {
    let mut wrong = cloud.flaws();
    let mut expect = |right: bool, what: &str| {
        if !right {
            wrong.push(what.to_owned());
        }
    };
    let families = cloud.families();
    let copies = families
        .first()
        .and_then(Family::source_image)
        .map_or(0, |source| cloud.copies_of(source).len());
    expect(families.len() == 1, "not one family");
    expect(families.iter().all(|family| family.outcome == Some(Outcome::Complete)), "not complete");
    expect(cloud.images_created_for(instance).len() == 1, "not one image");
    expect(copies == 3, "not three copies");
    expect(cloud.untagged().is_empty(), "something is untagged");
    expect(
        cloud.notices_of("family-complete") >= 1 && cloud.unannounced().is_empty(),
        "something is not announced",
    );
    expect(
        cloud.tag_of(&east(), instance, "amiline:image").is_none(),
        "the button is still pressed",
    );
    expect(cloud.due().is_empty(), "something is still due");
    wrong
}

#[test]
fn one_press_leads_to_an_encrypted_shared_image_in_every_region() {
    let (cloud, instance) = pressed();
    live(&cloud, 10);
    let family = cloud.families().remove(0);
    assert_eq!(family.outcome, Some(Outcome::Complete), "{}", cloud.trace());
    assert_eq!(cloud.images_created_for(&instance).len(), 1);
    let source = family.source_image().unwrap();
    assert_eq!(cloud.copies_of(source).len(), 3, "west, Europe, and the encrypted one at home");
    for region in [east(), west(), region("eu-west-1")] {
        let image =
            cloud.copies_of(source).into_iter().find(|image| image.region == region).unwrap();
        assert_eq!(
            cloud.keys_of_image(&region, &image.id),
            [cloud.key_arn(&region, "alias/amiline")]
        );
        let other = Permission::account("222222222222".parse().unwrap());
        assert!(cloud.launch_permissions(&region, &image.id).contains(&other));
    }
    assert_eq!(cloud.tag_of(&east(), &instance, "amiline:image"), None);
    assert!(
        cloud.tag_of(&east(), &instance, "amiline:status").unwrap().starts_with("available ami-")
    );
    assert_eq!(cloud.notices_of("family-complete"), 1);
    assert!(
        cloud.unannounced().is_empty() && cloud.untagged().is_empty() && cloud.due().is_empty()
    );
    assert_eq!(cloud.flaws(), Vec::<String>::new());
}

#[test]
fn the_same_story_twice_leaves_the_same_trace() {
    let tell = || {
        let (cloud, _) = pressed();
        live(&cloud, 10);
        cloud.trace()
    };
    assert_eq!(tell(), tell());
}

#[test]
fn replaying_every_event_at_rest_changes_nothing() {
    let (cloud, _) = pressed();
    live(&cloud, 20);
    let before = (cloud.mutations(), cloud.families());
    cloud.replay_events();
    live(&cloud, 5);
    assert_eq!((cloud.mutations(), cloud.families()), before, "{}", cloud.trace());
}
