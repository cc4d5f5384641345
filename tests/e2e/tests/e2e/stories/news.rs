//! Who is told of what: people by topics, programs by the bus.

use crate::cloud::{BUTTON, Cloud, SOON, eventually, holds};
use crate::inbox::{Notification, all_went_well};
use amiline_local::HOME_REGION;
use amiline_local::aws::text;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The documents that were told of an instance, by outcome.
fn documents(told: &[Notification]) -> Vec<Value> {
    sorted(told.iter().map(|one| one.message.clone()).collect())
}

fn sorted(mut documents: Vec<Value>) -> Vec<Value> {
    documents.sort_by_key(|document| text(document, "/outcome_id").to_owned());
    documents
}

/// Waits until the bus has brought so many events about an instance; gives their documents.
async fn from_bus(cloud: &Cloud, instance: &str, count: usize) -> Vec<Value> {
    let events =
        eventually(SOON, &format!("{count} events about {instance} on the bus"), async || {
            let events = cloud.heard_on_bus(instance).await;
            holds(events.len() >= count, &events).map(|()| events)
        })
        .await;
    for event in &events {
        assert_eq!(
            (text(event, "/source"), text(event, "/region")),
            ("amiline", HOME_REGION),
            "{event}"
        );
        assert_eq!(text(event, "/detail-type"), text(event, "/detail/event"), "{event}");
    }
    sorted(events.into_iter().map(|event| event["detail"].clone()).collect())
}

/// A rule of a program's own hears what it asks for, in the words that people's queues get; of a
/// batch of which the bus refuses a part, nothing is missing and nothing comes twice.
pub(crate) async fn a_press_is_heard_on_the_bus(cloud: &Cloud) {
    let ends = json!({"source": ["amiline"], "detail-type": ["family-complete"]});
    let queue = cloud.rule_on_bus("e2e-ends", &ends).await;
    cloud.control("/_local/events/refuse", json!({"places": [0], "calls": 2})).await;
    let instance = cloud.pressed("default").await;
    cloud.answered(&instance, "available", SOON).await;
    let told = cloud.told(&instance, &all_went_well()).await;
    let heard = from_bus(cloud, &instance, told.len()).await;
    assert_eq!(heard, documents(&told));
    let ended = eventually(SOON, "the end of it at the rule's queue", async || {
        let all = cloud.drain(&queue).await;
        let ours = all.into_iter().find(|event| text(event, "/detail/instance") == instance);
        ours.ok_or_else(|| "nothing".to_owned())
    })
    .await;
    assert_eq!(text(&ended, "/detail/outcome"), "complete");
    assert_eq!(cloud.for_attention(&instance).await.len(), 0, "nobody has to act");
}

/// The topic for what needs a person hears once of a family without one of its copies, and not of
/// what went well.
pub(crate) async fn who_must_act_hears_of_that_alone(cloud: &Cloud) {
    let deny = json!({"caller": "distribute-image", "action": "ec2:CopyImage", "region": "eu-west-1", "count": 100, "fault": "deny"});
    cloud.fault(deny).await;
    let instance = cloud.pressed("default").await;
    cloud.answered(&instance, "partial", SOON).await;
    let heard = eventually(SOON, "who must act told", async || {
        let heard = cloud.for_attention(&instance).await;
        holds(!heard.is_empty(), &heard).map(|()| heard)
    })
    .await;
    let events: BTreeSet<&str> = heard.iter().map(Notification::event).collect();
    assert_eq!(events, BTreeSet::from(["family-partial"]), "{heard:?}");
    assert!(heard.iter().all(|one| one.attributes["severity"] == "error"), "{heard:?}");
}

