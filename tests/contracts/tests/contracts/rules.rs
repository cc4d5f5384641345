//! Which events reach which queue.

use crate::{HOME, plain, regional};
use amiline_contracts::events::{self, Event};
use amiline_contracts::pattern::matches;
use amiline_contracts::stack::{ACCOUNT, Resource, Stack};
use amiline_domain::message::{BODY_BYTES_MAX, BadEvent, Message, Tick, decode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A rule's pattern. Where a key of it comes from a parameter, the template has it as JSON in a
/// text.
fn pattern(rule: &Resource) -> Value {
    match &rule.properties["EventPattern"] {
        Value::String(text) => serde_json::from_str(text).expect("a pattern in a text is JSON"),
        pattern => pattern.clone(),
    }
}

/// The rules of one bus that let an event in.
fn let_in(stack: &Stack, bus: &Value, event: &Value) -> BTreeSet<String> {
    let rules = stack
        .all("AWS::Events::Rule")
        .into_iter()
        .filter(|rule| rule.properties["EventBusName"] == *bus);
    rules
        .filter(|rule| matches(&pattern(rule), event).expect("the pattern can be judged"))
        .map(|rule| rule.id)
        .collect()
}

/// Where an event is let in: in its own Region, and forwarded from there at home.
fn route(body: &str) -> BTreeSet<String> {
    let Ok(event) = serde_json::from_str::<Value>(body) else {
        return BTreeSet::new();
    };
    let region = event["region"].as_str().unwrap_or(HOME);
    if region == HOME {
        return let_in(&plain(), &Value::Null, &event);
    }
    let forwarded = let_in(&regional(region, &[]), &Value::Null, &event);
    let arrived = let_in(&plain(), &json!("InboundBus"), &event);
    let expected: BTreeSet<_> = forwarded.iter().map(|rule| format!("Inbound{rule}")).collect();
    assert_eq!(arrived, expected, "what {region} forwards and what the inbound bus lets in differ");
    arrived
}

#[test]
fn every_event_is_let_in_by_exactly_the_rules_that_the_readme_names() {
    for event in events::all() {
        assert_eq!(route(&event.body), event.row.rules, "{}", event.file);
    }
}

#[test]
fn every_rule_lets_an_event_in_and_keeps_a_near_miss_out() {
    let events: Vec<Event> = events::all();
    for rule in plain().all("AWS::Events::Rule") {
        let pattern = pattern(&rule);
        assert!(
            events.iter().any(|event| event.row.rules.contains(&rule.id)),
            "no event for {}",
            rule.id
        );
        // Of the same type, and yet not for us: the rule's finer conditions are at work.
        let near = |event: &&Event| {
            let event = serde_json::from_str::<Value>(&event.body).unwrap_or_default();
            event["source"] == pattern["source"][0]
                && event["detail-type"] == pattern["detail-type"][0]
                && !matches(&pattern, &event).unwrap()
        };
        assert!(events.iter().filter(near).count() >= 3, "too few near misses for {}", rule.id);
    }
}

/// The bus is there for other people's rules: a rule of our own on it could answer what we announce
/// for ever.
#[test]
fn no_rule_of_ours_hears_what_we_announce() {
    for stack in [plain(), regional("us-west-2", &[])] {
        let announced: Value = serde_json::from_str(
            &events::all()
                .into_iter()
                .find(|event| event.file == "outcome.json")
                .expect("the example")
                .body,
        )
        .unwrap();
        assert_eq!(announced["source"], amiline_domain::bus::SOURCE);
        for rule in stack.all("AWS::Events::Rule") {
            assert_ne!(rule.properties["EventBusName"], "OutcomeBus", "{}", rule.id);
            // Not even if somebody forwarded it to a bus that we listen on.
            assert_eq!(matches(&pattern(&rule), &announced), Ok(false), "{}", rule.id);
            assert_ne!(
                pattern(&rule)["source"],
                json!([amiline_domain::bus::SOURCE]),
                "{}",
                rule.id
            );
        }
    }
}

#[test]
fn every_rule_of_every_region_takes_events_of_this_account_only() {
    for stack in [plain(), regional("us-west-2", &[])] {
        for rule in stack.all("AWS::Events::Rule") {
            assert_eq!(pattern(&rule)["account"], json!([ACCOUNT]), "{}", rule.id);
            assert_eq!(rule.properties["State"], "ENABLED", "{}", rule.id);
        }
    }
}

#[test]
fn the_same_patterns_guard_the_home_bus_the_inbound_bus_and_the_other_regions() {
    let (home, elsewhere) = (plain(), regional("us-west-2", &[]));
    for id in ["InstanceTaggedRule", "InstanceEnrolledRule", "ImageStateRule"] {
        let expected = pattern(&home.one(id));
        assert_eq!(pattern(&home.one(&format!("Inbound{id}"))), expected);
        assert_eq!(pattern(&elsewhere.one(id)), expected);
    }
}

#[test]
fn a_stack_with_another_prefix_answers_its_own_button_only() {
    let staging = Stack::new(&crate::TEMPLATE, "staging", HOME, &[("TagPrefix", "staging")]);
    let reads = |file: &str| {
        let event =
            events::all().into_iter().find(|event| event.file == file).expect("the event's file");
        let_in(&staging, &Value::Null, &serde_json::from_str(&event.body).unwrap())
    };
    assert_eq!(
        reads("instance-tagged-other-prefix.json"),
        BTreeSet::from(["InstanceTaggedRule".to_owned()])
    );
    assert_eq!(reads("instance-tagged.json"), BTreeSet::new());
}

#[test]
fn every_message_is_read_or_refused_as_the_readme_says() {
    for event in events::all() {
        if let Some(decodes) = event.row.decodes {
            let read = decode(&event.body);
            assert_eq!(read.is_ok(), decodes, "{}: {read:?}", event.file);
        }
    }
}

#[test]
fn a_refusal_is_one_short_line_whatever_the_message_holds() {
    let oversized = format!(
        r#"{{"source":"amiline","detail-type":"Tick","detail":{{"x":"{}"}}}}"#,
        "y".repeat(BODY_BYTES_MAX)
    );
    assert!(matches!(decode(&oversized), Err(BadEvent::TooLong { .. })));
    for event in events::all() {
        if let Err(refusal) = decode(&event.body) {
            let reason = refusal.to_string();
            assert!(
                reason.len() < 600 && !reason.contains(char::is_control),
                "{}: {reason:?}",
                event.file
            );
        }
    }
}

#[test]
fn the_stream_wakes_notify_for_new_history_only() {
    let mapping = plain().one("NotifyStreamMapping");
    let filters = mapping.properties["FilterCriteria"]["Filters"].as_array().expect("filters");
    let [filter] = filters.as_slice() else {
        panic!("one filter: several would let in what any of them does")
    };
    let filter: Value =
        serde_json::from_str(filter["Pattern"].as_str().expect("a text")).expect("JSON");
    let mut seen = 0;
    for event in events::all() {
        if let Some(passes) = event.row.passes {
            let batch: Value = serde_json::from_str(&event.body).unwrap();
            assert_eq!(matches(&filter, &batch["Records"][0]), Ok(passes), "{}", event.file);
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

#[test]
fn the_schedule_sends_a_tick_that_the_function_reads() {
    let schedule = plain().one("TickSchedule");
    let input = schedule.properties["Target"]["Input"].as_str().expect("an explicit input");
    assert_eq!(decode(input), Ok(Message::Tick(Default::default())));
    assert_eq!(schedule.properties["Target"]["Arn"], "ScheduleTickFunction.Arn");
    assert_eq!(schedule.properties["ScheduleExpression"], "rate(5 minutes)");
    let sweep = plain().one("SweepSchedule");
    let input = sweep.properties["Target"]["Input"].as_str().expect("an explicit input");
    assert_eq!(decode(input), Ok(Message::Tick(Tick { sweep: true, ..Tick::default() })));
    assert_eq!(sweep.properties["ScheduleExpression"], "rate(1 hour)");
}

#[test]
fn turning_the_kill_switch_asks_for_the_schedules_tick() {
    let stack = plain();
    let targets = stack.one("KillSwitchRule").properties["Targets"].clone();
    let schedule = stack.one("TickSchedule").properties["Target"].clone();
    assert_eq!(targets.as_array().expect("targets").len(), 1);
    for field in ["Arn", "Input", "RetryPolicy", "DeadLetterConfig"] {
        assert_eq!(targets[0][field], schedule[field], "{field}");
    }
}

#[test]
fn the_daily_schedule_asks_for_the_digests_of_the_day_before() {
    let schedule = plain().one("DigestSchedule").properties;
    let input = schedule["Target"]["Input"].as_str().expect("an explicit input");
    // As Scheduler fills it in (aws-behaviour.md#eventbridge-scheduler-fills-in-its-input).
    let delivered = input.replace("<aws.scheduler.scheduled-time>", "2026-11-25T00:15:00Z");
    assert_ne!(delivered, input);
    assert_eq!(decode(&delivered), Ok(Message::DayEnded("2026-11-24".parse().unwrap())));
    assert_eq!(schedule["ScheduleExpression"], "cron(15 0 * * ? *)");
    assert_eq!(schedule["ScheduleExpressionTimezone"], "UTC");
    let tick = plain().one("TickSchedule").properties;
    for field in ["Arn", "RoleArn", "DeadLetterConfig"] {
        assert_eq!(schedule["Target"][field], tick["Target"][field], "{field}");
    }
}
