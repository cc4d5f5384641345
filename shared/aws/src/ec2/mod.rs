//! EC2, and the keys that its snapshots are under.

mod calls;
mod images;
mod instances;
mod keys;

#[cfg(test)]
mod tests;

use aws_sdk_ec2::types::{Filter, Tag};
use std::collections::BTreeMap;

/// The largest page that EC2 gives (aws-facts.md section 6). The SDK's paginators ask for none by themselves.
const PAGE_SIZE: i32 = 1000;

fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let pairs = tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