/// While the bus takes nothing people are told as ever, once; when it takes events again it gets
/// what it lacks by the messages that the tick sends.
pub(crate) async fn a_bus_that_is_out_of_order(cloud: &Cloud) {
    cloud.fault(json!({"caller": "notify", "action": "events:PutEvents", "count": 1000, "fault": "error-500"})).await;
    let mark = cloud.mark();
    let instance = cloud.launch().await;
    cloud.tag(&instance, BUTTON, "default").await;
    cloud.answered(&instance, "available", SOON).await;
    let told = cloud.told(&instance, &all_went_well()).await;
    let noted = |call: &std::sync::Arc<amiline_local::gateway::Record>| {
        call.parameters
            .get("Key")
            .and_then(Value::as_str)
            .is_some_and(|key| key.contains("HISTORY#"))
    };
    eventually(SOON, "who was told noted", async || {
        let notes = cloud
            .calls(mark, "notify", "dynamodb:UpdateItem")
            .iter()
            .filter(|call| noted(call))
            .count();
        holds(notes >= told.len(), &notes)
    })
    .await;
    assert_eq!(cloud.heard_on_bus(&instance).await, Vec::<Value>::new());
    cloud.calm().await;
    // The tick sends them ten minutes later; nobody has to wait for that here.
    let family = text(&told[0].message, "/family");
    for seq in 1..=12 {
        let place = json!({"pk": format!("FAMILY#{family}"), "sk": format!("HISTORY#{seq:012}")});
        let message =
            json!({"source": "amiline", "detail-type": "AnnounceHistory", "detail": place});
        cloud.send("notify", &message.to_string()).await;
    }
    let heard = from_bus(cloud, &instance, told.len()).await;
    assert_eq!(heard, documents(&told));
    cloud.idle("notify").await;
    assert_eq!(cloud.notifications(&instance).await.len(), told.len(), "people are told once");
    assert_eq!(cloud.heard_on_bus(&instance).await.len(), told.len(), "and so is the bus");
}

/// The day's presses in one message for each policy; the schedule that fires twice makes no second
/// one.
pub(crate) async fn the_digest_of_a_day(cloud: &Cloud) {
    let policy = "digested";
    let put =
        json!({"Name": format!("/amiline/policies/{policy}"), "Value": "{}", "Type": "String"});
    cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &put).await.expect("a policy");
    let instance = cloud.pressed(policy).await;
    cloud.answered(&instance, "available", SOON).await;
    // The day of the press is not over; what the schedule sends at its end is sent now.
    let told = eventually(SOON, "told of it", async || {
        let told = cloud.notifications(&instance).await;
        holds(!told.is_empty(), &told).map(|()| told)
    })
    .await;
    let pressed: jiff::Timestamp = text(&told[0].message, "/at").parse().unwrap();
    let tomorrow = (pressed + jiff::SignedDuration::from_hours(24)).to_string();
    let today = pressed.strftime("%Y-%m-%d").to_string();
    let ours = async || {
        let mut digests = cloud.digests().await;
        digests.retain(|one| {
            text(&one.message, "/policy") == policy && text(&one.message, "/day") == today
        });
        digests
    };
    cloud.schedule("DayEnded", json!({"scheduled": tomorrow})).await;
    let told = eventually(SOON, "the digest of today", async || {
        let told = ours().await;
        holds(!told.is_empty(), &told).map(|()| told)
    })
    .await;
    assert_eq!(told[0].message["counts"]["complete"], 1, "{told:?}");
    assert_eq!(told[0].subject, format!("Amiline: {policy} on {today}: 1 image"));
    assert_eq!(told[0].attributes["severity"], "info");
    // Each policy has its own: so has that of the other stories, if there were any.
    eventually(SOON, "a digest of every policy", async || {
        let told: BTreeSet<String> = cloud
            .digests()
            .await
            .iter()
            .map(|one| text(&one.message, "/policy").to_owned())
            .collect();
        let pressed = cloud.all_notifications().await;
        // News of a policy and of coverage are no press.
        let pressed = pressed.iter().filter(|one| !one.message["family"].is_null());
        let missing = pressed
            .map(|one| text(&one.message, "/policy"))
            .find(|pressed| !told.contains(*pressed));
        holds(missing.is_none(), &missing)
    })
    .await;
    cloud.schedule("DayEnded", json!({"scheduled": tomorrow})).await;
    cloud.idle("notify").await;
    assert_eq!(ours().await.len(), 1, "a schedule that fires twice makes one digest");
}
