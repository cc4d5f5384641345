//! Records as items and back, and what a commit becomes; no network.

mod wire;

use super::items;
use super::layout::{self, DueKind};
use super::transaction::{self, Cancelled, Part};
use super::*;
use amiline_domain::budget::Budget;
use amiline_domain::description::ImageDescription;
use amiline_domain::family::{
    Family, FormerStatus, ImageRole, ImageRow, Phase, Role, RowState, ShareState,
};
use amiline_domain::history::{EventKind, Fact, HistoryItem, append};
use amiline_domain::ids::{
    AccountId, DeviceName, ImageId, InstanceId, PolicyName, Region, SnapshotId, StackName,
};
use amiline_domain::image::InstanceName;
use amiline_domain::key::{ImageKey, IntentKey};
use amiline_domain::making::{Making, Treatment};
use amiline_domain::name::ImageName;
use amiline_domain::policy::PolicyRef;
use amiline_domain::press::{Press, PressKey, PressState, ToldRefusal};
use amiline_domain::reason::{AwsError, ImageReason, Reason, Rejection};
use amiline_domain::receiver::Unannounced;
use amiline_domain::record::{Expected, FamilyChange, PressWrite, Revisioned, Transaction, Write};
use amiline_domain::tags::{Button, TagKey, TagValue, Trigger};
use amiline_domain::time::Slot;
use amiline_domain::work::{Lease, WorkState};
use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-24T12:00:00.25Z")
}

fn press_key() -> PressKey {
    PressKey {
        account: AccountId::new("111111111111").unwrap(),
        region: Region::new("us-east-1").unwrap(),
        instance: InstanceId::new("i-0123456789abcdef0").unwrap(),
        button: Button::Image,
    }
}

fn row(family: &Family, image_role: ImageRole, region: &str) -> ImageRow {
    let policy = PolicyName::new("default").unwrap();
    let key = ImageKey::create(&family.id, 1);
    ImageRow {
        written_at: 7,
        pending_since: Some("2026-11-24T11:00:00Z".parse().unwrap()),
        maybe_made: true,
        refused: Some(ImageReason::Unfit { rejection: Rejection::Terminated }),
        recheck: None,
        image_role,
        region: Region::new(region).unwrap(),
        attempt: 1,
        rename: 2,
        name: ImageName::new(&policy, &family.instance, family.slot, &key, 2),
        state: RowState::TimedOut,
        image: Some(ImageId::new("ami-0123456789abcdef0").unwrap()),
        since: now(),
        called_at: Some(now()),
        looked_at: None,
        refusals: 3,
        not_before: Some(at("2026-11-24T13:00:00Z")),
        name_owner: None,
        reason: Some(ImageReason::FailedInEc2 { message: Some("späť <b> \u{1f980}".to_owned()) }),
        snapshots: vec![SnapshotId::new("snap-0123456789abcdef0").unwrap()],
        encrypted: Some(false),
        as_wanted: None,
        share: ShareState::Shared,
        shared_with: ["222222222222".parse().unwrap()].into(),
        refused_targets: [(
            "333333333333".parse().unwrap(),
            AwsError::new(
                "ec2:ModifyImageAttribute",
                "InvalidAMIAttributeItemValue",
                "closed",
                None,
            ),
        )]
        .into(),
        shared_at: Some(now()),
        shared_by_others: ["999999999999".parse().unwrap()].into(),
        public: true,
        duplicates: std::collections::BTreeSet::new(),
    }
}

