//! What was made of instances, and news that belong to no family.

use crate::given::{beginning, change, committed, failed, family, later, write};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{
    Announcer, Committed, DayCountReader, EnrolmentReader, Freshness, MadeReader, PolicyHistory,
    PolicyStore, RecordWriter, WatchReader,
};
use amiline_domain::budget::DayCount;
use amiline_domain::coverage::Made;
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::{Family, ImageRole, RowState};
use amiline_domain::history::{EventKind, HistoryItem, News, Subject, append_news};
use amiline_domain::ids::PolicyName;
use amiline_domain::policy::Watch;
use amiline_domain::record::{Expected, FamilyChange, Transaction, Write};
use amiline_domain::time::{Slot, plus_seconds};
use std::collections::{BTreeMap, BTreeSet};

expected! {
    "docs/decisions/coverage-is-judged-from-records.md" {
        what_was_made_of_an_instance_says_where_it_is_available_now,
        what_was_made_is_read_newest_first_page_by_page_and_all_of_it,
    }
    "aws-behaviour.md#transactions" {
        news_of_an_enrolment_are_written_with_it_or_not_at_all,
        news_of_a_policy_are_written_with_its_watch_and_wait_to_be_announced,
        a_policys_day_is_counted_with_the_family_or_not_at_all,
    }
    "SSM, GetParametersByPath and GetParameterHistory" {
        the_tick_reads_every_policy_and_its_versions,
    }
}

fn key(family: &Family) -> EnrolmentKey {
    EnrolmentKey {
        account: family.account.clone(),
        region: family.region.clone(),
        instance: family.instance.clone(),
    }
}

/// What both functions read, which is the same: all pages.
async fn made(lab: &impl Lab, key: &EnrolmentKey) -> (Vec<Made>, usize) {
    let (mut all, mut pages, mut from) = (Vec::new(), 0, None);
    loop {
        let page = lab.schedule_tick().made(key, from.clone()).await.expect("a page");
        let same = lab.create_image().made(key, from).await.expect("a page");
        assert_eq!(page, same);
        all.extend(page.made);
        pages += 1;
        from = page.next;
        if from.is_none() {
            return (all, pages);
        }
    }
}

async fn what_was_made_of_an_instance_says_where_it_is_available_now(lab: &impl Lab) {
    let mut family = family(lab, later());
    write(
        &lab.create_image(),
        &FamilyChange { rows: family.rows.values().cloned().collect(), ..beginning(&family) },
    )
    .await;
    let (all, _) = made(lab, &key(&family)).await;
    assert_eq!((all.len(), &all[0].family, all[0].at), (1, &family.id, family.created_at));
    assert!(all[0].available.is_empty(), "nothing is available yet: {all:?}");
    let mut expected = BTreeMap::new();
    for place in [ImageRole::Source, ImageRole::Copy(lab.elsewhere())] {
        let row = family.rows.get_mut(&place).unwrap();
        row.state = RowState::Available;
        expected.insert(row.region.clone(), row.image.clone().unwrap());
        let rows = vec![row.clone()];
        write(&lab.create_image(), &FamilyChange { rows, ..change(&mut family) }).await;
        assert_eq!(made(lab, &key(&family)).await.0[0].available, expected);
    }
    let row = family.rows.get_mut(&ImageRole::Source).unwrap();
    row.state = RowState::Deregistered;
    let rows = vec![row.clone()];
    write(&lab.distribute_image(), &FamilyChange { rows, ..change(&mut family) }).await;
    expected.remove(&lab.home());
    assert_eq!(made(lab, &key(&family)).await.0[0].available, expected);
}

async fn what_was_made_is_read_newest_first_page_by_page_and_all_of_it(lab: &impl Lab) {
    let first = family(lab, later());
    let mut expected = Vec::new();
    for number in 0..30 {
        let at = plus_seconds(later(), number * 60);
        let mut family =
            Family { instance: first.instance.clone(), slot: Slot::at(at), ..family(lab, at) };
        // One that was refused before it had a policy says nothing.
        family.policy = family.policy.filter(|_| number != 7);
        write(&lab.create_image(), &beginning(&family)).await;
        expected.extend(family.policy.is_some().then_some(family.id));
    }
    expected.reverse();
    let (all, _) = made(lab, &key(&first)).await;
    assert_eq!(all.iter().map(|made| made.family.clone()).collect::<Vec<_>>(), expected);
    let nobody = EnrolmentKey { instance: crate::given::instance_id(lab.number()), ..key(&first) };
    assert_eq!(made(lab, &nobody).await, (Vec::new(), 1));
}

fn news(
    subject: &Subject,
    chain: &mut amiline_domain::history::Chain,
    kind: EventKind,
    lab: &impl Lab,
) -> HistoryItem {
    let policy = PolicyName::new("nightly").unwrap();
    let news = News {
        kind,
        account: lab.account(),
        region: lab.elsewhere(),
        policy: Some(policy),
        image: None,
        instance_name: None,
        reason: failed("why").into(),
    };
    append_news(subject.clone(), chain, news, later())
}

