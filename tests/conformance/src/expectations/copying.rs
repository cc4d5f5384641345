//! CopyImage.

use crate::given::{self, available, copied, copy_step, launched, pending, seen, volumes};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{ImageCopier, ImageCreator, ImageReader, ImageSharer, KeyReader};
use amiline_domain::family::ImageRole;
use amiline_domain::fault::{Fault, owner_of_name};
use amiline_domain::ids::{ImageId, KeyAlias, Region};
use amiline_domain::image::{ImageState, ObservedImage, SnapshotKeys};
use amiline_domain::making::Treatment;
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep};
use amiline_domain::policy::CopyMinutes;
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::{Launch, Volume};

expected! {
    "aws-behaviour.md#copyimage" {
        a_copy_is_pending_and_then_available,
        a_copy_has_its_own_tags_in_the_first_describe,
        a_copy_has_snapshots_of_its_own,
        a_copy_has_the_devices_of_its_source,
        the_same_token_gives_the_same_image,
        the_same_token_gives_the_same_image_when_it_is_available,
        the_same_token_with_other_parameters_is_refused_for_good,
        a_token_counts_in_one_region_only,
        a_copy_under_a_key_is_encrypted_under_it,
        a_copy_at_home_can_be_encrypted_too,
        a_copy_has_the_time_that_it_was_given_and_no_other,
        the_same_token_stands_for_one_time_only,
        a_copy_under_a_missing_key_is_accepted_and_then_fails_with_a_reason,
        a_plain_copy_of_an_encrypted_image_stays_encrypted,
        a_plain_copy_of_a_plain_image_is_plain,
        a_plain_copy_is_encrypted_where_ebs_encrypts_by_default,
        a_copy_is_shared_with_nobody,
        a_copy_has_its_tags_on_its_snapshots_from_the_first,
        a_pending_copy_shows_no_snapshots_and_is_not_called_encrypted,
        a_copy_can_have_the_name_of_its_source_elsewhere_and_not_at_home,
        a_token_gives_the_same_image_when_source_and_copy_are_gone,
        a_token_that_is_too_long_is_refused_for_good,
        the_source_is_looked_at_before_the_name,
        more_than_fifty_tags_make_no_copy,
        a_name_that_is_taken_is_refused_and_the_refusal_says_who_has_it,
        an_image_that_does_not_exist_is_not_copied,
        a_pending_image_cannot_be_copied_yet,
        a_failed_or_disabled_image_is_not_copied,
    }
    "aws-behaviour.md#copyimage-is-called-in-the-destination" { a_deregistered_image_is_not_copied }
    "aws-behaviour.md#where-an-image-says-that-it-comes-from" {
        a_copy_shows_its_source_and_no_instance,
        a_copy_of_a_copy_shows_the_copy_as_its_source,
    }
    "aws-behaviour.md#the-key-of-a-copy-is-checked-later" { an_alias_that_no_key_has_names_no_key }
}

async fn keys(lab: &impl Lab, region: &Region, image: &ObservedImage) -> SnapshotKeys {
    assert!(!image.snapshots.is_empty(), "{image:?}");
    lab.distribute_image()
        .snapshot_keys(region, &image.snapshots, &lab.key())
        .await
        .expect("the keys")
}

async fn started(lab: &impl Lab, launch: &Launch) -> (CopyStep, ImageId) {
    let step = copy_step(lab, &available(lab, launch).await);
    let copy = lab.distribute_image().copy_image(&step).await.expect("CopyImage");
    (step, copy)
}

async fn a_copy_is_pending_and_then_available(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    assert_ne!(copy, step.source);
    assert_eq!(seen(lab, &step.destination, &copy).await.state, ImageState::Pending);
    lab.settle(&step.destination, &copy).await;
    assert_eq!(seen(lab, &step.destination, &copy).await.state, ImageState::Available);
}

async fn a_copy_has_its_own_tags_in_the_first_describe(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    assert_eq!(
        seen(lab, &step.destination, &copy).await.tags,
        step.tags,
        "and none of its source's"
    );
}

