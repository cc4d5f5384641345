//! History that waits to be announced, and telling topics and the bus.

use crate::given::{beginning, failed, family, later, write};
use crate::lab::{FromBus, Lab, Published, until};
use crate::suite::expected;
use amiline_app::ports::{Announcer, Catalogue};
use amiline_domain::bus::{self, BusEvent, SOURCE};
use amiline_domain::family::{Family, ImageRole};
use amiline_domain::fault::Fault;
use amiline_domain::history::{EventKind, Fact, HistoryItem, Subject, append};
use amiline_domain::notice::render;
use amiline_domain::receiver::{Receiver, Topic, Unannounced};
use amiline_domain::record::FamilyChange;
use std::collections::{BTreeMap, BTreeSet};

expected! {
    "ARCHITECTURE.md#what-carries-it" {
        history_waits_until_it_is_marked_as_announced,
        history_that_is_not_announced_does_not_wait,
        history_that_does_not_exist_does_not_wait,
        marking_again_or_what_is_not_there_is_harmless,
        who_was_told_is_added_up_while_an_item_waits,
    }
    "aws-behaviour.md#sns-messages" {
        a_published_notice_arrives_with_its_subject_and_its_attributes,
        each_topic_hears_only_what_is_published_there,
    }
    "aws-behaviour.md#putevents-succeeds-in-part" {
        events_arrive_from_the_bus_with_their_type_and_document,
        of_a_call_only_the_events_that_were_refused_do_not_arrive,
        more_events_than_a_call_takes_are_an_error_and_none_arrives,
    }
}

/// A family with one item of history.
async fn told(lab: &impl Lab, kind: EventKind) -> (Family, HistoryItem) {
    let mut family = family(lab, later());
    let fact =
        Fact::of(kind, &ImageRole::Source, None).because(failed("because of \"this\"\n\u{1F4A5}"));
    let item = append(&mut family, fact, later());
    write(&lab.create_image(), &FamilyChange { history: vec![item.clone()], ..beginning(&family) })
        .await;
    (family, item)
}

async fn waiting(lab: &impl Lab, family: &Family, seq: u64) -> Option<Unannounced> {
    let (pk, sk) = (format!("FAMILY#{}", family.id), format!("HISTORY#{seq:012}"));
    lab.notify().waiting_history(&pk, &sk).await.expect("an answer")
}

async fn history_waits_until_it_is_marked_as_announced(lab: &impl Lab) {
    let (family, item) = told(lab, EventKind::FamilyFailed).await;
    assert_eq!(waiting(lab, &family, 1).await, Some(Unannounced::by_nobody(item.clone())));
    lab.notify().mark_announced(&Subject::Family(family.id.clone()), 1).await.unwrap();
    assert_eq!(waiting(lab, &family, 1).await, None);
    assert_eq!(lab.operator().history(&family.id).await, Ok(vec![item]), "it stays, as it was");
}

async fn history_that_is_not_announced_does_not_wait(lab: &impl Lab) {
    let (family, _) = told(lab, EventKind::CopyStarted).await;
    assert_eq!(waiting(lab, &family, 1).await, None);
}

async fn history_that_does_not_exist_does_not_wait(lab: &impl Lab) {
    let (mut family, _) = told(lab, EventKind::ImageFailed).await;
    assert_eq!(waiting(lab, &family, 2).await, None);
    family.id = crate::given::family_id(lab.number());
    assert_eq!(waiting(lab, &family, 1).await, None);
}

async fn marking_again_or_what_is_not_there_is_harmless(lab: &impl Lab) {
    let (family, item) = told(lab, EventKind::ImageFailed).await;
    for seq in [1, 1, 2] {
        assert_eq!(
            lab.notify().mark_announced(&Subject::Family(family.id.clone()), seq).await,
            Ok(()),
            "{seq}"
        );
    }
    assert_eq!(waiting(lab, &family, 2).await, None);
    assert_eq!(lab.operator().history(&family.id).await, Ok(vec![item]), "nothing was made");
}

async fn a_published_notice_arrives_with_its_subject_and_its_attributes(lab: &impl Lab) {
    lab.take_published().await;
    let (_, item) = told(lab, EventKind::FamilyFailed).await;
    let notice = render(&item, &lab.notify().address());
    lab.notify().publish(Topic::Notifications, &notice).await.expect("it is published");
    let mut published = Vec::new();
    until(lab, async || {
        published.extend(lab.take_published().await);
        !published.is_empty()
    })
    .await;
    assert_eq!(published.len(), 1, "{published:?}");
    let attributes =
        notice.attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(
        published.remove(0),
        Published { subject: notice.subject, message: notice.json, attributes }
    );
}

