//! What a request asks for: protocol, action and the parameters worth logging. Never whole bodies.

use hyper::{HeaderMap, Method};
use serde_json::{Map, Value, json};

/// How a service writes requests and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Forms in, EC2's own XML out.
    Ec2,
    /// Forms in, XML out.
    Query,
    /// AWS JSON 1.0 or 1.1.
    Json,
    /// Paths; JSON errors.
    RestJson,
    /// S3: paths; XML errors.
    S3,
}

/// A request, understood as far as the log and the faults need it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Action {
    pub(super) protocol: Protocol,
    /// `CreateImage`; for services with paths, method and path.
    pub(super) name: String,
    pub(super) parameters: Map<String, Value>,
}

/// Reads a request to `service`.
pub(super) fn read(
    service: &str,
    method: &Method,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Action {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some((_, name)) = header("x-amz-target").split_once('.') {
        return Action {
            protocol: Protocol::Json,
            name: name.to_owned(),
            parameters: of_json(name, body),
        };
    }
    let is_form = header("content-type").starts_with("application/x-www-form-urlencoded");
    let form = if is_form { body } else { query.as_bytes() };
    let action = form_urlencoded::parse(form).find(|(name, _)| name == "Action");
    if let Some((_, name)) = action {
        let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
        return Action { protocol, name: name.into_owned(), parameters: of_form(form) };
    }
    // CBOR services put the action into the path: /service/NAME/operation/ACTION.
    if let Some((_, name)) = path.rsplit_once("/operation/") {
        return Action {
            protocol: Protocol::RestJson,
            name: name.to_owned(),
            parameters: Map::new(),
        };
    }
    let protocol = if service == "s3" { Protocol::S3 } else { Protocol::RestJson };
    if let Some((_, function)) =
        path.strip_suffix("/invocations").and_then(|rest| rest.split_once("/functions/"))
    {
        let parameters = Map::from_iter([("FunctionName".to_owned(), json!(function))]);
        return Action { protocol, name: "Invoke".to_owned(), parameters };
    }
    Action { protocol, name: format!("{method} {path}"), parameters: Map::new() }
}

/// Parameters of forms that are logged, with the numbers of list members left out, and what they
/// are called.
const FORM: [(&str, &str); 37] = [
    ("AliasName", "AliasName"),
    ("Attribute", "Attribute"),
    ("ClientToken", "ClientToken"),
    ("DryRun", "DryRun"),
    ("Encrypted", "Encrypted"),
    ("Filter.Name", "Filters"),
    ("Filter.Value", "FilterValues"),
    ("ImageId", "ImageId"),
    ("IncludeDisabled", "IncludeDisabled"),
    ("InstanceId", "InstanceId"),
    ("InstanceType", "InstanceType"),
    ("KmsKeyId", "KmsKeyId"),
    ("LaunchPermission.Add.Group", "AddGroup"),
    ("LaunchPermission.Add.UserId", "AddUserId"),
    ("LaunchPermission.Remove.Group", "RemoveGroup"),
    ("LaunchPermission.Remove.UserId", "RemoveUserId"),
    ("MaxResults", "MaxResults"),
    ("Name", "Name"),
    ("NoReboot", "NoReboot"),
    ("OperationType", "OperationType"),
    ("Owner", "Owner"),
    ("Protocol", "Protocol"),
    ("QueueName", "QueueName"),
    ("ResourceId", "ResourceId"),
    ("ResourceType", "ResourceType"),
    ("RoleName", "RoleName"),
    ("SnapshotId", "SnapshotId"),
    ("SourceImageId", "SourceImageId"),
    ("SourceRegion", "SourceRegion"),
    ("StackName", "StackName"),
    ("Subject", "Subject"),
    ("Tag.Key", "TagKeys"),
    ("TagSpecification.ResourceType", "TagSpecifications"),
    ("TagSpecification.Tag.Key", "TagKeys"),
    ("TopicArn", "TopicArn"),
    ("UserGroup", "UserGroup"),
    ("UserId", "UserId"),
];

fn of_form(form: &[u8]) -> Map<String, Value> {
    let mut found = Map::new();
    for (name, value) in form_urlencoded::parse(form) {
        let is_number = |part: &&str| part.parse::<u32>().is_ok();
        let plain: Vec<&str> = name.split('.').filter(|part| !is_number(part)).collect();
        let plain = plain.join(".");
        let Some((_, known)) = FORM.iter().find(|(form, _)| *form == plain) else { continue };
        if !name.split('.').any(|part| is_number(&part)) {
            found.insert((*known).to_owned(), json!(value));
        } else if let Some(list) = found.entry(*known).or_insert_with(|| json!([])).as_array_mut() {
            // Image and snapshots usually get the same tags.
            if !list.contains(&json!(value)) {
                list.push(json!(value));
            }
        }
    }
    found
}

/// Fields of JSON bodies that are logged as they are.
const JSON: [&str; 19] = [
    "AliasName",
    "ClientRequestToken",
    "Enabled",
    "EventBusName",
    "FunctionName",
    "IndexName",
    "KeyId",
    "Limit",
    "LogGroupName",
    "MaxNumberOfMessages",
    "Name",
    "Names",
    "Path",
    "QueueName",
    "Rule",
    "TableName",
    "TopicArn",
    "WaitTimeSeconds",
    "WithDecryption",
];

fn of_json(action: &str, body: &[u8]) -> Map<String, Value> {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) else {
        return Map::new();
    };
    let mut found = Map::new();
    for (name, value) in &fields {
        if JSON.contains(&name.as_str()) {
            found.insert(name.clone(), value.clone());
        }
    }
    if let Some(queue) =
        fields.get("QueueUrl").and_then(Value::as_str).and_then(|url| url.rsplit('/').next())
    {
        found.insert("Queue".to_owned(), json!(queue));
    }
    if let Some(entries) = fields.get("Entries").and_then(Value::as_array) {
        found.insert("Entries".to_owned(), json!(entries.len()));
    }
    if let Some(key) = fields.get("Key").or_else(|| fields.get("Item")).and_then(item_key) {
        found.insert("Key".to_owned(), json!(key));
    }
    if let Some(tables) = fields.get("RequestItems").and_then(Value::as_object) {
        found.insert("TableName".to_owned(), tables.keys().cloned().collect());
    }
    if action == "TransactWriteItems" || action == "TransactGetItems" {
        let items = fields
            .get("TransactItems")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let operations = items.iter().filter_map(Value::as_object).flat_map(Map::iter);
        let mut kinds = Vec::new();
        let mut keys = Vec::new();
        for (kind, operation) in operations {
            kinds.push(json!(kind));
            keys.push(json!(
                operation.get("Key").or_else(|| operation.get("Item")).and_then(item_key)
            ));
            found.insert(
                "TableName".to_owned(),
                operation.get("TableName").cloned().unwrap_or_default(),
            );
        }
        found.insert("Operations".to_owned(), Value::Array(kinds));
        found.insert("Keys".to_owned(), Value::Array(keys));
    }
    found
}

