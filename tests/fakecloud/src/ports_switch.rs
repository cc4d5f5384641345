//! The kill switch, as whoever turns it has it.

use crate::trace::{Note, put};
use crate::world::World;
use amiline_app::ports::{CallError, Caller, SwitchKeeper};
use amiline_domain::ids::StackName;
use amiline_domain::switch::{Position, Switch};

impl Note for Switch {
    fn note(&self, out: &mut String) {
        put(out, format_args!("version {}", self.rev));
    }
}

impl Note for Caller {
    fn note(&self, out: &mut String) {
        out.push_str(&self.arn);
    }
}

impl SwitchKeeper for World {
    async fn switch_value(&self) -> Result<Option<String>, CallError> {
        let home = self.cloud.home();
        self.call("ssm:GetParameter", &home, "kill-switch", |state| {
            Ok(state.parameters.kill_switch.clone())
        })
        .await
    }

    async fn put_switch(&self, to: Position) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call("ssm:PutParameter", &home, "kill-switch", |state| {
            state.parameters.kill_switch = Some(to.as_str().to_owned());
            Ok(())
        })
        .await
    }

    async fn switch_record(&self, stack: &StackName) -> Result<Switch, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:GetItem", &home, &format!("SWITCH#{stack}"), |state| {
            Ok(state.store.switches.get(stack).cloned().unwrap_or_default())
        })
        .await
    }

    async fn caller(&self) -> Result<Caller, CallError> {
        let home = self.cloud.home();
        let account = self.cloud.account();
        let arn = format!("arn:aws:iam::{account}:user/{}", self.caller);
        self.call("sts:GetCallerIdentity", &home, "the caller", |_| {
            Ok(Caller { arn: arn.clone(), account: account.clone() })
        })
        .await
    }
}