fn family() -> Family {
    let (stack, key) = (StackName::new("amiline").unwrap(), press_key());
    let slot = Slot::next(now(), None);
    let intent = IntentKey {
        stack: &stack,
        account: &key.account,
        region: &key.region,
        instance: &key.instance,
        trigger: &Trigger::Press(key.button),
        slot,
    };
    let mut family = Family {
        reopen: false,
        id: intent.family_id(),
        work: WorkState {
            version: 7,
            lease: Some(Lease {
                holder: "request-1".to_owned(),
                until: at("2026-11-24T12:01:30Z"),
            }),
            due: Some((at("2026-11-24T12:05:00Z"), Role::Distribute)),
            pending_hints: 0,
        },
        stack: stack.clone(),
        account: key.account.clone(),
        region: key.region.clone(),
        instance: key.instance.clone(),
        instance_name: InstanceName::of("web-1"),
        trigger: Trigger::Press(key.button),
        slot,
        requested: "default".to_owned(),
        policy: Some(PolicyRef {
            name: PolicyName::new("default").unwrap(),
            hash: "00ff".to_owned(),
        }),
        rejected_policy: None,
        rejection: Some(Rejection::Terminated.into()),
        making: Making {
            hibernation: true,
            stem: "web-20261124".to_owned().try_into().ok(),
            description: ImageDescription::try_from("Shop, live".to_owned()).ok(),
            tags: [(TagKey::new("Cost Center: \u{1f4b0}").unwrap(), TagValue::new("").unwrap())]
                .into(),
            devices: [(DeviceName::new("/dev/sdf").unwrap(), Treatment::LeftOut)].into(),
        },
        phase: Phase::Working,
        outcome: None,
        status: None,
        status_image: None,
        status_due: false,
        status_over: Some(FormerStatus {
            words: ["available ami-0".to_owned()].into(),
            doubted: true,
        }),
        other_value: Some("other".to_owned()),
        answer_refusals: 0,
        answer_not_before: None,
        round: 0,
        seq: 0,
        last_hash: String::new(),
        created_at: now(),
        row_versions: std::collections::BTreeMap::from([(ImageRole::Source, 7)]),
        rows: std::collections::BTreeMap::new(),
    };
    let rows = [
        row(&family, ImageRole::Source, "us-east-1"),
        row(&family, ImageRole::Copy(Region::new("eu-west-1").unwrap()), "eu-west-1"),
    ];
    family.rows = rows.into_iter().map(|row| (row.image_role.clone(), row)).collect();
    family
}

fn history(family: &mut Family, kind: EventKind) -> HistoryItem {
    append(family, Fact::of(kind, &ImageRole::Source, None).because(ImageReason::SourceGone), now())
}

fn change() -> FamilyChange {
    let mut family = family();
    let history = vec![
        history(&mut family, EventKind::ImageRequested),
        history(&mut family, EventKind::FamilyFailed),
    ];
    FamilyChange {
        rows: family.rows.values().cloned().collect(),
        expected: Expected::Revision(6),
        pending_hints: Some(0),
        pointers: vec![(family.region.clone(), ImageId::new("ami-0123456789abcdef0").unwrap()); 2],
        history,
        with: vec![
            PressWrite::Answer { key: press_key(), slot: family.slot }.into(),
            Write::HourCount(family.account.clone(), Budget::default().take(now(), 5).unwrap()),
            Write::PolicyText { hash: "00ff".to_owned(), text: "{}".to_owned() },
            Write::Check(
                Revisioned::DayCount(PolicyName::new("default").unwrap()),
                Expected::Revision(2),
            ),
        ],
        family,
    }
}

fn commit() -> Transaction {
    change().transaction().unwrap()
}

/// META as the update would leave it.
fn meta_item(commit: &FamilyChange, hints: Option<u64>) -> Item {
    let mut item = layout::key(&layout::family_pk(&commit.family.id), layout::META_SK);
    item.insert(
        "data".to_owned(),
        serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(&commit.family).unwrap(),
    );
    item.extend(hints.map(|hints| ("pending_hints".to_owned(), layout::number(hints))));
    item
}

#[test]
fn a_family_comes_back_as_it_was() {
    let commit = change();
    let pk = layout::family_pk(&commit.family.id);
    let mut found: Vec<Item> =
        commit.rows.iter().map(|row| items::row_item(&pk, row).unwrap()).collect();
    found.push(meta_item(&commit, Some(4)));
    let expected = Family {
        work: WorkState { pending_hints: 4, ..commit.family.work.clone() },
        ..commit.family.clone()
    };
    assert_eq!(items::family(found).unwrap(), Some(expected));
    assert_eq!(
        items::family(vec![meta_item(&commit, None)])
            .unwrap()
            .map(|family| family.work.pending_hints),
        Some(0)
    );
    assert_eq!(items::family(Vec::new()).unwrap(), None);
    assert!(items::family(vec![layout::key(&pk, layout::META_SK)]).is_err());
}

/// Families were kept before policies could say how images are made.
#[test]
fn a_record_that_says_nothing_of_how_images_are_made_means_the_usual_way() {
    let mut commit = change();
    commit.family.making = Making::default();
    let item = meta_item(&commit, None);
    assert!(!item["data"].as_m().unwrap().contains_key("making"));
    assert!(items::family(vec![item]).unwrap().is_some_and(|family| family.making.is_usual()));
}

