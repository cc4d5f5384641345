//! Writing records.

use super::Item;
use super::expression::Expression;
use super::layout::{self, number, text};
use super::transaction::{self, Cancelled, Part};
use crate::errors::Call;
use crate::time::pause;
use crate::world::{Aws, KeepsRecords};
use amiline_app::ports::{CallError, Committed, RecordWriter, RejectedMessage};
use amiline_domain::fault::{Fault, classify};
use amiline_domain::ids::FamilyId;
use amiline_domain::record::{Transaction, Write};
use amiline_domain::time::plus_seconds;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use std::time::Duration;

/// How often a transaction is sent while others are in its way.
const TRIES_MAX: u32 = 4;
const PAUSE: Duration = Duration::from_millis(120);
/// How long a rejected message is kept, in seconds.
const REJECTED_SECONDS: i64 = 30 * 86_400;
/// What DynamoDB answers when a condition of a single write does not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

impl<S: KeepsRecords> RecordWriter for Aws<S> {
    async fn commit(&self, transaction: &Transaction) -> Result<Committed, CallError> {
        let (table, subject) = (self.settings.table(), transaction::subject(transaction));
        let call = Call::new("dynamodb:TransactWriteItems", subject, self.home());
        let not_sent = |error: String| call.error("NotSent", &error, Fault::Reject);
        let parts: Vec<Part> = transaction
            .writes()
            .iter()
            .map(Part::of)
            .collect::<Result<_, _>>()
            .map_err(not_sent)?;
        // By itself each of these is half the price. A family always gets a token, so that a
        // request that was repeated after a lost reply is no conflict.
        let alone = matches!(transaction.writes(), [Write::Press(_) | Write::Enrolment(..)]);
        match parts.as_slice() {
            [Part::Put(item, expected)] if alone => {
                self.put(table, item.clone(), expected, subject).await
            }
            [Part::Update(key, update)] if alone => {
                self.update(table, key.clone(), update, subject).await
            }
            _ => {
                let parts = parts
                    .into_iter()
                    .map(|part| part.in_transaction(table))
                    .collect::<Result<_, _>>();
                self.transact(call, parts.map_err(not_sent)?, &transaction::token(transaction))
                    .await
            }
        }
    }

    async fn leave_hint(&self, family: &FamilyId, holder: &str) -> Result<bool, CallError> {
        let key = layout::key(&layout::family_pk(family), layout::META_SK);
        let update = Expression::default()
            .add_one(layout::PENDING_HINTS)
            .when_equal(layout::LEASE_HOLDER, text(holder));
        Ok(self.update(self.settings.table(), key, &update, family.as_str()).await?
            == Committed::Yes)
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
    async fn transact(
        &self,
        call: Call<'_>,
        parts: Vec<TransactWriteItem>,
        token: &str,
    ) -> Result<Committed, CallError> {
        let mut tries = 1;
        loop {
            let request =
                self.clients.dynamodb().transact_write_items().client_request_token(token);
            let error = match request.set_transact_items(Some(parts.clone())).send().await {
                Ok(_) => return Ok(Committed::Yes),
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                error.as_service_error()
            else {
                return Err(call.failed(error));
            };
            let reasons: Vec<_> =
                cancelled.cancellation_reasons().iter().map(CancellationReason::code).collect();
            match transaction::cancelled(&reasons) {
                Cancelled::Conflict => return Ok(Committed::Conflict),
                Cancelled::InTheWay(_) if tries < TRIES_MAX => {
                    pause(PAUSE * tries).await;
                    tries += 1;
                }
                Cancelled::InTheWay(code) => {
                    return Err(call.error(
                        &code,
                        "other transactions kept being in the way",
                        Fault::Later,
                    ));
                }
                Cancelled::Refused(code) => {
                    let message =
                        cancelled.message().unwrap_or("the transaction was refused").to_owned();
                    return Err(call.error(&code, &message, classify(Some(&code), Some(400))));
                }
            }
        }
    }

    /// One put; a condition that does not hold is a conflict.
    async fn put(
        &self,
        table: &str,
        item: Item,
        expected: &Expression,
        subject: &str,
    ) -> Result<Committed, CallError> {
        let call = Call::new("dynamodb:PutItem", subject, self.home());
        let request = self
            .clients
            .dynamodb()
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .set_condition_expression(expected.condition())
            .set_expression_attribute_names(expected.names())
            .set_expression_attribute_values(expected.values());
        written(request.send().await.map_err(|error| call.failed(error)))
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
        written(request.send().await.map_err(|error| call.failed(error)))
    }
}

/// How a single write ended.
fn written<T>(answer: Result<T, CallError>) -> Result<Committed, CallError> {
    match answer {
        Ok(_) => Ok(Committed::Yes),
        Err(error) if error.code == CONDITION_FAILED => Ok(Committed::Conflict),
        Err(error) => Err(error),
    }
}
