//! CreateImage.

use crate::given::{self, available, create_step, launched, pending, seen, volumes};
use crate::lab::{Lab, until};
use crate::suite::expected;
use amiline_app::ports::{CallError, ImageCreator, ImageReader, InstanceReader, KeyReader};
use amiline_domain::fault::{Fault, owner_of_name};
use amiline_domain::ids::ImageId;
use amiline_domain::image::{ImageState, InstanceState, RootDevice};
use amiline_domain::making::Treatment;
use amiline_domain::plan::CreateStep;
use amiline_fakecloud::{Launch, Volume};

expected! {
    "aws-behaviour.md#createimage" {
        a_new_image_is_pending_and_then_available,
        a_new_image_becomes_available_by_itself,
        an_image_has_its_tags_in_the_first_describe,
        every_volume_gets_a_snapshot,
        snapshots_are_encrypted_as_their_volumes_are,
        an_image_with_one_plain_snapshot_is_not_called_encrypted,
        a_name_is_taken_while_its_image_is_pending_and_the_refusal_says_who_has_it,
        a_name_is_taken_when_its_image_is_available_and_the_refusal_says_who_has_it,
        a_name_that_is_taken_at_home_is_free_elsewhere,
        a_failed_or_disabled_image_keeps_its_name,
        the_name_of_a_deregistered_image_is_free_in_time,
        the_instance_is_looked_at_before_the_name,
        snapshots_have_the_tags_of_the_call_from_the_first,
        fifty_tags_are_taken_and_one_more_makes_nothing,
        an_instance_without_an_ebs_root_is_refused_for_good,
        an_instance_that_does_not_exist_is_refused_for_good,
    }
    "aws-behaviour.md#states-in-which-ec2-makes-an-image" { a_terminated_instance_is_refused }
    "aws-behaviour.md#states-in-which-ec2-makes-an-image" { a_pending_instance_is_refused_until_it_runs }
    "aws-behaviour.md#fifteen-seconds-between-snapshots-of-a-volume" {
        two_images_of_one_volume_need_some_time_between_them,
    }
    "aws-behaviour.md#device-mappings-of-createimage" {
        a_device_that_is_left_out_is_not_in_the_image,
        whether_volumes_are_deleted_with_the_instance_is_as_the_call_says,
    }
    "aws-behaviour.md#limits-of-tags" { tags_of_any_kind_are_shown_as_the_call_gave_them }
    "not documented; alike in both" {
        tags_are_looked_at_before_what_the_instance_is,
        a_device_that_the_instance_lacks_can_be_left_out_and_no_more,
        the_root_cannot_be_left_out,
    }
    "aws-behaviour.md#where-an-image-says-that-it-comes-from" { an_image_shows_its_owner_its_name_and_its_instance }
}

async fn a_new_image_is_pending_and_then_available(lab: &impl Lab) {
    let image = pending(lab, &Launch::default()).await;
    assert_eq!(seen(lab, &lab.home(), &image).await.state, ImageState::Pending);
    lab.settle(&lab.home(), &image).await;
    assert_eq!(seen(lab, &lab.home(), &image).await.state, ImageState::Available);
}

async fn a_new_image_becomes_available_by_itself(lab: &impl Lab) {
    lab.let_images_take(Some(1)).await;
    let image = pending(lab, &Launch::default()).await;
    let state = seen(lab, &lab.home(), &image).await.state;
    let became =
        until(lab, async || seen(lab, &lab.home(), &image).await.state == ImageState::Available)
            .await;
    lab.let_images_take(None).await;
    assert!(became && state == ImageState::Pending, "{state:?}, and then {became}");
}

async fn an_image_has_its_tags_in_the_first_describe(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    assert_eq!(seen(lab, &step.region, &image).await.tags, step.tags);
}

async fn an_image_shows_its_owner_its_name_and_its_instance(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    let seen = seen(lab, &step.region, &image).await;
    assert_eq!(seen.owner, Some(lab.account()));
    assert_eq!(seen.name, step.name.as_str());
    assert_eq!(seen.source_instance, Some(step.instance));
    assert!(seen.source_image.is_some(), "the image that the instance was launched from");
}

async fn every_volume_gets_a_snapshot(lab: &impl Lab) {
    let image = available(lab, &volumes(&[Volume::Plain, Volume::Plain, Volume::Plain])).await;
    let seen = seen(lab, &lab.home(), &image).await;
    let mut snapshots = seen.snapshots.clone();
    snapshots.sort();
    snapshots.dedup();
    assert_eq!(snapshots.len(), 3, "{:?}", seen.snapshots);
    assert!(!seen.encrypted);
}

