//! The reads and calls that each function may make on a family's behalf.

use super::queue_of;
use super::reads::{self, Shown};
use crate::engine::Invocation;
use crate::failpoint::{self, Failpoint};
use crate::ports::{AnswerKeeper, CallError, Clock, InstanceTagger};
use crate::world::{Create, Distribute};
use amiline_domain::answers;
use amiline_domain::family::{Family, ImageRole, Role};
use amiline_domain::fault::{Fault, owner_of_name};
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::{FamilyId, Region};
use amiline_domain::message::family_due;
use amiline_domain::plan::{
    AnswerStep, CreateAction, CreateRead, Creating, DistributeAction, DistributeRead, Distributing,
    Duty, Ended, ShareRefused, ShareStep, Sharing, StatusStep, TagStep,
};
use amiline_domain::policy::Policy;
use amiline_domain::reason::Reason;
use amiline_domain::tags::TagKeys;
use amiline_domain::time::plus_seconds;
use jiff::Timestamp;

/// CreateImage is not begun with less time than this left, in seconds: an invocation that is
/// stopped in the middle of it would leave an unknown outcome.
const CREATE_SECONDS_MIN: i64 = 15;

/// One function, making its reads and calls.
pub(crate) trait Executor {
    /// Its part of the work.
    type Duty: Duty;
    /// Makes one read.
    async fn read(
        &self,
        read: &<Self::Duty as Duty>::Read,
        family: &Family,
        policy: Option<&Policy>,
        keys: &TagKeys,
    ) -> Shown;
    /// Makes one call.
    async fn perform(&self, action: &<Self::Duty as Duty>::Action) -> Ended;
    /// The call, for the log.
    fn call(action: &<Self::Duty as Duty>::Action) -> Call<'_>;
    /// Tells the function whose part is due.
    async fn hand_over(&self, family: &FamilyId, role: Role) -> Result<(), CallError>;
}

/// `create-image`.
pub(crate) struct CreateExecutor<'a, W> {
    pub(super) world: &'a W,
    pub(super) deadline: Timestamp,
}

impl<W: Create> Executor for CreateExecutor<'_, W> {
    type Duty = Creating;

    async fn read(
        &self,
        read: &CreateRead,
        family: &Family,
        _: Option<&Policy>,
        keys: &TagKeys,
    ) -> Shown {
        match read {
            CreateRead::Row(image_role) => reads::row(self.world, keys, family, image_role).await,
            CreateRead::Instance => reads::instance(self.world, family).await,
        }
    }

    async fn perform(&self, action: &CreateAction) -> Ended {
        match action {
            CreateAction::Create(step) => {
                let late = plus_seconds(self.world.now(), CREATE_SECONDS_MIN) > self.deadline;
                if late || failpoint::hit(Failpoint::NoTimeToCreate) {
                    return Ended::NoTime;
                }
                ended(self.world.create_image(step).await.map(Ended::Image))
            }
            CreateAction::Answer(step) => answer(self.world, step).await,
        }
    }

    fn call(action: &CreateAction) -> Call<'_> {
        match action {
            CreateAction::Create(step) => Call {
                name: "ec2:CreateImage",
                region: &step.region,
                image_role: Some(ImageRole::Source),
                creates: Some(ImageRole::Source),
            },
            CreateAction::Answer(step) => Call::of_answer(step),
        }
    }

    async fn hand_over(&self, family: &FamilyId, role: Role) -> Result<(), CallError> {
        self.world.send(queue_of(role), &[family_due(family)]).await
    }
}

/// `distribute-image`.
pub(crate) struct DistributeExecutor<'a, W> {
    pub(super) world: &'a W,
}

