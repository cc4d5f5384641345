//! Stories about where copies go, under which key and how soon, and about who may launch them.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use amiline_domain::family::Outcome;
use amiline_domain::policy::CopyMinutes;
use amiline_fakecloud::{FaultKind, FaultRule, Permission, Volume};
use amiline_scenarios::{FRIEND, House, ORGANIZATION, UNIT, east, europe, west};
use std::collections::BTreeSet;

/// A stack that also has a key of Europe's own, and friends in an organization.
fn house() -> House {
    let mut house = House::new();
    house.cloud.create_key(&europe(), "alias/europe");
    house.stack.bounds = house.cloud.bounded_stack(&[FRIEND, ORGANIZATION, UNIT]).bounds;
    house.stack.bounds.keys.insert("alias/europe".parse().unwrap());
    house
}

fn permissions(friends: &[&str]) -> BTreeSet<Permission> {
    friends.iter().map(|friend| Permission::Target(friend.parse().unwrap())).collect()
}

#[test]
fn each_copy_is_made_under_its_regions_key_within_its_regions_time() {
    let house = house();
    let policy = r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"within_minutes":120,
        "regions":["us-west-2",{"region":"eu-west-1","kms_key":"alias/europe","within_minutes":60}]}}"#;
    house.cloud.put_policy("spread", policy);
    for place in [west(), europe()] {
        house.cloud.set_copy_seconds(&place, Some(6 * 3600));
    }
    let instance = house.pressed("spread");
    house.live(30);
    let source = house.cloud.images_created_for(&instance).remove(0);
    for (place, key, minutes) in [(west(), "alias/amiline", 120), (europe(), "alias/europe", 60)] {
        let copy = house.cloud.images(&place).remove(0);
        assert_eq!(copy.source_image.as_ref(), Some(&source.id));
        assert_eq!(house.cloud.keys_of_image(&place, &copy.id), [house.cloud.key_arn(&place, key)]);
        assert_eq!(copy.within_minutes.map(CopyMinutes::get), Some(minutes));
    }
    house.live(120);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn home_as_a_destination_gives_its_encrypted_copy_a_key_of_its_own() {
    let house = house();
    house.cloud.create_key(&east(), "alias/europe");
    let policy = r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":[{"region":"us-east-1",
        "kms_key":"alias/europe"}]},"share":{"accounts":["222222222222"]}}"#;
    house.cloud.put_policy("home", policy);
    // Its volumes are under the key that the policy asks for elsewhere, and not under that of home.
    let instance = house.pressed("home");
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let source = house.cloud.images_created_for(&instance).remove(0);
    let copy = house.cloud.copies_of(&source.id).remove(0);
    assert_eq!(
        house.cloud.keys_of_image(&east(), &copy.id),
        [house.cloud.key_arn(&east(), "alias/europe")]
    );
    assert_eq!((source.permissions, copy.permissions), (BTreeSet::new(), permissions(&[FRIEND])));
}

#[test]
fn the_missing_key_of_one_region_fails_its_copy_and_no_other() {
    let house = house();
    house.cloud.delete_key(&europe(), "alias/europe");
    let policy = r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":["us-west-2",{"region":"eu-west-1",
        "kms_key":"alias/europe"}]}}"#;
    house.cloud.put_policy("spread", policy);
    let instance = house.pressed("spread");
    house.live(30);
    house.assert_at_rest(Outcome::Partial);
    let status = house.status(&instance);
    assert!(status.contains("eu-west-1") && status.contains("key"), "{status}");
}

