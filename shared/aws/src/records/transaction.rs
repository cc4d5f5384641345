//! One change of a family as one transaction.

use super::Item;
use super::expression::Expression;
use super::items;
use super::layout::{self, number, text};
use amiline_domain::budget::Budget;
use amiline_domain::family::Family;
use amiline_domain::ids::short_digest;
use amiline_domain::press::Press;
use amiline_domain::record::{Commit, NewsCommit, NewsRecord, PressWrite};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value;
use std::collections::BTreeSet;

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
    let passing =
        |code: &str| matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded");
    if codes().any(|code| code == "ConditionalCheckFailed") {
        return Cancelled::Conflict;
    }
    match codes().find(|code| !passing(code)).or_else(|| codes().next()) {
        Some(code) if passing(code) => Cancelled::InTheWay(code.to_owned()),
        Some(code) => Cancelled::Refused(code.to_owned()),
        None => Cancelled::Refused("NoReason".to_owned()),
    }
}

/// Tells DynamoDB that a transaction is the same one sent again. It depends on all that is written: a token that is
/// used again with other content is an error, and after a conflict the same version is written with other content.
pub(super) fn token(commit: &Commit) -> String {
    let version = commit.family.version.to_string();
    short_digest(&["commit", commit.family.id.as_str(), &version, &format!("{commit:?}")], TOKEN_CHARACTERS)
}

/// The same for news.
pub(super) fn news_token(news: &NewsCommit) -> String {
    short_digest(&["news", &format!("{news:?}")], TOKEN_CHARACTERS)
}

/// The parts of the transaction.
pub(super) fn parts(table: &str, commit: &Commit) -> Result<Vec<TransactWriteItem>, String> {
    let family = &commit.family;
    let pk = layout::family_pk(&family.id);
    let absent = || Expression::default().when_absent(layout::PK);
    let mut parts = Parts { table, parts: Vec::new() };
    parts.update(layout::key(&pk, layout::META_SK), &meta(&pk, commit)?)?;
    for row in &commit.rows {
        parts.put(items::row_item(&pk, row)?, &Expression::default())?;
    }
    for (region, image) in commit.pointers.iter().collect::<BTreeSet<_>>() {
        let mut item = layout::key(&layout::pointer_pk(region, image), layout::POINTER_SK);
        item.insert(layout::FAMILY.to_owned(), text(family.id.as_str()));
        let ours = Expression::default().when_equal_or_absent(layout::FAMILY, text(family.id.as_str()));
        parts.put(item, &ours)?;
    }
    for item in &commit.history {
        parts.put(items::history_item(item)?, &absent())?;
    }
    if let Some(press) = &commit.press {
        press_part(&mut parts, press)?;
    }
    if let Some(write) = &commit.enrolment {
        let enrolment = items::enrolment_item(&write.key, &write.enrolment)?;
        parts.put(enrolment, &read_at(write.expected_rev))?;
    }
    if let Some(budget) = &commit.budget {
        budget_part(&mut parts, family, budget)?;
    }
    if let Some((hash, policy)) = &commit.policy_text {
        // The key is the hash of the text, so writing it again changes nothing.
        let mut item = layout::key(&layout::policy_pk(hash), layout::POLICY_SK);
        item.insert(layout::TEXT.to_owned(), text(policy));
        parts.put(item, &Expression::default())?;
    }
    if let Some((policy, day)) = &commit.day {
        parts.put(items::day_item(policy, day)?, &read_at(day.rev.saturating_sub(1)))?;
    }
    // It says where the images are available, so it follows every change of a row.
    if commit.expected_version.is_none() || !commit.rows.is_empty() {
        parts.put(items::instance_item(family)?, &Expression::default())?;
    }
    Ok(parts.parts)
}

/// The parts of the transaction that writes news.
pub(super) fn news_parts(table: &str, news: &NewsCommit) -> Result<Vec<TransactWriteItem>, String> {
    let mut parts = Parts { table, parts: Vec::new() };
    match &news.record {
        NewsRecord::Enrolment(write) => {
            parts.put(items::enrolment_item(&write.key, &write.enrolment)?, &read_at(write.expected_rev))?;
        }
        NewsRecord::Policy(write) => {
            parts.put(items::watch_item(&write.policy, &write.watch)?, &read_at(write.expected_rev))?;
        }
        NewsRecord::KillSwitch(write) => {
            parts.put(items::switch_item(&write.stack, &write.switch)?, &read_at(write.expected_rev))?;
        }
    }
    for item in &news.history {
        parts.put(items::history_item(item)?, &Expression::default().when_absent(layout::PK))?;
    }
    Ok(parts.parts)
}

