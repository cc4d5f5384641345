//! What an instance was answered lately. A press and a schedule may be answered together, and the
//! instance has one status.

use crate::escape::plain;
use crate::status::{VALUE_MAX, Weight, weight};
use crate::tags::Trigger;
use crate::time::seconds_between;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// For how long what went wrong for one who asked stays in the status while others are answered, in
/// seconds.
pub const STANDS_SECONDS: i64 = 600;
/// Two answers less than this apart, in seconds, may have been written to the instance in either
/// order.
const TOGETHER_SECONDS: i64 = 60;

/// A status as it was written for one who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Its words.
    pub status: String,
    /// When.
    pub at: Timestamp,
}

/// The newest answer to each who asked: the button, and each policy's schedule.
pub type Answers = BTreeMap<Trigger, Answer>;

/// The status that an instance shows after the newest of its answers was written to it; none if
/// that one stays.
///
/// What went wrong for another within `STANDS_SECONDS` is shown first, with whom it concerns. A
/// refused enrolment is over when a schedule is answered.
pub fn status(newest: &Trigger, answers: &Answers) -> Option<String> {
    let mine = answers.get(newest)?;
    let apart = |other: &Answer| seconds_between(mine.at, other.at).abs();
    let is_over = |trigger: &Trigger| {
        *trigger == *newest
            || matches!((trigger, newest), (Trigger::Enrolment, Trigger::Schedule(_)))
    };
    let others = answers
        .iter()
        .filter(|(trigger, other)| !is_over(trigger) && apart(other) < STANDS_SECONDS);
    let (trigger, worst) = others.max_by_key(|(_, other)| (weight(&other.status), other.at))?;
    let (theirs, ours) = (weight(&worst.status), weight(&mine.status));
    if theirs.is_bad() && (theirs > ours || apart(worst) < TOGETHER_SECONDS) {
        return Some(both((trigger, &worst.status), (newest, &mine.status)));
    }
    // The other one may have been written over this one.
    let covered = ours.is_bad() && theirs != Weight::UnderWay && apart(worst) < TOGETHER_SECONDS;
    covered.then(|| both((newest, &mine.status), (trigger, &worst.status)))
}

