//! What calls for a person.

use crate::plain;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn every_dead_letter_queue_has_an_alarm() {
    let stack = plain();
    let queues: BTreeSet<String> = stack
        .all("AWS::SQS::Queue")
        .into_iter()
        // Whatever keeps messages for others, and so has no redrive policy of its own.
        .filter(|queue| queue.properties["RedrivePolicy"].is_null())
        .map(|queue| format!("{}.QueueName", queue.id))
        .collect();
    let watched: BTreeSet<String> = stack
        .all("AWS::CloudWatch::Alarm")
        .into_iter()
        .filter(|alarm| {
            let alarm = &alarm.properties;
            alarm["Namespace"] == "AWS/SQS"
                && alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
                && alarm["ComparisonOperator"] == "GreaterThanThreshold"
                && alarm["Threshold"] == 0
        })
        .map(|alarm| alarm.properties["Dimensions"][0]["Value"].as_str().expect("a queue's name").to_owned())
        .collect();
    assert_eq!(watched, queues);
    assert_eq!(queues.len(), 4);
}

#[test]
fn a_tick_that_never_comes_raises_an_alarm_though_it_reports_nothing() {
    let alarm = plain().one("TickMissedAlarm").properties;
    assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&json!("AWS/Lambda"), &json!("Invocations")));
    assert_eq!(alarm["Dimensions"], json!([{"Name": "FunctionName", "Value": "ScheduleTickFunction"}]));
    assert_eq!(alarm["TreatMissingData"], "breaching");
}

#[test]
fn families_past_their_deadline_raise_an_alarm() {
    let alarm = plain().one("OverdueFamiliesAlarm").properties;
    assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&json!("Amiline"), &json!("OverdueFamilies")));
    assert_eq!(alarm["Dimensions"], json!([{"Name": "Stack", "Value": "amiline"}]));
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold");
    assert_eq!(alarm["Threshold"], 0);
}

#[test]
fn lost_coverage_and_refused_policies_raise_alarms_for_as_long_as_the_sweep_finds_them() {
    for (id, metric) in [("LostCoverageAlarm", "LostCoverage"), ("RefusedPoliciesAlarm", "RefusedPolicies")] {
        let alarm = plain().one(id).properties;
        assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&json!("Amiline"), &json!(metric)));
        assert_eq!(alarm["Dimensions"], json!([{"Name": "Stack", "Value": "amiline"}]));
        assert_eq!(
            (&alarm["Statistic"], &alarm["Period"], &alarm["Threshold"]),
            (&json!("Maximum"), &json!(3600), &json!(0))
        );
    }
}

#[test]
fn every_alarm_is_told_and_explained() {
    for alarm in plain().all("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm.properties["AlarmActions"], json!(["AlarmTopic"]), "{}", alarm.id);
        assert!(alarm.properties["AlarmDescription"].as_str().is_some_and(|text| text.len() > 20), "{}", alarm.id);
    }
}
