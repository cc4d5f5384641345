//! The kill switch: its parameter, its record, and who turns it.

use crate::errors::Call;
use crate::parameters::KILL_SWITCH_SECONDS;
use crate::world::{Aws, HasKillSwitch, Operator};
use amiline_app::ports::{CallError, Caller, Clock, KillSwitch, SwitchKeeper};
use amiline_domain::escape::one_line;
use amiline_domain::ids::{AccountId, StackName};
use amiline_domain::switch::{Position, Switch};
use aws_sdk_ssm::types::ParameterType;

impl<S> Aws<S> {
    /// The parameter's value. What says "off" may be a while old, and so may that there is none: a
    /// stack that was never stopped has none. What says "on" was read just now: who turns the
    /// switch off does not want to wait.
    pub(crate) async fn kill_switch_value(&self) -> Result<Option<String>, CallError>
    where
        S: HasKillSwitch,
    {
        let name = self.settings.kill_switch();
        let now = self.now();
        if let Some(kept) = self.switch.fresh(name, now, KILL_SWITCH_SECONDS) {
            return Ok(kept);
        }
        let value = self.switch_parameter().await?;
        if Position::of(value.as_deref()) == Position::Off {
            self.switch.keep(name, now, &value);
        }
        Ok(value)
    }

    /// The parameter's value as it is now. Only ParameterNotFound says that there is none.
    async fn switch_parameter(&self) -> Result<Option<String>, CallError>
    where
        S: HasKillSwitch,
    {
        let name = self.settings.kill_switch();
        let Some(parameter) = self.parameter_now(name).await? else { return Ok(None) };
        let call = Call::new("ssm:GetParameter", name, self.home());
        parameter.value.map(Some).ok_or_else(|| call.unreadable("the parameter has no value"))
    }
}

impl<S: HasKillSwitch> KillSwitch for Aws<S> {
    async fn is_on(&self) -> bool {
        let name = self.settings.kill_switch();
        match self.kill_switch_value().await.map(|value| (Position::of(value.as_deref()), value)) {
            Ok((Position::Off, _)) => false,
            Ok((Position::On, value)) => {
                let value = one_line(value.as_deref().unwrap_or_default(), 64);
                tracing::warn!(parameter = name, value, "the kill switch is on");
                true
            }
            Err(error) => {
                tracing::error!(parameter = name, error = %error, "the kill switch cannot be read, which counts as on");
                true
            }
        }
    }
}

impl SwitchKeeper for Aws<Operator> {
    async fn switch_value(&self) -> Result<Option<String>, CallError> {
        self.switch_parameter().await
    }

    async fn put_switch(&self, to: Position) -> Result<(), CallError> {
        let name = self.settings.kill_switch();
        let call = Call::new("ssm:PutParameter", name, self.home());
        let put = self.clients.ssm().put_parameter().name(name).value(to.as_str()).overwrite(true);
        // The type counts only where the parameter is new.
        put.r#type(ParameterType::String).send().await.map(|_| ()).map_err(|e| call.failed(e))
    }

    async fn switch_record(&self, stack: &StackName) -> Result<Switch, CallError> {
        self.recorded_switch(stack).await
    }

    async fn caller(&self) -> Result<Caller, CallError> {
        let call = Call::new("sts:GetCallerIdentity", "the caller", self.home());
        let identity =
            self.clients.sts().get_caller_identity().send().await.map_err(|e| call.failed(e))?;
        let account = identity.account().unwrap_or_default();
        let account = AccountId::new(account).map_err(|e| call.unreadable(&e.to_string()))?;
        match identity.arn {
            Some(arn) => Ok(Caller { arn: one_line(&arn, 200), account }),
            None => Err(call.unreadable("the answer has no ARN")),
        }
    }
}
