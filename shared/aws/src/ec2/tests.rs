use super::*;
use crate::settings::{CreateImage, DistributeImage, ScheduleTick};
use crate::stub::{Answer, REQUEST, Stub, world};
use amiline_app::ports::{
    CallError, ImageCopier, ImageCreator, ImageReader, ImageSharer, InstanceReader, InstanceTagger,
    KeyReader, TagReader,
};
use amiline_domain::description::ImageDescription;
use amiline_domain::family::ImageRole;
use amiline_domain::fault::{Fault, owner_of_name};
use amiline_domain::ids::{
    AccountId, DeviceName, FamilyId, ImageId, InstanceId, KeyAlias, PolicyName, Region, SnapshotId,
};
use amiline_domain::image::{ImageState, InstanceState, RootDevice};
use amiline_domain::key::ImageKey;
use amiline_domain::making::Treatment;
use amiline_domain::name::ImageName;
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep, TagStep};
use amiline_domain::policy::CopyMinutes;
use amiline_domain::time::Slot;

fn region() -> Region {
    Region::new("us-west-2").unwrap()
}

fn instance() -> InstanceId {
    InstanceId::new("i-0123456789abcdef0").unwrap()
}

fn image() -> ImageId {
    ImageId::new("ami-0123456789abcdef0").unwrap()
}

fn name() -> ImageName {
    let family = FamilyId::new("fam-0123456789abcdef").unwrap();
    let slot = Slot::next("2026-11-24T12:00:00Z".parse().unwrap(), None);
    ImageName::new(
        &PolicyName::new("default").unwrap(),
        &instance(),
        slot,
        &ImageKey::create(&family, 1),
        0,
    )
}

fn step() -> CreateStep {
    let tags = BTreeMap::from([("amiline:intent".to_owned(), "abc".to_owned())]);
    CreateStep {
        region: region(),
        instance: instance(),
        name: name(),
        description: description(),
        reboot: false,
        devices: BTreeMap::new(),
        tags,
    }
}

fn description() -> ImageDescription {
    ImageDescription::usual(
        None,
        &instance(),
        None,
        Slot::next("2026-11-24T01:38:45Z".parse().unwrap(), None),
    )
}

/// An error as EC2 sends it.
fn refused(status: u16, code: &str, message: &str) -> Answer {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>0a1b2c3d-1111-2222-3333-444455556666</RequestID></Response>"
    );
    Some((status, xml))
}

