//! Our transactions in DynamoDB's terms.

use super::Item;
use super::expression::Expression;
use super::items;
use super::layout::{self, DueKind, number, text};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::ids::short_digest;
use amiline_domain::press::Press;
use amiline_domain::record::{Expected, FamilyWrite, PressWrite, Revisioned, Transaction, Write};
use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem, Update};
use serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value;

/// DynamoDB takes tokens of at most this many characters.
const TOKEN_CHARACTERS: usize = 36;

/// What a cancelled transaction means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// A condition did not hold.
    Conflict,
    /// Only other transactions or the rate were in the way: the same transaction may be sent again.
    InTheWay(String),
    /// Something else, with its code.
    Refused(String),
}

/// Sorts the reasons of a cancelled transaction, of which there is one for each of its parts.
pub(super) fn cancelled(reasons: &[Option<&str>]) -> Cancelled {
    let codes = || reasons.iter().flatten().copied().filter(|code| *code != "None");
    let passing = |code: &str| {
        matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
    };
    if codes().any(|code| code == "ConditionalCheckFailed") {
        return Cancelled::Conflict;
    }
    match codes().find(|code| !passing(code)).or_else(|| codes().next()) {
        Some(code) if passing(code) => Cancelled::InTheWay(code.to_owned()),
        Some(code) => Cancelled::Refused(code.to_owned()),
        None => Cancelled::Refused("NoReason".to_owned()),
    }
}

/// Tells DynamoDB that a transaction is the same one sent again. It depends on all that is written:
/// a token that is used again with other content is an error, and after a conflict the same version
/// is written with other content.
pub(super) fn token(transaction: &Transaction) -> String {
    short_digest(&["transaction", &format!("{transaction:?}")], TOKEN_CHARACTERS)
}

/// What its first write is about, for errors.
pub(super) fn subject(transaction: &Transaction) -> &str {
    match transaction.writes().first() {
        Some(Write::Family(write)) => write.family.id.as_str(),
        Some(Write::Image(family, _) | Write::Pointer(_, _, family)) => family.as_str(),
        Some(Write::Listing(listing)) => listing.family.as_str(),
        Some(Write::History(item)) => &item.outcome_id,
        Some(Write::Press(write)) => write.key().instance.as_str(),
        Some(Write::Enrolment(key, ..)) => key.instance.as_str(),
        Some(Write::HourCount(account, _)) => account.as_str(),
        Some(Write::DayCount(policy, _) | Write::Watch(policy, ..)) => policy.as_str(),
        Some(Write::PolicyText { hash, .. }) => hash,
        Some(Write::KillSwitch(stack, ..)) => stack.as_str(),
        Some(Write::Check(..)) | None => "a check",
    }
}

/// One write in DynamoDB's terms.
pub(super) enum Part {
    /// The item, and the condition.
    Put(Item, Expression),
    /// The key, and the update with the condition.
    Update(Item, Expression),
    /// The key, and the condition.
    Check(Item, Expression),
}

