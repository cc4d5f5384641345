//! An instance's place in schedules, in the table.

use crate::given::{account_id, beginning, committed, conflict, family, later, write};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{Committed, Due, DueReader, EnrolmentReader, RecordReader};
use amiline_domain::budget::Budget;
use amiline_domain::enrolment::{Enrolment, EnrolmentKey, Seat, Turn};
use amiline_domain::family::Family;
use amiline_domain::history::Chain;
use amiline_domain::ids::{PolicyName, Region};
use amiline_domain::press::{Press, PressKey};
use amiline_domain::record::{Expected, FamilyChange, PressWrite, Write};
use amiline_domain::time::{Slot, plus_seconds};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

expected! {
    "ARCHITECTURE.md#walkthrough-a-slot" {
        an_instance_that_is_not_enrolled_has_nothing,
        an_enrolment_comes_back_as_it_was_written,
        an_enrolment_is_written_only_at_the_version_that_was_read,
        an_enrolment_and_its_family_are_written_together_or_not_at_all,
        an_enrolment_is_due_at_its_turn_until_another_is_written,
        enrolments_are_found_by_instance_and_others_are_left_out,
        an_image_of_a_schedule_is_noted_where_presses_see_it,
        the_tick_reads_the_hours_count,
    }
}

fn key(family: &Family) -> EnrolmentKey {
    EnrolmentKey {
        account: family.account.clone(),
        region: family.region.clone(),
        instance: family.instance.clone(),
    }
}

fn enrolment(rev: u64, at: Timestamp) -> Enrolment {
    let seat = Seat {
        done: plus_seconds(at, -3600),
        next: Some(Turn { slot: Slot::at(at), at: plus_seconds(at, 7) }),
        slots: Some("abcd0123".to_owned().into()),
        promised: BTreeMap::from([(Region::new("eu-west-1").unwrap(), at)]).into(),
        text_hash: Some("0123abcd".to_owned().into()),
        refused: Some("no-schedule 0123abcd".to_owned()),
        lapsed: true,
    };
    Enrolment {
        rev,
        seats: BTreeMap::from([(PolicyName::new("nightly").unwrap(), Box::new(seat))]),
        bad_value: Some("nightly,\u{1F4A5}".to_owned()),
        last_refusal: Some(Slot::at(at)),
        last_family: Some(crate::given::family_id(7)),
        lost: BTreeMap::from([(
            PolicyName::new("nightly").unwrap(),
            BTreeMap::from([(Region::new("eu-west-1").unwrap(), at)]),
        )]),
        news: Chain { seq: 3, last_hash: "00ff".to_owned() },
        absent_since: Some(at),
        next_look: Some(plus_seconds(at, 7)),
    }
}

fn writing(family: &Family, read: u64, enrolment: &Enrolment) -> Write {
    Write::Enrolment(key(family), Expected::read_at(read), Box::new(enrolment.clone()))
}

async fn set(lab: &impl Lab, write: &Write) -> Committed {
    committed(&lab.create_image(), vec![write.clone()]).await
}

async fn an_instance_that_is_not_enrolled_has_nothing(lab: &impl Lab) {
    let found = lab.create_image().enrolment(&key(&family(lab, later()))).await.unwrap();
    assert_eq!((found.enrolment, found.press), (Enrolment::default(), Press::untouched()));
}

async fn an_enrolment_comes_back_as_it_was_written(lab: &impl Lab) {
    let family = family(lab, later());
    let written = enrolment(1, later());
    assert_eq!(set(lab, &writing(&family, 0, &written)).await, Committed::Yes);
    let found = lab.create_image().enrolment(&key(&family)).await.unwrap();
    assert_eq!(found.enrolment, written);
    let left = Enrolment { rev: 2, ..Enrolment::default() };
    assert_eq!(set(lab, &writing(&family, 1, &left)).await, Committed::Yes);
    assert_eq!(lab.create_image().enrolment(&key(&family)).await.unwrap().enrolment, left);
}

async fn an_enrolment_is_written_only_at_the_version_that_was_read(lab: &impl Lab) {
    let family = family(lab, later());
    assert_eq!(
        set(lab, &writing(&family, 1, &enrolment(2, later()))).await,
        Committed::Conflict,
        "there is none"
    );
    assert_eq!(set(lab, &writing(&family, 0, &enrolment(1, later()))).await, Committed::Yes);
    assert_eq!(set(lab, &writing(&family, 0, &enrolment(1, later()))).await, Committed::Conflict);
    assert_eq!(set(lab, &writing(&family, 1, &enrolment(2, later()))).await, Committed::Yes);
    assert_eq!(lab.create_image().enrolment(&key(&family)).await.unwrap().enrolment.rev, 2);
}