/// META is updated, not replaced, so that a wake that comes in between is not lost.
pub(super) fn meta(pk: &str, commit: &Commit) -> Result<Expression, String> {
    let family = &commit.family;
    let data = to_attribute_value(family).map_err(|e| e.to_string())?;
    let due = items::family_due(family);
    let lease = family.lease.as_ref();
    let update = Expression::default()
        .set(layout::DATA, data)
        .set(layout::VERSION, number(family.version))
        .set(layout::LIST_PK, text(layout::FAMILIES))
        .set(layout::LIST_SK, text(layout::listing_sk(family.created_at, &family.id)))
        .set_or_remove(layout::LEASE_HOLDER, lease.map(|lease| text(&lease.holder)))
        .set_or_remove(layout::LEASE_UNTIL, lease.map(|lease| text(lease.until.to_string())))
        .set_or_remove(layout::DUE_SHARD, due.as_ref().map(|_| text(layout::due_shard(pk))))
        .set_or_remove(layout::DUE_AT, due.map(text));
    let update = match commit.expected_version {
        Some(version) => update.when_equal(layout::VERSION, number(version)),
        None => update.when_absent(layout::PK),
    };
    Ok(match commit.expected_wakes {
        Some(0) => update.when_equal_or_absent(layout::WAKES, number(0)),
        Some(wakes) => update.when_equal(layout::WAKES, number(wakes)),
        None => update,
    })
}

/// The condition that nobody has written an item since it was read at this version; 0: there was none.
pub(super) fn read_at(rev: u64) -> Expression {
    match rev {
        0 => Expression::default().when_absent(layout::PK),
        rev => Expression::default().when_equal(layout::REV, number(rev)),
    }
}

fn press_part(parts: &mut Parts<'_>, press: &PressWrite) -> Result<(), String> {
    let at = |key| layout::key(&layout::press_pk(key), layout::PRESS_SK);
    match press {
        PressWrite::Begin { key, expected_rev, press } => {
            parts.put(items::press_item(key, press)?, &read_at(*expected_rev))
        }
        PressWrite::Imaged { key, expected_rev: 0, at: slot } => {
            let press = Press { rev: 1, last_image_slot: Some(*slot), ..Press::untouched() };
            parts.put(items::press_item(key, &press)?, &read_at(0))
        }
        PressWrite::Imaged { key, expected_rev, at: slot } => {
            let update = read_at(*expected_rev).set("last_image_slot", number(slot.second())).add_one(layout::REV);
            parts.update(at(key), &update)
        }
        PressWrite::Answer { key, slot } => {
            let update = Expression::default()
                .set("state", text("answered"))
                .add_one(layout::REV)
                .when_equal("state", text("accepted"))
                .when_equal("slot", number(slot.second()));
            parts.update(at(key), &update)
        }
        PressWrite::Clear { key, slot, cleared_at, answer } => {
            let update = Expression::default()
                .set("state", text("idle"))
                .set("cleared_at", text(cleared_at.to_string()))
                .set_or_remove("answer", answer.as_ref().map(text))
                // The value stays: it says which one was answered.
                .remove("slot")
                .add_one(layout::REV)
                .when_equal("state", text("answered"))
                .when_equal("slot", number(slot.second()));
            parts.update(at(key), &update)
        }
    }
}

fn budget_part(parts: &mut Parts<'_>, family: &Family, budget: &Budget) -> Result<(), String> {
    let expected = read_at(budget.rev.saturating_sub(1));
    parts.put(items::budget_item(layout::budget_pk(&family.account), budget)?, &expected)
}

struct Parts<'a> {
    table: &'a str,
    parts: Vec<TransactWriteItem>,
}

impl Parts<'_> {
    fn put(&mut self, item: Item, expected: &Expression) -> Result<(), String> {
        let put = Put::builder()
            .table_name(self.table)
            .set_item(Some(item))
            .set_condition_expression(expected.condition())
            .set_expression_attribute_names(expected.names())
            .set_expression_attribute_values(expected.values())
            .build()
            .map_err(|e| e.to_string())?;
        self.parts.push(TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    fn update(&mut self, key: Item, update: &Expression) -> Result<(), String> {
        let update = Update::builder()
            .table_name(self.table)
            .set_key(Some(key))
            .update_expression(update.update())
            .set_condition_expression(update.condition())
            .set_expression_attribute_names(update.names())
            .set_expression_attribute_values(update.values())
            .build()
            .map_err(|e| e.to_string())?;
        self.parts.push(TransactWriteItem::builder().update(update).build());
        Ok(())
    }
}
