//! Instances and their tags, read.

use super::tags;
use crate::errors::Call;
use crate::settings::{CreateImage, ScheduleTick};
use crate::world::{Aws, Operator};
use amiline_app::ports::{CallError, InstanceReader, TagReader};
use amiline_domain::ids::{DeviceName, InstanceId, Region};
use amiline_domain::image::{InstanceState, ObservedInstance, RootDevice};
use aws_sdk_ec2::types::Instance;

/// Settings of those who may look at instances.
pub(crate) trait SeesInstances {}

impl SeesInstances for CreateImage {}
impl SeesInstances for Operator {}

impl<S: SeesInstances> InstanceReader for Aws<S> {
    async fn instance(
        &self,
        region: &Region,
        id: &InstanceId,
    ) -> Result<Option<ObservedInstance>, CallError> {
        let call = Call::new("ec2:DescribeInstances", id.as_str(), region);
        let answer = match self
            .clients
            .ec2(region)
            .describe_instances()
            .instance_ids(id.as_str())
            .send()
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                let error = call.failed(error);
                // Also what EC2 says of an instance that it has not heard of yet
                // (aws-behaviour.md#an-unknown-instance).
                return if error.code == "InvalidInstanceID.NotFound" {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        let mut instances =
            answer.reservations().iter().flat_map(|reservation| reservation.instances());
        let found = instances.find(|instance| instance.instance_id() == Some(id.as_str()));
        found
            .map(|instance| {
                observed(region, id, instance).map_err(|problem| call.unreadable(&problem))
            })
            .transpose()
    }
}

/// Fails for a state that EC2 does not document: nothing may be concluded from it.
fn observed(
    region: &Region,
    id: &InstanceId,
    instance: &Instance,
) -> Result<ObservedInstance, String> {
    let state = instance.state().and_then(|state| state.name()).map_or("", |name| name.as_str());
    let state =
        InstanceState::of(state).ok_or_else(|| format!("{state:?} is no state of an instance"))?;
    Ok(ObservedInstance {
        id: id.clone(),
        region: region.clone(),
        state,
        hibernation: instance
            .hibernation_options()
            .and_then(|options| options.configured())
            .unwrap_or_default(),
        root_device: match instance.root_device_type().map_or("", |device| device.as_str()) {
            "instance-store" => RootDevice::InstanceStore,
            _ => RootDevice::Ebs,
        },
        root_name: instance.root_device_name().and_then(|name| DeviceName::new(name).ok()),
        devices: instance
            .block_device_mappings()
            .iter()
            .filter_map(|device| device.device_name().and_then(|name| DeviceName::new(name).ok()))
            .collect(),
        tags: tags(instance.tags()),
    })
}

/// Settings of those who may list tagged instances.
pub(crate) trait ListsInstances {}

impl ListsInstances for ScheduleTick {}
impl ListsInstances for Operator {}

impl<S: ListsInstances> TagReader for Aws<S> {
    async fn instances_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(InstanceId, String)>, CallError> {
        let found = self.tags_of(region, key, "instance").await?;
        let mut instances = Vec::with_capacity(found.len());
        for (id, value) in found {
            match InstanceId::new(id) {
                Ok(id) => instances.push((id, value)),
                Err(error) => {
                    tracing::warn!(region = %region, error = %error, "a tagged instance was passed over")
                }
            }
        }
        Ok(instances)
    }
}
