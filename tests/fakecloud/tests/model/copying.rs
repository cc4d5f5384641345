//! CopyImage.

use crate::{cloud, copy, create, east, west};
use amiline_app::ports::{ImageCopier, ImageCreator, ImageReader, KeyReader};
use amiline_domain::fault::Fault;
use amiline_domain::ids::{ImageId, KeyAlias};
use amiline_domain::image::ImageState;
use amiline_domain::plan::CopyStep;
use amiline_domain::policy::CopyMinutes;
use amiline_fakecloud::{FakeCloud, Launch, Volume, World, block_on};

fn source(cloud: &FakeCloud, volume: Volume) -> ImageId {
    let instance =
        cloud.launch_with(&east(), Launch { volumes: vec![volume], ..Launch::default() });
    let image = block_on(cloud.as_caller("x").create_image(&create(&instance, "one"))).unwrap();
    cloud.advance(60);
    image
}

fn alias() -> KeyAlias {
    KeyAlias::new("alias/amiline").unwrap()
}

fn encrypted(step: CopyStep) -> CopyStep {
    CopyStep { kms_key: Some(alias()), ..step }
}

fn code(world: &World, step: &CopyStep) -> String {
    block_on(world.copy_image(step)).unwrap_err().code
}

#[test]
fn the_same_token_gives_the_same_copy_and_another_request_with_it_is_refused() {
    let cloud = cloud();
    let source = source(&cloud, Volume::Plain);
    let world = cloud.as_caller("x");
    let first = block_on(world.copy_image(&copy(&source, "two", "token"))).unwrap();
    assert_eq!(block_on(world.copy_image(&copy(&source, "two", "token"))).unwrap(), first);
    assert_eq!(code(&world, &copy(&source, "three", "token")), "IdempotentParameterMismatch");
    assert_eq!(code(&world, &copy(&source, "two", "other")), "InvalidAMIName.Duplicate");
    assert_eq!(code(&world, &copy(&source, "four", &"t".repeat(65))), "InvalidClientToken");
    assert_eq!(cloud.copies_of(&source).len(), 1);
}

#[test]
fn a_copy_shows_its_snapshots_when_it_is_complete_and_remembers_its_source() {
    let cloud = cloud();
    let source = source(&cloud, Volume::Plain);
    let world = cloud.as_caller("x");
    let id = block_on(world.copy_image(&copy(&source, "two", "token"))).unwrap();
    let seen =
        || block_on(world.images_by_id(&west(), std::slice::from_ref(&id))).unwrap().remove(0);
    assert!(seen().snapshots.is_empty());
    cloud.advance(120);
    let seen = seen();
    assert_eq!(
        (seen.state, seen.snapshots.len(), seen.source_image),
        (ImageState::Available, 1, Some(source))
    );
    assert_eq!(seen.source_instance, None);
}

#[test]
fn only_an_available_image_can_be_copied() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let world = cloud.as_caller("x");
    let image = block_on(world.create_image(&create(&instance, "one"))).unwrap();
    assert_eq!(code(&world, &copy(&image, "two", "a")), "InvalidAMIID.Unavailable");
    cloud.advance(60);
    cloud.deregister(&east(), &image);
    assert_eq!(code(&world, &copy(&image, "two", "a")), "InvalidAMIID.Unavailable");
    let nobody = ImageId::new("ami-0123456789abcdef0").unwrap();
    assert_eq!(code(&world, &copy(&nobody, "two", "a")), "InvalidAMIID.NotFound");
}

#[test]
fn a_key_that_is_missing_or_disabled_is_found_out_after_the_call() {
    for disabled in [false, true] {
        let cloud = cloud();
        let source = source(&cloud, Volume::Plain);
        if disabled {
            cloud.create_key(&west(), "alias/amiline");
            cloud.set_key_enabled(&west(), "alias/amiline", false);
        }
        let world = cloud.as_caller("x");
        let id = block_on(world.copy_image(&encrypted(copy(&source, "two", "token")))).unwrap();
        cloud.advance(5);
        let image = cloud.image(&west(), &id);
        assert_eq!(
            (image.state, image.state_reason.as_deref()),
            (ImageState::Failed, Some("Given key ID is not accessible"))
        );
    }
}

