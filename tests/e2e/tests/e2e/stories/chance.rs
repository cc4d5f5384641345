//! Lost replies, killed processes, and events that come early, twice, never, or for images that are
//! not ours.

use crate::cloud::{BUTTON, Cloud, SOON, eventually, holds, parameter};
use crate::inbox::all_went_well;
use amiline_local::HOME_REGION;
use amiline_local::aws::{list, text};
use serde_json::json;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

const AMI_EVENT: &str = "EC2 AMI State Change";
/// The lease of a killed worker ends a minute after its invocation's deadline, which is half a
/// minute.
const LEASE: Duration = Duration::from_secs(120);

/// The instance whose `create-image` was killed.
static KILLED: Mutex<Option<String>> = Mutex::new(None);

/// The process dies when CreateImage has taken effect and its reply is still on the way. The lease
/// it leaves behind takes a while to run out, so the end is a story of its own, further on.
pub(crate) async fn create_image_is_killed_before_the_reply(cloud: &Cloud) {
    cloud.control("/_local/ec2/hide-images", json!({"seconds": 20})).await;
    let held = json!({"caller": "create-image", "action": "ec2:CreateImage", "fault": "effect-then-lost-reply", "milliseconds": 20_000});
    cloud.fault(held).await;
    let mark = cloud.mark();
    let instance = cloud.pressed("default").await;
    eventually(SOON, "CreateImage done, its reply not given", async || {
        let calls = cloud.calls(mark, "create-image", "ec2:CreateImage");
        holds(calls.iter().any(|call| call.made.is_some() && call.status.is_none()), &calls)
    })
    .await;
    let pid = busy_process(cloud, "create-image").await;
    let killed =
        Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill runs");
    assert!(killed.success());
    assert!(cloud.images_of(&instance).await.is_empty(), "the image is still invisible");
    eventually(SOON, "the process gone", async || {
        let functions = cloud.control("/_local/functions", json!({})).await;
        holds(!functions.to_string().contains(&format!("\"pid\":{pid},")), &functions)
    })
    .await;
    *KILLED.lock().unwrap() = Some(instance);
}

pub(crate) async fn the_killed_ones_image_is_adopted(cloud: &Cloud) {
    if KILLED.lock().unwrap().is_none() {
        create_image_is_killed_before_the_reply(cloud).await;
        cloud.calm().await;
    }
    let instance = KILLED.lock().unwrap().clone().expect("somebody was killed");
    // As the schedule does it, and with nothing brought forward: the lease has to run out.
    let status = eventually(LEASE, "the image of the killed process adopted", async || {
        let tags = cloud.tags(&instance).await;
        cloud.tick(0).await;
        let done = tags.get(crate::cloud::STATUS).filter(|status| status.starts_with("available"));
        done.cloned().ok_or_else(|| format!("{tags:?}"))
    })
    .await;
    let (image, _) = cloud.one_family(&instance).await;
    assert_eq!(status, format!("available {} in 3 Regions", image.id));
    assert_eq!(cloud.created(&instance), 1);
    assert_eq!(cloud.copied(&image.id), 2);
    cloud.told(&instance, &all_went_well()).await;
}

async fn busy_process(cloud: &Cloud, function: &str) -> u64 {
    let functions = cloud.control("/_local/functions", json!({})).await;
    let name = &cloud.local.deployed().functions[function];
    let of = list(&functions, "/functions")
        .iter()
        .find(|one| text(one, "/name") == name)
        .expect("a function");
    let busy: Vec<u64> = list(of, "/processes")
        .iter()
        .filter(|process| process["busy"] == json!(true))
        .map(|process| process["pid"].as_u64().expect("a pid"))
        .collect();
    assert_eq!(busy.len(), 1, "{of}");
    busy[0]
}

/// Nobody hears that CreateImage took effect, and for a while nobody can see it.
pub(crate) async fn a_lost_reply_and_an_invisible_image(cloud: &Cloud) {
    cloud.control("/_local/ec2/hide-images", json!({"seconds": 6})).await;
    cloud
        .fault(json!({"caller": "create-image", "action": "ec2:CreateImage", "fault": "effect-then-lost-reply"}))
        .await;
    let mark = cloud.mark();
    let instance = cloud.pressed("default").await;
    eventually(SOON, "a lost reply", async || {
        let calls = cloud.calls(mark, "create-image", "ec2:CreateImage");
        holds(calls.iter().any(|call| call.status.is_none()), &calls)
    })
    .await;
    assert!(cloud.images_of(&instance).await.is_empty(), "the image is still invisible");
    cloud.control("/_local/ec2/hide-images", json!({"seconds": 0})).await;
    cloud.answered_by_ticks(&instance, "available", SOON).await;
    let (image, _) = cloud.one_family(&instance).await;
    assert_eq!(cloud.created(&instance), 1, "CreateImage took effect once");
    assert_eq!(cloud.copied(&image.id), 2);
    cloud.told(&instance, &all_went_well()).await;
}

