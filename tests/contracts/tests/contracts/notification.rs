//! The published schemas, held against what is published and what is put on the bus.

use crate::both;
use amiline_contracts::events;
use amiline_contracts::schema::event_schema;
use amiline_domain::bus;
use amiline_domain::chat;
use amiline_domain::console::StackAddress;
use amiline_domain::digest::{Digest, DigestKey};
use amiline_domain::family::Family;
use amiline_domain::history::{EventKind, HistoryItem};
use amiline_domain::ids::{Region, StackName, TagPrefix};
use amiline_domain::message::{BadEvent, decode};
use amiline_domain::notice::render;
use amiline_domain::reason::Reason;
use amiline_domain::receiver::{Receiver, receivers};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every kind of event. The match makes a new one an error here until it is in the list.
fn kinds() -> Vec<EventKind> {
    use EventKind::*;
    let listed = |kind: EventKind| match kind {
        ImageRequested | ImageCreating | ImageAvailable | ImageFailed | CopyStarted
        | CopyAvailable | CopyFailed | ImageShared | ShareFailed | ImageDeregistered
        | ImageDisabled | ImageEnabled | ImageMadePublic | SharedByOthers | ShareTakenBack
        | SharesInOrder | DuplicateFound | FamilyComplete | FamilyPartial | FamilyFailed
        | RequestRejected | FamilyRetried | SlotsMissed | CoverageLost | CoverageRestored
        | EnrolmentEnded | PolicyRefused | PolicyAccepted | KillSwitchOn | KillSwitchOff => kind,
    };
    [
        ImageRequested,
        ImageCreating,
        ImageAvailable,
        ImageFailed,
        CopyStarted,
        CopyAvailable,
        CopyFailed,
        ImageShared,
        ShareFailed,
        ImageDeregistered,
        ImageDisabled,
        ImageEnabled,
        ImageMadePublic,
        SharedByOthers,
        ShareTakenBack,
        SharesInOrder,
        DuplicateFound,
        FamilyComplete,
        FamilyPartial,
        FamilyFailed,
        RequestRejected,
        FamilyRetried,
        SlotsMissed,
        CoverageLost,
        CoverageRestored,
        EnrolmentEnded,
        PolicyRefused,
        PolicyAccepted,
        KillSwitchOn,
        KillSwitchOff,
    ]
    .map(listed)
    .to_vec()
}

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(events::directory().join(file)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{file}: {problem}"))
}

fn address() -> StackAddress {
    StackAddress {
        stack: StackName::new("amiline").unwrap(),
        prefix: TagPrefix::new("amiline").unwrap(),
        home: Region::new("us-east-1").unwrap(),
    }
}

fn schema() -> Value {
    read("notification.schema.json")
}

/// An event as EventBridge delivers what is put on the bus.
fn delivered(item: &HistoryItem) -> Value {
    let event = bus::event(item);
    json!({
        "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail-type": event.detail_type,
        "source": bus::SOURCE, "account": "111111111111", "time": event.at, "region": "us-east-1", "resources": [],
        "detail": serde_json::from_str::<Value>(&event.detail).expect("a detail is JSON"),
    })
}

