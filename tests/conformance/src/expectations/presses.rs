//! Buttons and the hour's count in the table.

use crate::given::{account_id, beginning, change, committed, conflict, family, later, write};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{AnswerKeeper, Clock, Committed, DueReader, RecordReader};
use amiline_domain::answers::{Answer, Answers};
use amiline_domain::budget::Budget;
use amiline_domain::family::Family;
use amiline_domain::plan::{StatusStep, TagStep};
use amiline_domain::press::{Press, PressKey, PressState, ToldRefusal};
use amiline_domain::record::{Expected, FamilyChange, PressWrite, Write};
use amiline_domain::tags::Trigger;
use amiline_domain::time::{Slot, plus_seconds};
use jiff::Timestamp;

expected! {
    "ARCHITECTURE.md#walkthrough-a-press-with-a-crash-in-it" {
        a_button_that_was_never_pressed_is_untouched,
        a_press_comes_back_as_it_was_written,
        a_press_begins_only_from_the_version_that_was_read,
        a_press_is_answered_only_if_it_was_accepted_with_the_slot,
        a_press_is_cleared_only_if_it_was_answered_with_the_slot,
        a_look_is_set_only_at_the_version_that_was_read,
        a_look_can_be_set_for_a_button_that_was_never_pressed,
        presses_under_way_are_told_from_the_others,
        a_press_begins_at_a_button_that_was_only_looked_at,
    }
    "docs/decisions/one-status-for-all-requests.md" {
        each_who_asked_has_its_newest_answer,
    }
    "ARCHITECTURE.md#the-table" {
        a_count_comes_back_as_it_was_written,
    }
}

fn accepted(now: jiff::Timestamp, rev: u64) -> Press {
    let slot = Slot::next(now, None);
    Press {
        rev,
        state: PressState::Accepted { slot, value: "de\"fault\n\u{1F4A5}".to_owned() },
        last_slot: Some(slot),
        last_image_slot: Some(slot),
        heard_at: Some(now),
        status_before: Some("rejected".to_owned()),
        cleared_at: Some(now),
        answer: Some("complete".to_owned()),
        answered: None,
        next_look: Some(plus_seconds(now, 5)),
        told: Some(ToldRefusal { what: "0123".to_owned(), at: now, repeats: 2 }),
    }
}

fn begin(family: &Family, read: u64, press: &Press) -> Vec<Write> {
    let (key, expected) = (family.press_key().expect("a press"), Expected::read_at(read));
    vec![PressWrite::Put { key, expected, press: press.clone() }.into()]
}

/// Sets or removes the due time of a button by itself.
async fn set_due_time(
    lab: &impl Lab,
    key: &PressKey,
    read: u64,
    at: Option<Timestamp>,
) -> Committed {
    let write = PressWrite::DueTime { key: key.clone(), expected: Expected::read_at(read), at };
    committed(&lab.create_image(), vec![write.into()]).await
}

async fn press(lab: &impl Lab, key: &PressKey) -> Press {
    lab.create_image().press_and_budget(key).await.expect("the press").0
}

/// A family, and its accepted press in the table.
async fn pressed(lab: &impl Lab) -> (Family, Press) {
    let family = family(lab, later());
    let press = accepted(later(), 1);
    write(
        &lab.create_image(),
        &FamilyChange { with: begin(&family, 0, &press), ..beginning(&family) },
    )
    .await;
    (family, press)
}

async fn a_button_that_was_never_pressed_is_untouched(lab: &impl Lab) {
    let mut family = family(lab, later());
    family.account = account_id(lab.number());
    let found = lab.create_image().press_and_budget(&family.press_key().expect("a press")).await;
    assert_eq!(found, Ok((Press::untouched(), Budget::default())));
}

async fn a_press_comes_back_as_it_was_written(lab: &impl Lab) {
    let family = family(lab, later());
    let written = accepted(lab.create_image().now(), 1);
    write(
        &lab.create_image(),
        &FamilyChange { with: begin(&family, 0, &written), ..beginning(&family) },
    )
    .await;
    assert_eq!(press(lab, &family.press_key().expect("a press")).await, written);
}

async fn a_press_begins_only_from_the_version_that_was_read(lab: &impl Lab) {
    let (mut first, written) = pressed(lab).await;
    for expected in [0, 2] {
        let commit = FamilyChange {
            with: begin(&first, expected, &accepted(later(), expected + 1)),
            ..change(&mut first.clone())
        };
        conflict(&lab.create_image(), &commit, "the press has version 1").await;
    }
    assert_eq!(press(lab, &first.press_key().expect("a press")).await, written);
    let next = Press { rev: 2, state: PressState::Idle, answer: None, next_look: None, ..written };
    write(
        &lab.create_image(),
        &FamilyChange { with: begin(&first, 1, &next), ..change(&mut first) },
    )
    .await;
    assert_eq!(press(lab, &first.press_key().expect("a press")).await, next);
}