async fn news_of_an_enrolment_are_written_with_it_or_not_at_all(lab: &impl Lab) {
    let key = key(&family(lab, later()));
    let subject = Subject::Enrolment(key.clone());
    let mut enrolment = Enrolment { rev: 1, ..Enrolment::default() };
    let history = vec![
        news(&subject, &mut enrolment.news, EventKind::CoverageLost, lab),
        news(&subject, &mut enrolment.news, EventKind::CoverageRestored, lab),
    ];
    let announce = async |read, enrolment: &Enrolment, history: &[HistoryItem]| {
        let write =
            Write::Enrolment(key.clone(), Expected::read_at(read), Box::new(enrolment.clone()));
        let transaction = Transaction::announcing(write, history.to_vec()).expect("a transaction");
        lab.create_image().commit(&transaction).await.expect("an answer")
    };
    assert_eq!(announce(0, &enrolment, &history).await, Committed::Yes);
    let read = async || {
        lab.schedule_tick().enrolments(std::slice::from_ref(&key)).await.unwrap().remove(&key)
    };
    assert_eq!(read().await.as_ref(), Some(&enrolment));
    // Somebody who read before it, and somebody who would write over what was told.
    assert_eq!(announce(0, &enrolment, &[]).await, Committed::Conflict);
    let over = Enrolment { rev: 2, ..enrolment.clone() };
    assert_eq!(announce(1, &over, &history).await, Committed::Conflict);
    assert_eq!(read().await, Some(enrolment), "nothing of it was written");
}

async fn news_of_a_policy_are_written_with_its_watch_and_wait_to_be_announced(lab: &impl Lab) {
    let policy = PolicyName::new(format!("watched-{}", lab.number())).unwrap();
    let stranger = PolicyName::new(format!("watched-{}", lab.number())).unwrap();
    let subject = Subject::Policy(policy.clone());
    let mut watch = Watch { rev: 1, refused: Some("0123abcd".to_owned()), ..Watch::default() };
    let item = news(&subject, &mut watch.news, EventKind::PolicyRefused, lab);
    let write = |watch: Watch| Write::Watch(policy.clone(), Expected::Absent, Box::new(watch));
    let records = lab.create_image();
    assert_eq!(
        committed(&records, vec![write(watch.clone()), item.clone().into()]).await,
        Committed::Yes
    );
    // Somebody who read before it. (The very same transaction again is told that it was written.)
    assert_eq!(
        committed(&records, vec![write(Watch { rev: 1, ..Watch::default() })]).await,
        Committed::Conflict
    );
    let known = lab.schedule_tick().watches(&[policy.clone(), stranger]).await.unwrap();
    assert_eq!(known, BTreeMap::from([(policy.clone(), watch.clone())]));
    assert_eq!(lab.create_image().watches(std::slice::from_ref(&policy)).await.unwrap(), known);
    let (pk, sk) = (format!("WATCH#{policy}"), "HISTORY#000000000001");
    let waiting = lab.notify().waiting_history(&pk, sk).await.unwrap().expect("it waits");
    assert_eq!((waiting.item, waiting.told), (item, BTreeSet::new()));
    lab.notify().mark_announced(&subject, 1).await.unwrap();
    assert_eq!(lab.notify().waiting_history(&pk, sk).await, Ok(None));
}

async fn a_policys_day_is_counted_with_the_family_or_not_at_all(lab: &impl Lab) {
    let policy = PolicyName::new(format!("counted-{}", lab.number())).unwrap();
    assert_eq!(lab.create_image().day_count(&policy).await, Ok(DayCount::default()));
    let first = DayCount::default().take(later(), 2).unwrap();
    let day = vec![Write::DayCount(policy.clone(), first.clone())];
    write(
        &lab.create_image(),
        &FamilyChange { with: day.clone(), ..beginning(&family(lab, later())) },
    )
    .await;
    let late = FamilyChange { with: day, ..beginning(&family(lab, later())) };
    crate::given::conflict(&lab.create_image(), &late, "somebody counted before").await;
    assert_eq!(lab.create_image().day_count(&policy).await, Ok(first.clone()));
    let second = first.take(later(), 2).unwrap();
    let day = vec![Write::DayCount(policy.clone(), second.clone())];
    write(&lab.create_image(), &FamilyChange { with: day, ..beginning(&family(lab, later())) })
        .await;
    assert_eq!(lab.create_image().day_count(&policy).await, Ok(second));
}

async fn the_tick_reads_every_policy_and_its_versions(lab: &impl Lab) {
    for text in ["{}", "{", "["] {
        lab.put_policy("edited", Some(text)).await;
    }
    let name = PolicyName::new("edited").unwrap();
    let all = lab.schedule_tick().policies().await.unwrap();
    let found = all
        .iter()
        .find(|policy| policy.name == "edited")
        .map(|policy| (policy.text.as_str(), policy.version));
    assert_eq!(found, Some(("[", 3)));
    for versions in [
        lab.schedule_tick().policy_versions(&name, Freshness::Fresh).await,
        lab.create_image().policy_versions(&name, Freshness::Fresh).await,
    ] {
        let texts: Vec<String> =
            versions.unwrap().into_iter().map(|version| version.text).collect();
        assert_eq!(texts, ["{}", "{", "["]);
    }
}
