//! Queues: who may send to them, and what becomes of messages that cannot be done.

use crate::{both, plain};
use amiline_contracts::stack::{ACCOUNT, Resource, Stack};
use amiline_contracts::statements::of_document;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Senders = BTreeMap<String, BTreeSet<String>>;

/// What the rules send to, directly or when that fails.
fn targets(stack: &Stack) -> Senders {
    let mut senders = Senders::new();
    for rule in stack.all("AWS::Events::Rule") {
        for target in rule.properties["Targets"].as_array().expect("targets") {
            for queue in [&target["Arn"], &target["DeadLetterConfig"]["Arn"]] {
                let queue = queue.as_str().expect("a queue's ARN").to_owned();
                senders.entry(queue).or_default().insert(format!("{}.Arn", rule.id));
            }
        }
    }
    senders
}

fn mapped_queues(stack: &Stack) -> Vec<(Resource, Resource)> {
    let mappings = stack.all("AWS::Lambda::EventSourceMapping").into_iter();
    let queue = |mapping: &Resource| {
        let source = mapping.properties["EventSourceArn"].as_str().expect("a source").to_owned();
        source.strip_suffix("Queue.Arn").map(|name| stack.one(&format!("{name}Queue")))
    };
    let found: Vec<_> = mappings.filter_map(|mapping| queue(&mapping).map(|queue| (mapping, queue))).collect();
    assert_eq!(found.len(), 3);
    found
}

#[test]
fn queue_policies_let_exactly_their_rules_in() {
    for stack in both() {
        let mut allowed = Senders::new();
        for policy in stack.all("AWS::SQS::QueuePolicy") {
            let queues: BTreeSet<String> = policy.properties["Queues"]
                .as_array()
                .unwrap()
                .iter()
                .map(|q| format!("{}.Arn", q.as_str().unwrap()))
                .collect();
            for statement in of_document(&policy.id, &policy.properties["PolicyDocument"]) {
                assert!(statement.allows);
                assert_eq!(statement.principal, json!({"Service": "events.amazonaws.com"}));
                assert_eq!(statement.actions, ["sqs:SendMessage"]);
                assert_eq!(statement.condition("StringEquals", "aws:SourceAccount"), [ACCOUNT]);
                let rules = statement.condition("ArnEquals", "aws:SourceArn");
                assert!(!rules.is_empty(), "{} lets every rule in", policy.id);
                let covered: BTreeSet<String> = statement.resources.into_iter().collect();
                assert_eq!(covered, queues, "{}: a statement counts for the queues that it is attached to", policy.id);
                for queue in covered {
                    allowed.entry(queue).or_default().extend(rules.iter().cloned());
                }
            }
        }
        assert_eq!(allowed, targets(&stack));
    }
}

#[test]
fn a_rule_that_cannot_deliver_tries_again_and_then_keeps_the_event_beside_its_queue() {
    let stack = plain();
    for rule in stack.all("AWS::Events::Rule") {
        for target in rule.properties["Targets"].as_array().unwrap() {
            let queue = stack.one(target["Arn"].as_str().unwrap().trim_end_matches(".Arn"));
            assert_eq!(target["DeadLetterConfig"]["Arn"], queue.properties["RedrivePolicy"]["deadLetterTargetArn"]);
            assert!(target["RetryPolicy"]["MaximumRetryAttempts"].as_u64().unwrap() > 0);
        }
    }
}

#[test]
fn a_message_is_not_seen_again_while_it_is_worked_on_and_given_up_after_five_times() {
    let stack = plain();
    for (mapping, queue) in mapped_queues(&stack) {
        let function = stack.one(mapping.properties["FunctionName"].as_str().unwrap());
        let timeout = function.properties["Timeout"].as_u64().unwrap();
        assert!(queue.properties["VisibilityTimeout"].as_u64().unwrap() >= 6 * timeout, "{}", queue.id);
        assert_eq!(queue.properties["RedrivePolicy"]["maxReceiveCount"], 5, "{}", queue.id);
        let dead = queue.properties["RedrivePolicy"]["deadLetterTargetArn"].as_str().expect("a dead-letter queue");
        let dead = stack.one(dead.trim_end_matches(".Arn"));
        assert_eq!(dead.properties["MessageRetentionPeriod"], 14 * 24 * 3600, "{}", dead.id);
    }
}

#[test]
fn one_poison_message_delays_no_other() {
    for (mapping, queue) in mapped_queues(&plain()) {
        let mapping = mapping.properties;
        assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{}", queue.id);
        // Lambda takes no less than 2.
        assert!(mapping["ScalingConfig"]["MaximumConcurrency"].as_u64().unwrap() >= 2, "{}", queue.id);
        let changes_ec2 = queue.id != "NotifyQueue";
        assert_eq!(mapping["BatchSize"], if changes_ec2 { 1 } else { 10 }, "{}", queue.id);
    }
    let stream = plain().one("NotifyStreamMapping").properties;
    assert_eq!(stream["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(stream["BisectBatchOnFunctionError"], true);
    assert_eq!(stream["MaximumRetryAttempts"], 5);
    assert_eq!(stream["DestinationConfig"]["OnFailure"]["Destination"], "NotifyDeadLetterQueue.Arn");
}

#[test]
fn a_tick_that_fails_or_never_starts_is_kept() {
    let stack = plain();
    let dead = json!("ScheduleTickDeadLetterQueue.Arn");
    assert_eq!(stack.one("TickSchedule").properties["Target"]["DeadLetterConfig"]["Arn"], dead);
    let invoke = stack.all("AWS::Lambda::EventInvokeConfig");
    let [invoke] = invoke.as_slice() else { panic!("one function is invoked asynchronously") };
    assert_eq!(invoke.properties["FunctionName"], "ScheduleTickFunction");
    assert_eq!(invoke.properties["DestinationConfig"]["OnFailure"]["Destination"], dead);
}

#[test]
fn every_queue_is_encrypted_in_a_way_that_eventbridge_can_write_to() {
    for queue in plain().all("AWS::SQS::Queue") {
        assert_eq!(queue.properties["SqsManagedSseEnabled"], true, "{}", queue.id);
        assert_eq!(queue.properties["KmsMasterKeyId"], Value::Null, "{}", queue.id);
    }
}