async fn a_press_is_answered_only_if_it_was_accepted_with_the_slot(lab: &impl Lab) {
    let (mut family, written) = pressed(lab).await;
    let slot = written.last_slot.unwrap();
    let answer =
        |slot| vec![PressWrite::Answer { key: family.press_key().expect("a press"), slot }.into()];
    let (wrong, right) = (answer(Slot::next(later(), Some(slot))), answer(slot));
    conflict(
        &lab.create_image(),
        &FamilyChange { with: wrong, ..change(&mut family.clone()) },
        "another slot",
    )
    .await;
    write(&lab.create_image(), &FamilyChange { with: right.clone(), ..change(&mut family) }).await;
    let PressState::Accepted { slot, value } = written.state.clone() else { panic!("accepted") };
    let expected = Press { rev: 2, state: PressState::Answered { slot, value }, ..written };
    assert_eq!(press(lab, &family.press_key().expect("a press")).await, expected);
    conflict(
        &lab.create_image(),
        &FamilyChange { with: right, ..change(&mut family.clone()) },
        "it was answered",
    )
    .await;
    let mut nobody = self::family(lab, later());
    nobody.work.version = 0;
    let never = vec![PressWrite::Answer { key: nobody.press_key().expect("a press"), slot }.into()];
    conflict(
        &lab.create_image(),
        &FamilyChange { with: never, ..beginning(&nobody) },
        "it was never pressed",
    )
    .await;
}

async fn a_press_is_cleared_only_if_it_was_answered_with_the_slot(lab: &impl Lab) {
    let (mut family, written) = pressed(lab).await;
    let slot = written.last_slot.unwrap();
    let key = family.press_key().expect("a press");
    let cleared_at = lab.create_image().now();
    let answer = Some("partial: 1 of 2".to_owned());
    let clear = |slot| {
        vec![
            PressWrite::Clear { key: key.clone(), slot, cleared_at, answer: answer.clone() }.into(),
        ]
    };
    conflict(
        &lab.create_image(),
        &FamilyChange { with: clear(slot), ..change(&mut family.clone()) },
        "not answered",
    )
    .await;
    let answered = vec![PressWrite::Answer { key: key.clone(), slot }.into()];
    write(&lab.create_image(), &FamilyChange { with: answered, ..change(&mut family) }).await;
    let wrong = clear(Slot::next(later(), Some(slot)));
    conflict(
        &lab.create_image(),
        &FamilyChange { with: wrong, ..change(&mut family.clone()) },
        "another slot",
    )
    .await;
    write(&lab.distribute_image(), &FamilyChange { with: clear(slot), ..change(&mut family) })
        .await;
    let PressState::Accepted { value, .. } = written.state.clone() else { panic!("accepted") };
    let expected = Press {
        rev: 3,
        state: PressState::Idle,
        cleared_at: Some(cleared_at),
        answer: answer.clone(),
        answered: Some(value),
        ..written
    };
    assert_eq!(press(lab, &key).await, expected);
    conflict(
        &lab.create_image(),
        &FamilyChange { with: clear(slot), ..change(&mut family) },
        "it was cleared",
    )
    .await;
}

async fn a_look_is_set_only_at_the_version_that_was_read(lab: &impl Lab) {
    let (family, written) = pressed(lab).await;
    let (key, at) = (family.press_key().expect("a press"), plus_seconds(later(), 60));
    for rev in [0, 2] {
        assert_eq!(set_due_time(lab, &key, rev, Some(at)).await, Committed::Conflict, "{rev}");
    }
    assert_eq!(press(lab, &key).await, written);
    assert_eq!(set_due_time(lab, &key, 1, Some(at)).await, Committed::Yes);
    assert_eq!(press(lab, &key).await, Press { rev: 2, next_look: Some(at), ..written.clone() });
    assert_eq!(set_due_time(lab, &key, 2, None).await, Committed::Yes);
    assert_eq!(press(lab, &key).await, Press { rev: 3, next_look: None, ..written });
}

async fn a_look_can_be_set_for_a_button_that_was_never_pressed(lab: &impl Lab) {
    let (key, at) = (family(lab, later()).press_key().expect("a press"), later());
    assert_eq!(set_due_time(lab, &key, 1, Some(at)).await, Committed::Conflict);
    assert_eq!(press(lab, &key).await, Press::untouched());
    assert_eq!(set_due_time(lab, &key, 0, Some(at)).await, Committed::Yes);
    assert_eq!(press(lab, &key).await, Press { rev: 1, next_look: Some(at), ..Press::untouched() });
    assert_eq!(
        set_due_time(lab, &key, 0, Some(at)).await,
        Committed::Conflict,
        "two looks at once"
    );
}

