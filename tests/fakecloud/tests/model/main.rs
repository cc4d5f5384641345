//! What the model claims of AWS and of itself, as stories.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "tests: a panic is a failed test"
)]

mod copying;
mod creating;
mod events;
mod faults;
mod races;
mod sharing;
mod sweep;
mod table;
mod whole_job;

use amiline_domain::description::ImageDescription;
use amiline_domain::family::{Family, ImageRow};
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::{ImageId, InstanceId, Region};
use amiline_domain::look::{Counts, PolicyRead, Requested, admit};
use amiline_domain::plan::{Begun, Changes, CopyStep, CreateStep, begin};
use amiline_domain::press::Press;
use amiline_domain::record::{Expected, FamilyChange, Write};
use amiline_domain::time::Slot;
use amiline_fakecloud::{FakeCloud, region};
use jiff::Timestamp;
use std::collections::BTreeMap;

fn cloud() -> FakeCloud {
    FakeCloud::new("111111111111", "us-east-1", &["us-west-2", "eu-west-1"])
}

fn east() -> Region {
    region("us-east-1")
}

fn west() -> Region {
    region("us-west-2")
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A step that creates an image with this name, as text makes it.
fn create(instance: &InstanceId, name: &str) -> CreateStep {
    CreateStep {
        region: east(),
        instance: instance.clone(),
        name: serde_json::from_value(name.into()).unwrap(),
        description: described(instance),
        reboot: false,
        devices: BTreeMap::new(),
        tags: tags(&[("amiline:managed-by", "amiline"), ("amiline:intent", name)]),
    }
}

fn described(instance: &InstanceId) -> ImageDescription {
    ImageDescription::usual(None, instance, None, Slot::at(Timestamp::UNIX_EPOCH))
}

/// A step that copies an image to the west.
fn copy(source: &ImageId, name: &str, token: &str) -> CopyStep {
    CopyStep {
        source_region: east(),
        source: source.clone(),
        destination: west(),
        name: serde_json::from_value(name.into()).unwrap(),
        description: described(&"i-0123456789abcdef0".parse().unwrap()),
        client_token: token.to_owned(),
        encrypted: false,
        kms_key: None,
        within_minutes: None,
        tags: tags(&[("amiline:managed-by", "amiline"), ("amiline:intent", name)]),
    }
}

/// A family as a press begins it, and its first transaction.
fn first_commit(cloud: &FakeCloud, instance: &InstanceId) -> FamilyChange {
    let stack = cloud.bounded_stack(&[]);
    let seen = amiline_domain::image::ObservedInstance {
        id: instance.clone(),
        region: east(),
        state: amiline_domain::image::InstanceState::Running,
        hibernation: false,
        root_device: amiline_domain::image::RootDevice::Ebs,
        root_name: None,
        devices: std::collections::BTreeSet::new(),
        tags: tags(&[("amiline:image", "default")]),
    };
    let (press, budget) = (Press::untouched(), amiline_domain::budget::Budget::default());
    let policy = PolicyRead::newest(Some("{}"));
    let requested = Requested { value: "default", policy: &policy };
    let keys = &stack.stack.keys;
    let counts = Counts { press: &press, budget: &budget };
    let admission = admit(requested, &seen, counts, &stack.bounds, keys, cloud.now()).unwrap();
    let begun = Begun {
        stack: &stack.stack.name,
        account: &stack.stack.account,
        instance: &seen,
        press: &press,
        slot: Slot::next(cloud.now(), None),
        value: "default",
        heard_at: None,
        status_before: None,
    };
    let (family, changes) = begin(begun, &admission, cloud.now());
    let mut change = next_commit(cloud, family, changes, None);
    change.with.push(Write::HourCount(change.family.account.clone(), admission.budget));
    change.with.push(Write::PolicyText { hash: admission.policy_ref.hash, text: "{}".to_owned() });
    change
}

/// The transaction that follows a version.
fn next_commit(
    cloud: &FakeCloud,
    mut family: Family,
    changes: Changes,
    expected: Option<u64>,
) -> FamilyChange {
    let facts = changes.facts;
    let history: Vec<HistoryItem> = facts
        .into_iter()
        .map(|fact| amiline_domain::history::append(&mut family, fact, cloud.now()))
        .collect();
    family.work.version = expected.unwrap_or_default() + 1;
    let rows: Vec<ImageRow> =
        changes.rows.iter().filter_map(|place| family.rows.get(place).cloned()).collect();
    FamilyChange {
        family,
        expected: Expected::from(expected),
        pending_hints: None,
        rows,
        pointers: changes.pointers,
        history,
        with: changes.press.map(Write::from).into_iter().collect(),
    }
}
