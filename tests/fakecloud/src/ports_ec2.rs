//! The ports on EC2 and KMS.

use crate::ec2_images::Permission;
use crate::happenings::{Refused, SeenImage, What};
use crate::refusal::Refusal;
use crate::settings::STACK;
use crate::state::State;
use crate::trace::Note;
use crate::world::World;
use amiline_app::ports::{
    ButtonPresser, CallError, Clock, ImageCopier, ImageCreator, ImageLister, ImageReader,
    ImageSharer, InstanceReader, InstanceTagger, KeyReader, PermissionReader, TagReader,
};
use amiline_domain::ids::{ImageId, InstanceId, KeyAlias, Region, SnapshotId};
use amiline_domain::image::{ObservedImage, ObservedInstance, SnapshotKeys};
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep, TagStep};
use amiline_domain::target::ShareTarget;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::rc::Rc;

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.cloud.now() + SignedDuration::from_secs(self.skew)
    }

    async fn give_way(&self, _: usize) {
        crate::executor::yield_now().await;
    }
}

impl World {
    fn saw_images(&self, region: &Region, images: &[ObservedImage]) {
        self.cloud.note_seen(region, images);
        let mut state = self.cloud.state.borrow_mut();
        let key = Rc::clone(state.settings.managed_by());
        let seen = |image: &ObservedImage| SeenImage {
            id: image.id.clone(),
            state: image.state,
            managed: image.tags.get(&*key).is_some_and(|stack| stack == STACK),
        };
        state.happened(self.invocation, || {
            What::ImagesRead(region.clone(), images.iter().map(seen).collect())
        });
    }

    /// A list in pages, one call each. A list that changes between the pages is read as it is at
    /// each.
    async fn pages<T: Note>(
        &self,
        action: &'static str,
        region: &Region,
        subject: &str,
        list: impl Fn(&State) -> Vec<T>,
    ) -> Result<Vec<T>, CallError> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let from = all.len();
            let (page, more) = self
                .call(action, region, subject, |state| {
                    let size = state.settings.page_size;
                    let mut rest = list(state);
                    rest.drain(..from.min(rest.len()));
                    let more = rest.len() > size;
                    rest.truncate(size);
                    Ok((rest, more))
                })
                .await?;
            all.extend(page);
            if !more {
                return Ok(all);
            }
        }
    }
}

impl InstanceReader for World {
    async fn instance(
        &self,
        region: &Region,
        id: &InstanceId,
    ) -> Result<Option<ObservedInstance>, CallError> {
        self.call("ec2:DescribeInstances", region, id.as_str(), |state| {
            let seen = state.describe_instance(region, id);
            let (button, schedule) =
                (Rc::clone(state.settings.button()), Rc::clone(state.settings.schedule()));
            state.happened(self.invocation, || {
                let tag =
                    |key: &str| seen.as_ref().and_then(|instance| instance.tags.get(key)).cloned();
                let (region, instance) = (region.clone(), id.clone());
                let (button, schedule) = (tag(&button), tag(&schedule));
                What::InstanceRead { region, instance, button, schedule, seen: seen.clone() }
            });
            Ok(seen)
        })
        .await
    }
}

impl TagReader for World {
    async fn instances_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(InstanceId, String)>, CallError> {
        self.pages("ec2:DescribeTags", region, key, |state| state.instances_with_tag(region, key))
            .await
    }
}

impl ImageReader for World {
    async fn images_by_id(
        &self,
        region: &Region,
        ids: &[ImageId],
    ) -> Result<Vec<ObservedImage>, CallError> {
        let subject = ids.iter().map(ImageId::as_str).collect::<Vec<_>>().join(",");
        let images = self
            .call("ec2:DescribeImages", region, &subject, |state| {
                Ok(state.describe_images(region, State::one_of(ids)))
            })
            .await?;
        self.saw_images(region, &images);
        Ok(images)
    }

    async fn images_by_tag(
        &self,
        region: &Region,
        key: &str,
        value: &str,
    ) -> Result<Vec<ObservedImage>, CallError> {
        let tagged = |state: &State| {
            state.describe_images(region, |image| {
                image.tags.get(key).map(String::as_str) == Some(value)
            })
        };
        let images =
            self.pages("ec2:DescribeImages", region, &format!("{key}={value}"), tagged).await?;
        self.saw_images(region, &images);
        Ok(images)
    }
}

impl ImageLister for World {
    async fn images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError> {
        self.pages("ec2:DescribeTags", region, key, |state| {
            state.images_with_tag(region, key, false)
        })
        .await
    }

