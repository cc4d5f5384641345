//! What happens, as lines for a person to read.

use crate::gateway::{Happening, Record};
use serde_json::Value;

/// One line, or nothing for what only programs care about: reads, the record's own housekeeping,
/// setting up.
///
/// ```text
/// 01:40:12 create-image      CreateImage i-0abc -> ami-0def (us-east-1)
/// 01:40:15 event             EC2 AMI State Change: ami-0def available (us-east-1)
/// 01:40:15 notify            Publish "Amiline: i-0abc: ami-0def is available in us-east-1"
/// ```
pub fn line(happening: &Happening) -> Option<String> {
    let (time, who, what) = match happening {
        Happening::Call(call) => {
            (call.time.get(11..19)?.to_owned(), call.caller.clone(), of_call(call)?)
        }
        Happening::Event(event) => {
            let seconds = event.get("time").and_then(Value::as_i64)?;
            let time = jiff::Timestamp::from_second(seconds).ok()?.strftime("%H:%M:%S").to_string();
            (time, "event".to_owned(), of_event(event)?)
        }
    };
    Some(format!("{time} {who:<17} {what}"))
}

fn of_call(call: &Record) -> Option<String> {
    let is_read = ["Describe", "Get", "List"].iter().any(|prefix| call.action.starts_with(prefix));
    let shown = match call.service.as_str() {
        "ec2" => !is_read,
        "sns" => call.action == "Publish",
        "lambda" => call.action == "Invoke",
        _ => false,
    };
    // What went wrong is shown whatever it was. A dry run that would have worked and an empty batch
    // of events are how a function warms a connection.
    let warms = call.error.as_deref() == Some("DryRunOperation")
        || (call.action == "PutEvents" && call.parameters.get("Entries") == Some(&Value::from(0)));
    let wrong = call.fault.is_some() || (call.error.is_some() && !warms);
    if call.caller == "setup" || (!shown && !wrong) {
        return None;
    }
    let parameter = |name: &str| call.parameters.get(name).map(words).unwrap_or_default();
    let about = [
        "InstanceId",
        "SourceImageId",
        "ImageId",
        "ResourceId",
        "FunctionName",
        "Queue",
        "TableName",
        "Names",
    ]
    .iter()
    .map(|name| parameter(name))
    .find(|value| !value.is_empty())
    .unwrap_or_default();
    let mut text = call.action.clone();
    let detail = match call.action.as_str() {
        "CreateTags" | "DeleteTags" => format!("{about} {}", parameter("TagKeys")),
        "Publish" => format!("\"{}\"", parameter("Subject")),
        "CopyImage" => format!("{about} from {}", parameter("SourceRegion")),
        "ModifyImageAttribute" => format!("{about} +{}", parameter("AddUserId")),
        _ => about,
    };
    for part in [detail, call.made.as_ref().map(|made| format!("-> {made}")).unwrap_or_default()] {
        if !part.is_empty() {
            text = format!("{text} {part}");
        }
    }
    text = format!("{text} ({})", call.region);
    if let Some(error) = &call.error {
        text = format!("{text}: {error}");
    }
    if let Some(fault) = call.fault {
        text = format!("{text} [fault {}]", serde_json::to_value(fault).ok()?.as_str()?);
    }
    // Subjects and names come from outside; a line is a line.
    Some(text.replace(|letter: char| letter.is_control(), " "))
}

fn of_event(event: &Value) -> Option<String> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = text("/detail-type");
    let resource = text("/resources/0").rsplit('/').next().unwrap_or_default();
    let what = match kind {
        "EC2 AMI State Change" => format!("{} {}", text("/detail/ImageId"), text("/detail/State")),
        "Tag Change on Resource" => {
            let keys = event.pointer("/detail/changed-tag-keys").map(words).unwrap_or_default();
            format!("{resource} {keys}")
        }
        "EC2 Instance State-change Notification" => format!("{resource} {}", text("/detail/state")),
        _ => resource.to_owned(),
    };
    Some(
        format!("{kind}: {what} ({})", text("/region"))
            .replace(|letter: char| letter.is_control(), " "),
    )
}

/// A text, or a list's texts.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn call(fields: Value) -> Happening {
        let mut record = json!({"time": "2026-01-02T03:04:05.678Z", "caller": "create-image", "service": "ec2",
            "region": "us-east-1", "action": "CreateImage", "parameters": {}, "status": 200, "error": null,
            "milliseconds": 1});
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Happening::Call(Arc::new(serde_json::from_value(record).unwrap()))
    }

    #[test]
    fn a_change_is_shown_and_a_read_is_not() {
        let made = call(json!({"parameters": {"InstanceId": "i-1"}, "made": "ami-1"}));
        assert_eq!(
            line(&made).unwrap(),
            "03:04:05 create-image      CreateImage i-1 -> ami-1 (us-east-1)"
        );
        assert_eq!(line(&call(json!({"action": "DescribeImages"}))), None);
    }

    #[test]
    fn what_went_wrong_is_shown_whatever_it_was() {
        let refused = call(
            json!({"action": "DescribeImages", "error": "RequestLimitExceeded", "fault": "throttle"}),
        );
        let expected = "03:04:05 create-image      DescribeImages (us-east-1): RequestLimitExceeded [fault throttle]";
        assert_eq!(line(&refused).unwrap(), expected);
    }

    #[test]
    fn an_event() {
        let event = json!({"time": 1_800_000_000, "detail-type": "EC2 AMI State Change", "region": "eu-west-1",
            "detail": {"ImageId": "ami-1", "State": "avail\nable"}});
        let shown = line(&Happening::Event(Arc::new(event))).unwrap();
        assert!(
            shown.ends_with("event             EC2 AMI State Change: ami-1 avail able (eu-west-1)"),
            "{shown}"
        );
    }
}