fn done(xml: &str) -> Answer {
    Some((200, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}")))
}

async fn create(answers: Vec<Answer>) -> (Result<ImageId, CallError>, Vec<String>) {
    let stub = Stub::answering(answers).await;
    let result = world::<CreateImage>(&stub.endpoint).create_image(&step()).await;
    (result, stub.asked())
}

#[tokio::test]
async fn errors_are_sorted_by_the_code_in_the_body_and_create_image_is_not_sent_again() {
    let html = Some((503, "<html>Service Unavailable</html>".to_owned()));
    let cases: Vec<(Answer, &str, Fault)> = vec![
        (
            refused(
                400,
                "InvalidAMIName.Duplicate",
                "AMI name a is already in use by AMI ami-0123456789abcdef0",
            ),
            "InvalidAMIName.Duplicate",
            Fault::Reject,
        ),
        (
            refused(403, "UnauthorizedOperation", "You are not authorized"),
            "UnauthorizedOperation",
            Fault::NeedsPerson,
        ),
        (refused(400, "ResourceLimitExceeded", "too many"), "ResourceLimitExceeded", Fault::Later),
        (refused(400, "IncorrectState", "not now"), "IncorrectState", Fault::Later),
        (refused(400, "SomethingNew", "new"), "SomethingNew", Fault::NeedsPerson),
        (
            refused(500, "InternalError", "An internal error has occurred"),
            "InternalError",
            Fault::Unknown,
        ),
        (refused(503, "Unavailable", "The service is unavailable"), "Unavailable", Fault::Unknown),
        (html, "Unreadable", Fault::Unknown),
        (Some((200, "not XML".to_owned())), "Unreadable", Fault::Unknown),
        (None, "Timeout", Fault::Unknown),
        (done("<CreateImageResponse></CreateImageResponse>"), "Unreadable", Fault::Unknown),
    ];
    for (answer, code, fault) in cases {
        let (result, asked) = create(vec![answer.clone()]).await;
        let error = result.unwrap_err();
        assert_eq!((error.code.as_str(), error.fault), (code, fault), "{answer:?}: {error}");
        assert_eq!(asked.len(), 1, "{code}");
        assert_eq!((error.action, &*error.subject), ("ec2:CreateImage", "i-0123456789abcdef0"));
        assert!(!error.message.contains('\n'));
    }
}

/// The end of a denial says which policy denied, and what to decode: both are kept, and the
/// request's id beside them.
#[tokio::test]
async fn a_denial_is_kept_whole_with_the_request_that_it_answers() {
    let message = format!(
        "You are not authorized to perform this operation. User: arn:aws:sts::111111111111:assumed-role/\
         amiline-CreateImageRole-1ABCDEFGHIJK2/amiline-create-image is not authorized to perform: ec2:CreateImage on \
         resource: arn:aws:ec2:us-east-1:111111111111:instance/i-0123456789abcdef0 with an explicit deny in a service \
         control policy: arn:aws:organizations::222222222222:policy/o-123example/service_control_policy/p-abcdefgh. Encoded \
         authorization failure message: {}",
        "4fVx".repeat(225)
    );
    let (result, _) = create(vec![refused(403, "UnauthorizedOperation", &message)]).await;
    let error = result.unwrap_err();
    assert_eq!(&*error.message, message);
    assert_eq!(error.request_id.as_deref(), Some(REQUEST));
    assert_eq!(
        error.aws_error().to_string(),
        format!("UnauthorizedOperation (request {REQUEST}): {message}")
    );
}

#[tokio::test]
async fn the_holder_of_a_taken_name_is_in_the_message() {
    let (result, _) = create(vec![refused(
        400,
        "InvalidAMIName.Duplicate",
        "AMI name a is already in use by AMI ami-0123456789abcdef0",
    )])
    .await;
    assert_eq!(owner_of_name(&result.unwrap_err().message), Some(image()));
}

#[tokio::test]
async fn nobody_listening_is_no_answer() {
    let world = world::<CreateImage>("http://127.0.0.1:1");
    let error = world.create_image(&step()).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.fault), ("NoAnswer", Fault::Unknown));
}

#[tokio::test]
async fn create_image_is_sent_again_after_a_throttling_refusal_only_and_three_times_at_most() {
    let throttled = || refused(503, "RequestLimitExceeded", "Request limit exceeded.");
    let (result, asked) = create(vec![throttled()]).await;
    assert_eq!(result.unwrap_err().fault, Fault::Later);
    assert_eq!(asked.len(), 3);
    let made =
        done("<CreateImageResponse><imageId>ami-0123456789abcdef0</imageId></CreateImageResponse>");
    let (result, asked) = create(vec![throttled(), made]).await;
    assert_eq!(result.unwrap(), image());
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1]);
    for part in [
        "Action=CreateImage",
        "NoReboot=true",
        "InstanceId=i-0123456789abcdef0",
        "TagSpecification.1.ResourceType=image",
        "TagSpecification.2.ResourceType=snapshot",
        "TagSpecification.2.Tag.1.Key=amiline:intent",
        "TagSpecification.2.Tag.1.Value=abc",
    ] {
        assert!(asked[0].contains(part), "{part} in {}", asked[0]);
    }
    assert!(!asked[0].contains("BlockDeviceMapping"), "{}", asked[0]);
}

