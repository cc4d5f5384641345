//! CreateImage and what reads show of it.

use crate::{cloud, copy, create, east, tags, west};
use amiline_app::ports::{
    ImageCopier, ImageCreator, ImageReader, InstanceReader, InstanceTagger, TagReader,
};
use amiline_domain::fault::{Fault, owner_of_name};
use amiline_domain::ids::DeviceName;
use amiline_domain::image::{ImageState, InstanceState, RootDevice};
use amiline_domain::making::Treatment;
use amiline_domain::plan::{CreateStep, TagStep};
use amiline_fakecloud::{Dark, Forged, Launch, Volume, block_on};

#[test]
fn an_image_is_pending_then_available_and_tagged_from_the_first_moment() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("create-image");
    let image = block_on(world.create_image(&create(&instance, "one"))).unwrap();
    assert_eq!(cloud.image(&east(), &image).state, ImageState::Pending);
    cloud.advance(59);
    let seen = block_on(world.images_by_id(&east(), std::slice::from_ref(&image))).unwrap();
    assert_eq!(seen[0].state, ImageState::Pending);
    cloud.advance(1);
    let seen = block_on(world.images_by_tag(&east(), "amiline:intent", "one")).unwrap();
    assert_eq!(
        (seen[0].state, &seen[0].source_instance),
        (ImageState::Available, &Some(instance.clone()))
    );
    assert_eq!(cloud.untagged(), Vec::<String>::new());
    assert!(
        cloud
            .snapshots(&east())
            .iter()
            .all(|snapshot| snapshot.tags.contains_key("amiline:intent"))
    );
    assert_eq!(cloud.instance_now(&east(), &instance).reboots, 0);
}

#[test]
fn a_second_image_of_a_name_is_refused_with_the_id_of_the_holder() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("create-image");
    let first = block_on(world.create_image(&create(&instance, "one"))).unwrap();
    cloud.advance(20);
    let error = block_on(world.create_image(&create(&instance, "one"))).unwrap_err();
    assert_eq!(error.code, "InvalidAMIName.Duplicate");
    assert_eq!(owner_of_name(&error.message), Some(first.clone()));
    cloud.advance(60);
    cloud.deregister(&east(), &first);
    assert!(
        block_on(world.create_image(&create(&instance, "one"))).is_err(),
        "the name is held a little longer"
    );
    cloud.advance(60);
    assert!(block_on(world.create_image(&create(&instance, "one"))).is_ok());
}

#[test]
fn without_unique_names_the_same_call_twice_makes_two_images() {
    let cloud = cloud();
    cloud.set_lax_names(true);
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("create-image");
    block_on(world.create_image(&create(&instance, "one"))).unwrap();
    cloud.advance(20);
    block_on(world.create_image(&create(&instance, "one"))).unwrap();
    assert_eq!(cloud.images_created_for(&instance).len(), 2);
}

#[test]
fn two_images_of_one_instance_need_fifteen_seconds_between_them() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("create-image");
    block_on(world.create_image(&create(&instance, "one"))).unwrap();
    let error = block_on(world.create_image(&create(&instance, "two"))).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.fault),
        ("SnapshotCreationPerVolumeRateExceeded", Fault::Later)
    );
    cloud.advance(15);
    assert!(block_on(world.create_image(&create(&instance, "two"))).is_ok());
}

#[test]
fn an_instance_that_cannot_be_imaged_is_refused() {
    let cloud = cloud();
    let store = Launch { root_device: RootDevice::InstanceStore, ..Launch::default() };
    let store = cloud.launch_with(&east(), store);
    let gone = cloud.launch(&east());
    cloud.terminate(&east(), &gone);
    let world = cloud.as_caller("create-image");
    let code = |instance| block_on(world.create_image(&create(instance, "one"))).unwrap_err().code;
    assert_eq!(code(&store), "NonEBSInstance");
    assert_eq!(code(&gone), "IncorrectInstanceState");
    assert_eq!(
        block_on(world.instance(&east(), &gone)).unwrap().unwrap().state,
        InstanceState::Terminated
    );
    cloud.advance(3600);
    assert_eq!(code(&gone), "InvalidInstanceID.NotFound");
    assert_eq!(block_on(world.instance(&east(), &gone)).unwrap(), None);
}

#[test]
fn an_image_that_fails_says_why() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    cloud.fail_next(&east(), "Client.InternalError");
    let world = cloud.as_caller("create-image");
    let image = block_on(world.create_image(&create(&instance, "one"))).unwrap();
    cloud.advance(60);
    let seen = block_on(world.images_by_id(&east(), &[image])).unwrap();
    assert_eq!(
        (seen[0].state, seen[0].state_reason.as_deref()),
        (ImageState::Failed, Some("Client.InternalError"))
    );
}

