//! Transactions: each kind of write with its condition, all or nothing, checks, limits. And
//! rejected messages.

use crate::given::{
    self, beginning, change, committed, conflict, failed, family, later, lease, write,
};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{
    Catalogue, Committed, DayCountReader, RecordReader, RecordWriter, RejectedMessage, WatchReader,
};
use amiline_domain::budget::{Budget, DayCount};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::{Family, ImageRole};
use amiline_domain::history::{EventKind, Fact, HistoryItem, append};
use amiline_domain::ids::{PolicyName, StackName};
use amiline_domain::policy::Watch;
use amiline_domain::press::{Press, PressKey, PressState};
use amiline_domain::record::{
    Expected, FamilyChange, FamilyWrite, PressWrite, Record, Revisioned, TransactionError, Write,
};
use amiline_domain::switch::Switch;
use amiline_domain::time::Slot;
use amiline_domain::work::WorkState;
use std::collections::BTreeMap;

expected! {
    "aws-behaviour.md#transactions" {
        a_record_is_written_under_its_condition_and_without_it_nothing_is,
        a_button_is_written_under_its_condition_and_without_it_nothing_is,
        a_condition_alone_is_checked_like_one_of_a_write,
        a_check_leaves_its_record_as_it_was,
        a_transaction_sent_twice_is_written_once,
        a_transaction_has_a_hundred_writes_at_most,
    }
    "ARCHITECTURE.md#a-family" { hints_that_never_were_are_a_conflict }
    "ARCHITECTURE.md#the-table" { a_policy_that_is_kept_again_is_as_it_was_written_last }
    "ARCHITECTURE.md#the-table" { a_long_history_is_listed_in_its_order }
    "ARCHITECTURE.md#the-table" { a_rejected_message_is_kept_as_it_was }
}

/// One kind of write, to a record that nobody has written.
struct Case {
    /// Makes the record.
    first: Write,
    /// Their conditions do not hold before `first`.
    early: Vec<Write>,
    /// Their conditions do not hold after it.
    wrong: Vec<Write>,
    /// Its condition holds after it.
    then: Write,
}

/// A record whose condition is its revision.
fn revisioned(write: impl Fn(Expected, u64) -> Write) -> Case {
    Case {
        first: write(Expected::Absent, 1),
        early: vec![write(Expected::Revision(1), 2)],
        wrong: vec![write(Expected::Absent, 1), write(Expected::Revision(2), 3)],
        then: write(Expected::Revision(1), 2),
    }
}

fn policy(lab: &impl Lab) -> PolicyName {
    PolicyName::new(format!("policy-{}", lab.number())).unwrap()
}

fn instance(lab: &impl Lab) -> EnrolmentKey {
    let (account, region) = (given::account_id(lab.number()), lab.home());
    EnrolmentKey { account, region, instance: given::instance_id(lab.number()) }
}

fn button(lab: &impl Lab) -> PressKey {
    family(lab, later()).press_key().expect("a press")
}

fn hour(revision: u64) -> Budget {
    (0..revision).fold(Budget::default(), |count, _| count.take(later(), 50).expect("room"))
}

fn day(revision: u64) -> DayCount {
    (0..revision).fold(DayCount::default(), |count, _| count.take(later(), 50).expect("room"))
}

/// A family without images.
fn bare(lab: &impl Lab) -> Family {
    Family { rows: BTreeMap::new(), row_versions: BTreeMap::new(), ..family(lab, later()) }
}

fn history(family: &mut Family, count: usize) -> Vec<HistoryItem> {
    let fact = || Fact::of(EventKind::CopyStarted, &ImageRole::Source, None);
    (0..count).map(|_| append(family, fact(), later())).collect()
}

/// Each kind of record that has a revision.
fn records(lab: &impl Lab) -> Vec<Case> {
    let (family, enrolled, account) = (bare(lab), instance(lab), given::account_id(lab.number()));
    let (counted, watched, button) = (policy(lab), policy(lab), button(lab));
    let stack = StackName::new(format!("stack-{}", lab.number())).unwrap();
    vec![
        revisioned(|expected, version| {
            let family =
                Family { work: WorkState { version, ..family.work.clone() }, ..family.clone() };
            Write::Family(Box::new(FamilyWrite { family, expected, pending_hints: None }))
        }),
        revisioned(|expected, rev| {
            PressWrite::Put {
                key: button.clone(),
                expected,
                press: Press { rev, ..Press::untouched() },
            }
            .into()
        }),
        revisioned(|expected, rev| {
            Write::Enrolment(
                enrolled.clone(),
                expected,
                Box::new(Enrolment { rev, ..Enrolment::default() }),
            )
        }),
        revisioned(|_, rev| Write::HourCount(account.clone(), hour(rev))),
        revisioned(|_, rev| Write::DayCount(counted.clone(), day(rev))),
        revisioned(|expected, rev| {
            Write::Watch(watched.clone(), expected, Box::new(Watch { rev, ..Watch::default() }))
        }),
        revisioned(|expected, rev| {
            Write::KillSwitch(
                stack.clone(),
                expected,
                Box::new(Switch { rev, ..Switch::default() }),
            )
        }),
    ]
}

