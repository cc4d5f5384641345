//! The ports on Parameter Store, the queues and the topic, all in the home Region.

use crate::happenings::What;
use crate::ports_table::Kept;
use crate::queues::Published;
use crate::world::World;
use amiline_app::ports::{Announcer, CallError, KillSwitch, Messenger, PolicyReader, Queue};
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::{FamilyId, PolicyName};
use amiline_domain::notice::Notice;

/// Messages in one SendMessageBatch.
const BATCH_MAX: usize = 10;

impl PolicyReader for World {
    async fn policy_text(&self, name: &PolicyName) -> Result<Option<String>, CallError> {
        let home = self.cloud.home();
        let read = self.call("ssm:GetParameters", &home, name.as_str(), |state| {
            Ok(Kept(state.parameters.policies.get(name.as_str()).cloned()))
        });
        read.await.map(|kept| kept.0)
    }
}

impl KillSwitch for World {
    async fn is_on(&self) -> bool {
        let home = self.cloud.home();
        let read = self.call("ssm:GetParameters", &home, "kill-switch", |state| {
            let on = state.parameters.kill_switch_is_on();
            state.happened(self.invocation, || What::SwitchRead { on });
            Ok(on)
        });
        // A switch that cannot be read counts as on.
        read.await.unwrap_or(true)
    }
}

impl Messenger for World {
    async fn send(&self, queue: Queue, bodies: &[String]) -> Result<(), CallError> {
        let home = self.cloud.home();
        for batch in bodies.chunks(BATCH_MAX) {
            self.call("sqs:SendMessage", &home, &format!("{queue:?} {} messages", batch.len()), |state| {
                batch.iter().for_each(|body| state.enqueue(queue, body.clone()));
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

impl Announcer for World {
    async fn publish(&self, notice: &Notice) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call("sns:Publish", &home, &notice.subject, |state| {
            let at = state.now;
            state.published.push(Published { at, notice: notice.clone() });
            state.happened(self.invocation, || What::Published(notice.clone()));
            Ok(())
        })
        .await
    }

    async fn mark_announced(&self, family: &FamilyId, seq: u64) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:UpdateItem", &home, &format!("{family} {seq}"), |state| {
            state.mark_announced(family, seq);
            Ok(())
        })
        .await
    }

    async fn waiting_history(&self, pk: &str, sk: &str) -> Result<Option<HistoryItem>, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:GetItem", &home, &format!("{pk} {sk}"), |state| Ok(state.waiting_history(pk, sk))).await
    }
}