async fn a_copy_shows_its_source_and_no_instance(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    let seen = seen(lab, &step.destination, &copy).await;
    assert_eq!(seen.source_image, Some(step.source));
    assert_eq!(seen.source_instance, None);
    assert_eq!(seen.owner, Some(lab.account()));
    assert_eq!(seen.name, step.name.as_str());
}

async fn a_copy_has_snapshots_of_its_own(lab: &impl Lab) {
    let source = available(lab, &volumes(&[Volume::Plain, Volume::Plain])).await;
    let copy = copied(lab, &copy_step(lab, &source)).await;
    let source = seen(lab, &lab.home(), &source).await;
    assert_eq!(copy.snapshots.len(), 2, "{copy:?}");
    assert!(copy.snapshots.iter().all(|snapshot| !source.snapshots.contains(snapshot)));
}

async fn the_same_token_gives_the_same_image(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    assert_eq!(lab.distribute_image().copy_image(&step).await, Ok(copy));
}

async fn the_same_token_gives_the_same_image_when_it_is_available(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    lab.settle(&step.destination, &copy).await;
    assert_eq!(lab.distribute_image().copy_image(&step).await, Ok(copy));
    let tag = step.name.as_str();
    let found =
        lab.distribute_image().images_by_tag(&step.destination, given::INTENT, tag).await.unwrap();
    assert_eq!(found.len(), 1);
}

async fn the_same_token_with_other_parameters_is_refused_for_good(lab: &impl Lab) {
    let (step, _) = started(lab, &Launch::default()).await;
    let renamed =
        CopyStep { name: given::name(lab, &given::instance_id(lab.number())), ..step.clone() };
    let encrypted = CopyStep { kms_key: Some(lab.key()), ..step.clone() };
    let tagged = CopyStep { tags: [("another".to_owned(), "tag".to_owned())].into(), ..step };
    for changed in [renamed, encrypted, tagged] {
        let refused =
            lab.distribute_image().copy_image(&changed).await.expect_err("another request");
        assert_eq!(
            (refused.code.as_str(), refused.fault),
            ("IdempotentParameterMismatch", Fault::Reject)
        );
    }
}

async fn a_token_counts_in_one_region_only(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    let at_home = CopyStep { destination: lab.home(), ..step };
    let other = lab.distribute_image().copy_image(&at_home).await.expect("its own copy");
    assert_ne!(other, copy);
}

async fn a_copy_under_a_key_is_encrypted_under_it(lab: &impl Lab) {
    let source = available(lab, &volumes(&[Volume::Plain, Volume::AwsManaged])).await;
    let copy = copied(lab, &CopyStep { kms_key: Some(lab.key()), ..copy_step(lab, &source) }).await;
    assert!(copy.encrypted, "{copy:?}");
    let keys = keys(lab, &lab.elsewhere(), &copy).await;
    assert!(keys.all_as_wanted(), "{keys:?}");
    assert_eq!(keys.keys.len(), 2);
}

async fn a_copy_at_home_can_be_encrypted_too(lab: &impl Lab) {
    let source = available(lab, &Launch::default()).await;
    let step =
        CopyStep { kms_key: Some(lab.key()), destination: lab.home(), ..copy_step(lab, &source) };
    let copy = copied(lab, &step).await;
    assert_eq!((copy.state, copy.encrypted), (ImageState::Available, true));
    assert!(keys(lab, &lab.home(), &copy).await.all_as_wanted());
}

async fn a_copy_under_a_missing_key_is_accepted_and_then_fails_with_a_reason(lab: &impl Lab) {
    let source = available(lab, &Launch::default()).await;
    let missing = KeyAlias::new(format!("alias/missing-{}", lab.number())).unwrap();
    let copy = copied(lab, &CopyStep { kms_key: Some(missing), ..copy_step(lab, &source) }).await;
    assert_eq!(copy.state, ImageState::Failed);
    assert!(
        copy.state_reason.as_ref().is_some_and(|reason| reason.contains("key")),
        "{:?}",
        copy.state_reason
    );
}