/// Records that have none, and pending hints.
fn other_records(lab: &impl Lab) -> Vec<Case> {
    let (ours, theirs) = (given::family_id(lab.number()), given::family_id(lab.number()));
    let image = given::image_id(lab.number());
    let pointer = |family| Write::Pointer(lab.home(), image.clone(), family);
    let [item, next] = history(&mut bare(lab), 2).try_into().expect("two items");
    let over = HistoryItem { reason: Some(failed("another").into()), ..item.clone() };
    let family = bare(lab);
    let hints = |expected: Expected, pending_hints| {
        let family = Family {
            work: WorkState { version: expected.next(), ..family.work.clone() },
            ..family.clone()
        };
        Write::Family(Box::new(FamilyWrite { family, expected, pending_hints }))
    };
    vec![
        Case {
            first: pointer(ours.clone()),
            early: Vec::new(),
            wrong: vec![pointer(theirs)],
            then: pointer(ours),
        },
        Case { first: item.into(), early: Vec::new(), wrong: vec![over.into()], then: next.into() },
        Case {
            first: hints(Expected::Absent, None),
            early: vec![hints(Expected::Absent, Some(1))],
            wrong: vec![hints(Expected::Revision(1), Some(1))],
            then: hints(Expected::Revision(1), Some(0)),
        },
    ]
}

/// Each other change of a button.
fn buttons(lab: &impl Lab) -> Vec<Case> {
    let slot = Slot::next(later(), None);
    let other = Slot::next(later(), Some(slot));
    let (imaged, due) = (button(lab), button(lab));
    let pressed = |key: &PressKey, state| {
        let press = Press { rev: 1, state, ..Press::untouched() };
        PressWrite::Put { key: key.clone(), expected: Expected::Absent, press }.into()
    };
    let (accepted, answered) = (button(lab), button(lab));
    let value = "default".to_owned();
    let answer = |key: &PressKey, slot| PressWrite::Answer { key: key.clone(), slot }.into();
    let clear = |key: &PressKey, slot| {
        PressWrite::Clear { key: key.clone(), slot, cleared_at: later(), answer: None }.into()
    };
    vec![
        revisioned(|expected, _| {
            PressWrite::Imaged { key: imaged.clone(), expected, at: slot }.into()
        }),
        revisioned(|expected, _| {
            PressWrite::DueTime { key: due.clone(), expected, at: Some(later()) }.into()
        }),
        Case {
            first: pressed(&accepted, PressState::Accepted { slot, value: value.clone() }),
            early: vec![answer(&accepted, slot)],
            wrong: vec![answer(&accepted, other), clear(&accepted, slot)],
            then: answer(&accepted, slot),
        },
        Case {
            first: pressed(&answered, PressState::Answered { slot, value }),
            early: vec![clear(&answered, slot)],
            wrong: vec![clear(&answered, other), answer(&answered, slot)],
            then: clear(&answered, slot),
        },
    ]
}

/// A transaction with a write of every kind, to records that nobody has written.
fn everything(lab: &impl Lab) -> FamilyChange {
    let mut family = family(lab, later());
    family.account = given::account_id(lab.number());
    let history = history(&mut family, 1);
    let put = |write: Case| write.first;
    let mut with: Vec<Write> = records(lab).into_iter().skip(2).map(put).collect();
    let (key, press) =
        (family.press_key().expect("a press"), Press { rev: 1, ..Press::untouched() });
    with.push(PressWrite::Put { key, expected: Expected::Absent, press }.into());
    with.push(Write::PolicyText { hash: format!("hash-{}", lab.number()), text: "{}".to_owned() });
    with.push(Write::Check(Revisioned::Watch(policy(lab)), Expected::Absent));
    let pointers = vec![(family.region.clone(), given::image_id(lab.number()))];
    FamilyChange { pointers, history, with, ..beginning(&family) }
}

