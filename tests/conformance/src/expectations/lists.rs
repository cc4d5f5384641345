//! Lists for people.

use crate::given::{beginning, change, failed, family, write};
use crate::lab::{Lab, until};
use crate::suite::expected;
use amiline_app::ports::Catalogue;
use amiline_domain::family::{Family, ImageRole};
use amiline_domain::history::{EventKind, Fact, append};
use amiline_domain::record::FamilyChange;
use amiline_domain::time::{Slot, plus_seconds};
use jiff::Timestamp;

expected! {
    "ARCHITECTURE.md#the-table" {
        the_newest_families_are_listed_first,
        an_instance_lists_its_families_newest_first,
        families_of_one_second_are_listed_by_id,
        history_is_listed_oldest_first_and_follows_from_itself,
    }
}

/// Later than every other family of the suite.
fn newest() -> Timestamp {
    "2080-01-01T00:00:00Z".parse().unwrap()
}

/// Families that were made one second after the other, oldest first; written in another order.
async fn three(lab: &impl Lab, same_instance: bool) -> [Family; 3] {
    let first = family(lab, newest());
    let [second, third] = [1, 2].map(|seconds| {
        let at = plus_seconds(newest(), seconds);
        let mut family = family(lab, at);
        family.slot = Slot::next(at, None);
        if same_instance {
            family.instance = first.instance.clone();
        }
        family
    });
    for family in [&second, &third, &first] {
        write(&lab.create_image(), &beginning(family)).await;
    }
    [first, second, third]
}

async fn the_newest_families_are_listed_first(lab: &impl Lab) {
    let [first, mut second, third] = three(lab, false).await;
    let listed = async |limit| lab.operator().families(limit, None).await.expect("a list");
    let expected = vec![third.clone(), second.clone(), first];
    // The index may lag.
    assert!(until(lab, async || listed(3).await == expected).await, "{:?}", listed(3).await);
    assert_eq!(listed(2).await, expected[..2]);
    let after = lab.operator().families(1, Some(&third)).await;
    assert_eq!(
        after,
        Ok(vec![second.clone()]),
        "a page begins after the family that the last one ended with"
    );
    write(&lab.create_image(), &change(&mut second)).await;
    assert_eq!(listed(2).await, [third, second], "a change moves nothing, and is shown");
}

async fn an_instance_lists_its_families_newest_first(lab: &impl Lab) {
    let [first, second, third] = three(lab, true).await;
    let (region, instance) = (first.region.clone(), first.instance.clone());
    let listed = lab.operator().families_of_instance(&region, &instance, 100).await;
    assert_eq!(listed, Ok(vec![third, second, first]));
    let elsewhere = lab.operator().families_of_instance(&lab.elsewhere(), &instance, 100).await;
    assert_eq!(elsewhere, Ok(Vec::new()));
}

async fn history_is_listed_oldest_first_and_follows_from_itself(lab: &impl Lab) {
    let mut family = family(lab, newest());
    let mut written = Vec::new();
    write(&lab.create_image(), &beginning(&family)).await;
    for kinds in
        [vec![EventKind::ImageRequested, EventKind::ImageCreating], vec![EventKind::FamilyPartial]]
    {
        let facts = kinds.into_iter().map(|kind| {
            Fact::of(kind, &ImageRole::Source, None).because(failed("a \"reason\"\n\u{1F4A5}"))
        });
        let items: Vec<_> = facts.map(|fact| append(&mut family, fact, newest())).collect();
        written.extend(items.clone());
        write(&lab.create_image(), &FamilyChange { history: items, ..change(&mut family) }).await;
    }
    let listed = lab.operator().history(&family.id).await.unwrap();
    assert_eq!(listed, written);
    assert!(
        listed.iter().all(|item| item.hash == item.compute_hash()),
        "what is read has the hash of what was written"
    );
    assert!(
        listed
            .windows(2)
            .all(|pair| pair[1].prev_hash == pair[0].hash && pair[1].seq == pair[0].seq + 1)
    );
}

async fn families_of_one_second_are_listed_by_id(lab: &impl Lab) {
    let at = plus_seconds(newest(), 86_400);
    // The later one of a second has the lower id.
    let (mut low, mut high) = (family(lab, at), family(lab, at));
    low.created_at = at + jiff::SignedDuration::from_millis(700);
    high.created_at = at + jiff::SignedDuration::from_millis(200);
    high.instance = low.instance.clone();
    for family in [&low, &high] {
        write(&lab.create_image(), &beginning(family)).await;
    }
    let listed = async || lab.operator().families(2, None).await.expect("a list");
    let expected = vec![high.clone(), low.clone()];
    assert!(until(lab, async || listed().await == expected).await, "{:?}", listed().await);
    assert_eq!(
        lab.operator().families_of_instance(&low.region, &low.instance, 100).await,
        Ok(expected)
    );
    assert_eq!(lab.operator().families(0, None).await, Ok(Vec::new()));
}
