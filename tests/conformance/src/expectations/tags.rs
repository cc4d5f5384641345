//! Limits of tags, and whose tags are listed.

use crate::given::{self, create_step, launched};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{ImageCreator, InstanceReader, InstanceTagger, TagReader};
use amiline_domain::fault::Fault;
use amiline_domain::ids::InstanceId;
use amiline_domain::image::{InstanceState, ObservedInstance};
use amiline_domain::plan::TagStep;
use amiline_fakecloud::Launch;

expected! {
    "aws-behaviour.md#limits-of-tags" {
        an_instance_has_fifty_tags_at_most,
        a_tag_key_has_from_1_to_128_characters_and_is_not_reserved,
        tag_keys_are_told_apart_by_case,
    }
    "aws-behaviour.md#an-unknown-instance" { an_instance_that_does_not_exist_has_no_tags_to_change }
    "aws-behaviour.md#instance-states" {
        a_terminated_instance_still_shows_its_tags_and_takes_an_answer,
    }
    "EC2, DescribeTags: resource-type" {
        an_image_with_the_key_is_no_instance,
        an_instance_whose_tag_was_removed_is_no_longer_listed,
    }
}

async fn read(lab: &impl Lab, instance: &InstanceId) -> ObservedInstance {
    lab.create_image()
        .instance(&lab.home(), instance)
        .await
        .expect("a describe")
        .expect("an instance")
}

fn step(lab: &impl Lab, instance: &InstanceId, key: &str, value: &str) -> TagStep {
    TagStep {
        region: lab.home(),
        instance: instance.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

async fn an_instance_has_fifty_tags_at_most(lab: &impl Lab) {
    let tags = (0..50).map(|number| (format!("key-{number:02}"), "old".to_owned())).collect();
    let instance = launched(lab, &Launch { tags, ..Launch::default() }).await;
    let one_more = step(lab, &instance, "conformance:status", "new");
    let refused = lab.create_image().write_tag(&one_more).await.expect_err("51 tags");
    assert_eq!((refused.code.as_str(), refused.fault), ("TagLimitExceeded", Fault::Reject));
    lab.create_image()
        .write_tag(&step(lab, &instance, "key-49", "new"))
        .await
        .expect("it is there already");
    assert_eq!(read(lab, &instance).await.tags.len(), 50);
    lab.create_image()
        .remove_tag(&step(lab, &instance, "key-49", "new"))
        .await
        .expect("it has the value");
    lab.create_image().write_tag(&one_more).await.expect("there is room");
}

async fn a_tag_key_has_from_1_to_128_characters_and_is_not_reserved(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    let longest = "\u{1F4A5}".repeat(128);
    lab.create_image()
        .write_tag(&step(lab, &instance, &longest, "x"))
        .await
        .expect("128 characters");
    for key in [format!("{longest}x"), String::new(), "aws:mine".to_owned()] {
        let refused =
            lab.create_image().write_tag(&step(lab, &instance, &key, "x")).await.expect_err(&key);
        assert_eq!(refused.fault, Fault::Reject, "{key:?}: {refused}");
    }
    assert_eq!(read(lab, &instance).await.tags.into_keys().collect::<Vec<_>>(), [longest]);
}

async fn tag_keys_are_told_apart_by_case(lab: &impl Lab) {
    let tags = ["Name", "name"].map(|key| (key.to_owned(), "x".to_owned()));
    let instance = launched(lab, &Launch { tags: tags.into(), ..Launch::default() }).await;
    lab.create_image().remove_tag(&step(lab, &instance, "name", "x")).await.expect("no error");
    assert_eq!(read(lab, &instance).await.tags.into_keys().collect::<Vec<_>>(), ["Name"]);
}

async fn an_instance_that_does_not_exist_has_no_tags_to_change(lab: &impl Lab) {
    let step = step(lab, &given::instance_id(lab.number()), "conformance:status", "x");
    let tagger = lab.distribute_image();
    for refused in [tagger.write_tag(&step).await, tagger.remove_tag(&step).await] {
        let refused = refused.expect_err("no instance");
        assert_eq!(
            (refused.code.as_str(), refused.fault),
            ("InvalidInstanceID.NotFound", Fault::Reject)
        );
    }
}

async fn a_terminated_instance_still_shows_its_tags_and_takes_an_answer(lab: &impl Lab) {
    let key = format!("conformance:button-{}", lab.number());
    let tags = [(key.clone(), "default".to_owned())];
    let instance = launched(lab, &Launch { tags: tags.into(), ..Launch::default() }).await;
    lab.terminate(&lab.home(), &instance).await;
    assert_eq!(
        lab.schedule_tick().instances_tagged(&lab.home(), &key).await,
        Ok(vec![(instance.clone(), "default".to_owned())])
    );
    lab.create_image()
        .write_tag(&step(lab, &instance, "conformance:status", "rejected"))
        .await
        .expect("an answer");
    lab.create_image()
        .remove_tag(&step(lab, &instance, &key, "default"))
        .await
        .expect("the button springs back");
    let seen = read(lab, &instance).await;
    let answer = [("conformance:status".to_owned(), "rejected".to_owned())];
    assert_eq!((seen.state, seen.tags), (InstanceState::Terminated, answer.into()));
}

async fn an_image_with_the_key_is_no_instance(lab: &impl Lab) {
    let key = format!("conformance:button-{}", lab.number());
    let mut step = create_step(lab, &launched(lab, &Launch::default()).await);
    step.tags.insert(key.clone(), "default".to_owned());
    lab.create_image().create_image(&step).await.expect("CreateImage");
    assert_eq!(lab.schedule_tick().instances_tagged(&lab.home(), &key).await, Ok(Vec::new()));
}

async fn an_instance_whose_tag_was_removed_is_no_longer_listed(lab: &impl Lab) {
    let key = format!("conformance:button-{}", lab.number());
    let tags = [(key.clone(), "default".to_owned())];
    let instance = launched(lab, &Launch { tags: tags.into(), ..Launch::default() }).await;
    lab.create_image().remove_tag(&step(lab, &instance, &key, "default")).await.expect("no error");
    assert_eq!(lab.schedule_tick().instances_tagged(&lab.home(), &key).await, Ok(Vec::new()));
}
