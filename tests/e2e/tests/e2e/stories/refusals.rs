//! What is refused: each with an answer where there is somebody to answer, and kept where there is
//! not.

use crate::cloud::{Cloud, SOON, eventually, holds};
use amiline_local::HOME_REGION;
use amiline_local::aws::{list, text};
use serde_json::json;

const REJECTED: [(&str, &str); 1] = [("request-rejected", HOME_REGION)];

pub(crate) async fn every_refused_press_is_answered(cloud: &Cloud) {
    let mark = cloud.mark();
    for (name, value) in [
        ("broken", "{\"create\""),
        ("unknown-field", "{\"create\":{\"rebooot\":true}}"),
        ("public", "{\"share\":{\"accounts\":[\"222222222222\"]}}"),
        ("far", "{\"distribute\":{\"regions\":[\"ap-south-1\"]}}"),
        ("rootless", "{\"create\":{\"exclude_devices\":[\"/dev/xvda\"]}}"),
        ("pretender", "{\"create\":{\"tags\":{\"AMILINE:managed-by\":\"amiline\"}}}"),
        (
            "strangers",
            "{\"encrypt\":{\"kms_key\":\"alias/amiline\"},\"share\":{\"accounts\":[\"999999999999\"]}}",
        ),
    ] {
        let asked =
            json!({"Name": format!("/amiline/policies/{name}"), "Value": value, "Type": "String"});
        cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
    }
    let store = cloud
        .ec2("RegisterImage", &[("Name", "instance-store"), ("ImageLocation", "bucket/image.xml")])
        .await;
    let store = text(&store, "/imageId");
    eventually(SOON, "an instance-store image", async || {
        let found = cloud.images(HOME_REGION, &[("image-id", store), ("state", "available")]).await;
        holds(found.len() == 1, &found)
    })
    .await;
    let store = cloud.launch_of(store, 1).await.remove(0);
    let gone = cloud.launch().await;
    cloud.ec2("TerminateInstances", &[("InstanceId.1", &gone)]).await;
    let mut presses = vec![
        (store, "default".to_owned(), "instance-store"),
        (gone, "default".to_owned(), "terminated"),
    ];
    for (value, reason) in [
        ("nope", "there is no policy nope"),
        ("broken", "policy broken"),
        ("unknown-field", "rebooot"),
        ("public", "policy public"),
        ("far", "ap-south-1"),
        ("rootless", "policy rootless leaves out /dev/xvda"),
        ("pretender", "keys that begin with amiline: are the stack's own"),
        ("strangers", "999999999999"),
        ("", ""),
        ("two\nlines\r\n{\"level\":\"ERROR\"}", ""),
        ("\"; drop 'quoted' `x` \\", ""),
        ("<b>{{markup}}</b>${jndi:ldap://x} %s %n", ""),
        ("../../kill-switch", ""),
        ("\u{202e}txt.exe\u{2028}\u{feff}", ""),
        (&"\u{1f600}".repeat(256), ""),
    ] {
        presses.push((cloud.launch().await, value.to_owned(), reason));
    }
    let mut pressed = Vec::new();
    for (instance, value, reason) in presses {
        let tag = [
            ("ResourceId.1", instance.as_str()),
            ("Tag.1.Key", crate::cloud::BUTTON),
            ("Tag.1.Value", &value),
        ];
        match cloud.aws.ec2(HOME_REGION, "CreateTags", &tag).await {
            Ok(_) => pressed.push((instance, value, reason)),
            // What EC2 does not take, nobody can press.
            Err(refused) => {
                cloud.note(format!("EC2 refuses {value:?} as a tag's value: {refused}"))
            }
        }
    }
    assert!(pressed.len() >= 15, "{pressed:?}");
    for (instance, value, reason) in &pressed {
        let status = cloud.answered(instance, "rejected: ", SOON).await;
        assert!(status.contains(reason), "{value:?}: {status}");
        assert!(
            status.chars().count() <= 256 && !status.chars().any(char::is_control),
            "{value:?}: {status:?}"
        );
        let told = cloud.told(instance, &REJECTED).await.remove(0);
        assert_eq!(told.attributes["outcome"], "rejected");
        let said = text(&told.message, "/reason/text");
        assert!(said.contains(reason) && !said.is_empty(), "{value:?}: {told:?}");
        let plain = |text: &str| !text.chars().any(char::is_control);
        assert!(plain(&told.subject) && plain(said), "{value:?}: {told:?}");
        assert_eq!(cloud.created(instance), 0);
    }
    assert!(
        cloud.calls(mark, "create-image", "ec2:CreateImage").is_empty(),
        "a refused press reached CreateImage"
    );
    assert_eq!(cloud.dead_letters().await, 0);
}

pub(crate) async fn messages_that_make_no_sense(cloud: &Cloud) {
    let before = kept(cloud).await;
    let large = format!("{{\"source\":\"{}\"}}", "x".repeat(255 * 1024));
    let nested = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let unknown =
        json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {}}).to_string();
    let lines =
        json!({"source": "amiline\n{\"level\":\"ERROR\"}", "detail-type": "\u{1b}[2J", "detail": {}}).to_string();
    let instance = json!({"source": "amiline", "detail-type": "LookAtInstance", "detail": {"region": "us-east-1", "instance": "i-\n"}});
    let elsewhere = json!({"source": "amiline", "detail-type": "Tick", "detail": {}}).to_string();
    let malformed = [
        "not json",
        "{}",
        "null",
        "\"\"",
        "{\"source\":1,\"detail-type\":[],\"detail\":\"\"}",
        &nested,
        &large,
        &unknown,
        &lines,
        &instance.to_string(),
        &elsewhere,
    ];
    let functions = ["create-image", "distribute-image", "notify"];
    for function in functions {
        for body in malformed {
            cloud.send(function, body).await;
        }
    }
    // Well formed, and about what does not exist: done, nothing to keep.
    let family = json!({"source": "amiline", "detail-type": "FamilyDue", "detail": {"family": "fam-0123456789abcdef"}});
    let look = json!({"source": "amiline", "detail-type": "LookAtInstance", "detail": {"region": HOME_REGION, "instance": "i-0123456789abcdef0"}});
    cloud.send("create-image", &family.to_string()).await;
    cloud.send("create-image", &look.to_string()).await;
    cloud.send("distribute-image", &family.to_string()).await;
    let expected = before + functions.len() * malformed.len();
    eventually(SOON, &format!("{expected} rejected messages kept"), async || {
        let kept = kept(cloud).await;
        holds(kept >= expected, &kept)
    })
    .await;
    for function in functions {
        cloud.idle(function).await;
    }
    assert_eq!(kept(cloud).await, expected);
    assert_eq!(cloud.dead_letters().await, 0);
}

/// Messages that were refused and kept, read past the functions.
async fn kept(cloud: &Cloud) -> usize {
    let asked = json!({
        "TableName": cloud.local.deployed().table,
        "FilterExpression": "begins_with(pk, :rejected)",
        "ExpressionAttributeValues": {":rejected": {"S": "REJECTED#"}},
        "ProjectionExpression": "sk",
    });
    let answer =
        cloud.aws.json("dynamodb", HOME_REGION, "DynamoDB_20120810.Scan", &asked).await.unwrap();
    assert!(answer.get("LastEvaluatedKey").is_none(), "more than one page");
    list(&answer, "/Items").len()
}
