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
        .map(|alarm| {
            alarm.properties["Dimensions"][0]["Value"].as_str().expect("a queue's name").to_owned()
        })
        .collect();
    assert_eq!(watched, queues);
    assert_eq!(queues.len(), 4);
}

#[test]
fn a_tick_that_never_comes_raises_an_alarm_though_it_reports_nothing() {
    let alarm = plain().one("TickMissedAlarm").properties;
    assert_eq!(
        (&alarm["Namespace"], &alarm["MetricName"]),
        (&json!("AWS/Lambda"), &json!("Invocations"))
    );
    assert_eq!(
        alarm["Dimensions"],
        json!([{"Name": "FunctionName", "Value": "ScheduleTickFunction"}])
    );
    assert_eq!(alarm["TreatMissingData"], "breaching");
}

#[test]
fn families_past_their_deadline_raise_an_alarm() {
    let alarm = plain().one("OverdueFamiliesAlarm").properties;
    assert_eq!(
        (&alarm["Namespace"], &alarm["MetricName"]),
        (&json!("Amiline"), &json!("OverdueFamilies"))
    );
    assert_eq!(alarm["Dimensions"], json!([{"Name": "Stack", "Value": "amiline"}]));
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold");
    assert_eq!(alarm["Threshold"], 0);
}

#[test]
fn lost_coverage_and_refused_policies_raise_alarms_for_as_long_as_the_sweep_finds_them() {
    for (id, metric) in
        [("LostCoverageAlarm", "LostCoverage"), ("RefusedPoliciesAlarm", "RefusedPolicies")]
    {
        let alarm = plain().one(id).properties;
        assert_eq!(
            (&alarm["Namespace"], &alarm["MetricName"]),
            (&json!("Amiline"), &json!(metric))
        );
        assert_eq!(alarm["Dimensions"], json!([{"Name": "Stack", "Value": "amiline"}]));
        assert_eq!(
            (&alarm["Statistic"], &alarm["Period"], &alarm["Threshold"]),
            (&json!("Maximum"), &json!(3600), &json!(0))
        );
    }
}

/// The fall in per cent of the value before: from 100 to 70 the difference is -30, so the fall is
/// 30.
#[test]
fn a_sudden_fall_of_enrolled_instances_raises_an_alarm() {
    let alarm = plain().one("EnrolledInstancesFellAlarm").properties;
    let [enrolled, fall] = [&alarm["Metrics"][0], &alarm["Metrics"][1]];
    let metric = &enrolled["MetricStat"]["Metric"];
    assert_eq!(
        (&metric["Namespace"], &metric["MetricName"]),
        (&json!("Amiline"), &json!("EnrolledInstances"))
    );
    assert_eq!(metric["Dimensions"], json!([{"Name": "Stack", "Value": "amiline"}]));
    assert_eq!(
        (&enrolled["Id"], &enrolled["ReturnData"], &fall["ReturnData"]),
        (&json!("enrolled"), &json!(false), &json!(true))
    );
    assert_eq!(fall["Expression"], "-100 * DIFF(enrolled) / (enrolled - DIFF(enrolled))");
    assert_eq!(
        (&alarm["ComparisonOperator"], &alarm["Threshold"]),
        (&json!("GreaterThanThreshold"), &json!(20))
    );
    assert_eq!(alarm["TreatMissingData"], "notBreaching");
}

/// Metrics that the hourly sweep reports have one value an hour. With a period of an hour one of
/// them may be late and leave its period empty, and the alarm would go back to OK in the middle of
/// a lasting loss.
#[test]
fn an_alarm_on_hourly_data_does_not_flap() {
    for alarm in plain().all("AWS::CloudWatch::Alarm") {
        let hourly = alarm.properties["Period"] == 3600;
        let periods =
            (&alarm.properties["EvaluationPeriods"], &alarm.properties["DatapointsToAlarm"]);
        // What compares two values needs one more.
        let compared = alarm.properties["Metrics"][0]["MetricStat"]["Period"] == 3600;
        let expected = match (hourly, compared) {
            (_, true) => (&json!(3), &json!(1)),
            (true, false) => (&json!(2), &json!(1)),
            (false, false) => (&json!(1), &json!(null)),
        };
        assert_eq!(periods, expected, "{}", alarm.id);
    }
}

/// StartMessageMoveTask takes a queue that is the dead-letter queue of another queue, and no other.
#[test]
fn an_alarm_names_redrive_only_where_sqs_allows_it() {
    let stack = plain();
    let redriven: BTreeSet<String> = stack
        .all("AWS::SQS::Queue")
        .into_iter()
        .filter_map(|queue| {
            queue.properties["RedrivePolicy"]["deadLetterTargetArn"].as_str().map(str::to_owned)
        })
        .collect();
    for alarm in stack.all("AWS::CloudWatch::Alarm") {
        let text = alarm.properties["AlarmDescription"].as_str().expect("a description").to_owned();
        assert!(text.len() <= 1024, "{}: CloudWatch takes 1,024 characters", alarm.id);
        let Some(queue) = alarm.properties["Dimensions"][0]["Value"].as_str() else { continue };
        let Some(queue) = queue.strip_suffix("DeadLetterQueue.QueueName") else { continue };
        let allowed = redriven.contains(&format!("{queue}DeadLetterQueue.Arn"));
        assert_eq!(text.contains("start-message-move-task"), allowed, "{}: {text}", alarm.id);
        assert!(text.contains("delete"), "{} says what to do with the message", alarm.id);
    }
}

#[test]
fn every_alarm_is_told_and_explained() {
    for alarm in plain().all("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm.properties["AlarmActions"], json!(["AlarmTopic"]), "{}", alarm.id);
        assert!(
            alarm.properties["AlarmDescription"].as_str().is_some_and(|text| text.len() > 20),
            "{}",
            alarm.id
        );
    }
}
