//! Logs and metrics: one JSON object a line on standard output, which CloudWatch takes as it is.

use amiline_app::functions::Handled;
use amiline_app::image_event::ImageEventDone;
use amiline_domain::ids::{PolicyName, Region, StackName};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::Write as _;
use tracing_subscriber::util::SubscriberInitExt as _;

const NAMESPACE: &str = "Amiline";

/// Starts logging at this level, in the form that `amiline_log` gives every function's log.
pub fn start(level: &str) {
    // A second start changes nothing: there is one log.
    let _ = amiline_log::subscriber(level, std::io::stdout).try_init();
}

/// The error and everything that caused it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let part = next.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = next.source();
    }
    text
}

/// Counts what a message led to, for the alarms.
pub fn handled(stack: &StackName, handled: &Handled, now: Timestamp) {
    let stack = stack.as_str();
    match handled {
        Handled::Image(ImageEventDone::Foreign) => foreign_image(stack, now),
        Handled::Ticked(done) => overdue_families(stack, done.overdue, now),
        Handled::Swept(done) => {
            refused_policies(stack, done.refused_policies, now);
            enrolled_instances(stack, &done.enrolled, now);
            lost_coverage(stack, &done.lost, done.lapsed, now);
        }
        Handled::Tagged(..)
        | Handled::Button(_)
        | Handled::Schedules(_)
        | Handled::Policy(_)
        | Handled::Family(_)
        | Handled::Image(ImageEventDone::Looked(_))
        | Handled::Announced(_)
        | Handled::Digest(_)
        | Handled::DayEnded(_)
        | Handled::NotMine => {}
    }
}

/// Counts families that have been due for too long, as the alarm reads it.
fn overdue_families(stack: &str, count: usize, now: Timestamp) {
    write_line(&metric(stack, "OverdueFamilies", count, now));
}

/// Counts a family that ended without everything its policy asks for, as the alarm reads it.
pub fn incomplete_family(stack: &str, now: Timestamp) {
    write_line(&metric(stack, "IncompleteFamilies", 1, now));
}

/// Counts an image event that is none of ours.
fn foreign_image(stack: &str, now: Timestamp) {
    write_line(&metric(stack, "ForeignImages", 1, now));
}

/// Counts policies that cannot be used as they were written, as the alarm reads it.
pub(crate) fn refused_policies(stack: &str, count: usize, now: Timestamp) {
    write_line(&metric(stack, "RefusedPolicies", count, now));
}

/// Counts instances without an image that is as new as was promised: all of them, as the alarm
/// reads it, and by policy and Region, to look at. Those that follow a policy without a schedule
/// (`lapsed`) count in the sum only: whoever may tag writes the names of policies that do not
/// exist, and each name would be a metric.
fn lost_coverage(
    stack: &str,
    lost: &BTreeMap<(PolicyName, Region), usize>,
    lapsed: usize,
    now: Timestamp,
) {
    write_line(&metric(
        stack,
        "LostCoverage",
        lost.values().sum::<usize>().saturating_add(lapsed),
        now,
    ));
    for ((policy, region), count) in lost {
        let dimensions =
            [("Stack", stack), ("Policy", policy.as_str()), ("Region", region.as_str())];
        write_line(&metric_of(&dimensions, "LostCoverage", *count, now));
    }
}

/// Counts the instances that follow policies: all of them, as the alarm reads it, and by policy, to
/// look at.
fn enrolled_instances(stack: &str, enrolled: &BTreeMap<PolicyName, usize>, now: Timestamp) {
    write_line(&metric(stack, "EnrolledInstances", enrolled.values().sum(), now));
    for (policy, count) in enrolled {
        write_line(&metric_of(
            &[("Stack", stack), ("Policy", policy.as_str())],
            "EnrolledInstances",
            *count,
            now,
        ));
    }
}

fn metric(stack: &str, name: &str, count: usize, now: Timestamp) -> String {
    metric_of(&[("Stack", stack)], name, count, now)
}

/// A count in CloudWatch's embedded metric format.
fn metric_of(dimensions: &[(&str, &str)], name: &str, count: usize, now: Timestamp) -> String {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let mut line = serde_json::json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": [{"Name": name, "Unit": "Count"}],
            }],
        },
        name: count,
    });
    if let Some(fields) = line.as_object_mut() {
        fields.extend(
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), serde_json::json!(value))),
        );
    }
    line.to_string()
}

fn write_line(line: &str) {
    // A log that cannot be written must not stop the work.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_in_the_embedded_format() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let metric: serde_json::Value =
            serde_json::from_str(&metric("amiline", "OverdueFamilies", 3, now)).unwrap();
        assert_eq!(metric["OverdueFamilies"], 3);
        assert_eq!(metric["Stack"], "amiline");
        assert_eq!(metric["_aws"]["Timestamp"], 1_795_521_600_000_i64);
        assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Amiline");
        assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0][0], "Stack");
        assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "OverdueFamilies");
    }

    #[test]
    fn coverage_is_counted_by_policy_and_region() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let dimensions = [("Stack", "amiline"), ("Policy", "nightly"), ("Region", "eu-west-1")];
        let line: serde_json::Value =
            serde_json::from_str(&metric_of(&dimensions, "LostCoverage", 2, now)).unwrap();
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
            serde_json::json!([["Stack", "Policy", "Region"]])
        );
        assert_eq!(
            (&line["Policy"], &line["Region"], &line["LostCoverage"]),
            (&"nightly".into(), &"eu-west-1".into(), &2.into())
        );
    }

    #[test]
    fn a_chain_says_every_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(chain(&Outer(std::io::Error::other("inner"))), "outer: inner");
        assert_eq!(chain(&std::io::Error::other("inner")), "inner");
    }
}
