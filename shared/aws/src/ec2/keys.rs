//! Under which keys snapshots are.

use crate::errors::Call;
use crate::settings::DistributeImage;
use crate::world::Aws;
use amiline_app::ports::{CallError, KeyReader};
use amiline_domain::fault::Fault;
use amiline_domain::ids::{KeyAlias, Region, SnapshotId};
use amiline_domain::image::SnapshotKeys;

impl KeyReader for Aws<DistributeImage> {
    async fn snapshot_keys(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
        alias: &KeyAlias,
    ) -> Result<SnapshotKeys, CallError> {
        let (keys, wanted) =
            tokio::join!(self.keys_of(region, snapshots), self.key_named(region, alias));
        Ok(SnapshotKeys { keys: keys?, wanted: wanted? })
    }
}

impl Aws<DistributeImage> {
    async fn keys_of(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
    ) -> Result<Vec<Option<String>>, CallError> {
        // Without ids EC2 would describe every snapshot that this account may see.
        let Some(first) = snapshots.first() else { return Ok(Vec::new()) };
        let call = Call::new("ec2:DescribeSnapshots", first.as_str(), region);
        let ids = snapshots.iter().map(ToString::to_string).collect();
        let pages = self
            .clients
            .ec2(region)
            .describe_snapshots()
            .set_snapshot_ids(Some(ids))
            .into_paginator();
        let found = pages.items().send().try_collect().await.map_err(|e| call.failed(e))?;
        let keys = snapshots.iter().map(|id| {
            let snapshot =
                found.iter().find(|snapshot| snapshot.snapshot_id() == Some(id.as_str()));
            let snapshot = snapshot.ok_or_else(|| {
                // Nothing may be concluded about keys from a part of the snapshots.
                call.error(
                    "InvalidSnapshot.NotFound",
                    &format!("{id} was not described"),
                    Fault::Later,
                )
            })?;
            Ok(snapshot.kms_key_id().filter(|key| !key.is_empty()).map(str::to_owned))
        });
        keys.collect()
    }

    async fn key_named(
        &self,
        region: &Region,
        alias: &KeyAlias,
    ) -> Result<Option<String>, CallError> {
        let call = Call::new("kms:DescribeKey", alias.as_str(), region);
        match self.clients.kms(region).describe_key().key_id(alias.as_str()).send().await {
            Ok(answer) => Ok(answer.key_metadata().and_then(|key| key.arn()).map(str::to_owned)),
            Err(error) => {
                let error = call.failed(error);
                match error.code.as_str() {
                    "NotFoundException" => Ok(None),
                    // AccessDeniedException too: a new alias counts only after a while
                    // (aws-behaviour.md#a-new-alias-takes-five-minutes), so the key may be there.
                    // It is asked again, later and later.
                    _ => Err(error),
                }
            }
        }
    }
}
