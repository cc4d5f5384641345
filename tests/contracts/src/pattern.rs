//! EventBridge's event patterns, as far as the templates use them. Lambda's filter criteria are the
//! same language.

use serde_json::Value;

/// Whether a pattern lets an event in. An operator that this does not know is an error: a test that
/// cannot judge a rule must not pass it.
pub fn matches(pattern: &Value, event: &Value) -> Result<bool, String> {
    let fields =
        pattern.as_object().ok_or_else(|| format!("a pattern is an object, not {pattern}"))?;
    for (key, wanted) in fields {
        let found = event.get(key);
        let fits = match wanted {
            Value::Array(alternatives) => one_fits(alternatives, found)?,
            Value::Object(_) => match found {
                Some(inner @ Value::Object(_)) => matches(wanted, inner)?,
                // Text that holds JSON is not looked into, and nothing is not an empty object.
                _ => false,
            },
            other => {
                return Err(format!(
                    "{key}: a pattern's value is a list or an object, not {other}"
                ));
            }
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn one_fits(alternatives: &[Value], found: Option<&Value>) -> Result<bool, String> {
    // A list in the event fits if any of its elements does.
    let leaves: Vec<&Value> = match found {
        None | Some(Value::Object(_)) => Vec::new(),
        Some(Value::Array(elements)) => elements.iter().collect(),
        Some(leaf) => vec![leaf],
    };
    for alternative in alternatives {
        let fits = match alternative {
            Value::Object(operator) => match operator.iter().collect::<Vec<_>>().as_slice() {
                [(name, operand)] => operator_fits(name, operand, &leaves)?,
                _ => return Err(format!("{alternative}: one operator at a time")),
            },
            exact => leaves.contains(&exact),
        };
        if fits {
            return Ok(true);
        }
    }
    Ok(false)
}

fn operator_fits(name: &str, operand: &Value, leaves: &[&Value]) -> Result<bool, String> {
    match (name, operand) {
        ("exists", Value::Bool(wanted)) => Ok(leaves.is_empty() != *wanted),
        ("prefix", Value::String(prefix)) => {
            Ok(leaves.iter().any(|leaf| leaf.as_str().is_some_and(|text| text.starts_with(prefix))))
        }
        ("anything-but", Value::Array(refused)) => {
            Ok(leaves.iter().any(|leaf| !refused.contains(leaf)))
        }
        ("anything-but", refused @ (Value::String(_) | Value::Number(_))) => {
            Ok(leaves.iter().any(|leaf| *leaf != refused))
        }
        _ => Err(format!("operator {name} with {operand} is not known here")),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use serde_json::json;

    #[test]
    fn patterns_match_as_eventbridge_documents_them() {
        let event =
            json!({"source": "a.b", "list": ["x", "y"], "detail": {"n": 1, "tags": {"k:v": ""}}});
        for (pattern, expected) in [
            (json!({"source": ["a.b", "c"]}), true),
            (json!({"source": ["A.B"]}), false),
            (json!({"list": ["y"]}), true),
            (json!({"list": ["z"]}), false),
            (json!({"detail": {"n": [1]}}), true),
            (json!({"detail": {"n": ["1"]}}), false),
            (json!({"detail": {"tags": {"k:v": [{"exists": true}]}}}), true),
            (json!({"detail": {"tags": {"other": [{"exists": true}]}}}), false),
            (json!({"detail": {"tags": {"other": [{"exists": false}]}}}), true),
            // Only leaves exist.
            (json!({"detail": {"tags": [{"exists": true}]}}), false),
            (json!({"source": [{"prefix": "a."}]}), true),
            (json!({"source": [{"anything-but": "a.b"}]}), false),
            (json!({"source": [{"anything-but": ["c"]}]}), true),
            (json!({"missing": [{"anything-but": "c"}]}), false),
            (json!({"source": ["a.b"], "missing": ["x"]}), false),
        ] {
            assert_eq!(matches(&pattern, &event), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn an_operator_that_is_not_known_is_an_error_and_not_a_match() {
        for pattern in [
            json!({"source": [{"wildcard": "a.*"}]}),
            json!({"source": [{"prefix": 1}]}),
            json!({"source": "a.b"}),
            json!({"source": [{"prefix": "a", "exists": true}]}),
        ] {
            assert!(matches(&pattern, &json!({"source": "a.b"})).is_err(), "{pattern}");
        }
    }
}
