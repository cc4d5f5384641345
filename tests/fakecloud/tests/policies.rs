//! Writing policies while others do the same.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use amiline_app::policies::{
    ApplyError, BoundsError, Compared, Meanwhile, Proposed, apply, compare_all, followers, judged,
    stated_by,
};
use amiline_app::ports::{
    CallError, Freshness, PolicyHistory, PolicyStore, PolicyVersion, PolicyWriter, StoredPolicy,
};
use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{PolicyName, StackName, TagPrefix};
use amiline_domain::policy::{Policy, Verdict};
use amiline_domain::tags::TagKeys;
use amiline_fakecloud::{FakeCloud, FaultKind, World, block_on, region};
use std::collections::BTreeSet;

const OLD: &str = r#"{"deadline_hours":2}"#;
const NEW: &str = r#"{"deadline_hours":3}"#;
const THEIRS: &str = r#"{"deadline_hours":9}"#;

const STATED: &str = r#"{"stack":"amiline","account":"111111111111","home":"us-east-1","source_regions":"eu-west-1",
    "regions":"","accounts":"","organizations":"","organizational_units":"","keys":"","images_per_hour_max":1,
    "interval_minutes_min":0}"#;

fn cloud() -> FakeCloud {
    FakeCloud::new("111111111111", "us-east-1", &["eu-west-1"])
}

