//! The calls that each function may make on a family's behalf.

use super::{Invocation, queue_of};
use crate::ports::{AnswerKeeper, CallError, Clock, InstanceTagger};
use crate::rare;
use crate::world::{Create, Distribute};
use amiline_domain::answers;
use amiline_domain::family::{Family, Worker};
use amiline_domain::fault::{Fault, holder_of_name};
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, KeyAlias, Region, SnapshotId};
use amiline_domain::image::{ObservedInstance, SnapshotKeys};
use amiline_domain::plan::{Action, Ended, ShareRefused, ShareStep, Sharing, StatusStep, TagStep};
use amiline_domain::reason::{AwsError, Reason};
use amiline_domain::target::ShareTarget;
use amiline_domain::time::plus_seconds;
use amiline_domain::wake::family_due;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// CreateImage is not begun with less time than this left, in seconds: an invocation that is stopped in the middle of
/// it would leave an unknown outcome.
const CREATE_SECONDS_MIN: i64 = 15;

/// What a function may do.
pub(crate) trait Hands {
    /// Whose turn it takes.
    const WORKER: Worker;
    /// Makes one call.
    async fn perform(&self, action: &Action) -> Ended;
    /// Reads the keys of snapshots.
    async fn snapshot_keys(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
        alias: &KeyAlias,
    ) -> Result<SnapshotKeys, CallError>;
    /// Reads who may launch an image.
    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<ShareTarget>, CallError>;
    /// Reads the instance.
    async fn instance(&self, region: &Region, id: &InstanceId) -> Result<Option<ObservedInstance>, CallError>;
    /// Tells the function whose turn it is.
    async fn hand_over(&self, family: &FamilyId, worker: Worker) -> Result<(), CallError>;
}

/// `create-image`.
pub(crate) struct CreateHands<'a, W> {
    pub(crate) world: &'a W,
    pub(crate) deadline: Timestamp,
}

impl<W: Create> Hands for CreateHands<'_, W> {
    const WORKER: Worker = Worker::Create;

    async fn perform(&self, action: &Action) -> Ended {
        match action {
            Action::Create(step) => {
                let late = plus_seconds(self.world.now(), CREATE_SECONDS_MIN) > self.deadline;
                if late || rare::turn(rare::Turn::NoTimeToCreate) {
                    return Ended::NoTime;
                }
                ended(self.world.create_image(step).await.map(Ended::Image))
            }
            Action::RemoveButton(step) => tagged(self.world.remove_tag(step).await),
            Action::WriteStatus(step) => tagged(answer_on_instance(self.world, step).await),
            Action::Copy(_) | Action::Share(_) => not_mine(),
        }
    }

    async fn snapshot_keys(&self, region: &Region, _: &[SnapshotId], _: &KeyAlias) -> Result<SnapshotKeys, CallError> {
        Err(not_mine_to_read("ec2:DescribeSnapshots", "snapshots", region))
    }

    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<ShareTarget>, CallError> {
        Err(not_mine_to_read("ec2:DescribeImageAttribute", image.as_str(), region))
    }

    async fn instance(&self, region: &Region, id: &InstanceId) -> Result<Option<ObservedInstance>, CallError> {
        self.world.instance(region, id).await
    }

    async fn hand_over(&self, family: &FamilyId, worker: Worker) -> Result<(), CallError> {
        self.world.send(queue_of(worker), &[family_due(family)]).await
    }
}

/// `distribute-image`.
pub(crate) struct DistributeHands<'a, W> {
    pub(crate) world: &'a W,
}

impl<W: Distribute> Hands for DistributeHands<'_, W> {
    const WORKER: Worker = Worker::Distribute;

    async fn perform(&self, action: &Action) -> Ended {
        match action {
            Action::Copy(step) => ended(self.world.copy_image(step).await.map(Ended::Image)),
            Action::Share(step) => share(self.world, step).await,
            Action::RemoveButton(step) => tagged(self.world.remove_tag(step).await),
            Action::WriteStatus(step) => tagged(answer_on_instance(self.world, step).await),
            Action::Create(_) => not_mine(),
        }
    }

    async fn snapshot_keys(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
        alias: &KeyAlias,
    ) -> Result<SnapshotKeys, CallError> {
        self.world.snapshot_keys(region, snapshots, alias).await
    }

    async fn launch_permissions(&self, region: &Region, image: &ImageId) -> Result<BTreeSet<ShareTarget>, CallError> {
        self.world.launch_permissions(region, image).await
    }

    async fn instance(&self, region: &Region, id: &InstanceId) -> Result<Option<ObservedInstance>, CallError> {
        Err(not_mine_to_read("ec2:DescribeInstances", id.as_str(), region))
    }

    /// The tick sends what is `create-image`'s turn: it comes up only after a failure, and `distribute-image` needs no
    /// right to that queue for it.
    async fn hand_over(&self, _: &FamilyId, _: Worker) -> Result<(), CallError> {
        Ok(())
    }
}

