//! Launch permissions: ModifyImageAttribute and DescribeImageAttribute.

use crate::given::{self, INTENT, available, pending, volumes};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{ImageLister, ImageSharer, PermissionReader};
use amiline_domain::family::ImageRole;
use amiline_domain::fault::Fault;
use amiline_domain::ids::ImageId;
use amiline_domain::image::ImageState;
use amiline_domain::plan::ShareStep;
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::{Launch, Volume};
use std::collections::BTreeSet;

expected! {
    "aws-behaviour.md#a-pending-image-cannot-be-shared" { a_pending_image_cannot_be_shared_yet }
    "aws-behaviour.md#images-under-the-aws-managed-key-cannot-be-shared" {
        an_image_under_a_customer_key_can_be_shared,
        an_image_without_encryption_can_be_shared,
        an_image_under_the_key_that_aws_manages_cannot_be_shared,
    }
    "aws-behaviour.md#launch-permissions" {
        sharing_again_changes_nothing,
        another_share_keeps_the_ones_before,
        an_account_an_organization_and_a_unit_of_another_are_added_by_one_call,
        an_image_that_does_not_exist_is_not_shared,
    }
    "aws-behaviour.md#where-launch-permissions-are-shown" {
        whoever_has_a_launch_permission_is_shown,
        what_was_disabled_is_shown_without_launch_permissions,
        launch_permissions_of_what_is_not_ours_or_not_there_are_not_shown,
    }
    "aws-behaviour.md#where-launch-permissions-are-shown" { a_public_image_is_shown_and_found_as_such }
    "EC2, DescribeTags" { images_are_found_by_the_key_of_a_tag_in_their_region }
    "aws-behaviour.md#disabling-removes-launch-permissions" {
        disabling_an_image_takes_its_shares_away,
        enabling_an_image_does_not_give_its_shares_back,
    }
    "aws-behaviour.md#one-bad-target-refuses-the-whole-call" { one_bad_target_refuses_the_whole_call }
    "aws-behaviour.md#a-pending-image-cannot-be-shared" { an_image_that_is_not_available_is_not_shared }
    "EC2, error codes: AuthFailure" { an_image_of_another_account_is_not_shared_on }
}

fn other(lab: &impl Lab) -> ShareTarget {
    ShareTarget::Account(lab.other_account())
}

fn share(lab: &impl Lab, image: &ImageId) -> ShareStep {
    ShareStep {
        image_role: ImageRole::Source,
        region: lab.home(),
        image: image.clone(),
        targets: [other(lab)].into(),
    }
}

fn under_customer_key(lab: &impl Lab) -> Launch {
    volumes(&[Volume::Under(lab.key().to_string())])
}

async fn a_pending_image_cannot_be_shared_yet(lab: &impl Lab) {
    let image = pending(lab, &under_customer_key(lab)).await;
    let refused =
        lab.distribute_image().share_image(&share(lab, &image)).await.expect_err("it is pending");
    assert_eq!((refused.code.as_str(), refused.fault), ("InvalidAMIID.Unavailable", Fault::Later));
}

async fn an_image_under_a_customer_key_can_be_shared(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    assert_eq!(lab.shared_with(&lab.home(), &image).await, []);
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    assert_eq!(lab.shared_with(&lab.home(), &image).await, [other(lab)]);
}

async fn sharing_again_changes_nothing(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    for _ in 0..2 {
        lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    }
    assert_eq!(lab.shared_with(&lab.home(), &image).await, [other(lab)]);
}

async fn another_share_keeps_the_ones_before(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    let third = ShareTarget::Account(given::account_id(333_333));
    let more = ShareStep { targets: [third.clone()].into(), ..share(lab, &image) };
    lab.distribute_image().share_image(&more).await.expect("another share");
    let mut shared = lab.shared_with(&lab.home(), &image).await;
    shared.sort();
    assert_eq!(shared, [third, other(lab)]);
}

async fn an_account_an_organization_and_a_unit_of_another_are_added_by_one_call(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    let organization = "arn:aws:organizations::123456789012:organization/o-123example";
    let unit = "arn:aws:organizations::210987654321:ou/o-another111/ou-ab12-11111111";
    let targets =
        BTreeSet::from([other(lab), organization.parse().unwrap(), unit.parse().unwrap()]);
    let everybody = ShareStep { targets: targets.clone(), ..share(lab, &image) };
    for _ in 0..2 {
        lab.distribute_image().share_image(&everybody).await.expect("a share");
        let shared = lab.shared_with(&lab.home(), &image).await;
        assert_eq!((shared.len(), BTreeSet::from_iter(shared)), (3, targets.clone()));
    }
}

async fn an_image_under_the_key_that_aws_manages_cannot_be_shared(lab: &impl Lab) {
    let image =
        available(lab, &volumes(&[Volume::Under(lab.key().to_string()), Volume::AwsManaged])).await;
    let refused = lab
        .distribute_image()
        .share_image(&share(lab, &image))
        .await
        .expect_err("one snapshot stands in the way");
    assert_eq!(refused.fault, Fault::Reject, "{refused}");
    assert!(lab.shared_with(&lab.home(), &image).await.is_empty());
}

async fn one_bad_target_refuses_the_whole_call(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    let closed = ShareTarget::Account(given::account_id(444_444));
    lab.close(&closed).await;
    let both = ShareStep { targets: [other(lab), closed].into(), ..share(lab, &image) };
    let refused =
        lab.distribute_image().share_image(&both).await.expect_err("one of them is closed");
    assert_eq!(
        (refused.code.as_str(), refused.fault),
        ("InvalidAMIAttributeItemValue", Fault::Reject)
    );
    assert_eq!(lab.shared_with(&lab.home(), &image).await, [], "the other did not get it either");
    lab.distribute_image()
        .share_image(&share(lab, &image))
        .await
        .expect("a share with the other alone");
}

