//! The index of what is due. It may lag behind the table, so what should appear or disappear is
//! waited for.

use crate::given::{beginning, change, committed, family, later, lease, look, write};
use crate::lab::{Lab, until};
use crate::suite::expected;
use amiline_app::ports::{Announcer, Due, DueReader, RecordReader};
use amiline_domain::family::{ImageRole, Role, RowState};
use amiline_domain::history::{EventKind, Fact, Subject, append};
use amiline_domain::press::Press;
use amiline_domain::record::{Expected, FamilyChange, PressWrite};
use amiline_domain::time::plus_seconds;
use jiff::Timestamp;

expected! {
    "ARCHITECTURE.md#the-table" {
        a_family_is_due_at_its_time_and_not_before,
        a_family_that_is_settled_is_not_due,
        a_family_that_is_held_is_due_when_the_lease_ends,
        a_family_is_due_for_the_function_whose_turn_it_is,
        a_button_is_due_at_its_look_and_not_when_that_is_taken_back,
        history_is_due_when_it_was_not_published_for_ten_minutes,
        history_that_is_not_announced_is_never_due,
        a_press_is_due_at_the_look_that_it_was_written_with_until_another_is,
        due_times_are_whole_seconds,
        what_is_due_in_one_part_comes_oldest_first_on_every_page,
    }
}