/// Two answers in one status. Of long ones each has its half.
pub fn both(first: (&Trigger, &str), second: (&Trigger, &str)) -> String {
    let label = |trigger: &Trigger| match trigger {
        Trigger::Press(_) => "press".to_owned(),
        Trigger::Schedule(policy) => format!("schedule {policy}"),
        Trigger::Enrolment => "schedule tag".to_owned(),
    };
    let (first, second) =
        (format!("{}: {}", label(first.0), first.1), format!("{}: {}", label(second.0), second.1));
    let room = VALUE_MAX.saturating_sub("; ".len());
    let half = room / 2;
    let of_first = room.saturating_sub(second.chars().count()).max(half);
    let first = plain(&first, of_first);
    let of_second = room.saturating_sub(first.chars().count());
    format!("{first}; {}", plain(&second, of_second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags::Button;

    const REJECTED: &str = "rejected: its last image is 3 minutes old";
    const FAILED: &str = "failed: KMS refused the key";
    const PARTIAL: &str = "partial ami-0123456789abcdef0 in 1 Region: us-west-2: not shared";
    const AVAILABLE: &str = "available ami-0123456789abcdef0 in 2 Regions";
    const CREATING: &str = "creating ami-0123456789abcdef0";

    fn press() -> Trigger {
        Trigger::Press(Button::Image)
    }

    fn nightly() -> Trigger {
        Trigger::Schedule("nightly".parse().unwrap())
    }

    /// The status after these answers, each with its second.
    fn after(answers: &[(Trigger, &str, i64)]) -> Option<String> {
        let at = |second| Timestamp::from_second(1_795_521_600 + second).unwrap();
        let kept = |(trigger, status, second): &(Trigger, &str, i64)| {
            (trigger.clone(), Answer { status: (*status).to_owned(), at: at(*second) })
        };
        status(&answers.last().unwrap().0, &answers.iter().map(kept).collect())
    }

    #[test]
    fn an_answer_alone_stays_as_it_is() {
        for words in [REJECTED, FAILED, PARTIAL, AVAILABLE, CREATING] {
            assert_eq!(after(&[(press(), words, 0)]), None);
        }
    }

    #[test]
    fn what_went_wrong_for_one_is_not_covered_by_what_went_well_for_another() {
        let press_first = after(&[(press(), REJECTED, 0), (nightly(), AVAILABLE, 300)]);
        assert_eq!(
            press_first.unwrap(),
            format!("press: {REJECTED}; schedule nightly: {AVAILABLE}")
        );
        let schedule_first = after(&[(nightly(), FAILED, 0), (press(), CREATING, 300)]);
        assert_eq!(
            schedule_first.unwrap(),
            format!("schedule nightly: {FAILED}; press: {CREATING}")
        );
        let worse = after(&[(nightly(), FAILED, 0), (press(), PARTIAL, 300)]);
        assert_eq!(worse.unwrap(), format!("schedule nightly: {FAILED}; press: {PARTIAL}"));
    }

    #[test]
    fn of_two_written_together_both_are_shown_whichever_came_to_the_instance_last() {
        let said = format!("press: {REJECTED}; schedule nightly: {AVAILABLE}");
        assert_eq!(after(&[(press(), REJECTED, 0), (nightly(), AVAILABLE, 1)]), Some(said.clone()));
        assert_eq!(after(&[(nightly(), AVAILABLE, 0), (press(), REJECTED, 1)]), Some(said));
        assert_eq!(
            after(&[(nightly(), AVAILABLE, 0), (press(), REJECTED, 61)]),
            None,
            "it was read before"
        );
        let both_bad = after(&[(nightly(), FAILED, 0), (press(), REJECTED, 1)]);
        assert_eq!(both_bad.unwrap(), format!("schedule nightly: {FAILED}; press: {REJECTED}"));
    }

    #[test]
    fn good_answers_and_old_ones_make_room() {
        assert_eq!(after(&[(nightly(), AVAILABLE, 0), (press(), CREATING, 1)]), None);
        assert_eq!(after(&[(nightly(), CREATING, 0), (press(), AVAILABLE, 1)]), None);
        assert_eq!(
            after(&[(nightly(), CREATING, 0), (press(), REJECTED, 1)]),
            None,
            "it says more when it ends"
        );
        assert_eq!(after(&[(press(), REJECTED, 0), (nightly(), AVAILABLE, STANDS_SECONDS)]), None);
        assert_eq!(
            after(&[(Trigger::Enrolment, REJECTED, 0), (nightly(), AVAILABLE, 60)]),
            None,
            "it was mended"
        );
        assert!(after(&[(Trigger::Enrolment, REJECTED, 0), (press(), AVAILABLE, 60)]).is_some());
    }

    #[test]
    fn two_long_answers_share_the_room_and_a_short_one_leaves_its_own() {
        let long = |word: &str| format!("{word}: {}", "x".repeat(240));
        let (failed, partial) = (long("failed"), long("partial"));
        let halves = both((&press(), &failed), (&nightly(), &partial));
        assert_eq!(halves.len(), 256);
        assert!(
            halves.starts_with("press: failed: x")
                && halves[129..].starts_with("schedule nightly: partial"),
            "{halves}"
        );
        let short = both((&press(), &failed), (&nightly(), AVAILABLE));
        assert!(short.len() == 256 && short.ends_with(AVAILABLE), "{short}");
        let short = both((&press(), REJECTED), (&nightly(), &partial));
        assert!(
            short.len() == 256 && short.starts_with(&format!("press: {REJECTED}; ")),
            "{short}"
        );
    }
}
