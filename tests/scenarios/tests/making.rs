//! How a policy says that images are made: names, tags and devices, from the press to the last
//! copy.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]

use amiline_domain::budget::Budget;
use amiline_domain::family::{Family, ImageRole, Outcome};
use amiline_domain::ids::{AccountId, InstanceId, PolicyName, StackName, TagPrefix};
use amiline_domain::image::{InstanceState, ObservedInstance, RootDevice};
use amiline_domain::key::ImageKey;
use amiline_domain::look::Admission;
use amiline_domain::name::{RENAMES_MAX, TextTemplate};
use amiline_domain::plan::{Begun, begin};
use amiline_domain::policy::{Policy, PolicyRef};
use amiline_domain::press::Press;
use amiline_domain::reason::ImageReason;
use amiline_domain::tags::{TagKey, TagKeys, TagValue};
use amiline_domain::time::Slot;
use amiline_fakecloud::{FaultKind, FaultRule, Image, Launch, Volume, block_on};
use amiline_scenarios::{House, east, europe, west};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const POLICY: &str = r#"{"create":{"name":"{tag:Name}/{date}","tags":{"Stage":"test","Empty":""},"carry_tags":["Team","Owner"],
    "exclude_devices":["/dev/sdb","/dev/sdf"],"delete_on_termination":{"/dev/sdc":false,"/dev/sdz":true}},
    "encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":["us-west-2","eu-west-1"]}}"#;

fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A house whose policy `web` is this one, and an instance of three volumes with these tags.
fn house(policy: &str, instance: &[(&str, &str)]) -> (House, InstanceId) {
    let house = House::new();
    house.cloud.put_policy("web", policy);
    let volumes = vec![Volume::Under("alias/amiline".to_owned()); 3];
    let instance = house
        .cloud
        .launch_with(&east(), Launch { volumes, tags: tags(instance), ..Launch::default() });
    house.cloud.press(&east(), &instance, "web");
    (house, instance)
}

/// Every image of the family.
fn images(house: &House) -> Vec<Image> {
    let rows = house.family().rows.into_values();
    rows.map(|row| house.cloud.image(&row.region, &row.image.unwrap())).collect()
}

fn theirs(image: &Image) -> BTreeMap<String, String> {
    let ours = |key: &str| key.starts_with("amiline:") || key == "amiline-stack" || key == "Name";
    image.tags.clone().into_iter().filter(|(key, _)| !ours(key)).collect()
}

#[test]
fn every_image_has_the_name_the_tags_and_the_devices_of_the_policy() {
    let (house, _) = house(POLICY, &[("Name", "shop front"), ("Team", "web"), ("Secret", "x")]);
    house.live(15);
    house.assert_at_rest(Outcome::Complete);
    let images = images(&house);
    assert_eq!(
        images.iter().map(|image| image.region.clone()).collect::<BTreeSet<_>>(),
        [east(), europe(), west()].into()
    );
    let expected = tags(&[("Stage", "test"), ("Empty", ""), ("Team", "web")]);
    let mut names = BTreeSet::new();
    for image in &images {
        assert_eq!(theirs(image), expected);
        for snapshot in house
            .cloud
            .snapshots(&image.region)
            .iter()
            .filter(|snapshot| snapshot.image == image.id)
        {
            assert_eq!(snapshot.tags, image.tags);
        }
        let devices: Vec<(&str, bool)> = image
            .devices
            .iter()
            .map(|device| (device.name.as_str(), device.delete_on_termination))
            .collect();
        assert_eq!(devices, [("/dev/xvda", true), ("/dev/sdc", false)]);
        let day = house.family().slot.date();
        assert!(image.name.starts_with(&format!("shop-front/{day}-")), "{}", image.name);
        assert!(names.insert(image.name.clone()), "every image has a name of its own");
    }
}