fn item(kind: EventKind, bare: bool) -> HistoryItem {
    let optional = |value: &str| if bare { Value::Null } else { Value::from(value) };
    let images = json!([
        {"region": "us-east-1", "image": "ami-0f1e2d3c4b5a69788", "state": "available", "role": "source", "shared_with": ["222222222222", "arn:aws:organizations::123456789012:organization/o-123example",
            "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111"]},
        {"region": "eu-west-1", "image": null, "state": "timed-out", "role": "copy", "shared_with": []},
    ]);
    let subject = match kind {
        EventKind::CoverageLost | EventKind::CoverageRestored | EventKind::EnrolmentEnded => {
            json!({"enrolment": {"account": "111111111111", "region": "us-east-1", "instance": "i-0a1b2c3d4e5f60718"}})
        }
        EventKind::PolicyRefused | EventKind::PolicyAccepted => json!({"watch": "default"}),
        EventKind::KillSwitchOn | EventKind::KillSwitchOff => json!({"kill-switch": "amiline"}),
        _ => json!({"family": "fam-0123456789abcdef"}),
    };
    let instance = if subject["watch"].is_null() && subject["kill-switch"].is_null() {
        json!("i-0a1b2c3d4e5f60718")
    } else {
        Value::Null
    };
    let mut item = json!({
        "seq": 3, "prev_hash": "", "hash": "00ff", "outcome_id": "0123456789abcdef",
        "at": "2026-11-23T10:19:33Z", "event": kind, "account": "111111111111", "region": "us-east-1",
        "instance": instance, "instance_region": instance.as_str().map(|_| "us-east-1"),
        "instance_name": optional("web-1"), "requested": optional("default"), "policy": optional("default"), "image": optional("ami-0f1e2d3c4b5a69788"),
        "reason": if bare { Value::Null } else { json!({"code": "failed-in-ec2", "message": "why"}) }, "images": if kind.outcome().is_some() && !bare { images } else { json!([]) },
    });
    item.as_object_mut()
        .expect("an object")
        .extend(subject.as_object().cloned().expect("an object"));
    serde_json::from_value(item).expect("a history item")
}

/// The keywords that the schemas use, less `pattern` and `format`, and `if` or `oneOf`, which have
/// a test of their own.
fn check(schema: &Value, root: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(
            root.pointer(reference.trim_start_matches('#')).expect("a definition"),
            root,
            value,
            at,
        );
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(value, constant, "{at}");
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value} is none of {allowed:?}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    match &schema["type"] {
        Value::String(wanted) => assert_eq!(kind, wanted, "{at}: {value}"),
        Value::Array(wanted) => assert!(wanted.contains(&Value::from(kind)), "{at}: {value}"),
        _ => {}
    }
    if let Some(fields) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(fields.contains_key(required.as_str().unwrap()), "{at}: {required} is missing");
        }
        for (name, inner) in fields {
            match &schema["properties"][name] {
                // Fields that it does not name are allowed only where it does not close the object.
                Value::Null => assert_ne!(
                    schema["additionalProperties"], false,
                    "{at}: {name} is not in the schema"
                ),
                inner_schema => check(inner_schema, root, inner, &format!("{at}.{name}")),
            }
        }
    }
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], root, inner, &format!("{at}[{index}]"));
    }
}

#[test]
fn what_is_published_is_what_the_schema_says() {
    let schema = schema();
    for kind in kinds().into_iter().filter(|kind| kind.is_announced()) {
        for bare in [false, true] {
            let body: Value = serde_json::from_str(&render(&item(kind, bare), &address()).json)
                .expect("a JSON body");
            check(&schema, &schema, &body, kind.as_str());
            assert_eq!(body.get("images").is_some(), kind.outcome().is_some(), "{}", kind.as_str());
        }
    }
}

/// The chat service drops what is not in its form without a word, so the form is held to a schema
/// of its own.
#[test]
fn what_a_chat_gets_is_a_custom_notification_of_the_chat_service() {
    let schema = read("chat.schema.json");
    for kind in kinds().into_iter().filter(|kind| receivers(*kind).contains(&Receiver::Chat)) {
        for bare in [false, true] {
            let body: Value =
                serde_json::from_str(&chat::render(&item(kind, bare), &address()).json)
                    .expect("JSON");
            check(&schema, &schema, &body, kind.as_str());
            for (at, max) in [
                ("/content/title", 250),
                ("/content/description", 4000),
                ("/metadata/summary", 250),
            ] {
                let length =
                    body.pointer(at).and_then(Value::as_str).map(|text| text.chars().count());
                assert!(length.is_some_and(|length| (1..=max).contains(&length)), "{at} of {body}");
            }
        }
    }
}

