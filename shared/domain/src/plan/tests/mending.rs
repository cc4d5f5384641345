//! What other people do, what fails, and what is made good.

use super::*;

#[test]
fn an_image_that_somebody_deregistered_is_recorded_and_not_rebuilt() {
    let mut stage = Stage::with_available_source("{}", true);
    let (_, _) = stage.decide::<Distributing>();
    stage.later(60);
    let hint = told(ImageState::Deregistered);
    assert_eq!(
        reads::<Distributing>(&stage.family, &stage.observed, &hint, stage.input()),
        vec![DistributeRead::Row(ImageRole::Source)]
    );
    stage.sees(&ImageRole::Source, vec![]);
    assert_eq!(kinds(&stage.absorb(&hint)), [EventKind::ImageDeregistered]);
    assert!(
        !stage
            .decide::<Creating>()
            .0
            .iter()
            .any(|action| matches!(action, CreateAction::Create(_)))
    );
}

#[test]
fn an_event_that_lies_about_a_deregistration_changes_nothing() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    let hint = told(ImageState::Deregistered);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    assert_eq!(kinds(&stage.absorb(&hint)), []);
}

#[test]
fn a_retry_gives_a_failed_copy_a_new_attempt_and_leaves_the_rest() {
    let mut stage = Stage::with_available_source(SHARED, true);
    let (actions, _) = stage.decide::<Distributing>();
    for action in &actions {
        let ended = match action {
            DistributeAction::Copy(_) => refused(Fault::NeedsPerson, "AccessDenied"),
            DistributeAction::Share(_) | DistributeAction::Answer(_) => Ended::Done,
        };
        stage.conclude(action, &ended);
    }
    stage.decide::<Distributing>();
    stage.family.phase = Phase::Settled;
    assert_eq!(stage.family.outcome, Some(Outcome::Partial));
    let before = stage.row(&ImageRole::Copy(region("eu-west-1"))).name.clone();
    let mut family = stage.family.clone();
    retry(&mut family, stage.now).unwrap();
    let row = &family.rows[&ImageRole::Copy(region("eu-west-1"))];
    assert_eq!((row.attempt, row.state, row.share), (2, RowState::Wanted, ShareState::NotWanted));
    assert_ne!(row.name, before);
    assert_eq!(family.rows[&ImageRole::Source], stage.family.rows[&ImageRole::Source]);
    assert_eq!(family.work.due, Some((stage.now, Role::Distribute)));
}

#[test]
fn an_image_whose_tags_were_taken_off_is_left_alone_and_said_so() {
    let mut stage = Stage::with_available_source(SHARED, true);
    stage.observed = Observed::default();
    let mut image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    image.tags.clear();
    stage.sees(&ImageRole::Source, vec![image]);
    let changes = stage.absorb(&FamilyHint::default());
    assert_eq!(
        kinds(&changes),
        [EventKind::ShareFailed, EventKind::CopyFailed, EventKind::CopyFailed]
    );
    let (actions, _) = stage.decide::<Distributing>();
    assert!(
        matches!(&actions[..], [DistributeAction::Answer(AnswerStep::RemoveButton(_))]),
        "nothing but the answer: {actions:?}"
    );
}

#[test]
fn copies_end_when_the_source_goes_away_before_they_began() {
    let mut stage = Stage::with_available_source(SHARED, true);
    stage.later(60);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Disabled);
    stage.sees(&ImageRole::Source, vec![image]);
    assert_eq!(
        kinds(&stage.absorb(&FamilyHint::default())),
        [EventKind::ImageDisabled, EventKind::CopyFailed, EventKind::CopyFailed]
    );
    stage.decide::<Distributing>();
    assert_eq!(stage.family.outcome, Some(Outcome::Failed));
}

#[test]
fn a_copys_name_that_is_taken_by_an_unseen_image_is_not_sent_again_at_once() {
    let mut stage = Stage::with_available_source(SHARED, true);
    let (actions, _) = stage.decide::<Distributing>();
    let [DistributeAction::Copy(step), ..] = &actions[..] else { panic!("{actions:?}") };
    stage.conclude(&actions[0], &Ended::NameTaken(Some(image_id(9))));
    let image_role = ImageRole::Copy(step.destination.clone());
    stage.sees(&image_role, vec![]);
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&image_role).state, RowState::Calling);
}

#[test]
fn a_read_that_failed_concludes_nothing_and_is_put_off_once() {
    let mut stage = Stage::with_available_source(SHARED, true);
    stage.observed = Observed::default();
    stage.observed.rows.insert(ImageRole::Source, RowShown::Unread);
    stage.absorb(&FamilyHint::default());
    let first = stage.row(&ImageRole::Source).clone();
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&ImageRole::Source), &first);
    assert_eq!(first.state, RowState::Available);
    assert!(first.not_before.is_some());
}

#[test]
fn what_the_stack_does_not_allow_any_more_is_not_done() {
    let mut stage = Stage::new(SHARED);
    stage.bounds.regions.remove(&region("eu-west-1"));
    stage.bounds.accounts.clear();
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::Image(image_id(1)));
    stage.writes_its_status();
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    let key = Some("arn:key".to_owned());
    stage.observed.source_keys =
        Some(KeysShown::Read(SnapshotKeys { keys: vec![key.clone()], wanted: key }));
    let changes = stage.absorb(&FamilyHint::default());
    assert!(
        kinds(&changes).contains(&EventKind::CopyFailed)
            && kinds(&changes).contains(&EventKind::ShareFailed)
    );
    let (actions, _) = stage.decide::<Distributing>();
    assert!(
        matches!(&actions[..], [DistributeAction::Copy(step)] if step.destination == region("us-west-2")),
        "{actions:?}"
    );
}

