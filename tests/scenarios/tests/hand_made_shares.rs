//! Stories about people who change by hand who may launch an image.

#![allow(
    clippy::unwrap_used,
    reason = "test code: a panic here is a failed test, with a backtrace"
)]

use amiline_app::retry::{RetryError, retry};
use amiline_domain::family::Outcome;
use amiline_domain::ids::ImageId;
use amiline_domain::lineage::tree;
use amiline_domain::plan::NothingToRetry;
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::{FaultKind, FaultRule, Permission, block_on};
use amiline_scenarios::{FRIEND, House, east, europe, west};
use std::collections::BTreeSet;

const STRANGER: &str = "999999999999";

fn of(account: &str) -> Permission {
    Permission::Target(account.parse().unwrap())
}

/// A house with one complete family, long after it ended.
fn complete(policy: &str) -> House {
    let house = House::new();
    house.pressed(policy);
    house.live(15);
    house.assert_at_rest(Outcome::Complete);
    house
}

fn copy_in_europe(house: &House) -> ImageId {
    let family = house.family();
    family
        .rows
        .values()
        .find(|row| row.region == europe())
        .and_then(|row| row.image.clone())
        .unwrap()
}

/// Every family is asked, and what follows from it is done.
fn ask(house: &House) {
    house.sweep_all_shares();
    house.live(5);
}

fn reason_of(house: &House, event: &str) -> String {
    let history = house.cloud.history(&house.family().id);
    history
        .iter()
        .rev()
        .find(|item| item.event.as_str() == event)
        .and_then(|item| item.reason.as_ref())
        .unwrap()
        .text()
}

#[test]
fn a_strangers_share_is_told_once_shown_and_left_alone() {
    let house = complete("default");
    let copy = copy_in_europe(&house);
    house.cloud.share(&europe(), &copy, of(STRANGER)).unwrap();
    let changes = house.cloud.mutations();
    for _ in 0..3 {
        ask(&house);
    }
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(house.cloud.notices_of("shared-by-others"), 1);
    let reason = reason_of(&house, "shared-by-others");
    let command = format!(
        "--region eu-west-1 --image-id {copy} --launch-permission 'Remove=[{{UserId={STRANGER}}}]'"
    );
    assert!(reason.contains(&command), "{reason}");
    let tree = tree(&house.family());
    assert!(
        tree.contains(&format!("shared with {FRIEND}, also shared by somebody with {STRANGER}")),
        "{tree}"
    );
    assert_eq!(
        house.cloud.launch_permissions(&europe(), &copy),
        BTreeSet::from([of(FRIEND), of(STRANGER)])
    );
    assert_eq!(house.cloud.mutations() - changes, 1, "the status alone");
    let why = block_on(retry(&house.cloud.as_caller("operator"), &house.family().id));
    assert!(matches!(why, Err(RetryError::Nothing(_, NothingToRetry::SharedByOthers))), "{why:?}");
    house.cloud.unshare(&europe(), &copy, &of(STRANGER));
    ask(&house);
    assert_eq!(house.cloud.notices_of("shares-in-order"), 1);
    assert!(house.family().rows.values().all(|row| row.shared_by_others.is_empty()));
}

#[test]
fn a_share_that_somebody_took_back_is_told_and_a_retry_gives_it_again() {
    let house = complete("default");
    let instance = house.family().instance;
    let copy = copy_in_europe(&house);
    house.cloud.unshare(&europe(), &copy, &of(FRIEND));
    ask(&house);
    ask(&house);
    assert_eq!(house.cloud.notices_of("share-taken-back"), 1);
    let id = house.family().id;
    assert!(
        reason_of(&house, "share-taken-back")
            .ends_with(&format!("`amiline retry {id}` shares it again"))
    );
    assert_eq!(house.family().outcome, Some(Outcome::Partial));
    let status = house.status(&instance);
    assert!(
        status.contains("eu-west-1: somebody took back the share with 222222222222"),
        "{status}"
    );
    assert!(status.ends_with(&format!("; next: amiline retry {id}")), "{status}");
    let shares = |house: &House| {
        house.family().rows.values().map(|row| row.shared_with.len()).sum::<usize>()
    };
    assert_eq!(shares(&house), 2);
    block_on(retry(&house.cloud.as_caller("operator"), &id)).unwrap();
    house.live(15);
    assert_eq!((house.family().outcome, house.cloud.due()), (Some(Outcome::Complete), vec![]));
    assert_eq!(house.cloud.launch_permissions(&europe(), &copy), BTreeSet::from([of(FRIEND)]));
    assert_eq!(
        (shares(&house), house.cloud.calls("distribute-image", "ec2:ModifyImageAttribute")),
        (3, 4)
    );
    assert!(house.status(&instance).starts_with("available "), "{}", house.status(&instance));
}