/// Who hears of what, with which severity, in which words, and what they type next: as the code
/// says it.
fn announced() -> String {
    let mut page = "# What is announced\n\n\
        Made of the code by `UPDATE=1 cargo test --workspace --test contracts`; a test compares it.\n\n\
        `error` asks for somebody. `warning` is not as asked for. `info` is as intended.\n\
        The receivers are the stack's topics and its bus: `notifications` is `NotificationTopicArn`, `attention` is\n\
        `AttentionTopicArn`, `chat` is `ChatTopicArn`, `bus` is `OutcomeBusArn`.\n\n\
        | event | severity | receivers | subject of a mail | next command |\n\
        | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let (heard, silent): (Vec<_>, Vec<_>) =
        kinds().into_iter().partition(|kind| kind.is_announced());
    for kind in heard {
        let notice = render(&item(kind, false), &address());
        let names: Vec<&str> = receivers(kind).into_iter().map(Receiver::as_str).collect();
        let next = notice.text.lines().find_map(|line| line.strip_prefix("Next      "));
        let next = next.map_or_else(|| "-".to_owned(), |next| format!("`{next}`"));
        let (event, severity, names) = (kind.as_str(), kind.severity().as_str(), names.join(", "));
        page.push_str(&format!(
            "| `{event}` | {severity} | {names} | {} | {next} |\n",
            notice.subject
        ));
    }
    let silent: Vec<String> =
        silent.into_iter().map(|kind| format!("`{}`", kind.as_str())).collect();
    page.push_str(&format!(
        "\nOnly in a family's history (`amiline lineage`): {}.\n",
        silent.join(", ")
    ));
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "asks whether to write the file")]
fn the_page_of_what_is_announced_says_what_the_code_does() {
    let file = events::directory().join("announced.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, announced()).unwrap();
    }
    let page = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(page == announced(), "events/announced.md is out of date: run with UPDATE=1");
}

/// Each reason's code with its words and its data, from the examples in `events/reasons.jsonl`.
fn reasons() -> String {
    let mut page = "# Reasons\n\n\
        Made of the code by `UPDATE=1 cargo test --workspace --test contracts`; a test compares it. Records and histories\n\
        hold a reason as its code with its data. Notifications, events on the bus and the command's `--json` add `text`,\n\
        its words. Where a code has several forms, each is shown.\n"
        .to_owned();
    let examples =
        std::fs::read_to_string(events::directory().join("reasons.jsonl")).expect("the examples");
    let examples: Vec<Reason> = examples
        .lines()
        .map(|line| serde_json::from_str(line).expect("an example is a reason"))
        .collect();
    for (area, codes) in Reason::codes() {
        page.push_str(&format!("\n## {area}\n\n| code | example | data |\n| --- | --- | --- |\n"));
        for reason in codes
            .iter()
            .flat_map(|code| examples.iter().filter(move |reason| reason.code() == *code))
        {
            let mut data = serde_json::to_value(reason).expect("JSON");
            data.as_object_mut().expect("an object").remove("code");
            let data = if data == json!({}) { "-".to_owned() } else { format!("`{data}`") };
            page.push_str(&format!("| `{}` | {} | {data} |\n", reason.code(), reason.text()));
        }
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "asks whether to write the file")]
fn the_page_of_reasons_and_the_schemas_codes_are_those_of_the_code() {
    let file = events::directory().join("reasons.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, reasons()).unwrap();
    }
    let page = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(page == reasons(), "events/reasons.md is out of date: run with UPDATE=1");
    let codes: Vec<&str> =
        Reason::codes().into_iter().flat_map(|(_, codes)| codes).copied().collect();
    let named = &schema()["properties"]["reason"]["properties"]["code"]["enum"];
    assert!(
        *named == json!(codes),
        "events/notification.schema.json names other codes; put these there: {}",
        json!(codes)
    );
}