#[test]
fn a_press_comes_back_as_it_was_and_lies_flat() {
    let slot = Slot::next(now(), None);
    for state in [
        PressState::Idle,
        PressState::Accepted { slot, value: "default".to_owned() },
        PressState::Answered { slot, value: "default".to_owned() },
    ] {
        for set in [true, false] {
            let press = Press {
                rev: 3,
                state: state.clone(),
                last_slot: set.then_some(slot),
                last_image_slot: set.then_some(slot),
                heard_at: set.then(now),
                status_before: set.then(|| "creating".to_owned()),
                cleared_at: set.then(now),
                answer: set.then(|| "available".to_owned()),
                answered: (set && state == PressState::Idle).then(|| "default".to_owned()),
                next_look: set.then(now),
                told: set.then(|| ToldRefusal { what: "0123".to_owned(), at: now(), repeats: 3 }),
            };
            let item = items::press_item(&press_key(), &press).unwrap();
            assert!(item["state"].is_s() && item["rev"].is_n());
            assert_eq!(item.contains_key("due_at"), set);
            assert_eq!(items::press(item).unwrap(), press);
        }
    }
}

#[test]
fn a_press_that_other_writes_made_can_be_read() {
    // What a due time leaves for a button that was never pressed.
    let mut item = layout::key(&layout::press_pk(&press_key()), layout::PRESS_SK);
    item.insert("rev".to_owned(), layout::number(1));
    item.insert("state".to_owned(), layout::text("idle"));
    item.insert("next_look".to_owned(), layout::text("2026-11-24T12:00:00Z"));
    let expected =
        Press { rev: 1, next_look: Some(at("2026-11-24T12:00:00Z")), ..Press::untouched() };
    assert_eq!(items::press(item).unwrap(), expected);
}

#[test]
fn history_comes_back_as_it_was_and_its_chain_holds() {
    let mut family = family();
    for (kind, announced) in [(EventKind::ImageRequested, false), (EventKind::FamilyFailed, true)] {
        let entry = history(&mut family, kind);
        let item = items::history_item(&entry).unwrap();
        assert_eq!(item.contains_key("unannounced"), announced);
        assert_eq!(
            item.get("due_at").cloned(),
            announced.then(|| layout::text("001795522200#notify"))
        );
        let read: items::HistoryEntry = items::read(item.clone()).unwrap();
        assert_eq!(read.data, entry);
        assert_eq!(read.data.compute_hash(), entry.hash);
        let streamed: HashMap<String, serde_dynamo::AttributeValue> =
            item.into_iter().map(|(k, v)| (k, v.into())).collect();
        let streamed = history_of_stream(serde_dynamo::Item::from(streamed)).unwrap();
        assert_eq!(streamed, announced.then_some(Unannounced::by_nobody(entry)));
    }
}

#[test]
fn what_is_due_sorts_by_time_and_is_found_by_its_second() {
    let due = layout::due_at(now(), DueKind::Family(Role::Create));
    assert_eq!(due, "001795521600#create");
    assert!(due < layout::due_before(now()));
    assert!(due >= layout::due_before(at("2026-11-24T11:59:59.999Z")));
    for kind in DueKind::ALL {
        assert_eq!(
            layout::parse_due_at(&layout::due_at(now(), kind)),
            Some((at("2026-11-24T12:00:00Z"), kind))
        );
    }
    let press = press_key();
    assert_eq!(layout::press_of_pk(&layout::press_pk(&press)), Some(press));
    for strange in [
        "PRESS#",
        "PRESS#1#us-east-1#i-1#image",
        "FAMILY#x",
        "PRESS#111111111111#us-east-1#i-0123456789abcdef0#image#more",
    ] {
        assert_eq!(layout::press_of_pk(strange), None);
    }
    let shards: std::collections::BTreeSet<String> =
        (0..200).map(|n| layout::due_shard(&n.to_string())).collect();
    assert_eq!(shards.len(), 16);
}

