//! What people and programs read of a request: which machine, which policy, what next.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions: a panic is a failed test"
)]

use amiline_domain::ids::InstanceId;
use amiline_domain::receiver::Topic;
use amiline_scenarios::{House, east, west};
use serde_json::Value;

/// The documents of one kind of event, in their order.
fn documents(house: &House, event: &str) -> Vec<Value> {
    let published = house.cloud.notices_on(Topic::Notifications).into_iter();
    let documents =
        published.map(|published| serde_json::from_str::<Value>(&published.notice.json).unwrap());
    documents.filter(|document| document["event"] == event).collect()
}

#[test]
fn a_rejection_names_the_policy_that_exists_and_always_what_was_asked_for() {
    let house = House::new();
    let again = house.pressed("plain");
    house.live_by_events(5);
    house.cloud.put_policy("rare", r#"{"limits":{"interval_minutes":60}}"#);
    house.cloud.put_policy("broken", "{");
    house.cloud.press(&east(), &again, "rare");
    house.pressed("broken");
    house.pressed("no-such-policy");
    let enrolled = house.instance();
    house.cloud.tag(&east(), &enrolled, "amiline:schedule", "plain");
    house.live(10);
    let mut told: Vec<_> = documents(&house, "request-rejected")
        .into_iter()
        .map(|document| {
            let text = |field: &str| document[field].as_str().map(str::to_owned);
            let unknown = document["reason"]["code"] == "unknown-policy";
            (text("requested").unwrap_or_default(), text("policy"), unknown)
        })
        .collect();
    told.sort();
    let existing = |name: &str| (name.to_owned(), Some(name.to_owned()), false);
    assert_eq!(
        told,
        [
            existing("broken"),
            ("no-such-policy".to_owned(), None, true),
            existing("plain"),
            existing("rare")
        ]
    );
    for published in house.cloud.notices_on(Topic::Notifications) {
        let document: Value = serde_json::from_str(&published.notice.json).unwrap();
        let attribute = published.notice.attributes.get("policy").map(String::as_str);
        assert_eq!(
            attribute,
            document["policy"].as_str(),
            "subscriptions filter by what the document says"
        );
    }
    let trees: Vec<String> =
        house.cloud.families().iter().map(amiline_domain::lineage::tree).collect();
    let shown = |what: &str| trees.iter().filter(|tree| tree.contains(what)).count();
    assert_eq!(
        (shown("policy rare, rejected"), shown("no policy \"no-such-policy\", rejected")),
        (1, 1),
        "{trees:?}"
    );
}

#[test]
fn a_familys_news_name_the_instance_as_it_was_called_when_the_family_began() {
    let house = House::new();
    let instance = house.instance();
    house.cloud.tag(&east(), &instance, "Name", "web-1\nerror");
    house.cloud.press(&east(), &instance, "default");
    house.deliver();
    house.cloud.tag(&east(), &instance, "Name", "other");
    house.live_by_events(10);
    let all =
        documents(&house, "image-creating").into_iter().chain(documents(&house, "family-complete"));
    let names: Vec<Value> = all.map(|document| document["instance_name"].clone()).collect();
    assert_eq!(names, ["web-1?error", "web-1?error"]);
    assert!(amiline_domain::lineage::tree(&house.family()).contains(" web-1?error in us-east-1 "));
}

#[test]
fn a_failed_copy_and_the_end_of_its_family_are_one_call_for_attention_and_one_line_in_the_chat() {
    let house = House::new();
    let instance = house.instance();
    house.cloud.tag(&east(), &instance, "Name", "web-1");
    house.cloud.fail_next(&west(), "Client.InternalError");
    house.cloud.press(&east(), &instance, "default");
    house.live(30);
    let family = house.family().id;
    let attention = house.cloud.notices_on(Topic::Attention);
    assert_eq!(attention.len(), 1, "{attention:?}");
    let (subject, text) = (&attention[0].notice.subject, &attention[0].notice.text);
    assert!(subject.starts_with(&format!("Amiline: web-1 ({instance}): ")), "{subject}");
    assert!(
        text.ends_with(&format!("Next      amiline retry {family} --region us-east-1\n")),
        "{text}"
    );
    let chat = house.cloud.notices_on(Topic::Chat);
    assert_eq!(chat.len(), 1, "{chat:?}");
    let chat: Value = serde_json::from_str(&chat[0].notice.json).unwrap();
    assert_eq!((&chat["version"], &chat["source"]), (&"1.0".into(), &"custom".into()));
    assert_eq!(chat["metadata"]["threadId"], family.as_str());
}

#[test]
fn after_the_kill_switch_a_press_and_a_family_go_on_within_a_minute() {
    let (house, pressed) = held_by_the_kill_switch();
    house.turn_kill_switch(false);
    house.live_by_events(1);
    assert!(!house.status(&pressed).is_empty(), "the press is taken up");
    assert_eq!(house.cloud.effects_of("ec2:CopyImage"), 2, "the family goes on");
}

#[test]
fn if_the_event_of_the_kill_switch_is_lost_they_go_on_at_the_next_tick() {
    let (house, pressed) = held_by_the_kill_switch();
    house.cloud.set_kill_switch(false);
    house.live(5);
    assert!(!house.status(&pressed).is_empty(), "the press is taken up");
    assert_eq!(house.cloud.effects_of("ec2:CopyImage"), 2, "the family goes on");
}

/// A family that the switch holds, and an instance that was pressed meanwhile.
fn held_by_the_kill_switch() -> (House, InstanceId) {
    let house = House::new();
    let under_way = house.pressed("default");
    house.deliver();
    house.turn_kill_switch(true);
    let pressed = house.pressed("plain");
    house.live(60);
    assert!(house.status(&pressed).is_empty() && house.status(&under_way).starts_with("creating"));
    (house, pressed)
}
