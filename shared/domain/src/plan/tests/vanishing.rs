//! Images that go away while nobody is told, and Regions that the stack loses.

use super::*;
use crate::time::{plus_seconds, seconds_between};

fn pending() -> Stage {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::Image(image_id(1)));
    stage
}

/// One look at the source that does not show it.
fn misses(stage: &mut Stage, seconds: i64) -> Vec<EventKind> {
    stage.later(seconds);
    stage.sees(&ImageRole::Source, vec![]);
    kinds(&stage.absorb(&FamilyHint::default()))
}

#[test]
fn a_pending_image_that_no_read_shows_for_ten_minutes_is_gone() {
    let mut stage = pending();
    assert_eq!(misses(&mut stage, 300), []);
    assert_eq!(
        misses(&mut stage, 300),
        [],
        "ten minutes are not over since the first read that missed it"
    );
    assert_eq!(misses(&mut stage, 301), [EventKind::ImageDeregistered]);
    assert_eq!(stage.row(&ImageRole::Source).recheck, None);
}

#[test]
fn an_image_that_vanished_before_its_deadline_is_gone_after_it_too() {
    let mut stage = Stage::new(r#"{"deadline_hours":1}"#);
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::Image(image_id(1)));
    misses(&mut stage, 3300);
    assert_eq!(misses(&mut stage, 300), [EventKind::ImageFailed], "the deadline");
    assert_eq!(misses(&mut stage, 301), [EventKind::ImageDeregistered]);
    assert_eq!(
        stage.row(&ImageRole::Source).recheck,
        None,
        "a look that is due for ever would wake it at every tick"
    );
}

#[test]
fn a_read_that_shows_the_image_begins_the_ten_minutes_anew() {
    let mut stage = pending();
    misses(&mut stage, 300);
    stage.later(10);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Pending);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint::default());
    assert!(
        stage
            .row(&ImageRole::Source)
            .recheck
            .as_ref()
            .is_some_and(|recheck| recheck.told.is_some())
    );
    assert_eq!(misses(&mut stage, 600), []);
}

#[test]
fn an_image_that_is_known_to_be_deregistered_is_not_looked_at_again() {
    let mut stage = pending();
    misses(&mut stage, 300);
    let ghost = stage.image(&ImageRole::Source, image_id(1), ImageState::Deregistered);
    stage.sees(&ImageRole::Source, vec![ghost]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageDeregistered]);
    assert_eq!(
        stage.row(&ImageRole::Source).recheck,
        None,
        "a look that is due for ever would wake it at every tick"
    );
}

/// One look at an available source, after an event that says it is in this state, which shows it in
/// that one.
fn told_and_shown(stage: &mut Stage, told: ImageState, shown: ImageState) -> Vec<EventKind> {
    let hint = ImageHint { region: region("us-east-1"), image: image_id(1), state: told };
    let image = stage.image(&ImageRole::Source, image_id(1), shown);
    stage.sees(&ImageRole::Source, vec![image]);
    kinds(&stage.absorb(&FamilyHint { image: Some(hint), ..FamilyHint::default() }))
}

/// One look at the source that nothing but the clock asked for.
fn told_nothing_and_shown(stage: &mut Stage, shown: ImageState) -> Vec<EventKind> {
    let image = stage.image(&ImageRole::Source, image_id(1), shown);
    stage.sees(&ImageRole::Source, vec![image]);
    kinds(&stage.absorb(&FamilyHint::default()))
}

/// A look at its time.
fn due_and_shown(stage: &mut Stage, shown: ImageState) -> Vec<EventKind> {
    let next = stage.row(&ImageRole::Source).recheck.as_ref().map(|recheck| recheck.next);
    assert!(next.is_some_and(|next| next <= stage.now), "{next:?} is due");
    told_nothing_and_shown(stage, shown)
}

#[test]
fn news_of_a_deregistration_is_not_swallowed_by_the_question_of_a_disabling() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    assert_eq!(told_and_shown(&mut stage, ImageState::Disabled, ImageState::Available), []);
    stage.later(5);
    assert_eq!(
        told_and_shown(&mut stage, ImageState::Deregistered, ImageState::Disabled),
        [EventKind::ImageDisabled]
    );
    assert_eq!(misses(&mut stage, 300), [EventKind::ImageDeregistered]);
}

