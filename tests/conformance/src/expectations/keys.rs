//! Keys of snapshots, and keys that do not work.

use crate::given::{self, available, copied, copy_step, launched, pending, seen, volumes};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{ImageCopier, ImageCreator, KeyReader};
use amiline_domain::ids::{KeyAlias, SnapshotId};
use amiline_domain::image::{ImageState, ObservedImage};
use amiline_domain::plan::CopyStep;
use amiline_fakecloud::{Launch, Volume};

expected! {
    "aws-behaviour.md#the-key-of-a-copy-is-checked-later" {
        a_copy_under_a_disabled_key_is_accepted_and_then_fails,
        a_copy_whose_key_is_disabled_meanwhile_fails,
        a_copy_under_a_key_of_another_region_fails,
        a_copy_of_an_image_under_a_disabled_key_fails,
    }
    "aws-behaviour.md#a-failed-image-and-its-snapshots" { an_image_of_a_volume_under_a_disabled_key_fails }
    "KMS, DescribeKey" {
        an_alias_names_a_key_of_its_own_in_each_region,
        a_disabled_key_is_still_named_by_its_alias,
    }
    "EC2, DescribeSnapshots" {
        keys_come_in_the_order_of_the_snapshots,
        a_snapshot_that_does_not_exist_makes_it_an_error,
        no_snapshots_have_no_keys,
    }
    "aws-behaviour.md#deregistering-an-image" { snapshots_outlive_their_image }
}

fn not_accessible(image: &ObservedImage) {
    let why = image.state_reason.as_deref().unwrap_or_default();
    assert!(
        image.state == ImageState::Failed && why.contains("Given key ID is not accessible"),
        "{image:?}"
    );
}

async fn a_copy_under_a_disabled_key_is_accepted_and_then_fails(lab: &impl Lab) {
    let (source, key) = (available(lab, &Launch::default()).await, lab.make_key().await);
    lab.let_key_work(&lab.elsewhere(), &key, false).await;
    not_accessible(&copied(lab, &CopyStep { kms_key: Some(key), ..copy_step(lab, &source) }).await);
}

async fn a_copy_whose_key_is_disabled_meanwhile_fails(lab: &impl Lab) {
    let (source, key) = (available(lab, &Launch::default()).await, lab.make_key().await);
    let step = CopyStep { kms_key: Some(key.clone()), ..copy_step(lab, &source) };
    let copy = lab.distribute_image().copy_image(&step).await.expect("CopyImage");
    lab.let_key_work(&lab.elsewhere(), &key, false).await;
    lab.settle(&step.destination, &copy).await;
    not_accessible(&seen(lab, &step.destination, &copy).await);
}

async fn a_copy_under_a_key_of_another_region_fails(lab: &impl Lab) {
    let (source, key) = (available(lab, &Launch::default()).await, lab.make_key().await);
    lab.let_key_work(&lab.home(), &key, false).await;
    let step = CopyStep { kms_key: Some(key), ..copy_step(lab, &source) };
    assert_eq!(copied(lab, &step).await.state, ImageState::Available, "the destination's is meant");
    not_accessible(
        &copied(
            lab,
            &CopyStep { destination: lab.home(), kms_key: step.kms_key, ..copy_step(lab, &source) },
        )
        .await,
    );
}

async fn a_copy_of_an_image_under_a_disabled_key_fails(lab: &impl Lab) {
    let key = lab.make_key().await;
    let source = available(lab, &volumes(&[Volume::Plain, Volume::Under(key.to_string())])).await;
    lab.let_key_work(&lab.home(), &key, false).await;
    not_accessible(
        &copied(lab, &CopyStep { kms_key: Some(lab.key()), ..copy_step(lab, &source) }).await,
    );
    lab.let_key_work(&lab.home(), &key, true).await;
    let again =
        copied(lab, &CopyStep { kms_key: Some(lab.key()), ..copy_step(lab, &source) }).await;
    assert_eq!(again.state, ImageState::Available);
}

