//! Instances and their tags.

use crate::given::{self, launched};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{InstanceReader, InstanceTagger, TagReader};
use amiline_domain::fault::Fault;
use amiline_domain::ids::{DeviceName, InstanceId};
use amiline_domain::image::{InstanceState, ObservedInstance, RootDevice};
use amiline_domain::plan::TagStep;
use amiline_fakecloud::{Launch, Volume};
use std::collections::{BTreeMap, BTreeSet};

/// One more than a page of a describe holds.
const MORE_THAN_A_PAGE: usize = 1001;

expected! {
    "aws-behaviour.md#an-unknown-instance" { an_instance_that_does_not_exist_is_none }
    "aws-behaviour.md#instance-states" { a_terminated_instance_is_shown_as_gone }
    "aws-behaviour.md#createimage-needs-an-ebs-root-device" { an_instance_shows_what_its_root_is }
    "aws-behaviour.md#limits-of-tags" {
        an_instance_shows_its_tags,
        an_instance_shows_its_devices_and_which_of_them_is_the_root,
        a_tag_is_written_and_shown,
        a_tag_that_is_written_again_has_the_new_value,
        a_tag_is_removed_only_if_it_has_the_value,
        removing_a_tag_that_is_not_there_changes_nothing,
        a_tag_of_256_characters_of_any_kind_is_shown_as_it_was_written,
        a_tag_that_is_too_long_is_refused_for_good,
    }
    "aws-behaviour.md#pages-of-ec2-lists" {
        tagged_instances_are_found_on_every_page,
        instances_are_found_by_the_exact_key_and_in_their_region_only,
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

fn tagged(tags: &[(&str, &str)]) -> Launch {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Launch { tags: tags.collect(), ..Launch::default() }
}

async fn an_instance_that_does_not_exist_is_none(lab: &impl Lab) {
    let nobody = given::instance_id(lab.number());
    assert_eq!(lab.create_image().instance(&lab.home(), &nobody).await, Ok(None));
    let elsewhere = launched(lab, &Launch::default()).await;
    assert_eq!(
        lab.create_image().instance(&lab.elsewhere(), &elsewhere).await,
        Ok(None),
        "it is at home"
    );
}

async fn an_instance_shows_its_tags(lab: &impl Lab) {
    let instance = launched(lab, &tagged(&[("Name", "web"), ("conformance:a", "")])).await;
    let expected = ObservedInstance {
        id: instance.clone(),
        region: lab.home(),
        state: InstanceState::Running,
        hibernation: false,
        root_device: RootDevice::Ebs,
        root_name: DeviceName::new("/dev/xvda").ok(),
        devices: [DeviceName::new("/dev/xvda").unwrap()].into(),
        tags: tagged(&[("Name", "web"), ("conformance:a", "")]).tags,
    };
    assert_eq!(read(lab, &instance).await, expected);
}

async fn an_instance_shows_its_devices_and_which_of_them_is_the_root(lab: &impl Lab) {
    let instance = launched(lab, &given::volumes(&[Volume::Plain, Volume::AwsManaged])).await;
    let seen = read(lab, &instance).await;
    let names: Vec<&str> = seen.devices.iter().map(DeviceName::as_str).collect();
    assert_eq!(
        (seen.root_name.as_ref().map(DeviceName::as_str), names),
        (Some("/dev/xvda"), vec!["/dev/sdb", "/dev/xvda"])
    );
}

async fn a_terminated_instance_is_shown_as_gone(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    lab.terminate(&lab.home(), &instance).await;
    assert_eq!(read(lab, &instance).await.state, InstanceState::Terminated);
}

async fn an_instance_shows_what_its_root_is(lab: &impl Lab) {
    let launch =
        Launch { root_device: RootDevice::InstanceStore, volumes: Vec::new(), ..Launch::default() };
    let instance = launched(lab, &launch).await;
    assert_eq!(read(lab, &instance).await.root_device, RootDevice::InstanceStore);
}

async fn a_tag_is_written_and_shown(lab: &impl Lab) {
    let instance = launched(lab, &tagged(&[("Name", "web")])).await;
    lab.create_image()
        .write_tag(&step(lab, &instance, "conformance:status", "complete: 3 images"))
        .await
        .unwrap();
    let expected = tagged(&[("Name", "web"), ("conformance:status", "complete: 3 images")]).tags;
    assert_eq!(read(lab, &instance).await.tags, expected);
}

async fn a_tag_that_is_written_again_has_the_new_value(lab: &impl Lab) {
    let instance = launched(lab, &tagged(&[("conformance:status", "old")])).await;
    for value in ["new", "new"] {
        lab.distribute_image()
            .write_tag(&step(lab, &instance, "conformance:status", value))
            .await
            .unwrap();
    }
    assert_eq!(read(lab, &instance).await.tags, tagged(&[("conformance:status", "new")]).tags);
}

async fn a_tag_is_removed_only_if_it_has_the_value(lab: &impl Lab) {
    let launch = tagged(&[("conformance:image", "default"), ("Name", "default")]);
    let instance = launched(lab, &launch).await;
    for other in ["nightly", "Default", "default ", "def*"] {
        lab.create_image()
            .remove_tag(&step(lab, &instance, "conformance:image", other))
            .await
            .expect("no error");
        assert_eq!(read(lab, &instance).await.tags, launch.tags, "{other:?}");
    }
    lab.create_image()
        .remove_tag(&step(lab, &instance, "conformance:image", "default"))
        .await
        .unwrap();
    assert_eq!(read(lab, &instance).await.tags, tagged(&[("Name", "default")]).tags);
}

async fn removing_a_tag_that_is_not_there_changes_nothing(lab: &impl Lab) {
    let launch = tagged(&[("Name", "web")]);
    let instance = launched(lab, &launch).await;
    lab.distribute_image()
        .remove_tag(&step(lab, &instance, "conformance:image", "default"))
        .await
        .expect("no error");
    assert_eq!(read(lab, &instance).await.tags, launch.tags);
}

async fn a_tag_of_256_characters_of_any_kind_is_shown_as_it_was_written(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    let hostile =
        ["\u{1F4A5}".repeat(256), "a\nb\t\"c\" <d> &amp; 'e' \\ %20 + ".to_owned() + "\u{e9}"];
    for value in hostile {
        lab.create_image()
            .write_tag(&step(lab, &instance, "conformance:image", &value))
            .await
            .unwrap();
        assert_eq!(
            read(lab, &instance).await.tags,
            BTreeMap::from([("conformance:image".to_owned(), value)])
        );
    }
}

async fn a_tag_that_is_too_long_is_refused_for_good(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    let long = step(lab, &instance, "conformance:status", &"x".repeat(257));
    let refused = lab.create_image().write_tag(&long).await.expect_err("257 characters");
    assert_eq!(refused.fault, Fault::Reject, "{refused}");
    assert!(read(lab, &instance).await.tags.is_empty());
}

async fn tagged_instances_are_found_on_every_page(lab: &impl Lab) {
    let key = format!("conformance:page-{}", lab.number());
    let instances = lab.launch(&lab.home(), &tagged(&[(&key, "x")]), MORE_THAN_A_PAGE).await;
    let found = lab.schedule_tick().instances_tagged(&lab.home(), &key).await.unwrap();
    assert_eq!(found.len(), MORE_THAN_A_PAGE);
    assert!(found.iter().all(|(_, value)| value == "x"));
    assert_eq!(
        BTreeSet::from_iter(found.into_iter().map(|(id, _)| id)),
        BTreeSet::from_iter(instances)
    );
}

async fn instances_are_found_by_the_exact_key_and_in_their_region_only(lab: &impl Lab) {
    let key = format!("conformance:button-{}", lab.number());
    let pressed = launched(lab, &tagged(&[(&key, "default")])).await;
    launched(lab, &tagged(&[(&format!("{key}-2"), "default"), ("Name", &key)])).await;
    let elsewhere = lab.launch(&lab.elsewhere(), &tagged(&[(&key, "")]), 1).await;
    let tick = lab.schedule_tick();
    assert_eq!(
        tick.instances_tagged(&lab.home(), &key).await,
        Ok(vec![(pressed, "default".to_owned())])
    );
    assert_eq!(
        tick.instances_tagged(&lab.elsewhere(), &key).await,
        Ok(elsewhere.into_iter().map(|id| (id, String::new())).collect())
    );
}
