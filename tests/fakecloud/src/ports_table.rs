//! The ports on the table. Its calls go to the home Region.

use crate::commit::{action, subject};
use crate::executor::yield_now;
use crate::happenings::{Refused, What};
use crate::store::{enrolment_pk, press_pk};
use crate::trace::{Note, put};
use crate::world::World;
use amiline_app::ports::{
    AnswerKeeper, CallError, Catalogue, Committed, Due, DuePage, DueReader, Enrolled, RecordReader,
    RecordWriter, RejectedMessage,
};
use amiline_domain::answers::{Answer, Answers};
use amiline_domain::budget::Budget;
use amiline_domain::enrolment::EnrolmentKey;
use amiline_domain::family::Family;
use amiline_domain::history::{HistoryItem, Subject};
use amiline_domain::ids::{AccountId, FamilyId, ImageId, InstanceId, Region};
use amiline_domain::plan::StatusStep;
use amiline_domain::press::{Press, PressKey, PressState};
use amiline_domain::receiver::Unannounced;
use amiline_domain::record::Transaction;
use amiline_domain::tags::Button;
use jiff::Timestamp;
use std::collections::BTreeSet;

impl Note for Press {
    fn note(&self, out: &mut String) {
        put(out, format_args!("rev {}", self.rev));
    }
}

impl Note for Budget {
    fn note(&self, out: &mut String) {
        put(out, format_args!("rev {}", self.rev));
    }
}

impl Note for Family {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} v{}", self.id, self.work.version));
    }
}

impl Note for Answers {
    fn note(&self, out: &mut String) {
        for (trigger, answer) in self {
            put(out, format_args!("{trigger} {:?} ", answer.status));
        }
    }
}

impl Note for FamilyId {
    fn note(&self, out: &mut String) {
        out.push_str(self.as_str());
    }
}

impl Note for HistoryItem {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} {}", self.seq, self.event.as_str()));
    }
}

impl Note for Unannounced {
    fn note(&self, out: &mut String) {
        self.item.note(out);
        if !self.told.is_empty() {
            put(out, format_args!(", told {:?}", self.told));
        }
    }
}

impl Note for PressKey {
    fn note(&self, out: &mut String) {
        out.push_str(self.instance.as_str());
    }
}

impl Note for Enrolled {
    fn note(&self, out: &mut String) {
        put(out, format_args!("rev {}, {} seats", self.enrolment.rev, self.enrolment.seats.len()));
    }
}

impl Note for BTreeSet<PressKey> {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} under way", self.len()));
    }
}

impl RecordReader for World {
    async fn press_and_budget(&self, key: &PressKey) -> Result<(Press, Budget), CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:BatchGetItem", &home, &press_pk(key), |state| {
            let press = state.store.presses.get(key).cloned().unwrap_or_else(Press::untouched);
            let budget = state.store.budgets.get(&key.account).cloned().unwrap_or_default();
            state.happened(self.invocation, || What::PressRead {
                key: key.clone(),
                idle: press.state == PressState::Idle,
            });
            Ok((press, budget))
        })
        .await
    }

    async fn enrolment(&self, key: &EnrolmentKey) -> Result<Enrolled, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:BatchGetItem", &home, &enrolment_pk(key), |state| {
            let button = PressKey {
                account: key.account.clone(),
                region: key.region.clone(),
                instance: key.instance.clone(),
                button: Button::Image,
            };
            let enrolled = Enrolled {
                enrolment: state.store.enrolments.get(key).cloned().unwrap_or_default(),
                press: state.store.presses.get(&button).cloned().unwrap_or_else(Press::untouched),
                budget: state.store.budgets.get(&key.account).cloned().unwrap_or_default(),
            };
            state.happened(self.invocation, || What::EnrolmentRead { key: key.clone() });
            Ok(enrolled)
        })
        .await
    }

    async fn family(&self, id: &FamilyId) -> Result<Option<Family>, CallError> {
        let home = self.cloud.home();
        // A Query is not isolated from transactions as a whole: in sort order it reads the rows
        // before the family's own item, and a transaction may come between them. Off unless the
        // test asks for it.
        let rows = self.cloud.torn_reads().then(|| self.cloud.state.borrow().store.rows_of(id));
        if rows.is_some() {
            yield_now().await;
        }
        self.call("dynamodb:Query", &home, id.as_str(), |state| {
            let family = state.store.family(id);
            Ok(match rows {
                Some(rows) => family.map(|family| Family { rows, ..family }),
                None => family,
            })
        })
        .await
    }

    async fn family_of_image(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<Option<FamilyId>, CallError> {
        let home = self.cloud.home();
        let key = (region.clone(), image.clone());
        self.call("dynamodb:GetItem", &home, image.as_str(), |state| {
            Ok(state.store.pointers.get(&key).cloned())
        })
        .await
    }

    async fn kept_policy(&self, hash: &str) -> Result<Option<String>, CallError> {
        let home = self.cloud.home();
        let subject = format!("POLICY#{hash}");
        let kept = self
            .call("dynamodb:GetItem", &home, &subject, |state| {
                Ok(Kept(state.store.policies.get(hash).cloned()))
            })
            .await?;
        Ok(kept.0)
    }
}

