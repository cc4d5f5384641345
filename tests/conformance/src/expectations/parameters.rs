//! Policies and the kill switch.

use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{KillSwitch, PolicyReader};
use amiline_domain::ids::PolicyName;

expected! {
    "aws-behaviour.md#values-of-a-parameter" {
        a_policy_is_read_as_it_was_written,
        a_policy_that_does_not_exist_is_none,
        a_policy_that_was_changed_is_read_anew,
    }
    "ARCHITECTURE.md#invariants" {
        only_the_exact_word_off_lets_the_stack_work,
        a_kill_switch_that_does_not_exist_is_off,
    }
}

async fn policy(lab: &impl Lab, name: &str) -> Option<String> {
    let name = PolicyName::new(name).unwrap();
    lab.create_image().policy_text(&name).await.expect("an answer")
}

async fn a_policy_is_read_as_it_was_written(lab: &impl Lab) {
    let text = "{\n  \"description\": \"<\u{e9}\u{1F4A5}> & 'x'\"\n}";
    lab.put_policy("written", Some(text)).await;
    lab.put_policy("Written.2_x", Some("not JSON")).await;
    assert_eq!(policy(lab, "written").await.as_deref(), Some(text));
    assert_eq!(policy(lab, "Written.2_x").await.as_deref(), Some("not JSON"));
}

async fn a_policy_that_does_not_exist_is_none(lab: &impl Lab) {
    assert_eq!(policy(lab, "nobody-wrote-this").await, None);
}

async fn a_policy_that_was_changed_is_read_anew(lab: &impl Lab) {
    for text in [Some("{}"), Some("{\"deadline_hours\":2}"), None] {
        lab.put_policy("changing", text).await;
        assert_eq!(policy(lab, "changing").await.as_deref(), text);
    }
}

async fn only_the_exact_word_off_lets_the_stack_work(lab: &impl Lab) {
    for (value, on) in [
        ("on", true),
        ("off", false),
        ("OFF", true),
        ("off?", true),
        (" off", true),
        ("0", true),
        ("off", false),
    ] {
        lab.put_kill_switch(Some(value)).await;
        assert_eq!(lab.create_image().is_on().await, on, "{value:?}");
        assert_eq!(lab.distribute_image().is_on().await, on, "{value:?}");
    }
}

async fn a_kill_switch_that_does_not_exist_is_off(lab: &impl Lab) {
    lab.put_kill_switch(None).await;
    assert!(!lab.create_image().is_on().await);
    assert!(!lab.distribute_image().is_on().await);
}