#[test]
fn reads_lag_behind_and_calls_do_not() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    cloud.advance(1000);
    cloud.set_lag(&east(), 90);
    cloud.press(&east(), &instance, "default");
    let world = cloud.as_caller("create-image");
    assert!(block_on(world.instance(&east(), &instance)).unwrap().unwrap().tags.is_empty());
    assert!(block_on(world.instances_tagged(&east(), "amiline:image")).unwrap().is_empty());
    let image = block_on(world.create_image(&create(&instance, "one"))).unwrap();
    assert!(
        block_on(world.images_by_id(&east(), std::slice::from_ref(&image))).unwrap().is_empty()
    );
    let error = block_on(world.create_image(&create(&instance, "one"))).unwrap_err();
    assert_eq!(error.code, "InvalidAMIName.Duplicate");
    cloud.advance(90);
    assert_eq!(
        block_on(world.instances_tagged(&east(), "amiline:image")).unwrap(),
        vec![(instance, "default".to_owned())]
    );
    let seen = block_on(world.images_by_id(&east(), &[image])).unwrap();
    assert_eq!(
        seen[0].state,
        ImageState::Pending,
        "it is available, but the read is 90 seconds old"
    );
}

#[test]
fn a_deregistered_image_is_shown_a_little_longer_and_a_disabled_one_as_long_as_it_is() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("x");
    let image = block_on(world.create_image(&create(&instance, "one"))).unwrap();
    cloud.advance(60);
    let states = || {
        let seen = block_on(world.images_by_id(&east(), std::slice::from_ref(&image))).unwrap();
        seen.first().map(|image| image.state)
    };
    cloud.disable(&east(), &image);
    assert_eq!(states(), Some(ImageState::Disabled));
    cloud.enable(&east(), &image);
    assert_eq!(states(), Some(ImageState::Available));
    cloud.deregister(&east(), &image);
    assert_eq!(states(), Some(ImageState::Deregistered));
    cloud.advance(60);
    assert_eq!(states(), None);
    assert!(cloud.images(&east()).is_empty() && cloud.all_images(&east()).len() == 1);
}

#[test]
fn only_own_images_are_shown_whatever_their_tags_say() {
    let cloud = cloud();
    let owner = Some("999999999999".parse().unwrap());
    let forged = |owner| Forged {
        name: "bait".to_owned(),
        tags: tags(&[("k", "v")]),
        owner,
        ..Forged::default()
    };
    cloud.forge(&east(), forged(owner)).unwrap();
    let world = cloud.as_caller("x");
    assert!(block_on(world.images_by_tag(&east(), "k", "v")).unwrap().is_empty());
    let ours = cloud.forge(&east(), forged(None)).unwrap();
    assert_eq!(block_on(world.images_by_tag(&east(), "k", "v")).unwrap()[0].id, ours);
    assert_eq!(cloud.forge(&east(), forged(None)), Err("InvalidAMIName.Duplicate".to_owned()));
    assert!(cloud.untagged().is_empty(), "what people make is not ours to tag");
}

#[test]
fn a_tag_is_removed_only_if_it_has_the_value() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    cloud.press(&east(), &instance, "other");
    let world = cloud.as_caller("x");
    let step = |value: &str| TagStep {
        region: east(),
        instance: instance.clone(),
        key: "amiline:image".to_owned(),
        value: value.to_owned(),
    };
    block_on(world.remove_tag(&step("default"))).unwrap();
    assert_eq!(cloud.tag_of(&east(), &instance, "amiline:image").as_deref(), Some("other"));
    block_on(world.remove_tag(&step("other"))).unwrap();
    assert_eq!(cloud.tag_of(&east(), &instance, "amiline:image"), None);
}

#[test]
fn the_fifty_first_tag_is_refused() {
    let cloud = cloud();
    let full = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    let instance = cloud.launch_with(&east(), Launch { tags: full, ..Launch::default() });
    let step = TagStep {
        region: east(),
        instance,
        key: "amiline:status".to_owned(),
        value: "x".to_owned(),
    };
    let error = block_on(cloud.as_caller("x").write_tag(&step)).unwrap_err();
    assert_eq!(error.code, "TagLimitExceeded");
}