async fn a_plain_copy_of_an_encrypted_image_stays_encrypted(lab: &impl Lab) {
    let source = available(lab, &volumes(&[Volume::Under(lab.key().to_string())])).await;
    let copy = copied(lab, &copy_step(lab, &source)).await;
    assert!(copy.encrypted, "{copy:?}");
    let keys = keys(lab, &lab.elsewhere(), &copy).await;
    assert!(
        keys.keys[0].is_some() && keys.keys[0] != keys.wanted,
        "under the key that AWS manages there: {keys:?}"
    );
}

async fn a_plain_copy_of_a_plain_image_is_plain(lab: &impl Lab) {
    let copy = copied(lab, &copy_step(lab, &available(lab, &Launch::default()).await)).await;
    assert!(!copy.encrypted);
    assert_eq!(keys(lab, &lab.elsewhere(), &copy).await.keys, [None]);
}

async fn a_plain_copy_is_encrypted_where_ebs_encrypts_by_default(lab: &impl Lab) {
    let source = available(lab, &Launch::default()).await;
    lab.let_ebs_encrypt(&lab.elsewhere(), true).await;
    let step = copy_step(lab, &source);
    let copy = lab.distribute_image().copy_image(&step).await;
    lab.let_ebs_encrypt(&lab.elsewhere(), false).await;
    let copy = copy.expect("CopyImage");
    lab.settle(&step.destination, &copy).await;
    assert!(seen(lab, &step.destination, &copy).await.encrypted);
}

async fn an_alias_that_no_key_has_names_no_key(lab: &impl Lab) {
    let image = available(lab, &volumes(&[Volume::Under(lab.key().to_string())])).await;
    let image = seen(lab, &lab.home(), &image).await;
    let missing = KeyAlias::new(format!("alias/missing-{}", lab.number())).unwrap();
    let keys = lab
        .distribute_image()
        .snapshot_keys(&lab.home(), &image.snapshots, &missing)
        .await
        .unwrap();
    assert_eq!(keys.wanted, None);
    assert!(keys.keys[0].is_some() && !keys.all_as_wanted(), "{keys:?}");
}

async fn a_copy_has_the_devices_of_its_source(lab: &impl Lab) {
    let instance = launched(lab, &volumes(&[Volume::Plain, Volume::Plain, Volume::Plain])).await;
    let devices =
        [given::device("/dev/sdb", Treatment::LeftOut), given::device("/dev/sdc", Treatment::Kept)]
            .into();
    let step = CreateStep { devices, ..given::create_step(lab, &instance) };
    let source = lab.create_image().create_image(&step).await.expect("CreateImage");
    lab.settle(&step.region, &source).await;
    let copy = copied(lab, &copy_step(lab, &source)).await;
    let devices = lab.devices(&lab.elsewhere(), &copy.id).await;
    assert_eq!(devices, lab.devices(&step.region, &source).await);
    assert!(devices.len() == 2 && !devices["/dev/sdc"], "{devices:?}");
}

async fn a_copy_is_shared_with_nobody(lab: &impl Lab) {
    let source = available(lab, &volumes(&[Volume::Under(lab.key().to_string())])).await;
    let targets = [ShareTarget::Account(lab.other_account())].into();
    let share = ShareStep {
        image_role: ImageRole::Source,
        region: lab.home(),
        image: source.clone(),
        targets,
    };
    lab.distribute_image().share_image(&share).await.unwrap();
    let copy = copied(lab, &CopyStep { kms_key: Some(lab.key()), ..copy_step(lab, &source) }).await;
    assert!(lab.shared_with(&lab.elsewhere(), &copy.id).await.is_empty());
}

async fn a_name_that_is_taken_is_refused_and_the_refusal_says_who_has_it(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    let again = CopyStep { name: step.name, ..copy_step(lab, &step.source) };
    let refused = lab.distribute_image().copy_image(&again).await.expect_err("the name is taken");
    assert_eq!((refused.code.as_str(), refused.fault), ("InvalidAMIName.Duplicate", Fault::Reject));
    assert_eq!(owner_of_name(&refused.message), Some(copy), "{}", refused.message);
}

async fn an_image_that_does_not_exist_is_not_copied(lab: &impl Lab) {
    let step = copy_step(lab, &given::image_id(lab.number()));
    let refused = lab.distribute_image().copy_image(&step).await.expect_err("no source");
    assert_eq!(refused.code, "InvalidAMIID.NotFound");
}

