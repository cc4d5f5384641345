//! Whether what exists is what the template says. The local CloudFormation says CREATE_COMPLETE
//! also where it ignored a property, and then a test would fail far from the cause.

use crate::aws::{Aws, AwsError, list, text};
use crate::error::LocalError;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Compares a stack with its template after the transform. `false_here` are the conditions that do
/// not hold.
pub(super) async fn check(
    aws: &Aws,
    stack: &str,
    region: &str,
    template: &Value,
    false_here: &[&str],
) -> Result<(), LocalError> {
    let what = format!("listing the resources of stack {stack} in {region}");
    let named = [("StackName", stack)];
    let answer =
        aws.query("cloudformation", region, "2010-05-15", "DescribeStackResources", &named).await;
    let answer = answer.map_err(LocalError::aws(what))?;
    let made: BTreeMap<&str, &str> = list(&answer, "/StackResources")
        .iter()
        .map(|resource| {
            (text(resource, "/LogicalResourceId"), text(resource, "/PhysicalResourceId"))
        })
        .collect();
    let mut problems = Vec::new();
    for (id, resource) in template.get("Resources").and_then(Value::as_object).into_iter().flatten()
    {
        let kind = text(resource, "/Type");
        if false_here.contains(&text(resource, "/Condition")) {
            problems.extend(
                made.get(id.as_str())
                    .map(|_| format!("{id} ({kind}) is there, though its condition is false")),
            );
            continue;
        }
        let Some(physical) = made.get(id.as_str()).filter(|physical| !physical.is_empty()) else {
            problems.push(format!("{id} ({kind}) is missing"));
            continue;
        };
        let none = Value::Null;
        let properties = resource.get("Properties").unwrap_or(&none);
        let place = Place { aws, region, physical, properties, made: &made };
        match place.differences(kind).await {
            Ok(found) => {
                problems.extend(found.iter().map(|problem| format!("{id} ({kind}): {problem}")))
            }
            Err(problem) => problems.push(format!("{id} ({kind}), {physical}: {problem}")),
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(LocalError::Missing { stack: stack.to_owned(), region: region.to_owned(), problems })
}

/// A resource: what the template says, and where the real thing is.
struct Place<'a> {
    aws: &'a Aws,
    region: &'a str,
    physical: &'a str,
    properties: &'a Value,
    /// Physical ids of the stack's other resources by their logical ids.
    made: &'a BTreeMap<&'a str, &'a str>,
}

/// Notes `what` if it does not hold.
fn unless(holds: bool, what: &str) -> Option<String> {
    (!holds).then(|| what.to_owned())
}

impl Place<'_> {
    async fn differences(&self, kind: &str) -> Result<Vec<String>, AwsError> {
        match kind {
            "AWS::DynamoDB::Table" => self.table().await,
            "AWS::SQS::Queue" => self.queue().await,
            "AWS::Lambda::Function" => self.function().await,
            "AWS::Lambda::EventSourceMapping" => self.mapping().await,
            "AWS::Events::Rule" => self.rule().await,
            "AWS::SSM::Parameter" => self
                .json("ssm", "AmazonSSM.GetParameter", json!({"Name": self.physical}))
                .await
                .map(|_| Vec::new()),
            "AWS::KMS::Alias" => {
                let key = json!({"KeyId": text(self.properties, "/AliasName")});
                let key = if self.properties.pointer("/AliasName/Ref").is_some() {
                    json!({"KeyId": self.physical})
                } else {
                    key
                };
                self.json("kms", "TrentService.DescribeKey", key).await.map(|_| Vec::new())
            }
            "AWS::SNS::Topic" => {
                let named = [("TopicArn", self.physical)];
                self.aws
                    .query("sns", self.region, "2010-03-31", "GetTopicAttributes", &named)
                    .await
                    .map(|_| Vec::new())
            }
            "AWS::Scheduler::Schedule" => {
                let name = self.physical.rsplit(['/', '|']).next().unwrap_or_default();
                let schedule = self.get("scheduler", &format!("/schedules/{name}")).await?;
                let input =
                    text(&schedule, "/Target/Input") == text(self.properties, "/Target/Input");
                Ok(Vec::from_iter(unless(input, "its target's Input is another")))
            }
            // Roles, alarms, log groups and the like: that they are in the stack is enough here.
            _ => Ok(Vec::new()),
        }
    }

    async fn table(&self) -> Result<Vec<String>, AwsError> {
        let named = || json!({"TableName": self.physical});
        let table = self.json("dynamodb", "DynamoDB_20120810.DescribeTable", named()).await?;
        let expiry = self.json("dynamodb", "DynamoDB_20120810.DescribeTimeToLive", named()).await?;
        let backups =
            self.json("dynamodb", "DynamoDB_20120810.DescribeContinuousBackups", named()).await?;
        let indexes = |value: &Value, pointer: &str| {
            let names =
                list(value, pointer).iter().map(|index| text(index, "/IndexName").to_owned());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let wants = |pointer: &str| self.properties.pointer(pointer).is_some();
        let recovery = "/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus";
        let same_indexes = indexes(&table, "/Table/GlobalSecondaryIndexes")
            == indexes(self.properties, "/GlobalSecondaryIndexes");
        Ok([
            unless(same_indexes, "its indexes are others"),
            unless(
                !wants("/StreamSpecification")
                    || !text(&table, "/Table/LatestStreamArn").is_empty(),
                "no stream",
            ),
            unless(
                text(&expiry, "/TimeToLiveDescription/AttributeName")
                    == text(self.properties, "/TimeToLiveSpecification/AttributeName"),
                "its time to live is not set",
            ),
            unless(
                !wants("/PointInTimeRecoverySpecification")
                    || text(&backups, recovery) == "ENABLED",
                "no point-in-time recovery",
            ),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    async fn queue(&self) -> Result<Vec<String>, AwsError> {
        let asked = json!({"QueueUrl": self.physical, "AttributeNames": ["All"]});
        let answer = self.json("sqs", "AmazonSQS.GetQueueAttributes", asked).await?;
        let found = |name: &str| text(&answer, &format!("/Attributes/{name}")).to_owned();
        let redrive = self.properties.get("RedrivePolicy").is_none()
            || found("RedrivePolicy").contains("maxReceiveCount");
        let same = |name: &str| match self.properties.get(name) {
            Some(Value::Number(number)) => found(name) == number.to_string(),
            Some(_) | None => true,
        };
        Ok([
            unless(redrive, "no redrive policy"),
            unless(same("VisibilityTimeout"), "another visibility timeout"),
            unless(same("MessageRetentionPeriod"), "another retention"),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    async fn function(&self) -> Result<Vec<String>, AwsError> {
        let answer =
            self.get("lambda", &format!("/2015-03-31/functions/{}", self.physical)).await?;
        let names = |value: &Value, pointer: &str| {
            let variables = value.pointer(pointer).and_then(Value::as_object);
            variables
                .map(|variables| variables.keys().cloned().collect::<Vec<_>>())
                .unwrap_or_default()
        };
        let variables = names(&answer, "/Configuration/Environment/Variables");
        let wanted = names(self.properties, "/Environment/Variables");
        let timeout = answer.pointer("/Configuration/Timeout") == self.properties.get("Timeout");
        Ok([
            unless(
                variables == wanted,
                &format!("its variables are {variables:?} and not {wanted:?}"),
            ),
            unless(timeout, "another timeout"),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    async fn mapping(&self) -> Result<Vec<String>, AwsError> {
        let answer = self
            .get("lambda", &format!("/2015-03-31/event-source-mappings/{}", self.physical))
            .await?;
        let same = |name: &str| match self.properties.get(name) {
            Some(wanted) => answer.get(name) == Some(wanted),
            None => true,
        };
        let settings = [
            "BatchSize",
            "FunctionResponseTypes",
            "ScalingConfig",
            "BisectBatchOnFunctionError",
            "MaximumRetryAttempts",
            "MaximumRecordAgeInSeconds",
            "StartingPosition",
        ];
        let differing =
            settings.into_iter().filter(|name| !same(name)).map(|name| format!("another {name}"));
        let filtered = self.properties.get("FilterCriteria").is_none()
            || !list(&answer, "/FilterCriteria/Filters").is_empty();
        Ok(differing.chain(unless(filtered, "no filter")).collect())
    }

    async fn rule(&self) -> Result<Vec<String>, AwsError> {
        // On AWS the physical id of a rule on a custom bus is BUS|RULE; the local one is RULE in
        // any case.
        let name = self.physical.rsplit('|').next().unwrap_or_default();
        let bus = match self.properties.get("EventBusName") {
            Some(Value::String(bus)) => bus.as_str(),
            Some(reference) => self.made.get(text(reference, "/Ref")).copied().unwrap_or_default(),
            None => "default",
        };
        let rule = self
            .json("events", "AWSEvents.DescribeRule", json!({"Name": name, "EventBusName": bus}))
            .await?;
        let asked = json!({"Rule": name, "EventBusName": bus});
        let targets = self.json("events", "AWSEvents.ListTargetsByRule", asked).await?;
        let same = list(&targets, "/Targets").len() == list(self.properties, "/Targets").len();
        let pattern = serde_json::from_str::<Value>(text(&rule, "/EventPattern"));
        Ok([
            unless(same, "its targets are others"),
            unless(
                pattern.is_ok_and(|pattern| pattern.is_object()),
                "its pattern is no JSON object",
            ),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    async fn json(&self, service: &str, target: &str, body: Value) -> Result<Value, AwsError> {
        self.aws.json(service, self.region, target, &body).await
    }

    async fn get(&self, service: &str, path: &str) -> Result<Value, AwsError> {
        let body = self.aws.rest(service, self.region, Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&body).map_err(|problem| AwsError::Form(problem.to_string()))
    }
}
