//! What the status says of the button while its press is under way.

use super::*;

const BUTTON: FamilyHint =
    FamilyHint { everything: false, image: None, button: true, shares: false };

/// A family whose image is being made, after somebody changed the button to this value.
fn creating(changed_to: &str) -> Stage {
    let mut stage = Stage::new("{}");
    let (actions, _) = stage.decide::<Creating>();
    stage.conclude(&actions[0], &Ended::Image(image_id(1)));
    stage.writes_its_status();
    stage.button(changed_to);
    stage
}

impl Stage {
    fn button(&mut self, value: &str) {
        self.instance.tags.insert("amiline:image".to_owned(), value.to_owned());
        self.later(5);
    }

    /// The status that is written next.
    fn next_status(&mut self) -> Option<String> {
        let (actions, _) = self.decide::<Creating>();
        let [CreateAction::Answer(AnswerStep::WriteStatus(step))] = &actions[..] else {
            return None;
        };
        self.conclude(&actions[0], &Ended::Done);
        Some(step.tag.value.clone())
    }
}

#[test]
fn the_instance_is_read_where_the_button_may_have_changed_and_only_by_whom_may_read_it() {
    let mut stage = creating("default");
    stage.observed = Observed::default();
    let creating =
        |hint: &FamilyHint| reads::<Creating>(&stage.family, &stage.observed, hint, stage.input());
    assert_eq!(creating(&BUTTON), [CreateRead::Instance]);
    assert_eq!(reads::<Distributing>(&stage.family, &stage.observed, &BUTTON, stage.input()), []);
    assert_eq!(creating(&FamilyHint::default()), []);
    // Whoever left a word with the holder of the lease may have had this to say.
    let everything = FamilyHint { everything: true, ..FamilyHint::default() };
    assert!(creating(&everything).contains(&CreateRead::Instance));
}

#[test]
fn another_value_that_waits_is_named_once_and_no_longer_when_it_is_changed_back() {
    let mut stage = creating("other");
    assert!(stage.absorb(&BUTTON).family);
    let named = "creating ami-00000000000000001; \"other\" waits until this press is answered";
    assert_eq!(stage.next_status().as_deref(), Some(named));
    assert!(stage.absorb(&BUTTON).is_empty(), "the same again is nothing new");
    assert_eq!(stage.next_status(), None);
    stage.button("default");
    stage.absorb(&BUTTON);
    assert_eq!(stage.next_status().as_deref(), Some("creating ami-00000000000000001"));
}

#[test]
fn the_answer_does_not_name_it() {
    let mut stage = creating("other");
    stage.absorb(&BUTTON);
    stage.next_status();
    stage.later(60);
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.absorb(&FamilyHint::default());
    stage.decide::<Distributing>();
    let answer = stage.family.status.clone().unwrap();
    assert!(answer.starts_with("available ami-") && !answer.contains("other"), "{answer}");
    assert_eq!(stage.family.other_value, None);
}

#[test]
fn a_pending_instance_is_waited_for_and_another_value_waits_for_that() {
    let mut stage = Stage::new("{}");
    stage.instance.state = InstanceState::Pending;
    stage.button("other");
    stage.absorb(&BUTTON);
    let named = "waiting until the instance runs; \"other\" waits until this press is answered";
    assert_eq!(stage.next_status().as_deref(), Some(named));
}

#[test]
fn a_value_of_any_length_leaves_room_for_what_is_said_of_it() {
    let mut stage = creating(&"x".repeat(256));
    stage.absorb(&BUTTON);
    let status = stage.next_status().unwrap();
    assert!(
        status.chars().count() <= 256 && status.ends_with(" waits until this press is answered"),
        "{status}"
    );
}

#[test]
fn what_comes_after_the_answer_says_nothing_of_the_button() {
    let mut stage = creating("other");
    stage.family.round = 1;
    assert!(stage.absorb(&BUTTON).is_empty(), "its press was answered in the first round");
}

/// The image begins in the same moment in which the status from before it is written.
#[test]
fn a_status_that_was_written_beside_a_newer_one_is_not_the_last() {
    let mut stage = Stage::new("{}");
    stage.instance.state = InstanceState::Pending;
    stage.later(0);
    stage.absorb(&FamilyHint::default());
    stage.instance.state = InstanceState::Running;
    stage.later(30);
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Creating>();
    let [
        create @ CreateAction::Create(_),
        status @ CreateAction::Answer(AnswerStep::WriteStatus(_)),
    ] = &actions[..]
    else {
        panic!("{actions:?}")
    };
    stage.conclude(create, &Ended::Image(image_id(1)));
    stage.conclude(status, &Ended::Done);
    stage.writes_its_status();
}