#[test]
fn news_that_says_what_an_older_question_asks_is_asked_for_as_long_as_any_other() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    told_and_shown(&mut stage, ImageState::Disabled, ImageState::Available);
    stage.later(290);
    // Enabled and disabled once more meanwhile; the read is from before both.
    told_and_shown(&mut stage, ImageState::Disabled, ImageState::Available);
    stage.later(60);
    told_nothing_and_shown(&mut stage, ImageState::Available);
    assert!(
        stage.row(&ImageRole::Source).recheck.is_some(),
        "the first question's time is over, the second's is not"
    );
    stage.later(60);
    assert_eq!(
        told_nothing_and_shown(&mut stage, ImageState::Disabled),
        [EventKind::ImageDisabled]
    );
    stage.later(300);
    assert_eq!(due_and_shown(&mut stage, ImageState::Disabled), []);
    assert_eq!(stage.row(&ImageRole::Source).recheck, None);
}

#[test]
fn news_that_a_lagging_read_agrees_with_by_chance_is_asked_for_too() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    told_and_shown(&mut stage, ImageState::Disabled, ImageState::Available);
    stage.later(30);
    // It is enabled again, and the read is from before it was disabled.
    told_and_shown(&mut stage, ImageState::Available, ImageState::Available);
    let told = stage.row(&ImageRole::Source).recheck.as_ref().and_then(|recheck| recheck.told);
    assert_eq!(told, Some(ImageState::Available));
    stage.later(60);
    assert_eq!(
        told_nothing_and_shown(&mut stage, ImageState::Disabled),
        [EventKind::ImageDisabled]
    );
    assert!(
        stage.row(&ImageRole::Source).recheck.is_some(),
        "until a read shows what was told last"
    );
}

#[test]
fn an_old_event_that_comes_late_does_not_settle_what_a_newer_one_asked() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    told_and_shown(&mut stage, ImageState::Disabled, ImageState::Available);
    stage.later(30);
    // The event of its becoming available, delivered again; the read lags.
    told_and_shown(&mut stage, ImageState::Available, ImageState::Available);
    let next = stage.row(&ImageRole::Source).recheck.as_ref().map(|recheck| recheck.next);
    assert_eq!(next, Some(plus_seconds(stage.now, 300)), "when no read is behind any more");
    stage.later(300);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Disabled);
    stage.sees(&ImageRole::Source, vec![image]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageDisabled]);
    stage.later(300);
    assert_eq!(due_and_shown(&mut stage, ImageState::Disabled), []);
    assert_eq!(stage.row(&ImageRole::Source).recheck, None);
}

#[test]
fn an_old_event_that_a_lagging_read_confirms_is_not_the_last_word() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    // It was disabled and enabled again. The news of the second comes first, and a read shows it.
    told_and_shown(&mut stage, ImageState::Available, ImageState::Available);
    stage.later(30);
    // The news of the first comes late, and this read is from between the two.
    assert_eq!(
        told_and_shown(&mut stage, ImageState::Disabled, ImageState::Disabled),
        [EventKind::ImageDisabled]
    );
    stage.later(300);
    assert_eq!(due_and_shown(&mut stage, ImageState::Available), [EventKind::ImageEnabled]);
    stage.later(300);
    assert_eq!(due_and_shown(&mut stage, ImageState::Available), []);
    assert_eq!(stage.row(&ImageRole::Source).recheck, None);
}

#[test]
fn a_lagging_read_that_no_event_asked_for_is_not_the_last_word_either() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    told_nothing_and_shown(&mut stage, ImageState::Disabled);
    stage.later(60);
    told_nothing_and_shown(&mut stage, ImageState::Available);
    stage.later(10);
    assert_eq!(
        told_nothing_and_shown(&mut stage, ImageState::Disabled),
        [EventKind::ImageDisabled]
    );
    stage.later(300);
    assert_eq!(due_and_shown(&mut stage, ImageState::Available), [EventKind::ImageEnabled]);
}

#[test]
fn an_event_about_an_image_that_no_read_shows_yet_is_not_forgotten() {
    let mut stage = pending();
    stage.later(30);
    let hint =
        ImageHint { region: region("us-east-1"), image: image_id(1), state: ImageState::Disabled };
    stage.sees(&ImageRole::Source, vec![]);
    stage.absorb(&FamilyHint { image: Some(hint), ..FamilyHint::default() });
    stage.later(100);
    let behind = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![behind]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageAvailable]);
    let told = stage.row(&ImageRole::Source).recheck.as_ref().and_then(|recheck| recheck.told);
    assert_eq!(
        told,
        Some(ImageState::Disabled),
        "it is looked at again until a read shows what was told"
    );
}

