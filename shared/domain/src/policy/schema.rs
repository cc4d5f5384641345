//! The JSON Schema of a policy, for editors. It is made of the description that documents are
//! checked against.

use super::shape::{Field, Id, POLICY, Shape};
use crate::name::TEMPLATE_CHARACTERS_MAX;
use serde_json::{Map, Value, json};

/// The schema's text, as `infra/policy.schema.json` holds it.
pub fn schema() -> String {
    let mut root = object(POLICY);
    let whole = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Amiline policy",
        "description": "What Amiline does for a tag that names this policy. YAML or JSON; the file's name is the policy's. \
                        `amiline policy check` says more than this schema can.",
        "if": {
            "properties": {"share": {"anyOf": names_somebody()}},
            "required": ["share"],
        },
        "then": {"properties": {"encrypt": {"type": "object"}}, "required": ["encrypt"]},
    });
    if let Value::Object(whole) = whole {
        root.extend(whole);
    }
    format!("{:#}\n", Value::Object(root))
}

/// A policy that shares with anybody at all.
fn names_somebody() -> Vec<Value> {
    let lists = ["accounts", "organizations", "organizational_units"];
    lists.map(|list| json!({"properties": {list: {"type": "array", "minItems": 1}}, "required": [list]})).to_vec()
}

fn object(fields: &[Field]) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("object"));
    out.insert("additionalProperties".to_owned(), json!(false));
    let properties = fields.iter().map(|field| {
        let mut value = value(&field.value);
        value.insert("description".to_owned(), json!(field.about));
        (field.name.to_owned(), Value::Object(value))
    });
    out.insert("properties".to_owned(), Value::Object(properties.collect()));
    let required: Vec<&str> =
        fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    if !required.is_empty() {
        out.insert("required".to_owned(), json!(required));
    }
    out
}

fn value(shape: &Shape) -> Map<String, Value> {
    let plain = match shape {
        Shape::Text => json!({"type": "string"}),
        Shape::Template => json!({
            "type": ["string", "null"],
            "pattern": format!("^(?=.{{1,{TEMPLATE_CHARACTERS_MAX}}}$)([^{{}}]|\\{{(policy|instance|slot|date|tag:[^{{}}]{{1,128}})\\}})+$"),
        }),
        Shape::Flag { default: Some(default) } => json!({"type": "boolean", "default": default}),
        Shape::Flag { default: None } => json!({"type": "boolean"}),
        Shape::Whole { min, max, default: Some(default) } => {
            json!({"type": "integer", "minimum": min, "maximum": max, "default": default})
        }
        Shape::Whole { min, max, default: None } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Shape::Steps { min, max, step } => {
            json!({"type": "integer", "minimum": min, "maximum": max, "multipleOf": step})
        }
        Shape::Id(id) => identifier(*id),
        Shape::Ids { of, max: Some(max) } => {
            json!({"type": "array", "items": identifier(*of), "maxItems": max})
        }
        Shape::Ids { of, max: None } => json!({"type": "array", "items": identifier(*of)}),
        Shape::Regions { fields, max } => {
            let items = json!({"anyOf": [identifier(Id::Region), object(fields)]});
            json!({"type": "array", "items": items, "maxItems": max})
        }
        Shape::Map { of, value, max } => json!({
            "type": "object",
            "propertyNames": identifier(*of),
            "additionalProperties": self::value(value),
            "maxProperties": max,
        }),
        Shape::Object { fields, or_nothing } => {
            let mut fields = object(fields);
            if *or_nothing {
                fields.insert("type".to_owned(), json!(["object", "null"]));
            }
            Value::Object(fields)
        }
    };
    match plain {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn identifier(id: Id) -> Value {
    json!({"type": "string", "pattern": id.pattern()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_description_and_its_limits() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        for pointer in [
            "/properties/create/properties/reboot",
            "/properties/create/properties/name",
            "/properties/create/properties/tags",
            "/properties/create/properties/carry_tags",
            "/properties/create/properties/exclude_devices",
            "/properties/create/properties/delete_on_termination",
            "/properties/encrypt/properties/kms_key",
            "/properties/distribute/properties/regions",
            "/properties/distribute/properties/regions/items/anyOf/1/properties/kms_key",
            "/properties/distribute/properties/within_minutes",
            "/properties/share/properties/accounts",
            "/properties/share/properties/organizations",
            "/properties/share/properties/organizational_units",
            "/properties/limits/properties/interval_minutes",
            "/properties/limits/properties/images_per_day",
            "/properties/deadline_hours",
        ] {
            let field = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
            assert!(field["description"].as_str().is_some_and(|text| text.len() > 10), "{pointer}");
        }
        assert_eq!(schema.pointer("/properties/encrypt/required"), Some(&json!(["kms_key"])));
        assert_eq!(schema.pointer("/additionalProperties"), Some(&json!(false)));
    }
}
