//! A press of an instance's button: a claim in our table, since the event cannot be the key.

use crate::ids::{AccountId, InstanceId, Region};
use crate::tags::Button;
use crate::time::{Slot, plus_seconds, seconds_between};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long after our own removal of the tag a read that shows it may be a stale one, in seconds.
pub const STALE_READ_SECONDS: i64 = 300;
/// When to look again at an instance whose tag an event showed and a read did not, in seconds.
const LAGGING_READ_SECONDS: i64 = 60;

/// Which button of which instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PressKey {
    /// The instance's account.
    pub account: AccountId,
    /// The instance's Region.
    pub region: Region,
    /// The instance.
    pub instance: InstanceId,
    /// The button.
    pub button: Button,
}

/// What has become of the button's latest press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PressState {
    /// Nothing is under way; the tag, if it is there, is a new press.
    Idle,
    /// A family is under way for it.
    Accepted {
        /// When it was accepted.
        slot: Slot,
        /// The tag's value.
        value: String,
    },
    /// The outcome is recorded; the tag is being removed.
    Answered {
        /// When it was accepted.
        slot: Slot,
        /// The tag's value.
        value: String,
    },
}

/// One button of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Press {
    /// Version for conditional writes.
    pub rev: u64,
    /// What has become of the latest press.
    pub state: PressState,
    /// The newest slot ever given out.
    pub last_slot: Option<Slot>,
    /// The newest slot that led to an image being asked for.
    pub last_image_slot: Option<Slot>,
    /// The time of the event that told of the latest press, by AWS's clock; none if no event did.
    pub heard_at: Option<Timestamp>,
    /// The status tag when the latest press was accepted: an answer with the same words tells
    /// nothing.
    pub status_before: Option<String>,
    /// When our own removal of the tag was carried out.
    pub cleared_at: Option<Timestamp>,
    /// The answer that was written to the status tag when the tag was removed.
    pub answer: Option<String>,
    /// The value of the press of `last_slot`, once it is answered: another value in a read is no
    /// stale read of it.
    pub answered: Option<String>,
    /// When to look at the instance again, with no event asking for it.
    pub next_look: Option<Timestamp>,
    /// The refusal that was told last, so that it is told once; none after a press that was
    /// accepted.
    pub told: Option<ToldRefusal>,
}

/// A refusal as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldRefusal {
    /// Identifies the value and why it was refused.
    pub what: String,
    /// When it was told.
    pub at: Timestamp,
    /// How often the same was refused since without a word.
    pub repeats: u32,
}

/// For how long the same refusal of the same instance is not told again, in seconds.
const TOLD_SECONDS: i64 = 86_400;

impl Press {
    /// A button that was never pressed.
    pub fn untouched() -> Self {
        Self {
            rev: 0,
            state: PressState::Idle,
            last_slot: None,
            last_image_slot: None,
            heard_at: None,
            status_before: None,
            cleared_at: None,
            answer: None,
            answered: None,
            next_look: None,
            told: None,
        }
    }

    /// Until when a read that shows this value may be a stale one. A read that was made
    /// `STALE_READ_SECONDS` after a press was accepted shows nothing from before that press. If it
    /// shows another value than the press had, that value came later, and nobody has answered it.
    fn quiet_until(&self, value: &str, cleared_at: Timestamp) -> Timestamp {
        let since = match (self.last_slot, &self.answered) {
            (Some(slot), Some(answered)) if answered != value => cleared_at.min(slot.timestamp()),
            (_, _) => cleared_at,
        };
        plus_seconds(since, STALE_READ_SECONDS)
    }

    /// What it becomes when a new press is seen that must wait, since the kill switch is on. The
    /// event that vouched for it does not come again, so the press itself says from now on that a
    /// tag there is a new one.
    pub fn held_back(&self) -> Press {
        Press { rev: self.rev.saturating_add(1), cleared_at: None, ..self.clone() }
    }

    /// Whether this refusal was told within the last day and no other came since: then it is only
    /// answered on the instance, and counted. A tool that puts the tag back each minute would fill
    /// the table and everybody's mail otherwise.
    pub fn was_told(&self, what: &str, now: Timestamp) -> bool {
        self.told
            .as_ref()
            .is_some_and(|told| told.what == what && seconds_between(told.at, now) < TOLD_SECONDS)
    }