impl Part {
    pub(super) fn of(write: &Write) -> Result<Self, String> {
        let unchecked = Expression::default;
        Ok(match write {
            Write::Family(write) => {
                let pk = layout::family_pk(&write.family.id);
                Self::Update(layout::key(&pk, layout::META_SK), meta(&pk, write)?)
            }
            Write::Image(family, row) => {
                Self::Put(items::row_item(&layout::family_pk(family), row)?, unchecked())
            }
            Write::Pointer(region, image, family) => {
                let mut item = layout::key(&layout::pointer_pk(region, image), layout::POINTER_SK);
                item.insert(layout::FAMILY.to_owned(), text(family.as_str()));
                Self::Put(
                    item,
                    unchecked().when_equal_or_absent(layout::FAMILY, text(family.as_str())),
                )
            }
            Write::Listing(listing) => Self::Put(items::instance_item(listing)?, unchecked()),
            Write::History(item) => {
                Self::Put(items::history_item(item)?, unchecked().when_absent(layout::PK))
            }
            Write::Press(write) => press(write)?,
            Write::Enrolment(key, expected, enrolment) => {
                enrolment_update(key, *expected, enrolment)?
            }
            Write::HourCount(account, count) => {
                let item = items::budget_item(layout::budget_pk(account), count)?;
                Self::Put(item, before(count.rev))
            }
            Write::DayCount(policy, count) => {
                Self::Put(items::day_item(policy, count)?, before(count.rev))
            }
            Write::PolicyText { hash, text: policy } => {
                // The key is the hash of the text, so writing it again changes nothing.
                let mut item = layout::key(&layout::policy_pk(hash), layout::POLICY_SK);
                item.insert(layout::TEXT.to_owned(), text(policy));
                Self::Put(item, unchecked())
            }
            Write::Watch(policy, expected, watch) => {
                Self::Put(items::watch_item(policy, watch)?, rev(*expected))
            }
            Write::KillSwitch(stack, expected, switch) => {
                Self::Put(items::switch_item(stack, switch)?, rev(*expected))
            }
            Write::Check(record, expected) => {
                let (key, attribute) = place(record);
                Self::Check(key, when(*expected, attribute))
            }
        })
    }

    /// As a part of TransactWriteItems.
    pub(super) fn in_transaction(self, table: &str) -> Result<TransactWriteItem, String> {
        let item = TransactWriteItem::builder();
        let item = match self {
            Self::Put(put, expected) => item.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(put))
                    .set_condition_expression(expected.condition())
                    .set_expression_attribute_names(expected.names())
                    .set_expression_attribute_values(expected.values())
                    .build()
                    .map_err(|e| e.to_string())?,
            ),
            Self::Update(key, update) => item.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(update.update())
                    .set_condition_expression(update.condition())
                    .set_expression_attribute_names(update.names())
                    .set_expression_attribute_values(update.values())
                    .build()
                    .map_err(|e| e.to_string())?,
            ),
            Self::Check(key, expected) => item.condition_check(
                ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .set_condition_expression(expected.condition())
                    .set_expression_attribute_names(expected.names())
                    .set_expression_attribute_values(expected.values())
                    .build()
                    .map_err(|e| e.to_string())?,
            ),
        };
        Ok(item.build())
    }
}

/// Where a record is, and the attribute that holds its revision.
fn place(record: &Revisioned) -> (Item, &'static str) {
    let (pk, sk) = match record {
        Revisioned::Family(family) => {
            return (layout::key(&layout::family_pk(family), layout::META_SK), layout::VERSION);
        }
        Revisioned::Press(key) => (layout::press_pk(key), layout::PRESS_SK),
        Revisioned::Enrolment(key) => (layout::enrolment_pk(key), layout::ENROLMENT_SK),
        Revisioned::HourCount(account) => (layout::budget_pk(account), layout::BUDGET_SK),
        Revisioned::DayCount(policy) => (layout::day_pk(policy), layout::DAY_SK),
        Revisioned::Watch(policy) => (layout::watch_pk(policy), layout::WATCH_SK),
        Revisioned::KillSwitch(stack) => (layout::switch_pk(stack), layout::SWITCH_SK),
    };
    (layout::key(&pk, sk), layout::REV)
}

/// The condition, for a record whose revision is in this attribute.
fn when(expected: Expected, attribute: &str) -> Expression {
    match expected {
        Expected::Absent => Expression::default().when_absent(layout::PK),
        Expected::Revision(revision) => {
            Expression::default().when_equal(attribute, number(revision))
        }
    }
}

fn rev(expected: Expected) -> Expression {
    when(expected, layout::REV)
}

/// The condition that the record has the revision before this one.
fn before(revision: u64) -> Expression {
    rev(Expected::read_at(revision.saturating_sub(1)))
}

