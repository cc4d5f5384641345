//! From a press to images in every Region.

use super::*;
use crate::ids::PolicyName;
use crate::look::{Counts, PolicyRead, Requested, admit};

#[test]
fn a_new_family_asks_for_its_image_with_its_tags_in_the_call() {
    let mut stage = Stage::new("{}");
    let (actions, changes) = stage.decide::<Creating>();
    let [CreateAction::Create(step)] = &actions[..] else { panic!("{actions:?}") };
    assert!(!step.reboot);
    assert_eq!(step.tags["amiline:managed-by"], "amiline");
    assert_eq!(step.tags["amiline-stack"], "amiline");
    assert!(step.tags.contains_key("amiline:intent") && step.tags.contains_key("amiline:family"));
    assert_eq!(
        stage.row(&ImageRole::Source).state,
        RowState::Calling,
        "the intent is in the record before the call"
    );
    assert!(changes.rows.contains(&ImageRole::Source));
}

#[test]
fn it_is_not_the_other_functions_turn_to_create() {
    let mut stage = Stage::new("{}");
    assert!(stage.decide::<Distributing>().0.is_empty());
    assert_eq!(due::<Distributing>(&stage.family, stage.input()), Some((stage.now, Role::Create)));
}

#[test]
fn after_an_unknown_outcome_the_image_is_looked_for_before_the_same_name_is_sent_again() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    let name = stage.row(&ImageRole::Source).name.clone();
    stage.conclude(&actions[0], &refused(Fault::Unknown, "Timeout"));
    assert!(stage.decide::<Creating>().0.is_empty(), "never at once");
    for _ in 0..9 {
        stage.later(30);
        assert_eq!(
            reads::<Creating>(
                &stage.family,
                &stage.observed,
                &FamilyHint::default(),
                stage.input()
            ),
            vec![CreateRead::Row(ImageRole::Source)]
        );
        stage.sees(&ImageRole::Source, vec![]);
        stage.absorb(&FamilyHint::default());
        assert!(stage.decide::<Creating>().0.is_empty(), "not within five minutes");
    }
    stage.later(30);
    stage.sees(&ImageRole::Source, vec![]);
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Creating>();
    let [CreateAction::Create(step)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(step.name, name);
}

#[test]
fn an_invocation_that_has_no_time_left_makes_the_image_wait_a_minute_however_often_that_happens() {
    let mut stage = Stage::new("{}");
    for round in 0..10 {
        let (actions, _) = stage.decide::<Creating>();
        assert!(matches!(&actions[..], [CreateAction::Create(_)]), "round {round}: {actions:?}");
        stage.conclude(&actions[0], &Ended::NoTime);
        assert_eq!(stage.decide::<Creating>().0, [], "not in this invocation");
        assert_eq!(stage.row(&ImageRole::Source).refusals, 0, "nobody refused it");
        stage.later(60);
    }
}

