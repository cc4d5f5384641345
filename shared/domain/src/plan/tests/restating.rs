//! Correcting the answer on the instance after somebody changed the images.

use super::*;

/// A family that has answered, whose image somebody disables: the correction is due.
fn disabled() -> Stage {
    let mut stage = Stage::with_available_source("{}", true);
    while let Some(action) = stage.decide::<Creating>().0.first().cloned() {
        stage.conclude(&action, &Ended::Done);
    }
    assert!(stage.family.phase == Phase::Settled && !stage.family.status_due);
    shows(&mut stage, ImageState::Disabled);
    assert_eq!(stage.family.status.as_deref(), Some("failed: disabled by somebody"));
    stage
}

/// The next look, in which EC2 shows the image in this state and the instance with this status tag.
fn shows(stage: &mut Stage, state: ImageState) {
    stage.later(600);
    let image = stage.image(&ImageRole::Source, image_id(1), state);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint { everything: true, ..FamilyHint::default() });
}

fn tag(stage: &mut Stage, status: &str) {
    stage.instance.tags.insert("amiline:status".to_owned(), status.to_owned());
}

/// What is written to the instance now.
fn written(stage: &mut Stage) -> Option<String> {
    let (actions, _) = stage.decide::<Creating>();
    let [CreateAction::Answer(AnswerStep::WriteStatus(step))] = &actions[..] else { return None };
    Some(step.tag.value.clone())
}

#[test]
fn a_correction_is_written_where_the_instance_shows_the_former_answer_only() {
    let mut stage = disabled();
    tag(&mut stage, "available ami-00000000000000001 in 1 Region");
    shows(&mut stage, ImageState::Disabled);
    assert_eq!(written(&mut stage).as_deref(), Some("failed: disabled by somebody"));
    let mut stage = disabled();
    tag(&mut stage, "creating ami-00000000000000002");
    for _ in 0..2 {
        shows(&mut stage, ImageState::Disabled);
        assert_eq!(written(&mut stage), None, "that is another family's");
    }
    assert!(!stage.family.status_due);
}

/// The invocation that wrote the first correction died before it could record that.
#[test]
fn the_instance_may_show_a_correction_that_was_written_and_not_recorded() {
    let mut stage = disabled();
    tag(&mut stage, "failed: disabled by somebody");
    shows(&mut stage, ImageState::Available);
    shows(&mut stage, ImageState::Available);
    assert_eq!(written(&mut stage).as_deref(), Some("available ami-00000000000000001 in 1 Region"));
}
