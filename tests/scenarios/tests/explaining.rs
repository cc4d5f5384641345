//! What a person asks the command: why, which families, and what becomes of a policy that was
//! mended.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use amiline_app::listing::{Listed, listed, with_snapshot};
use amiline_app::policies::ask_to_tell;
use amiline_app::retry::can_be_retried;
use amiline_app::settings::WatchedStack;
use amiline_app::why::{WhyError, why};
use amiline_domain::family::Outcome;
use amiline_domain::ids::{InstanceId, PolicyName, Region, SnapshotId};
use amiline_domain::selection::{FamilyState, Selection};
use amiline_domain::why::Why;
use amiline_fakecloud::{FaultKind, Launch, block_on};
use amiline_scenarios::{House, east, europe, west};

fn name(text: &str) -> PolicyName {
    PolicyName::new(text).unwrap()
}

fn watched(house: &House) -> WatchedStack {
    WatchedStack {
        stack: house.stack.stack.clone(),
        source_regions: vec![east(), europe()],
        bounds: house.stack.bounds.clone(),
    }
}

fn ask(house: &House, regions: &[Region], instance: &InstanceId) -> Result<Why, WhyError> {
    block_on(why(&house.cloud.as_caller("operator"), &watched(house), regions, instance))
}

/// An instance that was pressed under a policy that turned invalid, which was told.
fn with_a_refused_policy() -> House {
    let house = House::new();
    house.cloud.put_policy("fragile", "{}");
    house.cloud.put_policy("fragile", "{");
    house.pressed("fragile");
    house.live(15);
    assert_eq!(house.cloud.notices_of("policy-refused"), 1);
    house
}

#[test]
fn a_mended_policy_is_told_by_the_first_use_of_it() {
    let house = with_a_refused_policy();
    house.cloud.put_policy("fragile", "{}");
    house.pressed("fragile");
    house.deliver();
    assert_eq!(house.cloud.notices_of("policy-accepted"), 1, "{}", house.cloud.trace());
    house.pressed("fragile");
    house.live(15);
    assert_eq!(house.cloud.notices_of("policy-accepted"), 1, "once");
}

#[test]
fn a_mended_policy_is_told_when_the_command_has_written_it() {
    let house = with_a_refused_policy();
    house.cloud.put_policy("fragile", "{}");
    block_on(ask_to_tell(&house.cloud.as_caller("operator"), &[name("fragile"), name("plain")]))
        .unwrap();
    house.deliver();
    assert_eq!(house.cloud.notices_of("policy-accepted"), 1, "without a sweep and without a use");
    assert_eq!(house.cloud.notices_of("policy-refused"), 1);
}

#[test]
fn why_finds_an_instance_in_whichever_region_it_is() {
    let house = House::new();
    let regions = [east(), europe(), west()];
    let there = house.cloud.launch_with(&europe(), Launch::default());
    let found = ask(&house, &regions, &there).unwrap();
    assert_eq!(
        (found.region, found.state.as_str(), found.last),
        (europe(), "an image can be made of it", None)
    );
    let unwatched = house.cloud.launch_with(&west(), Launch::default());
    house.cloud.tag(&west(), &unwatched, "amiline:image", "nope");
    let found = ask(&house, &regions, &unwatched).unwrap();
    assert_eq!(found.state, "no tag on it is looked at: us-west-2 is not watched");
    assert!(found.now[0].says.contains("SourceRegions"), "{found:?}");
    assert!(!found.now.iter().any(|line| line.says.contains("rejected:")), "{found:?}");
}

#[test]
fn why_tells_an_instance_without_records_from_one_that_does_not_exist_and_from_one_that_was_not_read()
 {
    let house = House::new();
    let nobody = InstanceId::new("i-0123456789abcdef0").unwrap();
    let unknown = ask(&house, &[east(), europe()], &nobody).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "there is no instance i-0123456789abcdef0 in us-east-1, eu-west-1, and nothing is recorded of one; check the id, \
         and name its Region with --in if it is in another"
    );
    house.cloud.decide_faults(|call| {
        (call.region == europe() && call.action == "ec2:DescribeInstances")
            .then_some(FaultKind::Denied)
    });
    let unread = ask(&house, &[east(), europe()], &nobody).unwrap_err().to_string();
    assert!(
        unread.starts_with("there is no instance i-0123456789abcdef0 in us-east-1, and"),
        "{unread}"
    );
    assert!(
        unread.contains(
            "\nwhether i-0123456789abcdef0 is in eu-west-1 is not known: ec2:DescribeIns"
        ),
        "{unread}"
    );
    // A Region that cannot be read hides nothing that another one shows.
    let at_home = house.instance();
    assert!(ask(&house, &[east(), europe()], &at_home).is_ok());
}

