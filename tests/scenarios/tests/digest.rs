//! The daily digest: one message for each policy of which a button was pressed that day.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions: a panic is a failed test"
)]

use amiline_app::functions::Queue;
use amiline_app::ports::{Committed, DigestKeeper, Due};
use amiline_domain::day::Day;
use amiline_domain::digest::{DigestKey, Draft};
use amiline_domain::receiver::Topic;
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::{FaultKind, FaultRule, Turn, Turns, run};
use amiline_scenarios::{House, east, west};
use serde_json::Value;
use std::collections::BTreeMap;

/// The day on which every house begins, at noon.
fn day() -> Day {
    "2026-11-24".parse().unwrap()
}

/// What was published, by policy.
fn digests(house: &House) -> Vec<(Option<String>, Value)> {
    let documents = house.cloud.notices_on(Topic::Digest).into_iter();
    let documents =
        documents.map(|published| serde_json::from_str::<Value>(&published.notice.json).unwrap());
    documents.map(|document| (document["policy"].as_str().map(str::to_owned), document)).collect()
}

/// A day with an image, one without a copy, and a rejection; and the day is over.
fn a_day() -> House {
    let house = House::new();
    house.pressed("plain");
    house.cloud.fail_next(&west(), "Client.InternalError");
    house.pressed("default");
    house.pressed("no-such-policy");
    house.live(40);
    house.cloud.advance(12 * 3600);
    house
}

#[test]
fn each_policy_of_the_day_has_one_digest_and_a_doubled_schedule_makes_no_second() {
    let house = a_day();
    assert_eq!(house.day_ended(day()), Some(3));
    house.deliver();
    assert_eq!(house.day_ended(day()), Some(3));
    house.deliver();
    let all = digests(&house);
    let by_policy: BTreeMap<_, _> = all.iter().cloned().collect();
    assert_eq!((all.len(), by_policy.len()), (3, 3), "{all:?}");
    let counts = |policy: Option<&str>| by_policy[&policy.map(str::to_owned)]["counts"].clone();
    let expected = |name: &str| {
        let mut counts = serde_json::json!({"complete": 0, "partial": 0, "failed": 0, "rejected": 0, "under_way": 0});
        counts[name] = 1.into();
        counts
    };
    assert_eq!(counts(Some("plain")), expected("complete"));
    assert_eq!(counts(Some("default")), expected("partial"));
    assert_eq!(counts(None), expected("rejected"));
    let partial = &by_policy[&Some("default".to_owned())]["families"][0];
    assert!(
        partial["status"].as_str().unwrap().contains("us-west-2: Client.InternalError")
            && partial["code"] == "images-missing",
        "{partial}"
    );
    assert!(house.cloud.flaws().is_empty() && house.cloud.unannounced().is_empty());
}

#[test]
fn nothing_happened_means_no_digest() {
    let house = a_day();
    for other in ["2026-11-23", "2026-11-25"] {
        assert_eq!(house.day_ended(other.parse().unwrap()), Some(0), "{other}");
    }
    // A message for a policy that nobody pressed, whoever sent it.
    let key = DigestKey { policy: Some("unused".parse().unwrap()), day: day() };
    house.cloud.push(Queue::Notify, &amiline_domain::message::digest_due(&key));
    house.deliver();
    assert_eq!(digests(&house), []);
}

#[test]
fn every_page_of_the_day_is_read() {
    let house = House::new();
    for _ in 0..7 {
        house.pressed("plain");
    }
    house.live(30);
    house.cloud.set_page_size(2);
    assert_eq!(house.day_ended(day()), Some(1));
    house.deliver();
    assert_eq!(digests(&house)[0].1["counts"]["complete"], 7);
}

#[test]
fn a_family_counts_for_the_day_of_its_press_and_says_so_while_it_is_under_way() {
    let house = House::new();
    house.cloud.set_create_seconds(&amiline_scenarios::east(), Some(20 * 3600));
    house.pressed("plain");
    house.live(720);
    house.cloud.advance(60);
    assert_eq!(house.day_ended(day()), Some(1));
    house.deliver();
    let (_, digest) = digests(&house).remove(0);
    assert_eq!((&digest["images"], &digest["counts"]["under_way"]), (&0.into(), &1.into()));
    assert!(
        digest["families"][0]["status"].as_str().unwrap().starts_with("creating ami-"),
        "{digest}"
    );
}

