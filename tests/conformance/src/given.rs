//! What expectations begin with: steps, images and families, no two alike.

use crate::lab::Lab;
use amiline_app::ports::{Committed, ImageCopier};
use amiline_app::ports::{ImageCreator, ImageReader, RecordWriter};
use amiline_domain::description::ImageDescription;
use amiline_domain::family::{
    Family, FormerStatus, ImageRole, ImageRow, Phase, Role, RowState, ShareState,
};
use amiline_domain::ids::{
    AccountId, DeviceName, FamilyId, ImageId, InstanceId, KeyAlias, PolicyName, Region, SnapshotId,
    StackName,
};
use amiline_domain::image::InstanceName;
use amiline_domain::image::ObservedImage;
use amiline_domain::key::ImageKey;
use amiline_domain::making::{Making, Treatment};
use amiline_domain::name::ImageName;
use amiline_domain::plan::{CopyStep, CreateStep};
use amiline_domain::policy::PolicyRef;
use amiline_domain::reason::{AwsError, ImageReason, Rejection, Repeats, RequestReason};
use amiline_domain::record::{Expected, FamilyChange, Transaction, Write};
use amiline_domain::tags::{Button, TagKey, TagValue, Trigger};
use amiline_domain::target::ShareTarget;
use amiline_domain::time::{Slot, plus_seconds};
use amiline_domain::work::{Lease, WorkState};
use amiline_fakecloud::{Launch, Volume};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The tag key by which the suite finds its images.
pub(crate) const INTENT: &str = "conformance:intent";

/// A moment in whole seconds, later than any clock that the suite meets; the same in every place.
pub(crate) fn later() -> Timestamp {
    "2031-05-06T07:08:09Z".parse().unwrap()
}

pub(crate) fn family_id(number: u32) -> FamilyId {
    FamilyId::new(format!("fam-{number:016x}")).unwrap()
}

/// Why an image failed.
pub(crate) fn failed(message: &str) -> ImageReason {
    ImageReason::FailedInEc2 { message: Some(message.to_owned()) }
}

fn error(message: &str) -> AwsError {
    AwsError::new(
        "ec2:ModifyImageAttribute",
        "InvalidAMIAttributeItemValue",
        message,
        Some("request-1"),
    )
}

/// An id that no instance has.
pub(crate) fn instance_id(number: u32) -> InstanceId {
    InstanceId::new(format!("i-{number:08x}")).unwrap()
}

/// An id that no image has.
pub(crate) fn image_id(number: u32) -> ImageId {
    ImageId::new(format!("ami-{number:08x}")).unwrap()
}

/// An account that nobody else has.
pub(crate) fn account_id(number: u32) -> AccountId {
    AccountId::new(format!("{number:012}")).unwrap()
}

pub(crate) fn name(lab: &impl Lab, instance: &InstanceId) -> ImageName {
    let family = family_id(lab.number());
    let policy = PolicyName::new("conformance").unwrap();
    ImageName::new(&policy, instance, Slot::next(later(), None), &ImageKey::create(&family, 1), 0)
}

/// CreateImage of an instance at home, under a name that nobody has, with tags that nobody has.
pub(crate) fn create_step(lab: &impl Lab, instance: &InstanceId) -> CreateStep {
    let name = name(lab, instance);
    let tags = [(INTENT.to_owned(), name.to_string()), ("Name".to_owned(), "an image".to_owned())];
    CreateStep {
        region: lab.home(),
        instance: instance.clone(),
        name,
        description: description(instance),
        reboot: false,
        devices: BTreeMap::new(),
        tags: tags.into(),
    }
}

fn description(instance: &InstanceId) -> ImageDescription {
    ImageDescription::usual(None, instance, None, Slot::at(Timestamp::UNIX_EPOCH))
}

