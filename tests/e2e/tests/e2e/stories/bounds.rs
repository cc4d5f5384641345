//! The kill switch, and the limit per hour.

use crate::cloud::{BUTTON, Cloud, SOON, STATUS, eventually, holds, tags_of};
use crate::inbox::all_went_well;
use crate::operator::amiline;
use crate::options;
use amiline_local::HOME_REGION;
use amiline_local::aws::list;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) async fn the_kill_switch(cloud: &Cloud) {
    // One press is past CreateImage when the switch goes on, one comes after it.
    cloud.control("/_local/ec2/pending", json!({"seconds": 4})).await;
    let under_way = cloud.pressed("default").await;
    eventually(SOON, "an image under way", async || {
        let tags = cloud.tags(&under_way).await;
        holds(tags.get(STATUS).is_some_and(|status| status.starts_with("creating")), &tags)
    })
    .await;
    switch(cloud, "on").await;
    begin_anew(cloud).await;
    let mark = cloud.mark();
    let late = cloud.pressed("default").await;
    for function in ["create-image", "distribute-image"] {
        eventually(SOON, &format!("{function} stopped by the kill switch"), async || {
            let log = std::fs::read_to_string(
                cloud.local.function_log(&cloud.local.deployed().functions[function]),
            );
            holds(
                log.is_ok_and(|log| log.contains("the kill switch is on")),
                &"no such line in its log",
            )
        })
        .await;
    }
    cloud.tick(86_400).await;
    cloud.idle("distribute-image").await;
    let calls = cloud.local.calls_since(mark);
    let changed = calls.iter().find(|call| {
        call.service == "ec2"
            && call.caller.ends_with("-image")
            && !call.action.starts_with("Describe")
    });
    assert!(changed.is_none(), "with the kill switch on: {changed:?}");
    assert!(cloud.images_of(&late).await.is_empty());

    switch(cloud, "off").await;
    for instance in [&under_way, &late] {
        // Nobody waits for a tick: the event of the parameter asks for one.
        cloud.answered(instance, "available", SOON).await;
        cloud.one_family(instance).await;
        assert_eq!(cloud.created(instance), 1);
        cloud.told(instance, &all_went_well()).await;
    }
}

/// Turns it, and waits until that is told.
async fn switch(cloud: &Cloud, value: &str) {
    let turned = amiline(cloud, &["kill-switch", value, "--reason", "a story is told"]);
    let said = String::from_utf8_lossy(&turned.stdout).into_owned();
    assert!(turned.status.success(), "{}", String::from_utf8_lossy(&turned.stderr));
    assert!(said.starts_with(&format!("The kill switch is {value}")), "{said}");
    let standing = amiline(cloud, &["kill-switch", "status"]);
    let standing = String::from_utf8_lossy(&standing.stdout).into_owned();
    assert!(standing.starts_with(value) && standing.contains(": a story is told"), "{standing}");
    eventually(SOON, "word of who turned it", async || {
        let all = cloud.all_notifications().await;
        let event = format!("kill-switch-{value}");
        let told: Vec<_> =
            all.into_iter().filter(|one| one.message["event"] == event.as_str()).collect();
        holds(told.len() == 1, &told.len()).map(|()| {
            let reason = told[0].message["reason"]["text"].as_str().unwrap().to_owned();
            assert!(
                reason.starts_with("arn:aws:") && reason.ends_with(": a story is told"),
                "{reason}"
            );
        })
    })
    .await;
}

/// Has the functions start anew, as after any change of their configuration: one that has read that
/// the switch is off asks again only after a while.
async fn begin_anew(cloud: &Cloud) {
    for function in ["create-image", "distribute-image"] {
        let path = format!(
            "/2015-03-31/functions/{}/configuration",
            cloud.local.deployed().functions[function]
        );
        let answer =
            cloud.aws.rest("lambda", HOME_REGION, Method::GET, &path, Bytes::new()).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let mut variables = answer["Environment"]["Variables"].clone();
        variables["SWITCHED"] = json!("on");
        let asked = json!({"Environment": {"Variables": variables}}).to_string();
        cloud.aws.rest("lambda", HOME_REGION, Method::PUT, &path, asked.into()).await.unwrap();
    }
}

/// On a local AWS of its own, with the template's own limit.
pub(crate) async fn two_hundred_at_once_over_a_limit_of_fifty(main: &Cloud) {
    let cloud =
        Cloud::start(options(&[("DestinationRegions", ""), ("MaxImagesPerHour", "50")])).await;
    let instances = cloud.launch_many(200).await;
    let since = Instant::now();
    let names: Vec<String> = (1..=instances.len()).map(|n| format!("ResourceId.{n}")).collect();
    let mut asked: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(instances.iter().map(String::as_str)).collect();
    asked.extend([("Tag.1.Key", BUTTON), ("Tag.1.Value", "default")]);
    cloud.ec2("CreateTags", &asked).await;
    let answers = eventually(Duration::from_secs(420), "200 answers", async || {
        let answer = cloud.ec2("DescribeInstances", &[]).await;
        let all: Vec<_> = list(&answer, "/reservationSet")
            .iter()
            .flat_map(|one| list(one, "/instancesSet"))
            .collect();
        let tags = all
            .into_iter()
            .map(|one| tags_of(one, "/tagSet"))
            .filter(|tags| !tags.contains_key(BUTTON));
        let answers: Vec<String> = tags.filter_map(|tags| tags.get(STATUS).cloned()).collect();
        if answers.len() < 200 && cloud.waiting("create-image").await == 0 {
            // A look that lost too many races for the hour's count is delivered again after three
            // minutes. The tick finds its button sooner.
            cloud.tick(0).await;
        }
        holds(answers.len() == 200, &answers.len()).map(|()| answers)
    })
    .await;
    let begin_with = |text: &str| answers.iter().filter(|answer| answer.starts_with(text)).count();
    let limit = "rejected: over the limit of 50 images per hour";
    assert_eq!((begin_with("available ami-"), begin_with(limit)), (50, 150), "{answers:?}");
    assert_eq!(cloud.images(HOME_REGION, &[]).await.len(), 50);
    let creates = cloud.calls(0, "create-image", "ec2:CreateImage").len();
    assert_eq!(creates, 50);
    let taken = since.elapsed();
    // A look that lost too many races comes again, and finds nothing to do.
    eventually(Duration::from_secs(240), "an empty queue", async || {
        let waiting = cloud.waiting("create-image").await;
        holds(waiting == 0, &waiting)
    })
    .await;
    assert_eq!(cloud.dead_letters().await, 0);
    main.note(format!("200 presses answered in {:.1} s", taken.as_secs_f64()));
}
