//! The value of the button's tag, and the policy that it names: from the press to the answer.

use super::{events, joined, parts, policies};
use crate::log_lines::logged;
use crate::properties::{ascii_line, holds, line};
use crate::stage::{Stage, TAG_VALUE_MAX};
use crate::target::{Broken, Outcome, Target};
use amiline_domain::escape::{one_line, plain};
use amiline_domain::ids::{InvalidId, PolicyName};
use amiline_domain::reason::Rejection;
use amiline_domain::status;
use std::io;

pub(super) const TARGET: Target = Target { name: "tag", longest: 6000, seeds, run };

fn seeds() -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for policy in policies()? {
        seeds.push(joined(&["default", &policy]));
        seeds.push(joined(&["default", &policy, "shop front\u{202e}", "a\nb\"c"]));
    }
    for event in events()? {
        let event: serde_json::Value = serde_json::from_slice(&event).unwrap_or_default();
        if let Some(value) =
            event.pointer("/detail/tags/amiline:image").and_then(serde_json::Value::as_str)
        {
            seeds.push(joined(&[value, "{}"]));
        }
    }
    Ok(seeds)
}

fn run(input: &[u8]) -> Outcome {
    let [value, policy, name, team] = parts(input);
    check_escapes(&value)?;
    let stage = Stage::new();
    // Parameter Store has a policy under any name that can be one.
    if let Ok(name) = PolicyName::new(value.as_str())
        && !policy.is_empty()
    {
        stage.cloud.put_policy(name.as_str(), &policy);
    }
    let (instance, home) = (stage.instance(), stage.home());
    // What policies may put into names and carry over.
    for (key, text) in [("Name", name), ("Team", team)] {
        let text: String = text.chars().take(TAG_VALUE_MAX).collect();
        if !text.is_empty() {
            stage.cloud.tag(&home, &instance, key, &text);
        }
    }
    let value: String = value.chars().take(TAG_VALUE_MAX).collect();
    let ((), log) = logged(|| {
        stage.cloud.press(&home, &instance, &value);
        stage.live();
    });
    stage.check(&log)?;
    let answered = stage.cloud.tag_of(&home, &instance, "amiline:status").is_some();
    holds("a press is answered", answered, || stage.words())?;
    Ok(format!("{}; {}", stage.words(), stage.reasons(&value)))
}

/// What makes a text safe does so for every text and limit.
fn check_escapes(text: &str) -> Result<(), Broken> {
    let invalid = InvalidId {
        kind: "policy name".into(),
        text: text.to_owned(),
        rule: text.to_owned().into(),
    };
    ascii_line(
        "the status of a refusal",
        &status::rejected(&Rejection::BadValue(invalid).into()),
        TAG_VALUE_MAX,
    )?;
    for limit in [1, 2, 40, 300] {
        line("a text made one line", &one_line(text, limit), limit)?;
        ascii_line("a text made plain", &plain(text, limit), limit)?;
    }
    let safe = one_line(text, usize::MAX);
    holds("a text that is safe stays as it is", one_line(&safe, usize::MAX) == safe, || {
        safe.clone()
    })
}
