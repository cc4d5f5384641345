//! The schema of the bus's events, made of the notification's: EventBridge's registry takes Draft
//! 4, which knows no `const`, no `if` and no `$defs`, and describes the whole event.

use serde_json::{Map, Value, json};

/// The event around a notification, as Draft 4.
pub fn event_schema(notification: &Value) -> Value {
    let mut detail = draft4(notification);
    let fields = detail.as_object_mut().expect("a schema is an object");
    let definitions = fields.remove("definitions").expect("the notification has definitions");
    for name in ["$schema", "$id", "title", "if", "then", "else"] {
        fields.remove(name);
    }
    let outcomes = notification["properties"]["outcome"]["enum"].as_array().expect("outcomes");
    let ends: Vec<&Value> = outcomes.iter().filter(|outcome| !outcome.is_null()).collect();
    // What the notification's schema says by `if`.
    fields.insert(
        "oneOf".to_owned(),
        json!([
            {"properties": {"outcome": {"enum": [null]}}, "not": {"required": ["images"]}},
            {"properties": {"outcome": {"enum": ends}}, "required": ["images"]},
        ]),
    );
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Amiline outcome",
        "description": "An event of Amiline's bus. detail-type is the detail's event; the detail is the notification.",
        "type": "object",
        "required": ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"],
        "properties": {
            "version": {"type": "string"},
            "id": {"type": "string"},
            "detail-type": detail["properties"]["event"],
            "source": {"enum": ["amiline"]},
            "account": {"type": "string", "pattern": "^[0-9]{12}$"},
            "time": {"type": "string", "format": "date-time"},
            "region": {"type": "string"},
            "resources": {"type": "array", "items": {"type": "string"}},
            "detail": detail,
        },
        "definitions": definitions,
    })
}

/// The keywords that Draft 4 calls otherwise, without descriptions.
fn draft4(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(
            fields.iter().filter_map(|(name, inner)| keyword(name, inner)).collect::<Map<_, _>>(),
        ),
        Value::Array(inner) => inner.iter().map(draft4).collect(),
        Value::String(reference) => Value::from(reference.replace("#/$defs/", "#/definitions/")),
        plain => plain.clone(),
    }
}

fn keyword(name: &str, inner: &Value) -> Option<(String, Value)> {
    match name {
        "description" if inner.is_string() => None,
        "const" => Some(("enum".to_owned(), json!([draft4(inner)]))),
        "$defs" => Some(("definitions".to_owned(), draft4(inner))),
        name => Some((name.to_owned(), draft4(inner))),
    }
}
