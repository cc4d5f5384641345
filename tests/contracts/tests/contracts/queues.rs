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
            for arn in [&target["Arn"], &target["DeadLetterConfig"]["Arn"]] {
                let arn = arn.as_str().expect("an ARN").to_owned();
                senders.entry(arn).or_default().insert(format!("{}.Arn", rule.id));
            }
        }
    }
    senders
}

/// Whom functions let invoke them.
fn invokers(stack: &Stack) -> Senders {
    let mut invokers = Senders::new();
    for permission in stack.all("AWS::Lambda::Permission") {
        let Resource { id, properties, .. } = permission;
        assert_eq!(properties["Action"], "lambda:InvokeFunction", "{id}");
        assert_eq!(properties["Principal"], "events.amazonaws.com", "{id}");
        assert_eq!(properties["SourceAccount"], ACCOUNT, "{id}");
        let function = properties["FunctionName"].as_str().expect("a function");
        let rule = properties["SourceArn"]
            .as_str()
            .unwrap_or_else(|| panic!("{id} lets every rule in"))
            .to_owned();
        invokers.entry(format!("{function}.Arn")).or_default().insert(rule);
    }
    invokers
}

fn mapped_queues(stack: &Stack) -> Vec<(Resource, Resource)> {
    let mappings = stack.all("AWS::Lambda::EventSourceMapping").into_iter();
    let queue = |mapping: &Resource| {
        let source = mapping.properties["EventSourceArn"].as_str().expect("a source").to_owned();
        source.strip_suffix("Queue.Arn").map(|name| stack.one(&format!("{name}Queue")))
    };
    let found: Vec<_> =
        mappings.filter_map(|mapping| queue(&mapping).map(|queue| (mapping, queue))).collect();
    assert_eq!(found.len(), 3);
    found
}

#[test]
fn queues_and_functions_let_exactly_their_rules_in() {
    for stack in both() {
        let mut allowed = invokers(&stack);
        for policy in stack.all("AWS::SQS::QueuePolicy") {
            let queues = policy.properties["Queues"].as_array().unwrap();
            // A policy covers the queue that it is attached to, and SQS refuses one that names
            // another.
            let [queue] = queues.as_slice() else {
                panic!("{} is attached to several queues", policy.id)
            };
            let queue = format!("{}.Arn", queue.as_str().unwrap());
            for statement in of_document(&policy.id, &policy.properties["PolicyDocument"]) {
                assert!(statement.allows);
                assert_eq!(statement.principal, json!({"Service": "events.amazonaws.com"}));
                assert_eq!(statement.actions, ["sqs:SendMessage"]);
                assert_eq!(statement.condition("StringEquals", "aws:SourceAccount"), [ACCOUNT]);
                let rules = statement.condition("ArnEquals", "aws:SourceArn");
                assert!(!rules.is_empty(), "{} lets every rule in", policy.id);
                assert_eq!(
                    statement.resources,
                    [queue.as_str()],
                    "{} names its own queue only",
                    policy.id
                );
                allowed.entry(queue.clone()).or_default().extend(rules);
            }
        }
        assert_eq!(allowed, targets(&stack));
    }
}

#[test]
fn a_rule_that_cannot_deliver_tries_again_and_then_keeps_the_event_with_what_its_target_gives_up() {
    let stack = plain();
    for rule in stack.all("AWS::Events::Rule") {
        for target in rule.properties["Targets"].as_array().unwrap() {
            let arn = target["Arn"].as_str().unwrap();
            let kept = match arn.strip_suffix("Queue.Arn") {
                Some(name) => {
                    stack.one(&format!("{name}Queue")).properties["RedrivePolicy"]["deadLetterTargetArn"].clone()
                }
                None => kept_of_function(&stack, arn.trim_end_matches(".Arn")),
            };
            assert_eq!(target["DeadLetterConfig"]["Arn"], kept, "{}", rule.id);
            assert!(target["RetryPolicy"]["MaximumRetryAttempts"].as_u64().unwrap() > 0);
        }
    }
}

