//! The statements of IAM and queue policies, one shape whether the template writes a text or a
//! list.

use crate::stack::{Resource, Stack};
use serde_json::Value;

/// One statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The role or policy it stands in.
    pub holder: String,
    /// Its Sid.
    pub sid: String,
    /// Whether it allows; otherwise it denies.
    pub allows: bool,
    /// Actions.
    pub actions: Vec<String>,
    /// Resources, with what is not known before the deployment as [`Stack`] writes it.
    pub resources: Vec<String>,
    /// The `Condition` block, null if there is none.
    pub condition: Value,
    /// The `Principal` block, null if there is none.
    pub principal: Value,
}

impl Statement {
    /// The values that a condition asks for, as in `condition("StringEquals",
    /// "aws:SourceAccount")`.
    pub fn condition(&self, operator: &str, key: &str) -> Vec<String> {
        texts(&self.condition[operator][key])
    }

    /// Whether it grants anything on some kind of EC2 resource, such as `snapshot`.
    pub fn covers(&self, kind: &str) -> bool {
        self.resources
            .iter()
            .any(|resource| resource == "*" || resource.ends_with(&format!(":{kind}/*")))
    }
}

/// Everything that a role's inline policies say. A managed policy would be out of sight here, so
/// there is none.
pub fn of_role(role: &Resource) -> Vec<Statement> {
    assert!(role.properties["ManagedPolicyArns"].is_null(), "{} has managed policies", role.id);
    let policies = role.properties["Policies"].as_array().expect("a role has policies");
    policies.iter().flat_map(|policy| of_document(&role.id, &policy["PolicyDocument"])).collect()
}

/// Everything that every role of the stack says.
pub fn of_roles(stack: &Stack) -> Vec<Statement> {
    stack.all("AWS::IAM::Role").iter().flat_map(of_role).collect()
}

/// The statements of a policy document.
pub fn of_document(holder: &str, document: &Value) -> Vec<Statement> {
    let statements =
        document["Statement"].as_array().expect("a policy document has a list of statements");
    let read = |statement: &Value| Statement {
        holder: holder.to_owned(),
        sid: statement["Sid"].as_str().unwrap_or_default().to_owned(),
        allows: statement["Effect"] == "Allow",
        actions: texts(&statement["Action"]),
        resources: texts(&statement["Resource"]),
        condition: statement["Condition"].clone(),
        principal: statement["Principal"].clone(),
    };
    statements.iter().map(read).collect()
}

/// Whether an action changes something in EC2.
pub fn changes_ec2(action: &str) -> bool {
    action
        .strip_prefix("ec2:")
        .is_some_and(|name| !["Describe", "Get", "List"].iter().any(|read| name.starts_with(read)))
}

/// A text, or a list of texts, as a list.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}
