//! Writing policies while others do the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use amiline_app::policies::{ApplyError, BoundsError, Compared, Meanwhile, Proposed, apply, bounds_of, compare_all};
use amiline_app::ports::{CallError, Freshness, PolicyHistory, PolicyStore, PolicyVersion, PolicyWriter, StoredPolicy};
use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{PolicyName, StackName, TagPrefix};
use amiline_domain::policy::{Policy, Verdict};
use amiline_domain::tags::TagKeys;
use amiline_fakecloud::{FakeCloud, World, block_on};
use std::collections::BTreeSet;

const OLD: &str = r#"{"deadline_hours":2}"#;
const NEW: &str = r#"{"deadline_hours":3}"#;
const THEIRS: &str = r#"{"deadline_hours":9}"#;

fn cloud() -> FakeCloud {
    FakeCloud::new("111111111111", "us-east-1", &[])
}

fn proposed(name: &str, text: &str) -> Proposed {
    let document = serde_json::from_str(text).unwrap();
    Proposed { name: PolicyName::new(name).unwrap(), written: Policy::from_document(&document).unwrap() }
}

fn keys() -> TagKeys {
    TagKeys::new(TagPrefix::new("amiline").unwrap())
}

fn bounds() -> Bounds {
    Bounds {
        regions: BTreeSet::new(),
        accounts: BTreeSet::new(),
        organizations: BTreeSet::new(),
        organizational_units: BTreeSet::new(),
        keys: BTreeSet::new(),
        images_per_hour_max: 1,
        interval_minutes_min: 0,
    }
}

fn compared(world: &World, all: &[(&str, &str)]) -> Vec<Compared> {
    let all = all.iter().map(|(name, text)| proposed(name, text)).collect();
    block_on(compare_all(world, all, &bounds(), &keys())).unwrap()
}

fn stored(cloud: &FakeCloud, name: &str) -> Option<(u64, String)> {
    let stored = block_on(cloud.as_caller("test").stored_policy(&PolicyName::new(name).unwrap())).unwrap();
    stored.map(|stored| (stored.version, stored.text))
}

/// Somebody does something just before a policy is replaced, after the last look at it.
struct Meddled<'a> {
    world: &'a World,
    meddle: &'a dyn Fn(),
}

impl PolicyStore for Meddled<'_> {
    async fn policies(&self) -> Result<Vec<StoredPolicy>, CallError> {
        self.world.policies().await
    }
    async fn stored_policy(&self, name: &PolicyName) -> Result<Option<StoredPolicy>, CallError> {
        self.world.stored_policy(name).await
    }
}

impl PolicyHistory for Meddled<'_> {
    async fn policy_versions(&self, name: &PolicyName, how: Freshness) -> Result<Vec<PolicyVersion>, CallError> {
        self.world.policy_versions(name, how).await
    }
}

impl PolicyWriter for Meddled<'_> {
    async fn create_policy(&self, name: &PolicyName, text: &str) -> Result<Option<u64>, CallError> {
        (self.meddle)();
        self.world.create_policy(name, text).await
    }
    async fn replace_policy(&self, name: &PolicyName, text: &str) -> Result<u64, CallError> {
        (self.meddle)();
        self.world.replace_policy(name, text).await
    }
}

#[test]
fn what_is_new_or_differs_is_written_and_what_is_the_same_is_not() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    cloud.put_policy("changed", OLD);
    cloud.put_policy("same", "{ \"deadline_hours\" : 3 }");
    let compared = compared(&world, &[("new", NEW), ("changed", NEW), ("same", NEW)]);
    assert!(matches!(compared[0].verdict, Verdict::New(_)) && matches!(compared[1].verdict, Verdict::Differs(_)));
    assert_eq!(compared[2].verdict, Verdict::Same);
    let (applied, done) = block_on(apply(&world, &compared));
    done.unwrap();
    assert_eq!(
        applied.iter().map(|one| (one.name.as_str(), one.version)).collect::<Vec<_>>(),
        [("new", 1), ("changed", 2)]
    );
    assert!(applied.iter().all(|one| one.meanwhile == Meanwhile::Nothing));
    assert_eq!(stored(&cloud, "same").unwrap().0, 1);
    let versions = block_on(world.policy_versions(&PolicyName::new("changed").unwrap(), Freshness::Fresh)).unwrap();
    assert_eq!(versions[0].text, OLD, "the old version is still there");
}