async fn an_enrolment_and_its_family_are_written_together_or_not_at_all(lab: &impl Lab) {
    let family = family(lab, later());
    set(lab, &writing(&family, 0, &enrolment(1, later()))).await;
    let late = FamilyChange {
        with: vec![writing(&family, 0, &enrolment(1, later()))],
        ..beginning(&family)
    };
    conflict(&lab.create_image(), &late, "the enrolment was written since").await;
    assert_eq!(lab.create_image().family(&family.id).await.unwrap(), None);
    let right = FamilyChange {
        with: vec![writing(&family, 1, &enrolment(2, later()))],
        ..beginning(&family)
    };
    write(&lab.create_image(), &right).await;
    assert_eq!(
        lab.create_image().enrolment(&key(&family)).await.unwrap().enrolment,
        enrolment(2, later())
    );
}

async fn an_enrolment_is_due_at_its_turn_until_another_is_written(lab: &impl Lab) {
    let family = family(lab, later());
    let at = plus_seconds(later(), 7);
    let due = Due::Enrolment { key: key(&family), at };
    set(lab, &writing(&family, 0, &enrolment(1, later()))).await;
    super::due::assert_due(lab, due.clone(), at).await;
    set(lab, &writing(&family, 1, &Enrolment { rev: 2, ..Enrolment::default() })).await;
    super::due::assert_never_due(lab, |other| *other == due).await;
}

async fn enrolments_are_found_by_instance_and_others_are_left_out(lab: &impl Lab) {
    let (enrolled, other) = (family(lab, later()), family(lab, later()));
    set(lab, &writing(&enrolled, 0, &enrolment(1, later()))).await;
    let found = lab
        .schedule_tick()
        .enrolments(&[key(&enrolled), key(&other), key(&enrolled)])
        .await
        .unwrap();
    assert_eq!(found, BTreeMap::from([(key(&enrolled), enrolment(1, later()))]));
    let strangers: BTreeSet<EnrolmentKey> = (0..120).map(|_| key(&family(lab, later()))).collect();
    let strangers: Vec<EnrolmentKey> = strangers.into_iter().collect();
    assert_eq!(lab.schedule_tick().enrolments(&strangers).await.unwrap(), BTreeMap::new());
}

async fn an_image_of_a_schedule_is_noted_where_presses_see_it(lab: &impl Lab) {
    let (first, second) = (family(lab, later()), family(lab, later()));
    let button: PressKey = first.press_key().expect("a press");
    let imaged = |read, at| {
        let expected = Expected::read_at(read);
        vec![PressWrite::Imaged { key: button.clone(), expected, at: Slot::at(at) }.into()]
    };
    write(&lab.create_image(), &FamilyChange { with: imaged(0, later()), ..beginning(&first) })
        .await;
    let noted = Press { rev: 1, last_image_slot: Some(Slot::at(later())), ..Press::untouched() };
    let press = async || lab.create_image().press_and_budget(&button).await.unwrap().0;
    assert_eq!(press().await, noted);
    let after = plus_seconds(later(), 60);
    let late = FamilyChange { with: imaged(0, after), ..beginning(&second) };
    conflict(&lab.create_image(), &late, "the press was written since").await;
    write(&lab.create_image(), &FamilyChange { with: imaged(1, after), ..beginning(&second) })
        .await;
    assert_eq!(
        press().await,
        Press { rev: 2, last_image_slot: Some(Slot::at(after)), ..Press::untouched() }
    );
}

async fn the_tick_reads_the_hours_count(lab: &impl Lab) {
    let account = account_id(lab.number());
    assert_eq!(lab.schedule_tick().budget(&account).await.unwrap(), Budget::default());
    let mut family = family(lab, later());
    family.account = account.clone();
    let budget = Budget::default().take(later(), 9).unwrap();
    write(
        &lab.create_image(),
        &FamilyChange {
            with: vec![Write::HourCount(account.clone(), budget.clone())],
            ..beginning(&family)
        },
    )
    .await;
    assert_eq!(lab.schedule_tick().budget(&account).await.unwrap(), budget);
}