/// Everything that is due at a moment, in every part, page by page.
pub(super) async fn due_at(lab: &impl Lab, at: Timestamp) -> Vec<Due> {
    let tick = lab.schedule_tick();
    let mut found = Vec::new();
    for shard in 0..tick.shards() {
        let mut from = None;
        loop {
            let page = tick.due(shard, at, from).await.expect("a page");
            found.extend(page.items);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    found
}

/// Waits until it is due at `at`, and expects that it is not a second before.
pub(super) async fn assert_due(lab: &impl Lab, due: Due, at: Timestamp) {
    assert!(
        until(lab, async || due_at(lab, at).await.contains(&due)).await,
        "{due:?} is never due"
    );
    assert!(
        !due_at(lab, plus_seconds(at, -1)).await.contains(&due),
        "{due:?} is due before its time"
    );
    let count =
        due_at(lab, plus_seconds(at, 86_400)).await.iter().filter(|other| **other == due).count();
    assert_eq!(count, 1, "{due:?} is due a day later, once");
}

/// Waits until nothing of the kind is due, ever.
pub(super) async fn assert_never_due(lab: &impl Lab, of: impl Fn(&Due) -> bool) {
    let ever: Timestamp = "2090-01-01T00:00:00Z".parse().unwrap();
    let gone = until(lab, async || !due_at(lab, ever).await.iter().any(&of)).await;
    assert!(gone, "it stays due");
}

async fn a_family_is_due_at_its_time_and_not_before(lab: &impl Lab) {
    let (mut family, at) = (family(lab, later()), plus_seconds(later(), i64::from(lab.number())));
    family.work.due = look(at, Role::Create);
    write(&lab.create_image(), &beginning(&family)).await;
    let due = |at| Due::Family { family: family.id.clone(), role: Role::Create, at };
    assert_due(lab, due(at), at).await;
    let (before, after) = (due(at), plus_seconds(at, 3600));
    let moved = due(after);
    family.work.due = look(after, Role::Create);
    write(&lab.create_image(), &change(&mut family)).await;
    assert_due(lab, moved, after).await;
    assert_never_due(lab, |due| *due == before).await;
}

async fn a_family_that_is_settled_is_not_due(lab: &impl Lab) {
    let mut family = family(lab, later());
    family.work.due = look(later(), Role::Create);
    write(&lab.create_image(), &beginning(&family)).await;
    let due = Due::Family { family: family.id.clone(), role: Role::Create, at: later() };
    assert_due(lab, due, later()).await;
    family.work.due = None;
    write(&lab.create_image(), &change(&mut family)).await;
    assert_never_due(lab, |due| matches!(due, Due::Family { family: id, .. } if *id == family.id))
        .await;
}

async fn a_family_that_is_held_is_due_when_the_lease_ends(lab: &impl Lab) {
    let (mut family, ends) = (family(lab, later()), plus_seconds(later(), 90));
    family.work.due = look(later(), Role::Distribute);
    family.work.lease = lease("an invocation", ends);
    write(&lab.create_image(), &beginning(&family)).await;
    assert_due(
        lab,
        Due::Family { family: family.id.clone(), role: Role::Distribute, at: ends },
        ends,
    )
    .await;
    family.work.lease = None;
    write(&lab.create_image(), &change(&mut family)).await;
    assert_due(
        lab,
        Due::Family { family: family.id, role: Role::Distribute, at: later() },
        later(),
    )
    .await;
}

async fn a_family_is_due_for_the_function_whose_turn_it_is(lab: &impl Lab) {
    for (state, role) in
        [(RowState::Calling, Role::Create), (RowState::Available, Role::Distribute)]
    {
        let mut family = family(lab, later());
        family.rows.get_mut(&ImageRole::Source).unwrap().state = state;
        // With no due time of its own, the source image says whose turn it is.
        family.work.lease = lease("an invocation", later());
        write(&lab.create_image(), &beginning(&family)).await;
        assert_due(lab, Due::Family { family: family.id, role, at: later() }, later()).await;
    }
}

async fn a_button_is_due_at_its_look_and_not_when_that_is_taken_back(lab: &impl Lab) {
    let key = family(lab, later()).press_key().expect("a press");
    let due_time =
        |read, at| PressWrite::DueTime { key: key.clone(), expected: Expected::read_at(read), at };
    committed(&lab.create_image(), vec![due_time(0, Some(later())).into()]).await;
    assert_due(lab, Due::Press { key: key.clone(), at: later() }, later()).await;
    committed(&lab.create_image(), vec![due_time(1, None).into()]).await;
    assert_never_due(lab, |due| matches!(due, Due::Press { key: other, .. } if *other == key))
        .await;
}

async fn history_is_due_when_it_was_not_published_for_ten_minutes(lab: &impl Lab) {
    let mut family = family(lab, later());
    let fact = Fact::of(EventKind::ImageAvailable, &ImageRole::Source, None);
    let item = append(&mut family, fact, later());
    write(&lab.create_image(), &FamilyChange { history: vec![item], ..beginning(&family) }).await;
    let (pk, sk, at) = (
        format!("FAMILY#{}", family.id),
        "HISTORY#000000000001".to_owned(),
        plus_seconds(later(), 600),
    );
    assert_due(lab, Due::History { pk: pk.clone(), sk, at }, at).await;
    lab.notify().mark_announced(&Subject::Family(family.id.clone()), 1).await.unwrap();
    assert_never_due(lab, |due| matches!(due, Due::History { pk: other, .. } if *other == pk))
        .await;
}

async fn history_that_is_not_announced_is_never_due(lab: &impl Lab) {
    let mut family = family(lab, later());
    let quiet =
        append(&mut family, Fact::of(EventKind::ImageRequested, &ImageRole::Source, None), later());
    let loud =
        append(&mut family, Fact::of(EventKind::ImageCreating, &ImageRole::Source, None), later());
    write(&lab.create_image(), &FamilyChange { history: vec![quiet, loud], ..beginning(&family) })
        .await;
    let (pk, at) = (format!("FAMILY#{}", family.id), plus_seconds(later(), 600));
    let due = |sk: &str| Due::History { pk: pk.clone(), sk: sk.to_owned(), at };
    assert_due(lab, due("HISTORY#000000000002"), at).await;
    assert!(!due_at(lab, at).await.contains(&due("HISTORY#000000000001")));
}

async fn a_press_is_due_at_the_look_that_it_was_written_with_until_another_is(lab: &impl Lab) {
    let mut family = family(lab, later());
    let (key, at) = (family.press_key().expect("a press"), plus_seconds(later(), 5));
    let begin = |rev, next_look| {
        let press = Press { rev, next_look, ..Press::untouched() };
        vec![
            PressWrite::Put { key: key.clone(), expected: Expected::read_at(rev - 1), press }
                .into(),
        ]
    };
    write(&lab.create_image(), &FamilyChange { with: begin(1, Some(at)), ..beginning(&family) })
        .await;
    assert_due(lab, Due::Press { key: key.clone(), at }, at).await;
    write(&lab.create_image(), &FamilyChange { with: begin(2, None), ..change(&mut family) }).await;
    assert_never_due(lab, |due| matches!(due, Due::Press { key: other, .. } if *other == key))
        .await;
}

async fn due_times_are_whole_seconds(lab: &impl Lab) {
    let mut family = family(lab, later());
    let at = later() + jiff::SignedDuration::from_millis(700);
    family.work.due = look(at, Role::Create);
    write(&lab.create_image(), &beginning(&family)).await;
    assert_due(
        lab,
        Due::Family { family: family.id.clone(), role: Role::Create, at: later() },
        later(),
    )
    .await;
    assert_eq!(
        lab.create_image().family(&family.id).await.unwrap().unwrap().work.due,
        family.work.due,
        "as written"
    );
}

/// All of a family's items are in one part. With more than a page of them, some are on a second
/// one.
async fn what_is_due_in_one_part_comes_oldest_first_on_every_page(lab: &impl Lab) {
    let mut family = family(lab, plus_seconds(later(), -86_400));
    let pk = format!("FAMILY#{}", family.id);
    let mut told = |seconds: std::ops::Range<i64>| -> Vec<_> {
        let fact = || Fact::of(EventKind::ImageAvailable, &ImageRole::Source, None);
        seconds
            .rev()
            .map(|second| append(&mut family, fact(), plus_seconds(later(), second - 86_400)))
            .collect()
    };
    let (first, second) = (told(60..130), told(0..60));
    let mut begun = family.clone();
    begun.seq = 70;
    begun.last_hash.clone_from(&first[69].hash);
    write(&lab.create_image(), &FamilyChange { history: first, ..beginning(&begun) }).await;
    write(&lab.create_image(), &FamilyChange { history: second, ..change(&mut family) }).await;
    let seconds = async || {
        let due = due_at(lab, plus_seconds(later(), -80_000)).await.into_iter();
        let of = |due| match due {
            Due::History { pk: other, at, .. } if other == pk => {
                Some(at.as_second() - later().as_second() + 85_800)
            }
            Due::Family { .. }
            | Due::Press { .. }
            | Due::Enrolment { .. }
            | Due::History { .. }
            | Due::Digest { .. } => None,
        };
        due.filter_map(of).collect::<Vec<_>>()
    };
    until(lab, async || seconds().await.len() == 130).await;
    assert_eq!(seconds().await, (0..130).collect::<Vec<_>>());
}
