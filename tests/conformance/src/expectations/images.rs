//! DescribeImages.

use crate::given::{self, INTENT, available, create_step, launched, pending, seen};
use crate::lab::{Lab, until};
use crate::suite::expected;
use amiline_app::ports::{ImageCreator, ImageReader};
use amiline_domain::image::ImageState;
use amiline_fakecloud::Launch;
use std::collections::BTreeSet;

/// One more than a page of a describe holds.
const MORE_THAN_A_PAGE: usize = 1001;

expected! {
    "aws-behaviour.md#reading" {
        ids_that_no_image_has_are_left_out,
        no_ids_are_no_images,
        images_are_found_by_tag_while_they_are_pending,
        only_the_exact_value_of_a_tag_is_found,
        images_are_found_in_their_own_region_only,
        an_id_that_is_asked_for_twice_is_shown_once,
        hundreds_of_ids_can_be_asked_for_at_once,
        images_with_a_tag_are_found_on_every_page,
    }
    "aws-behaviour.md#disabled-and-deprecated-images-in-lists" { a_disabled_image_is_shown_as_such_and_found_by_tag }
    "aws-behaviour.md#deregistering-an-image" { a_deregistered_image_disappears }
    "aws-behaviour.md#a-failed-image-and-its-snapshots" {
        a_failed_image_says_why,
        an_image_that_did_not_fail_gives_no_reason,
    }
    "ARCHITECTURE.md#invariants" {
        an_image_of_another_account_is_not_shown,
        a_name_that_another_account_uses_is_free,
    }
}

async fn ids_that_no_image_has_are_left_out(lab: &impl Lab) {
    let (first, second) =
        (pending(lab, &Launch::default()).await, available(lab, &Launch::default()).await);
    let nobody = given::image_id(lab.number());
    let asked = [first.clone(), nobody, second.clone()];
    let found = lab.create_image().images_by_id(&lab.home(), &asked).await.unwrap();
    let mut found: Vec<_> = found.into_iter().map(|image| image.id).collect();
    let mut expected = vec![first, second];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

async fn no_ids_are_no_images(lab: &impl Lab) {
    pending(lab, &Launch::default()).await;
    assert_eq!(lab.create_image().images_by_id(&lab.home(), &[]).await, Ok(Vec::new()));
}

async fn images_are_found_by_tag_while_they_are_pending(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    let found = lab
        .distribute_image()
        .images_by_tag(&step.region, INTENT, step.name.as_str())
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].id, found[0].state), (&image, ImageState::Pending));
    assert_eq!(found, [seen(lab, &step.region, &image).await], "a describe by id shows the same");
}

async fn only_the_exact_value_of_a_tag_is_found(lab: &impl Lab) {
    let mut step = create_step(lab, &launched(lab, &Launch::default()).await);
    let value = format!("{} a*b?c\\d \"e\" \u{1F4A5}", lab.number());
    step.tags.insert(INTENT.to_owned(), value.clone());
    let image = lab.create_image().create_image(&step).await.unwrap();
    let mut other = create_step(lab, &launched(lab, &Launch::default()).await);
    other.tags.insert(INTENT.to_owned(), value.replace('*', "***").replace('?', "x"));
    lab.create_image().create_image(&other).await.unwrap();
    for (asked, expected) in
        [(value.as_str(), vec![image]), (&value.to_uppercase(), vec![]), ("", vec![])]
    {
        let found = lab.create_image().images_by_tag(&step.region, INTENT, asked).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|image| image.id).collect();
        assert_eq!(found, expected, "{asked:?}");
    }
}

async fn images_are_found_in_their_own_region_only(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    let create = lab.create_image();
    assert_eq!(create.images_by_id(&lab.elsewhere(), &[image]).await, Ok(Vec::new()));
    assert_eq!(
        create.images_by_tag(&lab.elsewhere(), INTENT, step.name.as_str()).await,
        Ok(Vec::new())
    );
}

async fn a_disabled_image_is_shown_as_such_and_found_by_tag(lab: &impl Lab) {
    let image = available(lab, &Launch::default()).await;
    lab.disable(&lab.home(), &image).await;
    let seen = seen(lab, &lab.home(), &image).await;
    assert_eq!(seen.state, ImageState::Disabled);
    let found = lab
        .distribute_image()
        .images_by_tag(&lab.home(), INTENT, &seen.tags[INTENT])
        .await
        .unwrap();
    assert_eq!(found, [seen]);
}

