//! What is told at the end.

use crate::checks::Check;
use crate::kills::{Kill, PLANTS};
use crate::many::Done;
use crate::mutants::PENDING;
use crate::people::ACTS;
use crate::stats::Stats;
use crate::storm::Yield;
use crate::sweep::Swept;
use comfy_table::{CellAlignment, Table, presets};
use std::collections::BTreeSet;

/// Every place at which an invocation is known to yield: function, what woke it, call.
const KNOWN: &str = include_str!("../yields.txt");
const SECONDS_PER_YEAR: f64 = 365.25 * 86_400.0;

/// The known yields.
pub fn known_yields() -> BTreeSet<(&'static str, &'static str, &'static str)> {
    let fields = |line: &'static str| {
        let mut fields = line.split('|').map(str::trim);
        Some((fields.next()?, fields.next()?, fields.next()?))
    };
    KNOWN.lines().filter(|line| !line.starts_with('#')).filter_map(fields).collect()
}

/// Yields that were met and that nobody knows: `yields.txt` wants a line for each.
pub fn unknown_yields(stats: &Stats) -> Vec<Yield> {
    let known = known_yields();
    stats.yields.keys().filter(|place| !known.contains(*place)).copied().collect()
}

/// The report of many seeds.
pub fn of_seeds(done: &Done, jobs: usize) -> String {
    let stats = &done.stats;
    let known = known_yields();
    let covered = stats.yields.keys().filter(|place| known.contains(*place)).count();
    let seconds = done.took.as_secs_f64();
    let cores = ratio(1.0, 1.0 / count(jobs));
    let mut lines = vec![
        format!("seeds             {}", grouped(done.seeds)),
        format!("runs              {}", grouped(stats.runs)),
        format!("image-years       {:.0}", big(stats.image_seconds) / SECONDS_PER_YEAR),
        format!("invocations       {}", grouped(stats.invocations)),
        format!("steps             {} turns, {} calls", grouped(stats.turns), grouped(stats.calls)),
        format!("faults            {}", grouped(stats.faults.total())),
        format!("yields            {covered} of {} known", known.len()),
        format!(
            "throughput        {:.0} seeds/s, {:.0} a core; {:.0} runs/s a core; {:.2} ms and {:.0} turns a run",
            ratio(big(done.seeds), seconds),
            ratio(big(done.seeds), seconds * cores),
            ratio(big(stats.runs), seconds * cores),
            ratio(seconds * cores * 1000.0, big(stats.runs)),
            ratio(big(stats.turns), big(stats.runs)),
        ),
        format!("time              {seconds:.1} s on {jobs} cores"),
        format!("hash of traces    {:016x}", stats.hash),
        String::new(),
        faults(stats),
        people(stats),
        checks(stats),
    ];
    let missing: Vec<String> = known
        .iter()
        .filter(|place| !stats.yields.contains_key(*place))
        .map(|(who, wake, what)| format!("{who}, {wake}, {what}"))
        .collect();
    if !missing.is_empty() {
        lines.push(format!("Yields that were not met: {}\n", missing.join("; ")));
    }
    lines.join("\n")
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head.to_vec());
    table
}

fn right(mut table: Table, column: usize) -> String {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // Every row ends in spaces otherwise.
    let lines: Vec<String> =
        table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

fn faults(stats: &Stats) -> String {
    let mut kinds = table(&["times", "what went wrong"]);
    for (kind, times) in stats.faults.iter() {
        kinds.add_row([grouped(times), kind.to_owned()]);
    }
    right(kinds, 0)
}

fn people(stats: &Stats) -> String {
    let mut acts = table(&["times", "what people did"]);
    for (act, _, _) in ACTS {
        acts.add_row([grouped(stats.acts.get(act).copied().unwrap_or(0)), act.to_owned()]);
    }
    right(acts, 0)
}

/// Every check with how often it had something to check. One that never had says nothing, and is
/// called vacuous.
fn checks(stats: &Stats) -> String {
    let mut checks = table(&["inv.", "times", "what was checked"]);
    for check in Check::ALL {
        let times = stats.tally.of(check);
        let number = check.invariant().map_or_else(String::new, |number| number.to_string());
        let times = if times == 0 { "vacuous".to_owned() } else { grouped(times) };
        checks.add_row([number, times, check.says().to_owned()]);
    }
    right(checks, 1)
}

/// The report of a sweep.
pub fn of_sweep(all: &[Swept]) -> String {
    let mut rows = table(&["scenario", "yields", "covered", "single faults", "pairs", ""]);
    for swept in all {
        let percent = ratio(100.0 * big(swept.covered), big(swept.yields));
        rows.add_row([
            swept.name.to_owned(),
            swept.yields.to_string(),
            format!("{percent:.0} %"),
            grouped(swept.singles),
            if swept.pairs > 0 { grouped(swept.pairs) } else { "-".to_owned() },
            swept
                .violation
                .as_ref()
                .map_or_else(String::new, |(_, violation)| violation.to_string()),
        ]);
    }
    let yields: u64 = all.iter().map(|swept| swept.yields).sum();
    let covered: u64 = all.iter().map(|swept| swept.covered).sum();
    let runs: u64 = all.iter().map(|swept| swept.singles + swept.pairs).sum();
    let percent = ratio(100.0 * big(covered), big(yields));
    let mut stats = Stats::default();
    all.iter().for_each(|swept| stats.add(&swept.stats));
    format!(
        "{}\n{percent:.0} % of {yields} yields, {} runs\n\n{}",
        right(rows, 1),
        grouped(runs),
        checks(&stats)
    )
}

/// The report of the seeded bugs.
pub fn of_kills(kills: &[Kill]) -> String {
    let mut rows = table(&["seeds", "noticed by", "what is wrong", "where it comes from"]);
    for kill in kills {
        let seeds = kill.seeds.map_or_else(|| "SURVIVES".to_owned(), grouped);
        rows.add_row([seeds, kill.by.clone(), kill.name.to_owned(), kill.comes_from.to_owned()]);
    }
    for (what, comes_from) in PENDING {
        rows.add_row(["pending".to_owned(), String::new(), what.to_owned(), comes_from.to_owned()]);
    }
    let (mutants, plants) = kills.split_at(kills.len().saturating_sub(PLANTS.len()));
    let noticed = |kills: &[Kill]| kills.iter().filter(|kill| kill.seeds.is_some()).count();
    format!(
        "{}\n{} of {} mutants killed, {} pending; {} of {} bugs of the cloud itself noticed\n",
        right(rows, 0),
        noticed(mutants),
        mutants.len(),
        PENDING.len(),
        noticed(plants),
        plants.len()
    )
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[expect(clippy::as_conversions, reason = "for a ratio in a report, 53 bits are enough")]
fn big(number: u64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    big(u64::try_from(number).unwrap_or(u64::MAX))
}

fn ratio(of: f64, by: f64) -> f64 {
    if by == 0.0 { 0.0 } else { of / by }
}
