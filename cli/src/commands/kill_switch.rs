//! `amiline kill-switch`: stop every change in EC2, or let Amiline go on.

use super::{Answer, connect};
use crate::args::{Args, KillSwitchCommand};
use crate::failure::CommandError;
use amiline_app::switch::{Standing, standing, turn};
use amiline_aws::{Aws, Operator};
use amiline_domain::escape::one_line;
use amiline_domain::switch::{Position, Turned};
use amiline_domain::time::utc;
use serde_json::json;

pub(super) async fn run(args: &Args, command: &KillSwitchCommand) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    match command {
        KillSwitchCommand::On { reason } => turned(args, &aws, Position::On, Some(reason)).await,
        KillSwitchCommand::Off { reason } => {
            turned(args, &aws, Position::Off, reason.as_deref()).await
        }
        KillSwitchCommand::Status => {
            let standing = standing(&aws, &args.stack).await?;
            Ok(Answer::done(if args.json { document(&standing) } else { words(&standing) }))
        }
    }
}

async fn turned(
    args: &Args,
    aws: &Aws<Operator>,
    to: Position,
    reason: Option<&str>,
) -> Result<Answer, CommandError> {
    let turned = turn(aws, (&args.stack, aws.home()), to, reason).await?;
    let so = match to {
        Position::On => "within a minute nothing more is changed in EC2",
        Position::Off => "Amiline goes on within a minute",
    };
    Ok(Answer::done(match args.json {
        true => json!({"kill_switch": to, "turned": turned}).to_string(),
        false => format!(
            "The kill switch is {}: {so}. It is announced with your name: {}",
            to.as_str(),
            turned.by
        ),
    }))
}

fn document(standing: &Standing) -> String {
    let (value, turned) = (&standing.value, standing.turned());
    json!({"kill_switch": standing.position(), "value": value, "turned": turned}).to_string()
}

fn words(standing: &Standing) -> String {
    let position = standing.position();
    let so = match (position, standing.value.as_deref()) {
        (Position::Off, _) => "off: images may be made".to_owned(),
        (Position::On, Some("on") | None) => "on: nothing is changed in EC2".to_owned(),
        (Position::On, Some(other)) => {
            let other = one_line(other, 64);
            format!(
                "on: nothing is changed in EC2, because the parameter says \"{other}\", which is neither on nor off"
            )
        }
    };
    match (standing.turned(), standing.record.last.is_some(), position) {
        (Some(Turned { by, reason, at, .. }), ..) => {
            let why =
                reason.as_ref().map_or_else(|| "no reason was given".to_owned(), Clone::clone);
            format!("{so}\nturned {} at {} by {by}: {why}", position.as_str(), utc(*at))
        }
        // Nobody ever touched it.
        (None, false, Position::Off) => so,
        (None, ..) => format!(
            "{so}\nIt was turned without this command, so who did it and why is not recorded. CloudTrail has the call: \
             PutParameter or DeleteParameter of the kill switch."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use amiline_domain::switch::Switch;

    fn standing(value: Option<&str>, last: Option<Position>) -> Standing {
        let last = last.map(|to| Turned {
            to,
            by: "arn:aws:iam::111111111111:user/jane".to_owned(),
            reason: Some("the network is being moved".to_owned()),
            at: "2026-11-30T12:00:00Z".parse().unwrap(),
        });
        Standing { value: value.map(str::to_owned), record: Switch { last, ..Switch::default() } }
    }

    #[test]
    fn the_status_says_where_it_stands_and_who_turned_it_as_far_as_that_is_known() {
        let words = |value, last| words(&standing(value, last));
        assert_eq!(words(None, None), "off: images may be made");
        let on = words(Some("on"), Some(Position::On));
        assert!(
            on.starts_with("on: ")
                && on.ends_with("turned on at 2026-11-30 12:00 UTC by arn:aws:iam::111111111111:user/jane: the network is being moved")
        );
        assert!(words(Some("on"), Some(Position::Off)).contains("CloudTrail"));
        assert!(words(None, Some(Position::On)).contains("CloudTrail"));
        assert!(words(Some("of"), None).contains("\"of\", which is neither on nor off"));
    }
}
