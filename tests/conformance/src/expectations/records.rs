//! Families in the table: transactions, conditions, pointers, kept policies.

use crate::given::{self, beginning, change, conflict, failed, family, later, lease, look, write};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{Catalogue, Clock, RecordReader, RecordWriter, RejectedMessage};
use amiline_domain::family::{ImageRole, Outcome, Phase, Role, RowState};
use amiline_domain::history::{EventKind, Fact, append};
use amiline_domain::press::PressState;
use amiline_domain::record::{FamilyChange, Write};
use amiline_domain::time::{Slot, plus_seconds};

expected! {
    "ARCHITECTURE.md#the-table" {
        a_family_that_was_never_written_is_not_there,
        a_family_comes_back_as_it_was_written,
        a_family_with_a_lease_and_a_due_time_comes_back_as_it_was_written,
        a_family_that_exists_is_not_begun_again,
        a_family_that_does_not_exist_is_not_changed,
        a_change_of_another_version_is_a_conflict,
        a_changed_row_replaces_its_own_and_leaves_the_others,
        an_image_points_to_its_family,
        a_pointer_never_moves_to_another_family,
        history_is_never_written_over,
    }
    "ARCHITECTURE.md#a-family" {
        only_the_holder_of_a_lease_can_be_woken,
        a_wake_in_between_is_a_conflict_for_who_asks,
        a_change_does_not_lose_hints,
    }
    "ARCHITECTURE.md#the-table" { a_policy_is_kept_under_its_hash }
    "ARCHITECTURE.md#the-table" { keeping_a_rejected_message_twice_is_harmless }
}

async fn a_family_that_was_never_written_is_not_there(lab: &impl Lab) {
    let nobody = given::family_id(lab.number());
    assert_eq!(lab.create_image().family(&nobody).await, Ok(None));
    assert_eq!(lab.operator().history(&nobody).await, Ok(Vec::new()));
}

async fn a_family_comes_back_as_it_was_written(lab: &impl Lab) {
    let family = family(lab, lab.create_image().now());
    write(&lab.create_image(), &beginning(&family)).await;
    for found in
        [lab.create_image().family(&family.id).await, lab.operator().family(&family.id).await]
    {
        assert_eq!(found, Ok(Some(family.clone())));
    }
    assert!(family.is_whole());
}

async fn a_family_with_a_lease_and_a_due_time_comes_back_as_it_was_written(lab: &impl Lab) {
    let mut family = family(lab, lab.create_image().now());
    write(&lab.create_image(), &beginning(&family)).await;
    family.work.lease = lease("an invocation", plus_seconds(later(), 90));
    family.work.due = look(later(), Role::Distribute);
    (family.phase, family.outcome) = (Phase::Answering, Some(Outcome::Partial));
    write(&lab.distribute_image(), &change(&mut family)).await;
    assert_eq!(lab.distribute_image().family(&family.id).await, Ok(Some(family.clone())));
    (family.work.lease, family.work.due, family.policy, family.status) = (None, None, None, None);
    write(&lab.distribute_image(), &change(&mut family)).await;
    assert_eq!(
        lab.distribute_image().family(&family.id).await,
        Ok(Some(family)),
        "and without them again"
    );
}

async fn a_family_that_exists_is_not_begun_again(lab: &impl Lab) {
    let first = family(lab, later());
    write(&lab.create_image(), &beginning(&first)).await;
    let mut second = first.clone();
    second.requested = "another".to_owned();
    conflict(&lab.create_image(), &beginning(&second), "it exists").await;
    assert_eq!(lab.create_image().family(&first.id).await, Ok(Some(first)));
}

async fn a_family_that_does_not_exist_is_not_changed(lab: &impl Lab) {
    let mut family = family(lab, later());
    conflict(&lab.create_image(), &change(&mut family), "it was never begun").await;
    assert_eq!(lab.create_image().family(&family.id).await, Ok(None));
}

