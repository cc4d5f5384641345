//! How a family's images are made, as far as its policy says more than EC2 and we do anyway.
//!
//! It is fixed when the family begins, from the policy and from the one read of the instance then:
//! every attempt and every copy has the same name, tags and devices, whatever becomes of the
//! instance. What comes from the instance's tags is text and stays text; nothing is decided by it.

use crate::description::ImageDescription;
use crate::ids::{DeviceName, PolicyName};
use crate::image::ObservedInstance;
use crate::name::{NameStem, TemplateFacts};
use crate::policy::Create;
use crate::tags::{TagKey, TagValue};
use crate::time::Slot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is kept of it. Bounded: the policy's own words have 4 KB, and forty values that are carried
/// over have at most 40,960 bytes (256 characters each, of four bytes). DynamoDB takes items of 400
/// KB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Making {
    /// The first part of the images' names; none: the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem: Option<NameStem>,
    /// Their description; none: the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<ImageDescription>,
    /// Tags of images and snapshots besides ours.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<TagKey, TagValue>,
    /// Devices of which the image does not simply say what the instance says.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<DeviceName, Treatment>,
    /// Whether the instance has hibernation configured: its images may not be reachable after
    /// launch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hibernation: bool,
}

/// What becomes of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// The image has neither it nor its data.
    LeftOut,
    /// A volume that is launched from the image is deleted with its instance.
    Deleted,
    /// A volume that is launched from the image outlives its instance.
    Kept,
}

impl Making {
    /// What a policy asks for, of this instance.
    ///
    /// A device that is to be left out is left out whether the instance shows it or not, since it
    /// may be attached before CreateImage is called. One whose volumes are to be deleted or kept is
    /// named only if the instance shows it: EC2 takes any other for a new volume, and wants its
    /// size (docs/decisions/excluded-devices-are-always-named.md).
    pub fn of(
        create: &Create,
        policy: &PolicyName,
        instance: &ObservedInstance,
        slot: Slot,
    ) -> Self {
        let facts = TemplateFacts { policy, instance: &instance.id, slot, tags: &instance.tags };
        let carried = create.carry_tags.iter().filter_map(|key| {
            // What EC2 shows is a value; if something else ever is not, there is nothing to carry.
            let value = TagValue::new(instance.tags.get(key.as_str())?.as_str()).ok()?;
            Some((key.clone(), value))
        });
        let set = create.tags.iter().map(|(key, value)| (key.clone(), value.clone()));
        let left_out =
            create.exclude_devices.iter().map(|device| (device.clone(), Treatment::LeftOut));
        let treated = create
            .delete_on_termination
            .iter()
            .filter(|(device, _)| instance.devices.contains(*device));
        let treated = treated.map(|(device, delete)| {
            (device.clone(), if *delete { Treatment::Deleted } else { Treatment::Kept })
        });
        Self {
            stem: create.name.as_ref().and_then(|name| name.stem(facts)),
            description: create.description.as_ref().and_then(|text| text.description(facts)),
            tags: carried.chain(set).collect(),
            devices: treated.chain(left_out).collect(),
            hibernation: instance.hibernation,
        }
    }

    /// Whether there is nothing of it to keep.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{InstanceId, Region};
    use crate::image::{InstanceState, RootDevice};
    use crate::policy::Policy;

    fn made(policy: &str, tags: &[(&str, &str)], devices: &[&str]) -> Making {
        let instance = ObservedInstance {
            id: InstanceId::new("i-0123456789abcdef0").unwrap(),
            region: Region::new("us-east-1").unwrap(),
            state: InstanceState::Running,
            hibernation: false,
            root_device: RootDevice::Ebs,
            root_name: Some(DeviceName::new("/dev/xvda").unwrap()),
            devices: devices.iter().map(|name| DeviceName::new(*name).unwrap()).collect(),
            tags: tags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let slot = Slot::next("2026-11-24T01:38:45Z".parse().unwrap(), None);
        Making::of(
            &Policy::parse(policy).unwrap().create,
            &PolicyName::new("web").unwrap(),
            &instance,
            slot,
        )
    }

    #[test]
    fn a_policy_that_says_nothing_leaves_everything_as_it_is() {
        let making = made("{}", &[("Team", "web")], &["/dev/xvda"]);
        assert!(making.is_usual());
        assert_eq!(serde_json::to_string(&making).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Making>("{}").unwrap(), making);
    }

    #[test]
    fn tags_are_the_policys_and_those_of_the_instance_that_it_names() {
        let policy = r#"{"create":{"tags":{"Stage":"test"},"carry_tags":["Team","Owner"]}}"#;
        let making = made(policy, &[("Team", "web"), ("Secret", "x"), ("Stage", "live")], &[]);
        let tags: Vec<(&str, &str)> =
            making.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(tags, [("Stage", "test"), ("Team", "web")]);
    }

    #[test]
    fn a_device_is_left_out_wherever_it_is_and_changed_only_where_it_is() {
        let policy = r#"{"create":{"exclude_devices":["/dev/sdf","/dev/sdg"],
            "delete_on_termination":{"/dev/xvda":true,"/dev/sdb":false,"/dev/sdc":true}}}"#;
        let making = made(policy, &[], &["/dev/xvda", "/dev/sdb", "/dev/sdf"]);
        let devices: Vec<(&str, Treatment)> =
            making.devices.iter().map(|(name, what)| (name.as_str(), *what)).collect();
        let expected = [
            ("/dev/sdb", Treatment::Kept),
            ("/dev/sdf", Treatment::LeftOut),
            ("/dev/sdg", Treatment::LeftOut),
            ("/dev/xvda", Treatment::Deleted),
        ];
        assert_eq!(devices, expected);
    }

    #[test]
    fn an_empty_name_is_no_name() {
        assert_eq!(made(r#"{"create":{"name":"{tag:Name}"}}"#, &[], &[]).stem, None);
        let stem =
            made(r#"{"create":{"name":"{tag:Name}-{policy}"}}"#, &[("Name", "shop")], &[]).stem;
        assert_eq!(stem.as_ref().map(NameStem::as_str), Some("shop-web"));
    }

    #[test]
    fn a_description_is_filled_in_as_a_name_is() {
        let policy = r#"{"create":{"description":"{tag:Name} under {policy}, {date}"}}"#;
        let made = |tags: &[(&str, &str)]| made(policy, tags, &[]).description.map(String::from);
        assert_eq!(
            made(&[("Name", "shop \u{2014} live")]).as_deref(),
            Some("shop ? live under web, 20261124")
        );
        assert_eq!(made(&[]).as_deref(), Some("under web, 20261124"));
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let policy =
            r#"{"create":{"name":"a","tags":{"Stage":""},"exclude_devices":["/dev/sdf"]}}"#;
        let making = made(policy, &[], &[]);
        let kept = serde_json::to_string(&making).unwrap();
        assert_eq!(kept, r#"{"stem":"a","tags":{"Stage":""},"devices":{"/dev/sdf":"left-out"}}"#);
        assert_eq!(serde_json::from_str::<Making>(&kept).unwrap(), making);
    }
}