/// A text that is too long for the trace.
pub(crate) struct Kept(pub(crate) Option<String>);

impl Note for Kept {
    fn note(&self, out: &mut String) {
        out.push_str(if self.0.is_some() { "a text" } else { "none" });
    }
}

impl RecordWriter for World {
    async fn commit(&self, transaction: &Transaction) -> Result<Committed, CallError> {
        let home = self.cloud.home();
        self.call(action(transaction), &home, &subject(transaction), |state| {
            let committed = state.commit(transaction);
            if committed == Committed::Yes {
                state.happened(self.invocation, || What::Committed(Box::new(transaction.clone())));
            }
            Ok(committed)
        })
        .await
    }

    async fn leave_hint(&self, family: &FamilyId, holder: &str) -> Result<bool, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:UpdateItem", &home, family.as_str(), |state| {
            Ok(state.wake_family(family, holder))
        })
        .await
    }

    async fn keep_rejected(&self, rejected: &RejectedMessage) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:PutItem", &home, &rejected.message_id, |state| {
            state.store.rejected.insert(rejected.message_id.clone(), rejected.clone());
            Ok(())
        })
        .await
    }
}

/// The parts of the index of what is due.
const PARTS: [&str; 16] = [
    "due#0", "due#1", "due#2", "due#3", "due#4", "due#5", "due#6", "due#7", "due#8", "due#9",
    "due#10", "due#11", "due#12", "due#13", "due#14", "due#15",
];

impl DueReader for World {
    fn shards(&self) -> u32 {
        self.cloud.state.borrow().settings.shards
    }

    async fn due(
        &self,
        shard: u32,
        now: Timestamp,
        from: Option<String>,
    ) -> Result<DuePage, CallError> {
        let home = self.cloud.home();
        let part = usize::try_from(shard)
            .ok()
            .and_then(|shard| PARTS.get(shard))
            .expect("one of the parts");
        self.call("dynamodb:Query", &home, part, |state| {
            Ok(state.due_page(shard, now, from.as_deref()))
        })
        .await
    }

    async fn budget(&self, account: &AccountId) -> Result<Budget, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:GetItem", &home, &format!("BUDGET#{account}"), |state| {
            Ok(state.store.budgets.get(account).cloned().unwrap_or_default())
        })
        .await
    }

    async fn presses_under_way(&self, keys: &[PressKey]) -> Result<BTreeSet<PressKey>, CallError> {
        let home = self.cloud.home();
        let mut under_way = BTreeSet::new();
        // BatchGetItem takes a hundred keys.
        for keys in keys.chunks(100) {
            let some: BTreeSet<PressKey> = self
                .call("dynamodb:BatchGetItem", &home, &format!("{} presses", keys.len()), |state| {
                    let busy = |key: &&PressKey| {
                        state
                            .store
                            .presses
                            .get(*key)
                            .is_some_and(|press| press.state != PressState::Idle)
                    };
                    Ok(keys.iter().filter(busy).cloned().collect())
                })
                .await?;
            under_way.extend(some);
        }
        Ok(under_way)
    }
}

impl Note for Due {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{self:?}"));
    }
}

impl Catalogue for World {
    async fn families(
        &self,
        limit: usize,
        after: Option<&Family>,
    ) -> Result<Vec<Family>, CallError> {
        let home = self.cloud.home();
        let place = |family: &Family| (family.created_at.as_second(), family.id.clone());
        let after = after.map(place);
        let listed = |family: &Family| after.as_ref().is_none_or(|after| place(family) < *after);
        self.call("dynamodb:Query", &home, "families", |state| {
            Ok(state.newest_families(limit, listed))
        })
        .await
    }

    async fn families_of_instance(
        &self,
        region: &Region,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Vec<Family>, CallError> {
        let home = self.cloud.home();
        let of = |family: &Family| family.region == *region && family.instance == *instance;
        self.call("dynamodb:Query", &home, instance.as_str(), |state| {
            Ok(state.newest_families(limit, of))
        })
        .await
    }

    async fn history(&self, id: &FamilyId) -> Result<Vec<HistoryItem>, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:Query", &home, id.as_str(), |state| {
            Ok(state.store.history_of(&Subject::Family(id.clone())))
        })
        .await
    }
}

impl AnswerKeeper for World {
    async fn keep_answer(&self, step: &StatusStep, at: Timestamp) -> Result<Answers, CallError> {
        let home = self.cloud.home();
        let subject = format!("answers {}", step.tag.instance);
        let kept = self.call("dynamodb:UpdateItem", &home, &subject, |state| {
            let key = (step.account.clone(), step.tag.region.clone(), step.tag.instance.clone());
            let answers = state.store.answers.entry(key).or_default();
            answers.insert(step.trigger.clone(), Answer { status: step.tag.value.clone(), at });
            Ok(answers.clone())
        });
        let kept = kept.await;
        // A status that could not be noted is as good as one that could not be written: nobody else
        // can know of it.
        self.refused(&kept, || Refused::Tag(step.tag.clone()));
        kept
    }
}
