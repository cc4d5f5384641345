//! Faults: which call goes wrong, and how.

use crate::gate::Call;
use crate::refusal::Refusal;
use amiline_domain::ids::Region;
use std::collections::BTreeMap;

/// How a call goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Refused for the rate, before any effect: try later.
    Throttle,
    /// Refused for missing rights, before any effect: needs a person.
    Denied,
    /// 500 before any effect. The caller cannot know that there was none.
    ServerError,
    /// No answer and no effect. The caller cannot know that there was none.
    Timeout,
    /// Refused with this error code and message and status 400, before any effect.
    Refused(String, String),
    /// The call is carried out, and of its entries those at the places of the set bits are refused
    /// for the moment. Calls that have no entries do not notice.
    SomeRefused(u32),
    /// The effect happens; the answer never arrives, and the caller is told so.
    LostReply,
    /// Nothing happens, ever: the future does not complete. Dropping it is a crash before the
    /// effect.
    Hang,
    /// The effect happens, and then nothing, ever. Dropping the future is a crash after the effect.
    HangAfterEffect,
    /// The call waits for so many turns of the other invocations, then happens.
    Delay(u32),
}

impl FaultKind {
    /// What the caller is told, for the kinds that act before the effect.
    pub(crate) fn refusal(&self, action: &str) -> Option<Refusal> {
        let service = action.split(':').next().unwrap_or_default();
        match self {
            FaultKind::Throttle if service == "ec2" => {
                Some(Refusal::with_status("RequestLimitExceeded", "Request limit exceeded.", 503))
            }
            FaultKind::Throttle => Some(Refusal::new("ThrottlingException", "Rate exceeded")),
            FaultKind::Denied if service == "ec2" => {
                Some(Refusal::with_status("UnauthorizedOperation", denial(action), 403))
            }
            FaultKind::Denied if service == "sns" => Some(Refusal::with_status(
                "AuthorizationError",
                "User is not authorized to perform this operation",
                403,
            )),
            FaultKind::Denied => Some(Refusal::new(
                "AccessDeniedException",
                "User is not authorized to perform this operation",
            )),
            FaultKind::ServerError => {
                Some(Refusal::with_status("InternalError", "An internal error has occurred", 500))
            }
            FaultKind::Timeout => Some(Refusal::no_answer("Timeout", "no answer in time")),
            FaultKind::Refused(code, message) => Some(Refusal::new(code, message.as_str())),
            FaultKind::SomeRefused(_)
            | FaultKind::LostReply
            | FaultKind::Hang
            | FaultKind::HangAfterEffect
            | FaultKind::Delay(_) => None,
        }
    }
}

/// How EC2 explains a denial: who, what, which policy denied, and an encoded part for `sts
/// decode-authorization-message` (aws-behaviour.md#ec2-models-none-of-its-errors). As long as real
/// ones are.
pub fn denial(action: &str) -> String {
    format!(
        "You are not authorized to perform this operation. User: arn:aws:sts::111111111111:assumed-role/\
         amiline-DistributeImageRole-1ABCDEFGHIJK2/amiline-distribute-image is not authorized to perform: {action} on \
         resource: arn:aws:ec2:eu-west-1::image/ami-0123456789abcdef0 with an explicit deny in a service control policy: \
         arn:aws:organizations::222222222222:policy/o-123example/service_control_policy/p-abcdefgh. Encoded authorization \
         failure message: {}",
        "4fVx".repeat(225)
    )
}

/// The entries of one call that are refused while the call itself is carried out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RefusedEntries(u32);

impl RefusedEntries {
    pub(crate) fn of(fault: Option<&FaultKind>) -> Self {
        match fault {
            Some(FaultKind::SomeRefused(places)) => Self(*places),
            _ => Self(0),
        }
    }

    pub(crate) fn holds(self, place: usize) -> bool {
        u32::try_from(place).ok().and_then(|place| self.0.checked_shr(place)).unwrap_or(0) & 1 == 1
    }
}

/// Which calls go wrong: those that fit everything that is given.
#[derive(Debug, Clone)]
pub struct FaultRule {
    kind: FaultKind,
    caller: Option<String>,
    action: Option<String>,
    region: Option<Region>,
    subject: Option<String>,
    skip: u32,
    left: Option<u32>,
}

impl FaultRule {
    /// Every call goes wrong in this way, until something narrower is said.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, caller: None, action: None, region: None, subject: None, skip: 0, left: None }
    }

    /// Only calls of this caller.
    pub fn caller(mut self, caller: &str) -> Self {
        self.caller = Some(caller.to_owned());
        self
    }

    /// Only this `service:Action`.
    pub fn action(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Only in this Region.
    pub fn region(mut self, name: &str) -> Self {
        self.region = Some(crate::region(name));
        self
    }

    /// Only calls whose subject contains this text.
    pub fn about(mut self, text: impl Into<String>) -> Self {
        self.subject = Some(text.into());
        self
    }

    /// Not the first `n` that fit.
    pub fn after(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// At most `n` calls.
    pub fn times(mut self, n: u32) -> Self {
        self.left = Some(n);
        self
    }

    /// One call only.
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn fits(&self, call: &Call) -> bool {
        self.caller.as_ref().is_none_or(|caller| **caller == *call.caller)
            && self.action.as_ref().is_none_or(|action| action == call.action)
            && self.region.as_ref().is_none_or(|region| *region == call.region)
            && self.subject.as_ref().is_none_or(|text| call.subject.contains(text.as_str()))
    }
}

/// Every rule that is in force.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    rules: Vec<FaultRule>,
    at: BTreeMap<u64, FaultKind>,
}

impl FaultPlan {
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub(crate) fn add_at(&mut self, index: u64, kind: FaultKind) {
        self.at.insert(index, kind);
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
        self.at.clear();
    }

    /// The fault of this call, if it has one: the one for its number, else the first rule that
    /// fits.
    pub(crate) fn draw(&mut self, call: &Call) -> Option<FaultKind> {
        if let Some(kind) = self.at.remove(&call.index) {
            return Some(kind);
        }
        for rule in self.rules.iter_mut().filter(|rule| rule.left != Some(0) && rule.fits(call)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.left = rule.left.map(|left| left - 1);
            return Some(rule.kind.clone());
        }
        None
    }
}
