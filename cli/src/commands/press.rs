//! `amiline press`: presses an instance's button and, if asked, waits for the answer.

use super::families::family_json;
use super::{Answer, connect, stack_of};
use crate::args::Args;
use crate::failure::CommandError;
use crate::output;
use amiline_app::press::{Answering, Press, Pressed, answering, press};
use amiline_aws::{Aws, Operator};
use amiline_domain::family::{Family, Outcome};
use amiline_domain::ids::{InstanceId, PolicyName, Region};
use amiline_domain::tags::TagKeys;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ASK_EVERY: Duration = Duration::from_secs(2);
/// A tag that was written is not seen at once, so that it says nothing before if it is not seen.
const TAGS_LAG: Duration = Duration::from_secs(60);
/// A press whose event was lost is taken up with the next tick, five minutes later.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(10 * 60);

pub(super) async fn run(
    args: &Args,
    instance: &InstanceId,
    policy: &PolicyName,
    region: Option<Region>,
    wait: bool,
) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    let stack = stack_of(args, &aws).await?;
    let keys = stack.stack.keys.clone();
    let region = region.unwrap_or_else(|| aws.home().clone());
    let asked = Press { region, instance: instance.clone(), policy: policy.clone() };
    let pressed = press(&aws, &stack, &asked).await?;
    let said = said(&asked, &pressed);
    if !wait {
        let hint =
            format!("{said}; `amiline why {instance} --in {}` tells how it goes", asked.region);
        return Ok(Answer::done(if args.json { as_json(&asked, &pressed, None) } else { hint }));
    }
    if !args.json {
        output::print(&said)?;
    }
    let ended = answer_to(args, &aws, &keys, &asked, &pressed).await?;
    let text = match (args.json, &ended) {
        (true, ended) => as_json(&asked, &pressed, ended.family()),
        (false, ended) => ended.text(&asked),
    };
    Ok(Answer::ended(text, ended.is_well()))
}

fn said(asked: &Press, pressed: &Pressed) -> String {
    let Press { region, instance, policy } = asked;
    match pressed.already {
        true => format!("{instance} in {region} is pressed for {policy} already"),
        false => format!("Pressed {instance} in {region} for {policy}"),
    }
}

/// How the waiting ended.
enum Ended {
    Family(Box<Family>),
    Gone(Option<String>),
    NotTakenUp,
}

impl Ended {
    fn family(&self) -> Option<&Family> {
        match self {
            Ended::Family(family) => Some(family),
            Ended::Gone(_) | Ended::NotTakenUp => None,
        }
    }

    fn is_well(&self) -> bool {
        self.family().is_some_and(|family| family.outcome == Some(Outcome::Complete))
    }

    fn text(&self, asked: &Press) -> String {
        match self {
            // What it says was printed when it came.
            Ended::Family(family) => {
                format!("{} in {}: {}", family.id, asked.region, ended_as(family))
            }
            Ended::Gone(Some(status)) => status.clone(),
            Ended::Gone(None) => {
                "The tag was removed, and nothing is recorded of an answer".to_owned()
            }
            Ended::NotTakenUp => format!(
                "Nothing has taken it up in {} minutes; it stays pressed. `amiline why {} --in {}` tells what it waits for",
                TAKEN_UP_WITHIN.as_secs() / 60,
                asked.instance,
                asked.region
            ),
        }
    }
}

fn ended_as(family: &Family) -> &'static str {
    family.outcome.map_or("in progress", Outcome::as_str)
}

/// Asks until the press is answered, and prints each step for people.
#[expect(clippy::disallowed_methods, reason = "an edge: the command waits while a person watches")]
async fn answer_to(
    args: &Args,
    aws: &Aws<Operator>,
    keys: &TagKeys,
    asked: &Press,
    pressed: &Pressed,
) -> Result<Ended, CommandError> {
    let since = Instant::now();
    let mut status = None;
    loop {
        match answering(aws, keys, asked, pressed).await? {
            Answering::Family(family) => {
                if family.status != status {
                    status.clone_from(&family.status);
                    if let Some(status) = status.as_ref().filter(|_| !args.json) {
                        output::print(&status.to_string())?;
                    }
                }
                if family.outcome.is_some() {
                    return Ok(Ended::Family(family));
                }
            }
            Answering::Gone(status) if since.elapsed() > TAGS_LAG => {
                return Ok(Ended::Gone(status));
            }
            Answering::Waiting | Answering::Gone(_) if since.elapsed() > TAKEN_UP_WITHIN => {
                return Ok(Ended::NotTakenUp);
            }
            Answering::Waiting | Answering::Gone(_) => {}
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn as_json(asked: &Press, pressed: &Pressed, family: Option<&Family>) -> String {
    json!({
        "instance": asked.instance,
        "region": asked.region,
        "policy": asked.policy,
        "already_pressed": pressed.already,
        "family": family.map_or(Value::Null, family_json),
    })
    .to_string()
}