/// CopyImage from home to the other Region, under a name and a token that nobody has.
pub(crate) fn copy_step(lab: &impl Lab, source: &ImageId) -> CopyStep {
    let name = name(lab, &instance_id(lab.number()));
    let key = ImageKey::create(&family_id(lab.number()), 1);
    CopyStep {
        source_region: lab.home(),
        source: source.clone(),
        destination: lab.elsewhere(),
        description: description(&instance_id(lab.number())),
        client_token: key.client_token(0),
        encrypted: false,
        kms_key: None,
        within_minutes: None,
        tags: [(INTENT.to_owned(), name.to_string())].into(),
        name,
    }
}

/// What becomes of a device.
pub(crate) fn device(name: &str, treatment: Treatment) -> (DeviceName, Treatment) {
    (DeviceName::new(name).unwrap(), treatment)
}

pub(crate) fn volumes(volumes: &[Volume]) -> Launch {
    Launch { volumes: volumes.to_vec(), ..Launch::default() }
}

pub(crate) async fn launched(lab: &impl Lab, launch: &Launch) -> InstanceId {
    lab.launch(&lab.home(), launch, 1).await.remove(0)
}

/// A pending image at home.
pub(crate) async fn pending(lab: &impl Lab, launch: &Launch) -> ImageId {
    let instance = launched(lab, launch).await;
    lab.create_image().create_image(&create_step(lab, &instance)).await.expect("CreateImage")
}

/// An available image at home.
pub(crate) async fn available(lab: &impl Lab, launch: &Launch) -> ImageId {
    let image = pending(lab, launch).await;
    lab.settle(&lab.home(), &image).await;
    image
}

/// A copy, as it is when it is no longer pending.
pub(crate) async fn copied(lab: &impl Lab, step: &CopyStep) -> ObservedImage {
    let copy = lab.distribute_image().copy_image(step).await.expect("CopyImage");
    lab.settle(&step.destination, &copy).await;
    seen(lab, &step.destination, &copy).await
}

/// The image as a describe shows it.
pub(crate) async fn seen(lab: &impl Lab, region: &Region, image: &ImageId) -> ObservedImage {
    let mut images = lab
        .create_image()
        .images_by_id(region, std::slice::from_ref(image))
        .await
        .expect("a describe");
    assert_eq!(images.len(), 1, "{image} in {region}: {images:?}");
    images.remove(0)
}

/// An image's row of a family, with something in every field.
pub(crate) fn row(lab: &impl Lab, image_role: ImageRole, now: Timestamp) -> ImageRow {
    let number = lab.number();
    let region = match &image_role {
        ImageRole::Source => lab.home(),
        ImageRole::Copy(region) => region.clone(),
    };
    ImageRow {
        pending_since: None,
        maybe_made: false,
        refused: Some(ImageReason::NotByDeadline {
            hours: 24,
            last: Some(Box::new(ImageReason::SourceGone)),
        }),
        recheck: None,
        region,
        image_role,
        written_at: 1,
        attempt: 2,
        rename: 3,
        name: name(lab, &instance_id(number)),
        state: RowState::Pending,
        image: Some(image_id(number)),
        since: now,
        called_at: Some(plus_seconds(now, 1)),
        looked_at: None,
        refusals: 4,
        not_before: Some(plus_seconds(now, 2)),
        name_owner: Some(image_id(lab.number())),
        reason: Some(failed("\"quoted\"\n\u{1F4A5} and '' empty")),
        snapshots: vec![SnapshotId::new(format!("snap-{number:08x}")).unwrap()],
        encrypted: Some(true),
        as_wanted: None,
        share: ShareState::Shared,
        shared_with: [ShareTarget::Account(lab.other_account())].into(),
        refused_targets: [(ShareTarget::Account(lab.other_account()), error("closed"))].into(),
        shared_at: None,
        shared_by_others: BTreeSet::new(),
        public: false,
        duplicates: [image_id(lab.number())].into(),
    }
}

