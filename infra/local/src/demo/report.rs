//! The end of the demo: for people, and as one JSON object.

use super::observe::{ImageSeen, Observation};
use super::verdict::{Outcome, outcome};
use super::watch::Watched;
use super::{BUTTON, Scene};
use crate::gateway::Record;
use crate::stack::LocalAws;
use comfy_table::{Table, presets};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Calls by function, then `service:Action`.
type Calls = BTreeMap<String, BTreeMap<String, usize>>;

/// What the demo found.
#[derive(Debug)]
pub struct Report {
    outcome: Outcome,
    deviations: Vec<String>,
    instance: String,
    seen: Observation,
    took: Duration,
    ready: Duration,
    calls: Calls,
    logs: PathBuf,
}

impl Report {
    pub(super) fn new(
        local: &LocalAws,
        scene: Scene,
        watched: Watched,
        calls: &[Arc<Record>],
        ready: Duration,
    ) -> Self {
        let Watched { seen, deviations, took } = watched;
        let mut counted = Calls::new();
        let functions = &local.deployed().functions;
        for call in calls.iter().filter(|call| functions.contains_key(&call.caller)) {
            let of_function = counted.entry(call.caller.clone()).or_default();
            let count = of_function.entry(format!("{}:{}", call.service, call.action)).or_default();
            *count = count.saturating_add(1);
        }
        let outcome = outcome(&seen, &deviations);
        let logs = local.run_directory().to_owned();
        Self {
            outcome,
            deviations,
            instance: scene.instance,
            seen,
            took,
            ready,
            calls: counted,
            logs,
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Each point in which it is not as promised.
    pub fn deviations(&self) -> &[String] {
        &self.deviations
    }

    /// Where to look for why.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// One object, for programs.
    pub fn json(&self) -> Value {
        json!({
            "outcome": self.outcome,
            "deviations": self.deviations,
            "family": self.seen.family(),
            "instance": self.instance,
            "status": self.seen.status,
            "images": self.seen.images,
            "notifications": self.seen.notifications,
            "seconds": round(self.took),
            "ready_seconds": round(self.ready),
            "aws_calls": self.calls,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "Lineage, as EC2 tells it\n\n{}", self.tree());
        let _ = writeln!(text, "Images by Region\n\n{}\n", self.images());
        let _ = writeln!(text, "Notifications, as a subscribed queue got them\n");
        for notification in &self.seen.notifications {
            let _ = writeln!(text, "  {:<16} {}", notification.event(), notification.subject);
        }
        let _ = writeln!(text, "\nAWS calls, from the call log\n\n{}\n", self.calls());
        let _ = writeln!(
            text,
            "From tag to done: {:.1} s (the local AWS was ready after {:.1} s)",
            round(self.took),
            round(self.ready)
        );
        if self.outcome != Outcome::Complete {
            let name = if self.outcome == Outcome::Partial { "partial" } else { "failed" };
            let _ = writeln!(text, "\nOutcome: {name}");
            for deviation in &self.deviations {
                let _ = writeln!(text, "  - {deviation}");
            }
            let _ = writeln!(
                text,
                "\nThe call log and the functions' logs are in {}",
                self.logs.display()
            );
        }
        text
    }

    fn tree(&self) -> String {
        let pressed = self
            .seen
            .press
            .as_ref()
            .map_or("sprung back".to_owned(), |value| format!("still {value}"));
        let status = self.seen.status.as_deref().unwrap_or("none");
        let mut tree =
            format!("  {}  ({} {pressed}; amiline:status \"{status}\")\n", self.instance, BUTTON.0);
        let images = self.seen.images.iter();
        for home in images.clone().filter(|image| image.source_instance.is_some()) {
            let _ = writeln!(tree, "  └─ {}  {}  {}", home.image_id, home.region, home.state);
            let copies: Vec<&ImageSeen> = images
                .clone()
                .filter(|image| image.source_image.as_ref() == Some(&home.image_id))
                .collect();
            for (index, copy) in (1..).zip(&copies) {
                let branch = if index == copies.len() { "└─" } else { "├─" };
                let _ = writeln!(
                    tree,
                    "     {branch} {}  {}  {}",
                    copy.image_id, copy.region, copy.state
                );
            }
        }
        tree
    }

    fn images(&self) -> String {
        let mut table = table(&[
            "Region",
            "Image",
            "State",
            "Encrypted under",
            "Shared with",
            "Snapshots",
            "Made from",
        ]);
        for image in &self.seen.images {
            let keys: Vec<&str> = image
                .snapshots
                .iter()
                .filter_map(|snapshot| snapshot.kms_key_id.as_deref())
                .collect();
            // The part of a key's ARN that tells keys apart.
            let keys = keys.iter().map(|key| key.rsplit('/').next().unwrap_or_default());
            let keys: Vec<String> = keys.map(|key| key.chars().take(8).collect()).collect();
            let encrypted =
                if image.encrypted { keys.join(" ") } else { "not encrypted".to_owned() };
            let snapshots: Vec<&str> =
                image.snapshots.iter().map(|snapshot| snapshot.snapshot_id.as_str()).collect();
            table.add_row([
                image.region.as_str(),
                &image.image_id,
                &image.state,
                &encrypted,
                &image.shared_with.join(" "),
                &snapshots.join(" "),
                if image.source_instance.is_some() {
                    "the instance"
                } else {
                    image.source_image.as_deref().unwrap_or("?")
                },
            ]);
        }
        indented(&table)
    }

    fn calls(&self) -> String {
        let mut table = table(&["Function", "Calls", "Of these"]);
        let mut all: usize = 0;
        for (function, actions) in &self.calls {
            let total: usize = actions.values().sum();
            all = all.saturating_add(total);
            let parts: Vec<String> =
                actions.iter().map(|(action, count)| format!("{action} {count}")).collect();
            table.add_row([function, &total.to_string(), &parts.join("\n")]);
        }
        table.add_row(["all", &all.to_string(), ""]);
        indented(&table)
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}

fn indented(table: &Table) -> String {
    table.lines().map(|line| format!("  {}", line.trim_end())).collect::<Vec<_>>().join("\n")
}

fn round(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::{done, scene};
    use super::*;

    fn report(seen: Observation) -> Report {
        let deviations = super::super::verdict::deviations(&seen, &scene());
        let calls = BTreeMap::from([(
            "create-image".to_owned(),
            BTreeMap::from([("ec2:CreateImage".to_owned(), 1)]),
        )]);
        let (took, ready) = (Duration::from_millis(5100), Duration::from_secs(2));
        let outcome = outcome(&seen, &deviations);
        let logs = PathBuf::from("run");
        Report { outcome, deviations, instance: "i-1".to_owned(), seen, took, ready, calls, logs }
    }

    #[test]
    fn the_tree_has_every_image_once() {
        let text = report(done()).text();
        assert!(
            text.contains(
                "└─ ami-0  us-east-1  available\n     ├─ ami-1  us-west-2  available\n     └─ ami-2"
            ),
            "{text}"
        );
        assert!(!text.contains("Outcome"), "{text}");
    }

    #[test]
    fn a_deviation_is_in_both_forms() {
        let mut seen = done();
        seen.status = None;
        let report = report(seen);
        assert!(report.text().contains("Outcome: partial\n  - amiline:status is missing"));
        assert_eq!(report.json()["outcome"], "partial");
        assert_eq!(report.json()["aws_calls"]["create-image"]["ec2:CreateImage"], 1);
        assert_eq!(report.json()["family"], "fam-1");
    }
}