#[test]
fn a_copy_that_the_quota_for_times_leaves_no_room_for_is_asked_for_again_later() {
    let house = house();
    let policy = r#"{"distribute":{"regions":[{"region":"us-west-2","within_minutes":15}]}}"#;
    house.cloud.put_policy("soon", policy);
    let full =
        FaultKind::Refused("ResourceLimitExceeded".to_owned(), "no throughput is left".to_owned());
    house.cloud.inject(FaultRule::new(full).action("ec2:CopyImage").times(3));
    house.pressed("soon");
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn an_organization_and_a_unit_are_shared_with_beside_an_account() {
    let house = house();
    let policy = format!(
        r#"{{"encrypt":{{"kms_key":"alias/amiline"}},"distribute":{{"regions":["us-west-2"]}},"share":{{"accounts":["{FRIEND}"],
            "organizations":["{ORGANIZATION}"],"organizational_units":["{UNIT}"]}}}}"#
    );
    house.cloud.put_policy("open", &policy);
    let instance = house.pressed("open");
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let everybody = permissions(&[FRIEND, ORGANIZATION, UNIT]);
    let source = house.cloud.images_created_for(&instance).remove(0);
    for image in house.cloud.copies_of(&source.id).into_iter().chain([source]) {
        assert_eq!(image.permissions, everybody);
    }
    let ended = house
        .cloud
        .history(&house.family().id)
        .into_iter()
        .find(|item| item.event.outcome().is_some());
    for image in ended.unwrap().images {
        let told: BTreeSet<String> = image.shared_with.iter().map(ToString::to_string).collect();
        assert_eq!(told, [FRIEND, ORGANIZATION, UNIT].map(str::to_owned).into());
    }
}

/// The press was admitted; the stack is deployed without the organization before anything can be
/// shared.
#[test]
fn an_organization_that_is_not_allowed_any_more_gets_nothing_though_the_press_was_admitted() {
    let mut house = house();
    let policy = format!(
        r#"{{"encrypt":{{"kms_key":"alias/amiline"}},"share":{{"accounts":["{FRIEND}"],"organizations":["{ORGANIZATION}"]}}}}"#
    );
    house.cloud.put_policy("open", &policy);
    let instance = house.pressed("open");
    house.deliver();
    house.stack.bounds.organizations.clear();
    house.live(30);
    house.assert_at_rest(Outcome::Partial);
    assert_eq!(
        house.cloud.images_created_for(&instance).remove(0).permissions,
        BTreeSet::new(),
        "not with a part of them"
    );
    assert!(
        house.status(&instance).contains("AllowedOrganizations"),
        "{}",
        house.status(&instance)
    );
    assert_eq!(house.cloud.calls("distribute-image", "ec2:ModifyImageAttribute"), 0);
}

#[test]
fn what_the_stack_does_not_name_is_refused_when_it_is_pressed() {
    let house = house();
    let organization = "arn:aws:organizations::999999999999:organization/o-stranger999";
    let unit = "arn:aws:organizations::999999999999:ou/o-stranger999/ou-ab12-11111111";
    for (name, policy, parameter) in [
        (
            "org",
            format!(r#""share":{{"organizations":["{organization}"]}}"#),
            "AllowedOrganizations",
        ),
        (
            "ou",
            format!(r#""share":{{"organizational_units":["{unit}"]}}"#),
            "AllowedOrganizationalUnits",
        ),
        (
            "key",
            r#""distribute":{"regions":[{"region":"us-west-2","kms_key":"alias/x"}]}"#.to_owned(),
            "alias/x",
        ),
    ] {
        house
            .cloud
            .put_policy(name, &format!(r#"{{"encrypt":{{"kms_key":"alias/amiline"}},{policy}}}"#));
        let instance = house.pressed(name);
        house.live(5);
        let status = house.status(&instance);
        assert!(status.starts_with("rejected") && status.contains(parameter), "{status}");
        assert!(house.cloud.images_created_for(&instance).is_empty());
    }
}

#[test]
fn a_plain_source_is_copied_abroad_under_a_key_though_home_asks_for_none() {
    let house = house();
    let policy = r#"{"distribute":{"regions":["us-west-2",{"region":"eu-west-1","kms_key":"alias/europe"}]}}"#;
    house.cloud.put_policy("abroad", policy);
    let plain = amiline_fakecloud::Launch { volumes: vec![Volume::Plain], ..Default::default() };
    let instance = house.cloud.launch_with(&east(), plain);
    house.cloud.press(&east(), &instance, "abroad");
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    let source = house.cloud.images_created_for(&instance).remove(0);
    for copy in house.cloud.copies_of(&source.id) {
        let wanted = if copy.region == europe() {
            house.cloud.key_arn(&europe(), "alias/europe")
        } else {
            None
        };
        assert_eq!(house.cloud.keys_of_image(&copy.region, &copy.id), [wanted]);
    }
    assert_eq!(house.cloud.keys_of_image(&east(), &source.id), [None]);
}