#[test]
fn an_image_with_our_name_and_source_whose_tags_are_not_shown_yet_is_waited_for() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::NameTaken(Some(image_id(9))));
    let mut ours = stage.image(&ImageRole::Source, image_id(9), ImageState::Pending);
    let tags = std::mem::take(&mut ours.tags);
    stage.sees(&ImageRole::Source, vec![ours.clone()]);
    stage.absorb(&FamilyHint::default());
    assert!(stage.decide::<Creating>().0.is_empty(), "no second name");
    stage.later(30);
    stage.sees(&ImageRole::Source, vec![ObservedImage { tags, ..ours }]);
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&ImageRole::Source).image, Some(image_id(9)));
}

#[test]
fn a_refusal_after_an_unknown_outcome_is_believed_only_once_the_image_was_looked_for() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Unknown, "Timeout"));
    stage.later(300);
    stage.sees(&ImageRole::Source, vec![]);
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Creating>();
    assert!(matches!(&actions[..], [CreateAction::Create(_)]), "the same name again");
    let refused = refused(Fault::NeedsPerson, "UnauthorizedOperation");
    assert_eq!(
        kinds(&stage.conclude(&actions[0], &refused)),
        [],
        "the first call may have made it"
    );
    stage.later(60);
    let late = stage.clone();
    stage.sees(&ImageRole::Source, vec![]);
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::Calling);
    stage.later(300);
    stage.sees(&ImageRole::Source, vec![]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageFailed]);
    let mut stage = late;
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::Available, "it was made after all");
}

#[test]
fn a_second_image_for_one_intent_under_another_name_is_noticed() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    let mut other = stage.image(&ImageRole::Source, image_id(2), ImageState::Available);
    other.name.push_str("-other");
    let ours = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![ours, other]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::DuplicateFound]);
}

fn told(state: ImageState) -> FamilyHint {
    let image = ImageHint { region: region("us-east-1"), image: image_id(1), state };
    FamilyHint { image: Some(image), ..FamilyHint::default() }
}

#[test]
fn an_event_that_a_read_does_not_confirm_yet_is_looked_after() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.family.phase = Phase::Settled;
    for shown in [
        RowShown::Unread,
        RowShown::Seen(vec![stage.image(&ImageRole::Source, image_id(1), ImageState::Available)]),
    ] {
        let mut stage = stage.clone();
        stage.observed.rows.insert(ImageRole::Source, shown);
        stage.absorb(&told(ImageState::Deregistered));
        assert!(
            due::<Distributing>(&stage.family, stage.input()).is_some(),
            "the event is not forgotten"
        );
        stage.later(60);
        let none = FamilyHint::default();
        assert_eq!(
            reads::<Distributing>(&stage.family, &stage.observed, &none, stage.input()),
            vec![DistributeRead::Row(ImageRole::Source)]
        );
        stage.sees(&ImageRole::Source, vec![]);
        assert_eq!(kinds(&stage.absorb(&none)), [EventKind::ImageDeregistered]);
    }
}

#[test]
fn a_share_that_never_works_ends_at_the_deadline() {
    let mut stage = Stage::with_available_source(SHARED, true);
    let (actions, _) = stage.decide::<Distributing>();
    for action in &actions {
        let ended = refused(Fault::Later, "InvalidAMIID.NotFound");
        stage.conclude(action, &ended);
    }
    stage.later(24 * 3600);
    let changes = stage.absorb(&FamilyHint::default());
    assert!(kinds(&changes).contains(&EventKind::ShareFailed), "{changes:?}");
    stage.decide::<Distributing>();
    assert_eq!(stage.family.outcome, Some(Outcome::Partial));
}

#[test]
fn a_button_that_may_not_be_removed_stays_answered() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Reject, "NonEBSInstance"));
    let (actions, _) = stage.decide::<Creating>();
    let refused = refused(Fault::Reject, "OperationNotPermitted");
    let changes = stage.conclude(&actions[0], &refused);
    assert_eq!((changes.press, stage.family.phase), (None, Phase::Answering));
    assert!(stage.conclude(&actions[0], &Ended::Gone).press.is_some());
}

#[test]
fn an_image_that_comes_while_the_answer_is_given_takes_the_work_up_after_it() {
    let mut stage = Stage::new(SHARED);
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::Image(image_id(1)));
    stage.writes_its_status();
    stage.later(24 * 3600);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Pending);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Distributing>();
    assert_eq!(stage.family.phase, Phase::Answering);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&told(ImageState::Available));
    stage.conclude(&actions[0], &Ended::Done);
    assert_eq!((stage.family.phase, stage.family.round), (Phase::Working, 1));
}

#[test]
fn a_retry_of_what_was_never_called_before_its_deadline_calls_it() {
    let mut stage = Stage::new("{}");
    stage.later(25 * 3600);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageFailed]);
    stage.family.phase = Phase::Settled;
    stage.family.outcome = Some(Outcome::Failed);
    let now = stage.now;
    retry(&mut stage.family, now).unwrap();
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::Wanted);
    assert!(
        stage.decide::<Creating>().0.iter().any(|action| matches!(action, CreateAction::Create(_)))
    );
}