#[test]
fn an_enrolment_that_a_tool_took_off_is_announced_and_stands_in_the_digest() {
    let house = House::new();
    house.cloud.put_policy("nightly", r#"{"schedule":{"cron":["0 2 * * *"]}}"#);
    let instance = house.instance();
    house.cloud.enrol(&east(), &instance, "nightly");
    house.live(10);
    house.cloud.untag(&east(), &instance, "amiline:schedule");
    house.live(15);
    assert_eq!(house.cloud.notices_of("enrolment-ended"), 1);
    house.cloud.advance(12 * 3600);
    assert_eq!(house.day_ended(day()), Some(1));
    house.deliver();
    let digests = house.cloud.notices_on(Topic::Digest);
    let said: Vec<String> = digests.iter().map(|digest| digest.notice.subject.clone()).collect();
    assert_eq!(said, ["Amiline: nightly on 2026-11-24: 0 images, 1 no longer enrolled"]);
    assert!(digests[0].notice.text.contains(instance.as_str()), "{}", digests[0].notice.text);
}

#[test]
fn a_digest_whose_message_failed_comes_again_and_one_whose_note_was_lost_has_the_same_id() {
    let house = a_day();
    house
        .cloud
        .inject(FaultRule::new(FaultKind::Throttle).action("sns:Publish").about("digest").times(1));
    house.cloud.inject(
        FaultRule::new(FaultKind::Hang).action("dynamodb:UpdateItem").about("digest").times(1),
    );
    assert_eq!(house.day_ended(day()), Some(3));
    house.deliver();
    house.deliver();
    let all = digests(&house);
    let ids: std::collections::BTreeSet<&str> =
        all.iter().map(|(_, document)| document["digest_id"].as_str().unwrap()).collect();
    assert_eq!((all.len(), ids.len()), (4, 3), "one came twice, with its id");
    house.cloud.inject(
        FaultRule::new(FaultKind::Throttle).action("dynamodb:Query").about("families of").times(1),
    );
    assert_eq!(
        house.day_ended(day()),
        None,
        "a day that cannot be read is an error, which Lambda keeps"
    );
}

/// One message of `notify`, where each call takes so many seconds. The invocation dies after 30,
/// and its message comes again three minutes later.
fn serve_slowly(house: &House, seconds: i64) {
    let message = house.cloud.take(Queue::Notify).unwrap();
    let (turns, until) = (Turns::default(), plus_seconds(house.cloud.now(), 30));
    let mut invocation =
        Box::pin(house.handle(house.cloud.as_caller("notify"), Queue::Notify, &message));
    while house.cloud.now() < until {
        if let Turn::Done(result) = turns.give(invocation.as_mut()) {
            result.unwrap();
            return;
        }
        house.cloud.advance(seconds);
    }
    drop(invocation);
    house.cloud.advance(180);
    house.cloud.give_back(Queue::Notify, message);
}

#[test]
fn a_day_that_takes_longer_to_read_than_an_invocation_lasts_is_read_in_parts() {
    for seconds in [3, 7] {
        let house = House::new();
        house.cloud.put_policy("nightly", r#"{"schedule":{"cron":["0 2 * * *"]}}"#);
        let instance = house.instance();
        house.cloud.enrol(&east(), &instance, "nightly");
        for _ in 0..30 {
            house.pressed("plain");
        }
        house.live(30);
        house.cloud.untag(&east(), &instance, "amiline:schedule");
        house.live(15);
        house.cloud.advance(12 * 3600);
        house.cloud.set_page_size(1);
        assert_eq!(house.day_ended(day()), Some(2));
        for _ in 0..60 {
            while !house.cloud.waiting(Queue::Notify).is_empty() {
                serve_slowly(&house, seconds);
            }
            house.cloud.advance(300);
            house.tick();
        }
        assert_eq!(house.cloud.dead_letters(Queue::Notify), [], "{seconds}");
        let by_policy: BTreeMap<_, _> = digests(&house).into_iter().collect();
        assert_eq!(digests(&house).len(), 2, "each once: {by_policy:?}");
        assert_eq!(by_policy[&Some("plain".to_owned())]["counts"]["complete"], 30);
        assert_eq!(by_policy[&Some("nightly".to_owned())]["enrolments_ended"]["count"], 1);
        assert!(
            !house.cloud.due().iter().any(|due| matches!(due, Due::Digest { .. })),
            "nothing is left to do"
        );
    }
}

#[test]
fn two_messages_about_one_long_day_do_not_undo_each_others_progress() {
    let house = a_day();
    house.cloud.set_page_size(1);
    let key = DigestKey { policy: Some("plain".parse().unwrap()), day: day() };
    let read_by = |rev| {
        let mut draft = Draft::new(key.clone());
        draft.rev = rev;
        run(house.cloud.as_caller("notify").keep_draft(&key, &draft)).unwrap().unwrap()
    };
    assert_eq!(
        (read_by(1), read_by(1), read_by(2)),
        (Committed::Yes, Committed::Conflict, Committed::Yes)
    );
    house.tick();
    house.deliver();
    assert_eq!(digests(&house).len(), 1);
    assert_eq!(read_by(3), Committed::Conflict, "what was published stays published");
}
