//! ModifyImageAttribute.

use crate::{cloud, create, east};
use amiline_app::ports::{
    CallError, ImageCreator, ImageLister, ImageReader, ImageSharer, PermissionReader,
};
use amiline_domain::family::ImageRole;
use amiline_domain::ids::{AccountId, ImageId};
use amiline_domain::plan::ShareStep;
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::{FakeCloud, Launch, Permission, Volume, block_on};
use std::collections::BTreeSet;

fn other() -> AccountId {
    AccountId::new("222222222222").unwrap()
}

fn image(cloud: &FakeCloud, volume: Volume) -> ImageId {
    let instance =
        cloud.launch_with(&east(), Launch { volumes: vec![volume], ..Launch::default() });
    block_on(cloud.as_caller("x").create_image(&create(&instance, "one"))).unwrap()
}

fn share(cloud: &FakeCloud, image: &ImageId) -> Result<(), CallError> {
    share_with(cloud, image, ShareTarget::Account(other()))
}

fn share_with(cloud: &FakeCloud, image: &ImageId, target: ShareTarget) -> Result<(), CallError> {
    let targets = BTreeSet::from([target]);
    let step =
        ShareStep { image_role: ImageRole::Source, region: east(), image: image.clone(), targets };
    block_on(cloud.as_caller("x").share_image(&step))
}

#[test]
fn a_pending_image_cannot_be_shared_and_an_available_one_can_twice() {
    let cloud = cloud();
    let image = image(&cloud, Volume::Plain);
    let error = share(&cloud, &image).unwrap_err();
    assert!(
        error.code == "InvalidAMIID.Unavailable" && error.message.contains("currently pending")
    );
    cloud.advance(60);
    assert!(share(&cloud, &image).is_ok() && share(&cloud, &image).is_ok());
    assert_eq!(
        cloud.launch_permissions(&east(), &image),
        BTreeSet::from([Permission::account(other())])
    );
}

#[test]
fn an_organization_and_its_unit_are_permissions_of_their_own() {
    let cloud = cloud();
    let image = image(&cloud, Volume::Plain);
    cloud.advance(60);
    let targets = [
        "arn:aws:organizations::123456789012:organization/o-123example",
        "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111",
    ]
    .map(|text| text.parse::<ShareTarget>().unwrap());
    for target in &targets {
        assert!(share_with(&cloud, &image, target.clone()).is_ok());
    }
    let permissions = targets.map(Permission::Target);
    assert_eq!(cloud.launch_permissions(&east(), &image), BTreeSet::from(permissions));
}

#[test]
fn an_image_under_the_key_of_aws_cannot_be_shared() {
    let cloud = cloud();
    let image = image(&cloud, Volume::AwsManaged);
    cloud.advance(60);
    assert_eq!(share(&cloud, &image).unwrap_err().code, "InvalidParameter");
}

#[test]
fn disabling_an_image_removes_its_shares_and_enabling_does_not_bring_them_back() {
    let cloud = cloud();
    let image = image(&cloud, Volume::Plain);
    cloud.advance(60);
    share(&cloud, &image).unwrap();
    cloud.disable(&east(), &image);
    assert!(cloud.launch_permissions(&east(), &image).is_empty());
    assert_eq!(share(&cloud, &image).unwrap_err().code, "InvalidAMIID.Unavailable");
    cloud.enable(&east(), &image);
    assert!(cloud.launch_permissions(&east(), &image).is_empty());
}

#[test]
fn people_share_under_the_same_rules() {
    let cloud = cloud();
    cloud.create_key(&east(), "alias/amiline");
    let image = image(&cloud, Volume::Under("alias/amiline".to_owned()));
    cloud.advance(60);
    assert!(cloud.share(&east(), &image, Permission::account(other())).is_ok());
    assert_eq!(
        cloud.share(&east(), &image, Permission::Everybody),
        Err("OperationNotPermitted".to_owned())
    );
    cloud.unshare(&east(), &image, &Permission::account(other()));
    assert!(cloud.launch_permissions(&east(), &image).is_empty());
}

#[test]
fn who_may_launch_an_image_is_shown_to_whoever_asks_and_no_event_tells_it() {
    let cloud = cloud();
    let image = image(&cloud, Volume::Plain);
    cloud.advance(60);
    let events = cloud.events().len();
    share(&cloud, &image).unwrap();
    cloud.share(&east(), &image, Permission::Everybody).unwrap();
    let world = cloud.as_caller("x");
    let friend = ShareTarget::Account(other());
    assert_eq!(block_on(world.launch_permissions(&east(), &image)), Ok(BTreeSet::from([friend])));
    assert!(block_on(world.images_by_id(&east(), std::slice::from_ref(&image))).unwrap()[0].public);
    let tag = |image: &ImageId| {
        cloud.image(&east(), image).tags.first_key_value().map(|(k, v)| (k.clone(), v.clone()))
    };
    let (key, value) = tag(&image).unwrap();
    let listed = Ok(vec![(image.clone(), value)]);
    assert_eq!(block_on(world.images_tagged(&east(), &key)), listed);
    assert_eq!(block_on(world.public_images_tagged(&east(), &key)), listed);
    cloud.advance(100);
    cloud.unshare(&east(), &image, &Permission::Everybody);
    assert_eq!(block_on(world.public_images_tagged(&east(), &key)), Ok(Vec::new()));
    assert_eq!(cloud.events().len(), events);
    cloud.set_image_lag(&east(), 60);
    cloud.advance(30);
    assert!(
        block_on(world.images_by_id(&east(), std::slice::from_ref(&image))).unwrap()[0].public,
        "reads lag"
    );
    cloud.deregister(&east(), &image);
    assert_eq!(
        block_on(world.launch_permissions(&east(), &image)).unwrap_err().code,
        "InvalidAMIID.Unavailable"
    );
    let unknown = ImageId::new("ami-0000000000000dead").unwrap();
    assert_eq!(
        block_on(world.launch_permissions(&east(), &unknown)).unwrap_err().code,
        "InvalidAMIID.NotFound"
    );
}
