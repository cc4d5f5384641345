//! What EC2 announces: which changes, and what an event says.

use crate::given::{available, copy_step, create_step, launched, pending, under};
use crate::lab::{Lab, until};
use crate::suite::expected;
use amiline_app::ports::{ImageCopier, ImageCreator, ImageSharer, InstanceTagger};
use amiline_domain::family::ImageRole;
use amiline_domain::ids::{ImageId, InstanceId, KeyAlias, Region};
use amiline_domain::plan::{CopyStep, ShareStep, TagStep};
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::Launch;
use serde_json::{Value, json};

expected! {
    "aws-behaviour.md#ami-state-change-events" {
        a_pending_image_is_not_announced,
        an_available_image_is_announced_in_its_own_region,
        a_failed_image_is_announced_with_the_reason,
        a_copy_whose_key_is_missing_is_announced_as_failed,
        disabling_enabling_and_deregistering_are_announced,
        sharing_is_not_announced,
        a_pending_image_that_is_deregistered_is_never_announced_as_available,
    }
    "aws-behaviour.md#tag-change-events" {
        a_changed_tag_is_announced_with_all_tags_after_the_change,
        a_tag_that_does_not_change_is_not_announced,
    }
    "aws-behaviour.md#tags-given-at-creation-send-no-event" { tags_given_at_creation_are_not_announced }
}

/// Checks what every event of an image says, and gives state and error message of each.
async fn states(lab: &impl Lab, region: &Region, image: &ImageId) -> Vec<(String, String)> {
    let mut states = Vec::new();
    for event in lab.announced(image.as_str()).await {
        let detail = event["detail"].as_object().expect("a detail");
        assert_eq!(
            detail.keys().collect::<Vec<_>>(),
            ["ErrorMessage", "ImageId", "RequestId", "State"]
        );
        assert!(detail["RequestId"].as_str().is_some_and(|id| !id.is_empty()), "{event}");
        assert_eq!(detail["ImageId"], image.as_str());
        let expected = json!({
            "detail-type": "EC2 AMI State Change",
            "source": "aws.ec2",
            "account": lab.account(),
            "region": region,
            "resources": [format!("arn:aws:ec2:{region}::image/{image}")],
            "detail": detail,
        });
        assert_eq!(event, expected);
        let text = |name: &str| detail[name].as_str().expect("a text").to_owned();
        states.push((text("State"), text("ErrorMessage")));
    }
    states
}

fn quiet(states: &[&str]) -> Vec<(String, String)> {
    states.iter().map(|state| ((*state).to_owned(), String::new())).collect()
}

async fn a_pending_image_is_not_announced(lab: &impl Lab) {
    let image = pending(lab, &Launch::default()).await;
    assert_eq!(states(lab, &lab.home(), &image).await, []);
}

async fn an_available_image_is_announced_in_its_own_region(lab: &impl Lab) {
    let image = available(lab, &Launch::default()).await;
    assert_eq!(states(lab, &lab.home(), &image).await, quiet(&["available"]));
    let step = copy_step(lab, &image);
    let copy = lab.distribute_image().copy_image(&step).await.expect("CopyImage");
    assert_eq!(states(lab, &step.destination, &copy).await, []);
    lab.settle(&step.destination, &copy).await;
    assert_eq!(states(lab, &step.destination, &copy).await, quiet(&["available"]));
    assert_eq!(states(lab, &lab.home(), &image).await.len(), 1, "its source does nothing");
}

async fn a_failed_image_is_announced_with_the_reason(lab: &impl Lab) {
    let image = pending(lab, &Launch::default()).await;
    lab.fail(&lab.home(), &image, "something \"went\" wrong").await;
    let expected = [("failed".to_owned(), "something \"went\" wrong".to_owned())];
    assert_eq!(states(lab, &lab.home(), &image).await, expected);
}

async fn a_copy_whose_key_is_missing_is_announced_as_failed(lab: &impl Lab) {
    let missing = KeyAlias::new(format!("alias/missing-{}", lab.number())).unwrap();
    let step = CopyStep {
        kms_key: Some(missing),
        ..copy_step(lab, &available(lab, &Launch::default()).await)
    };
    let copy = lab.distribute_image().copy_image(&step).await.expect("CopyImage");
    lab.settle(&step.destination, &copy).await;
    let [(state, why)] = &states(lab, &step.destination, &copy).await[..] else {
        panic!("one event")
    };
    assert!(state == "failed" && why.contains("Given key ID is not accessible"), "{state}: {why}");
}