#[test]
fn a_version_that_moved_since_it_was_shown_stops_everything() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    cloud.put_policy("b", OLD);
    let compared = compared(&world, &[("a", NEW), ("b", NEW)]);
    cloud.put_policy("b", THEIRS);
    let (applied, done) = block_on(apply(&world, &compared));
    assert!(matches!(done, Err(ApplyError::Moved { compared: Some(1), now: Some(2), .. })), "{done:?}");
    assert!(applied.is_empty() && stored(&cloud, "a").is_none());
    assert_eq!(stored(&cloud, "b").unwrap(), (2, THEIRS.to_owned()));
}

#[test]
fn a_policy_that_appears_at_the_last_moment_is_not_overwritten() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    let compared = compared(&world, &[("a", NEW)]);
    let meddle = || cloud.put_policy("a", THEIRS);
    let (applied, done) = block_on(apply(&Meddled { world: &world, meddle: &meddle }, &compared));
    assert!(matches!(done, Err(ApplyError::Moved { compared: None, now: Some(1), .. })), "{done:?}");
    assert!(applied.is_empty());
    assert_eq!(stored(&cloud, "a").unwrap().1, THEIRS);
}

#[test]
fn what_somebody_wrote_at_the_last_moment_is_told_and_kept() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    cloud.put_policy("a", OLD);
    let compared = compared(&world, &[("a", NEW)]);
    let apply_while = |meddle: &dyn Fn()| {
        let (mut applied, done) = block_on(apply(&Meddled { world: &world, meddle }, &compared));
        done.unwrap();
        applied.remove(0)
    };
    let one = apply_while(&|| cloud.put_policy("a", THEIRS));
    let Meanwhile::Covered(covered) = one.meanwhile else { panic!("{:?}", one.meanwhile) };
    assert_eq!((one.version, covered.len(), covered[0].text.as_str()), (3, 1, THEIRS));
    assert_eq!(stored(&cloud, "a").unwrap(), (3, NEW.to_owned()));
}

#[test]
fn our_own_first_attempt_is_nobody_elses_and_a_deletion_is_told() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    cloud.put_policy("a", OLD);
    cloud.put_policy("b", OLD);
    cloud.put_policy("b", OLD);
    let compared = compared(&world, &[("a", NEW), ("b", NEW), ("c", NEW)]);
    let done = |which: &Compared, meddle: &dyn Fn()| {
        let (mut applied, done) = block_on(apply(&Meddled { world: &world, meddle }, std::slice::from_ref(which)));
        done.unwrap();
        let one = applied.remove(0);
        (one.version, one.meanwhile)
    };
    assert_eq!(done(&compared[0], &|| cloud.put_policy("a", NEW)), (3, Meanwhile::Nothing));
    assert_eq!(done(&compared[1], &|| cloud.delete_policy("b")), (1, Meanwhile::Deleted));
    assert_eq!(done(&compared[2], &|| cloud.put_policy("c", NEW)), (1, Meanwhile::Nothing));
}

#[test]
fn nothing_is_written_if_anything_goes_beyond_the_bounds() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    for beyond in [r#"{"distribute":{"regions":["eu-west-1"]}}"#, r#"{"create":{"carry_tags":["amiline:intent"]}}"#] {
        let compared = compared(&world, &[("a", NEW), ("b", beyond)]);
        let (applied, done) = block_on(apply(&world, &compared));
        assert!(matches!(done, Err(ApplyError::Beyond { .. })) && applied.is_empty());
        assert!(stored(&cloud, "a").is_none());
    }
}

#[test]
fn only_the_stacks_own_bounds_count() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    let stack = StackName::new("amiline").unwrap();
    let read = || block_on(bounds_of(&world, &stack));
    assert!(matches!(read(), Err(BoundsError::Missing)));
    let text = r#"{"stack":"amiline","account":"111111111111","home":"us-east-1","regions":"","accounts":"","keys":"","images_per_hour_max":1,"interval_minutes_min":0}"#;
    cloud.state_bounds(Some(text));
    assert_eq!(read().unwrap().regions.len(), 1);
    cloud.state_bounds(Some(&text.replace("amiline", "another")));
    assert!(matches!(read(), Err(BoundsError::OtherStack(_))));
    cloud.state_bounds(Some("{}"));
    assert!(matches!(read(), Err(BoundsError::Unreadable(_))));
}
