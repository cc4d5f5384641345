//! The table's conditions, its index and its stream.

use crate::{cloud, east, first_commit, next_commit};
use amiline_app::ports::{Announcer, Committed, Due, DueReader, RecordReader, RecordWriter};
use amiline_domain::family::{ImageRole, Role};
use amiline_domain::history::{EventKind, Fact, Subject};
use amiline_domain::ids::InstanceId;
use amiline_domain::plan::Changes;
use amiline_domain::press::PressState;
use amiline_domain::receiver::Receiver;
use amiline_domain::record::{
    Expected, FamilyChange, PressWrite, Revisioned, Transaction, TransactionError, Write,
};
use amiline_domain::time::{Slot, plus_seconds};
use amiline_domain::work::Lease;
use amiline_fakecloud::{FakeCloud, FaultKind, FaultRule, block_on};
use std::collections::BTreeSet;

fn begun() -> (FakeCloud, InstanceId, FamilyChange) {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let commit = first_commit(&cloud, &instance);
    assert_eq!(write(&cloud, &commit), Committed::Yes);
    (cloud, instance, commit)
}

fn write(cloud: &FakeCloud, commit: &FamilyChange) -> Committed {
    committed(cloud, &commit.clone().transaction().unwrap())
}

fn committed(cloud: &FakeCloud, transaction: &Transaction) -> Committed {
    block_on(cloud.as_caller("x").commit(transaction)).unwrap()
}

/// The next version of what the table holds, with a fact if one is given.
fn next(cloud: &FakeCloud, commit: &FamilyChange, fact: Option<Fact>) -> FamilyChange {
    let family = cloud.family(&commit.family.id).unwrap();
    let version = family.work.version;
    next_commit(
        cloud,
        family,
        Changes { facts: fact.into_iter().collect(), ..Changes::default() },
        Some(version),
    )
}

fn fact(kind: EventKind) -> Option<Fact> {
    Some(Fact::of(kind, &ImageRole::Source, None))
}

#[test]
fn a_family_begins_once_with_its_press_its_budget_and_its_policy() {
    let (cloud, instance, commit) = begun();
    let world = cloud.as_caller("x");
    let (press, budget) =
        block_on(world.press_and_budget(&commit.family.press_key().expect("a press"))).unwrap();
    assert_eq!((press.rev, budget.rev), (1, 1));
    assert!(matches!(press.state, PressState::Accepted { .. }));
    assert_eq!(cloud.press_of(&east(), &instance), Some(press));
    let family = block_on(world.family(&commit.family.id)).unwrap().unwrap();
    assert_eq!(family, commit.family);
    let hash = &family.policy.as_ref().unwrap().hash;
    assert_eq!(block_on(world.kept_policy(hash)).unwrap().as_deref(), Some("{}"));
    assert_eq!(write(&cloud, &commit), Committed::Conflict, "it is there already");
    assert_eq!(cloud.flaws(), Vec::<String>::new());
}

#[test]
fn each_condition_that_does_not_hold_leaves_everything_as_it_was() {
    let (cloud, _, commit) = begun();
    let before = cloud.family(&commit.family.id);
    let good = next(&cloud, &commit, fact(EventKind::FamilyRetried));
    let slot = commit.family.slot;
    let other = Slot::next(cloud.now(), Some(slot));
    let key = commit.family.press_key().expect("a press");
    let press = cloud.press_of(&key.region, &key.instance).unwrap();
    let budget =
        commit.with.iter().find(|write| matches!(write, Write::HourCount(..))).cloned().unwrap();
    let with = |write: Write| FamilyChange { with: vec![write], ..good.clone() };
    let wrong = [
        FamilyChange { expected: Expected::Absent, ..good.clone() },
        FamilyChange { expected: Expected::Revision(7), ..good.clone() },
        FamilyChange { pending_hints: Some(1), ..good.clone() },
        FamilyChange { history: commit.history.clone(), ..good.clone() },
        with(budget),
        with(Write::Check(Revisioned::Press(key.clone()), Expected::Revision(2))),
        with(PressWrite::Put { key: key.clone(), expected: Expected::Absent, press }.into()),
        with(PressWrite::Answer { key: key.clone(), slot: other }.into()),
        with(PressWrite::Clear { key, slot, cleared_at: cloud.now(), answer: None }.into()),
    ];
    for commit in wrong {
        assert_eq!(write(&cloud, &commit), Committed::Conflict, "{commit:?}");
        assert_eq!(cloud.family(&commit.family.id), before);
        assert_eq!(cloud.history(&commit.family.id).len(), 1);
    }
    assert_eq!(write(&cloud, &good), Committed::Yes);
    assert_eq!(cloud.flaws(), Vec::<String>::new());
}