impl<W: Distribute> Executor for DistributeExecutor<'_, W> {
    type Duty = Distributing;

    async fn read(
        &self,
        read: &DistributeRead,
        family: &Family,
        policy: Option<&Policy>,
        keys: &TagKeys,
    ) -> Shown {
        match read {
            DistributeRead::Row(image_role) => {
                reads::row(self.world, keys, family, image_role).await
            }
            DistributeRead::SourceKeys => reads::source_keys(self.world, family, policy).await,
            DistributeRead::Permissions(image_role) => {
                reads::permissions(self.world, family, image_role).await
            }
        }
    }

    async fn perform(&self, action: &DistributeAction) -> Ended {
        match action {
            DistributeAction::Copy(step) => {
                ended(self.world.copy_image(step).await.map(Ended::Image))
            }
            DistributeAction::Share(step) => share(self.world, step).await,
            DistributeAction::Answer(step) => answer(self.world, step).await,
        }
    }

    fn call(action: &DistributeAction) -> Call<'_> {
        match action {
            DistributeAction::Copy(step) => {
                let image_role = ImageRole::Copy(step.destination.clone());
                let (name, region) = ("ec2:CopyImage", &step.destination);
                Call {
                    name,
                    region,
                    image_role: Some(image_role.clone()),
                    creates: Some(image_role),
                }
            }
            DistributeAction::Share(step) => {
                let (name, region) = ("ec2:ModifyImageAttribute", &step.region);
                Call { name, region, image_role: Some(step.image_role.clone()), creates: None }
            }
            DistributeAction::Answer(step) => Call::of_answer(step),
        }
    }

    /// The tick sends what is `create-image`'s turn: it comes up only after a failure, and
    /// `distribute-image` needs no right to that queue for it.
    async fn hand_over(&self, _: &FamilyId, _: Role) -> Result<(), CallError> {
        Ok(())
    }
}

/// Shares an image: in one call, or in several if EC2 refuses some of the targets. One after the
/// other, since that EC2 takes several changes of one image's permissions at once is not
/// documented.
async fn share<W: Distribute>(world: &W, step: &ShareStep) -> Ended {
    let mut sharing = Sharing::of(step);
    while let Some(targets) = sharing.next() {
        let part = ShareStep { targets: targets.clone(), ..step.clone() };
        let answer = world.share_image(&part).await;
        if let Err(error) = &answer {
            tracing::info!(image = %part.image, region = %part.region, targets = part.targets.len(), error = %error, "not shared");
        }
        sharing.answered(
            answer.map_err(|error| ShareRefused { fault: error.fault, error: error.aws_error() }),
        );
    }
    sharing.ended()
}

async fn answer<W: Clock + InstanceTagger + AnswerKeeper>(world: &W, step: &AnswerStep) -> Ended {
    match step {
        AnswerStep::RemoveButton(step) => tagged(world.remove_tag(step).await),
        AnswerStep::WriteStatus(step) => tagged(answer_on_instance(world, step).await),
    }
}

/// Answers on the instance: the status, and then what the newest answers of all who asked make of
/// it. The record comes after the tag, so the last of several sees all of them, and no tag is
/// written after its own.
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

fn ended(result: Result<Ended, CallError>) -> Ended {
    match result {
        Ok(ended) => ended,
        Err(error) if error.code == "InvalidAMIName.Duplicate" => {
            Ended::NameTaken(owner_of_name(&error.message))
        }
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

/// A call, as the log names it.
pub(crate) struct Call<'a> {
    name: &'static str,
    region: &'a Region,
    /// The image that it concerns; none for the instance's tags.
    image_role: Option<ImageRole>,
    /// The image that it makes.
    pub(super) creates: Option<ImageRole>,
}

impl<'a> Call<'a> {
    fn of_answer(step: &'a AnswerStep) -> Self {
        let (name, region) = match step {
            AnswerStep::RemoveButton(step) => ("ec2:DeleteTags", &step.region),
            AnswerStep::WriteStatus(step) => ("ec2:CreateTags", &step.tag.region),
        };
        Self { name, region, image_role: None, creates: None }
    }

    /// One line per call that changes something.
    pub(super) fn log(&self, family: &Family, ended: &Ended, invocation: &Invocation) {
        let row = self.image_role.as_ref().and_then(|image_role| family.rows.get(image_role));
        let image = row.and_then(|row| row.image.as_ref()).map(ToString::to_string);
        let (outcome, reason) = match ended {
            Ended::Image(_) | Ended::Done => ("done", None),
            Ended::Shared { .. } => {
                ("shared-in-part", row.and_then(|row| row.reason.as_ref()).map(ToString::to_string))
            }
            Ended::Gone => ("instance-gone", None),
            Ended::NoTime => ("no-time", None),
            Ended::NameTaken(_) => ("name-taken", None),
            Ended::Refused { fault: Fault::Later, error } => ("later", Some(error.to_string())),
            Ended::Refused { fault: Fault::Reject, error } => ("refused", Some(error.to_string())),
            Ended::Refused { fault: Fault::NeedsPerson, error } => {
                ("needs-a-person", Some(error.to_string()))
            }
            Ended::Refused { fault: Fault::Unknown, error } => ("unknown", Some(error.to_string())),
        };
        tracing::info!(
            family = %family.id,
            instance = %family.instance,
            region = %self.region,
            image,
            action = self.name,
            outcome,
            reason,
            request = invocation.id,
            "call"
        );
    }
}
