//! The families of a day, and which digests were published.

use super::due::due_at;
use crate::given::{beginning, failed, family, family_id, instance_id, row, write};
use crate::lab::{Lab, until};
use crate::suite::expected;
use amiline_app::ports::{Clock, Committed, DayReader, DigestKeeper, Due, RecordWriter};
use amiline_domain::day::Day;
use amiline_domain::digest::{DigestKey, DigestState, Draft, ReadFrom};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::{Family, ImageRole};
use amiline_domain::history::{EventKind, News, Subject, append_news};
use amiline_domain::ids::{FamilyId, PolicyName};
use amiline_domain::record::{Expected, FamilyChange, Transaction, Write};
use amiline_domain::time::plus_seconds;
use std::collections::BTreeMap;

expected! {
    "ARCHITECTURE.md#the-table" {
        a_days_families_are_those_between_its_midnights_oldest_first_without_their_images,
        a_days_families_are_read_page_by_page_and_all_of_them,
        a_days_ended_enrolments_are_those_between_its_midnights_oldest_first,
    }
    "docs/decisions/digests-are-read-when-due.md" {
        a_digest_that_was_published_is_known_and_no_other,
        a_draft_of_a_digest_is_kept_by_version_and_is_due_until_it_is_published,
    }
}

/// A day long ago, of which nobody else has families.
fn a_day(lab: &impl Lab) -> Day {
    let days = i64::from(lab.number()) * 3;
    Day::of(plus_seconds("2001-01-01T12:00:00Z".parse().unwrap(), days * 86_400))
}

/// What two functions read, which is the same: all pages of a day.
async fn listed(lab: &impl Lab, day: Day) -> (Vec<Family>, usize) {
    let (mut found, mut pages, mut from) = (Vec::new(), 0, None);
    loop {
        let page = lab.notify().families_of_day(day, from.clone()).await.expect("a page");
        let same = lab.schedule_tick().families_of_day(day, from).await.expect("a page");
        assert_eq!(page, same);
        found.extend(page.families);
        pages += 1;
        from = page.next;
        if from.is_none() {
            return (found, pages);
        }
    }
}

async fn eventually(lab: &impl Lab, day: Day, count: usize) -> (Vec<Family>, usize) {
    // The index may be behind.
    until(lab, async || listed(lab, day).await.0.len() >= count).await;
    listed(lab, day).await
}

async fn a_days_families_are_those_between_its_midnights_oldest_first_without_their_images(
    lab: &impl Lab,
) {
    let day = a_day(lab);
    let mut expected = Vec::new();
    for seconds in [-1, 86_400, 86_399, 0, 43_200] {
        let at = plus_seconds(day.start(), seconds);
        let mut family = family(lab, at);
        family.rows.insert(ImageRole::Source, row(lab, ImageRole::Source, at));
        family.row_versions.insert(ImageRole::Source, 1);
        let rows = family.rows.values().cloned().collect();
        write(&lab.create_image(), &FamilyChange { rows, ..beginning(&family) }).await;
        if (0..86_400).contains(&seconds) {
            expected.push(Family { rows: BTreeMap::new(), ..family });
        }
    }
    expected.sort_by_key(|family| family.created_at);
    assert_eq!(eventually(lab, day, expected.len()).await.0, expected);
}

async fn a_days_families_are_read_page_by_page_and_all_of_them(lab: &impl Lab) {
    let day = a_day(lab);
    let mut expected: Vec<FamilyId> = Vec::new();
    for _ in 0..101 {
        let family = family(lab, day.start());
        write(&lab.create_image(), &beginning(&family)).await;
        expected.push(family.id);
    }
    expected.sort();
    let (found, pages) = eventually(lab, day, expected.len()).await;
    assert_eq!(found.into_iter().map(|family| family.id).collect::<Vec<_>>(), expected);
    assert_eq!(pages, 2);
}

