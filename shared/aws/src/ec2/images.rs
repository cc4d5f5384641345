//! Own images, read.

use super::{PAGE_SIZE, filter, tags};
use crate::errors::Call;
use crate::settings::ScheduleTick;
use crate::world::{Aws, WorksOnFamilies};
use amiline_app::ports::{CallError, ImageLister, ImageReader};
use amiline_domain::ids::{AccountId, ImageId, InstanceId, Region, SnapshotId};
use amiline_domain::image::{ImageState, ObservedImage};
use aws_sdk_ec2::types::{Filter, Image};

/// EC2 takes this many values in one filter (aws-behaviour.md#pages-of-ec2-lists).
const FILTER_VALUES_MAX: usize = 200;

impl<S: WorksOnFamilies> ImageReader for Aws<S> {
    async fn images_by_id(
        &self,
        region: &Region,
        ids: &[ImageId],
    ) -> Result<Vec<ObservedImage>, CallError> {
        let mut images = Vec::with_capacity(ids.len());
        for some in ids.chunks(FILTER_VALUES_MAX) {
            // A filter, not the parameter: with the parameter one unknown id makes the whole call
            // an error.
            let wanted = vec![filter("image-id", some.iter().map(ToString::to_string))];
            let subject = some.first().map_or("", ImageId::as_str);
            images.extend(self.own_images(region, subject, wanted).await?);
        }
        Ok(images)
    }

    async fn images_by_tag(
        &self,
        region: &Region,
        key: &str,
        value: &str,
    ) -> Result<Vec<ObservedImage>, CallError> {
        let wanted = vec![filter(&format!("tag:{key}"), [literally(value)])];
        let images = self.own_images(region, value, wanted).await?;
        Ok(images
            .into_iter()
            .filter(|image| image.tags.get(key).is_some_and(|found| found == value))
            .collect())
    }
}

impl ImageLister for Aws<ScheduleTick> {
    async fn images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError> {
        let found = self.tags_of(region, key, "image").await?;
        Ok(found
            .into_iter()
            .filter_map(|(id, value)| Some((ImageId::new(id).ok()?, value)))
            .collect())
    }

    async fn public_images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError> {
        let wanted =
            vec![filter("is-public", ["true".to_owned()]), filter("tag-key", [literally(key)])];
        let images = self.own_images(region, key, wanted).await?;
        Ok(images
            .into_iter()
            .filter_map(|mut image| Some((image.id, image.tags.remove(key)?)))
            .collect())
    }
}

/// In a filter `*` and `?` stand for other characters unless they are escaped.
fn literally(value: &str) -> String {
    value.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?")
}

impl<S> Aws<S> {
    async fn own_images(
        &self,
        region: &Region,
        subject: &str,
        wanted: Vec<Filter>,
    ) -> Result<Vec<ObservedImage>, CallError> {
        let call = Call::new("ec2:DescribeImages", subject, region);
        let pages = self
            .clients
            .ec2(region)
            .describe_images()
            .owners("self")
            .include_disabled(true)
            .include_deprecated(true)
            .set_filters(Some(wanted))
            .into_paginator()
            .page_size(PAGE_SIZE);
        let images = pages.items().send().try_collect().await.map_err(|e| call.failed(e))?;
        images
            .iter()
            .map(|image| {
                observed(image).ok_or_else(|| call.unreadable("an image has no id that is one"))
            })
            .collect()
    }
}

pub(super) fn observed(image: &Image) -> Option<ObservedImage> {
    let devices = image.block_device_mappings().iter().filter_map(|device| device.ebs());
    let with_snapshot: Vec<_> =
        devices.filter(|ebs| ebs.snapshot_id().is_some_and(|id| !id.is_empty())).collect();
    let reason = image.state_reason();
    Some(ObservedImage {
        id: ImageId::new(image.image_id()?).ok()?,
        name: image.name().unwrap_or_default().to_owned(),
        owner: image.owner_id().and_then(|id| AccountId::new(id).ok()),
        state: match image.state().map_or("", |state| state.as_str()) {
            "pending" => ImageState::Pending,
            "available" => ImageState::Available,
            "failed" | "invalid" | "error" => ImageState::Failed,
            "disabled" => ImageState::Disabled,
            "deregistered" => ImageState::Deregistered,
            _ => ImageState::Transient,
        },
        state_reason: reason
            .and_then(|reason| reason.message().or(reason.code()))
            .map(str::to_owned),
        source_instance: image.source_instance_id().and_then(|id| InstanceId::new(id).ok()),
        source_image: image.source_image_id().and_then(|id| ImageId::new(id).ok()),
        public: image.public() == Some(true),
        // While a copy is made, snapshots may be missing; an image without any is not called
        // encrypted.
        encrypted: !with_snapshot.is_empty()
            && with_snapshot.iter().all(|ebs| ebs.encrypted() == Some(true)),
        snapshots: with_snapshot
            .iter()
            .filter_map(|ebs| ebs.snapshot_id().and_then(|id| SnapshotId::new(id).ok()))
            .collect(),
        tags: tags(image.tags()),
    })
}