#[test]
fn why_explains_an_instance_that_only_the_records_know() {
    let house = House::new();
    let instance = house.pressed("plain");
    house.live(15);
    house.cloud.terminate(&east(), &instance);
    house.live(120);
    let found = ask(&house, &[europe(), east()], &instance).unwrap();
    assert_eq!(found.region, east());
    assert!(!found.possible && found.last.is_some(), "{found:?}");
}

#[test]
fn families_are_listed_by_when_they_were_asked_for_and_by_what_they_have_in_common() {
    let house = House::new();
    let list = |selection: &Selection, limit: usize| -> Listed {
        block_on(listed(&house.cloud.as_caller("operator"), selection, &[east(), europe()], limit))
            .unwrap()
    };
    let mut instances = Vec::new();
    for policy in ["plain", "nope", "plain"] {
        instances.push(house.pressed(policy));
        house.live(15);
    }
    let middle = house.cloud.now();
    instances.push(house.pressed("nope"));
    house.live(15);
    let all = list(&Selection::default(), 20);
    let order: Vec<&InstanceId> = all.families.iter().map(|family| &family.instance).collect();
    assert_eq!(order, instances.iter().rev().collect::<Vec<_>>());
    assert!(!all.more && list(&Selection::default(), 2).more);
    assert!(
        all.families.iter().all(|family| family.created_at <= house.cloud.now()),
        "never in the future"
    );
    let of = |policy: &str| Selection { policy: Some(name(policy)), ..Selection::default() };
    assert_eq!(
        list(&of("nope"), 20).families.len(),
        2,
        "a policy that does not exist is found by its name"
    );
    let one = list(&of("plain"), 1);
    assert_eq!((one.families[0].instance.clone(), one.more), (instances[2].clone(), true));
    let state = FamilyState::Ended(Outcome::Complete);
    assert_eq!(
        list(&Selection { state: Some(state), ..Selection::default() }, 20).families.len(),
        2
    );
    assert_eq!(
        list(&Selection { since: Some(middle), ..Selection::default() }, 20).families.len(),
        1
    );
    let of_one = Selection { instance: Some(instances[1].clone()), ..Selection::default() };
    assert_eq!(list(&of_one, 20).families.len(), 1);
    assert!(list(&Selection { state: Some(state), ..of_one }, 20).families.is_empty());
    assert!(
        all.families.iter().all(|family| !can_be_retried(family, house.cloud.now())),
        "nothing failed"
    );
}

#[test]
fn a_snapshot_leads_to_the_family_of_its_image() {
    let house = House::new();
    for policy in ["default", "plain"] {
        house.pressed(policy);
        house.live(15);
    }
    let families = house.cloud.families();
    let of_default = families.iter().find(|family| family.requested == "default").unwrap();
    let copy = of_default.rows.values().find(|row| row.region == west()).unwrap();
    let snapshot = copy.snapshots.first().expect("an available image has snapshots");
    let world = house.cloud.as_caller("operator");
    let found = |snapshot: &SnapshotId, region: Option<&Region>| {
        block_on(with_snapshot(&world, snapshot, region)).unwrap().map(|family| family.id)
    };
    assert_eq!(found(snapshot, None), Some(of_default.id.clone()));
    assert_eq!(found(snapshot, Some(&west())), Some(of_default.id.clone()));
    assert_eq!(found(snapshot, Some(&east())), None);
    assert_eq!(found(&SnapshotId::new("snap-00000000000000000").unwrap(), None), None);
}

#[test]
fn a_long_list_is_read_page_by_page() {
    let house = House::new();
    for _ in 0..130 {
        house.cloud.press(&east(), &house.instance(), "nope");
        house.deliver();
    }
    let read = |limit: usize| {
        let world = house.cloud.as_caller("operator");
        block_on(listed(&world, &Selection::default(), &[], limit)).unwrap()
    };
    assert_eq!((read(500).families.len(), read(500).more), (130, false));
    assert_eq!((read(120).families.len(), read(120).more), (120, true));
}
