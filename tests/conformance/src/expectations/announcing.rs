//! History that waits to be published, and publishing.

use crate::given::{beginning, family, later, write};
use crate::lab::{Lab, Published, until};
use crate::suite::expected;
use amiline_app::ports::{Announcer, Catalogue};
use amiline_domain::family::{Family, Place};
use amiline_domain::history::{EventKind, Fact, HistoryItem, append};
use amiline_domain::notice::render;
use amiline_domain::record::Commit;

expected! {
    "design, Mechanics: the outbox" {
        history_waits_until_it_is_marked_as_announced,
        history_that_is_not_announced_does_not_wait,
        history_that_does_not_exist_does_not_wait,
        marking_again_or_what_is_not_there_is_harmless,
    }
    "SNS, MessageStructure json" { a_published_notice_arrives_with_its_subject_and_its_attributes }
}

/// A family with one item of history.
async fn told(lab: &impl Lab, kind: EventKind) -> (Family, HistoryItem) {
    let mut family = family(lab, later());
    let fact = Fact::of(kind, &Place::Source, None, Some("because of \"this\"\n\u{1F4A5}"));
    let item = append(&mut family, fact, later());
    write(&lab.create_image(), &Commit { history: vec![item.clone()], ..beginning(&family) }).await;
    (family, item)
}

async fn waiting(lab: &impl Lab, family: &Family, seq: u64) -> Option<HistoryItem> {
    let (pk, sk) = (format!("FAMILY#{}", family.id), format!("HISTORY#{seq:012}"));
    lab.notify().waiting_history(&pk, &sk).await.expect("an answer")
}

async fn history_waits_until_it_is_marked_as_announced(lab: &impl Lab) {
    let (family, item) = told(lab, EventKind::FamilyFailed).await;
    assert_eq!(waiting(lab, &family, 1).await, Some(item.clone()));
    lab.notify().mark_announced(&family.id, 1).await.unwrap();
    assert_eq!(waiting(lab, &family, 1).await, None);
    assert_eq!(lab.operator().history(&family.id).await, Ok(vec![item]), "it stays, as it was");
}

async fn history_that_is_not_announced_does_not_wait(lab: &impl Lab) {
    let (family, _) = told(lab, EventKind::CopyStarted).await;
    assert_eq!(waiting(lab, &family, 1).await, None);
}

async fn history_that_does_not_exist_does_not_wait(lab: &impl Lab) {
    let (mut family, _) = told(lab, EventKind::ImageFailed).await;
    assert_eq!(waiting(lab, &family, 2).await, None);
    family.id = crate::given::family_id(lab.number());
    assert_eq!(waiting(lab, &family, 1).await, None);
}

async fn marking_again_or_what_is_not_there_is_harmless(lab: &impl Lab) {
    let (family, item) = told(lab, EventKind::ImageFailed).await;
    for seq in [1, 1, 2] {
        assert_eq!(lab.notify().mark_announced(&family.id, seq).await, Ok(()), "{seq}");
    }
    assert_eq!(waiting(lab, &family, 2).await, None);
    assert_eq!(lab.operator().history(&family.id).await, Ok(vec![item]), "nothing was made");
}

async fn a_published_notice_arrives_with_its_subject_and_its_attributes(lab: &impl Lab) {
    lab.take_published().await;
    let (_, item) = told(lab, EventKind::FamilyFailed).await;
    let notice = render(&item);
    lab.notify().publish(&notice).await.expect("it is published");
    let mut published = Vec::new();
    until(lab, async || {
        published.extend(lab.take_published().await);
        !published.is_empty()
    })
    .await;
    assert_eq!(published.len(), 1, "{published:?}");
    let attributes = notice.attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(published.remove(0), Published { subject: notice.subject, message: notice.json, attributes });
}