#[tokio::test]
async fn only_the_devices_that_are_to_differ_are_named_and_one_that_is_left_out_has_an_empty_no_device()
 {
    let made =
        done("<CreateImageResponse><imageId>ami-0123456789abcdef0</imageId></CreateImageResponse>");
    let stub = Stub::answering(vec![made]).await;
    let devices = [
        ("/dev/sdb", Treatment::LeftOut),
        ("/dev/sdc", Treatment::Deleted),
        ("xvdd", Treatment::Kept),
    ];
    let devices =
        devices.map(|(name, treatment)| (DeviceName::new(name).unwrap(), treatment)).into();
    world::<CreateImage>(&stub.endpoint)
        .create_image(&CreateStep { devices, ..step() })
        .await
        .unwrap();
    let asked = stub.asked();
    for part in [
        "BlockDeviceMapping.1.DeviceName=/dev/sdb",
        "BlockDeviceMapping.1.NoDevice=&",
        "BlockDeviceMapping.2.DeviceName=/dev/sdc",
        "BlockDeviceMapping.2.Ebs.DeleteOnTermination=true",
        "BlockDeviceMapping.3.DeviceName=xvdd",
        "BlockDeviceMapping.3.Ebs.DeleteOnTermination=false",
    ] {
        assert!(asked[0].contains(part), "{part} in {}", asked[0]);
    }
    assert!(
        !asked[0].contains("BlockDeviceMapping.1.Ebs")
            && !asked[0].contains("BlockDeviceMapping.4"),
        "{}",
        asked[0]
    );
}

#[tokio::test]
async fn a_copy_is_asked_for_in_the_destination_with_token_key_and_tags() {
    let made =
        || done("<CopyImageResponse><imageId>ami-0123456789abcdef0</imageId></CopyImageResponse>");
    let stub = Stub::answering(vec![made()]).await;
    let world = world::<DistributeImage>(&stub.endpoint);
    let mut step = CopyStep {
        source_region: Region::new("us-east-1").unwrap(),
        source: image(),
        destination: region(),
        name: name(),
        description: description(),
        client_token: "token".to_owned(),
        encrypted: false,
        kms_key: None,
        within_minutes: None,
        tags: step().tags,
    };
    assert_eq!(world.copy_image(&step).await.unwrap(), image());
    step.encrypted = true;
    world.copy_image(&step).await.unwrap();
    step.kms_key = Some(KeyAlias::new("alias/amiline").unwrap());
    step.within_minutes = Some(CopyMinutes::new(60).unwrap());
    world.copy_image(&step).await.unwrap();
    let asked = stub.asked();
    for part in [
        "SourceRegion=us-east-1",
        "SourceImageId=ami-0123456789abcdef0",
        "ClientToken=token",
        "Description=Image of i-0123456789abcdef0, asked for at 2026-11-24 01:38 UTC",
        "TagSpecification.2.Tag.1.Key=amiline:intent",
    ] {
        assert!(asked[0].contains(part), "{part} in {}", asked[0]);
    }
    assert!(
        !asked[0].contains("Encrypted")
            && !asked[0].contains("KmsKeyId")
            && !asked[0].contains("CopyImageTags")
    );
    assert!(
        asked[1].contains("Encrypted=true") && !asked[1].contains("KmsKeyId"),
        "the default key: {}",
        asked[1]
    );
    assert!(asked[2].contains("Encrypted=true") && asked[2].contains("KmsKeyId=alias/amiline"));
    assert!(!asked[0].contains("Minutes"), "a time has its price: {}", asked[0]);
    assert!(asked[2].contains("SnapshotCopyCompletionDurationMinutes=60"), "{}", asked[2]);
}

#[tokio::test]
async fn tags_are_removed_by_key_and_value_and_shares_name_no_group() {
    let stub = Stub::answering(vec![done("<Response><return>true</return></Response>")]).await;
    let world = world::<DistributeImage>(&stub.endpoint);
    let tag = TagStep {
        region: region(),
        instance: instance(),
        key: "amiline:image".to_owned(),
        value: "default".to_owned(),
    };
    world.remove_tag(&tag).await.unwrap();
    world.write_tag(&tag).await.unwrap();
    let targets = [
        "222222222222",
        "arn:aws:organizations::123456789012:organization/o-123example",
        "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111",
    ];
    let targets = targets.map(|text| text.parse().unwrap()).into();
    world
        .share_image(&ShareStep {
            image_role: ImageRole::Source,
            region: region(),
            image: image(),
            targets,
        })
        .await
        .unwrap();
    let asked = stub.asked();
    for (body, action) in asked.iter().zip(["DeleteTags", "CreateTags"]) {
        assert!(body.contains(&format!("Action={action}")), "{body}");
        assert!(body.contains("Tag.1.Key=amiline:image&Tag.1.Value=default"), "{body}");
        assert!(!body.contains("Tag.2"), "{body}");
    }
    for part in [
        "LaunchPermission.Add.1.UserId=222222222222",
        "LaunchPermission.Add.2.OrganizationArn=arn:aws:organizations::123456789012:organization/o-123example",
        "LaunchPermission.Add.3.OrganizationalUnitArn=arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111",
    ] {
        assert!(asked[2].contains(part), "{part} in {}", asked[2]);
    }
    assert!(!asked[2].contains("Group") && !asked[2].contains("Remove"));
}