fn proposed(name: &str, text: &str) -> Proposed {
    let document = serde_json::from_str(text).unwrap();
    Proposed {
        name: PolicyName::new(name).unwrap(),
        written: Policy::from_document(&document).unwrap(),
    }
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
    let stored =
        block_on(cloud.as_caller("test").stored_policy(&PolicyName::new(name).unwrap())).unwrap();
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
    async fn policy_versions(
        &self,
        name: &PolicyName,
        how: Freshness,
    ) -> Result<Vec<PolicyVersion>, CallError> {
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
    async fn delete_policy(&self, name: &PolicyName) -> Result<bool, CallError> {
        self.world.delete_policy(name).await
    }
}

#[test]
fn what_is_new_or_differs_is_written_and_what_is_the_same_is_not() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    cloud.put_policy("changed", OLD);
    cloud.put_policy("same", "{ \"deadline_hours\" : 3 }");
    let compared = compared(&world, &[("new", NEW), ("changed", NEW), ("same", NEW)]);
    assert!(
        matches!(compared[0].verdict, Verdict::New(_))
            && matches!(compared[1].verdict, Verdict::Differs(_))
    );
    assert_eq!(compared[2].verdict, Verdict::Same);
    let (applied, done) = block_on(apply(&world, &compared));
    done.unwrap();
    assert_eq!(
        applied.iter().map(|one| (one.name.as_str(), one.version)).collect::<Vec<_>>(),
        [("new", 1), ("changed", 2)]
    );
    assert!(applied.iter().all(|one| one.meanwhile == Meanwhile::Nothing));
    assert_eq!(stored(&cloud, "same").unwrap().0, 1);
    let versions =
        block_on(world.policy_versions(&PolicyName::new("changed").unwrap(), Freshness::Fresh))
            .unwrap();
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
    assert!(
        matches!(done, Err(ApplyError::Moved { compared: Some(1), now: Some(2), .. })),
        "{done:?}"
    );
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
    assert!(
        matches!(done, Err(ApplyError::Moved { compared: None, now: Some(1), .. })),
        "{done:?}"
    );
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
        let (mut applied, done) =
            block_on(apply(&Meddled { world: &world, meddle }, std::slice::from_ref(which)));
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
    for beyond in [
        r#"{"distribute":{"regions":["eu-west-1"]}}"#,
        r#"{"create":{"carry_tags":["amiline:intent"]}}"#,
    ] {
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
    let (home, prefix) = (region("us-east-1"), TagPrefix::new("amiline").unwrap());
    let read = || block_on(stated_by(&world, &stack, &home, &prefix));
    let missing = read().unwrap_err();
    assert!(matches!(missing, BoundsError::Missing { .. }));
    let text = missing.to_string();
    assert!(
        text.starts_with("there is no stack of Amiline with the prefix amiline in us-east-1"),
        "{text}"
    );
    assert!(text.contains("--region") && text.contains("--prefix"), "{text}");
    cloud.state_bounds(Some(STATED));
    let stated = read().unwrap();
    assert_eq!(stated.bounds.regions.len(), 1);
    assert_eq!(
        stated.source_regions,
        [region("us-east-1"), region("eu-west-1")],
        "home is the first"
    );
    let text = STATED;
    cloud.state_bounds(Some(&text.replace("amiline", "another")));
    assert!(matches!(read(), Err(BoundsError::OtherStack(_))));
    cloud.state_bounds(Some("{}"));
    assert!(matches!(read(), Err(BoundsError::Unreadable(_))));
}

#[test]
fn what_mends_a_policy_is_compared_with_the_version_in_force_and_written() {
    let cloud = cloud();
    let world = cloud.as_caller("operator");
    cloud.put_policy("a", OLD);
    cloud.put_policy("a", "{");
    let compared = compared(&world, &[("a", OLD)]);
    let Verdict::Mends { instead, changes, .. } = &compared[0].verdict else {
        panic!("{compared:?}")
    };
    assert_eq!(
        (compared[0].version, *instead, changes.len()),
        (Some(2), Some(1), 0),
        "it means what is in force"
    );
    let (applied, done) = block_on(apply(&world, &compared));
    done.unwrap();
    assert_eq!(applied[0].version, 3, "the broken version does not stay the newest");
}

#[test]
fn a_list_says_which_version_is_in_force_and_why_a_policy_is_refused() {
    let cloud = cloud();
    for (name, texts) in [
        ("-x", &["{}"][..]),
        ("broken", &["{"]),
        ("far", &["{}", r#"{"distribute":{"regions":["us-west-2"]}}"#]),
        ("fine", &["{}", r#"{"description":"For all"}"#]),
        ("torn", &[r#"{"description":"As it was"}"#, "{", "["]),
    ] {
        texts.iter().for_each(|text| cloud.put_policy(name, text));
    }
    let listed = block_on(judged(&cloud.as_caller("operator"), &bounds(), &keys())).unwrap();
    let shown: Vec<(&str, u64, Option<u64>, &str)> = listed
        .iter()
        .map(|one| {
            (one.stored.name.as_str(), one.stored.version, one.in_force, one.description.as_str())
        })
        .collect();
    let expected = [
        ("-x", 1, None, ""),
        ("broken", 1, None, ""),
        ("far", 2, None, ""),
        ("fine", 2, Some(2), "For all"),
        ("torn", 3, Some(1), "As it was"),
    ];
    assert_eq!(shown, expected);
    let why: Vec<String> = listed.into_iter().map(|one| one.refused.unwrap_or_default()).collect();
    assert!(why[0].contains("policy name") && why[1].contains("line 1"), "{why:?}");
    assert!(why[2].contains("AllowedRegions") && why[3].is_empty(), "{why:?}");
    assert!(why[4].contains("version 1 stays in force"), "{why:?}");
}

#[test]
fn who_follows_a_policy_is_read_in_every_watched_region_and_a_gap_is_named() {
    let cloud = cloud();
    let (home, europe) = (region("us-east-1"), region("eu-west-1"));
    let world = cloud.as_caller("operator");
    cloud.state_bounds(Some(STATED));
    let prefix = TagPrefix::new("amiline").unwrap();
    let stack =
        block_on(stated_by(&world, &StackName::new("amiline").unwrap(), &home, &prefix)).unwrap();
    let at_home = cloud.launch(&home);
    cloud.enrol(&home, &at_home, "weekly, web");
    let other = cloud.launch(&home);
    cloud.enrol(&home, &other, "website");
    let pressed = cloud.launch(&europe);
    cloud.press(&europe, &pressed, "web");
    let web = PolicyName::new("web").unwrap();
    let found = block_on(followers(&world, &stack, &web));
    let enrolled: Vec<_> = found.enrolled.iter().map(|one| (&one.region, &one.instance)).collect();
    assert_eq!(enrolled, [(&home, &at_home)]);
    let waiting: Vec<_> = found.pressed.iter().map(|one| (&one.region, &one.instance)).collect();
    assert_eq!(waiting, [(&europe, &pressed)]);
    assert!(found.unread.is_empty());
    cloud.decide_faults(|call| (call.region.as_str() == "eu-west-1").then_some(FaultKind::Denied));
    let found = block_on(followers(&world, &stack, &web));
    assert_eq!(found.unread.into_iter().map(|unread| unread.region).collect::<Vec<_>>(), [europe]);
    assert_eq!((found.enrolled.len(), found.pressed.len()), (1, 0));
}