async fn snapshots_are_encrypted_as_their_volumes_are(lab: &impl Lab) {
    let under = Volume::Under(lab.key().to_string());
    let image = available(lab, &volumes(&[under, Volume::AwsManaged])).await;
    let seen = seen(lab, &lab.home(), &image).await;
    let keys = lab
        .distribute_image()
        .snapshot_keys(&lab.home(), &seen.snapshots, &lab.key())
        .await
        .unwrap();
    assert!(seen.encrypted, "{seen:?}");
    assert!(keys.keys.iter().all(Option::is_some), "{keys:?}");
    assert_eq!(
        keys.keys.iter().filter(|key| **key == keys.wanted).count(),
        1,
        "one is under the customer key: {keys:?}"
    );
    assert!(!keys.all_as_wanted());
}

async fn an_image_with_one_plain_snapshot_is_not_called_encrypted(lab: &impl Lab) {
    let image = available(lab, &volumes(&[Volume::AwsManaged, Volume::Plain])).await;
    assert!(!seen(lab, &lab.home(), &image).await.encrypted);
}

fn assert_taken(refused: Result<ImageId, CallError>, holder: &ImageId) {
    let refused = refused.expect_err("the name is taken");
    assert_eq!(refused.code, "InvalidAMIName.Duplicate");
    assert_eq!(refused.fault, Fault::Reject);
    assert_eq!(owner_of_name(&refused.message).as_ref(), Some(holder), "{}", refused.message);
}

async fn a_name_is_taken_while_its_image_is_pending_and_the_refusal_says_who_has_it(
    lab: &impl Lab,
) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    assert_taken(lab.create_image().create_image(&step).await, &image);
    let tagged = lab
        .create_image()
        .images_by_tag(&step.region, given::INTENT, step.name.as_str())
        .await
        .unwrap();
    assert_eq!(tagged.len(), 1, "nothing was made: {tagged:?}");
}

async fn a_name_is_taken_when_its_image_is_available_and_the_refusal_says_who_has_it(
    lab: &impl Lab,
) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    lab.settle(&step.region, &image).await;
    let another = launched(lab, &Launch::default()).await;
    let refused = lab.create_image().create_image(&CreateStep { instance: another, ..step }).await;
    assert_taken(refused, &image);
}

async fn a_name_that_is_taken_at_home_is_free_elsewhere(lab: &impl Lab) {
    let mut step = create_step(lab, &launched(lab, &Launch::default()).await);
    lab.create_image().create_image(&step).await.unwrap();
    step.region = lab.elsewhere();
    step.instance = lab.launch(&step.region, &Launch::default(), 1).await.remove(0);
    lab.create_image().create_image(&step).await.expect("names are unique in a Region");
}

async fn a_terminated_instance_is_refused(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    lab.terminate(&lab.home(), &instance).await;
    let refused = lab
        .create_image()
        .create_image(&create_step(lab, &instance))
        .await
        .expect_err("it is gone");
    assert_eq!(refused.code, "IncorrectInstanceState");
}

async fn a_pending_instance_is_refused_until_it_runs(lab: &impl Lab) {
    let instance = launched(lab, &Launch { pending_seconds: Some(1), ..Launch::default() }).await;
    let step = create_step(lab, &instance);
    assert_eq!(state_of(lab, &step).await, InstanceState::Pending);
    let refused = lab.create_image().create_image(&step).await.expect_err("it is pending");
    assert_eq!((refused.code.as_str(), refused.fault), ("InvalidParameterValue", Fault::Reject));
    assert!(
        refused.message.contains("not in state 'running' or 'stopping' or 'stopped'"),
        "{refused}"
    );
    let runs = until(lab, async || state_of(lab, &step).await == InstanceState::Running).await;
    assert!(runs, "{instance} is pending for ever");
    lab.create_image()
        .create_image(&step)
        .await
        .expect("an image of a running instance, under the same name");
}

async fn state_of(lab: &impl Lab, step: &CreateStep) -> InstanceState {
    lab.create_image()
        .instance(&step.region, &step.instance)
        .await
        .unwrap()
        .expect("the instance")
        .state
}