/// How many of the records of [`everything`] are there.
async fn there(lab: &impl Lab, change: &FamilyChange) -> usize {
    let (records, family) = (lab.create_image(), &change.family);
    let (press, _) = records.press_and_budget(&family.press_key().expect("a press")).await.unwrap();
    let (region, image) = &change.pointers[0];
    let mut found = vec![
        records.family(&family.id).await.unwrap().is_some(),
        press != Press::untouched(),
        records.family_of_image(region, image).await.unwrap().is_some(),
        !lab.operator().history(&family.id).await.unwrap().is_empty(),
        !lab.operator().families_of_instance(region, &family.instance, 9).await.unwrap().is_empty(),
    ];
    for write in &change.with {
        found.push(match write {
            Write::Enrolment(key, ..) => {
                records.enrolment(key).await.unwrap().enrolment != Enrolment::default()
            }
            Write::DayCount(policy, _) => {
                records.day_count(policy).await.unwrap() != DayCount::default()
            }
            Write::PolicyText { hash, .. } => records.kept_policy(hash).await.unwrap().is_some(),
            Write::Watch(policy, ..) => {
                !records.watches(std::slice::from_ref(policy)).await.unwrap().is_empty()
            }
            Write::Family(_)
            | Write::Image(..)
            | Write::Pointer(..)
            | Write::Listing(_)
            | Write::History(_)
            | Write::Press(_)
            | Write::HourCount(..)
            | Write::KillSwitch(..)
            | Write::Check(..) => continue,
        });
    }
    assert_eq!(found.len(), 9, "each kind that can be read");
    found.into_iter().filter(|there| *there).count()
}

/// Writes each case with everything else: nothing is written as long as its condition does not
/// hold.
async fn hold(lab: &impl Lab, cases: Vec<Case>) {
    let records = lab.create_image();
    for Case { first, early, wrong, then } in cases {
        let everything = everything(lab);
        let beside = |write: &Write| {
            let with = [everything.with.clone(), vec![write.clone()]].concat();
            FamilyChange { with, ..everything.clone() }
        };
        for write in &early {
            conflict(&records, &beside(write), &format!("too early: {write:?}")).await;
        }
        assert_eq!(committed(&records, vec![first.clone()]).await, Committed::Yes, "{first:?}");
        for write in &wrong {
            conflict(&records, &beside(write), &format!("{write:?}")).await;
        }
        assert_eq!(there(lab, &everything).await, 0, "nothing was written: {first:?}");
        write(&records, &beside(&then)).await;
        assert_eq!(there(lab, &everything).await, 9, "all was written: {then:?}");
    }
}

async fn a_record_is_written_under_its_condition_and_without_it_nothing_is(lab: &impl Lab) {
    hold(lab, records(lab)).await;
    hold(lab, other_records(lab)).await;
}

async fn a_button_is_written_under_its_condition_and_without_it_nothing_is(lab: &impl Lab) {
    hold(lab, buttons(lab)).await;
}

async fn a_condition_alone_is_checked_like_one_of_a_write(lab: &impl Lab) {
    let checks = records(lab).into_iter().map(|case| {
        let Record::Of(record) = case.first.record() else {
            panic!("{:?} has a revision", case.first)
        };
        let check = |expected| Write::Check(record.clone(), expected);
        Case {
            first: case.first,
            early: vec![check(Expected::Revision(1))],
            wrong: vec![check(Expected::Absent), check(Expected::Revision(2))],
            then: check(Expected::Revision(1)),
        }
    });
    hold(lab, checks.collect()).await;
}

async fn a_check_leaves_its_record_as_it_was(lab: &impl Lab) {
    let (there, missing) = (button(lab), button(lab));
    let press = Press { rev: 1, answer: Some("complete".to_owned()), ..Press::untouched() };
    let put =
        PressWrite::Put { key: there.clone(), expected: Expected::Absent, press: press.clone() };
    assert_eq!(committed(&lab.create_image(), vec![put.into()]).await, Committed::Yes);
    let check = |key: &PressKey, expected| Write::Check(Revisioned::Press(key.clone()), expected);
    // What each writes is new, so that none is taken for one that was sent before.
    let both = || {
        let text =
            Write::PolicyText { hash: format!("hash-{}", lab.number()), text: "{}".to_owned() };
        vec![check(&there, Expected::Revision(1)), check(&missing, Expected::Absent), text]
    };
    assert_eq!(committed(&lab.create_image(), both()).await, Committed::Yes);
    assert_eq!(
        committed(&lab.distribute_image(), both()).await,
        Committed::Yes,
        "whoever commits may check"
    );
    for (key, expected) in [(there, press), (missing, Press::untouched())] {
        assert_eq!(lab.create_image().press_and_budget(&key).await.unwrap().0, expected);
    }
}

