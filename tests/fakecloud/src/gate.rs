//! The gate that every port call goes through: it yields, it may fail, and it is written down.

use crate::cloud::FakeCloud;
use crate::executor::yield_now;
use crate::faults::FaultKind;
use crate::refusal::Refusal;
use crate::state::State;
use crate::trace::{Effect, Note};
use crate::world::World;
use amiline_app::ports::CallError;
use amiline_domain::ids::Region;

/// One port call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number over the cloud's whole life, from 1, in the order in which calls are carried out.
    pub index: u64,
    /// Who calls.
    pub caller: String,
    /// `service:Action`, as in the roles' policies.
    pub action: &'static str,
    /// Where.
    pub region: Region,
    /// What it is about.
    pub subject: String,
}

/// Writes down a call that was dropped before it was carried out.
struct Entered<'a> {
    cloud: &'a FakeCloud,
    what: String,
    passed: bool,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let (false, Ok(mut state)) = (self.passed, self.cloud.state.try_borrow_mut()) {
            state.line(&format!("{} -> dropped before it was made", self.what));
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
        let what = format!("{} {action} {region} {subject}", self.caller);
        let mut entered = Entered { cloud: &self.cloud, what, passed: false };
        yield_now().await;
        self.die_if_told().await;
        let call = self.number(action, region, subject);
        entered.what = format!("#{} {}", call.index, entered.what);
        let fault = self.cloud.fault_of(&call);
        match &fault {
            Some(FaultKind::Hang) => {
                self.cloud.state.borrow_mut().line(&format!("{} -> hangs", entered.what));
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
        let answer = self.carry_out(&call, fault.as_ref(), effect);
        self.cloud.state.borrow_mut().line(&format!("{} -> {}", entered.what, noted(&answer)));
        match (answer, fault) {
            (_, Some(FaultKind::HangAfterEffect)) => std::future::pending().await,
            (_, Some(FaultKind::LostReply)) => {
                let lost = Refusal::no_answer("NoAnswer", "the connection was closed before an answer arrived");
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

    fn number(&self, action: &'static str, region: &Region, subject: &str) -> Call {
        self.made.set(self.made.get() + 1);
        let mut state = self.cloud.state.borrow_mut();
        state.calls_made += 1;
        *state.trace.calls.entry((self.caller.clone(), action)).or_insert(0) += 1;
        Call {
            index: state.calls_made,
            caller: self.caller.clone(),
            action,
            region: region.clone(),
            subject: subject.to_owned(),
        }
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
        let answer = effect(&mut state)?;
        let at = state.now;
        state.trace.effects.push(Effect {
            at,
            caller: call.caller.clone(),
            action: call.action,
            region: call.region.clone(),
            subject: call.subject.clone(),
        });
        Ok(answer)
    }
}

fn noted<T: Note>(answer: &Result<T, Refusal>) -> String {
    match answer {
        Ok(value) => value.note(),
        Err(refusal) => refusal.code.clone(),
    }
}