#[tokio::test]
async fn images_are_read_with_every_page_and_disabled_ones() {
    let page = |id: &str, state: &str, devices: &str, next: &str| {
        done(&format!(
            "<DescribeImagesResponse><imagesSet><item><imageId>{id}</imageId><name>n</name><imageState>{state}</imageState><imageOwnerId>111111111111</imageOwnerId><sourceInstanceId>i-0123456789abcdef0</sourceInstanceId><stateReason><code>Client.X</code><message>why</message></stateReason><blockDeviceMapping>{devices}</blockDeviceMapping><tagSet><item><key>amiline:intent</key><value>abc</value></item></tagSet></item></imagesSet>{next}</DescribeImagesResponse>"
        ))
    };
    let device = |id: &str, encrypted: bool| {
        format!(
            "<item><deviceName>/dev/a</deviceName><ebs><snapshotId>{id}</snapshotId><encrypted>{encrypted}</encrypted></ebs></item>"
        )
    };
    let both = format!(
        "{}{}<item><virtualName>ephemeral0</virtualName></item>",
        device("snap-0123456789abcdef0", true),
        device("snap-0123456789abcdef1", true)
    );
    let stub = Stub::answering(vec![
        page("ami-0123456789abcdef0", "available", &both, "<nextToken>more</nextToken>"),
        page("ami-0123456789abcdef1", "error", &device("snap-0123456789abcdef2", false), ""),
        page("ami-0123456789abcdef2", "disabled", "", ""),
    ])
    .await;
    let world = world::<DistributeImage>(&stub.endpoint);
    let images = world.images_by_tag(&region(), "amiline:intent", "abc").await.unwrap();
    assert_eq!(images.len(), 2);
    assert_eq!(
        (images[0].state, images[0].encrypted, images[0].snapshots.len()),
        (ImageState::Available, true, 2)
    );
    assert_eq!(images[0].owner, Some(AccountId::new("111111111111").unwrap()));
    assert_eq!(images[0].source_instance, Some(instance()));
    assert_eq!((images[1].state, images[1].encrypted), (ImageState::Failed, false));
    assert_eq!(images[1].state_reason.as_deref(), Some("why"));
    let images = world.images_by_id(&region(), &[image()]).await.unwrap();
    assert_eq!((images[0].state, images[0].encrypted), (ImageState::Disabled, false));
    assert!(world.images_by_id(&region(), &[]).await.unwrap().is_empty());
    let asked = stub.asked();
    assert_eq!(asked.len(), 3);
    for body in &asked {
        for part in
            ["IncludeDisabled=true", "IncludeDeprecated=true", "Owner.1=self", "MaxResults=1000"]
        {
            assert!(body.contains(part), "{part} in {body}");
        }
        assert!(!body.contains("ImageId.1"));
    }
    assert!(asked[0].contains("Filter.1.Name=tag:amiline:intent"));
    assert!(asked[1].contains("NextToken=more"));
    assert!(asked[2].contains("Filter.1.Name=image-id&Filter.1.Value.1=ami-0123456789abcdef0"));
}