async fn a_days_ended_enrolments_are_those_between_its_midnights_oldest_first(lab: &impl Lab) {
    let day = a_day(lab);
    let mut expected = Vec::new();
    for seconds in [86_400, 86_399, 0, -1] {
        let at = plus_seconds(day.start(), seconds);
        let instance = instance_id(lab.number());
        let key = EnrolmentKey { account: lab.account(), region: lab.home(), instance };
        let mut enrolment = Enrolment { rev: 1, ..Enrolment::default() };
        let mut item = |kind| {
            let news = News {
                kind,
                account: lab.account(),
                region: lab.home(),
                policy: Some(PolicyName::new("nightly").unwrap()),
                image: None,
                instance_name: None,
                reason: failed("the tag is gone").into(),
            };
            append_news(Subject::Enrolment(key.clone()), &mut enrolment.news, news, at)
        };
        let history = vec![item(EventKind::EnrolmentEnded), item(EventKind::CoverageRestored)];
        expected.extend(history.first().filter(|_| (0..86_400).contains(&seconds)).cloned());
        let write = Write::Enrolment(key.clone(), Expected::Absent, Box::new(enrolment));
        let transaction = Transaction::announcing(write, history).expect("a transaction");
        assert_eq!(lab.create_image().commit(&transaction).await, Ok(Committed::Yes));
    }
    expected.sort_by_key(|item| item.at);
    let read = async || lab.notify().enrolments_ended_on(day, None).await.expect("a page").items;
    until(lab, async || read().await.len() >= expected.len()).await;
    assert_eq!(read().await, expected);
    assert_eq!(
        lab.schedule_tick().enrolments_ended_on(day, None).await.expect("a page").items,
        expected
    );
}

async fn a_digest_that_was_published_is_known_and_no_other(lab: &impl Lab) {
    let policy = |name: String| Some(PolicyName::new(name).unwrap());
    let day = a_day(lab);
    let key = DigestKey { policy: policy(family_id(lab.number()).to_string()), day };
    let others = [
        DigestKey { policy: None, day },
        DigestKey { policy: policy("NONE".to_owned()), day },
        DigestKey { day: Day::of(day.end()), ..key.clone() },
    ];
    let known = async |key: &DigestKey| {
        lab.notify().digest(key).await.expect("an answer") == DigestState::Published
    };
    assert!(!known(&key).await);
    for _ in 0..2 {
        lab.notify().note_digest_published(&key).await.expect("it is noted");
        assert!(known(&key).await);
    }
    for other in &others {
        assert!(!known(other).await, "{other:?}");
    }
    lab.notify().note_digest_published(&others[0]).await.expect("it is noted");
    assert!(known(&others[0]).await && !known(&others[1]).await);
}

async fn a_draft_of_a_digest_is_kept_by_version_and_is_due_until_it_is_published(lab: &impl Lab) {
    let day = a_day(lab);
    for policy in [Some(PolicyName::new("nightly").unwrap()), None] {
        let key = DigestKey { policy, day };
        let (notify, mut draft) = (lab.notify(), Draft::new(key.clone()));
        assert_eq!(notify.digest(&key).await, Ok(DigestState::Unknown));
        draft.digest.add(&family(lab, day.start()));
        for from in
            [ReadFrom::Families(Some("{}".to_owned())), ReadFrom::Ended(None), ReadFrom::End]
        {
            draft.from = from;
            draft.rev += 1;
            assert_eq!(notify.keep_draft(&key, &draft).await, Ok(Committed::Yes));
            assert_eq!(notify.keep_draft(&key, &draft).await, Ok(Committed::Conflict));
            assert_eq!(notify.digest(&key).await, Ok(DigestState::Begun(Box::new(draft.clone()))));
        }
        let due = async || {
            let now = plus_seconds(lab.create_image().now(), 60);
            let of = |due: &Due| matches!(due, Due::Digest { key: other, .. } if *other == key);
            due_at(lab, now).await.iter().filter(|due| of(due)).count()
        };
        assert!(until(lab, async || due().await == 1).await, "the draft is never due");
        notify.note_digest_published(&key).await.expect("it is noted");
        assert!(until(lab, async || due().await == 0).await, "it stays due");
        draft.rev += 1;
        assert_eq!(notify.keep_draft(&key, &draft).await, Ok(Committed::Conflict));
        assert_eq!(notify.digest(&key).await, Ok(DigestState::Published));
    }
}