#[test]
fn an_image_of_ours_is_adopted_and_a_forged_one_is_not() {
    let forgeries: Vec<fn(&mut ObservedImage)> = vec![
        |image| image.owner = Some(AccountId::new("999999999999").unwrap()),
        |image| image.owner = None,
        |image| image.name = "amiline/other".into(),
        |image| image.source_instance = None,
        |image| {
            image.tags.remove("amiline:managed-by");
        },
        |image| {
            image.tags.insert("amiline:intent".into(), "0".repeat(32));
        },
    ];
    for forge in forgeries {
        let mut stage = Stage::new("{}");
        stage.decide::<Creating>();
        let mut image = stage.image(&ImageRole::Source, image_id(7), ImageState::Available);
        forge(&mut image);
        stage.sees(&ImageRole::Source, vec![image]);
        stage.absorb(&FamilyHint::default());
        assert_eq!(stage.row(&ImageRole::Source).image, None);
    }
    let mut stage = Stage::new("{}");
    stage.decide::<Creating>();
    let image = stage.image(&ImageRole::Source, image_id(7), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    let changes = stage.absorb(&FamilyHint::default());
    assert_eq!(kinds(&changes), [EventKind::ImageCreating, EventKind::ImageAvailable]);
    assert_eq!(changes.pointers, [(region("us-east-1"), image_id(7))]);
}

#[test]
fn a_name_held_by_a_foreign_image_is_changed_three_times_and_then_given_up() {
    let mut stage = Stage::new("{}");
    let mut names = Vec::new();
    for _ in 0..4 {
        let (actions, _) = stage.decide::<Creating>();
        let [CreateAction::Create(step)] = &actions[..] else { panic!("{actions:?}") };
        names.push(step.name.as_str().to_owned());
        stage.conclude(&actions[0], &Ended::NameTaken(Some(image_id(9))));
        assert_eq!(
            reads::<Creating>(
                &stage.family,
                &stage.observed,
                &FamilyHint::default(),
                stage.input()
            ),
            vec![CreateRead::Row(ImageRole::Source)]
        );
        let mut foreign = stage.image(&ImageRole::Source, image_id(9), ImageState::Available);
        foreign.tags.clear();
        foreign.source_instance = None;
        stage.sees(&ImageRole::Source, vec![foreign]);
        let changes = stage.absorb(&FamilyHint::default());
        let given_up = names.len() == 4;
        assert_eq!(
            kinds(&changes).contains(&EventKind::ImageFailed),
            given_up,
            "giving up is recorded and announced"
        );
        stage.later(1);
    }
    assert!(
        names[1].contains("-r2-") && names[2].contains("-r3-") && names[3].contains("-r4-"),
        "{names:?}"
    );
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::Failed);
}

#[test]
fn a_second_image_with_the_same_intent_is_left_alone_and_announced_once() {
    let mut stage = Stage::with_available_source("{}", true);
    stage.later(60);
    let images = vec![
        stage.image(&ImageRole::Source, image_id(1), ImageState::Available),
        stage.image(&ImageRole::Source, image_id(2), ImageState::Available),
    ];
    stage.sees(&ImageRole::Source, images);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::DuplicateFound]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), []);
    assert_eq!(stage.row(&ImageRole::Source).image, Some(image_id(1)));
}

#[test]
fn an_available_source_is_copied_and_shared_in_one_go() {
    let mut stage = Stage::with_available_source(SHARED, true);
    let (actions, _) = stage.decide::<Distributing>();
    let copies =
        actions.iter().filter(|action| matches!(action, DistributeAction::Copy(_))).count();
    let shares =
        actions.iter().filter(|action| matches!(action, DistributeAction::Share(_))).count();
    assert_eq!((copies, shares), (2, 1));
    let Some(DistributeAction::Copy(copy)) =
        actions.iter().find(|action| matches!(action, DistributeAction::Copy(_)))
    else {
        panic!()
    };
    assert_eq!(copy.kms_key.as_ref().map(KeyAlias::as_str), Some("alias/k"));
    assert_eq!(copy.tags["amiline:source-image"], image_id(1).as_str());
}

#[test]
fn a_source_that_is_not_under_the_policys_key_gets_an_encrypted_copy_at_home_and_is_not_shared_itself()
 {
    let mut stage = Stage::with_available_source(SHARED, false);
    let (actions, _) = stage.decide::<Distributing>();
    assert_eq!(
        actions.iter().filter(|action| matches!(action, DistributeAction::Copy(_))).count(),
        3
    );
    assert!(!actions.iter().any(|action| matches!(action, DistributeAction::Share(_))));
    let (source, home) =
        (stage.row(&ImageRole::Source), stage.row(&ImageRole::Copy(region("us-east-1"))));
    assert_ne!(source.name, home.name, "names are unique in a Region");
}

#[test]
fn nothing_is_copied_or_shared_unless_this_look_saw_the_source_available() {
    let mut stage = Stage::with_available_source(SHARED, true);
    stage.observed = Observed::default();
    assert!(stage.decide::<Distributing>().0.is_empty());
    stage.observed.rows.insert(ImageRole::Source, RowShown::Unread);
    assert!(stage.decide::<Distributing>().0.is_empty());
}

