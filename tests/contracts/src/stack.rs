//! A template with values for its parameters: what CloudFormation would create of it.
//!
//! What only exists after a deployment stays symbolic and readable: a `Ref` to a resource is its
//! logical id (`CreateImageQueue`), an attribute is the id and its name (`CreateImageQueue.Arn`).

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The account of every stack here.
pub const ACCOUNT: &str = "111111111111";

/// A resource that the stack creates.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its logical id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its properties, resolved.
    pub properties: Value,
    /// The rest of its definition: DeletionPolicy and the like.
    pub definition: Value,
}

/// A template, its parameters' values, and where it is deployed.
#[derive(Debug, Clone)]
pub struct Stack {
    template: Value,
    values: BTreeMap<String, Value>,
}

impl Stack {
    /// Parameters that are not given have their defaults. An unknown or a missing one is a mistake
    /// of the test's.
    pub fn new(template: &Value, name: &str, region: &str, given: &[(&str, &str)]) -> Self {
        let mut values = BTreeMap::new();
        let parameters = template["Parameters"].as_object().expect("the template has parameters");
        for (parameter, definition) in parameters {
            let value =
                given.iter().find(|(id, _)| id == parameter).map(|(_, value)| (*value).to_owned());
            let value = value.unwrap_or_else(|| match &definition["Default"] {
                Value::Null => panic!("{parameter} has no default"),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let value = if definition["Type"] == "CommaDelimitedList" {
                // As CloudFormation does it: an empty one is a list of one empty string.
                value.split(',').map(str::trim).collect()
            } else {
                Value::String(value)
            };
            values.insert(parameter.clone(), value);
        }
        for (id, _) in given {
            assert!(parameters.contains_key(*id), "the template has no parameter {id}");
        }
        for (id, value) in [
            ("AWS::AccountId", ACCOUNT),
            ("AWS::Partition", "aws"),
            ("AWS::Region", region),
            ("AWS::StackName", name),
            ("AWS::URLSuffix", "amazonaws.com"),
        ] {
            values.insert(id.to_owned(), Value::from(value));
        }
        Self { template: template.clone(), values }
    }

    /// Every resource that the stack creates.
    pub fn resources(&self) -> Vec<Resource> {
        let resources = self.template["Resources"].as_object().expect("the template has resources");
        let mut created = Vec::new();
        for (id, definition) in resources {
            if definition["Condition"].as_str().is_some_and(|condition| !self.holds(condition)) {
                continue;
            }
            created.push(Resource {
                id: id.clone(),
                kind: definition["Type"].as_str().expect("a resource has a type").to_owned(),
                properties: self.resolve(&definition["Properties"]),
                definition: definition.clone(),
            });
        }
        created
    }

    /// The resources of one type; at least one, so that no test passes for want of anything to
    /// test.
    pub fn all(&self, kind: &str) -> Vec<Resource> {
        let found: Vec<_> =
            self.resources().into_iter().filter(|resource| resource.kind == kind).collect();
        assert!(!found.is_empty(), "the stack creates no {kind}");
        found
    }

    /// One resource.
    pub fn one(&self, id: &str) -> Resource {
        let found = self.resources().into_iter().find(|resource| resource.id == id);
        found.unwrap_or_else(|| panic!("the stack creates no {id}"))
    }

    /// A definition as it stands in the template, outside of the resources.
    pub fn section(&self, name: &str) -> &Value {
        &self.template[name]
    }

    fn holds(&self, condition: &str) -> bool {
        self.test(&self.template["Conditions"][condition])
    }

    fn test(&self, expression: &Value) -> bool {
        let (name, operand) =
            function(expression).unwrap_or_else(|| panic!("{expression} is no condition"));
        match name {
            "Condition" => self.holds(operand.as_str().expect("a condition's name")),
            "Fn::Not" => !self.test(&operand[0]),
            "Fn::Equals" => self.resolve(&operand[0]) == self.resolve(&operand[1]),
            "Fn::And" => operand.as_array().expect("a list").iter().all(|inner| self.test(inner)),
            "Fn::Or" => operand.as_array().expect("a list").iter().any(|inner| self.test(inner)),
            other => panic!("{other} is no condition function known here"),
        }
    }

    /// The value with its functions carried out, and without what `AWS::NoValue` takes away.
    pub fn resolve(&self, value: &Value) -> Value {
        if let Some((name, operand)) = function(value) {
            return self.call(name, operand);
        }
        match value {
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, inner)| (key.clone(), self.resolve(inner)))
                    .filter(|(_, inner)| !inner.is_null())
                    .collect::<Map<_, _>>(),
            ),
            Value::Array(elements) => elements
                .iter()
                .map(|inner| self.resolve(inner))
                .filter(|inner| !inner.is_null())
                .collect(),
            plain => plain.clone(),
        }
    }

    fn call(&self, name: &str, operand: &Value) -> Value {
        match name {
            "Ref" => self.reference(operand.as_str().expect("Ref names something"), &Map::new()),
            "Fn::GetAtt" => match operand {
                Value::String(path) => Value::from(path.as_str()),
                path => Value::from(self.texts(path).join(".")),
            },
            "Fn::Join" => {
                let parts = self.texts(&self.resolve(&operand[1]));
                Value::from(parts.join(operand[0].as_str().expect("a delimiter")))
            }
            "Fn::Split" => {
                let text = self.text(&operand[1]);
                text.split(operand[0].as_str().expect("a delimiter")).collect()
            }
            "Fn::Select" => {
                let index: usize = self.text(&operand[0]).parse().expect("an index");
                self.resolve(&operand[1])[index].clone()
            }
            "Fn::If" => {
                let branch = if self.holds(operand[0].as_str().expect("a condition's name")) {
                    1
                } else {
                    2
                };
                self.resolve(&operand[branch])
            }
            "Fn::Sub" => match operand {
                Value::Array(parts) => {
                    let variables = self.resolve(&parts[1]);
                    self.substitute(&self.text(&parts[0]), variables.as_object().expect("a map"))
                }
                text => self.substitute(text.as_str().expect("a text"), &Map::new()),
            },
            other => panic!("{other} is no function known here"),
        }
    }

    fn reference(&self, name: &str, variables: &Map<String, Value>) -> Value {
        if name == "AWS::NoValue" {
            return Value::Null;
        }
        if let Some(value) = variables.get(name).or_else(|| self.values.get(name)) {
            return value.clone();
        }
        let id = name.split('.').next().unwrap_or_default();
        assert!(!self.template["Resources"][id].is_null(), "{name} is not in the template");
        Value::from(name)
    }

    fn substitute(&self, text: &str, variables: &Map<String, Value>) -> Value {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').expect("a closed ${");
            out.push_str(before);
            out.push_str(&self.text(&self.reference(name, variables)));
            rest = tail;
        }
        out.push_str(rest);
        Value::from(out)
    }

    fn text(&self, value: &Value) -> String {
        match self.resolve(value) {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            other => panic!("{other} is no text"),
        }
    }

    fn texts(&self, value: &Value) -> Vec<String> {
        value.as_array().expect("a list").iter().map(|inner| self.text(inner)).collect()
    }
}