#[test]
fn a_press_is_answered_then_cleared_and_each_only_once() {
    let (cloud, instance, commit) = begun();
    let (key, slot) = (commit.family.press_key().expect("a press"), commit.family.slot);
    let clear = PressWrite::Clear {
        key: key.clone(),
        slot,
        cleared_at: cloud.now(),
        answer: Some("a".to_owned()),
    };
    for (write_press, expected) in [
        (PressWrite::Answer { key: key.clone(), slot }, Committed::Yes),
        (PressWrite::Answer { key, slot }, Committed::Conflict),
        (clear.clone(), Committed::Yes),
        (clear, Committed::Conflict),
    ] {
        let commit = FamilyChange { with: vec![write_press.into()], ..next(&cloud, &commit, None) };
        assert_eq!(write(&cloud, &commit), expected);
    }
    let press = cloud.press_of(&east(), &instance).unwrap();
    assert_eq!((press.state, press.rev, press.answer.as_deref()), (PressState::Idle, 3, Some("a")));
    assert_eq!((press.cleared_at, press.last_slot), (Some(cloud.now()), Some(slot)));
}

#[test]
fn a_pointer_stays_with_its_family() {
    let (cloud, _, commit) = begun();
    let image = "ami-0123456789abcdef0".parse().unwrap();
    let pointer = (east(), image);
    let with = |commit: &FamilyChange| FamilyChange {
        pointers: vec![pointer.clone()],
        ..next(&cloud, commit, None)
    };
    assert_eq!(write(&cloud, &with(&commit)), Committed::Yes);
    assert_eq!(write(&cloud, &with(&commit)), Committed::Yes, "the same again is harmless");
    let found = block_on(cloud.as_caller("x").family_of_image(&east(), &pointer.1)).unwrap();
    assert_eq!(found, Some(commit.family.id.clone()));
    let other = cloud.launch(&east());
    let other = first_commit(&cloud, &other);
    let other = FamilyChange { pointers: vec![pointer.clone()], with: Vec::new(), ..other };
    assert_eq!(write(&cloud, &other), Committed::Conflict);
}

#[test]
fn one_record_twice_is_no_transaction() {
    let (cloud, _, commit) = begun();
    let row = commit.rows[0].clone();
    let twice = FamilyChange { rows: vec![row.clone(), row], ..next(&cloud, &commit, None) };
    assert!(matches!(twice.transaction(), Err(TransactionError::Twice(_))));
}

#[test]
fn who_finds_a_lease_leaves_a_hint_for_its_holder_and_the_holder_notices() {
    let (cloud, _, commit) = begun();
    let world = cloud.as_caller("x");
    let id = &commit.family.id;
    assert!(!block_on(world.leave_hint(id, "a")).unwrap());
    let mut leased = next(&cloud, &commit, None);
    leased.family.work.lease =
        Some(Lease { holder: "a".to_owned(), until: plus_seconds(cloud.now(), 120) });
    write(&cloud, &leased);
    assert!(
        block_on(world.leave_hint(id, "a")).unwrap()
            && !block_on(world.leave_hint(id, "b")).unwrap()
    );
    let stale = FamilyChange { pending_hints: Some(0), ..next(&cloud, &commit, None) };
    assert_eq!(write(&cloud, &stale), Committed::Conflict);
    assert_eq!(cloud.family(id).unwrap().work.pending_hints, 1);
    let fresh = FamilyChange { pending_hints: Some(1), ..stale };
    assert_eq!(write(&cloud, &fresh), Committed::Yes);
    assert_eq!(cloud.family(id).unwrap().work.pending_hints, 1, "a commit leaves the hints alone");
}

#[test]
fn of_two_looks_that_overlap_only_one_sets_the_time() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let key = first_commit(&cloud, &instance).family.press_key().expect("a press");
    let due_time =
        |rev, at| PressWrite::DueTime { key: key.clone(), expected: Expected::read_at(rev), at };
    let set = |rev, at| committed(&cloud, &Transaction::press(due_time(rev, at)));
    let at = plus_seconds(cloud.now(), 60);
    assert_eq!((set(0, Some(at)), set(0, Some(at))), (Committed::Yes, Committed::Conflict));
    assert_eq!(cloud.next_due(), Some(at));
    assert_eq!(set(1, None), Committed::Yes);
    assert_eq!(cloud.next_due(), None);
}

#[test]
fn a_lost_reply_may_have_been_written() {
    let cloud = cloud();
    let instance = cloud.launch(&east());
    let commit = first_commit(&cloud, &instance);
    cloud.inject(FaultRule::new(FaultKind::LostReply).action("dynamodb:TransactWriteItems").once());
    assert!(block_on(cloud.as_caller("x").commit(&commit.clone().transaction().unwrap())).is_err());
    assert_eq!(cloud.family(&commit.family.id), Some(commit.family.clone()));
}

