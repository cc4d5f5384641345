//! Instances that are imaged by a schedule.

use crate::cloud::{Cloud, SOON, eventually, holds};
use crate::operator::amiline;
use amiline_local::HOME_REGION;
use serde_json::json;
use std::time::Duration;

const TAG: &str = "amiline:schedule";
/// A slot begins with a minute, and the tick is asked until it has come.
const SLOT: Duration = Duration::from_secs(150);

/// Enrolled by a tag event, imaged at its slot, once, however often the tick comes; and told where
/// people look.
pub(crate) async fn an_enrolled_instance_is_imaged_at_its_slot(cloud: &Cloud) {
    let slot =
        (jiff::Timestamp::now() + Duration::from_secs(75)).strftime("%M %H * * *").to_string();
    let policy = json!({"schedule": {"cron": [slot]}}).to_string();
    let asked = json!({"Name": "/amiline/policies/daily", "Value": policy, "Type": "String"});
    cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
    let instance = cloud.launch().await;
    let unscheduled = cloud.launch().await;
    cloud.tag(&instance, TAG, "daily").await;
    cloud.tag(&unscheduled, TAG, "default").await;
    let refused = cloud.answered(&unscheduled, "rejected: ", SOON).await;
    assert!(refused.contains("policy default has no schedule"), "{refused}");
    cloud.idle("create-image").await;
    assert_eq!(cloud.created(&instance), 0, "its slot has not come");
    eventually(SLOT, "the slot's image", async || {
        cloud.tick(0).await;
        holds(cloud.created(&instance) > 0, &())
    })
    .await;
    for _ in 0..3 {
        cloud.tick(0).await;
    }
    cloud.answered(&instance, "available ", SOON).await;
    cloud.idle("create-image").await;
    assert_eq!(cloud.created(&instance), 1, "a slot is taken once");
    assert_eq!(cloud.tags(&instance).await[TAG], "daily", "a schedule is no button");
    answers_of_the_command(cloud, &instance, &unscheduled);
    cloud.untag(&instance, TAG).await;
    cloud.untag(&unscheduled, TAG).await;
}

/// Runs the command: how it ended, and what it said.
fn asked(cloud: &Cloud, arguments: &[&str]) -> (i32, String) {
    let output = amiline(cloud, arguments);
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap_or(-1), said)
}

/// What a person asks who has two enrolled instances, one of which no image is made.
fn answers_of_the_command(cloud: &Cloud, instance: &str, unscheduled: &str) {
    let (code, answer) = asked(cloud, &["coverage", "--json"]);
    let coverage: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    let rows: Vec<_> = coverage["coverage"].as_array().expect("rows").iter().collect();
    let of = |id: &str| {
        rows.iter().find(|row| row["instance"] == id).unwrap_or_else(|| panic!("{id} in {answer}"))
    };
    assert_eq!(
        (code, &of(instance)["lost"], &of(instance)["policy"]),
        (1, &json!(false), &json!("daily"))
    );
    assert!(
        of(instance)["image"].as_str().is_some_and(|image| image.starts_with("ami-")),
        "{answer}"
    );
    assert!(
        of(instance)["age_seconds"].as_i64().is_some_and(|age| (0..600).contains(&age)),
        "{answer}"
    );
    assert!(of(unscheduled)["reason"]["code"] == "no-schedule", "{answer}");
    let (code, answer) = asked(cloud, &["coverage"]);
    assert!(code == 1 && answer.contains("in order until"), "{answer}");
    assert!(answer.contains("1 instance gets no image from default"), "{answer}");
    cloud.note(answer);
    let (code, answer) = asked(cloud, &["why", instance]);
    for said in [
        "Now",
        "it is not pressed",
        "schedule daily",
        "its next slot is",
        "Newest images",
        "new enough",
    ] {
        assert!(code == 0 && answer.contains(said), "{said}: {answer}");
    }
    assert!(
        answer.contains("the slot of ") && answer.contains("made every image: available ami-"),
        "{answer}"
    );
    cloud.note(answer);
    let (code, answer) = asked(cloud, &["why", unscheduled]);
    assert!(
        code == 0 && answer.contains("it gives no image: policy default has no schedule"),
        "{answer}"
    );
    let (code, answer) = asked(cloud, &["why", "i-00000000"]);
    assert!(
        code == 3 && answer.contains("there is no instance i-00000000 in us-east-1, "),
        "{answer}"
    );
}

/// An enrolment whose event was lost is found by the sweep, which asks nobody who is enrolled
/// already.
pub(crate) async fn the_sweep_finds_what_no_event_told(cloud: &Cloud) {
    let policy = json!({"schedule": {"cron": ["0 0 1 1 *"]}}).to_string();
    let asked = json!({"Name": "/amiline/policies/yearly", "Value": policy, "Type": "String"});
    cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
    cloud
        .control("/_local/ec2/drop-events", json!({"detail_types": ["Tag Change on Resource"]}))
        .await;
    let instance = cloud.launch().await;
    cloud.tag(&instance, TAG, "yearly").await;
    let mark = cloud.mark();
    cloud.sweep().await;
    // Others may be looked at for reasons of their own.
    let looks = |mark| {
        let calls = cloud.calls(mark, "create-image", "ec2:DescribeInstances");
        calls
            .into_iter()
            .filter(|call| json!(call.parameters).to_string().contains(&instance))
            .collect::<Vec<_>>()
    };
    eventually(SOON, "a look at the instance", async || {
        let looks = looks(mark);
        holds(!looks.is_empty(), &looks)
    })
    .await;
    cloud.idle("create-image").await;
    let mark = cloud.mark();
    cloud.sweep().await;
    cloud.idle("create-image").await;
    assert!(looks(mark).is_empty(), "it is enrolled");
    assert_eq!(cloud.created(&instance), 0);
    cloud.untag(&instance, TAG).await;
}

/// A policy that turns into no policy is told of once, and a press is answered by the version
/// before it.
pub(crate) async fn a_policy_that_turns_invalid(cloud: &Cloud) {
    let put = async |text: &str| {
        let asked = json!({"Name": "/amiline/policies/fragile", "Value": text, "Type": "String", "Overwrite": true});
        cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
    };
    let told = async |event: &'static str| {
        let all = cloud.all_notifications().await;
        all.into_iter()
            .filter(|one| one.message["event"] == event && one.message["policy"] == "fragile")
            .count()
    };
    put("{\"description\":\"as it was\"}").await;
    put("{\"descriptoin\":\"as it is\"}").await;
    cloud.sweep().await;
    eventually(SOON, "word of the policy", async || {
        let told = told("policy-refused").await;
        holds(told == 1, &told)
    })
    .await;
    let instance = cloud.pressed("fragile").await;
    cloud.answered(&instance, "available ", SOON).await;
    put("{\"description\":\"mended\"}").await;
    // What functions read of a policy is kept for half a minute.
    eventually(SLOT, "word that it can be used again", async || {
        cloud.sweep().await;
        cloud.idle("create-image").await;
        let told = told("policy-accepted").await;
        holds(told == 1, &told)
    })
    .await;
    assert_eq!(told("policy-refused").await, 1, "it is told once");
}