    /// What it becomes by a refusal that was told before. The tag is removed next; if that fails,
    /// it is seen again once reads are consistent, and is refused again.
    pub fn repeated(&self, heard: Heard<'_>, answer: &str, now: Timestamp) -> Press {
        let count = |told: &ToldRefusal| ToldRefusal {
            repeats: told.repeats.saturating_add(1),
            ..told.clone()
        };
        Press {
            rev: self.rev.saturating_add(1),
            state: PressState::Idle,
            heard_at: heard.at,
            status_before: heard.status_before.map(str::to_owned),
            cleared_at: Some(now),
            answer: Some(answer.to_owned()),
            answered: None,
            next_look: None,
            told: self.told.as_ref().map(count),
            ..self.clone()
        }
    }
}

/// What is known of how a press was made.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// The time of the event that told of it, if one did.
    pub at: Option<Timestamp>,
    /// The status tag when it was made, as far as that is known.
    pub status_before: Option<&'a str>,
}

/// What an event claimed about the button. A hint, never a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The event's time, in whole seconds as AWS gives it.
    pub time: Timestamp,
    /// The button's value among its tags, if they show it.
    pub button: Option<String>,
    /// The status tag among its tags.
    pub status: Option<String>,
    /// Whether the button changed; if not, the status did while the button was there.
    pub pressed: bool,
}

impl Hint {
    /// Whether the event shows a press made after our removal, and the read shows that same press:
    /// another value in the read is one from before, which lags. The event is later by whole
    /// seconds, or it is of the same second and carries the answer that we wrote after the removal.
    /// The second matters because event times are cut to seconds: somebody who reads the answer and
    /// presses again within that second is heard at once.
    fn vouches_for(&self, read: &str, press: &Press, cleared_at: Timestamp) -> bool {
        if self.button.as_deref() != Some(read) {
            return false;
        }
        let shows_the_answer = self.status.is_some()
            && self.status == press.answer
            && self.status != press.status_before;
        // Our answer was written while the button showed another value than the one that was
        // answered.
        if !self.pressed
            && (!shows_the_answer
                || press.answered.as_deref().is_none_or(|answered| answered == read))
        {
            return false;
        }
        // The event of the press that was answered, delivered again: a clock of ours that is behind
        // must not make it new.
        if press.heard_at.is_some_and(|heard| self.time <= heard) && !shows_the_answer {
            return false;
        }
        let (event, removal) = (self.time.as_second(), cleared_at.as_second());
        event > removal || (event == removal && shows_the_answer)
    }
}

/// What a look at the instance leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookDecision {
    /// Nothing is asked for. `forget_look` says that a recorded time for another look is done with.
    Nothing {
        /// Whether a `next_look` has to be removed.
        forget_look: bool,
    },
    /// The reads may be stale: look again then.
    LookAgain(Timestamp),
    /// The tag belongs to the press that is under way: wake its family.
    SamePress(Slot),
    /// Another value while a press is under way: it waits until that one is answered.
    OtherValueWaits(Slot),
    /// A new press with this slot.
    Begin(Slot),
}

/// Decides what the tag on the instance means. `press` was read before `tag`; that order makes a
/// tag that is seen with an idle press a new one. `tag` is the button's value as read from EC2,
/// `None` if the tag is not there.
pub fn decide_look(
    press: &Press,
    tag: Option<&str>,
    hint: Option<&Hint>,
    now: Timestamp,
) -> LookDecision {
    let Some(tag) = tag else {
        let lagging = hint.is_some_and(|hint| {
            hint.button.is_some()
                && seconds_between(hint.time, now) < LAGGING_READ_SECONDS
                && press.cleared_at.is_none_or(|cleared| hint.time > cleared)
        });
        return if lagging && press.state == PressState::Idle {
            LookDecision::LookAgain(plus_seconds(now, LAGGING_READ_SECONDS))
        } else {
            LookDecision::Nothing { forget_look: press.next_look.is_some_and(|at| at <= now) }
        };
    };
    match &press.state {
        PressState::Accepted { slot, value } | PressState::Answered { slot, value } => {
            if value == tag {
                LookDecision::SamePress(*slot)
            } else {
                LookDecision::OtherValueWaits(*slot)
            }
        }
        PressState::Idle => {
            if let Some(cleared) = press.cleared_at {
                let quiet_until = press.quiet_until(tag, cleared);
                let newer = hint.is_some_and(|hint| hint.vouches_for(tag, press, cleared));
                if now < quiet_until && !newer {
                    return LookDecision::LookAgain(quiet_until);
                }
            }
            LookDecision::Begin(Slot::next(now, press.last_slot))
        }
    }
}

