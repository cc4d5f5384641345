use super::*;
use crate::ids::PolicyName;
use crate::target::SomeTargets;
use serde_json::Value;
use std::collections::BTreeSet;

/// An example of each code, as it is stored.
fn examples() -> Vec<Value> {
    let lines = include_str!("../../../../events/reasons.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read(stored: &Value) -> Reason {
    serde_json::from_value(stored.clone()).unwrap_or_else(|error| panic!("{stored}: {error}"))
}

#[test]
fn each_code_is_used_once_and_has_an_example() {
    let codes: Vec<&str> =
        Reason::codes().into_iter().flat_map(|(_, codes)| codes).copied().collect();
    assert_eq!(codes.len(), codes.iter().collect::<BTreeSet<_>>().len(), "{codes:?}");
    let examples: BTreeSet<&str> = examples().iter().map(|example| read(example).code()).collect();
    assert_eq!(examples, codes.into_iter().collect());
}

#[test]
fn a_reason_is_stored_as_its_code_with_its_data_and_read_again() {
    for stored in examples() {
        let reason = read(&stored);
        assert_eq!(serde_json::to_value(&reason).unwrap(), stored);
        assert_eq!(stored["code"], reason.code());
        assert_eq!(stored.get("text"), None, "words are for readers: {stored}");
        if let Reason::Image(image) = reason {
            assert_eq!(serde_json::from_value::<ImageReason>(stored).unwrap(), image);
        }
    }
}

#[test]
fn programs_get_code_words_and_data() {
    let denied = AwsError::new(
        "ec2:CopyImage",
        "UnauthorizedOperation",
        "You are not\nauthorized",
        Some("request-1"),
    );
    let document =
        serde_json::to_value(Reason::from(ImageReason::from(denied)).document()).unwrap();
    let expected = serde_json::json!({
        "code": "aws-error", "text": "UnauthorizedOperation (request request-1): You are not?authorized",
        "service": "ec2", "action": "CopyImage", "aws_code": "UnauthorizedOperation",
        "message": "You are not?authorized", "request_id": "request-1",
    });
    assert_eq!(document, expected);
}

#[test]
fn words_stay_on_one_line_and_are_never_empty() {
    for stored in examples() {
        let text = read(&stored).text();
        assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    }
    let hostile = PolicyName::new("a\nb\u{202e}").unwrap_err();
    let reason = Reason::from(RequestReason::from(Rejection::BadValue(hostile)));
    let document = serde_json::to_value(reason.document()).unwrap();
    for text in [&document["text"], &document["given"]] {
        let text = text.as_str().unwrap();
        assert!(!text.contains('\n') && !text.contains('\u{202e}'), "{text:?}");
    }
}

#[test]
fn reasons_do_not_nest_without_end() {
    let taken = |before: Option<ImageReason>| ImageReason::ShareTakenBack {
        targets: SomeTargets::of(&BTreeSet::from(["222222222222".parse().unwrap()])),
        before: before.map(|before| Box::new(before.alone())),
    };
    let thrice = taken(Some(taken(Some(taken(Some(ImageReason::PermissionsLost))))));
    let once = "somebody took back the share with 222222222222";
    assert_eq!(thrice.to_string(), format!("{once}; {once}"));
}