#[tokio::test]
async fn an_instance_that_ec2_does_not_know_is_none() {
    let stub = Stub::answering(vec![
        refused(400, "InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist"),
        done("<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId><instanceState><code>48</code><name>terminated</name></instanceState><hibernationOptions><configured>true</configured></hibernationOptions><rootDeviceType>instance-store</rootDeviceType><rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/sdf</deviceName><ebs><volumeId>vol-1</volumeId></ebs></item><item><deviceName>no device</deviceName></item></blockDeviceMapping><tagSet><item><key>a</key><value>b</value></item></tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>"),
        done("<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId><instanceState><code>99</code><name>paused</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>"),
        refused(403, "UnauthorizedOperation", "no"),
    ])
    .await;
    let world = world::<CreateImage>(&stub.endpoint);
    assert_eq!(world.instance(&region(), &instance()).await.unwrap(), None);
    let seen = world.instance(&region(), &instance()).await.unwrap().unwrap();
    assert_eq!(
        (seen.state, seen.root_device),
        (InstanceState::Terminated, RootDevice::InstanceStore)
    );
    assert_eq!(seen.tags["a"], "b");
    assert!(seen.hibernation);
    assert_eq!(seen.root_name, DeviceName::new("/dev/sda1").ok());
    assert_eq!(
        seen.devices,
        [DeviceName::new("/dev/sdf").unwrap()].into(),
        "what no policy can name is passed over"
    );
    let unknown = world.instance(&region(), &instance()).await.unwrap_err();
    assert_eq!(
        (unknown.code.as_str(), unknown.fault),
        ("Unreadable", Fault::Unknown),
        "no state that EC2 documents"
    );
    assert_eq!(world.instance(&region(), &instance()).await.unwrap_err().fault, Fault::NeedsPerson);
}

#[tokio::test]
async fn pressed_buttons_are_found_by_key() {
    let stub = Stub::answering(vec![done("<DescribeTagsResponse><tagSet><item><resourceId>i-0123456789abcdef0</resourceId><resourceType>instance</resourceType><key>amiline:image</key><value>x</value></item><item><resourceId>strange</resourceId></item></tagSet></DescribeTagsResponse>")]).await;
    let found = world::<ScheduleTick>(&stub.endpoint)
        .instances_tagged(&region(), "amiline:image")
        .await
        .unwrap();
    assert_eq!(found, [(instance(), "x".to_owned())]);
    let asked = stub.asked();
    for part in [
        "Filter.1.Name=key&Filter.1.Value.1=amiline:image",
        "Filter.2.Name=resource-type&Filter.2.Value.1=instance",
    ] {
        assert!(asked[0].contains(part), "{part} in {}", asked[0]);
    }
}

#[tokio::test]
async fn keys_are_not_concluded_from_a_part_of_the_snapshots() {
    let snapshots = [
        SnapshotId::new("snap-0123456789abcdef0").unwrap(),
        SnapshotId::new("snap-0123456789abcdef1").unwrap(),
    ];
    let one = done(
        "<DescribeSnapshotsResponse><snapshotSet><item><snapshotId>snap-0123456789abcdef0</snapshotId><kmsKeyId>arn:aws:kms:us-west-2:111111111111:key/k</kmsKeyId></item></snapshotSet></DescribeSnapshotsResponse>",
    );
    let alias = KeyAlias::new("alias/amiline").unwrap();
    let stub = Stub::answering(vec![one]).await;
    let error = world::<DistributeImage>(&stub.endpoint)
        .snapshot_keys(&region(), &snapshots, &alias)
        .await
        .unwrap_err();
    assert_eq!((error.code.as_str(), error.fault), ("InvalidSnapshot.NotFound", Fault::Later));
    let missing = Some((
        400,
        "{\"__type\":\"NotFoundException\",\"message\":\"Alias is not found.\"}".to_owned(),
    ));
    let stub = Stub::answering(vec![missing]).await;
    let keys = world::<DistributeImage>(&stub.endpoint)
        .snapshot_keys(&region(), &[], &alias)
        .await
        .unwrap();
    assert_eq!((keys.keys.len(), keys.wanted), (0, None));
    assert_eq!(stub.asked().len(), 1, "no snapshots are described without ids");
    // An alias that is minutes old does not count in authorization yet. That says nothing about the
    // key.
    let denied = Some((
        400,
        "{\"__type\":\"AccessDeniedException\",\"message\":\"no identity-based policy\"}"
            .to_owned(),
    ));
    let stub = Stub::answering(vec![denied]).await;
    let error = world::<DistributeImage>(&stub.endpoint)
        .snapshot_keys(&region(), &[], &alias)
        .await
        .unwrap_err();
    assert_eq!(error.code, "AccessDeniedException");
}