async fn a_deregistered_image_disappears(lab: &impl Lab) {
    let image = available(lab, &Launch::default()).await;
    let tags = seen(lab, &lab.home(), &image).await.tags;
    lab.deregister(&lab.home(), &image).await;
    let create = lab.create_image();
    let gone = async || {
        let by_id = create.images_by_id(&lab.home(), std::slice::from_ref(&image)).await.unwrap();
        let by_tag = create.images_by_tag(&lab.home(), INTENT, &tags[INTENT]).await.unwrap();
        let lingering =
            by_id.iter().chain(&by_tag).all(|image| image.state == ImageState::Deregistered);
        assert!(lingering, "{by_id:?} {by_tag:?}");
        by_id.is_empty() && by_tag.is_empty()
    };
    assert!(until(lab, gone).await, "{image} is shown for ever");
}

async fn a_failed_image_says_why(lab: &impl Lab) {
    let image = pending(lab, &Launch::default()).await;
    lab.fail(&lab.home(), &image, "something went wrong").await;
    let seen = seen(lab, &lab.home(), &image).await;
    assert_eq!(seen.state, ImageState::Failed);
    assert_eq!(seen.state_reason.as_deref(), Some("something went wrong"));
}

async fn an_id_that_is_asked_for_twice_is_shown_once(lab: &impl Lab) {
    let image = pending(lab, &Launch::default()).await;
    let found =
        lab.create_image().images_by_id(&lab.home(), &[image.clone(), image]).await.unwrap();
    assert_eq!(found.len(), 1);
}

async fn hundreds_of_ids_can_be_asked_for_at_once(lab: &impl Lab) {
    let (first, last) =
        (pending(lab, &Launch::default()).await, pending(lab, &Launch::default()).await);
    let nobody = (0..450).map(|_| given::image_id(lab.number()));
    let asked: Vec<_> = [first.clone()].into_iter().chain(nobody).chain([last.clone()]).collect();
    let found = lab.create_image().images_by_id(&lab.home(), &asked).await.unwrap();
    assert_eq!(
        found.into_iter().map(|image| image.id).collect::<BTreeSet<_>>(),
        [first, last].into()
    );
}

async fn images_with_a_tag_are_found_on_every_page(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    let (mut made, value) = (BTreeSet::new(), format!("page-{}", lab.number()));
    for _ in 0..MORE_THAN_A_PAGE {
        let mut step = create_step(lab, &instance);
        step.tags.insert(INTENT.to_owned(), value.clone());
        made.insert(lab.create_image().create_image(&step).await.unwrap());
    }
    let found = lab.create_image().images_by_tag(&lab.home(), INTENT, &value).await.unwrap();
    assert_eq!(found.len(), MORE_THAN_A_PAGE);
    assert_eq!(found.into_iter().map(|image| image.id).collect::<BTreeSet<_>>(), made);
}

async fn an_image_that_did_not_fail_gives_no_reason(lab: &impl Lab) {
    let image = pending(lab, &Launch::default()).await;
    assert_eq!(seen(lab, &lab.home(), &image).await.state_reason, None);
    lab.settle(&lab.home(), &image).await;
    assert_eq!(seen(lab, &lab.home(), &image).await.state_reason, None);
}

async fn an_image_of_another_account_is_not_shown(lab: &impl Lab) {
    let value = format!("theirs {}", lab.number());
    let image =
        lab.image_of_another_account(&value, &[(INTENT.to_owned(), value.clone())].into()).await;
    let create = lab.create_image();
    assert_eq!(
        create.images_by_id(&lab.home(), &[image]).await,
        Ok(Vec::new()),
        "though it is shared with us"
    );
    assert_eq!(create.images_by_tag(&lab.home(), INTENT, &value).await, Ok(Vec::new()));
}

async fn a_name_that_another_account_uses_is_free(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    lab.image_of_another_account(step.name.as_str(), &[].into()).await;
    lab.create_image().create_image(&step).await.expect("names are unique in an account");
}