#[test]
fn a_public_image_is_told_by_the_next_sweep_whosever_turn_it_is() {
    let house = complete("plain");
    let image = house.family().source_image().cloned().unwrap();
    // A volume under a customer key cannot be public, so this one is of another instance.
    assert!(house.cloud.share(&east(), &image, Permission::Everybody).is_err());
    let house = House::new();
    let instance = house.cloud.launch(&east());
    house.cloud.press(&east(), &instance, "plain");
    house.live(15);
    let image = house.family().source_image().cloned().unwrap();
    house.cloud.share(&east(), &image, Permission::Everybody).unwrap();
    for _ in 0..3 {
        house.sweep();
        house.live(5);
    }
    assert_eq!(house.cloud.notices_of("image-made-public"), 1);
    assert!(reason_of(&house, "image-made-public").contains("'Remove=[{Group=all}]'"));
    assert!(tree(&house.family()).contains("PUBLIC"), "{}", tree(&house.family()));
    assert!(house.status(&instance).ends_with("(public)"), "{}", house.status(&instance));
    assert_eq!(
        house.cloud.launch_permissions(&east(), &image),
        BTreeSet::from([Permission::Everybody])
    );
    house.cloud.unshare(&east(), &image, &Permission::Everybody);
    ask(&house);
    assert_eq!(house.cloud.notices_of("shares-in-order"), 1);
}

#[test]
fn each_family_is_asked_once_a_day_and_a_look_that_shows_nothing_new_writes_nothing() {
    let house = complete("default");
    let asked = |house: &House| house.cloud.calls("distribute-image", "ec2:DescribeImageAttribute");
    let written =
        |house: &House| house.cloud.calls("distribute-image", "dynamodb:TransactWriteItems");
    let before = (written(&house), house.cloud.mutations(), house.family());
    let mut turns = 0;
    for _ in 0..24 {
        turns += house.sweep().asked;
        house.deliver();
        house.cloud.advance(3600);
    }
    assert_eq!((turns, asked(&house)), (1, 3), "one call an image");
    assert_eq!((written(&house), house.cloud.mutations(), house.family()), before);
    assert!(house.cloud.share(&west(), &copy_in(&house), of(STRANGER)).is_ok());
    for _ in 0..24 {
        house.sweep();
        house.live(1);
        house.cloud.advance(3540);
    }
    assert_eq!(house.cloud.notices_of("shared-by-others"), 1, "told within the day");
}

fn copy_in(house: &House) -> ImageId {
    let family = house.family();
    family.rows.values().find(|row| row.region == west()).and_then(|row| row.image.clone()).unwrap()
}

#[test]
fn a_read_that_fails_is_no_share_that_was_taken_back_and_delays_no_other() {
    let house = complete("default");
    house.cloud.share(&west(), &copy_in(&house), of(STRANGER)).unwrap();
    house.cloud.inject(
        FaultRule::new(FaultKind::Denied).action("ec2:DescribeImageAttribute").region("eu-west-1"),
    );
    house
        .cloud
        .inject(FaultRule::new(FaultKind::Denied).action("ec2:DescribeTags").region("eu-west-1"));
    ask(&house);
    assert_eq!(
        (house.cloud.notices_of("share-taken-back"), house.cloud.notices_of("shared-by-others")),
        (0, 1)
    );
    assert_eq!(house.family().outcome, Some(Outcome::Complete));
    let friend: ShareTarget = FRIEND.parse().unwrap();
    assert!(house.family().rows.values().all(|row| row.shared_with.contains(&friend)));
}

#[test]
fn nothing_is_concluded_from_a_read_that_may_be_older_than_our_own_share() {
    let house = House::new();
    house.pressed("default");
    house.live(4);
    house.cloud.set_image_lag(&east(), 200);
    house.live(2);
    house.sweep_all_shares();
    house.live(9);
    assert_eq!(house.cloud.notices_of("share-taken-back"), 0);
    house.assert_at_rest(Outcome::Complete);
}