#[test]
fn a_disabled_image_that_is_gone_with_no_event_is_gone_after_ten_minutes() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    told_and_shown(&mut stage, ImageState::Disabled, ImageState::Available);
    stage.later(60);
    told_and_shown(&mut stage, ImageState::Disabled, ImageState::Disabled);
    stage.later(300);
    assert_eq!(due_and_shown(&mut stage, ImageState::Disabled), [], "it was not enabled again");
    stage.later(60);
    let hint = FamilyHint { everything: true, ..FamilyHint::default() };
    stage.sees(&ImageRole::Source, vec![]);
    assert_eq!(kinds(&stage.absorb(&hint)), []);
    assert_eq!(misses(&mut stage, 601), [EventKind::ImageDeregistered]);
}

#[test]
fn news_that_a_failed_read_could_not_show_is_looked_for_again() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    stage.observed.rows.insert(ImageRole::Source, RowShown::Unread);
    stage.absorb(&FamilyHint { everything: true, ..FamilyHint::default() });
    let next = stage.row(&ImageRole::Source).recheck.as_ref().map(|recheck| recheck.next);
    assert_eq!(next, Some(plus_seconds(stage.now, 60)));
}

#[test]
fn an_image_that_was_found_by_a_look_is_looked_at_once_more() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Unknown, "NoAnswer"));
    stage.later(60);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    assert_eq!(
        kinds(&stage.absorb(&FamilyHint::default())),
        [EventKind::ImageCreating, EventKind::ImageAvailable]
    );
    stage.absorb(&FamilyHint::default());
    let next = stage.row(&ImageRole::Source).recheck.as_ref().map(|recheck| recheck.next);
    assert_eq!(
        next,
        Some(plus_seconds(stage.now, 300)),
        "its deregistration may have been told before anybody knew it"
    );
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.later(300);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&ImageRole::Source).recheck, None);
}

#[test]
fn a_region_that_cannot_be_read_is_asked_less_and_less_often() {
    let mut stage = pending();
    stage.writes_its_status();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let (at, _) = due::<Distributing>(&stage.family, stage.input()).unwrap();
        waits.push(seconds_between(stage.now, at));
        stage.now = at;
        stage.observed.rows.insert(ImageRole::Source, RowShown::Unread);
        stage.absorb(&FamilyHint::default());
    }
    assert!(waits.is_sorted() && waits[5] > waits[0], "{waits:?}");
}

#[test]
fn a_copy_that_may_have_been_made_is_looked_for_before_it_is_given_up() {
    let mut stage =
        Stage::with_available_source(r#"{"distribute":{"regions":["eu-west-1"]}}"#, true);
    let copy = ImageRole::Copy(region("eu-west-1"));
    let (actions, _) = stage.decide::<Distributing>();
    let calls = actions.iter().find(|action| matches!(action, DistributeAction::Copy(_))).unwrap();
    stage.conclude(calls, &refused(Fault::Unknown, "NoAnswer"));
    // Somebody takes our tag off the source, and the copy is not to be seen yet.
    stage.later(60);
    let mut source = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    source.tags.clear();
    stage.sees(&ImageRole::Source, vec![source.clone()]);
    stage.sees(&copy, vec![]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), []);
    assert_eq!(stage.row(&copy).state, RowState::Calling);
    let made = stage.image(&copy, image_id(2), ImageState::Available);
    stage.later(60);
    stage.sees(&copy, vec![made]);
    assert_eq!(
        kinds(&stage.absorb(&FamilyHint::default())),
        [EventKind::CopyStarted, EventKind::CopyAvailable]
    );
}

#[test]
fn nothing_is_made_in_a_region_that_the_stack_lost() {
    let mut stage = Stage::new("{}");
    stage.bounds.regions.remove(&region("us-east-1"));
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageFailed]);
    let (actions, _) = stage.decide::<Creating>();
    assert!(!actions.iter().any(|action| matches!(action, CreateAction::Create(_))), "{actions:?}");
    assert!(
        stage
            .row(&ImageRole::Source)
            .reason
            .as_ref()
            .unwrap()
            .to_string()
            .contains("AllowedRegions")
    );
}

/// Somebody deregistered it, and left the news to an invocation that died. Of the reads after that
/// the second lags.
#[test]
fn an_image_that_one_read_missed_and_the_next_one_shows_is_looked_at_once_more() {
    let mut stage = Stage::with_available_source("{}", true);
    let everything = FamilyHint { everything: true, ..FamilyHint::default() };
    stage.later(160);
    stage.sees(&ImageRole::Source, vec![]);
    stage.absorb(&everything);
    stage.later(120);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint::default());
    let next =
        stage.row(&ImageRole::Source).recheck.as_ref().expect("one of the two reads lags").next;
    assert_eq!(next, plus_seconds(stage.now, 300));
    stage.later(300);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Deregistered);
    stage.sees(&ImageRole::Source, vec![image]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageDeregistered]);
}
