//! The seam: every port, with one of them behaving as somebody's software once did.
//!
//! A mutant stands between the use cases and the cloud, so it changes what the product does and
//! nothing of what the checks see.

use super::Mutant;
use crate::instances::GROUP;
use crate::run::Run;
use amiline_app::functions::Queue;
use amiline_app::ports::{
    Announcer, AnswerKeeper, CallError, Catalogue, Clock, Committed, DayPage, DayReader,
    DigestKeeper, Due, DuePage, DueReader, EndedPage, Enrolled, ImageCopier, ImageCreator,
    ImageReader, ImageSharer, InstanceReader, InstanceTagger, KeyReader, KillSwitch, Messenger,
    PolicyReader, RecordReader, RecordWriter, RejectedMessage, TagReader,
};
use amiline_domain::answers::Answers;
use amiline_domain::budget::Budget;
use amiline_domain::bus::BusEvent;
use amiline_domain::console::StackAddress;
use amiline_domain::day::Day;
use amiline_domain::description::ImageDescription;
use amiline_domain::digest::{DigestKey, DigestState, Draft};
use amiline_domain::enrolment::EnrolmentKey;
use amiline_domain::family::{Family, ImageRow, RowState};
use amiline_domain::fault::{Fault, owner_of_name};
use amiline_domain::history::{HistoryItem, Subject};
use amiline_domain::ids::{
    AccountId, FamilyId, ImageId, InstanceId, KeyAlias, PolicyName, Region, SnapshotId,
};
use amiline_domain::image::{
    ImageState, InstanceState, ObservedImage, ObservedInstance, SnapshotKeys,
};
use amiline_domain::making::Treatment;
use amiline_domain::name::ImageName;
use amiline_domain::notice::{Notice, render};
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep, StatusStep, TagStep};
use amiline_domain::press::{Press, PressKey};
use amiline_domain::receiver::{Receiver, Topic, Unannounced};
use amiline_domain::record::{Expected, FamilyWrite, Transaction, Write};
use amiline_domain::target::ShareTarget;
use amiline_domain::time::plus_seconds;
use amiline_domain::work::WorkState;
use amiline_fakecloud::World;
use amiline_scenarios::{ORGANIZATION, europe, west};
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// A caller's ports with something wrong.
pub struct Mutated {
    pub(super) world: World,
    mutant: Mutant,
    page: usize,
    /// Calls that must differ from one another.
    made: Cell<u64>,
    /// Images that EC2 refused to share with somebody.
    refused: RefCell<BTreeMap<ImageId, CallError>>,
}

impl Mutated {
    pub(super) fn new(world: World, mutant: Mutant, run: &Run) -> Self {
        Self {
            world,
            mutant,
            page: run.conditions.page,
            made: Cell::new(0),
            refused: RefCell::default(),
        }
    }

