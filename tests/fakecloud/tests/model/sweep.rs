//! One fault at each call of the whole job in turn: it costs time and nothing else.

use crate::whole_job::{all_made_once, live_with_ticks, pressed};
use amiline_app::functions::Queue;
use amiline_fakecloud::{Delivery, FakeCloud, FaultKind};

fn begun(events: bool) -> (FakeCloud, amiline_domain::ids::InstanceId) {
    let (cloud, instance) = pressed();
    if !events {
        cloud.lose_all(Queue::Create);
        cloud.deliver_all(Delivery::Dropped);
    }
    (cloud, instance)
}

fn sweep(kind: &FaultKind) {
    for events in [true, false] {
        let (cloud, _) = begun(events);
        live_with_ticks(&cloud, 60);
        for at in 1..=cloud.calls_made() {
            let (cloud, instance) = begun(events);
            cloud.inject_at(at, kind.clone());
            live_with_ticks(&cloud, 120);
            let wrong = all_made_once(&cloud, &instance);
            let trace = cloud.trace();
            assert!(
                wrong.is_empty(),
                "{kind:?} at call {at}, events delivered: {events}: {wrong:#?}\n{trace}"
            );
        }
    }
}

#[test]
fn a_crash_before_any_call() {
    sweep(&FaultKind::Hang);
}

#[test]
fn a_crash_after_any_call() {
    sweep(&FaultKind::HangAfterEffect);
}

#[test]
fn a_lost_reply_of_any_call() {
    sweep(&FaultKind::LostReply);
}

#[test]
fn a_refusal_for_the_rate_of_any_call() {
    sweep(&FaultKind::Throttle);
}

#[test]
fn a_server_error_of_any_call() {
    sweep(&FaultKind::ServerError);
}
