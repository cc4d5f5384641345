//! Every event three times, invocations interleaved and crashed by a seed: still one image, one
//! copy each.

use crate::whole_job::{all_made_once, deliver_stream, handle, pressed, tick_once};
use amiline_app::functions::Queue;
use amiline_fakecloud::{Delivery, FakeCloud, Order, Race};

const FUNCTIONS: [(Queue, &str); 3] = [
    (Queue::Create, "create-image"),
    (Queue::Distribute, "distribute-image"),
    (Queue::Notify, "notify"),
];

/// A few numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// Up to three messages of each queue at once; of those that fail or die, the message comes again.
fn turn(cloud: &FakeCloud, numbers: &mut Numbers, crashes: bool) {
    let mut race = Race::new();
    let mut taken = Vec::new();
    for (queue, caller) in FUNCTIONS.into_iter().flat_map(|function| [function; 3]) {
        let Some(message) = cloud.take(queue) else { continue };
        let mut world = cloud.as_caller(caller);
        if crashes && numbers.next().is_multiple_of(6) {
            world = world.dying_after(numbers.next() % 12);
        }
        taken.push((queue, message.clone()));
        race.add(handle(world, queue, message));
    }
    for ((queue, message), ended) in taken.into_iter().zip(race.run(Order::Seeded(numbers.next())))
    {
        if !matches!(ended, Some(Ok(()))) {
            cloud.give_back(queue, message);
        }
    }
}

fn wrong_after(seed: u64, torn: bool) -> Option<String> {
    let (cloud, instance) = pressed();
    cloud.set_torn_reads(torn);
    cloud.set_call_millis(i64::try_from(seed % 7).unwrap() * 300);
    cloud.deliver_all(Delivery::Times(3));
    cloud.replay_events();
    let mut numbers = Numbers(seed);
    for minute in 0..120 {
        if minute % 5 == 4 {
            tick_once(&cloud);
        }
        for _ in 0..6 {
            turn(&cloud, &mut numbers, minute < 45);
        }
        deliver_stream(&cloud);
        cloud.advance(60);
    }
    let wrong = all_made_once(&cloud, &instance);
    (!wrong.is_empty()).then(|| format!("seed {seed}: {wrong:#?}\n{}", cloud.trace()))
}

#[test]
fn overlapping_and_dying_invocations_never_make_anything_twice() {
    let wrong = (0..60).find_map(|seed| wrong_after(seed, false));
    assert_eq!(wrong, None);
}

#[test]
fn reads_that_a_transaction_comes_between_lose_nothing() {
    let wrong = (0..60).find_map(|seed| wrong_after(seed, true));
    assert_eq!(wrong, None);
}
