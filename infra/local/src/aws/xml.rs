//! XML answers as JSON values, and errors of every protocol.

use hyper::HeaderMap;
use serde_json::{Map, Value};

/// The answer to a form: what is inside `ACTIONResult`, or else inside the root.
pub(super) fn result(body: &[u8], action: &str) -> Result<Value, String> {
    let root = parse(body)?;
    match root.get(format!("{action}Result")) {
        Some(inner) => Ok(inner.clone()),
        None => Ok(root),
    }
}

/// The code and message of an error, in whatever form the service sends it.
pub(crate) fn error(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    if let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) {
        let field = |name: &str| fields.get(name).and_then(Value::as_str);
        let code =
            header.or_else(|| field("__type")).or_else(|| field("code")).unwrap_or("Unknown");
        // The controls of the local AWS say "error".
        let message = field("message")
            .or_else(|| field("Message"))
            .or_else(|| field("error"))
            .unwrap_or_default();
        return (plain_code(code).to_owned(), message.to_owned());
    }
    if let Ok(document) = parse(body) {
        // EC2: Response/Errors/Error; query services: ErrorResponse/Error; S3: Error itself.
        let error = document
            .pointer("/Errors/Error")
            .or_else(|| document.get("Error"))
            .unwrap_or(&document);
        let field =
            |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if error.get("Code").is_some() {
            return (field("Code"), field("Message"));
        }
    }
    let text: String = String::from_utf8_lossy(body).chars().take(300).collect();
    (header.map_or_else(|| "Unknown".to_owned(), |code| plain_code(code).to_owned()), text)
}

/// `com.amazonaws.sqs#QueueDoesNotExist:http://...` is QueueDoesNotExist.
fn plain_code(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    code.split(':').next().unwrap_or(code)
}

fn parse(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|problem| problem.to_string())?;
    let document = roxmltree::Document::parse(text).map_err(|problem| problem.to_string())?;
    Ok(value(document.root_element()))
}

fn value(node: roxmltree::Node<'_, '_>) -> Value {
    let children: Vec<_> = node.children().filter(roxmltree::Node::is_element).collect();
    if children.is_empty() {
        return Value::String(node.text().unwrap_or_default().to_owned());
    }
    if children.iter().all(|child| matches!(child.tag_name().name(), "item" | "member")) {
        return children.into_iter().map(value).collect();
    }
    let fields: Map<String, Value> = children
        .into_iter()
        .map(|child| (child.tag_name().name().to_owned(), value(child)))
        .collect();
    Value::Object(fields)
}

/// The elements of a list at a JSON pointer. An empty list is an empty element, which reads as
/// empty text.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The text at a JSON pointer, or nothing.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_empty_lists() {
        let body = b"<R xmlns='urn:x'><imagesSet><item><imageId>ami-1</imageId><tagSet/></item></imagesSet></R>";
        let answer = result(body, "DescribeImages").unwrap();
        assert_eq!(answer, json!({"imagesSet": [{"imageId": "ami-1", "tagSet": ""}]}));
        assert_eq!(text(&answer, "/imagesSet/0/imageId"), "ami-1");
        assert!(list(&answer, "/imagesSet/0/tagSet").is_empty());
    }

    #[test]
    fn errors_of_every_protocol() {
        let ec2 = b"<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors></Response>";
        let query = b"<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>m</Message></Error></ErrorResponse>";
        let s3 = b"<Error><Code>NoSuchKey</Code><Message>m</Message></Error>";
        let json =
            br#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"m"}"#;
        let none = HeaderMap::new();
        for (body, code) in [
            (ec2.as_slice(), "RequestLimitExceeded"),
            (query, "NotFound"),
            (s3, "NoSuchKey"),
            (json, "ThrottlingException"),
        ] {
            assert_eq!(error(&none, body), (code.to_owned(), "m".to_owned()));
        }
    }
}
