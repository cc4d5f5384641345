//! EC2, and the keys that its snapshots are under.

mod calls;
mod images;
mod instances;
mod keys;
mod permissions;

#[cfg(test)]
mod tests;

use crate::errors::Call;
use crate::world::Aws;
use amiline_app::ports::CallError;
use amiline_domain::ids::Region;
use aws_sdk_ec2::types::{Filter, Tag};
use std::collections::BTreeMap;

/// The largest page that EC2 gives (aws-behaviour.md#pages-of-ec2-lists). The SDK's paginators ask
/// for none by themselves.
const PAGE_SIZE: i32 = 1000;

fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

impl<S> Aws<S> {
    /// Every resource of a kind in the Region that carries the tag key, by its id, with the tag's
    /// value.
    async fn tags_of(
        &self,
        region: &Region,
        key: &str,
        kind: &str,
    ) -> Result<Vec<(String, String)>, CallError> {
        let call = Call::new("ec2:DescribeTags", key, region);
        let pages = self
            .clients
            .ec2(region)
            .describe_tags()
            .filters(filter("key", [key.to_owned()]))
            .filters(filter("resource-type", [kind.to_owned()]))
            .into_paginator()
            .page_size(PAGE_SIZE);
        let found = pages.items().send().try_collect().await.map_err(|e| call.failed(e))?;
        let pairs = found
            .into_iter()
            .filter_map(|tag| Some((tag.resource_id?, tag.value.unwrap_or_default())));
        Ok(pairs.collect())
    }
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    let pairs = tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