async fn a_change_of_another_version_is_a_conflict(lab: &impl Lab) {
    let mut family = family(lab, later());
    write(&lab.create_image(), &beginning(&family)).await;
    let mut other = family.clone();
    other.requested = "another".to_owned();
    write(&lab.create_image(), &change(&mut family)).await;
    conflict(&lab.distribute_image(), &change(&mut other), "version 2 is there already").await;
    let mut skipped = family.clone();
    skipped.work.version = 7;
    conflict(&lab.distribute_image(), &change(&mut skipped), "version 7 never was").await;
    assert_eq!(lab.create_image().family(&family.id).await, Ok(Some(family)));
}

async fn a_changed_row_replaces_its_own_and_leaves_the_others(lab: &impl Lab) {
    let mut family = family(lab, later());
    write(&lab.create_image(), &beginning(&family)).await;
    let place = ImageRole::Copy(lab.elsewhere());
    let row = family.rows.get_mut(&place).unwrap();
    (row.state, row.reason, row.snapshots) = (RowState::Available, None, Vec::new());
    family.work.version = 2;
    family.stamp(&[place.clone()].into());
    family.work.version = 1;
    let rows = vec![family.rows[&place].clone()];
    let commit = FamilyChange { rows, ..change(&mut family) };
    write(&lab.distribute_image(), &commit).await;
    let found = lab.distribute_image().family(&family.id).await.unwrap().unwrap();
    assert!(found.is_whole());
    assert_eq!(found, family);
}

async fn an_image_points_to_its_family(lab: &impl Lab) {
    let family = family(lab, later());
    let (here, there) = (
        (lab.home(), given::image_id(lab.number())),
        (lab.elsewhere(), given::image_id(lab.number())),
    );
    let pointers = vec![here.clone(), there.clone(), here.clone()];
    write(&lab.create_image(), &FamilyChange { pointers, ..beginning(&family) }).await;
    let records = lab.distribute_image();
    for (region, image) in [&here, &there] {
        assert_eq!(records.family_of_image(region, image).await, Ok(Some(family.id.clone())));
    }
    assert_eq!(records.family_of_image(&there.0, &here.1).await, Ok(None), "another Region");
}

async fn a_pointer_never_moves_to_another_family(lab: &impl Lab) {
    let (mut first, second) = (family(lab, later()), family(lab, later()));
    let pointers = vec![(lab.home(), given::image_id(lab.number()))];
    write(&lab.create_image(), &FamilyChange { pointers: pointers.clone(), ..beginning(&first) })
        .await;
    write(&lab.create_image(), &FamilyChange { pointers: pointers.clone(), ..change(&mut first) })
        .await;
    let stolen = FamilyChange { pointers: pointers.clone(), ..beginning(&second) };
    conflict(&lab.create_image(), &stolen, "the image belongs to another family").await;
    let (region, image) = &pointers[0];
    assert_eq!(lab.create_image().family_of_image(region, image).await, Ok(Some(first.id)));
}

async fn history_is_never_written_over(lab: &impl Lab) {
    let mut family = family(lab, later());
    let fact =
        |reason| Fact::of(EventKind::ImageFailed, &ImageRole::Source, None).because(failed(reason));
    let before = family.clone();
    let first = append(&mut family, fact("first"), later());
    write(
        &lab.create_image(),
        &FamilyChange { history: vec![first.clone()], ..beginning(&family) },
    )
    .await;
    let other = append(&mut before.clone(), fact("other"), later());
    assert_eq!(other.seq, first.seq);
    let commit = FamilyChange { history: vec![other], ..change(&mut family.clone()) };
    conflict(&lab.create_image(), &commit, "the place is taken").await;
    assert_eq!(lab.operator().history(&family.id).await, Ok(vec![first]));
}