#[test]
fn one_failed_region_makes_the_family_partial_with_its_reason() {
    let mut stage = Stage::with_available_source(SHARED, true);
    let (actions, _) = stage.decide::<Distributing>();
    for action in &actions {
        let ended = match action {
            DistributeAction::Copy(step) if step.destination == region("eu-west-1") => {
                refused(Fault::NeedsPerson, "UnauthorizedOperation")
            }
            DistributeAction::Copy(_) => Ended::Image(image_id(2)),
            DistributeAction::Share(_) | DistributeAction::Answer(_) => Ended::Done,
        };
        stage.conclude(action, &ended);
    }
    stage.later(300);
    let west = ImageRole::Copy(region("us-west-2"));
    let image = stage.image(&west, image_id(2), ImageState::Available);
    stage.sees(&west, vec![image]);
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Distributing>();
    stage.conclude(&actions[0], &Ended::Done);
    let (actions, changes) = stage.decide::<Distributing>();
    assert_eq!(kinds(&changes), [EventKind::FamilyPartial]);
    assert_eq!(stage.family.outcome, Some(Outcome::Partial));
    assert!(
        matches!(changes.press, Some(PressWrite::Answer { .. })),
        "answered in the same transaction"
    );
    assert!(
        matches!(&actions[..], [DistributeAction::Answer(AnswerStep::RemoveButton(step))] if step.value == "default")
    );
    let status = stage.family.status.clone().unwrap();
    assert!(
        status.starts_with("partial ami-") && status.contains("eu-west-1: UnauthorizedOperation"),
        "{status}"
    );
}

#[test]
fn the_status_is_written_after_the_button_is_removed() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Reject, "NonEBSInstance"));
    let (actions, changes) = stage.decide::<Creating>();
    assert_eq!(kinds(&changes), [EventKind::FamilyFailed]);
    assert!(matches!(&actions[..], [CreateAction::Answer(AnswerStep::RemoveButton(_))]));
    let changes = stage.conclude(&actions[0], &Ended::Done);
    assert!(matches!(changes.press, Some(PressWrite::Clear { .. })));
    let (actions, _) = stage.decide::<Creating>();
    assert!(
        matches!(&actions[..], [CreateAction::Answer(AnswerStep::WriteStatus(step))] if step.tag.value.starts_with("failed: NonEBSInstance"))
    );
    stage.conclude(&actions[0], &Ended::Done);
    assert_eq!(due::<Creating>(&stage.family, stage.input()), None);
}

#[test]
fn an_image_that_never_becomes_available_is_given_up_at_the_deadline() {
    let mut stage = Stage::new(r#"{"deadline_hours":2}"#);
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::Image(image_id(1)));
    stage.later(7199);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), []);
    let (at, _) = due::<Distributing>(&stage.family, stage.input()).unwrap();
    assert!(at <= plus_seconds(stage.now, 1), "the last look is at the deadline");
    stage.later(1);
    assert_eq!(
        kinds(&stage.absorb(&FamilyHint::default())),
        [],
        "it is looked at before it is given up"
    );
    let wanted = reads::<Distributing>(
        &stage.family,
        &stage.observed,
        &FamilyHint::default(),
        stage.input(),
    );
    assert_eq!(wanted, [DistributeRead::Row(ImageRole::Source)]);
    let mut in_time = stage.family.clone();
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Pending);
    stage.sees(&ImageRole::Source, vec![image]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageFailed]);
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::TimedOut);
    std::mem::swap(&mut stage.family, &mut in_time);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    assert_eq!(kinds(&stage.absorb(&FamilyHint::default())), [EventKind::ImageAvailable]);
}

#[test]
fn looks_at_a_pending_image_come_at_a_quarter_of_its_age() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::Image(image_id(1)));
    stage.writes_its_status();
    let mut gaps = Vec::new();
    for _ in 0..12 {
        let (at, role) = due::<Distributing>(&stage.family, stage.input()).unwrap();
        assert_eq!(role, Role::Distribute);
        let gap = at.as_second() - stage.now.as_second();
        gaps.push(gap);
        stage.later(gap);
        let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Pending);
        stage.sees(&ImageRole::Source, vec![image]);
        stage.absorb(&FamilyHint::default());
    }
    assert_eq!(gaps[0], 300);
    assert!(
        gaps.windows(2).all(|pair| pair[0] <= pair[1])
            && gaps.iter().all(|gap| (300..=3600).contains(gap)),
        "{gaps:?}"
    );
}