    async fn public_images_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(ImageId, String)>, CallError> {
        self.pages("ec2:DescribeImages", region, key, |state| {
            state.images_with_tag(region, key, true)
        })
        .await
    }
}

impl PermissionReader for World {
    async fn launch_permissions(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<BTreeSet<ShareTarget>, CallError> {
        let shown = self.call("ec2:DescribeImageAttribute", region, image.as_str(), |state| {
            let permissions = state.launch_permissions(region, image)?;
            Ok(permissions.into_iter().collect::<Vec<_>>())
        });
        let targets = shown.await?.into_iter().filter_map(|permission| match permission {
            Permission::Target(target) => Some(target),
            Permission::Everybody => None,
        });
        Ok(targets.collect())
    }
}

impl KeyReader for World {
    async fn snapshot_keys(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
        alias: &KeyAlias,
    ) -> Result<SnapshotKeys, CallError> {
        let subject = snapshots.iter().map(SnapshotId::as_str).collect::<Vec<_>>().join(",");
        let keys = self
            .call("ec2:DescribeSnapshots", region, &subject, |state| {
                state.keys_of(region, snapshots)
            })
            .await?;
        let describe =
            |state: &mut State| Ok::<_, Refusal>(state.region(region).keys.arn(alias.as_str()));
        let wanted = self.call("kms:DescribeKey", region, alias.as_str(), describe).await?;
        Ok(SnapshotKeys { keys, wanted })
    }
}

impl ImageCreator for World {
    async fn create_image(&self, step: &CreateStep) -> Result<ImageId, CallError> {
        let made = self.call("ec2:CreateImage", &step.region, step.instance.as_str(), |state| {
            let image = state.create_image(step)?;
            state.happened(self.invocation, || What::Created(step.clone(), image.clone()));
            Ok(image)
        });
        let made = made.await;
        self.refused(&made, || Refused::Create(step.clone()));
        made
    }
}

impl ImageCopier for World {
    async fn copy_image(&self, step: &CopyStep) -> Result<ImageId, CallError> {
        let made = self.call("ec2:CopyImage", &step.destination, step.source.as_str(), |state| {
            let before = state.region(&step.destination).images.len();
            let image = state.copy_image(step)?;
            let new = state.region(&step.destination).images.len() > before;
            state.happened(self.invocation, || What::Copied {
                step: step.clone(),
                image: image.clone(),
                new,
            });
            Ok(image)
        });
        let made = made.await;
        self.refused(&made, || Refused::Copy(step.clone()));
        made
    }
}

impl ImageSharer for World {
    async fn share_image(&self, step: &ShareStep) -> Result<(), CallError> {
        let permissions = step.targets.iter().cloned().map(Permission::Target).collect();
        let share = |state: &mut State| {
            let changed = state.share_image(&step.region, &step.image, &permissions)?;
            state.happened(self.invocation, || What::Shared { step: step.clone(), changed });
            Ok(())
        };
        let shared =
            self.call("ec2:ModifyImageAttribute", &step.region, step.image.as_str(), share).await;
        self.refused(&shared, || Refused::Share(step.clone()));
        shared
    }
}

impl ButtonPresser for World {
    async fn press_button(&self, step: &TagStep) -> Result<(), CallError> {
        let subject = format!("{} {}", step.instance, step.key);
        let write = |state: &mut State| {
            state.tag_instance(&step.region, &step.instance, &step.key, step.value.as_str())
        };
        self.call("ec2:CreateTags", &step.region, &subject, write).await
    }
}

impl InstanceTagger for World {
    async fn remove_tag(&self, step: &TagStep) -> Result<(), CallError> {
        let remove = |state: &mut State| {
            let changed = state.untag_instance(
                &step.region,
                &step.instance,
                &step.key,
                Some(step.value.as_str()),
            )?;
            state.happened(self.invocation, || What::TagRemoved { step: step.clone(), changed });
            Ok(())
        };
        let subject = format!("{} {}", step.instance, step.key);
        let removed = self.call("ec2:DeleteTags", &step.region, &subject, remove).await;
        self.refused(&removed, || Refused::Tag(step.clone()));
        removed
    }

    async fn write_tag(&self, step: &TagStep) -> Result<(), CallError> {
        let write = |state: &mut State| {
            state.tag_instance(&step.region, &step.instance, &step.key, step.value.as_str())?;
            state.happened(self.invocation, || What::TagWritten(step.clone()));
            Ok(())
        };
        let subject = format!("{} {}", step.instance, step.key);
        let written = self.call("ec2:CreateTags", &step.region, &subject, write).await;
        self.refused(&written, || Refused::Tag(step.clone()));
        written
    }
}