async fn a_pending_image_cannot_be_copied_yet(lab: &impl Lab) {
    let step = copy_step(lab, &pending(lab, &Launch::default()).await);
    let refused = lab.distribute_image().copy_image(&step).await.expect_err("a pending source");
    assert_eq!((refused.code.as_str(), refused.fault), ("InvalidAMIID.Unavailable", Fault::Later));
    lab.settle(&step.source_region, &step.source).await;
    lab.distribute_image()
        .copy_image(&step)
        .await
        .expect("the same request, with the same token, later");
}

async fn a_copy_has_its_tags_on_its_snapshots_from_the_first(lab: &impl Lab) {
    let step = copy_step(lab, &available(lab, &volumes(&[Volume::Plain, Volume::Plain])).await);
    let copy = lab.distribute_image().copy_image(&step).await.expect("CopyImage");
    assert_eq!(lab.snapshot_tags(&step.destination, &copy).await, [step.tags.clone(), step.tags]);
}

async fn a_pending_copy_shows_no_snapshots_and_is_not_called_encrypted(lab: &impl Lab) {
    let step = copy_step(lab, &available(lab, &Launch::default()).await);
    let step = CopyStep { kms_key: Some(lab.key()), ..step };
    let copy = lab.distribute_image().copy_image(&step).await.expect("CopyImage");
    let pending = seen(lab, &step.destination, &copy).await;
    assert!(pending.snapshots.is_empty() && !pending.encrypted, "{pending:?}");
    lab.settle(&step.destination, &copy).await;
    assert!(seen(lab, &step.destination, &copy).await.encrypted);
}

async fn a_copy_can_have_the_name_of_its_source_elsewhere_and_not_at_home(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    lab.settle(&step.destination, &copy).await;
    let back = CopyStep {
        name: step.name.clone(),
        source_region: step.destination.clone(),
        destination: step.source_region.clone(),
        ..copy_step(lab, &copy)
    };
    lab.distribute_image().copy_image(&back).await.expect("names are unique in a Region");
    let there = CopyStep {
        destination: step.destination,
        client_token: copy_step(lab, &copy).client_token,
        ..back
    };
    let refused =
        lab.distribute_image().copy_image(&there).await.expect_err("its source has the name there");
    assert_eq!(owner_of_name(&refused.message), Some(copy), "{refused}");
}

/// For how long EC2 remembers a token is not documented; neither place forgets one.
async fn a_token_gives_the_same_image_when_source_and_copy_are_gone(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    lab.settle(&step.destination, &copy).await;
    lab.deregister(&step.source_region, &step.source).await;
    assert_eq!(lab.distribute_image().copy_image(&step).await, Ok(copy.clone()));
    lab.deregister(&step.destination, &copy).await;
    assert_eq!(lab.distribute_image().copy_image(&step).await, Ok(copy));
}

async fn a_token_that_is_too_long_is_refused_for_good(lab: &impl Lab) {
    let step = copy_step(lab, &available(lab, &Launch::default()).await);
    for client_token in ["x".repeat(65), "\u{e9}".to_owned()] {
        let refused =
            lab.distribute_image().copy_image(&CopyStep { client_token, ..step.clone() }).await;
        let refused = refused.expect_err("64 ASCII characters at most");
        assert_eq!((refused.code.as_str(), refused.fault), ("InvalidClientToken", Fault::Reject));
    }
    let client_token = format!("{:064}", lab.number());
    lab.distribute_image()
        .copy_image(&CopyStep { client_token, ..step })
        .await
        .expect("64 characters");
}

async fn the_source_is_looked_at_before_the_name(lab: &impl Lab) {
    let (taken, _) = started(lab, &Launch::default()).await;
    let step = CopyStep { name: taken.name, ..copy_step(lab, &given::image_id(lab.number())) };
    let refused = lab.distribute_image().copy_image(&step).await.expect_err("no source");
    assert_eq!(refused.code, "InvalidAMIID.NotFound");
}

