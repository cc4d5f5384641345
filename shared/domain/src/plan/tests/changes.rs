//! What counts as a change that has to be written.

use super::*;
use crate::press::PressKey;
use crate::tags::Button;

#[test]
fn any_one_change_alone_is_written_and_none_is_not() {
    let key = PressKey {
        account: AccountId::new("111111111111").unwrap(),
        region: region("us-east-1"),
        instance: InstanceId::new("i-0123456789abcdef0").unwrap(),
        button: Button::Image,
    };
    let slot = Slot::next("2026-11-24T12:00:00Z".parse().unwrap(), None);
    let fact = Fact::of(EventKind::ImageAvailable, &ImageRole::Source, None);
    let alone = [
        Changes { facts: vec![fact], ..Changes::default() },
        Changes { pointers: vec![(region("us-east-1"), image_id(1))], ..Changes::default() },
        Changes { press: Some(PressWrite::Answer { key, slot }), ..Changes::default() },
        Changes { rows: BTreeSet::from([ImageRole::Source]), ..Changes::default() },
        Changes { family: true, ..Changes::default() },
    ];
    for changes in alone {
        assert!(!changes.is_empty(), "{changes:?}");
        let mut merged = Changes::default();
        merged.merge(changes.clone());
        assert_eq!(merged, changes);
    }
    assert!(Changes::default().is_empty());
}

#[test]
fn a_look_before_its_time_that_shows_nothing_new_changes_nothing() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Unknown, "Timeout"));
    stage.later(10);
    let everything = FamilyHint { everything: true, ..FamilyHint::default() };
    assert_eq!(
        reads::<Creating>(&stage.family, &stage.observed, &everything, stage.input()),
        vec![CreateRead::Row(ImageRole::Source)]
    );
    let before = stage.family.clone();
    stage.sees(&ImageRole::Source, vec![]);
    assert!(stage.absorb(&everything).is_empty());
    assert_eq!(stage.family, before);
    let before = due::<Creating>(&stage.family, stage.input());
    // One whose time has come puts the next one off, and that is written.
    stage.later(20);
    stage.sees(&ImageRole::Source, vec![]);
    assert!(!stage.absorb(&FamilyHint::default()).is_empty());
    assert!(due::<Creating>(&stage.family, stage.input()) > before);
}
