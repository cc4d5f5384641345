//! The table `lineage`: records, history and what is due, on DynamoDB.

mod answers;
mod catalogue;
mod coverage;
mod days;
mod due;
mod expression;
mod history;
mod items;
mod layout;
mod reads;
mod transaction;
mod watch;
mod writes;

#[cfg(test)]
mod tests;

pub(crate) use history::HistoryPlace;
pub use history::history_of_stream;
pub use layout::{DUE_INDEX, DUE_SHARDS, LISTING_INDEX};

use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// An item, or the key of one.
type Item = HashMap<String, AttributeValue>;
