//! Update and condition expressions. Every name and value is a placeholder, since many of ours are
//! reserved words, and DynamoDB refuses placeholders that are not used.

use super::Item;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// An update with its condition, or a condition alone.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Expression {
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: Item,
}

impl Expression {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    pub(super) fn set(mut self, name: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(name), self.value(value));
        self.set.push(format!("{name} = {value}"));
        self
    }

    pub(super) fn remove(mut self, name: &str) -> Self {
        let name = self.name(name);
        self.remove.push(name);
        self
    }

    pub(super) fn set_or_remove(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self.remove(name),
        }
    }

    pub(super) fn add_one(mut self, name: &str) -> Self {
        let (name, one) = (self.name(name), self.value(AttributeValue::N("1".to_owned())));
        self.add.push(format!("{name} {one}"));
        self
    }

    /// Adds to a set of texts. DynamoDB takes no empty set.
    pub(super) fn add_texts(mut self, name: &str, texts: Vec<String>) -> Self {
        let (name, texts) = (self.name(name), self.value(AttributeValue::Ss(texts)));
        self.add.push(format!("{name} {texts}"));
        self
    }

    pub(super) fn when_equal(mut self, name: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(name), self.value(value));
        self.conditions.push(format!("{name} = {value}"));
        self
    }

    pub(super) fn when_equal_or_absent(mut self, name: &str, value: AttributeValue) -> Self {
        let (name, value) = (self.name(name), self.value(value));
        self.conditions.push(format!("({name} = {value} OR attribute_not_exists({name}))"));
        self
    }

    pub(super) fn when_absent(mut self, name: &str) -> Self {
        let name = self.name(name);
        self.conditions.push(format!("attribute_not_exists({name})"));
        self
    }

    pub(super) fn when_present(mut self, name: &str) -> Self {
        let name = self.name(name);
        self.conditions.push(format!("attribute_exists({name})"));
        self
    }

    pub(super) fn update(&self) -> String {
        let part = |verb: &str, parts: &[String]| {
            if parts.is_empty() { String::new() } else { format!("{verb} {} ", parts.join(", ")) }
        };
        let update =
            [part("SET", &self.set), part("REMOVE", &self.remove), part("ADD", &self.add)].concat();
        update.trim_end().to_owned()
    }

    pub(super) fn condition(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    pub(super) fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}