#[test]
fn the_schema_names_the_events_that_are_announced_and_no_others() {
    let schema = schema();
    let named: BTreeSet<&str> = schema["properties"]["event"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let announced: BTreeSet<&str> =
        kinds().into_iter().filter(|kind| kind.is_announced()).map(EventKind::as_str).collect();
    assert_eq!(named, announced);
}

#[test]
fn subscribers_can_filter_by_every_attribute_that_is_promised() {
    let attributes = render(&item(EventKind::FamilyPartial, false), &address()).attributes;
    let names: BTreeSet<&str> = attributes.keys().copied().collect();
    assert_eq!(
        names,
        ["event", "outcome", "policy", "region", "account", "severity"].into_iter().collect()
    );
}

#[test]
fn what_is_put_on_the_bus_is_what_its_schema_says() {
    let schema = read("event.schema.json");
    let [without, with] = schema["properties"]["detail"]["oneOf"].as_array().unwrap().as_slice()
    else {
        panic!("with and without images")
    };
    assert_eq!(
        (&without["not"]["required"], &with["required"]),
        (&json!(["images"]), &json!(["images"]))
    );
    for kind in kinds().into_iter().filter(|kind| kind.is_announced()) {
        for bare in [false, true] {
            let event = delivered(&item(kind, bare));
            check(&schema, &schema, &event, kind.as_str());
            assert_eq!(event["detail-type"], event["detail"]["event"]);
            let outcomes =
                &if kind.outcome().is_some() { with } else { without }["properties"]["outcome"];
            check(outcomes, &schema, &event["detail"]["outcome"], kind.as_str());
        }
    }
}

#[test]
fn the_example_is_an_event_of_the_bus() {
    let (example, schema) = (read("outcome.json"), read("event.schema.json"));
    check(&schema, &schema, &example, "outcome.json");
    assert_eq!(example["detail-type"], example["detail"]["event"]);
}

/// `UPDATE=1 cargo test --workspace --test contracts` writes the file; the template's line is then
/// to be replaced by hand.
#[test]
#[expect(clippy::disallowed_methods, reason = "asks whether to write the file")]
fn the_schema_of_events_is_the_notifications_in_an_envelope_and_the_one_that_is_registered() {
    let expected = event_schema(&schema());
    if std::env::var_os("UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&expected).unwrap() + "\n";
        std::fs::write(events::directory().join("event.schema.json"), text).unwrap();
    }
    assert!(
        read("event.schema.json") == expected,
        "events/event.schema.json is out of date: run with UPDATE=1"
    );
    for stack in both() {
        let registered = stack.one("OutcomeSchema").properties;
        let content = registered["Content"].as_str().expect("a text");
        let content: Value = serde_json::from_str(content).expect("JSON");
        assert!(
            content == expected,
            "infra/template.yaml registers something else; put this there: {expected}"
        );
        assert_eq!(registered["Type"], "JSONSchemaDraft4");
    }
}

#[test]
fn no_event_of_the_bus_is_read_as_a_message() {
    for kind in kinds() {
        let event = delivered(&item(kind, false)).to_string();
        assert!(matches!(decode(&event), Err(BadEvent::Unknown { .. })), "{event}");
    }
}

#[test]
fn a_digest_is_what_its_schema_says() {
    let schema = read("digest.schema.json");
    let family = |number: usize, outcome: Value, status: Value| -> Family {
        serde_json::from_value(json!({
            "id": format!("fam-{number:016x}"), "work": {"version": 1, "lease": null, "due": null}, "stack": "amiline", "account": "111111111111",
            "region": "us-east-1", "instance": "i-0a1b2c3d4e5f60718", "button": "image", "slot": 1_795_521_600,
            "requested": "web", "policy": {"name": "web", "hash": "h"}, "phase": "settled", "outcome": outcome,
            "status": status, "status_due": false, "reopen": false, "answer_refusals": 0, "answer_not_before": null,
            "round": 0, "seq": 1, "last_hash": "",
            "created_at": "2026-11-24T12:00:00Z", "row_versions": {},
        }))
        .expect("a family")
    };
    let families = [
        family(1, json!("complete"), json!("available ami-1 in 2 Regions")),
        family(2, json!("partial"), json!("partial ami-2 in 1 Region: us-west-2: why")),
        family(3, json!("failed"), Value::Null),
        family(4, json!("rejected"), json!("rejected: why")),
        family(5, Value::Null, Value::Null),
    ];
    let mut digest = Digest::new(DigestKey::of(&families[0]));
    families.iter().for_each(|family| digest.add(family));
    let notice = digest.notice(&address()).expect("a digest");
    let body: Value = serde_json::from_str(&notice.json).expect("a JSON body");
    check(&schema, &schema, &body, "digest");
    assert_eq!(body["families"].as_array().map(Vec::len), Some(4));
}