async fn who_was_told_is_added_up_while_an_item_waits(lab: &impl Lab) {
    let (family, item) = told(lab, EventKind::FamilyFailed).await;
    let note = async |told: &[Receiver]| {
        lab.notify()
            .note_told(&Subject::Family(family.id.clone()), 1, &told.iter().copied().collect())
            .await
            .expect("it is noted");
    };
    for told in [&[Receiver::Bus][..], &[Receiver::Bus], &[], &[Receiver::Notifications]] {
        note(told).await;
    }
    let told = BTreeSet::from([Receiver::Notifications, Receiver::Bus]);
    let waits = waiting(lab, &family, 1).await;
    assert_eq!(waits, Some(Unannounced { item: item.clone(), told }));
    assert_eq!(
        waits.map(|waits| waits.missing()),
        Some(BTreeSet::from([Receiver::Attention, Receiver::Chat]))
    );
    lab.notify().mark_announced(&Subject::Family(family.id.clone()), 1).await.unwrap();
    note(&[Receiver::Bus]).await;
    assert_eq!(waiting(lab, &family, 1).await, None, "it waits no more");
    assert_eq!(lab.operator().history(&family.id).await, Ok(vec![item]), "it stays, as it was");
    for (id, seq) in [(&family.id, 2), (&crate::given::family_id(lab.number()), 1)] {
        assert_eq!(
            lab.notify()
                .note_told(&Subject::Family(id.clone()), seq, &[Receiver::Bus].into())
                .await,
            Ok(()),
            "of nothing"
        );
    }
}

async fn each_topic_hears_only_what_is_published_there(lab: &impl Lab) {
    lab.take_published().await;
    lab.take_calls_for_attention().await;
    let (_, item) = told(lab, EventKind::FamilyFailed).await;
    let notice = render(&item, &lab.notify().address());
    lab.notify().publish(Topic::Attention, &notice).await.expect("it is published");
    let mut heard = Vec::new();
    until(lab, async || {
        heard.extend(lab.take_calls_for_attention().await);
        !heard.is_empty()
    })
    .await;
    assert_eq!(
        heard.iter().map(|published| &published.message).collect::<Vec<_>>(),
        [&notice.json]
    );
    assert_eq!(lab.take_published().await, []);
}

/// Events of families of their own, each with another document.
async fn events(lab: &impl Lab, count: usize) -> Vec<BusEvent> {
    let mut events = Vec::new();
    for place in 0..count {
        let kind = if place % 2 == 0 { EventKind::FamilyFailed } else { EventKind::CopyAvailable };
        events.push(bus::event(&told(lab, kind).await.1));
    }
    events
}

fn arriving(events: &[&BusEvent]) -> Vec<FromBus> {
    let arriving = |event: &&BusEvent| FromBus {
        source: SOURCE.to_owned(),
        detail_type: event.detail_type.to_owned(),
        detail: serde_json::from_str(&event.detail).unwrap(),
    };
    sorted(events.iter().map(arriving).collect())
}

/// No order is promised.
fn sorted(mut events: Vec<FromBus>) -> Vec<FromBus> {
    events.sort_by_key(|event| event.detail["outcome_id"].to_string());
    events
}

/// What arrives, once so many did.
async fn arrived(lab: &impl Lab, count: usize) -> Vec<FromBus> {
    let mut arrived = Vec::new();
    until(lab, async || {
        arrived.extend(lab.take_from_bus().await);
        arrived.len() >= count
    })
    .await;
    sorted(arrived)
}

async fn events_arrive_from_the_bus_with_their_type_and_document(lab: &impl Lab) {
    lab.take_from_bus().await;
    let events = events(lab, bus::ENTRIES_MAX).await;
    assert_eq!(lab.notify().put_on_bus(&events).await, Ok(BTreeMap::new()));
    assert_eq!(arrived(lab, events.len()).await, arriving(&events.iter().collect::<Vec<_>>()));
}

async fn of_a_call_only_the_events_that_were_refused_do_not_arrive(lab: &impl Lab) {
    lab.take_from_bus().await;
    let events = events(lab, 4).await;
    lab.let_bus_refuse(&[0, 2]).await;
    let refused = lab.notify().put_on_bus(&events).await.expect("the call itself succeeds");
    let refused: Vec<_> =
        refused.into_iter().map(|(place, error)| (place, error.code, error.fault)).collect();
    let expected = |place| (place, "InternalFailure".to_owned(), Fault::Later);
    assert_eq!(refused, [expected(0), expected(2)]);
    assert_eq!(arrived(lab, 2).await, arriving(&[&events[1], &events[3]]));
    let again = [events[0].clone(), events[2].clone()];
    assert_eq!(lab.notify().put_on_bus(&again).await, Ok(BTreeMap::new()));
    assert_eq!(arrived(lab, 2).await, arriving(&[&events[0], &events[2]]));
}

async fn more_events_than_a_call_takes_are_an_error_and_none_arrives(lab: &impl Lab) {
    lab.take_from_bus().await;
    let mut events = events(lab, bus::ENTRIES_MAX + 1).await;
    let error = lab.notify().put_on_bus(&events).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.fault), ("ValidationException", Fault::Reject));
    events.truncate(1);
    assert_eq!(lab.notify().put_on_bus(&events).await, Ok(BTreeMap::new()));
    assert_eq!(arrived(lab, 1).await, arriving(&[&events[0]]), "and nothing of the call before");
}