    pub(super) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }

    fn unique(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("{}-{}", self.world.invocation(), self.made.get())
    }

    /// The name with something behind it that no other call has.
    fn another_name(&self, name: &ImageName) -> ImageName {
        let name = format!("{}-{}", name.as_str(), self.unique());
        serde_json::from_value(serde_json::Value::String(name)).expect("a name is text")
    }

    async fn create_then_tag(&self, step: &CreateStep) -> Result<ImageId, CallError> {
        let bare = CreateStep { tags: BTreeMap::new(), ..step.clone() };
        let image = self.world.create_image(&bare).await?;
        self.world.give_way(0).await;
        for (key, value) in &step.tags {
            self.world.cloud().tag_image(&step.region, &image, key, value);
        }
        Ok(image)
    }

    /// Copies an image that became available, whosever and whatever it is, as long as it carries
    /// our tag.
    async fn copy_what_is_available(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<(), CallError> {
        let images = self.world.images_by_id(region, std::slice::from_ref(image)).await?;
        let ours = |image: &&ObservedImage| {
            image.state == ImageState::Available && image.tags.contains_key("amiline:managed-by")
        };
        let Some(image) = images.iter().find(ours) else { return Ok(()) };
        for destination in [west(), europe()].into_iter().filter(|place| place != region) {
            let name = serde_json::Value::String(format!("copy-{}", self.unique()));
            let step = CopyStep {
                source_region: region.clone(),
                source: image.id.clone(),
                destination,
                name: serde_json::from_value(name).expect("a name is text"),
                description: ImageDescription::try_from("a copy of a copy".to_owned())
                    .expect("it is ASCII"),
                client_token: self.unique(),
                encrypted: false,
                kms_key: None,
                within_minutes: None,
                tags: image.tags.clone(),
            };
            // Whatever becomes of it.
            let _ = self.world.copy_image(&step).await;
        }
        Ok(())
    }

    fn rewritten(&self, transaction: &Transaction) -> Transaction {
        let tells = transaction.family().is_none() && transaction.history().next().is_some();
        let mut writes = transaction.clone().into_writes();
        for write in &mut writes {
            match write {
                Write::Family(write) => self.rewrite_family(write),
                Write::Image(_, row) if self.is(Mutant::AvailableWhilePending) => {
                    make_available(row)
                }
                Write::Enrolment(_, _, enrolment) if tells && self.is(Mutant::TellsAgain) => {
                    enrolment.lost.clear()
                }
                _ => {}
            }
        }
        Transaction::new(writes).expect("the same records")
    }

    fn rewrite_family(&self, write: &mut FamilyWrite) {
        let family = &mut write.family;
        match self.mutant {
            Mutant::LeaseWithoutTakeover => {
                if let Some(lease) = &mut family.work.lease {
                    lease.until = plus_seconds(self.world.now(), 50 * 365 * 86_400);
                }
            }
            Mutant::NoDueTime => family.work.due = None,
            Mutant::AvailableWhilePending => family.rows.values_mut().for_each(make_available),
            Mutant::LastWriterWins => {
                let stored =
                    self.world.cloud().family(&family.id).map(|family| family.work.version);
                write.expected = Expected::from(stored);
                write.pending_hints = None;
            }
            _ => {}
        }
    }
}

fn make_available(row: &mut ImageRow) {
    if row.state == RowState::Pending {
        row.state = RowState::Available;
    }
}

fn not_unknown<T>(answer: Result<T, CallError>, from: Fault, to: Fault) -> Result<T, CallError> {
    answer.map_err(|error| CallError {
        fault: if error.fault == from { to } else { error.fault },
        ..error
    })
}

impl Clock for Mutated {
    fn now(&self) -> Timestamp {
        self.world.now()
    }

    async fn give_way(&self, round: usize) {
        self.world.give_way(round).await;
    }
}

impl InstanceReader for Mutated {
    async fn instance(
        &self,
        region: &Region,
        id: &InstanceId,
    ) -> Result<Option<ObservedInstance>, CallError> {
        let mut seen = self.world.instance(region, id).await?;
        if let (true, Some(instance)) = (self.is(Mutant::DoesNotWait), &mut seen)
            && instance.state == InstanceState::Pending
        {
            instance.state = InstanceState::Running;
        }
        if let (true, Some(instance)) = (self.is(Mutant::RebootsMembers), &mut seen) {
            instance.tags.remove(GROUP);
        }
        Ok(seen)
    }
}

impl TagReader for Mutated {
    async fn instances_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(InstanceId, String)>, CallError> {
        let mut all = self.world.instances_tagged(region, key).await?;
        if self.is(Mutant::FirstPageOnly) {
            all.truncate(self.page);
        }
        Ok(all)
    }
}

impl ImageReader for Mutated {
    async fn images_by_id(
        &self,
        region: &Region,
        ids: &[ImageId],
    ) -> Result<Vec<ObservedImage>, CallError> {
        let mut images = self.world.images_by_id(region, ids).await?;
        if self.is(Mutant::NotFoundMeansFailed) {
            let missing: Vec<&ImageId> =
                ids.iter().filter(|id| !images.iter().any(|image| image.id == **id)).collect();
            images.extend(missing.into_iter().map(|id| ObservedImage {
                id: id.clone(),
                name: String::new(),
                owner: Some(self.world.cloud().account()),
                state: ImageState::Failed,
                state_reason: Some("not found".to_owned()),
                source_instance: None,
                source_image: None,
                encrypted: false,
                public: false,
                snapshots: Vec::new(),
                tags: BTreeMap::new(),
            }));
        }
        Ok(images)
    }

    async fn images_by_tag(
        &self,
        region: &Region,
        key: &str,
        value: &str,
    ) -> Result<Vec<ObservedImage>, CallError> {
        self.world.images_by_tag(region, key, value).await
    }
}