/// `pk sk` of an item or key.
fn item_key(item: &Value) -> Option<String> {
    let part = |name: &str| item.pointer(&format!("/{name}/S")).and_then(Value::as_str);
    let (pk, sk) = (part("pk")?, part("sk"));
    Some(sk.map_or_else(|| pk.to_owned(), |sk| format!("{pk} {sk}")))
}

/// The id of what an EC2 call made, for the log.
pub(super) fn made(action: &str, body: &[u8]) -> Option<String> {
    let element = match action {
        "CreateImage" | "CopyImage" | "RegisterImage" => "imageId",
        "RunInstances" => "instanceId",
        _ => return None,
    };
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    rest.split_once('<').map(|(id, _)| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (name.parse::<hyper::header::HeaderName>().unwrap(), value.parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn an_ec2_form() {
        let body = b"Action=CopyImage&Version=2016-11-15&Name=n%2F1&SourceImageId=ami-1&Description=secret\
            &TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=v\
            &TagSpecification.2.ResourceType=snapshot&TagSpecification.2.Tag.1.Key=a";
        let head = headers(&[("content-type", "application/x-www-form-urlencoded")]);
        let action = read("ec2", &Method::POST, "/", "", &head, body);
        assert_eq!((action.protocol, action.name.as_str()), (Protocol::Ec2, "CopyImage"));
        assert_eq!(
            Value::Object(action.parameters),
            json!({"Name": "n/1", "SourceImageId": "ami-1", "TagSpecifications": ["image", "snapshot"], "TagKeys": ["a"]})
        );
    }

    #[test]
    fn the_parts_of_a_transaction() {
        let body = json!({"ClientRequestToken": "t", "TransactItems": [
            {"Put": {"TableName": "amiline-lineage", "Item": {"pk": {"S": "A"}, "sk": {"S": "B"}, "x": {"S": "secret"}}}},
            {"ConditionCheck": {"TableName": "amiline-lineage", "Key": {"pk": {"S": "C"}, "sk": {"S": "D"}}}},
        ]});
        let head = headers(&[("x-amz-target", "DynamoDB_20120810.TransactWriteItems")]);
        let action = read("dynamodb", &Method::POST, "/", "", &head, body.to_string().as_bytes());
        assert_eq!(action.name, "TransactWriteItems");
        assert_eq!(
            Value::Object(action.parameters),
            json!({"TableName": "amiline-lineage", "Operations": ["Put", "ConditionCheck"], "Keys": ["A B", "C D"],
                   "ClientRequestToken": "t"})
        );
    }

    #[test]
    fn a_queue_by_its_name() {
        let body = br#"{"QueueUrl":"http://127.0.0.1:4566/111111111111/q","MessageBody":"secret"}"#;
        let action = read(
            "sqs",
            &Method::POST,
            "/",
            "",
            &headers(&[("x-amz-target", "AmazonSQS.SendMessage")]),
            body,
        );
        assert_eq!(Value::Object(action.parameters), json!({"Queue": "q"}));
    }

    #[test]
    fn services_with_paths() {
        let none = HeaderMap::new();
        let path = "/2015-03-31/functions/amiline-schedule-tick/invocations";
        let invoke = read("lambda", &Method::POST, path, "", &none, b"{}");
        assert_eq!((invoke.protocol, invoke.name.as_str()), (Protocol::RestJson, "Invoke"));
        assert_eq!(
            Value::Object(invoke.parameters),
            json!({"FunctionName": "amiline-schedule-tick"})
        );
        let put = read("s3", &Method::PUT, "/bucket/key", "", &none, b"...");
        assert_eq!((put.protocol, put.name.as_str()), (Protocol::S3, "PUT /bucket/key"));
        let metric =
            read("monitoring", &Method::POST, "/service/G/operation/PutMetricData", "", &none, b"");
        assert_eq!(metric.name, "PutMetricData");
    }

    #[test]
    fn bodies_that_are_not_what_they_say_are_no_problem() {
        let head = headers(&[("x-amz-target", "AmazonSSM.GetParameters")]);
        assert!(read("ssm", &Method::POST, "/", "", &head, b"\xff\xfe{").parameters.is_empty());
        let head = headers(&[("content-type", "application/x-www-form-urlencoded")]);
        assert_eq!(read("ec2", &Method::POST, "/", "", &head, b"%%%=&&\xff").name, "POST /");
    }

    #[test]
    fn what_a_call_made() {
        assert_eq!(
            made("CreateImage", b"<R><imageId>ami-1</imageId></R>").as_deref(),
            Some("ami-1")
        );
        assert_eq!(made("DescribeImages", b"<R><imageId>ami-1</imageId></R>"), None);
        assert_eq!(made("CopyImage", b"<R/>"), None);
    }
}