/// Where an asynchronous invocation of the function goes that fails.
fn kept_of_function(stack: &Stack, function: &str) -> Value {
    let invoke = stack.all("AWS::Lambda::EventInvokeConfig").into_iter();
    let mut of_function = invoke.filter(|invoke| invoke.properties["FunctionName"] == function);
    of_function.next().expect("its invocations are configured").properties["DestinationConfig"]["OnFailure"]
        ["Destination"]
        .clone()
}

#[test]
fn a_message_is_not_seen_again_while_it_is_worked_on() {
    let stack = plain();
    for (mapping, queue) in mapped_queues(&stack) {
        let function = stack.one(mapping.properties["FunctionName"].as_str().unwrap());
        let timeout = function.properties["Timeout"].as_u64().unwrap();
        assert!(
            queue.properties["VisibilityTimeout"].as_u64().unwrap() >= 6 * timeout,
            "{}",
            queue.id
        );
        let dead = queue.properties["RedrivePolicy"]["deadLetterTargetArn"]
            .as_str()
            .expect("a dead-letter queue");
        let dead = stack.one(dead.trim_end_matches(".Arn"));
        assert_eq!(dead.properties["MessageRetentionPeriod"], 14 * 24 * 3600, "{}", dead.id);
    }
}

/// A new account may run ten functions at once, so others can throttle ours. Lambda keeps a
/// throttled message for one visibility timeout, and each of those counts as a receive. Five
/// receives stay for failures of our own.
#[test]
fn an_hour_of_throttling_sends_no_message_to_a_dead_letter_queue() {
    const HOUR: u64 = 3600;
    const OWN_FAILURES: u64 = 5;
    let stack = plain();
    for (_, queue) in mapped_queues(&stack) {
        let seconds = |name: &str| queue.properties[name].as_u64();
        let visibility = seconds("VisibilityTimeout").expect("a visibility timeout");
        let receives =
            queue.properties["RedrivePolicy"]["maxReceiveCount"].as_u64().expect("maxReceiveCount");
        let throttled = HOUR.div_ceil(visibility);
        assert!(
            receives >= throttled + OWN_FAILURES,
            "{}: an hour takes {throttled} of {receives}",
            queue.id
        );
        // SQS keeps a message for four days unless the queue says otherwise.
        let retention = seconds("MessageRetentionPeriod").unwrap_or(4 * 24 * HOUR);
        assert!(
            retention > receives * visibility,
            "{} forgets a message before it is given up",
            queue.id
        );
    }
    // The stream's records and asynchronous invocations age while the function is throttled.
    let stream =
        stack.one("NotifyStreamMapping").properties["MaximumRecordAgeInSeconds"].as_u64().unwrap();
    assert!(stream > HOUR, "the stream gives up after {stream} s");
    for invoke in stack.all("AWS::Lambda::EventInvokeConfig") {
        let age = invoke.properties["MaximumEventAgeInSeconds"].as_u64().unwrap();
        assert!(age > HOUR, "{}: an invocation is given up after {age} s", invoke.id);
    }
}

/// The functions share the account's limit with everything else, and a new account's limit is ten.
#[test]
fn the_queues_together_ask_for_as_few_functions_at_once_as_lambda_allows() {
    for (mapping, queue) in mapped_queues(&plain()) {
        assert_eq!(mapping.properties["ScalingConfig"]["MaximumConcurrency"], 2, "{}", queue.id);
    }
}

#[test]
fn one_poison_message_delays_no_other() {
    for (mapping, queue) in mapped_queues(&plain()) {
        let mapping = mapping.properties;
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"]),
            "{}",
            queue.id
        );
        let changes_ec2 = queue.id != "NotifyQueue";
        assert_eq!(mapping["BatchSize"], if changes_ec2 { 1 } else { 10 }, "{}", queue.id);
    }
    let stream = plain().one("NotifyStreamMapping").properties;
    assert_eq!(stream["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(stream["BisectBatchOnFunctionError"], true);
    assert_eq!(stream["MaximumRetryAttempts"], 5);
    assert_eq!(
        stream["DestinationConfig"]["OnFailure"]["Destination"],
        "NotifyDeadLetterQueue.Arn"
    );
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