async fn an_image_that_does_not_exist_is_not_shared(lab: &impl Lab) {
    let nobody = given::image_id(lab.number());
    let refused =
        lab.distribute_image().share_image(&share(lab, &nobody)).await.expect_err("no image");
    assert_eq!(refused.code, "InvalidAMIID.NotFound");
}

async fn disabling_an_image_takes_its_shares_away(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    lab.disable(&lab.home(), &image).await;
    assert_eq!(lab.shared_with(&lab.home(), &image).await, []);
}

async fn an_image_without_encryption_can_be_shared(lab: &impl Lab) {
    let image = available(lab, &Launch::default()).await;
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    assert_eq!(lab.shared_with(&lab.home(), &image).await, [other(lab)]);
}

async fn enabling_an_image_does_not_give_its_shares_back(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    lab.disable(&lab.home(), &image).await;
    lab.enable(&lab.home(), &image).await;
    assert_eq!(given::seen(lab, &lab.home(), &image).await.state, ImageState::Available);
    assert_eq!(lab.shared_with(&lab.home(), &image).await, []);
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
}

/// "... or is not in a state from which you can ... modify attributes."
async fn an_image_that_is_not_available_is_not_shared(lab: &impl Lab) {
    let failed = pending(lab, &Launch::default()).await;
    lab.fail(&lab.home(), &failed, "something went wrong").await;
    let disabled = available(lab, &Launch::default()).await;
    lab.disable(&lab.home(), &disabled).await;
    let deregistered = available(lab, &Launch::default()).await;
    lab.deregister(&lab.home(), &deregistered).await;
    for image in [failed, disabled, deregistered] {
        let refused = lab
            .distribute_image()
            .share_image(&share(lab, &image))
            .await
            .expect_err("not available");
        assert_eq!(
            (refused.code.as_str(), refused.fault),
            ("InvalidAMIID.Unavailable", Fault::Later)
        );
    }
}

async fn an_image_of_another_account_is_not_shared_on(lab: &impl Lab) {
    let image = lab.image_of_another_account(&format!("theirs {}", lab.number()), &[].into()).await;
    let refused =
        lab.distribute_image().share_image(&share(lab, &image)).await.expect_err("it is not ours");
    assert_eq!((refused.code.as_str(), refused.fault), ("AuthFailure", Fault::NeedsPerson));
}

async fn whoever_has_a_launch_permission_is_shown(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    let distribute = lab.distribute_image();
    assert_eq!(distribute.launch_permissions(&lab.home(), &image).await, Ok(BTreeSet::new()));
    let organization = "arn:aws:organizations::123456789012:organization/o-123example";
    let unit = "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111";
    let targets =
        BTreeSet::from([other(lab), organization.parse().unwrap(), unit.parse().unwrap()]);
    distribute
        .share_image(&ShareStep { targets: targets.clone(), ..share(lab, &image) })
        .await
        .expect("a share");
    assert_eq!(lab.distribute_image().launch_permissions(&lab.home(), &image).await, Ok(targets));
}

async fn what_was_disabled_is_shown_without_launch_permissions(lab: &impl Lab) {
    let image = available(lab, &under_customer_key(lab)).await;
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    lab.disable(&lab.home(), &image).await;
    assert_eq!(
        lab.distribute_image().launch_permissions(&lab.home(), &image).await,
        Ok(BTreeSet::new())
    );
}

async fn launch_permissions_of_what_is_not_ours_or_not_there_are_not_shown(lab: &impl Lab) {
    let nobody = given::image_id(lab.number());
    let theirs =
        lab.image_of_another_account(&format!("theirs {}", lab.number()), &[].into()).await;
    for (image, code) in [(nobody, "InvalidAMIID.NotFound"), (theirs, "AuthFailure")] {
        let refused = lab
            .distribute_image()
            .launch_permissions(&lab.home(), &image)
            .await
            .expect_err("not ours");
        assert_eq!(refused.code, code);
    }
}

async fn a_public_image_is_shown_and_found_as_such(lab: &impl Lab) {
    let image = available(lab, &Launch::default()).await;
    let seen = given::seen(lab, &lab.home(), &image).await;
    let found = async || {
        lab.schedule_tick().public_images_tagged(&lab.home(), INTENT).await.expect("a list")
    };
    let ours = (image.clone(), seen.tags[INTENT].clone());
    assert!(!seen.public && !found().await.contains(&ours));
    lab.make_public(&lab.home(), &image, true).await;
    lab.distribute_image().share_image(&share(lab, &image)).await.expect("a share");
    assert!(given::seen(lab, &lab.home(), &image).await.public && found().await.contains(&ours));
    // The group is nobody whom a policy could name.
    assert_eq!(
        lab.distribute_image().launch_permissions(&lab.home(), &image).await,
        Ok([other(lab)].into())
    );
    lab.make_public(&lab.home(), &image, false).await;
    assert!(!given::seen(lab, &lab.home(), &image).await.public && !found().await.contains(&ours));
}

async fn images_are_found_by_the_key_of_a_tag_in_their_region(lab: &impl Lab) {
    let image = available(lab, &Launch::default()).await;
    let value = given::seen(lab, &lab.home(), &image).await.tags[INTENT].clone();
    let ours = (image, value);
    let tick = lab.schedule_tick();
    assert!(tick.images_tagged(&lab.home(), INTENT).await.expect("a list").contains(&ours));
    assert!(!tick.images_tagged(&lab.elsewhere(), INTENT).await.expect("a list").contains(&ours));
    assert_eq!(tick.images_tagged(&lab.home(), "nobody:has-this").await, Ok(Vec::new()));
}
