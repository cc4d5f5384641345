//! What a hundred thousand enrolled instances cost: to plan, to judge, to hold in memory; and what
//! a tick costs by what is due and by what is not.
//!
//! `cargo bench --profile sim -p amiline-bench --bench schedules`

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured")]

use amiline_app::functions::Queue;
use amiline_bench::{ratio, side_by_side};
use amiline_domain::bounds::Bounds;
use amiline_domain::budget::Budget;
use amiline_domain::coverage::{Made, coverage, promises};
use amiline_domain::enrolment::{Enrolment, EnrolmentDecision, Sight, decide};
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, PolicyName, Region, TagPrefix};
use amiline_domain::image::{InstanceState, ObservedInstance, RootDevice};
use amiline_domain::look::PolicyRead;
use amiline_domain::policy::PolicyTexts;
use amiline_domain::press::Press;
use amiline_domain::tags::TagKeys;
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::Launch;
use amiline_scenarios::{House, east};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INSTANCES: usize = 100_000;
const TAG: &str = "p0,p1,p2,p3,p4";
const SCHEDULES: [&str; 5] = [
    r#"{"schedule":{"cron":["30 1 * * *"],"time_zone":"Europe/London","jitter_minutes":120}}"#,
    r#"{"schedule":{"cron":["0 3 * * 0"]},"distribute":{"regions":["us-west-2","eu-west-1"]}}"#,
    r#"{"schedule":{"cron":["7 * * * *"],"jitter_minutes":30}}"#,
    r#"{"schedule":{"cron":["0 0 1 * *"],"time_zone":"Asia/Kolkata"},"distribute":{"regions":["eu-west-1"]}}"#,
    r#"{"schedule":{"cron":["*/30 6-18 * * 1-5"],"time_zone":"America/New_York"}}"#,
];

/// What every look shares.
struct Fleet {
    policies: BTreeMap<PolicyName, PolicyRead>,
    keys: TagKeys,
    bounds: Bounds,
    press: Press,
    budget: Budget,
    taken: BTreeSet<(PolicyName, amiline_domain::time::Slot)>,
}

impl Fleet {
    fn new() -> Self {
        let regions = ["us-east-1", "us-west-2", "eu-west-1"]
            .map(|name| Region::new(name).expect("a Region"));
        let policies = SCHEDULES.iter().enumerate().map(|(number, text)| {
            (PolicyName::new(format!("p{number}")).expect("a name"), PolicyRead::newest(Some(text)))
        });
        Self {
            policies: policies.collect(),
            keys: TagKeys::new(TagPrefix::new("amiline").expect("a prefix")),
            bounds: Bounds {
                regions: regions.into(),
                accounts: BTreeSet::new(),
                organizations: BTreeSet::new(),
                organizational_units: BTreeSet::new(),
                keys: BTreeSet::new(),
                images_per_hour_max: u32::MAX,
                interval_minutes_min: 0,
            },
            press: Press::untouched(),
            budget: Budget::default(),
            taken: BTreeSet::new(),
        }
    }

    fn plan(
        &self,
        instance: &ObservedInstance,
        enrolment: &Enrolment,
        now: Timestamp,
    ) -> EnrolmentDecision {
        let sight = Sight {
            instance: Some(instance),
            tag: Some(TAG),
            hint: None,
            policies: &self.policies,
            press: &self.press,
            budget: &self.budget,
            bounds: &self.bounds,
            keys: &self.keys,
            made: None,
            taken: &self.taken,
            busy: false,
            now,
        };
        decide(enrolment, sight)
    }
}

fn instance(number: usize) -> ObservedInstance {
    ObservedInstance {
        id: InstanceId::new(format!("i-{number:017x}")).expect("an instance"),
        region: Region::new("us-east-1").expect("a Region"),
        state: InstanceState::Running,
        hibernation: false,
        root_device: RootDevice::Ebs,
        root_name: None,
        devices: BTreeSet::new(),
        tags: BTreeMap::new(),
    }
}

/// Memory that the process holds, in MiB; 0 where the system does not say.
#[allow(clippy::disallowed_methods, reason = "a benchmark is an edge: it measures")]
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
        / 1024
}