async fn an_image_of_a_volume_under_a_disabled_key_fails(lab: &impl Lab) {
    let key = lab.make_key().await;
    let instance = launched(lab, &volumes(&[Volume::Under(key.to_string())])).await;
    lab.let_key_work(&lab.home(), &key, false).await;
    let step = given::create_step(lab, &instance);
    let image = lab.create_image().create_image(&step).await.expect("CreateImage");
    lab.settle(&lab.home(), &image).await;
    not_accessible(&seen(lab, &lab.home(), &image).await);
}

async fn an_alias_names_a_key_of_its_own_in_each_region(lab: &impl Lab) {
    let named = async |region| {
        lab.distribute_image().snapshot_keys(&region, &[], &lab.key()).await.unwrap().wanted
    };
    let (here, there) = (named(lab.home()).await, named(lab.elsewhere()).await);
    let in_region = |key: &Option<String>, region| {
        key.as_ref().is_some_and(|arn| arn.contains(&format!(":{region}:")))
    };
    assert!(
        in_region(&here, lab.home()) && in_region(&there, lab.elsewhere()),
        "{here:?} {there:?}"
    );
}

async fn a_disabled_key_is_still_named_by_its_alias(lab: &impl Lab) {
    let key = lab.make_key().await;
    let named =
        async || lab.distribute_image().snapshot_keys(&lab.home(), &[], &key).await.unwrap().wanted;
    let before = named().await;
    lab.let_key_work(&lab.home(), &key, false).await;
    assert!(before.is_some() && named().await == before, "{before:?}");
}

async fn keys_come_in_the_order_of_the_snapshots(lab: &impl Lab) {
    let image =
        available(lab, &volumes(&[Volume::Plain, Volume::Under(lab.key().to_string())])).await;
    let mut snapshots = seen(lab, &lab.home(), &image).await.snapshots;
    let read = async |snapshots: &[SnapshotId]| {
        lab.distribute_image().snapshot_keys(&lab.home(), snapshots, &lab.key()).await.unwrap()
    };
    let (mut keys, wanted) = {
        let read = read(&snapshots).await;
        (read.keys, read.wanted)
    };
    assert!(keys.contains(&None) && keys.contains(&wanted) && wanted.is_some(), "{keys:?}");
    snapshots.reverse();
    keys.reverse();
    assert_eq!(read(&snapshots).await.keys, keys);
}

async fn a_snapshot_that_does_not_exist_makes_it_an_error(lab: &impl Lab) {
    let mut snapshots =
        seen(lab, &lab.home(), &available(lab, &Launch::default()).await).await.snapshots;
    snapshots.push(SnapshotId::new(format!("snap-{:08x}", lab.number())).unwrap());
    let refused = lab.distribute_image().snapshot_keys(&lab.home(), &snapshots, &lab.key()).await;
    assert_eq!(refused.expect_err("one is missing").code, "InvalidSnapshot.NotFound");
}

async fn no_snapshots_have_no_keys(lab: &impl Lab) {
    pending(lab, &Launch::default()).await;
    let missing = KeyAlias::new(format!("alias/missing-{}", lab.number())).unwrap();
    let found = lab.distribute_image().snapshot_keys(&lab.home(), &[], &missing).await.unwrap();
    assert!(found.keys.is_empty() && found.wanted.is_none(), "{found:?}");
}

async fn snapshots_outlive_their_image(lab: &impl Lab) {
    let image = available(lab, &volumes(&[Volume::Under(lab.key().to_string())])).await;
    let snapshots = seen(lab, &lab.home(), &image).await.snapshots;
    lab.deregister(&lab.home(), &image).await;
    let keys =
        lab.distribute_image().snapshot_keys(&lab.home(), &snapshots, &lab.key()).await.unwrap();
    assert!(keys.all_as_wanted(), "{keys:?}");
}