#[test]
fn a_key_that_is_disabled_while_the_copy_is_made_fails_it() {
    let cloud = cloud();
    let source = source(&cloud, Volume::Plain);
    cloud.create_key(&west(), "alias/amiline");
    let id = block_on(cloud.as_caller("x").copy_image(&encrypted(copy(&source, "two", "token"))))
        .unwrap();
    cloud.set_key_enabled(&west(), "alias/amiline", false);
    cloud.advance(120);
    assert_eq!(cloud.image(&west(), &id).state, ImageState::Failed);
}

#[test]
fn a_copy_is_never_less_encrypted_than_its_source() {
    let cloud = cloud();
    cloud.create_key_everywhere("alias/amiline");
    let source = source(&cloud, Volume::Under("alias/amiline".to_owned()));
    let world = cloud.as_caller("x");
    let plain = block_on(world.copy_image(&copy(&source, "two", "a"))).unwrap();
    let keyed = block_on(world.copy_image(&encrypted(copy(&source, "three", "b")))).unwrap();
    let home = CopyStep { destination: east(), ..copy(&source, "four", "c") };
    let home = block_on(world.copy_image(&home)).unwrap();
    let wanted = cloud.key_arn(&west(), "alias/amiline");
    assert!(
        cloud.keys_of_image(&west(), &plain)[0]
            .as_ref()
            .is_some_and(|arn| Some(arn) != wanted.as_ref())
    );
    assert_eq!(cloud.keys_of_image(&west(), &keyed), [wanted]);
    assert_eq!(cloud.keys_of_image(&east(), &home), [cloud.key_arn(&east(), "alias/amiline")]);
}

#[test]
fn encryption_by_default_encrypts_a_copy_that_nobody_asked_to() {
    let cloud = cloud();
    let source = source(&cloud, Volume::Plain);
    cloud.set_encrypts_by_default(&west(), true);
    let id = block_on(cloud.as_caller("x").copy_image(&copy(&source, "two", "a"))).unwrap();
    assert!(cloud.keys_of_image(&west(), &id)[0].is_some());
}

#[test]
fn copies_in_flight_are_limited_for_each_destination() {
    let cloud = cloud();
    cloud.set_copies_max(&west(), 2);
    let source = source(&cloud, Volume::Plain);
    let world = cloud.as_caller("x");
    block_on(world.copy_image(&copy(&source, "one-a", "a"))).unwrap();
    block_on(world.copy_image(&copy(&source, "one-b", "b"))).unwrap();
    let error = block_on(world.copy_image(&copy(&source, "one-c", "c"))).unwrap_err();
    assert_eq!((error.code.as_str(), error.fault), ("ResourceLimitExceeded", Fault::Later));
    cloud.advance(120);
    block_on(world.copy_image(&copy(&source, "one-c", "c"))).unwrap();
    assert_eq!(cloud.copies_peak(&west()), 2);
}

#[test]
fn the_keys_of_snapshots_are_told_with_the_wanted_one() {
    let cloud = cloud();
    let source = source(&cloud, Volume::AwsManaged);
    let world = cloud.as_caller("x");
    let snapshots = cloud.image(&east(), &source).snapshots;
    let keys = block_on(world.snapshot_keys(&east(), &snapshots, &alias())).unwrap();
    assert!(keys.wanted.is_none() && keys.keys[0].is_some());
    let arn = cloud.create_key(&east(), "alias/amiline");
    let keys = block_on(world.snapshot_keys(&east(), &snapshots, &alias())).unwrap();
    assert!(keys.wanted == Some(arn) && !keys.all_as_wanted());
}

#[test]
fn a_copy_with_a_time_is_there_within_it_and_its_token_stands_for_that_time_only() {
    let cloud = cloud();
    let source = source(&cloud, Volume::Plain);
    cloud.set_copy_seconds(&west(), Some(7200));
    let minutes = |minutes| Some(CopyMinutes::new(minutes).unwrap());
    let step = CopyStep { within_minutes: minutes(60), ..copy(&source, "one", "token-1") };
    let other = CopyStep { within_minutes: minutes(75), ..step.clone() };
    let caller = cloud.as_caller("x");
    let id = block_on(caller.copy_image(&step)).unwrap();
    assert_eq!(block_on(caller.copy_image(&step)).unwrap(), id);
    assert_eq!(
        block_on(caller.copy_image(&other)).unwrap_err().code,
        "IdempotentParameterMismatch"
    );
    cloud.advance(3599);
    assert_eq!(cloud.image_state(&west(), &id), Some(ImageState::Pending));
    cloud.advance(1);
    assert_eq!(cloud.image_state(&west(), &id), Some(ImageState::Available));
    assert_eq!(cloud.image(&west(), &id).within_minutes, minutes(60));
}
