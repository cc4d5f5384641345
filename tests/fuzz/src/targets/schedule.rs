//! What a schedule is made of: cron expressions and time zones, and the tag that enrols an
//! instance.

use super::{joined, parts};
use crate::log_lines::logged;
use crate::properties::{holds, line};
use crate::stage::{Stage, TAG_VALUE_MAX};
use crate::target::{Broken, Outcome, Target, shape};
use amiline_domain::enrolment::{Named, POLICIES_MAX};
use amiline_domain::ids::{InstanceId, PolicyName};
use amiline_domain::schedule::{CronExpression, Schedule, Timetable, ZoneName};
use amiline_domain::time::{plus_seconds, seconds_between};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::io;

/// Characters of what is said of a text that is none of these.
const MESSAGE_MAX: usize = 300;
const JITTER_MINUTES: u32 = 15;

pub(super) const TARGET: Target = Target { name: "schedule", longest: 1000, seeds, run };

fn seeds() -> io::Result<Vec<Vec<u8>>> {
    let seeds = [
        ["30 2 * * *", "Europe/Berlin", "nightly", "1774749600"],
        ["*/20 1-3 * * MON-FRI", "America/New_York", "nightly,weekly", "1793512800"],
        ["0 0 L * *", "Australia/Lord_Howe", " a , b ,", "1775314800"],
        ["0 12 29 2 *", "Pacific/Apia", "a,b,c,d,e,f", "1325152800"],
        ["15,45 */6 1W 1,7 0#1", "Africa/Cairo", "two words,\u{202e}", "0"],
        ["@daily", "UTC", "", "4102444800"],
        ["0 0 30 2 *", "Mars/Olympus", ",,", "-1"],
        ["* * * * * *", "europe/berlin", "nightly", ""],
    ];
    Ok(seeds.map(|seed| joined(&seed)).into())
}

fn run(input: &[u8]) -> Outcome {
    let [cron, zone, tag, moment] = parts(input);
    let named = check_tag(&tag)?;
    let read = (CronExpression::new(cron.as_str()), ZoneName::new(zone.as_str()));
    let (Ok(expression), Ok(time_zone)) = &read else {
        let mut said = String::new();
        for refused in [read.0.err(), read.1.err()].into_iter().flatten() {
            line("what is wrong with a schedule", &refused.to_string(), MESSAGE_MAX)?;
            said.push_str(&refused.kind);
        }
        return Ok(format!("no {said}; {named}"));
    };
    let (cron, time_zone) = (BTreeSet::from([expression.clone()]), time_zone.clone());
    let schedule = Schedule { cron, time_zone, jitter_minutes: JITTER_MINUTES };
    let table = schedule
        .timetable()
        .ok_or_else(|| Broken::new("what is read can be asked", format!("{schedule:?}")))?;
    // From 1970 to 2100.
    let second = moment.parse::<i64>().unwrap_or(1_790_000_000).rem_euclid(4_102_444_800);
    check_slots(&table, plus_seconds(Timestamp::UNIX_EPOCH, second))?;
    Ok(format!("slots; {named}; {}", live(&schedule, &tag)?))
}

/// Looking ahead and looking back find the same slots, and every instance's turn is in its window.
fn check_slots(table: &Timetable, from: Timestamp) -> Result<(), Broken> {
    let mut after = from;
    for _ in 0..3 {
        let Some(slot) = table.next(after) else { return Ok(()) };
        let at = slot.timestamp();
        holds("the next slot is later", at > after, || format!("{at} after {after}"))?;
        let latest = table.latest(after, at);
        holds("the next slot is the latest when it has come", latest == Some(slot), || {
            format!("{latest:?}, {at}")
        })?;
        let before = table.latest(after, plus_seconds(at, -1));
        holds("there is none between", before.is_none(), || format!("{before:?} before {at}"))?;
        holds("none is counted between", table.count(after, at, 10) == 0, || at.to_string())?;
        let names = (PolicyName::new("nightly"), InstanceId::new("i-0123456789abcdef0"));
        if let (Ok(policy), Ok(instance)) = names {
            let waits = seconds_between(at, table.turn(slot, &policy, &instance));
            let window = i64::from(JITTER_MINUTES) * 60;
            holds("a turn is in the window", (0..window).contains(&waits), || waits.to_string())?;
        }
        after = at;
    }
    Ok(())
}

/// What can be used of the tag is, and the rest is told in one line.
fn check_tag(tag: &str) -> Result<String, Broken> {
    let named = Named::of(tag);
    holds("a tag enrols in few policies", named.policies.len() <= POLICIES_MAX, || {
        format!("{named:?}")
    })?;
    holds("what cannot be used is told", named.bad.is_some() == named.problem.is_some(), || {
        format!("{named:?}")
    })?;
    let all: Vec<&str> = named.policies.iter().map(PolicyName::as_str).collect();
    let again = Named::of(&all.join(","));
    holds("what was read reads the same", again.policies == named.policies, || {
        format!("{again:?}")
    })?;
    let Some(problem) = &named.problem else { return Ok("named".to_owned()) };
    line("a tag that is refused", &named.bad.clone().unwrap_or_default(), TAG_VALUE_MAX)?;
    line("why a tag is refused", &problem.to_string(), MESSAGE_MAX)?;
    Ok(shape(&problem.to_string()))
}

/// An instance with this tag, and a policy with this schedule under every name that it has.
fn live(schedule: &Schedule, tag: &str) -> Outcome {
    let stage = Stage::new();
    let text = serde_json::json!({"schedule": schedule}).to_string();
    for policy in Named::of(tag).policies {
        stage.cloud.put_policy(policy.as_str(), &text);
    }
    let (instance, home) = (stage.instance(), stage.home());
    let value: String = tag.chars().take(TAG_VALUE_MAX).collect();
    let ((), log) = logged(|| {
        stage.cloud.enrol(&home, &instance, &value);
        stage.live();
    });
    stage.check(&log)?;
    let known = stage.cloud.enrolment_of(&home, &instance).is_some();
    holds("an enrolled instance has an enrolment", known, || stage.words())?;
    Ok(stage.words())
}
