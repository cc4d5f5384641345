//! Limits and orders of the table's transactions, and rejected messages.

use crate::given::{self, beginning, change, conflict, family, later, lease, write};
use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{Catalogue, RecordReader, RecordWriter, RejectedMessage};
use amiline_domain::family::{Family, Place};
use amiline_domain::fault::Fault;
use amiline_domain::history::{EventKind, Fact, HistoryItem, append};
use amiline_domain::record::Commit;

expected! {
    "aws-behaviour.md#transactions" { a_transaction_has_a_hundred_items_at_most }
    "aws-behaviour.md#transactions" { a_transaction_writes_no_item_twice }
    "ARCHITECTURE.md#a-family" { wakes_that_never_were_are_a_conflict }
    "ARCHITECTURE.md#the-table" { a_policy_that_is_kept_again_is_as_it_was_written_last }
    "ARCHITECTURE.md#the-table" { a_long_history_is_listed_in_its_order }
    "ARCHITECTURE.md#the-table" { a_rejected_message_is_kept_as_it_was }
}

fn history(family: &mut Family, count: usize) -> Vec<HistoryItem> {
    let fact = || Fact::of(EventKind::CopyStarted, &Place::Source, None, None);
    (0..count).map(|_| append(family, fact(), later())).collect()
}

async fn a_transaction_has_a_hundred_items_at_most(lab: &impl Lab) {
    // The family, its two rows, and the item by which its instance's families are listed.
    let beside = 4;
    let mut large = family(lab, later());
    let items = history(&mut large, 101 - beside);
    let commit = Commit { history: items, ..beginning(&large) };
    let refused = lab.create_image().commit(&commit).await.expect_err("101 items");
    assert_eq!(refused.fault, Fault::Reject, "{refused}");
    assert_eq!(lab.create_image().family(&large.id).await, Ok(None));
    assert_eq!(lab.operator().history(&large.id).await, Ok(Vec::new()));
    let mut largest = family(lab, later());
    let items = history(&mut largest, 100 - beside);
    write(&lab.create_image(), &Commit { history: items.clone(), ..beginning(&largest) }).await;
    assert_eq!(lab.operator().history(&largest.id).await, Ok(items));
}

async fn a_transaction_writes_no_item_twice(lab: &impl Lab) {
    let family = family(lab, later());
    let mut commit = beginning(&family);
    commit.rows.push(commit.rows[0].clone());
    let refused = lab.create_image().commit(&commit).await.expect_err("a row twice");
    assert_eq!(refused.fault, Fault::Reject, "{refused}");
    assert_eq!(lab.create_image().family(&family.id).await, Ok(None));
}

async fn wakes_that_never_were_are_a_conflict(lab: &impl Lab) {
    let mut family = family(lab, later());
    let records = lab.create_image();
    conflict(&records, &Commit { expected_wakes: Some(1), ..beginning(&family) }, "there is no family").await;
    family.lease = lease("holder", later());
    write(&records, &beginning(&family)).await;
    conflict(&records, &Commit { expected_wakes: Some(1), ..change(&mut family.clone()) }, "nobody knocked").await;
    write(&records, &Commit { expected_wakes: Some(0), ..change(&mut family) }).await;
}

/// The key is the hash of the text, so only a broken hash can show it.
async fn a_policy_that_is_kept_again_is_as_it_was_written_last(lab: &impl Lab) {
    let hash = format!("hash-{}", lab.number());
    for text in ["{}", "{\"deadline_hours\":2}"] {
        let kept = Some((hash.clone(), text.to_owned()));
        write(&lab.create_image(), &Commit { policy_text: kept, ..beginning(&family(lab, later())) }).await;
        assert_eq!(lab.distribute_image().kept_policy(&hash).await, Ok(Some(text.to_owned())));
    }
}

async fn a_long_history_is_listed_in_its_order(lab: &impl Lab) {
    let mut family = family(lab, later());
    let mut written = history(&mut family, 60);
    write(&lab.create_image(), &Commit { history: written.clone(), ..beginning(&family) }).await;
    let more = history(&mut family, 60);
    write(&lab.create_image(), &Commit { history: more.clone(), ..change(&mut family) }).await;
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