fn function(value: &Value) -> Option<(&str, &Value)> {
    let fields = value.as_object()?;
    let (name, operand) = fields.iter().next()?;
    let is_function =
        name.starts_with("Fn::") || name == "Ref" || (name == "Condition" && operand.is_string());
    (fields.len() == 1 && is_function).then_some((name.as_str(), operand))
}

#[cfg(test)]
mod tests {
    use super::Stack;
    use serde_json::json;

    #[test]
    fn a_template_resolves_as_cloudformation_would() {
        let template = json!({
            "Parameters": {
                "List": {"Type": "CommaDelimitedList", "Default": ""},
                "Count": {"Type": "Number", "Default": 5},
            },
            "Conditions": {"HasList": {"Fn::Not": [{"Fn::Equals": [{"Fn::Select": [0, {"Ref": "List"}]}, ""]}]}},
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {
                    "Name": {"Fn::Sub": "${AWS::StackName}-${Count}"},
                    "Target": {"Fn::GetAtt": ["Other", "Arn"]},
                    "Joined": {"Fn::Sub": ["[${L}]", {"L": {"Fn::Join": ["+", {"Ref": "List"}]}}]},
                    "Either": {"Fn::If": ["HasList", {"Ref": "List"}, {"Ref": "AWS::NoValue"}]},
                }},
                "Other": {"Type": "AWS::SQS::Queue", "Condition": "HasList"},
            },
        });
        let empty = Stack::new(&template, "s", "us-east-1", &[]);
        assert_eq!(
            empty.one("Queue").properties,
            json!({"Name": "s-5", "Target": "Other.Arn", "Joined": "[]"})
        );
        assert_eq!(empty.resources().len(), 1);
        let full = Stack::new(&template, "s", "us-east-1", &[("List", "a,b")]);
        assert_eq!(full.one("Queue").properties["Joined"], "[a+b]");
        assert_eq!(full.one("Queue").properties["Either"], json!(["a", "b"]));
        assert_eq!(full.resources().len(), 2);
    }
}