/// When the instance may be imaged again, if that is not yet.
pub fn too_soon(press: &Press, interval_minutes: u32, now: Timestamp) -> Option<Timestamp> {
    let last = press.last_image_slot?;
    let free = plus_seconds(last.timestamp(), i64::from(interval_minutes).saturating_mul(60));
    (now < free).then_some(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-24T12:00:00Z")
    }

    fn hint(time: &str, status: Option<&str>) -> Hint {
        Hint {
            time: at(time),
            button: Some("default".to_owned()),
            status: status.map(str::to_owned),
            pressed: true,
        }
    }

    fn cleared(time: &str) -> Press {
        let answer = Some("available ami-1 in 3 Regions".to_owned());
        Press {
            cleared_at: Some(at(time)),
            last_slot: Some(Slot::next(at("2026-11-24T11:00:00Z"), None)),
            answer,
            ..Press::untouched()
        }
    }

    #[test]
    fn the_first_press_begins() {
        assert_eq!(
            decide_look(&Press::untouched(), Some("default"), None, now()),
            LookDecision::Begin(Slot::next(now(), None))
        );
    }

    #[test]
    fn a_tag_just_after_our_removal_may_be_a_stale_read() {
        let press = cleared("2026-11-24T11:59:30Z");
        let again = LookDecision::LookAgain(at("2026-11-24T12:04:30Z"));
        assert_eq!(decide_look(&press, Some("default"), None, now()), again);
        let old = hint("2026-11-24T11:59:00Z", None);
        assert_eq!(decide_look(&press, Some("default"), Some(&old), now()), again);
    }

    #[test]
    fn an_event_after_our_removal_makes_it_a_new_press() {
        let press = cleared("2026-11-24T11:59:30Z");
        let new = hint("2026-11-24T11:59:31Z", None);
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&new), now()),
            LookDecision::Begin(_)
        ));
    }

    #[test]
    fn an_event_with_another_value_does_not_vouch_for_what_a_lagging_read_shows() {
        let press = cleared("2026-11-24T11:59:30Z");
        let other = Hint { button: Some("other".to_owned()), ..hint("2026-11-24T11:59:31Z", None) };
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&other), now()),
            LookDecision::LookAgain(_)
        ));
    }

    #[test]
    fn the_answered_presss_own_event_is_no_new_press_however_far_our_clock_is_behind() {
        let heard = at("2026-11-24T11:59:45Z");
        let press = Press { heard_at: Some(heard), ..cleared("2026-11-24T11:59:30Z") };
        let again = hint("2026-11-24T11:59:45Z", None);
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&again), now()),
            LookDecision::LookAgain(_)
        ));
        let new = hint("2026-11-24T11:59:46Z", None);
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&new), now()),
            LookDecision::Begin(_)
        ));
        let answered = hint("2026-11-24T11:59:45Z", Some("available ami-1 in 3 Regions"));
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&answered), now()),
            LookDecision::Begin(_)
        ));
    }

    #[test]
    fn an_answer_in_the_words_of_the_one_before_vouches_for_nothing() {
        let words = "rejected: there is no policy x";
        let press = Press {
            heard_at: Some(at("2026-11-24T11:59:30Z")),
            answer: Some(words.to_owned()),
            status_before: Some(words.to_owned()),
            ..cleared("2026-11-24T11:59:30Z")
        };
        let same = hint("2026-11-24T11:59:30Z", Some(words));
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&same), now()),
            LookDecision::LookAgain(_)
        ));
    }

    #[test]
    fn a_press_in_the_same_second_as_the_answer_is_heard_if_it_carries_the_answer() {
        let press = cleared("2026-11-24T11:59:30Z");
        let same = hint("2026-11-24T11:59:30Z", Some("available ami-1 in 3 Regions"));
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&same), now()),
            LookDecision::Begin(_)
        ));
        let before = hint("2026-11-24T11:59:30Z", Some("creating ami-1"));
        assert!(matches!(
            decide_look(&press, Some("default"), Some(&before), now()),
            LookDecision::LookAgain(_)
        ));
    }

    /// `first` was accepted so many seconds ago and answered ten seconds ago.
    fn answered(seconds: i64) -> Press {
        Press {
            last_slot: Some(Slot::at(plus_seconds(now(), -seconds))),
            answered: Some("first".to_owned()),
            ..cleared("2026-11-24T11:59:50Z")
        }
    }

    #[test]
    fn another_value_is_believed_once_no_read_is_as_old_as_the_press_that_was_answered() {
        let long = answered(300);
        assert!(matches!(decide_look(&long, Some("default"), None, now()), LookDecision::Begin(_)));
        // What was removed may still be shown, however long its press took.
        let removed = LookDecision::LookAgain(at("2026-11-24T12:04:50Z"));
        assert_eq!(decide_look(&long, Some("first"), None, now()), removed);
        // A value from before a press of 60 seconds may be shown for four minutes more.
        let short = answered(60);
        let before = LookDecision::LookAgain(at("2026-11-24T12:04:00Z"));
        assert_eq!(decide_look(&short, Some("default"), None, now()), before);
        // A refusal that was only repeated has no slot of its own.
        let unknown = Press { answered: None, ..long };
        assert_eq!(decide_look(&unknown, Some("default"), None, now()), removed);
    }

    #[test]
    fn our_answer_beside_another_value_vouches_for_that_value_and_for_nothing_else() {
        let words = Some("available ami-1 in 3 Regions");
        let told = |status| Hint { pressed: false, ..hint("2026-11-24T11:59:50Z", status) };
        let look =
            |press: &Press, tag, hint: &Hint| decide_look(press, Some(tag), Some(hint), now());
        let press = answered(60);
        assert!(matches!(look(&press, "default", &told(words)), LookDecision::Begin(_)));
        let creating = Hint { time: at("2026-11-24T11:59:55Z"), ..told(Some("creating ami-1")) };
        assert!(
            matches!(look(&press, "default", &creating), LookDecision::LookAgain(_)),
            "an older status, late"
        );
        assert!(
            matches!(look(&press, "third", &told(words)), LookDecision::LookAgain(_)),
            "another value in the read"
        );
        let same = Hint {
            button: Some("first".to_owned()),
            time: at("2026-11-24T11:59:55Z"),
            ..told(words)
        };
        assert!(
            matches!(look(&press, "first", &same), LookDecision::LookAgain(_)),
            "it pressed nothing"
        );
        let unknown = Press { answered: None, ..press };
        assert!(matches!(look(&unknown, "default", &told(words)), LookDecision::LookAgain(_)));
    }

    #[test]
    fn a_press_that_the_kill_switch_held_back_needs_no_event_any_more() {
        let held_back = cleared("2026-11-24T11:59:30Z").held_back();
        assert!(matches!(
            decide_look(&held_back, Some("default"), None, now()),
            LookDecision::Begin(_)
        ));
    }

    #[test]
    fn after_five_minutes_the_tag_is_believed_without_an_event() {
        let press = cleared("2026-11-24T11:55:00Z");
        assert!(matches!(
            decide_look(&press, Some("default"), None, now()),
            LookDecision::Begin(_)
        ));
    }

    #[test]
    fn a_press_under_way_absorbs_the_same_value_and_holds_another_back() {
        let slot = Slot::next(now(), None);
        for state in [
            PressState::Accepted { slot, value: "default".into() },
            PressState::Answered { slot, value: "default".into() },
        ] {
            let press = Press { state, ..Press::untouched() };
            assert_eq!(
                decide_look(&press, Some("default"), None, now()),
                LookDecision::SamePress(slot)
            );
            assert_eq!(
                decide_look(&press, Some("other"), None, now()),
                LookDecision::OtherValueWaits(slot)
            );
            assert!(matches!(decide_look(&press, None, None, now()), LookDecision::Nothing { .. }));
        }
    }

    #[test]
    fn an_absent_tag_that_a_fresh_event_showed_is_looked_for_again() {
        let fresh = hint("2026-11-24T11:59:50Z", None);
        assert_eq!(
            decide_look(&Press::untouched(), None, Some(&fresh), now()),
            LookDecision::LookAgain(at("2026-11-24T12:01:00Z"))
        );
        let old = hint("2026-11-24T11:00:00Z", None);
        assert_eq!(
            decide_look(&Press::untouched(), None, Some(&old), now()),
            LookDecision::Nothing { forget_look: false }
        );
    }

    #[test]
    fn our_own_removal_is_never_a_press() {
        let press = cleared("2026-11-24T11:59:59Z");
        let removal = Hint { time: now(), button: None, status: None, pressed: true };
        assert_eq!(
            decide_look(&press, None, Some(&removal), now()),
            LookDecision::Nothing { forget_look: false }
        );
    }
}
