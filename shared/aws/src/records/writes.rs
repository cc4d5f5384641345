//! Writing records.

use super::expression::Expression;
use super::layout::{self, DueKind, number, text};
use super::transaction::{self, Cancelled};
use super::{Item, items};
use crate::errors::Call;
use crate::time::pause;
use crate::world::{Aws, KeepsRecords};
use amiline_app::ports::{CallError, Committed, RecordWriter, RejectedMessage};
use amiline_domain::fault::{Fault, classify};
use amiline_domain::ids::FamilyId;
use amiline_domain::press::{Press, PressKey};
use amiline_domain::record::{Commit, EnrolmentWrite};
use amiline_domain::time::plus_seconds;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use jiff::Timestamp;
use serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value;
use std::time::Duration;

/// How often a transaction is sent while others are in its way.
const TRIES_MAX: u32 = 4;
const PAUSE: Duration = Duration::from_millis(120);
/// How long a rejected message is kept, in seconds.
const REJECTED_SECONDS: i64 = 30 * 86_400;
/// What DynamoDB answers when a condition of a single write does not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

impl<S: KeepsRecords> RecordWriter for Aws<S> {
    async fn commit(&self, commit: &Commit) -> Result<Committed, CallError> {
        let call = Call::new("dynamodb:TransactWriteItems", commit.family.id.as_str(), self.home());
        let table = self.settings.table();
        let parts = transaction::parts(table, commit).map_err(|e| call.error("NotSent", &e, Fault::Reject))?;
        self.transact(call, parts, &transaction::token(commit)).await
    }

    async fn wake(&self, family: &FamilyId, holder: &str) -> Result<bool, CallError> {
        let key = layout::key(&layout::family_pk(family), layout::META_SK);
        let update = Expression::default().add_one(layout::WAKES).when_equal(layout::LEASE_HOLDER, text(holder));
        Ok(self.update(self.settings.table(), key, &update, family.as_str()).await? == Committed::Yes)
    }

    async fn set_press_look(&self, key: &PressKey, rev: u64, at: Option<Timestamp>) -> Result<Committed, CallError> {
        // A button that was never pressed has no item, and needs none to have no time.
        if rev == 0 && at.is_none() {
            return Ok(Committed::Yes);
        }
        let pk = layout::press_pk(key);
        let update = Expression::default()
            .set_or_remove("next_look", at.map(|at| text(at.to_string())))
            .set_or_remove(layout::DUE_SHARD, at.map(|_| text(layout::due_shard(&pk))))
            .set_or_remove(layout::DUE_AT, at.map(|at| text(layout::due_at(at, DueKind::Press))))
            .set(layout::REV, number(rev.saturating_add(1)));
        let update = match rev {
            0 => update.set("state", text("idle")).when_absent(layout::PK),
            rev => update.when_equal(layout::REV, number(rev)),
        };
        self.update(self.settings.table(), layout::key(&pk, layout::PRESS_SK), &update, key.instance.as_str()).await
    }

    async fn set_press(&self, key: &PressKey, expected_rev: u64, press: &Press) -> Result<Committed, CallError> {
        let call = Call::new("dynamodb:PutItem", key.instance.as_str(), self.home());
        let item = items::press_item(key, press).map_err(|e| call.error("NotSent", &e, Fault::Reject))?;
        let expected = transaction::read_at(expected_rev);
        let put = self.clients.dynamodb().put_item().table_name(self.settings.table()).set_item(Some(item));
        let put = put
            .set_condition_expression(expected.condition())
            .set_expression_attribute_names(expected.names())
            .set_expression_attribute_values(expected.values());
        match put.send().await.map_err(|error| call.failed(error)) {
            Ok(_) => Ok(Committed::Yes),
            Err(error) if error.code == CONDITION_FAILED => Ok(Committed::Conflict),
            Err(error) => Err(error),
        }
    }

    async fn set_enrolment(&self, write: &EnrolmentWrite) -> Result<Committed, CallError> {
        let (pk, enrolment) = (layout::enrolment_pk(&write.key), &write.enrolment);
        let subject = write.key.instance.as_str();
        let call = Call::new("dynamodb:UpdateItem", subject, self.home());
        let data = to_attribute_value(enrolment).map_err(|e| call.error("NotSent", &e.to_string(), Fault::Reject))?;
        let due = enrolment.next_look;
        let update = transaction::read_at(write.expected_rev)
            .set(layout::DATA, data)
            .set(layout::REV, number(enrolment.rev))
            .set_or_remove(layout::DUE_SHARD, due.map(|_| text(layout::due_shard(&pk))))
            .set_or_remove(layout::DUE_AT, due.map(|at| text(layout::due_at(at, DueKind::Enrolment))));
        self.update(self.settings.table(), layout::key(&pk, layout::ENROLMENT_SK), &update, subject).await
    }

    async fn keep_rejected(&self, rejected: &RejectedMessage) -> Result<(), CallError> {
        let key = layout::key(&layout::rejected_pk(rejected.at), &rejected.message_id);
        // An update, since `notify` has the right to update items and not to put them.
        let update = Expression::default()
            .set("function", text(rejected.function))
            .set("code", text(&rejected.code))
            .set("reason", text(&rejected.reason))
            .set("excerpt", text(&rejected.excerpt))
            .set("at", text(rejected.at.to_string()))
            .set("expires_at", number(plus_seconds(rejected.at, REJECTED_SECONDS).as_second()));
        self.update(self.settings.table(), key, &update, &rejected.message_id).await.map(|_| ())
    }
}

impl<S> Aws<S> {
    /// One transaction, sent again while only others are in its way.
    pub(super) async fn transact(
        &self,
        call: Call<'_>,
        parts: Vec<TransactWriteItem>,
        token: &str,
    ) -> Result<Committed, CallError> {
        let mut tries = 1;
        loop {
            let request = self.clients.dynamodb().transact_write_items().client_request_token(token);
            let error = match request.set_transact_items(Some(parts.clone())).send().await {
                Ok(_) => return Ok(Committed::Yes),
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return Err(call.failed(error));
            };
            let reasons: Vec<_> = cancelled.cancellation_reasons().iter().map(CancellationReason::code).collect();
            match transaction::cancelled(&reasons) {
                Cancelled::Conflict => return Ok(Committed::Conflict),
                Cancelled::InTheWay(_) if tries < TRIES_MAX => {
                    pause(PAUSE * tries).await;
                    tries += 1;
                }
                Cancelled::InTheWay(code) => {
                    return Err(call.error(&code, "other transactions kept being in the way", Fault::Later));
                }
                Cancelled::Refused(code) => {
                    let message = cancelled.message().unwrap_or("the transaction was refused").to_owned();
                    return Err(call.error(&code, &message, classify(Some(&code), Some(400))));
                }
            }
        }
    }

    /// One update; a condition that does not hold is a conflict.
    pub(super) async fn update(
        &self,
        table: &str,
        key: Item,
        update: &Expression,
        subject: &str,
    ) -> Result<Committed, CallError> {
        let call = Call::new("dynamodb:UpdateItem", subject, self.home());
        let request = self
            .clients
            .dynamodb()
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(update.update())
            .set_condition_expression(update.condition())
            .set_expression_attribute_names(update.names())
            .set_expression_attribute_values(update.values());
        match request.send().await {
            Ok(_) => Ok(Committed::Yes),
            Err(error) => {
                let error = call.failed(error);
                if error.code == CONDITION_FAILED { Ok(Committed::Conflict) } else { Err(error) }
            }
        }
    }
}