/// As after a reply that was lost. A client token may make the second a success, and a condition
/// may make it a conflict; nothing is written twice.
async fn a_transaction_sent_twice_is_written_once(lab: &impl Lab) {
    let records = lab.create_image();
    let mut family = family(lab, later());
    let (key, slot) = (family.press_key().expect("a press"), Slot::next(later(), None));
    let state = PressState::Accepted { slot, value: "default".to_owned() };
    let press = Press { rev: 1, state, ..Press::untouched() };
    let put = PressWrite::Put { key: key.clone(), expected: Expected::Absent, press };
    write(&records, &FamilyChange { with: vec![put.into()], ..beginning(&family) }).await;
    let answer = PressWrite::Answer { key: key.clone(), slot };
    let change = FamilyChange { with: vec![answer.into()], ..change(&mut family) };
    write(&records, &change).await;
    records.commit(&change.transaction().expect("a transaction")).await.expect("no error");
    assert_eq!(records.family(&family.id).await, Ok(Some(family)));
    assert_eq!(records.press_and_budget(&key).await.unwrap().0.rev, 2);
    // A button alone has no token.
    let alone = PressWrite::DueTime { key, expected: Expected::Revision(2), at: Some(later()) };
    assert_eq!(committed(&records, vec![alone.clone().into()]).await, Committed::Yes);
    assert_eq!(committed(&records, vec![alone.into()]).await, Committed::Conflict);
}

async fn a_transaction_has_a_hundred_writes_at_most(lab: &impl Lab) {
    // The family, its two rows, the item by which its instance's families are listed, and a check.
    let beside = 5;
    let full = |count: usize| {
        let mut family = family(lab, later());
        let with = vec![Write::Check(Revisioned::Watch(policy(lab)), Expected::Absent)];
        let history = history(&mut family, count - beside);
        FamilyChange { history, with, ..beginning(&family) }
    };
    assert_eq!(full(101).transaction(), Err(TransactionError::TooMany(101)));
    let largest = full(100);
    write(&lab.create_image(), &largest).await;
    assert_eq!(lab.operator().history(&largest.family.id).await, Ok(largest.history));
}

async fn hints_that_never_were_are_a_conflict(lab: &impl Lab) {
    let mut family = family(lab, later());
    let records = lab.create_image();
    conflict(
        &records,
        &FamilyChange { pending_hints: Some(1), ..beginning(&family) },
        "there is no family",
    )
    .await;
    family.work.lease = lease("holder", later());
    write(&records, &beginning(&family)).await;
    conflict(
        &records,
        &FamilyChange { pending_hints: Some(1), ..change(&mut family.clone()) },
        "nobody knocked",
    )
    .await;
    write(&records, &FamilyChange { pending_hints: Some(0), ..change(&mut family) }).await;
}

/// The key is the hash of the text, so only a broken hash can show it.
async fn a_policy_that_is_kept_again_is_as_it_was_written_last(lab: &impl Lab) {
    let hash = format!("hash-{}", lab.number());
    for text in ["{}", "{\"deadline_hours\":2}"] {
        let kept = vec![Write::PolicyText { hash: hash.clone(), text: text.to_owned() }];
        write(
            &lab.create_image(),
            &FamilyChange { with: kept, ..beginning(&family(lab, later())) },
        )
        .await;
        assert_eq!(lab.distribute_image().kept_policy(&hash).await, Ok(Some(text.to_owned())));
    }
}

async fn a_long_history_is_listed_in_its_order(lab: &impl Lab) {
    let mut family = family(lab, later());
    let mut written = history(&mut family, 60);
    write(&lab.create_image(), &FamilyChange { history: written.clone(), ..beginning(&family) })
        .await;
    let more = history(&mut family, 60);
    write(&lab.create_image(), &FamilyChange { history: more.clone(), ..change(&mut family) })
        .await;
    written.extend(more);
    assert_eq!(lab.operator().history(&family.id).await, Ok(written));
}

async fn a_rejected_message_is_kept_as_it_was(lab: &impl Lab) {
    let rejected = RejectedMessage {
        message_id: format!("message-{}", given::family_id(lab.number())),
        function: "create-image",
        code: "malformed".to_owned(),
        reason: "not JSON: \"x\"".to_owned(),
        excerpt: "\u{1F4A5}".to_owned(),
        at: later(),
    };
    let (day, id) = ("2031-05-06", rejected.message_id.as_str());
    assert_eq!(lab.kept_rejected(day, id).await, None);
    lab.create_image().keep_rejected(&rejected).await.unwrap();
    let expected = ["create-image", "malformed", "not JSON: \"x\"", "\u{1F4A5}"].map(str::to_owned);
    assert_eq!(lab.kept_rejected(day, id).await, Some(expected));
    assert_eq!(lab.kept_rejected("2031-05-07", id).await, None);
    let other = RejectedMessage { reason: "another".to_owned(), ..rejected.clone() };
    lab.notify().keep_rejected(&other).await.unwrap();
    assert_eq!(lab.kept_rejected(day, id).await.unwrap()[2], "another", "the last one stays");
}