#[test]
fn a_leased_family_is_due_when_the_lease_ends() {
    let mut family = family();
    assert_eq!(items::family_due(&family).as_deref(), Some("001795521690#distribute"));
    family.work.due = None;
    assert_eq!(items::family_due(&family).as_deref(), Some("001795521690#create"));
    family.work.lease = None;
    assert_eq!(items::family_due(&family), None);
    family.work.due = Some((now(), Role::Create));
    assert_eq!(items::family_due(&family).as_deref(), Some("001795521600#create"));
}

#[test]
fn a_commit_is_one_transaction_in_which_no_item_is_written_twice() {
    let commit = commit();
    let parts: Vec<_> = commit
        .writes()
        .iter()
        .map(|write| Part::of(write).unwrap().in_transaction("t").unwrap())
        .collect();
    // META, two images, one pointer, two history items, press, hour, policy, a check, and where the
    // images are available.
    assert_eq!(parts.len(), 11);
    let mut keys = std::collections::BTreeSet::new();
    for part in &parts {
        let put = part.put().map(|put| put.item());
        let key = part
            .update()
            .map(|update| update.key())
            .or(part.condition_check().map(|check| check.key()));
        let item = put.or(key).unwrap();
        assert!(
            keys.insert((item["pk"].as_s().unwrap().clone(), item["sk"].as_s().unwrap().clone()))
        );
    }
    let meta = parts[0].update().unwrap();
    assert_eq!(
        meta.condition_expression(),
        Some("#version = :v0 AND (#pending_hints = :v9 OR attribute_not_exists(#pending_hints))")
    );
    assert!(!meta.update_expression().contains("#pending_hints"));
    let check = parts.iter().find_map(|part| part.condition_check()).unwrap();
    assert_eq!(check.condition_expression(), "#rev = :v0");
    assert_eq!(check.key()["pk"].as_s().unwrap(), "DAY#default");
    let text = transaction::token(&commit);
    assert_eq!(text.len(), 36);
    let fewer = FamilyChange { rows: Vec::new(), ..change() }.transaction().unwrap();
    assert_eq!(fewer.writes().len(), 8, "the images stay where they are, and so does the list");
    assert_ne!(transaction::token(&fewer), text);
}

#[test]
fn every_placeholder_is_used() {
    let commit = commit();
    let meta = transaction::meta("pk", commit.family().unwrap()).unwrap();
    let all = format!("{} {}", meta.update(), meta.condition().unwrap());
    let words: Vec<&str> =
        all.split(|c: char| !(c.is_alphanumeric() || "#:_".contains(c))).collect();
    for placeholder in meta.names().unwrap().keys().chain(meta.values().unwrap().keys()) {
        assert!(words.contains(&placeholder.as_str()), "{placeholder} in {all}");
    }
}

#[test]
fn a_cancelled_transaction_is_a_conflict_only_if_a_condition_failed() {
    let cases: [(&[Option<&str>], Cancelled); 5] = [
        (&[Some("None"), Some("ConditionalCheckFailed")], Cancelled::Conflict),
        (&[Some("TransactionConflict"), Some("ConditionalCheckFailed")], Cancelled::Conflict),
        (
            &[Some("None"), Some("TransactionConflict"), Some("ThrottlingError")],
            Cancelled::InTheWay("TransactionConflict".to_owned()),
        ),
        (
            &[Some("TransactionConflict"), Some("ValidationError")],
            Cancelled::Refused("ValidationError".to_owned()),
        ),
        (&[None], Cancelled::Refused("NoReason".to_owned())),
    ];
    for (reasons, expected) in cases {
        assert_eq!(transaction::cancelled(reasons), expected, "{reasons:?}");
    }
}

#[test]
fn a_page_goes_on_where_it_ended() {
    let mut key = layout::key("FAMILY#x", "META");
    key.insert("due_shard".to_owned(), layout::text("due#3"));
    assert_eq!(due::decode(&due::encode(&key).unwrap()).unwrap(), key);
    assert!(due::decode("nonsense").is_err());
}

/// The table gives numbers as text, and an enum without a tag of its own has to find its variant by
/// them.
#[test]
fn every_reason_comes_back_from_the_table_as_it_was_stored() {
    for line in include_str!("../../../../events/reasons.jsonl").lines() {
        let reason: Reason = serde_json::from_str(line).unwrap();
        let stored = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(&reason).unwrap();
        let read: Reason = serde_dynamo::aws_sdk_dynamodb_1::from_attribute_value(stored).unwrap();
        assert_eq!(read, reason, "{line}");
    }
}
