//! The gate that every port call goes through: it yields, it may fail, and it is written down.

use crate::cloud::FakeCloud;
use crate::executor::yield_now;
use crate::faults::{FaultKind, RefusedEntries};
use crate::refusal::Refusal;
use crate::state::State;
use crate::trace::{Effect, Note, put};
use crate::world::World;
use amiline_app::ports::CallError;
use amiline_domain::ids::Region;
use std::rc::Rc;

/// One port call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number over the cloud's whole life, from 1, in the order in which calls are carried out.
    pub index: u64,
    /// Who calls.
    pub caller: Rc<str>,
    /// Which of the cloud's invocations calls.
    pub invocation: u64,
    /// `service:Action`, as in the roles' policies.
    pub action: &'static str,
    /// Where.
    pub region: Region,
    /// What it is about.
    pub subject: Rc<str>,
}

impl Call {
    fn put(&self, line: &mut String) {
        // A call that was not carried out has no number.
        if self.index > 0 {
            put(line, format_args!("#{} ", self.index));
        }
        for part in [&*self.caller, " ", self.action, " ", self.region.as_str(), " ", &self.subject]
        {
            line.push_str(part);
        }
    }
}

/// Writes down a call that was dropped before it was carried out.
struct Entered<'a> {
    cloud: &'a FakeCloud,
    call: Call,
    passed: bool,
}

impl Entered<'_> {
    fn say(&self, what: impl FnOnce(&mut String)) {
        self.cloud.state.borrow_mut().write_line(|line| {
            self.call.put(line);
            line.push_str(" -> ");
            what(line);
        });
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if !self.passed && self.cloud.state.try_borrow_mut().is_ok() {
            self.say(|line| line.push_str("dropped before it was made"));
        }
    }
}

impl World {
    /// Makes a call: yields, consults the faults, lets it have its effect, and answers.
    pub(crate) async fn call<T: Note>(
        &self,
        action: &'static str,
        region: &Region,
        subject: &str,
        effect: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, CallError> {
        let call = Call {
            index: 0,
            caller: Rc::clone(&self.caller),
            invocation: self.invocation,
            action,
            region: region.clone(),
            subject: subject.into(),
        };
        let mut entered = Entered { cloud: &self.cloud, call, passed: false };
        yield_now().await;
        self.die_if_told().await;
        self.number(&mut entered.call);
        let fault = self.cloud.fault_of(&entered.call);
        match &fault {
            Some(FaultKind::Hang) => {
                entered.say(|line| line.push_str("hangs"));
                entered.passed = true;
                std::future::pending::<()>().await;
            }
            Some(FaultKind::Delay(turns)) => {
                for _ in 0..*turns {
                    yield_now().await;
                }
            }
            _ => {}
        }
        entered.passed = true;
        let answer = self.carry_out(&entered.call, fault.as_ref(), effect);
        entered.say(|line| {
            note(&answer, line);
            match &fault {
                Some(FaultKind::LostReply) => line.push_str(", and the reply is lost"),
                Some(FaultKind::HangAfterEffect) => line.push_str(", and the caller dies"),
                _ => {}
            }
        });
        match (answer, fault) {
            (_, Some(FaultKind::HangAfterEffect)) => std::future::pending().await,
            (_, Some(FaultKind::LostReply)) => {
                let lost = Refusal::no_answer(
                    "NoAnswer",
                    "the connection was closed before an answer arrived",
                );
                Err(lost.into_error(action, region, subject))
            }
            (answer, _) => answer.map_err(|refusal| refusal.into_error(action, region, subject)),
        }
    }

    /// A caller that died makes no further call, whatever it runs at once.
    async fn die_if_told(&self) {
        if self.dies_now() {
            std::future::pending::<()>().await;
        }
    }

    fn number(&self, call: &mut Call) {
        self.made.set(self.made.get() + 1);
        let mut state = self.cloud.state.borrow_mut();
        state.calls_made += 1;
        call.index = state.calls_made;
        state.trace.calls.push((Rc::clone(&self.caller), call.action));
    }

    fn carry_out<T>(
        &self,
        call: &Call,
        fault: Option<&FaultKind>,
        effect: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = self.cloud.state.borrow_mut();
        let millis = state.settings.call_millis;
        state.pass_time(millis);
        if let Some(refusal) = fault.and_then(|fault| fault.refusal(call.action)) {
            return Err(refusal);
        }
        state.admit(call)?;
        state.refused_entries = RefusedEntries::of(fault);
        let answer = effect(&mut state)?;
        let at = state.now;
        state.trace.effects.push(Effect {
            at,
            caller: Rc::clone(&call.caller),
            action: call.action,
            region: call.region.clone(),
            subject: Rc::clone(&call.subject),
        });
        Ok(answer)
    }
}

fn note<T: Note>(answer: &Result<T, Refusal>, line: &mut String) {
    match answer {
        Ok(value) => value.note(line),
        Err(refusal) => line.push_str(&refusal.code),
    }
}
