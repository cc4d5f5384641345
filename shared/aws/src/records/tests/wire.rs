//! What is sent to the table and made of its answers.

use super::*;
use crate::settings::{CreateImage, Notify, ScheduleTick};
use crate::stub::{Answer, Stub, world};
use amiline_app::ports::{
    Announcer, Committed, Due, DueReader, RecordReader, RecordWriter, RejectedMessage,
};
use amiline_domain::digest::DigestKey;
use amiline_domain::fault::Fault;
use amiline_domain::history::Subject;

fn cancelled(reasons: &[&str]) -> Answer {
    let reasons: Vec<_> = reasons.iter().map(|code| serde_json::json!({"Code": code})).collect();
    let body = serde_json::json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled", "CancellationReasons": reasons,
    });
    Some((400, body.to_string()))
}

#[tokio::test]
async fn a_commit_ends_as_the_table_says() {
    let failed = Some((500, "{\"__type\":\"InternalServerError\"}".to_owned()));
    let done: Answer = Some((200, "{}".to_owned()));
    let cases = [
        (vec![done.clone()], Ok(Committed::Yes), 1),
        (vec![cancelled(&["None", "ConditionalCheckFailed"])], Ok(Committed::Conflict), 1),
        (vec![cancelled(&["TransactionConflict"]), done], Ok(Committed::Yes), 2),
        (vec![cancelled(&["TransactionConflict"])], Err(Fault::Later), 4),
        (vec![cancelled(&["ValidationError"])], Err(Fault::Reject), 1),
        (vec![failed], Err(Fault::Unknown), 1),
    ];
    for (answers, expected, times) in cases {
        let stub = Stub::answering(answers.clone()).await;
        let result = world::<CreateImage>(&stub.endpoint).commit(&commit()).await;
        assert_eq!(result.map_err(|error| error.fault), expected, "{answers:?}");
        let asked = stub.asked();
        assert_eq!(asked.len(), times);
        assert!(asked.iter().all(|body| *body == asked[0]), "the same token and content each time");
    }
}

#[tokio::test]
async fn single_writes_tell_a_failed_condition_from_an_error() {
    let refused = Some((400, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException\",\"message\":\"The conditional request failed\"}".to_owned()));
    let stub = Stub::answering(vec![refused]).await;
    let world_ = world::<CreateImage>(&stub.endpoint);
    let family = family();
    assert!(!world_.leave_hint(&family.id, "request-1").await.unwrap());
    let expected = Expected::Revision(2);
    for write in [
        PressWrite::DueTime { key: press_key(), expected, at: Some(now()) },
        PressWrite::Put { key: press_key(), expected, press: Press::untouched() },
    ] {
        assert_eq!(world_.commit(&Transaction::press(write)).await.unwrap(), Committed::Conflict);
    }
    // Already announced and gone: nothing to do.
    world::<Notify>(&stub.endpoint)
        .mark_announced(&Subject::Family(family.id.clone()), 3)
        .await
        .unwrap();
    assert_eq!(stub.asked().len(), 4);
}

#[tokio::test]
async fn a_rejected_message_is_kept_for_thirty_days() {
    let stub = Stub::answering(vec![Some((200, "{}".to_owned()))]).await;
    let rejected = RejectedMessage {
        message_id: "m".to_owned(),
        function: "notify",
        code: "malformed".to_owned(),
        reason: "r".to_owned(),
        excerpt: "e".to_owned(),
        at: now(),
    };
    world::<Notify>(&stub.endpoint).keep_rejected(&rejected).await.unwrap();
    let asked = &stub.asked()[0];
    assert!(asked.contains("REJECTED#2026-11-24") && asked.contains("1798113600"), "{asked}");
}

fn json_item(item: &Item) -> serde_json::Value {
    let pairs = item.iter().map(|(name, value)| {
        let value = match (value.as_s(), value.as_n()) {
            (Ok(text), _) => serde_json::json!({"S": text}),
            (_, Ok(number)) => serde_json::json!({"N": number}),
            _ => panic!("{name} is neither text nor a number"),
        };
        (name.clone(), value)
    });
    serde_json::Value::Object(pairs.collect())
}

#[tokio::test]
async fn keys_that_a_batch_left_out_are_asked_for_again() {
    let press = Press { rev: 2, state: PressState::Idle, ..Press::untouched() };
    let item = items::press_item(&press_key(), &press).unwrap();
    let key = layout::key(&layout::press_pk(&press_key()), layout::PRESS_SK);
    let left = serde_json::json!({"Responses": {}, "UnprocessedKeys": {"x": {"Keys": [json_item(&key)], "ConsistentRead": true}}});
    let then = serde_json::json!({"Responses": {"x": [json_item(&item)]}, "UnprocessedKeys": {}});
    let stub =
        Stub::answering(vec![Some((200, left.to_string())), Some((200, then.to_string()))]).await;
    let found = world::<CreateImage>(&stub.endpoint).press_and_budget(&press_key()).await.unwrap();
    assert_eq!(found, (press, Budget::default()));
    assert!(stub.asked().iter().all(|body| body.contains("\"ConsistentRead\":true")));
}

#[tokio::test]
async fn a_page_of_what_is_due_leaves_out_what_nobody_understands() {
    let family = family();
    let entry = |pk: &str, sk: &str, due: &str| {
        let mut item = layout::key(pk, sk);
        item.insert("due_at".to_owned(), layout::text(due));
        json_item(&item)
    };
    let pk = layout::family_pk(&family.id);
    let page = serde_json::json!({
        "Items": [
            entry(&pk, "META", "001795521600#distribute"),
            entry(&layout::press_pk(&press_key()), "PRESS", "001795521600#press"),
            entry(&pk, "HISTORY#000000000002", "001795521600#notify"),
            entry("DIGEST#2026-11-23", "POLICY#nightly", "001795521600#digest"),
            entry("DIGEST#2026-11-23", "NONE", "001795521600#digest"),
            entry("DIGEST#2026-11-23", "nightly", "001795521600#digest"),
            entry("STRANGE#1", "X", "soon"),
        ],
        "LastEvaluatedKey": entry(&pk, "META", "001795521600#distribute"),
    });
    let stub = Stub::answering(vec![Some((200, page.to_string()))]).await;
    let world = world::<ScheduleTick>(&stub.endpoint);
    let at = at("2026-11-24T12:00:00Z");
    let page = world.due(3, now(), None).await.unwrap();
    let digest = |policy| DigestKey { policy, day: "2026-11-23".parse().unwrap() };
    assert_eq!(
        page.items,
        [
            Due::Family { family: family.id, role: Role::Distribute, at },
            Due::Press { key: press_key(), at },
            Due::History { pk, sk: "HISTORY#000000000002".to_owned(), at },
            Due::Digest { key: digest(Some("nightly".parse().unwrap())), at },
            Due::Digest { key: digest(None), at },
        ]
    );
    world.due(3, now(), page.next).await.unwrap();
    let asked = stub.asked();
    assert!(asked[0].contains("due#3") && asked[0].contains("001795521601"), "{}", asked[0]);
    assert!(!asked[0].contains("ExclusiveStartKey") && asked[1].contains("ExclusiveStartKey"));
}