fn due_now(cloud: &FakeCloud) -> Vec<Due> {
    let world = cloud.as_caller("schedule-tick");
    let mut due = Vec::new();
    for shard in 0..world.shards() {
        let mut from = None;
        loop {
            let page = block_on(world.due(shard, cloud.now(), from)).unwrap();
            due.extend(page.items);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    due
}

#[test]
fn what_is_due_is_found_at_its_time_on_pages_and_behind_if_the_index_lags() {
    let (cloud, _, commit) = begun();
    let at = cloud.now();
    let expected = vec![Due::Family { family: commit.family.id.clone(), role: Role::Create, at }];
    assert_eq!(due_now(&cloud), expected);
    let mut later = next(&cloud, &commit, None);
    later.family.work.due = Some((plus_seconds(at, 300), Role::Distribute));
    write(&cloud, &later);
    assert_eq!(due_now(&cloud), []);
    cloud.set_index_lag(30);
    assert_eq!(due_now(&cloud), [], "half a minute ago there was nothing");
    cloud.set_index_lag(0);
    cloud.advance(300);
    assert_eq!(due_now(&cloud).len(), 1);
    cloud.set_page_size(1);
    assert_eq!(due_now(&cloud).len(), 1);
}

#[test]
fn history_is_streamed_once_and_due_until_it_is_announced() {
    let (cloud, _, commit) = begun();
    write(&cloud, &next(&cloud, &commit, fact(EventKind::ImageCreating)));
    let stream = cloud.take_stream();
    let events: Vec<EventKind> = stream.iter().map(|record| record.item.event).collect();
    assert_eq!(events, [EventKind::ImageRequested, EventKind::ImageCreating]);
    assert_eq!(stream[1].sk, "HISTORY#000000000002");
    assert!(cloud.take_stream().is_empty());
    assert_eq!(cloud.unannounced().len(), 1, "a request is not announced");
    cloud.advance(600);
    let waits = |due: &Due| matches!(due, Due::History { .. });
    assert_eq!(due_now(&cloud).iter().filter(|due| waits(due)).count(), 1);
    let world = cloud.as_caller("notify");
    let record = &stream[1];
    let waits_for = || {
        block_on(world.waiting_history(&record.pk, &record.sk))
            .unwrap()
            .map(|waiting| waiting.missing())
    };
    assert_eq!(waits_for(), Some(BTreeSet::from([Receiver::Notifications, Receiver::Bus])));
    block_on(world.note_told(
        &Subject::Family(commit.family.id.clone()),
        2,
        &BTreeSet::from([Receiver::Notifications]),
    ))
    .unwrap();
    assert_eq!(waits_for(), Some(BTreeSet::from([Receiver::Bus])));
    block_on(world.mark_announced(&Subject::Family(commit.family.id.clone()), 2)).unwrap();
    assert_eq!(block_on(world.waiting_history(&record.pk, &record.sk)).unwrap(), None);
    assert_eq!(due_now(&cloud).iter().filter(|due| waits(due)).count(), 0);
}

#[test]
fn writes_that_lose_something_are_noted_as_flaws() {
    let (cloud, _, commit) = begun();
    let mut forgetful = next(&cloud, &commit, None);
    forgetful.family.rows.get_mut(&ImageRole::Source).unwrap().refusals = 9;
    write(&cloud, &forgetful);
    assert!(cloud.flaws()[0].contains("row source is not written"), "{:?}", cloud.flaws());
    let mut gap = next(&cloud, &commit, fact(EventKind::ImageCreating));
    gap.history[0].seq += 1;
    write(&cloud, &gap);
    assert!(cloud.flaws().iter().any(|flaw| flaw.contains("does not follow")));
}

#[test]
fn presses_under_way_are_told_from_idle_ones() {
    let (cloud, _, commit) = begun();
    let idle = cloud.launch(&east());
    let idle = first_commit(&cloud, &idle).family.press_key().expect("a press");
    let busy = commit.family.press_key().expect("a press");
    let under_way =
        block_on(cloud.as_caller("schedule-tick").presses_under_way(&[idle, busy.clone()]))
            .unwrap();
    assert_eq!(under_way.into_iter().collect::<Vec<_>>(), [busy]);
}

#[test]
fn a_rejected_message_is_kept_once() {
    let cloud = cloud();
    let rejected = amiline_app::ports::RejectedMessage {
        message_id: "m".to_owned(),
        function: "create-image",
        code: "malformed".to_owned(),
        reason: "x".to_owned(),
        excerpt: "y".to_owned(),
        at: cloud.now(),
    };
    let world = cloud.as_caller("create-image");
    block_on(world.keep_rejected(&rejected)).unwrap();
    block_on(world.keep_rejected(&rejected)).unwrap();
    assert_eq!(cloud.rejected(), [rejected]);
}