#[test]
fn name_tags_and_devices_are_fixed_when_the_family_begins_and_the_same_for_every_image() {
    let mut stage = Stage::with_available_source(
        r#"{"create":{"name":"{tag:Name}-{date}","tags":{"Stage":"test"},"carry_tags":["Team"],
            "exclude_devices":["/dev/sdf"],"delete_on_termination":{"/dev/sdb":false,"/dev/sdc":true}},
            "distribute":{"regions":["us-west-2"]}}"#,
        true,
    );
    let (actions, _) =
        Stage::new(&serde_json::to_string(&stage.policy).unwrap()).decide::<Creating>();
    let [CreateAction::Create(create)] = &actions[..] else { panic!("{actions:?}") };
    let (actions, _) = stage.decide::<Distributing>();
    let [DistributeAction::Copy(copy)] = &actions[..] else { panic!("{actions:?}") };
    for (name, tags) in [(&create.name, &create.tags), (&copy.name, &copy.tags)] {
        assert!(name.as_str().starts_with("shop-20261124-"), "{name}");
        assert_eq!(tags.get("Name").map(String::as_str), Some(name.as_str()));
        let theirs: Vec<(&str, &str)> = tags
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .filter(|(key, _)| *key == "Stage" || *key == "Team")
            .collect();
        assert_eq!(theirs, [("Stage", "test"), ("Team", "web")]);
    }
    assert_ne!(create.name, copy.name);
    let devices: Vec<(&str, Treatment)> =
        create.devices.iter().map(|(name, what)| (name.as_str(), *what)).collect();
    assert_eq!(devices, [("/dev/sdb", Treatment::Kept), ("/dev/sdf", Treatment::LeftOut)]);
}

#[test]
fn another_attempt_and_another_name_keep_what_the_family_began_with() {
    let mut stage = Stage::new(r#"{"create":{"name":"{tag:Name}","carry_tags":["Team"]}}"#);
    let (actions, _) = stage.decide::<Creating>();
    let [CreateAction::Create(first)] = &actions[..] else { panic!("{actions:?}") };
    stage.conclude(&actions[0], &Ended::NameTaken(Some(image_id(9))));
    stage.later(60);
    let mut foreign = stage.image(&ImageRole::Source, image_id(9), ImageState::Available);
    foreign.tags.clear();
    foreign.source_instance = None;
    stage.sees(&ImageRole::Source, vec![foreign]);
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Creating>();
    let [CreateAction::Create(renamed)] = &actions[..] else { panic!("{actions:?}") };
    assert!(renamed.name.as_str().starts_with("shop-r2-"), "{}", renamed.name);
    stage.conclude(&actions[0], &refused(Fault::Reject, "Unsupported"));
    stage.family.phase = Phase::Settled;
    retry(&mut stage.family, stage.now).unwrap();
    let (actions, _) = stage.decide::<Creating>();
    let [CreateAction::Create(again)] = &actions[..] else { panic!("{actions:?}") };
    assert!(
        again.name.as_str().starts_with("shop-") && !again.name.as_str().contains("-r2-"),
        "{}",
        again.name
    );
    assert!(again.name != first.name && again.tags["Team"] == "web", "{again:?}");
}

#[test]
fn a_value_that_is_no_policys_name_is_refused_in_one_short_line() {
    let stage = Stage::new("{}");
    let value = format!("no\nname {}", "x".repeat(300));
    let (policy, press, budget) = (PolicyRead::default(), Press::untouched(), Budget::default());
    let requested = Requested { value: &value, policy: &policy };
    let counts = Counts { press: &press, budget: &budget };
    let admitted = admit(requested, &stage.instance, counts, &stage.bounds, &stage.keys, stage.now);
    let refused = admitted.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("no?name") && refused.chars().count() < 160, "{refused}");
}

#[test]
fn a_refused_request_keeps_the_name_of_a_policy_that_exists() {
    let named = |text: Option<&str>, value: &str| PolicyRead::newest(text).named(value);
    assert_eq!(named(Some("{}"), " web ").as_ref().map(PolicyName::as_str), Some("web"));
    assert_eq!(named(None, "web"), None, "there is none of that name");
    assert_eq!(named(Some("{}"), "no name"), None);
}