async fn an_instance_without_an_ebs_root_is_refused_for_good(lab: &impl Lab) {
    let launch =
        Launch { root_device: RootDevice::InstanceStore, volumes: Vec::new(), ..Launch::default() };
    let instance = launched(lab, &launch).await;
    let refused = lab
        .create_image()
        .create_image(&create_step(lab, &instance))
        .await
        .expect_err("no EBS root");
    assert_eq!(refused.fault, Fault::Reject, "{refused}");
}

async fn an_instance_that_does_not_exist_is_refused_for_good(lab: &impl Lab) {
    let nobody = given::instance_id(lab.number());
    let refused =
        lab.create_image().create_image(&create_step(lab, &nobody)).await.expect_err("no instance");
    assert_eq!(
        (refused.code.as_str(), refused.fault),
        ("InvalidInstanceID.NotFound", Fault::Reject)
    );
}

/// That a name is still held is not documented for these; both take the stricter reading
/// (aws-behaviour.md#image-names-are-unique).
async fn a_failed_or_disabled_image_keeps_its_name(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    lab.fail(&step.region, &image, "something went wrong").await;
    assert_taken(lab.create_image().create_image(&step).await, &image);
    let step = create_step(lab, &step.instance);
    let image = lab.create_image().create_image(&step).await.unwrap();
    lab.settle(&step.region, &image).await;
    lab.disable(&step.region, &image).await;
    assert_taken(lab.create_image().create_image(&step).await, &image);
}

async fn the_name_of_a_deregistered_image_is_free_in_time(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    lab.settle(&step.region, &image).await;
    lab.deregister(&step.region, &image).await;
    let free = until(lab, async || match lab.create_image().create_image(&step).await {
        Ok(_) => true,
        refused => {
            assert_taken(refused, &image);
            false
        }
    });
    assert!(free.await, "{image} holds its name for ever");
}

async fn the_instance_is_looked_at_before_the_name(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    lab.create_image().create_image(&step).await.unwrap();
    let nobody = CreateStep { instance: given::instance_id(lab.number()), ..step.clone() };
    let refused = lab.create_image().create_image(&nobody).await.expect_err("no instance");
    assert_eq!(refused.code, "InvalidInstanceID.NotFound");
    lab.terminate(&step.region, &step.instance).await;
    let refused = lab.create_image().create_image(&step).await.expect_err("it is gone");
    assert_eq!(refused.code, "IncorrectInstanceState");
}

async fn snapshots_have_the_tags_of_the_call_from_the_first(lab: &impl Lab) {
    let step =
        create_step(lab, &launched(lab, &volumes(&[Volume::Plain, Volume::AwsManaged])).await);
    let image = lab.create_image().create_image(&step).await.unwrap();
    assert_eq!(lab.snapshot_tags(&step.region, &image).await, [step.tags.clone(), step.tags]);
}

async fn fifty_tags_are_taken_and_one_more_makes_nothing(lab: &impl Lab) {
    let mut step = create_step(lab, &launched(lab, &Launch::default()).await);
    step.tags.extend((step.tags.len()..51).map(|number| (format!("key-{number}"), String::new())));
    let refused = lab.create_image().create_image(&step).await.expect_err("51 tags");
    assert_eq!((refused.code.as_str(), refused.fault), ("TagLimitExceeded", Fault::Reject));
    step.tags.remove("key-50");
    let image = lab
        .create_image()
        .create_image(&step)
        .await
        .expect("50 tags, and the name was not used up");
    let tagged = lab
        .create_image()
        .images_by_tag(&step.region, given::INTENT, step.name.as_str())
        .await
        .unwrap();
    assert_eq!(
        tagged.into_iter().map(|image| (image.id, image.tags.len())).collect::<Vec<_>>(),
        [(image, 50)]
    );
}

fn treated(step: CreateStep, devices: &[(&str, Treatment)]) -> CreateStep {
    CreateStep {
        devices: devices.iter().map(|(name, treatment)| given::device(name, *treatment)).collect(),
        ..step
    }
}

async fn a_device_that_is_left_out_is_not_in_the_image(lab: &impl Lab) {
    let instance =
        launched(lab, &volumes(&[Volume::Plain, Volume::AwsManaged, Volume::Plain])).await;
    let step = treated(create_step(lab, &instance), &[("/dev/sdb", Treatment::LeftOut)]);
    let image = lab.create_image().create_image(&step).await.expect("CreateImage");
    let names = lab.devices(&step.region, &image).await;
    assert_eq!(names.keys().map(String::as_str).collect::<Vec<_>>(), ["/dev/sdc", "/dev/xvda"]);
    assert_eq!(
        lab.snapshot_tags(&step.region, &image).await.len(),
        2,
        "of what is left out there is no snapshot"
    );
}