/// A family that nobody has: with an image, a copy, and something in every field, but neither a
/// lease nor a due time.
pub(crate) fn family(lab: &impl Lab, now: Timestamp) -> Family {
    let number = lab.number();
    let rows = [row(lab, ImageRole::Source, now), row(lab, ImageRole::Copy(lab.elsewhere()), now)];
    let mut family = Family {
        reopen: false,
        id: family_id(number),
        work: WorkState { version: 1, ..WorkState::new() },
        stack: StackName::new("conformance").unwrap(),
        account: lab.account(),
        region: lab.home(),
        instance: instance_id(number),
        instance_name: InstanceName::of("web-1"),
        rejected_policy: Some(PolicyName::new("default").unwrap()),
        rejection: Some(RequestReason {
            rejection: Rejection::TooSoon { free: now },
            repeats: Some(Repeats { count: 2, since: now }),
        }),
        trigger: Trigger::Press(Button::Image),
        slot: Slot::next(now, None),
        requested: "default".to_owned(),
        policy: Some(PolicyRef {
            name: PolicyName::new("default").unwrap(),
            hash: "0123abcd".to_owned(),
        }),
        making: Making {
            hibernation: false,
            stem: "conformance/web-1".to_owned().try_into().ok(),
            description: ImageDescription::try_from("Shop, live".to_owned()).ok(),
            tags: [("Cost Center: \u{1F4A5}", ""), ("b", "\n'\"")]
                .map(|(key, value)| (TagKey::new(key).unwrap(), TagValue::new(value).unwrap()))
                .into(),
            devices: [device("/dev/sdb", Treatment::LeftOut), device("xvdf", Treatment::Kept)]
                .into(),
        },
        phase: Phase::Working,
        outcome: None,
        status: Some("working: 1 of 2".to_owned()),
        status_image: Some(image_id(lab.number())),
        status_due: true,
        status_over: Some(FormerStatus {
            words: ["failed", "available"].map(str::to_owned).into(),
            doubted: true,
        }),
        other_value: Some("two words \u{1F4A5}".to_owned()),
        answer_refusals: 5,
        answer_not_before: Some(plus_seconds(now, 3)),
        round: 6,
        seq: 0,
        last_hash: String::new(),
        created_at: now,
        row_versions: BTreeMap::new(),
        rows: rows.into_iter().map(|row| (row.image_role.clone(), row)).collect(),
    };
    let roles: BTreeSet<ImageRole> = family.rows.keys().cloned().collect();
    family.stamp(&roles);
    family
}

pub(crate) fn lease(holder: &str, until: Timestamp) -> Option<Lease> {
    Some(Lease { holder: holder.to_owned(), until })
}

pub(crate) fn look(at: Timestamp, role: Role) -> Option<(Timestamp, Role)> {
    Some((at, role))
}

/// What writes a new family with its rows, and nothing else.
pub(crate) fn beginning(family: &Family) -> FamilyChange {
    FamilyChange {
        family: family.clone(),
        expected: Expected::Absent,
        pending_hints: None,
        rows: family.rows.values().cloned().collect(),
        pointers: Vec::new(),
        history: Vec::new(),
        with: Vec::new(),
    }
}

/// What writes the family's next version, with no row.
pub(crate) fn change(family: &mut Family) -> FamilyChange {
    let before = family.work.version;
    family.work.version = before + 1;
    FamilyChange { expected: Expected::Revision(before), rows: Vec::new(), ..beginning(family) }
}

/// Commits, and gives the answer.
pub(crate) async fn committed(records: &impl RecordWriter, writes: Vec<Write>) -> Committed {
    let transaction = Transaction::new(writes).expect("a transaction");
    records.commit(&transaction).await.expect("an answer")
}

/// Commits, and expects it to be written.
pub(crate) async fn write(records: &impl RecordWriter, change: &FamilyChange) {
    let transaction = change.clone().transaction().expect("a transaction");
    assert_eq!(records.commit(&transaction).await, Ok(Committed::Yes), "{:?}", change.family.id);
}

/// Commits, and expects a conflict.
pub(crate) async fn conflict(records: &impl RecordWriter, change: &FamilyChange, why: &str) {
    let transaction = change.clone().transaction().expect("a transaction");
    assert_eq!(records.commit(&transaction).await, Ok(Committed::Conflict), "{why}");
}

/// One volume under a customer key.
pub(crate) fn under(key: &KeyAlias) -> Launch {
    volumes(&[Volume::Under(key.to_string())])
}