impl KeyReader for Mutated {
    async fn snapshot_keys(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
        alias: &KeyAlias,
    ) -> Result<SnapshotKeys, CallError> {
        self.world.snapshot_keys(region, snapshots, alias).await
    }
}

impl ImageCreator for Mutated {
    async fn create_image(&self, step: &CreateStep) -> Result<ImageId, CallError> {
        match self.mutant {
            Mutant::CreateThenTag => self.create_then_tag(step).await,
            Mutant::LeavesNothingOut => {
                let mut step = step.clone();
                step.devices.retain(|_, treatment| *treatment != Treatment::LeftOut);
                self.world.create_image(&step).await
            }
            Mutant::NamesAsTagged => {
                let instance = self.world.cloud().instance_now(&step.region, &step.instance);
                let name =
                    instance.tags.get("Name").map(|name| format!("{name}-{}", self.unique()));
                let name = name
                    .and_then(|name| serde_json::from_value(serde_json::Value::String(name)).ok());
                let name = name.unwrap_or_else(|| step.name.clone());
                self.world.create_image(&CreateStep { name, ..step.clone() }).await
            }
            Mutant::RebootByDefault => {
                self.world.create_image(&CreateStep { reboot: true, ..step.clone() }).await
            }
            Mutant::RetryUnderAnotherName => match self.world.create_image(step).await {
                Err(error) if error.fault == Fault::Unknown => {
                    let name = self.another_name(&step.name);
                    self.world.create_image(&CreateStep { name, ..step.clone() }).await
                }
                answer => answer,
            },
            Mutant::AdoptByName => match self.world.create_image(step).await {
                Err(error) if error.code == "InvalidAMIName.Duplicate" => {
                    owner_of_name(&error.message).ok_or(error)
                }
                answer => answer,
            },
            Mutant::UnknownMeansFailed => {
                not_unknown(self.world.create_image(step).await, Fault::Unknown, Fault::NeedsPerson)
            }
            _ => self.world.create_image(step).await,
        }
    }
}

impl ImageCopier for Mutated {
    async fn copy_image(&self, step: &CopyStep) -> Result<ImageId, CallError> {
        match self.mutant {
            Mutant::RandomClientToken => {
                let (name, client_token) = (self.another_name(&step.name), self.unique());
                self.world.copy_image(&CopyStep { name, client_token, ..step.clone() }).await
            }
            Mutant::CopiesWithoutTags => {
                let mut step = step.clone();
                step.tags.retain(|key, _| key.starts_with("amiline") || key == "Name");
                self.world.copy_image(&step).await
            }
            Mutant::DefaultKey => {
                self.world.copy_image(&CopyStep { kms_key: None, ..step.clone() }).await
            }
            Mutant::ForgetsTheTime => {
                self.world.copy_image(&CopyStep { within_minutes: None, ..step.clone() }).await
            }
            Mutant::OneKeyEverywhere => {
                let kms_key =
                    step.kms_key.as_ref().map(|_| "alias/amiline".parse().expect("an alias"));
                self.world.copy_image(&CopyStep { kms_key, ..step.clone() }).await
            }
            Mutant::BusyMeansFailed => {
                not_unknown(self.world.copy_image(step).await, Fault::Later, Fault::NeedsPerson)
            }
            Mutant::UnknownMeansFailed => {
                not_unknown(self.world.copy_image(step).await, Fault::Unknown, Fault::NeedsPerson)
            }
            _ => self.world.copy_image(step).await,
        }
    }
}

impl ImageSharer for Mutated {
    async fn share_image(&self, step: &ShareStep) -> Result<(), CallError> {
        if self.is(Mutant::SharesWithWhoeverIsNamed) {
            let mut targets = step.targets.clone();
            targets.insert("999999999999".parse().expect("an account"));
            return self.world.share_image(&ShareStep { targets, ..step.clone() }).await;
        }
        if self.is(Mutant::SharesWithTheWholeOrganization) {
            let whole = |target: &ShareTarget| match target {
                ShareTarget::OrganizationalUnit(_) => {
                    ORGANIZATION.parse().expect("an organization")
                }
                ShareTarget::Account(_) | ShareTarget::Organization(_) => target.clone(),
            };
            let targets = step.targets.iter().map(whole).collect();
            return self.world.share_image(&ShareStep { targets, ..step.clone() }).await;
        }
        if self.is(Mutant::RefusesAllForOne) {
            if let Some(error) = self.refused.borrow().get(&step.image) {
                return Err(error.clone());
            }
            let answer = self.world.share_image(step).await;
            if let Err(error) = &answer {
                self.refused.borrow_mut().insert(step.image.clone(), error.clone());
            }
            return answer;
        }
        self.world.share_image(step).await
    }
}

