//! Sharing an image with several targets when EC2 refuses one of them.
//!
//! ModifyImageAttribute takes all targets or none: one closed account or one deleted unit refuses
//! the whole call (aws-behaviour.md#one-bad-target-refuses-the-whole-call). The code of that
//! refusal is not documented, so a refused call is split until each refused target stands alone.
//! With one bad target of n that takes at most 4 log₄ n further calls; with bad ones only, 4n/3.

use super::{Ended, ShareStep};
use crate::fault::Fault;
use crate::reason::AwsError;
use crate::target::ShareTarget;
use std::collections::{BTreeMap, BTreeSet};

/// Calls for one image in one look. What is left over is shared at the next look, which begins with
/// what is not decided.
pub const SHARE_CALLS_MAX: usize = 40;

/// Into how many parts a refused call is split.
const PARTS: usize = 4;

/// Characters that are kept of the message with which one of several targets was refused.
const MESSAGE_CHARACTERS: usize = 400;

/// Refusals of the caller or of the image: another choice of targets changes nothing about them.
const NOT_ABOUT_A_TARGET: &[&str] = &[
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "Blocked",
    "OptInRequired",
    "PendingVerification",
    "OperationNotPermitted",
    "UnsupportedOperation",
    "InvalidAMIID.Malformed",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "MissingParameter",
];

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRefused {
    /// What kind of failure.
    pub fault: Fault,
    /// What AWS said.
    pub error: AwsError,
}

/// Why the sharing of an image ended before everybody had an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It took as many calls as one look makes.
    EnoughCalls,
    /// By a refusal that is about none of the targets.
    Refused(ShareRefused),
}

/// The sharing of one image: which call is next, and what came of those before.
#[derive(Debug, Clone)]
pub struct Sharing {
    waiting: Vec<BTreeSet<ShareTarget>>,
    calls: usize,
    shared: BTreeSet<ShareTarget>,
    refused: BTreeMap<ShareTarget, AwsError>,
    stopped: Option<Stopped>,
}

impl Sharing {
    /// Begins with one call for all.
    pub fn of(step: &ShareStep) -> Self {
        let waiting = vec![step.targets.clone()];
        Self { waiting, calls: 0, shared: BTreeSet::new(), refused: BTreeMap::new(), stopped: None }
    }

    /// The targets of the next call; none if there is none.
    pub fn next(&self) -> Option<&BTreeSet<ShareTarget>> {
        self.waiting.last().filter(|_| self.stopped.is_none())
    }

    /// Takes in how that call ended.
    pub fn answered(&mut self, answer: Result<(), ShareRefused>) {
        let Some(targets) = self.waiting.pop() else { return };
        self.calls = self.calls.saturating_add(1);
        match answer {
            Ok(()) => self.shared.extend(targets),
            Err(refused) if !is_about_a_target(&refused) => {
                self.stopped = Some(Stopped::Refused(refused))
            }
            Err(refused) => {
                let only = if targets.len() == 1 { targets.first() } else { None };
                match only {
                    Some(target) => {
                        self.refused.insert(target.clone(), refused.error.cut(MESSAGE_CHARACTERS));
                    }
                    None => self.waiting.extend(parts(targets)),
                }
            }
        }
        if self.calls >= SHARE_CALLS_MAX && self.stopped.is_none() && !self.waiting.is_empty() {
            self.stopped = Some(Stopped::EnoughCalls);
        }
    }

    /// How the action ended. If nothing was split it is what the one call said.
    pub fn ended(self) -> Ended {
        match self.stopped {
            Some(Stopped::Refused(ShareRefused { fault, error })) if self.calls == 1 => {
                Ended::Refused { fault, error }
            }
            None if self.refused.is_empty() => Ended::Done,
            stopped => Ended::Shared { shared: self.shared, refused: self.refused, stopped },
        }
    }
}

fn is_about_a_target(refused: &ShareRefused) -> bool {
    match refused.fault {
        Fault::Reject | Fault::NeedsPerson => {
            !NOT_ABOUT_A_TARGET.contains(&refused.error.code.as_str())
        }
        Fault::Later | Fault::Unknown => false,
    }
}

/// Quarters of the targets; the first of them is the last of the list, and so the next call.
fn parts(targets: BTreeSet<ShareTarget>) -> Vec<BTreeSet<ShareTarget>> {
    let size = targets.len().div_ceil(PARTS).max(1);
    let targets: Vec<ShareTarget> = targets.into_iter().collect();
    targets.chunks(size).rev().map(|part| part.iter().cloned().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::ImageRole;
    use crate::ids::{ImageId, Region};

    fn account(number: usize) -> ShareTarget {
        format!("{:012}", 222_222_220_000 + number).parse().unwrap()
    }

    fn refused(fault: Fault, code: &str) -> ShareRefused {
        ShareRefused { fault, error: AwsError::new("ec2:ModifyImageAttribute", code, "no", None) }
    }

    /// Shares with so many, of whom EC2 knows all but the bad ones.
    fn share(count: usize, bad: &[usize]) -> (usize, Sharing) {
        let targets: BTreeSet<ShareTarget> = (0..count).map(account).collect();
        let bad: BTreeSet<ShareTarget> = bad.iter().copied().map(account).collect();
        let image = ImageId::new("ami-0123456789abcdef0").unwrap();
        let step = ShareStep {
            image_role: ImageRole::Source,
            region: Region::new("us-east-1").unwrap(),
            image,
            targets,
        };
        let mut sharing = Sharing::of(&step);
        let mut calls = 0;
        while let Some(targets) = sharing.next() {
            calls += 1;
            let answer = match targets.is_disjoint(&bad) {
                true => Ok(()),
                false => Err(refused(Fault::Reject, "InvalidParameterValue")),
            };
            sharing.answered(answer);
        }
        (calls, sharing)
    }

    #[test]
    fn one_refused_target_costs_few_calls_and_the_others_are_shared_with() {
        for (count, most) in [(1, 1), (2, 3), (5, 7), (16, 9), (64, 13), (250, 17)] {
            let (calls, sharing) = share(count, &[count / 2]);
            assert!(calls <= most, "{count} targets took {calls} calls");
            assert_eq!(sharing.shared.len(), count - 1);
            assert_eq!(sharing.refused.keys().collect::<Vec<_>>(), [&account(count / 2)]);
        }
        assert_eq!(share(250, &[]).0, 1, "nothing is split without a refusal");
    }

    #[test]
    fn the_calls_of_one_look_are_bounded_and_the_rest_is_left_for_the_next() {
        let all: Vec<usize> = (0..100).collect();
        let (calls, sharing) = share(100, &all);
        assert_eq!(calls, SHARE_CALLS_MAX);
        assert!(!sharing.refused.is_empty());
        assert!(matches!(
            sharing.ended(),
            Ended::Shared { stopped: Some(Stopped::EnoughCalls), .. }
        ));
    }

    #[test]
    fn a_refusal_of_the_caller_or_for_the_moment_is_not_split() {
        for (fault, code) in [
            (Fault::NeedsPerson, "UnauthorizedOperation"),
            (Fault::Later, "RequestLimitExceeded"),
            (Fault::Unknown, "Timeout"),
        ] {
            let (_, mut sharing) = share(0, &[]);
            sharing.waiting = vec![[account(1), account(2)].into()];
            sharing.calls = 0;
            sharing.answered(Err(refused(fault, code)));
            assert_eq!(sharing.next(), None);
            let ShareRefused { fault, error } = refused(fault, code);
            assert_eq!(sharing.ended(), Ended::Refused { fault, error });
        }
    }
}