#[test]
fn snapshots_are_under_the_keys_of_their_volumes() {
    let cloud = cloud();
    let arn = cloud.create_key(&east(), "alias/amiline");
    let volumes = vec![Volume::Under("alias/amiline".to_owned()), Volume::Plain];
    let instance = cloud.launch_with(&east(), Launch { volumes, ..Launch::default() });
    let world = cloud.as_caller("x");
    let image = block_on(world.create_image(&create(&instance, "one"))).unwrap();
    let mut keys = cloud.keys_of_image(&east(), &image);
    keys.sort();
    assert_eq!(keys, [None, Some(arn)]);
    let seen = block_on(world.images_by_id(&east(), &[image])).unwrap();
    assert!(!seen[0].encrypted && seen[0].snapshots.len() == 2);
}

#[test]
fn an_image_and_its_copies_have_the_devices_that_the_call_leaves() {
    let cloud = cloud();
    let volumes = vec![Volume::Plain, Volume::AwsManaged, Volume::Plain];
    let instance = cloud.launch_with(&east(), Launch { volumes, ..Launch::default() });
    let world = cloud.as_caller("x");
    let devices = |treated: &[(&str, Treatment)]| {
        treated
            .iter()
            .map(|(name, treatment)| (DeviceName::new(*name).unwrap(), *treatment))
            .collect()
    };
    let treated = devices(&[
        ("/dev/sdb", Treatment::LeftOut),
        ("/dev/sdc", Treatment::Kept),
        ("/dev/sdz", Treatment::LeftOut),
    ]);
    let step = CreateStep { devices: treated, ..create(&instance, "one") };
    let image = block_on(world.create_image(&step)).unwrap();
    cloud.finish(&east(), &image);
    let copied = block_on(world.copy_image(&copy(&image, "two", "token"))).unwrap();
    for (place, id) in [(east(), &image), (west(), &copied)] {
        let made = cloud.image(&place, id);
        let found: Vec<(&str, bool)> = made
            .devices
            .iter()
            .map(|device| (device.name.as_str(), device.delete_on_termination))
            .collect();
        assert_eq!(found, [("/dev/xvda", true), ("/dev/sdc", false)]);
        assert_eq!(
            cloud.keys_of_image(&place, id),
            [None, None],
            "the data of what is left out is not there"
        );
    }
    cloud.set_volume_rate(false);
    for treated in [("/dev/xvda", Treatment::LeftOut), ("/dev/sdz", Treatment::Kept)] {
        let step = CreateStep { devices: devices(&[treated]), ..create(&instance, "three") };
        let error = block_on(world.create_image(&step)).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.fault),
            ("InvalidBlockDeviceMapping", Fault::Reject)
        );
    }
}

#[test]
fn volumes_come_and_go() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let names = || {
        let seen = block_on(cloud.as_caller("x").instance(&east(), &instance)).unwrap().unwrap();
        seen.devices.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert!(cloud.attach(&east(), &instance, "/dev/sdf", &Volume::Plain));
    assert!(!cloud.attach(&east(), &instance, "/dev/sdf", &Volume::Plain), "the name is taken");
    assert_eq!(names(), ["/dev/sdf", "/dev/xvda"]);
    cloud.detach(&east(), &instance, "/dev/sdf");
    assert_eq!(names(), ["/dev/xvda"]);
}

#[test]
fn a_dark_region_answers_nothing_and_the_others_go_on() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("x");
    cloud.set_dark(&west(), Some(Dark::Unavailable));
    let error = block_on(world.instances_tagged(&west(), "amiline:image")).unwrap_err();
    assert_eq!(error.fault, Fault::Unknown);
    cloud.set_dark(&west(), Some(Dark::NotOptedIn));
    let error = block_on(world.instances_tagged(&west(), "amiline:image")).unwrap_err();
    assert_eq!(error.fault, Fault::NeedsPerson);
    assert!(block_on(world.create_image(&create(&instance, "one"))).is_ok());
}

#[test]
fn request_rates_hold_and_recover() {
    let cloud = cloud();
    cloud.throttle(&east(), "ec2:DescribeInstances", 2, 1);
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("x");
    let ask =
        || block_on(world.instance(&east(), &instance)).map_err(|error| (error.code, error.fault));
    assert!(ask().is_ok() && ask().is_ok());
    assert_eq!(ask(), Err(("RequestLimitExceeded".to_owned(), Fault::Later)));
    cloud.advance(1);
    assert!(ask().is_ok() && ask().is_err());
}

#[test]
fn lists_come_in_pages() {
    let cloud = cloud();
    cloud.set_page_size(2);
    for _ in 0..5 {
        let instance = cloud.launch(&east());
        cloud.press(&east(), &instance, "default");
    }
    let world = cloud.as_caller("schedule-tick");
    assert_eq!(block_on(world.instances_tagged(&east(), "amiline:image")).unwrap().len(), 5);
    assert_eq!(cloud.calls("schedule-tick", "ec2:DescribeTags"), 3);
}
