//! The daily digests, held against what people pressed and what the history said.

use super::{Check, Oracle};
use crate::run::{DIGEST_SECONDS, Run};
use amiline_domain::day::Day;
use amiline_domain::family::Outcome;
use amiline_domain::history::EventKind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

impl Oracle {
    /// A digest was published: it says how many presses it counts, and has the id of every other
    /// time.
    pub(super) fn see_digest(&mut self, document: &str) {
        let digest: Value = serde_json::from_str(document).unwrap_or_default();
        let about = (text(&digest, "day"), digest["policy"].as_str().map(str::to_owned));
        let counted: u64 = digest["counts"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, count)| count.as_u64())
            .sum();
        let ended = digest["enrolments_ended"]["count"].as_u64().unwrap_or_default();
        self.hold(Check::DigestIsTrue, counted + ended > 0, || {
            format!("a digest of nothing: {digest}")
        });
        let id = &digest["digest_id"];
        let others =
            self.digests.iter().filter(|(other, _)| **other != about).flat_map(|(_, all)| all);
        let taken = others.into_iter().any(|other| other["digest_id"] == *id);
        let before = self.digests.entry(about).or_default();
        let same = before.iter().all(|before| before["digest_id"] == *id);
        before.push(digest.clone());
        self.hold(Check::DigestIsTrue, same && !taken, || {
            format!("another id, or another's: {digest}")
        });
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

type About = (String, Option<String>);

/// Asks for the digests of every day that families began on, as the schedule does when it fires at
/// last, and compares those that were not published before.
pub(super) fn look(run: &mut Run) {
    let published: BTreeSet<About> = run.oracle.digests.keys().cloned().collect();
    // The schedule leaves the index a quarter of an hour to catch up with the table.
    run.cloud.advance(DIGEST_SECONDS);
    let before = counted(run);
    let days: BTreeSet<Day> =
        run.cloud.families().iter().map(|family| Day::of(family.created_at)).collect();
    for day in days {
        run.ask_for_digests(day);
        run.come_to_rest();
    }
    let after = counted(run);
    for (about, counts) in before {
        let told = run.oracle.digests.get(&about).cloned().unwrap_or_default();
        // With a page for each family and seconds for each call the schedule's invocation may not
        // come to the end of a day: then Lambda gives it up, for which there is an alarm.
        if told.is_empty() && run.oracle.days_given_up.contains(&about.0) {
            continue;
        }
        run.oracle
            .hold(Check::DigestIsTrue, !told.is_empty(), || format!("no digest of {about:?}"));
        // One that was published while the day's images were under way counted them as such, and a
        // slot may have come.
        let settled = !published.contains(&about) && after.get(&about) == Some(&counts);
        let Some(last) = told.last().filter(|_| settled) else { continue };
        let names = [Outcome::Complete, Outcome::Partial, Outcome::Failed, Outcome::Rejected]
            .map(Outcome::as_str);
        let names = names.into_iter().chain(["under_way"]);
        let wanted: Value =
            names.map(|name| (name.to_owned(), json!(counts.get(name).unwrap_or(&0)))).collect();
        run.oracle.hold(Check::DigestIsTrue, last["counts"] == wanted, || {
            format!("{last} should count {wanted}")
        });
    }
}

/// How the families of each day and policy ended, as the history said it last; where somebody laid
/// hands on an image later, or a share that was refused was found to be there all the same, as the
/// record says it now.
fn counted(run: &Run) -> BTreeMap<About, BTreeMap<&'static str, u64>> {
    let mut counted: BTreeMap<About, BTreeMap<&str, u64>> = BTreeMap::new();
    for family in run.cloud.families() {
        let policy = family.policy_name().map(ToString::to_string);
        let counts =
            counted.entry((family.created_at.to_string()[..10].to_owned(), policy)).or_default();
        let said = run
            .oracle
            .told
            .get(&family.id)
            .and_then(|told| told.ended.last())
            .map(|(_, outcome)| *outcome);
        let touched = family.rows.values().any(|row| {
            row.image.as_ref().is_some_and(|image| run.diary.touched(&row.region, image))
        });
        let in_order =
            run.cloud.history(&family.id).iter().any(|item| item.event == EventKind::SharesInOrder);
        let stands = said
            .map(|said| if touched || in_order { family.outcome.unwrap_or(said) } else { said });
        *counts.entry(stands.map_or("under_way", Outcome::as_str)).or_default() += 1;
    }
    counted
}