pub(crate) async fn available_before_the_record(cloud: &Cloud) {
    cloud.control("/_local/ec2/pending", json!({"seconds": 0})).await;
    let held = json!({"caller": "create-image", "action": "ec2:CreateImage", "fault": "effect-then-lost-reply", "milliseconds": 2500});
    cloud.fault(held).await;
    let mark = cloud.mark();
    let instance = cloud.pressed("default").await;
    // The event's look comes while the creating function still waits for the reply, so no record
    // names the image.
    let image = eventually(SOON, "the event looked into", async || {
        let made = cloud
            .calls(mark, "create-image", "ec2:CreateImage")
            .iter()
            .find_map(|call| call.made.clone());
        let looks = cloud.calls(mark, "distribute-image", "ec2:DescribeImages");
        let image = made.ok_or("no image yet")?;
        let looked = looks
            .iter()
            .any(|look| serde_json::json!(look.parameters).to_string().contains(&image));
        holds(looked, &looks).map(|()| image)
    })
    .await;
    cloud.answered_by_ticks(&instance, "available", SOON).await;
    let (made, _) = cloud.one_family(&instance).await;
    assert_eq!(
        (made.id.as_str(), cloud.created(&instance), cloud.copied(&made.id)),
        (image.as_str(), 1, 2)
    );
    cloud.told(&instance, &all_went_well()).await;
}

pub(crate) async fn every_event_twice(cloud: &Cloud) {
    cloud
        .control(
            "/_local/ec2/duplicate-events",
            json!({"detail_types": [AMI_EVENT, "Tag Change on Resource"]}),
        )
        .await;
    let instance = cloud.pressed("default").await;
    cloud.answered(&instance, "available", SOON).await;
    cloud.idle("distribute-image").await;
    let (image, _) = cloud.one_family(&instance).await;
    assert_eq!((cloud.created(&instance), cloud.copied(&image.id)), (1, 2));
    cloud.told(&instance, &all_went_well()).await;
}

pub(crate) async fn no_event_at_all(cloud: &Cloud) {
    cloud
        .control(
            "/_local/ec2/drop-events",
            json!({"detail_types": [AMI_EVENT, "Tag Change on Resource"]}),
        )
        .await;
    let instance = cloud.pressed("default").await;
    cloud.answered_by_ticks(&instance, "available", SOON).await;
    let (image, _) = cloud.one_family(&instance).await;
    assert_eq!((cloud.created(&instance), cloud.copied(&image.id)), (1, 2));
    cloud.told(&instance, &all_went_well()).await;
}

/// Somebody else's image; one with our tags on it, made of another instance; one made of our own
/// instance.
pub(crate) async fn images_of_others_and_forged_ones(cloud: &Cloud) {
    let instance = cloud.pressed("default").await;
    cloud.answered(&instance, "available", SOON).await;
    let (real, copies) = cloud.one_family(&instance).await;
    let family_before = (real.tags.clone(), copies.len());
    let mark = cloud.mark();
    let other = cloud.launch().await;
    let mut made = Vec::new();
    for (of, name, forged) in
        [(&other, "foreign", false), (&other, "forged", true), (&instance, "forged-too", true)]
    {
        let mut asked =
            vec![("InstanceId".to_owned(), of.clone()), ("Name".to_owned(), name.to_owned())];
        if forged {
            asked.push(("TagSpecification.1.ResourceType".to_owned(), "image".to_owned()));
            for (n, (key, value)) in real.tags.iter().enumerate() {
                asked.push((format!("TagSpecification.1.Tag.{}.Key", n + 1), key.clone()));
                asked.push((format!("TagSpecification.1.Tag.{}.Value", n + 1), value.clone()));
            }
        }
        let asked: Vec<(&str, &str)> =
            asked.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = cloud.ec2("CreateImage", &asked).await;
        made.push(text(&answer, "/imageId").to_owned());
    }
    for image in &made {
        eventually(SOON, &format!("{image} looked into and dropped"), async || {
            let calls = cloud.calls(mark, "distribute-image", "ec2:DescribeImages");
            holds(
                calls.iter().any(|call| json!(call.parameters).to_string().contains(image)),
                &calls,
            )
        })
        .await;
    }
    cloud.idle("distribute-image").await;
    for image in &made {
        assert_eq!(cloud.copied(image), 0, "{image} was copied");
        let calls = cloud.local.calls_since(mark);
        let changed = calls.iter().find(|call| {
            call.caller != "operator"
                && !call.action.starts_with("Describe")
                && json!(call.parameters).to_string().contains(image)
                && call.service == "ec2"
        });
        assert!(changed.is_none(), "{image} was changed: {changed:?}");
    }
    // The real family is as it was, and nobody was told anything of the others.
    assert_eq!(cloud.copied(&real.id), 2);
    assert_eq!(cloud.copies_of(&real.id).await.len(), family_before.1);
    assert!(!cloud.tags(&instance).await.contains_key(BUTTON));
    assert_eq!(cloud.notifications(&other).await.len(), 0);
    let told = cloud.notifications(&instance).await;
    for image in &made {
        assert!(!told.iter().any(|one| text(&one.message, "/event").starts_with("copy")
            && text(&one.message, "/image") == image));
    }
    let creates = cloud.calls(mark, "create-image", "ec2:CreateImage");
    assert!(
        creates.is_empty(),
        "{:?}",
        creates.iter().map(|call| parameter(call, "InstanceId")).collect::<Vec<_>>()
    );
    assert_eq!(HOME_REGION, real.region);
}