async fn disabling_enabling_and_deregistering_are_announced(lab: &impl Lab) {
    let (image, home) = (available(lab, &Launch::default()).await, lab.home());
    lab.disable(&home, &image).await;
    lab.enable(&home, &image).await;
    lab.deregister(&home, &image).await;
    let expected = quiet(&["available", "disabled", "available", "deregistered"]);
    assert_eq!(states(lab, &home, &image).await, expected);
}

async fn sharing_is_not_announced(lab: &impl Lab) {
    let image = available(lab, &under(&lab.key())).await;
    let targets = [ShareTarget::Account(lab.other_account())].into();
    let step = ShareStep {
        image_role: ImageRole::Source,
        region: lab.home(),
        image: image.clone(),
        targets,
    };
    lab.distribute_image().share_image(&step).await.expect("a share");
    assert_eq!(states(lab, &lab.home(), &image).await, quiet(&["available"]));
}

async fn a_pending_image_that_is_deregistered_is_never_announced_as_available(lab: &impl Lab) {
    lab.let_images_take(Some(1)).await;
    let image = pending(lab, &Launch::default()).await;
    lab.deregister(&lab.home(), &image).await;
    let later = pending(lab, &Launch::default()).await;
    let passed = until(lab, async || !states(lab, &lab.home(), &later).await.is_empty()).await;
    lab.let_images_take(None).await;
    assert!(passed, "a later image is available");
    assert_eq!(states(lab, &lab.home(), &image).await, quiet(&["deregistered"]));
}

fn tag(lab: &impl Lab, instance: &InstanceId, key: &str, value: &str) -> TagStep {
    TagStep {
        region: lab.home(),
        instance: instance.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

async fn a_changed_tag_is_announced_with_all_tags_after_the_change(lab: &impl Lab) {
    let tags = [("Name".to_owned(), "web \u{1F4A5}".to_owned())];
    let instance = launched(lab, &Launch { tags: tags.into(), ..Launch::default() }).await;
    let create = lab.create_image();
    create.write_tag(&tag(lab, &instance, "conformance:image", "default")).await.unwrap();
    create.write_tag(&tag(lab, &instance, "conformance:image", "nightly")).await.unwrap();
    create.remove_tag(&tag(lab, &instance, "conformance:image", "nightly")).await.unwrap();
    let event = |version: u64, tags: Value| {
        json!({
            "detail-type": "Tag Change on Resource",
            "source": "aws.tag",
            "account": lab.account(),
            "region": lab.home(),
            "resources": [format!("arn:aws:ec2:{}:{}:instance/{instance}", lab.home(), lab.account())],
            "detail": {
                "changed-tag-keys": ["conformance:image"],
                "tags": tags,
                "service": "ec2",
                "resource-type": "instance",
                "version": version,
            },
        })
    };
    let name = "web \u{1F4A5}";
    let expected = [
        event(1, json!({"Name": name, "conformance:image": "default"})),
        event(2, json!({"Name": name, "conformance:image": "nightly"})),
        event(3, json!({"Name": name})),
    ];
    assert_eq!(lab.announced(instance.as_str()).await, expected);
}

async fn a_tag_that_does_not_change_is_not_announced(lab: &impl Lab) {
    let tags = [("conformance:image".to_owned(), "default".to_owned())];
    let instance = launched(lab, &Launch { tags: tags.into(), ..Launch::default() }).await;
    let create = lab.create_image();
    create.write_tag(&tag(lab, &instance, "conformance:image", "default")).await.expect("no error");
    create
        .remove_tag(&tag(lab, &instance, "conformance:image", "nightly"))
        .await
        .expect("no error");
    create
        .remove_tag(&tag(lab, &instance, "conformance:status", "default"))
        .await
        .expect("no error");
    assert_eq!(lab.announced(instance.as_str()).await, Vec::<Value>::new());
}

async fn tags_given_at_creation_are_not_announced(lab: &impl Lab) {
    let tags = [("conformance:image".to_owned(), "default".to_owned())];
    let instance = launched(lab, &Launch { tags: tags.into(), ..Launch::default() }).await;
    let image =
        lab.create_image().create_image(&create_step(lab, &instance)).await.expect("CreateImage");
    for about in [instance.as_str(), image.as_str()] {
        assert_eq!(lab.announced(about).await, Vec::<Value>::new(), "{about}");
    }
}