#[test]
fn what_becomes_of_the_instances_tags_later_changes_nothing() {
    let (house, instance) = house(POLICY, &[("Name", "shop"), ("Team", "web")]);
    house.cloud.fail_next(&east(), "Client.InternalError");
    house.deliver();
    for (key, value) in [("Name", "other"), ("Team", "thieves"), ("Owner", "thieves")] {
        house.cloud.tag(&east(), &instance, key, value);
    }
    assert!(house.cloud.attach(&east(), &instance, "/dev/sdf", &Volume::Plain));
    house.live(10);
    let family = house.family();
    assert_eq!(family.outcome, Some(Outcome::Failed));
    block_on(amiline_app::retry::retry(&house.cloud.as_caller("operator"), &family.id)).unwrap();
    house.live(15);
    assert_eq!(house.family().outcome, Some(Outcome::Complete), "{}", house.cloud.trace());
    for image in images(&house) {
        assert_eq!(theirs(&image), tags(&[("Stage", "test"), ("Empty", ""), ("Team", "web")]));
        assert!(image.name.starts_with("shop/"), "{}", image.name);
        assert!(
            !image.devices.iter().any(|device| device.name.as_str() == "/dev/sdf"),
            "attached later, and left out"
        );
    }
}

#[test]
fn a_policy_that_leaves_out_the_root_is_answered_with_the_reason() {
    let (house, instance) = house(r#"{"create":{"exclude_devices":["/dev/xvda"]}}"#, &[]);
    house.live(5);
    assert_eq!((house.family().outcome, house.cloud.due()), (Some(Outcome::Rejected), vec![]));
    let status = house.status(&instance);
    assert!(
        status.starts_with(
            "rejected: policy web leaves out /dev/xvda, which is this instance's root"
        ),
        "{status}"
    );
    assert!(house.cloud.images_created_for(&instance).is_empty() && !house.is_pressed(&instance));
}

#[test]
fn a_policy_that_would_pass_for_us_is_answered_with_the_reason() {
    for create in
        [r#""tags":{"Amiline:managed-by":"amiline"}"#, r#""carry_tags":["amiline:intent"]"#]
    {
        let (house, instance) =
            house(&format!("{{\"create\":{{{create}}}}}"), &[("amiline:intent", "forged")]);
        house.live(5);
        assert_eq!((house.family().outcome, house.cloud.due()), (Some(Outcome::Rejected), vec![]));
        let status = house.status(&instance);
        assert!(status.contains("keys that begin with amiline: are the stack's own"), "{status}");
    }
}

#[test]
fn a_volume_that_was_detached_before_the_call_fails_the_image_with_the_reason() {
    let (house, instance) =
        house(r#"{"create":{"delete_on_termination":{"/dev/sdc":false}}}"#, &[]);
    house.cloud.inject(FaultRule::new(FaultKind::Throttle).action("ec2:CreateImage").once());
    house.deliver();
    house.cloud.detach(&east(), &instance, "/dev/sdc");
    house.live(15);
    house.assert_at_rest(Outcome::Failed);
    let reason = house.family().rows[&ImageRole::Source].reason.clone();
    let Some(ImageReason::AwsError(error)) = reason else { panic!("{reason:?}") };
    assert_eq!(
        (error.action.as_str(), error.code.as_str()),
        ("CreateImage", "InvalidBlockDeviceMapping")
    );
    assert!(error.message.contains("/dev/sdc"), "{error}");
}

/// A family of any policy, as a press begins it.
fn begun(policy: &Policy, instance_tags: &BTreeMap<String, String>) -> Family {
    let instance = ObservedInstance {
        id: InstanceId::new("i-0123456789abcdef0").unwrap(),
        region: east(),
        state: InstanceState::Running,
        hibernation: false,
        root_device: RootDevice::Ebs,
        root_name: None,
        devices: BTreeSet::new(),
        tags: instance_tags.clone(),
    };
    let now = "2026-11-24T00:00:00Z".parse().unwrap();
    let begun = Begun {
        stack: &StackName::new("amiline").unwrap(),
        account: &AccountId::new("111111111111").unwrap(),
        instance: &instance,
        press: &Press::untouched(),
        slot: Slot::next(now, None),
        value: "web",
        heard_at: None,
        status_before: None,
    };
    let policy_ref = PolicyRef { name: PolicyName::new("web").unwrap(), hash: "h".to_owned() };
    let admission = Admission {
        policy: policy.clone(),
        policy_ref,
        text: "{}".to_owned(),
        budget: Budget::default(),
        day: None,
    };
    begin(begun, &admission, now).0
}

/// Keys of ours, and some that are nearly so.
const OURS: &[&str] = &[
    "amiline:intent",
    "AMILINE:managed-by",
    "amiline:family",
    "Amiline-Stack",
    "Name",
    "amiline:",
    "team:intent",
];

/// A tag's key, ours more often than by chance.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => prop::sample::select(OURS).prop_map(str::to_owned),
        2 => "[A-Za-z:-]{1,10}",
        1 => "\\PC{1,130}",
    ]
}

proptest! {
    /// Whatever a policy that nobody checked adds, and whatever the instance says: ours are ours,
    /// and no other tag looks like one of ours.
    #[test]
    fn no_other_tag_takes_the_place_of_one_of_ours(
        set in prop::collection::btree_map(key(), "\\PC{0,20}", 0..8),
        carried in prop::collection::btree_set(key(), 0..8),
        instance in prop::collection::btree_map(key(), "\\PC{0,20}", 0..8),
        prefix in prop_oneof![Just("amiline"), Just("team")],
    ) {
        let mut policy = Policy::parse("{}").unwrap();
        policy.create.tags = set
            .iter()
            .filter_map(|(key, value)| Some((TagKey::new(key.as_str()).ok()?, TagValue::new(value.as_str()).ok()?)))
            .collect();
        policy.create.carry_tags = carried.iter().filter_map(|key| TagKey::new(key.as_str()).ok()).collect();
        let keys = TagKeys::new(TagPrefix::new(prefix).unwrap());
        let family = begun(&policy, &instance);
        let row = &family.rows[&ImageRole::Source];
        let image_key = ImageKey::create(&family.id, 1);
        let made = keys.of_image(&family, row, &image_key);
        let usual = keys.of_image(&begun(&Policy::parse("{}").unwrap(), &instance), row, &image_key);
        for (key, value) in &usual {
            prop_assert_eq!(made.get(key), Some(value));
        }
        for (key, value) in made.iter().filter(|(key, _)| !usual.contains_key(*key)) {
            prop_assert!(!keys.are_ours(key), "{key:?}");
            let asked = set.get(key) == Some(value) || (carried.contains(key) && instance.get(key) == Some(value));
            prop_assert!(asked, "{key:?}={value:?}");
        }
        // And none that was asked for is missing.
        for (key, _) in set.iter().filter(|(key, value)| {
            TagKey::new(key.as_str()).is_ok() && TagValue::new(value.as_str()).is_ok() && !keys.are_ours(key)
        }) {
            prop_assert_eq!(made.get(key), set.get(key));
        }
    }

    /// Whatever a template and the tags say: a name that EC2 takes, with room for every suffix.
    #[test]
    fn every_name_of_a_template_is_one_that_ec2_takes(
        template in "(\\PC{0,9}|\\{(policy|instance|slot|date|tag:Name)\\}){1,5}",
        name in any::<String>(),
        attempt in any::<u32>(),
    ) {
        prop_assume!(!template.is_empty());
        let Ok(template) = TextTemplate::new(template) else { return Ok(()) };
        let mut policy = Policy::parse("{}").unwrap();
        policy.create.name = Some(template);
        let family = begun(&policy, &BTreeMap::from([("Name".to_owned(), name)]));
        let key = ImageKey::create(&family.id, attempt);
        for rename in 0..=RENAMES_MAX {
            let name = family.image_name(&PolicyName::new("web").unwrap(), &key, rename);
            let text = name.as_str();
            prop_assert!((10..=127).contains(&text.len()), "{text}");
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/()-".contains(&b)), "{text}");
            prop_assert!(text.ends_with(&key.as_str()[..8]), "{text}");
        }
    }
}
