//! The kill switch: what its parameter means, and what is recorded when somebody turns it.

use crate::history::{Chain, EventKind, HistoryItem, News, Subject, append_news};
use crate::ids::{AccountId, Region, StackName};
use crate::reason::SwitchReason;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the switch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// Nothing is changed in EC2.
    On,
    /// Amiline works.
    Off,
}

impl Position {
    /// What a parameter's value means; `None`: there is no parameter, as in a new stack. A value
    /// that is no position was meant to stop something, so it is on.
    pub fn of(value: Option<&str>) -> Self {
        match value {
            None | Some("off") => Position::Off,
            Some(_) => Position::On,
        }
    }

    /// As the parameter says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Position::On => "on",
            Position::Off => "off",
        }
    }

    fn event(self) -> EventKind {
        match self {
            Position::On => EventKind::KillSwitchOn,
            Position::Off => EventKind::KillSwitchOff,
        }
    }
}

/// Who turned the switch, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// To which position.
    pub to: Position,
    /// The caller's ARN.
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What is recorded of the switch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Version for conditional writes.
    pub rev: u64,
    /// The last turn; none if it was never turned by `amiline kill-switch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Turned>,
    /// The end of its history.
    #[serde(default, skip_serializing_if = "Chain::is_empty")]
    pub news: Chain,
}

impl Switch {
    /// The record after a turn, with the history item that announces it.
    pub fn turn(
        &self,
        (stack, account, region): (StackName, AccountId, Region),
        turned: Turned,
    ) -> (Switch, HistoryItem) {
        let mut news = self.news.clone();
        let reason =
            SwitchReason::KillSwitchTurned { by: turned.by.clone(), why: turned.reason.clone() }
                .into();
        let at = turned.at;
        let item = News {
            kind: turned.to.event(),
            account,
            region,
            instance_name: None,
            policy: None,
            image: None,
            reason,
        };
        let item = append_news(Subject::KillSwitch(stack), &mut news, item, at);
        (Switch { rev: self.rev.saturating_add(1), last: Some(turned), news }, item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_off_and_an_absent_parameter_are_off() {
        for (value, position) in [
            (None, Position::Off),
            (Some("off"), Position::Off),
            (Some("on"), Position::On),
            (Some("OFF"), Position::On),
            (Some(" off"), Position::On),
            (Some("of"), Position::On),
            (Some(""), Position::On),
        ] {
            assert_eq!(Position::of(value), position, "{value:?}");
        }
    }

    #[test]
    fn each_turn_is_announced_with_who_and_why() {
        let stack = StackName::new("amiline").unwrap();
        let place = || {
            (
                stack.clone(),
                AccountId::new("111111111111").unwrap(),
                Region::new("us-east-1").unwrap(),
            )
        };
        let turned = |to, reason: Option<&str>| Turned {
            to,
            by: "arn:aws:iam::111111111111:user/jane".to_owned(),
            reason: reason.map(str::to_owned),
            at: "2026-11-30T12:00:00Z".parse().unwrap(),
        };
        let (on, first) = Switch::default()
            .turn(place(), turned(Position::On, Some("the network is being\nmoved")));
        assert_eq!((first.event, on.rev), (EventKind::KillSwitchOn, 1));
        assert_eq!(
            first.reason.as_ref().unwrap().text(),
            "arn:aws:iam::111111111111:user/jane: the network is being?moved"
        );
        let (off, second) = on.turn(place(), turned(Position::Off, None));
        assert_eq!(second.event, EventKind::KillSwitchOff);
        assert!(second.reason.as_ref().unwrap().text().ends_with("user/jane gave no reason"));
        assert!(
            second.follows(&Chain { seq: 1, last_hash: first.hash.clone() })
                && second.outcome_id != first.outcome_id
        );
        let read: Switch = serde_json::from_value(serde_json::to_value(&off).unwrap()).unwrap();
        assert_eq!(read, off);
        let json = serde_json::to_value(&second).unwrap();
        assert_eq!(
            (&json["kill-switch"], &json["policy"]),
            (&"amiline".into(), &serde_json::Value::Null)
        );
        assert_eq!(serde_json::from_value::<HistoryItem>(json).unwrap(), second);
    }
}
