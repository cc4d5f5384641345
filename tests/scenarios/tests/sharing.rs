//! Stories about targets that EC2 refuses, and about denials.

#![allow(
    clippy::unwrap_used,
    reason = "test code: a panic here is a failed test, with a backtrace"
)]

use amiline_app::retry::retry;
use amiline_domain::family::{ImageRole, Outcome};
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::{FaultKind, FaultRule, Permission, block_on, denial};
use amiline_scenarios::{House, east, europe, west};

const FRIENDS: [&str; 5] =
    ["222222222222", "333333333333", "444444444444", "555555555555", "666666666666"];

fn target(account: &str) -> ShareTarget {
    account.parse().unwrap()
}

/// A house that shares one image at home with five accounts, one of which is closed.
fn house() -> House {
    let mut house = House::new();
    house.stack = house.cloud.bounded_stack(&FRIENDS);
    let accounts = FRIENDS.map(|account| format!("\"{account}\"")).join(",");
    let policy = format!(
        r#"{{"encrypt":{{"kms_key":"alias/amiline"}},"share":{{"accounts":[{accounts}]}}}}"#
    );
    house.cloud.put_policy("friends", &policy);
    house.cloud.close(&target(FRIENDS[2]));
    house
}

#[test]
fn one_closed_account_keeps_the_image_from_nobody_else() {
    let house = house();
    let instance = house.pressed("friends");
    house.live(15);
    house.assert_at_rest(Outcome::Partial);
    let family = house.family();
    let image = family.source_image().unwrap();
    let others: Vec<Permission> = FRIENDS
        .iter()
        .filter(|one| **one != FRIENDS[2])
        .map(|one| Permission::Target(target(one)))
        .collect();
    assert_eq!(house.cloud.launch_permissions(&east(), image), others.iter().cloned().collect());
    assert!(
        house.cloud.calls("distribute-image", "ec2:ModifyImageAttribute") <= 7,
        "few calls for one bad target"
    );
    let row = family.source().unwrap();
    assert_eq!(row.shared_with.len(), 4);
    assert_eq!(row.refused_targets.keys().collect::<Vec<_>>(), [&target(FRIENDS[2])]);
    let status = house.status(&instance);
    assert!(
        status.contains("not shared with 444444444444: InvalidAMIAttributeItemValue"),
        "{status}"
    );
    let tree = amiline_domain::lineage::tree(&family);
    assert!(
        tree.contains("shared with 222222222222, 333333333333, 555555555555, 666666666666"),
        "{tree}"
    );
    assert!(tree.contains("not shared with 444444444444"), "{tree}");
    assert_eq!(house.cloud.notices_of("share-failed"), 1);
}

#[test]
fn the_refused_target_is_shared_with_by_a_retry_once_it_is_open_again() {
    let house = house();
    house.pressed("friends");
    house.live(15);
    house.cloud.reopen(&target(FRIENDS[2]));
    block_on(retry(&house.cloud.as_caller("operator"), &house.family().id)).unwrap();
    house.live(15);
    assert_eq!(house.family().outcome, Some(Outcome::Complete));
    let image = house.family().source_image().cloned().unwrap();
    assert_eq!(house.cloud.launch_permissions(&east(), &image).len(), 5);
}

#[test]
fn a_denial_keeps_its_explanation_in_the_record_the_history_and_the_notice() {
    let house = House::new();
    house
        .cloud
        .inject(FaultRule::new(FaultKind::Denied).action("ec2:CopyImage").region("eu-west-1"));
    let instance = house.pressed("default");
    house.live(15);
    house.assert_at_rest(Outcome::Partial);
    let whole = denial("ec2:CopyImage");
    let scp = "with an explicit deny in a service control policy: arn:aws:organizations::222222222222:policy/";
    assert!(whole.contains(scp) && whole.len() > 1200);
    let row = house.family().rows[&ImageRole::Copy(europe())].clone();
    assert!(row.reason.unwrap().to_string().ends_with(&whole));
    let history = house.cloud.history(&house.family().id);
    for event in ["copy-failed", "family-partial"] {
        let item = history.iter().find(|item| item.event.as_str() == event).unwrap();
        assert!(item.reason.as_ref().unwrap().text().ends_with(&whole), "{event}: {item:?}");
        assert!(amiline_domain::notice::document(item).contains(&whole), "{event}");
    }
    assert!(house.status(&instance).chars().count() <= 256, "a tag has 256 characters");
    assert_eq!(house.family().rows[&ImageRole::Copy(west())].reason, None);
}