async fn only_the_holder_of_a_lease_can_be_woken(lab: &impl Lab) {
    let mut family = family(lab, later());
    let records = lab.create_image();
    assert_eq!(records.leave_hint(&family.id, "holder").await, Ok(false), "there is no family");
    assert_eq!(records.family(&family.id).await, Ok(None), "and none was made");
    write(&records, &beginning(&family)).await;
    assert_eq!(records.leave_hint(&family.id, "holder").await, Ok(false), "nobody holds it");
    family.work.lease = lease("holder", later());
    write(&records, &change(&mut family)).await;
    assert_eq!(records.leave_hint(&family.id, "another").await, Ok(false), "another one does");
    assert_eq!(records.family(&family.id).await.unwrap().unwrap().work.pending_hints, 0);
    for hints in 1..=3 {
        assert_eq!(lab.distribute_image().leave_hint(&family.id, "holder").await, Ok(true));
        assert_eq!(records.family(&family.id).await.unwrap().unwrap().work.pending_hints, hints);
    }
    family.work.lease = None;
    write(&records, &change(&mut family)).await;
    assert_eq!(records.leave_hint(&family.id, "holder").await, Ok(false), "no longer");
}

async fn a_wake_in_between_is_a_conflict_for_who_asks(lab: &impl Lab) {
    let mut family = family(lab, later());
    let records = lab.create_image();
    write(&records, &FamilyChange { pending_hints: Some(0), ..beginning(&family) }).await;
    family.work.lease = lease("holder", later());
    write(&records, &FamilyChange { pending_hints: Some(0), ..change(&mut family) }).await;
    assert_eq!(records.leave_hint(&family.id, "holder").await, Ok(true));
    let late = FamilyChange { pending_hints: Some(0), ..change(&mut family.clone()) };
    conflict(&records, &late, "somebody knocked").await;
    write(&records, &FamilyChange { pending_hints: Some(1), ..change(&mut family) }).await;
    let again = FamilyChange { pending_hints: Some(0), ..change(&mut family.clone()) };
    conflict(&records, &again, "hints are never taken back").await;
}

async fn a_change_does_not_lose_hints(lab: &impl Lab) {
    let mut family = family(lab, later());
    family.work.lease = lease("holder", later());
    let records = lab.create_image();
    write(&records, &beginning(&family)).await;
    assert_eq!(records.leave_hint(&family.id, "holder").await, Ok(true));
    write(&records, &change(&mut family)).await;
    assert_eq!(
        records.family(&family.id).await.unwrap().unwrap().work.pending_hints,
        1,
        "the writer had not read it"
    );
}

async fn a_policy_is_kept_under_its_hash(lab: &impl Lab) {
    let (hash, text) =
        (format!("hash-{}", lab.number()), "{\"description\":\"\u{1F4A5} 'x'\"}\n".to_owned());
    let kept = vec![Write::PolicyText { hash: hash.clone(), text: text.clone() }];
    for _ in 0..2 {
        write(
            &lab.create_image(),
            &FamilyChange { with: kept.clone(), ..beginning(&family(lab, later())) },
        )
        .await;
    }
    assert_eq!(lab.distribute_image().kept_policy(&hash).await, Ok(Some(text)));
    assert_eq!(lab.distribute_image().kept_policy("no such hash").await, Ok(None));
}

async fn keeping_a_rejected_message_twice_is_harmless(lab: &impl Lab) {
    let rejected = RejectedMessage {
        message_id: format!("message-{}", lab.number()),
        function: "create-image",
        code: "malformed".to_owned(),
        reason: "not JSON".to_owned(),
        excerpt: String::new(),
        at: Slot::next(later(), None).timestamp(),
    };
    assert_eq!(lab.create_image().keep_rejected(&rejected).await, Ok(()));
    assert_eq!(lab.create_image().keep_rejected(&rejected).await, Ok(()));
    assert_eq!(lab.notify().keep_rejected(&rejected).await, Ok(()));
    let press = lab
        .create_image()
        .press_and_budget(&family(lab, later()).press_key().expect("a press"))
        .await
        .unwrap()
        .0;
    assert_eq!(press.state, PressState::Idle, "nothing else was touched");
}