async fn whether_volumes_are_deleted_with_the_instance_is_as_the_call_says(lab: &impl Lab) {
    let instance = launched(lab, &volumes(&[Volume::Plain, Volume::Plain])).await;
    for (root, other) in [(true, false), (false, true)] {
        let of = |delete| if delete { Treatment::Deleted } else { Treatment::Kept };
        let step = treated(
            create_step(lab, &instance),
            &[("/dev/xvda", of(root)), ("/dev/sdb", of(other))],
        );
        let image = lab.create_image().create_image(&step).await.expect("CreateImage");
        let expected = [("/dev/sdb".to_owned(), other), ("/dev/xvda".to_owned(), root)].into();
        assert_eq!(lab.devices(&step.region, &image).await, expected);
    }
}

async fn a_device_that_the_instance_lacks_can_be_left_out_and_no_more(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    let step = treated(create_step(lab, &instance), &[("/dev/sdz", Treatment::LeftOut)]);
    let image = lab.create_image().create_image(&step).await.expect("CreateImage");
    assert_eq!(lab.devices(&step.region, &image).await.len(), 1);
    let step = treated(create_step(lab, &instance), &[("/dev/sdz", Treatment::Kept)]);
    let refused =
        lab.create_image().create_image(&step).await.expect_err("a volume without a size");
    assert_eq!(
        (refused.code.as_str(), refused.fault),
        ("InvalidBlockDeviceMapping", Fault::Reject)
    );
}

async fn the_root_cannot_be_left_out(lab: &impl Lab) {
    let instance = launched(lab, &Launch::default()).await;
    let step = treated(create_step(lab, &instance), &[("/dev/xvda", Treatment::LeftOut)]);
    let refused = lab.create_image().create_image(&step).await.expect_err("no root");
    assert_eq!(
        (refused.code.as_str(), refused.fault),
        ("InvalidBlockDeviceMapping", Fault::Reject)
    );
}

async fn tags_of_any_kind_are_shown_as_the_call_gave_them(lab: &impl Lab) {
    let mut step = create_step(lab, &launched(lab, &Launch::default()).await);
    for (key, value) in
        [("k".repeat(128), "\u{1f4a5}".repeat(256)), ("Cost Center <&>".to_owned(), String::new())]
    {
        step.tags.insert(key, value);
    }
    step.tags.insert("\u{e9}: a=b+c@d/e".to_owned(), " \t'\"&amp; ".to_owned());
    let image = lab.create_image().create_image(&step).await.expect("CreateImage");
    assert_eq!(seen(lab, &step.region, &image).await.tags, step.tags);
    assert_eq!(lab.snapshot_tags(&step.region, &image).await, [step.tags]);
}

async fn two_images_of_one_volume_need_some_time_between_them(lab: &impl Lab) {
    let step = create_step(lab, &launched(lab, &Launch::default()).await);
    let soon = create_step(lab, &step.instance);
    let other = create_step(lab, &launched(lab, &Launch::default()).await);
    lab.let_volumes_rest(true).await;
    let create = lab.create_image();
    let image = create.create_image(&step).await;
    let (refused, taken, other) = (
        create.create_image(&soon).await,
        create.create_image(&step).await,
        create.create_image(&other).await,
    );
    lab.let_volumes_rest(false).await;
    let refused = refused.expect_err("too soon");
    assert_eq!(
        (refused.code.as_str(), refused.fault),
        ("SnapshotCreationPerVolumeRateExceeded", Fault::Later)
    );
    assert_taken(taken, &image.expect("the first one"));
    other.expect("another volume");
    create.create_image(&soon).await.expect("later, under a name that is still free");
}

async fn tags_are_looked_at_before_what_the_instance_is(lab: &impl Lab) {
    let mut step = create_step(lab, &launched(lab, &Launch::default()).await);
    step.tags.extend((0..51).map(|number| (format!("key-{number}"), String::new())));
    lab.terminate(&step.region, &step.instance).await;
    let refused =
        lab.create_image().create_image(&step).await.expect_err("too many tags, of what is gone");
    assert_eq!(refused.code, "TagLimitExceeded");
    let nobody = CreateStep { instance: given::instance_id(lab.number()), ..step };
    let refused =
        lab.create_image().create_image(&nobody).await.expect_err("too many tags, of nothing");
    assert_eq!(refused.code, "InvalidInstanceID.NotFound");
}