/// META is updated, not replaced, so that a hint that comes in between is not lost.
pub(super) fn meta(pk: &str, write: &FamilyWrite) -> Result<Expression, String> {
    let family = &write.family;
    let data = to_attribute_value(family).map_err(|e| e.to_string())?;
    let due = items::family_due(family);
    let lease = family.work.lease.as_ref();
    let update = when(write.expected, layout::VERSION)
        .set(layout::DATA, data)
        .set(layout::VERSION, number(family.work.version))
        .set(layout::LIST_PK, text(layout::FAMILIES))
        .set(layout::LIST_SK, text(layout::listing_sk(family.created_at, &family.id)))
        .set_or_remove(layout::LEASE_HOLDER, lease.map(|lease| text(&lease.holder)))
        .set_or_remove(layout::LEASE_UNTIL, lease.map(|lease| text(lease.until.to_string())))
        .set_or_remove(layout::DUE_SHARD, due.as_ref().map(|_| text(layout::due_shard(pk))))
        .set_or_remove(layout::DUE_AT, due.map(text));
    Ok(match write.pending_hints {
        Some(0) => update.when_equal_or_absent(layout::PENDING_HINTS, number(0)),
        Some(hints) => update.when_equal(layout::PENDING_HINTS, number(hints)),
        None => update,
    })
}

fn press(write: &PressWrite) -> Result<Part, String> {
    let pk = layout::press_pk(write.key());
    let update = |update| Ok(Part::Update(layout::key(&pk, layout::PRESS_SK), update));
    match write {
        PressWrite::Put { key, expected, press } => {
            Ok(Part::Put(items::press_item(key, press)?, rev(*expected)))
        }
        PressWrite::Imaged { key, expected: Expected::Absent, at } => {
            let press = Press { rev: 1, last_image_slot: Some(*at), ..Press::untouched() };
            Ok(Part::Put(items::press_item(key, &press)?, rev(Expected::Absent)))
        }
        PressWrite::Imaged { expected, at, .. } => {
            update(rev(*expected).set("last_image_slot", number(at.second())).add_one(layout::REV))
        }
        PressWrite::DueTime { expected, at, .. } => {
            let due = rev(*expected)
                .set_or_remove("next_look", at.map(|at| text(at.to_string())))
                .set_or_remove(layout::DUE_SHARD, at.map(|_| text(layout::due_shard(&pk))))
                .set_or_remove(
                    layout::DUE_AT,
                    at.map(|at| text(layout::due_at(at, DueKind::Press))),
                )
                .set(layout::REV, number(expected.next()));
            update(match expected {
                Expected::Absent => due.set("state", text("idle")),
                Expected::Revision(_) => due,
            })
        }
        PressWrite::Answer { slot, .. } => update(
            Expression::default()
                .set("state", text("answered"))
                .add_one(layout::REV)
                .when_equal("state", text("accepted"))
                .when_equal("slot", number(slot.second())),
        ),
        PressWrite::Clear { slot, cleared_at, answer, .. } => update(
            Expression::default()
                .set("state", text("idle"))
                .set("cleared_at", text(cleared_at.to_string()))
                .set_or_remove("answer", answer.as_ref().map(text))
                // The value stays: it says which one was answered.
                .remove("slot")
                .add_one(layout::REV)
                .when_equal("state", text("answered"))
                .when_equal("slot", number(slot.second())),
        ),
    }
}

fn enrolment_update(
    key: &EnrolmentKey,
    expected: Expected,
    enrolment: &Enrolment,
) -> Result<Part, String> {
    let (pk, due) = (layout::enrolment_pk(key), enrolment.next_look);
    let update = rev(expected)
        .set(layout::DATA, to_attribute_value(enrolment).map_err(|e| e.to_string())?)
        .set(layout::REV, number(enrolment.rev))
        .set_or_remove(layout::DUE_SHARD, due.map(|_| text(layout::due_shard(&pk))))
        .set_or_remove(layout::DUE_AT, due.map(|at| text(layout::due_at(at, DueKind::Enrolment))));
    Ok(Part::Update(layout::key(&pk, layout::ENROLMENT_SK), update))
}