impl InstanceTagger for Mutated {
    async fn remove_tag(&self, step: &TagStep) -> Result<(), CallError> {
        if self.is(Mutant::RemovesWhateverIsThere)
            && let Some(value) = self.world.cloud().tag_of(&step.region, &step.instance, &step.key)
        {
            return self.world.remove_tag(&TagStep { value, ..step.clone() }).await;
        }
        self.world.remove_tag(step).await
    }

    async fn write_tag(&self, step: &TagStep) -> Result<(), CallError> {
        self.world.write_tag(step).await
    }
}

impl AnswerKeeper for Mutated {
    async fn keep_answer(&self, step: &StatusStep, at: Timestamp) -> Result<Answers, CallError> {
        let mut answers = self.world.keep_answer(step, at).await?;
        if self.is(Mutant::CoversTheWorse) {
            answers.retain(|trigger, _| *trigger == step.trigger);
        }
        Ok(answers)
    }
}

impl PolicyReader for Mutated {
    async fn policy_text(&self, name: &PolicyName) -> Result<Option<String>, CallError> {
        self.world.policy_text(name).await
    }
}

impl KillSwitch for Mutated {
    async fn is_on(&self) -> bool {
        !self.is(Mutant::SwitchFailsOpen) && self.world.is_on().await
    }
}

impl Messenger for Mutated {
    async fn send(&self, queue: Queue, bodies: &[String]) -> Result<(), CallError> {
        self.world.send(queue, bodies).await
    }
}

impl Announcer for Mutated {
    fn address(&self) -> StackAddress {
        self.world.address()
    }

    async fn publish(&self, topic: Topic, notice: &Notice) -> Result<(), CallError> {
        let published = self.world.publish(topic, notice).await;
        if self.is(Mutant::PublishedAtMostOnce) { Ok(()) } else { published }
    }

    async fn put_on_bus(
        &self,
        events: &[BusEvent],
    ) -> Result<BTreeMap<usize, CallError>, CallError> {
        let put = self.world.put_on_bus(events).await;
        match self.mutant {
            Mutant::RefusedEntryDropped => put.map(|_| BTreeMap::new()),
            Mutant::PublishedAtMostOnce => Ok(BTreeMap::new()),
            _ => put,
        }
    }

    async fn mark_announced(&self, subject: &Subject, seq: u64) -> Result<(), CallError> {
        self.world.mark_announced(subject, seq).await
    }

    async fn note_told(
        &self,
        subject: &Subject,
        seq: u64,
        told: &BTreeSet<Receiver>,
    ) -> Result<(), CallError> {
        if self.is(Mutant::OneReceiverIsEnough) {
            return self.world.mark_announced(subject, seq).await;
        }
        self.world.note_told(subject, seq, told).await
    }

    async fn waiting_history(&self, pk: &str, sk: &str) -> Result<Option<Unannounced>, CallError> {
        self.world.waiting_history(pk, sk).await
    }
}

impl DayReader for Mutated {
    async fn families_of_day(&self, day: Day, from: Option<String>) -> Result<DayPage, CallError> {
        let mut page = self.world.families_of_day(day, from).await?;
        if self.is(Mutant::FirstPageOnly) {
            page.next = None;
        }
        Ok(page)
    }

    async fn enrolments_ended_on(
        &self,
        day: Day,
        from: Option<String>,
    ) -> Result<EndedPage, CallError> {
        let mut page = self.world.enrolments_ended_on(day, from).await?;
        if self.is(Mutant::FirstPageOnly) {
            page.next = None;
        }
        Ok(page)
    }
}

impl DigestKeeper for Mutated {
    async fn digest(&self, key: &DigestKey) -> Result<DigestState, CallError> {
        self.world.digest(key).await
    }

    async fn keep_draft(&self, key: &DigestKey, draft: &Draft) -> Result<Committed, CallError> {
        if self.is(Mutant::ForgetsTheDraft) {
            return Ok(Committed::Yes);
        }
        self.world.keep_draft(key, draft).await
    }