async fn more_than_fifty_tags_make_no_copy(lab: &impl Lab) {
    let mut step = copy_step(lab, &available(lab, &Launch::default()).await);
    step.tags.extend((step.tags.len()..51).map(|number| (format!("key-{number}"), String::new())));
    let refused = lab.distribute_image().copy_image(&step).await.expect_err("51 tags");
    assert_eq!((refused.code.as_str(), refused.fault), ("TagLimitExceeded", Fault::Reject));
    step.tags.remove("key-50");
    lab.distribute_image()
        .copy_image(&step)
        .await
        .expect("neither the name nor the token was used up");
}

async fn a_failed_or_disabled_image_is_not_copied(lab: &impl Lab) {
    let (failed, disabled) =
        (pending(lab, &Launch::default()).await, available(lab, &Launch::default()).await);
    lab.fail(&lab.home(), &failed, "something went wrong").await;
    lab.disable(&lab.home(), &disabled).await;
    for source in [failed, disabled] {
        let refused = lab
            .distribute_image()
            .copy_image(&copy_step(lab, &source))
            .await
            .expect_err("not available");
        assert_eq!(
            (refused.code.as_str(), refused.fault),
            ("InvalidAMIID.Unavailable", Fault::Later)
        );
    }
}

/// "The specified AMI has been deregistered and is no longer available": not the code of an id that
/// never was.
async fn a_deregistered_image_is_not_copied(lab: &impl Lab) {
    let source = available(lab, &Launch::default()).await;
    lab.deregister(&lab.home(), &source).await;
    let refused =
        lab.distribute_image().copy_image(&copy_step(lab, &source)).await.expect_err("it is gone");
    assert_eq!((refused.code.as_str(), refused.fault), ("InvalidAMIID.Unavailable", Fault::Later));
}

async fn a_copy_of_a_copy_shows_the_copy_as_its_source(lab: &impl Lab) {
    let (step, copy) = started(lab, &Launch::default()).await;
    lab.settle(&step.destination, &copy).await;
    let back = CopyStep {
        source_region: step.destination.clone(),
        destination: step.source_region.clone(),
        ..copy_step(lab, &copy)
    };
    let again = lab.distribute_image().copy_image(&back).await.expect("CopyImage");
    assert_eq!(seen(lab, &back.destination, &again).await.source_image, Some(copy));
}

fn minutes(minutes: u32) -> Option<CopyMinutes> {
    Some(CopyMinutes::new(minutes).unwrap())
}

/// Time-based copies go "within and across AWS Regions" (EBS User Guide, Time-based copies), so at
/// home too.
async fn a_copy_has_the_time_that_it_was_given_and_no_other(lab: &impl Lab) {
    let source = available(lab, &volumes(&[Volume::Plain, Volume::Plain])).await;
    for (destination, within_minutes) in [
        (lab.elsewhere(), minutes(15)),
        (lab.elsewhere(), minutes(2880)),
        (lab.elsewhere(), None),
        (lab.home(), minutes(60)),
    ] {
        let step = CopyStep {
            destination,
            within_minutes,
            kms_key: Some(lab.key()),
            ..copy_step(lab, &source)
        };
        let copy = copied(lab, &step).await;
        assert_eq!(copy.state, ImageState::Available);
        let promised = within_minutes.map(CopyMinutes::get);
        assert_eq!(lab.promised_minutes(&step.destination, &copy.id).await, [promised, promised]);
    }
}

async fn the_same_token_stands_for_one_time_only(lab: &impl Lab) {
    let step = CopyStep {
        within_minutes: minutes(60),
        ..copy_step(lab, &available(lab, &Launch::default()).await)
    };
    let copy = lab.distribute_image().copy_image(&step).await.expect("CopyImage");
    assert_eq!(lab.distribute_image().copy_image(&step).await, Ok(copy));
    for within_minutes in [minutes(75), None] {
        let refused =
            lab.distribute_image().copy_image(&CopyStep { within_minutes, ..step.clone() }).await;
        let refused = refused.expect_err("another request");
        assert_eq!(
            (refused.code.as_str(), refused.fault),
            ("IdempotentParameterMismatch", Fault::Reject)
        );
    }
}
