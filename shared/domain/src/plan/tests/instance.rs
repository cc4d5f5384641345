//! What the instance's state leads to, right before CreateImage.

use super::*;
use crate::image::InstanceState;

fn stage_in(state: InstanceState) -> Stage {
    let mut stage = Stage::new("{}");
    stage.instance.state = state;
    stage.later(0);
    stage
}

#[test]
fn only_a_read_of_this_look_in_the_right_state_lets_an_image_be_made() {
    for (state, made) in [
        (InstanceState::Pending, false),
        (InstanceState::Running, true),
        (InstanceState::Stopping, true),
        (InstanceState::Stopped, true),
        (InstanceState::ShuttingDown, false),
        (InstanceState::Terminated, false),
    ] {
        let mut stage = stage_in(state);
        stage.absorb(&FamilyHint::default());
        assert_eq!(
            stage.decide::<Creating>().0.iter().any(|one| matches!(one, CreateAction::Create(_))),
            made,
            "{state:?}"
        );
        assert_eq!(
            stage.row(&ImageRole::Source).state == RowState::Failed,
            state.is_gone(),
            "{state:?}"
        );
    }
    let mut stage = Stage::new("{}");
    stage.observed = Observed::default();
    let wanted =
        reads::<Creating>(&stage.family, &stage.observed, &FamilyHint::default(), stage.input());
    assert_eq!(wanted, vec![CreateRead::Instance]);
    assert!(stage.decide::<Creating>().0.is_empty(), "nothing was read");
}

#[test]
fn a_pending_instance_is_looked_at_again_within_the_minute_for_thirty_minutes() {
    let mut stage = stage_in(InstanceState::Pending);
    let changes = stage.absorb(&FamilyHint::default());
    assert!(
        changes.family && changes.facts.is_empty(),
        "the status says so, and nothing has happened yet"
    );
    stage.family.status_due = false;
    let since = stage.now;
    while stage.row(&ImageRole::Source).state == RowState::Wanted {
        let (at, role) = due::<Distributing>(&stage.family, stage.input()).unwrap();
        assert!(at <= plus_seconds(stage.now, 60) && role == Role::Create, "{at}");
        stage.later(crate::time::seconds_between(stage.now, at));
        stage.absorb(&FamilyHint::default());
        stage.decide::<Creating>();
    }
    assert_eq!(crate::time::seconds_between(since, stage.now), 1800);
    assert_eq!(
        stage.row(&ImageRole::Source).reason,
        Some(ImageReason::InstanceStillPending { minutes: 30 })
    );
}

#[test]
fn the_wait_begins_anew_with_each_time_that_the_instance_is_started() {
    let mut stage = stage_in(InstanceState::Pending);
    stage.absorb(&FamilyHint::default());
    stage.later(1200);
    stage.instance.state = InstanceState::Running;
    stage.later(0);
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Later, "RequestLimitExceeded"));
    stage.instance.state = InstanceState::Pending;
    stage.later(1200);
    stage.absorb(&FamilyHint::default());
    assert_eq!(
        stage.row(&ImageRole::Source).state,
        RowState::Wanted,
        "it has been pending for a moment only"
    );
}

#[test]
fn an_image_that_may_have_been_made_is_looked_for_before_a_gone_instance_ends_it() {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Unknown, "Timeout"));
    stage.instance.state = InstanceState::Terminated;
    stage.later(301);
    stage.sees(&ImageRole::Source, vec![]);
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::Calling);
    stage.later(60);
    let image = stage.image(&ImageRole::Source, image_id(3), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint::default());
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::Available);
}

#[test]
fn a_refusal_that_the_read_contradicts_is_doubted_three_times_and_then_believed() {
    for code in ["InvalidInstanceID.NotFound", "InvalidParameterValue"] {
        let mut stage = Stage::new("{}");
        let is_refused = |stage: &mut Stage| {
            let (actions, _) = stage.decide::<Creating>();
            let [create @ CreateAction::Create(_)] = &actions[..] else { panic!("{actions:?}") };
            stage.conclude(create, &refused(Fault::Reject, code));
            stage.later(3600);
        };
        for doubted in 1..=3 {
            is_refused(&mut stage);
            let row = stage.row(&ImageRole::Source);
            assert_eq!((row.state, row.refusals), (RowState::Wanted, doubted), "{code}");
        }
        is_refused(&mut stage);
        assert_eq!(stage.row(&ImageRole::Source).state, RowState::Failed, "{code}");
    }
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &refused(Fault::Reject, "SomethingElse"));
    assert_eq!(stage.row(&ImageRole::Source).state, RowState::Failed, "nothing contradicts this");
}
