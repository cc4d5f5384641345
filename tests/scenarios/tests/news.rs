//! Who is told: everybody of everything, each for itself.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions: a panic is a failed test"
)]

use amiline_domain::family::Outcome;
use amiline_domain::receiver::Topic;
use amiline_fakecloud::{FaultKind, FaultRule, OnBus, Published};
use amiline_scenarios::{House, west};
use std::collections::BTreeSet;

fn document(event: &OnBus) -> serde_json::Value {
    serde_json::from_str(&event.event.detail).unwrap()
}

/// What the bus took, by outcome, in the order of arrival.
fn outcomes_on_bus(house: &House) -> Vec<String> {
    house
        .cloud
        .bus_events()
        .iter()
        .map(|event| document(event)["outcome_id"].as_str().unwrap().to_owned())
        .collect()
}

fn outcomes_of(notices: &[Published]) -> Vec<String> {
    notices.iter().map(|published| published.field("outcome_id")).collect()
}

fn once_each(outcomes: &[String]) -> BTreeSet<&str> {
    let set: BTreeSet<&str> = outcomes.iter().map(String::as_str).collect();
    assert_eq!(set.len(), outcomes.len(), "something came twice: {outcomes:?}");
    set
}

fn put() -> FaultRule {
    FaultRule::new(FaultKind::ServerError).action("events:PutEvents")
}

#[test]
fn the_bus_carries_what_the_topic_carries_in_the_same_words_each_once() {
    let house = House::new();
    house.pressed("default");
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let mut on_bus: Vec<String> =
        house.cloud.bus_events().into_iter().map(|event| event.event.detail.clone()).collect();
    let mut published: Vec<String> =
        house.cloud.notices().into_iter().map(|published| published.notice.json.clone()).collect();
    on_bus.sort();
    published.sort();
    assert_eq!(on_bus, published);
    assert_eq!(
        once_each(&outcomes_on_bus(&house)).len(),
        5,
        "creating, available, two copies, complete"
    );
    for event in house.cloud.bus_events() {
        assert_eq!(document(&event)["event"], event.event.detail_type);
        assert_eq!(document(&event)["at"], event.event.at.to_string());
    }
    assert_eq!(house.cloud.notices_on(Topic::Attention), []);
}

#[test]
fn only_what_needs_a_person_is_told_to_who_must_act() {
    let house = House::new();
    house.cloud.fail_next(&west(), "Client.InternalError");
    house.pressed("default");
    house.live(30);
    house.assert_at_rest(Outcome::Partial);
    let attention = house.cloud.notices_on(Topic::Attention);
    let events: BTreeSet<String> =
        attention.iter().map(|published| published.field("event")).collect();
    assert_eq!(events, BTreeSet::from(["family-partial".to_owned()]));
    let everything = outcomes_of(&house.cloud.notices());
    let attention = outcomes_of(&attention);
    assert!(
        once_each(&attention).is_subset(&once_each(&everything)),
        "who hears everything hears that too"
    );
}

#[test]
fn a_bus_that_is_out_of_order_makes_no_notice_late_and_none_come_twice() {
    let house = House::new();
    house.cloud.inject(put());
    house.pressed("plain");
    house.live_by_events(5);
    assert_eq!(house.cloud.notices_of("family-complete"), 1, "people are told at once");
    house.live(60);
    assert_eq!(house.cloud.bus_events(), []);
    assert_eq!(
        house.cloud.unannounced().len(),
        3,
        "it counts as announced only when the bus has it too"
    );
    house.cloud.clear_faults();
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let (on_bus, told) = (outcomes_on_bus(&house), outcomes_of(&house.cloud.notices()));
    assert_eq!(once_each(&on_bus), once_each(&told));
}

#[test]
fn a_topic_that_is_out_of_order_makes_no_event_late_and_none_come_twice() {
    let house = House::new();
    house.cloud.inject(FaultRule::new(FaultKind::ServerError).action("sns:Publish"));
    house.pressed("plain");
    house.live_by_events(5);
    assert_eq!(once_each(&outcomes_on_bus(&house)).len(), 3, "programs are told at once");
    house.cloud.clear_faults();
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let (on_bus, told) = (outcomes_on_bus(&house), outcomes_of(&house.cloud.notices()));
    assert_eq!(once_each(&on_bus), once_each(&told));
}

#[test]
fn of_a_batch_only_what_was_refused_is_put_again() {
    let house = House::new();
    // The copies and the end come in one batch, of which the second is refused once.
    house.cloud.inject(
        FaultRule::new(FaultKind::SomeRefused(0b10))
            .action("events:PutEvents")
            .about("copy")
            .times(1),
    );
    house.pressed("default");
    house.live_by_events(10);
    let on_bus = outcomes_on_bus(&house);
    assert_eq!(
        once_each(&on_bus).len(),
        5,
        "all of them at once, without a tick: {}",
        house.cloud.trace()
    );
    let trace = house.cloud.trace();
    let mut puts = trace.lines().filter(|line| line.contains("events:PutEvents"));
    assert!(puts.any(|put| put.contains("copy-available copy-available")
        && put.contains("but for the entries [1]")));
    assert!(
        puts.next().is_some_and(|put| put.contains("us-east-1 copy-available -> done")),
        "{trace}"
    );
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn what_is_refused_again_and_again_is_left_to_the_tick_and_the_rest_is_announced() {
    let house = House::new();
    house
        .cloud
        .inject(FaultRule::new(FaultKind::SomeRefused(1)).action("events:PutEvents").times(9));
    house.pressed("plain");
    house.live_by_events(5);
    assert!(!house.cloud.unannounced().is_empty(), "{}", house.cloud.trace());
    assert_eq!(house.cloud.notices_of("family-complete"), 1);
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(once_each(&outcomes_on_bus(&house)).len(), 3);
}

#[test]
fn what_nobody_could_be_told_of_is_told_when_the_stream_brings_it_again() {
    let house = House::new();
    house.cloud.inject(put().times(1));
    house.cloud.inject(FaultRule::new(FaultKind::ServerError).action("sns:Publish").times(1));
    house.pressed("plain");
    house.live_by_events(10);
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(once_each(&outcomes_on_bus(&house)).len(), 3);
}

#[test]
fn a_lost_reply_of_the_bus_repeats_the_event_with_the_same_outcome() {
    let house = House::new();
    house.cloud.inject(FaultRule::new(FaultKind::LostReply).action("events:PutEvents").times(1));
    house.pressed("plain");
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let outcomes = outcomes_on_bus(&house);
    let distinct: BTreeSet<&String> = outcomes.iter().collect();
    assert_eq!((distinct.len(), house.cloud.notices().len()), (3, 3), "{outcomes:?}");
    assert!(outcomes.len() > 3, "the event whose reply was lost came again");
}

#[test]
fn a_crash_after_everybody_was_told_and_before_the_mark_tells_them_again_in_the_same_words() {
    let house = House::new();
    house.cloud.inject(
        FaultRule::new(FaultKind::Hang).caller("notify").action("dynamodb:UpdateItem").times(1),
    );
    house.pressed("plain");
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let mut documents: Vec<String> =
        house.cloud.bus_events().into_iter().map(|event| event.event.detail.clone()).collect();
    assert!(documents.len() > 3);
    documents.sort();
    documents.dedup();
    assert_eq!(documents.len(), 3);
}