/// Shares an image: in one call, or in several if EC2 refuses some of the targets. One after the other, since that EC2
/// takes several changes of one image's permissions at once is not documented.
async fn share<W: Distribute>(world: &W, step: &ShareStep) -> Ended {
    let mut sharing = Sharing::of(step);
    while let Some(targets) = sharing.next() {
        let part = ShareStep { targets: targets.clone(), ..step.clone() };
        let answer = world.share_image(&part).await;
        if let Err(error) = &answer {
            tracing::info!(image = %part.image, region = %part.region, targets = part.targets.len(), error = %error, "not shared");
        }
        sharing.answered(answer.map_err(|error| ShareRefused { fault: error.fault, error: error.aws_error() }));
    }
    sharing.ended()
}

/// Answers on the instance: the status, and then what the newest answers of all who asked make of it. The record comes
/// after the tag, so the last of several sees all of them, and no tag is written after its own.
pub(crate) async fn answer_on_instance<W>(world: &W, step: &StatusStep) -> Result<(), CallError>
where
    W: Clock + InstanceTagger + AnswerKeeper,
{
    world.write_tag(&step.tag).await?;
    let answers = world.keep_answer(step, world.now()).await?;
    match answers::status(&step.trigger, &answers) {
        Some(value) => world.write_tag(&TagStep { value, ..step.tag.clone() }).await,
        None => Ok(()),
    }
}

/// The planner gives each function its own actions only; this keeps the other ones harmless.
fn not_mine() -> Ended {
    let error = AwsError::new("", "NotPermitted", "another function does this", None);
    Ended::Refused { fault: Fault::Later, error }
}

/// The planner asks each function only for reads that it may make.
fn not_mine_to_read(action: &'static str, subject: &str, region: &Region) -> CallError {
    CallError {
        action,
        subject: subject.into(),
        region: region.clone(),
        code: "NotPermitted".to_owned(),
        message: "another function reads this".into(),
        request_id: None,
        fault: Fault::Later,
    }
}

fn ended(result: Result<Ended, CallError>) -> Ended {
    match result {
        Ok(ended) => ended,
        Err(error) if error.code == "InvalidAMIName.Duplicate" => Ended::NameTaken(holder_of_name(&error.message)),
        Err(error) => Ended::Refused { fault: error.fault, error: error.aws_error() },
    }
}

/// Of a tag call: EC2 says so itself if the instance does not exist
/// (aws-behaviour.md#an-unknown-instance).
fn tagged(result: Result<(), CallError>) -> Ended {
    match result {
        Err(error) if error.code.starts_with("InvalidInstanceID") => Ended::Gone,
        result => ended(result.map(|()| Ended::Done)),
    }
}

/// One line per thing that happened, once it is recorded.
pub(crate) fn log_recorded(item: &HistoryItem) {
    tracing::info!(
        subject = %item.subject,
        instance = item.instance.as_ref().map(ToString::to_string),
        region = %item.region,
        image = item.image.as_ref().map(ToString::to_string),
        action = "record",
        outcome = item.event.as_str(),
        code = item.reason.as_ref().map(Reason::code),
        reason = item.reason.as_ref().map(Reason::text),
        "recorded"
    );
}

/// One line per call that changes something.
pub(super) fn log(family: &Family, action: &Action, ended: &Ended, invocation: &Invocation) {
    let (name, region) = match action {
        Action::Create(step) => ("ec2:CreateImage", &step.region),
        Action::Copy(step) => ("ec2:CopyImage", &step.destination),
        Action::Share(step) => ("ec2:ModifyImageAttribute", &step.region),
        Action::RemoveButton(step) => ("ec2:DeleteTags", &step.region),
        Action::WriteStatus(step) => ("ec2:CreateTags", &step.tag.region),
    };
    let row = action.place().and_then(|place| family.rows.get(&place));
    let image = row.and_then(|row| row.image.as_ref()).map(ToString::to_string);
    let (outcome, reason) = match ended {
        Ended::Image(_) | Ended::Done => ("done", None),
        Ended::Shared { .. } => ("shared-in-part", row.and_then(|row| row.reason.as_ref()).map(ToString::to_string)),
        Ended::Gone => ("instance-gone", None),
        Ended::NoTime => ("no-time", None),
        Ended::NameTaken(_) => ("name-taken", None),
        Ended::Refused { fault: Fault::Later, error } => ("later", Some(error.to_string())),
        Ended::Refused { fault: Fault::Reject, error } => ("refused", Some(error.to_string())),
        Ended::Refused { fault: Fault::NeedsPerson, error } => ("needs-a-person", Some(error.to_string())),
        Ended::Refused { fault: Fault::Unknown, error } => ("unknown", Some(error.to_string())),
    };
    tracing::info!(
        family = %family.id,
        instance = %family.instance,
        region = %region,
        image,
        action = name,
        outcome,
        reason,
        request = invocation.id,
        "call"
    );
}