async fn each_who_asked_has_its_newest_answer(lab: &impl Lab) {
    let (of, now) = (family(lab, later()), later());
    let nightly = Trigger::Schedule("night-ly_1".parse().expect("a policy's name"));
    let step = |trigger: &Trigger, value: &str| StatusStep {
        account: of.account.clone(),
        trigger: trigger.clone(),
        tag: TagStep {
            region: of.region.clone(),
            instance: of.instance.clone(),
            key: "conformance:status".to_owned(),
            value: value.to_owned(),
        },
    };
    let answer = |status: &str, at| Answer { status: status.to_owned(), at };
    let (create, distribute) = (lab.create_image(), lab.distribute_image());
    let kept = create.keep_answer(&step(&of.trigger, "creating"), now).await.expect("an answer");
    assert_eq!(kept, Answers::from([(of.trigger.clone(), answer("creating", now))]));
    let soon = plus_seconds(now, 1);
    distribute.keep_answer(&step(&nightly, "failed: \u{1F4A5}"), soon).await.expect("an answer");
    let kept =
        distribute.keep_answer(&step(&of.trigger, "available"), soon).await.expect("an answer");
    let (mine, theirs) = (answer("available", soon), answer("failed: \u{1F4A5}", soon));
    assert_eq!(kept, Answers::from([(of.trigger.clone(), mine), (nightly, theirs)]));
}

async fn presses_under_way_are_told_from_the_others(lab: &impl Lab) {
    let (accepted, _) = pressed(lab).await;
    let (mut answered, written) = pressed(lab).await;
    let (mut cleared, _) = pressed(lab).await;
    for family in [&mut answered, &mut cleared] {
        let answer = PressWrite::Answer {
            key: family.press_key().expect("a press"),
            slot: written.last_slot.unwrap(),
        };
        write(&lab.create_image(), &FamilyChange { with: vec![answer.into()], ..change(family) })
            .await;
    }
    let (key, slot) = (cleared.press_key().expect("a press"), written.last_slot.unwrap());
    let clear = PressWrite::Clear { key, slot, cleared_at: later(), answer: None };
    write(&lab.create_image(), &FamilyChange { with: vec![clear.into()], ..change(&mut cleared) })
        .await;
    // More than one batch of BatchGetItem.
    let mut keys: Vec<PressKey> =
        (0..130).map(|_| family(lab, later()).press_key().expect("a press")).collect();
    keys.extend([
        accepted.press_key().expect("a press"),
        answered.press_key().expect("a press"),
        cleared.press_key().expect("a press"),
    ]);
    let found = lab.schedule_tick().presses_under_way(&keys).await;
    assert_eq!(
        found,
        Ok([accepted.press_key().expect("a press"), answered.press_key().expect("a press")].into())
    );
    assert_eq!(lab.schedule_tick().presses_under_way(&[]).await, Ok([].into()));
}

async fn a_count_comes_back_as_it_was_written(lab: &impl Lab) {
    let mut family = family(lab, later());
    family.account = account_id(lab.number());
    let budget = Budget::default().take(later(), 50).unwrap();
    write(
        &lab.create_image(),
        &FamilyChange {
            with: vec![Write::HourCount(family.account.clone(), budget.clone())],
            ..beginning(&family)
        },
    )
    .await;
    assert_eq!(
        lab.create_image().press_and_budget(&family.press_key().expect("a press")).await.unwrap().1,
        budget
    );
    let more = budget.take(plus_seconds(later(), 900), 50).unwrap();
    write(
        &lab.create_image(),
        &FamilyChange {
            with: vec![Write::HourCount(family.account.clone(), more.clone())],
            ..change(&mut family)
        },
    )
    .await;
    assert_eq!(
        lab.create_image().press_and_budget(&family.press_key().expect("a press")).await.unwrap().1,
        more
    );
}

async fn a_press_begins_at_a_button_that_was_only_looked_at(lab: &impl Lab) {
    let family = family(lab, later());
    let key = family.press_key().expect("a press");
    assert_eq!(set_due_time(lab, &key, 0, Some(later())).await, Committed::Yes);
    let commit = |expected| FamilyChange {
        with: begin(&family, expected, &accepted(later(), 2)),
        ..beginning(&family)
    };
    conflict(&lab.create_image(), &commit(0), "there is a button").await;
    write(&lab.create_image(), &commit(1)).await;
    assert_eq!(press(lab, &key).await, accepted(later(), 2));
}