    async fn note_digest_published(&self, key: &DigestKey) -> Result<(), CallError> {
        self.world.note_digest_published(key).await
    }
}

impl RecordReader for Mutated {
    async fn press_and_budget(&self, key: &PressKey) -> Result<(Press, Budget), CallError> {
        let (mut press, budget) = self.world.press_and_budget(key).await?;
        if self.is(Mutant::TellsEachRefusal) {
            press.told = None;
        }
        if self.is(Mutant::NoHourlyLimit) {
            let mut empty = Budget::default();
            empty.rev = budget.rev;
            return Ok((press, empty));
        }
        Ok((press, budget))
    }

    async fn enrolment(&self, key: &EnrolmentKey) -> Result<Enrolled, CallError> {
        self.world.enrolment(key).await
    }

    async fn family(&self, id: &FamilyId) -> Result<Option<Family>, CallError> {
        let family = self.world.family(id).await?;
        Ok(match family {
            Some(family) if self.is(Mutant::LeaseIgnored) => {
                Some(Family { work: WorkState { lease: None, ..family.work }, ..family })
            }
            family => family,
        })
    }

    async fn family_of_image(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<Option<FamilyId>, CallError> {
        if self.is(Mutant::CopiesWhateverIsAvailable) {
            self.copy_what_is_available(region, image).await?;
        }
        self.world.family_of_image(region, image).await
    }

    async fn kept_policy(&self, hash: &str) -> Result<Option<String>, CallError> {
        self.world.kept_policy(hash).await
    }
}

impl RecordWriter for Mutated {
    async fn commit(&self, transaction: &Transaction) -> Result<Committed, CallError> {
        if self.is(Mutant::AnnouncesBeforeRecording) && transaction.family().is_some() {
            for item in transaction.history().filter(|item| item.event.is_announced()) {
                self.world
                    .publish(Topic::Notifications, &render(item, &self.world.address()))
                    .await?;
            }
        }
        self.world.commit(&self.rewritten(transaction)).await
    }

    async fn leave_hint(&self, family: &FamilyId, holder: &str) -> Result<bool, CallError> {
        self.world.leave_hint(family, holder).await
    }

    async fn keep_rejected(&self, rejected: &RejectedMessage) -> Result<(), CallError> {
        if self.is(Mutant::PoisonComesAgain) {
            return Err(CallError {
                action: "handle",
                subject: rejected.message_id.as_str().into(),
                region: self.world.cloud().home(),
                code: "Malformed".to_owned(),
                message: rejected.reason.as_str().into(),
                request_id: None,
                fault: Fault::Reject,
            });
        }
        self.world.keep_rejected(rejected).await
    }
}

impl DueReader for Mutated {
    fn shards(&self) -> u32 {
        self.world.shards()
    }

    async fn due(
        &self,
        shard: u32,
        now: Timestamp,
        from: Option<String>,
    ) -> Result<DuePage, CallError> {
        let mut page = self.world.due(shard, now, from).await?;
        if self.is(Mutant::FirstPageOnly) {
            page.next = None;
        }
        if self.is(Mutant::SlotOnTimeOnly) {
            let on_time = |at: &Timestamp| now.as_second() - at.as_second() < 300;
            page.items.retain(|due| !matches!(due, Due::Enrolment { at, .. } if !on_time(at)));
        }
        if self.is(Mutant::TodayOnly) {
            let midnight = now.as_second() - now.as_second().rem_euclid(86_400);
            page.items
                .retain(|due| !matches!(due, Due::Family { at, .. } if at.as_second() < midnight));
        }
        Ok(page)
    }

    async fn budget(&self, account: &AccountId) -> Result<Budget, CallError> {
        self.world.budget(account).await
    }

    async fn presses_under_way(&self, keys: &[PressKey]) -> Result<BTreeSet<PressKey>, CallError> {
        self.world.presses_under_way(keys).await
    }
}

impl Catalogue for Mutated {
    async fn families(
        &self,
        limit: usize,
        after: Option<&Family>,
    ) -> Result<Vec<Family>, CallError> {
        self.world.families(limit, after).await
    }

    async fn families_of_instance(
        &self,
        region: &Region,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Vec<Family>, CallError> {
        self.world.families_of_instance(region, instance, limit).await
    }

    async fn history(&self, id: &FamilyId) -> Result<Vec<HistoryItem>, CallError> {
        self.world.history(id).await
    }
}