#[allow(clippy::disallowed_methods, reason = "a benchmark is an edge: it measures")]
fn main() {
    let fleet = Fleet::new();
    let noon: Timestamp = "2026-11-24T12:00:00Z".parse().expect("a time");
    let before = resident_mib();
    let began = Instant::now();
    let enrolled: Vec<(ObservedInstance, Enrolment)> = (0..INSTANCES)
        .filter_map(|number| {
            let instance = instance(number);
            let EnrolmentDecision::Write(enrolment) =
                fleet.plan(&instance, &Enrolment::default(), noon)
            else {
                return None;
            };
            Some((instance, enrolment))
        })
        .collect();
    assert_eq!(enrolled.len(), INSTANCES, "the first look enrols");
    println!(
        "{INSTANCES} instances in 5 policies each: enrolled in {:?}, {} MiB of enrolments in memory",
        began.elapsed(),
        resident_mib().saturating_sub(before)
    );
    let plan_all = |some: usize, now: Timestamp| {
        let due = enrolled.iter().take(some).filter(|(instance, enrolment)| {
            matches!(fleet.plan(instance, enrolment, now), EnrolmentDecision::Begin { .. })
        });
        due.count()
    };
    let began = Instant::now();
    let due = plan_all(INSTANCES, plus_seconds(noon, 60));
    println!("planned with nothing due: {:?} ({due} due)", began.elapsed());
    let began = Instant::now();
    let due = plan_all(INSTANCES, plus_seconds(noon, 26 * 3600));
    println!("planned a day later: {:?} ({due} due)", began.elapsed());

    let texts: BTreeMap<PolicyName, PolicyTexts> =
        fleet.policies.iter().map(|(name, read)| (name.clone(), read.texts.clone())).collect();
    let promised = promises(&texts);
    let available: BTreeMap<Region, ImageId> = fleet
        .bounds
        .regions
        .iter()
        .map(|region| (region.clone(), ImageId::new("ami-0123456789abcdef0").expect("an image")))
        .collect();
    let family = FamilyId::new("fam-0123456789abcdef").expect("a family");
    let made: Vec<Made> = fleet
        .policies
        .keys()
        .map(|policy| Made {
            family: family.clone(),
            policy: policy.clone(),
            at: noon,
            available: available.clone(),
        })
        .collect();
    let judge_all = |some: usize| {
        let later = plus_seconds(noon, 3 * 3600);
        let lost = enrolled.iter().take(some).map(|(instance, enrolment)| {
            coverage(&instance.id, enrolment, &promised, &made, later)
                .iter()
                .filter(|cover| cover.is_lost())
                .count()
        });
        lost.sum::<usize>()
    };
    let began = Instant::now();
    let lost = judge_all(INSTANCES);
    println!("coverage of all judged: {:?} ({lost} lost)", began.elapsed());

    // One instance among a hundred thousand costs what it costs among a thousand.
    let units = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let later = plus_seconds(noon, 60);
    let (many, few) = side_by_side(
        || {
            plan_all(INSTANCES / 10, later);
            units(INSTANCES / 10)
        },
        || {
            plan_all(1000, later);
            1000
        },
    );
    println!(
        "planning an instance: {:?}; ratio of 10,000 to 1,000 instances: {:.2}",
        many.per_unit,
        ratio(many, few)
    );

    println!("a tick's AWS calls, by enrolled instances that are not due (across) and due (down):");
    println!("{:>8} {:>8} {:>8} {:>8}", "", 0, 1000, 4000);
    for due in [0, 20, 200] {
        let calls: Vec<String> =
            [0, 1000, 4000].iter().map(|idle| format!("{:>8}", calls(due, *idle))).collect();
        println!("{due:>8} {}", calls.join(" "));
    }
}

/// The calls of one tick with so many instances whose slot has come, and so many that wait for
/// another day.
fn calls(due: usize, idle: usize) -> u64 {
    let mut house = House::new();
    house.stack.bounds.images_per_hour_max = u32::MAX;
    house.cloud.keep_trace(false);
    house.cloud.put_policy("soon", r#"{"schedule":{"cron":["0 13 * * *"]}}"#);
    house.cloud.put_policy("later", r#"{"schedule":{"cron":["0 3 1 1 *"]}}"#);
    for (policy, count) in [("soon", due), ("later", idle)] {
        for _ in 0..count {
            let tags = BTreeMap::from([("amiline:schedule".to_owned(), policy.to_owned())]);
            house.cloud.launch_with(&east(), Launch { tags, ..Launch::default() });
        }
    }
    house.sweep();
    house.deliver();
    let now = house.cloud.now();
    let day = now.strftime("%Y-%m-%d").to_string();
    let slot: Timestamp = format!("{day}T13:00:30Z").parse().expect("a time");
    house.cloud.advance((slot.as_second() - now.as_second()).rem_euclid(86_400));
    assert!(house.cloud.waiting(Queue::Create).is_empty());
    let before = house.cloud.calls_made();
    let done = house.tick();
    assert_eq!(done.turns, due, "{done:?}");
    house.cloud.calls_made() - before
}
