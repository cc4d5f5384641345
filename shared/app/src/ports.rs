//! The ports: what the use cases need of the world, reads apart from writes.
//!
//! Futures need not be `Send`: a Lambda function serves one message at a time, and the simulation
//! runs them all on one thread.

#![allow(async_fn_in_trait, reason = "every caller is in this workspace and single-threaded")]

use crate::functions::Queue;
use amiline_domain::answers::Answers;
use amiline_domain::budget::{Budget, DayCount};
use amiline_domain::bus::BusEvent;
use amiline_domain::console::StackAddress;
use amiline_domain::coverage::Made;
use amiline_domain::digest::DigestKey;
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::Family;
use amiline_domain::fault::Fault;
use amiline_domain::history::{HistoryItem, Subject};
use amiline_domain::ids::{
    AccountId, FamilyId, ImageId, InstanceId, KeyAlias, PolicyName, Region, SnapshotId, StackName,
};
use amiline_domain::image::{ObservedImage, ObservedInstance, SnapshotKeys};
use amiline_domain::notice::Notice;
use amiline_domain::plan::{CopyStep, CreateStep, ShareStep, StatusStep, TagStep};
use amiline_domain::policy::Watch;
use amiline_domain::press::{Press, PressKey};
use amiline_domain::reason::AwsError;
use amiline_domain::receiver::{Receiver, Topic, Unannounced};
use amiline_domain::record::Transaction;
use amiline_domain::switch::{Position, Switch};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

mod days;
mod shares;

pub use days::{DayPage, DayReader, DigestKeeper, EndedPage};
pub use shares::{ImageLister, PermissionReader};

/// A call to AWS that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{action} of {subject} in {region} failed: {code}: {message}")]
pub struct CallError {
    /// `service:Action`.
    pub action: &'static str,
    /// What it was about: an image, an instance, a table, a queue.
    pub subject: Box<str>,
    /// Where.
    pub region: Region,
    /// The AWS error code; `Timeout`, `NoAnswer` or `Unreadable` where AWS gave none.
    pub code: String,
    /// The AWS error message, on one line.
    pub message: Box<str>,
    /// AWS's id of the request, if it gave one. CloudTrail and AWS Support find the call by it.
    pub request_id: Option<Box<str>>,
    /// What it means for us.
    pub fault: Fault,
}

impl CallError {
    /// What AWS said, for a record that says the rest already.
    pub fn aws_error(&self) -> AwsError {
        AwsError::new(self.action, &self.code, &self.message, self.request_id.as_deref())
    }
}

/// The time.
pub trait Clock {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Lets others go first for a moment (well under a second, longer with each `round`), so that
    /// those who were in each other's way do not meet again at once.
    async fn give_way(&self, round: usize);
}

/// Instances, as EC2 shows them.
pub trait InstanceReader {
    /// One instance with its tags; `None` if EC2 does not know it (which may be a lagging read).
    async fn instance(
        &self,
        region: &Region,
        id: &InstanceId,
    ) -> Result<Option<ObservedInstance>, CallError>;
}

/// Tags of instances, as EC2 shows them.
pub trait TagReader {
    /// Every instance in the Region that carries the tag key, with the tag's value, following every
    /// page.
    async fn instances_tagged(
        &self,
        region: &Region,
        key: &str,
    ) -> Result<Vec<(InstanceId, String)>, CallError>;
}

/// Images, as EC2 shows them. Own images only.
pub trait ImageReader {
    /// Own images with these ids that EC2 shows, disabled ones included; unknown ids are left out,
    /// not an error.
    async fn images_by_id(
        &self,
        region: &Region,
        ids: &[ImageId],
    ) -> Result<Vec<ObservedImage>, CallError>;
    /// Own images that carry the tag, disabled ones included, following every page.
    async fn images_by_tag(
        &self,
        region: &Region,
        key: &str,
        value: &str,
    ) -> Result<Vec<ObservedImage>, CallError>;
}

/// Keys of snapshots.
pub trait KeyReader {
    /// The keys that the snapshots are under, and the key that the alias names in that Region.
    async fn snapshot_keys(
        &self,
        region: &Region,
        snapshots: &[SnapshotId],
        alias: &KeyAlias,
    ) -> Result<SnapshotKeys, CallError>;
}

/// The right to make an image of an instance.
pub trait ImageCreator {
    /// CreateImage, with the tags in the call. Never repeated inside the adapter except after a
    /// definite refusal.
    async fn create_image(&self, step: &CreateStep) -> Result<ImageId, CallError>;
}

/// The right to copy an image.
pub trait ImageCopier {
    /// CopyImage in the destination Region, with the tags and the client token in the call.
    async fn copy_image(&self, step: &CopyStep) -> Result<ImageId, CallError>;
}

/// The right to share an image.
pub trait ImageSharer {
    /// Adds launch permissions for accounts, organizations and organizational units. A group cannot
    /// be expressed.
    async fn share_image(&self, step: &ShareStep) -> Result<(), CallError>;
}

/// The right to answer on an instance.
pub trait InstanceTagger {
    /// Removes the tag if it has exactly this key and value. Removing all tags cannot be expressed.
    async fn remove_tag(&self, step: &TagStep) -> Result<(), CallError>;
    /// Writes one tag.
    async fn write_tag(&self, step: &TagStep) -> Result<(), CallError>;
}

/// What instances were answered lately. It is remembered for a day.
pub trait AnswerKeeper {
    /// Keeps the newest answer to one who asked, and returns the newest to each.
    async fn keep_answer(&self, step: &StatusStep, at: Timestamp) -> Result<Answers, CallError>;
}

/// The right to press an instance's button, as a person does.
pub trait ButtonPresser {
    /// Writes the button's tag.
    async fn press_button(&self, step: &TagStep) -> Result<(), CallError>;
}

/// Policies and the kill switch, as Parameter Store has them; cached for less than a minute.
pub trait PolicyReader {
    /// The text of a policy; `None` if there is none of that name.
    async fn policy_text(&self, name: &PolicyName) -> Result<Option<String>, CallError>;
}

/// A policy as Parameter Store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPolicy {
    /// The last part of the parameter's name. Whoever writes parameters may give it one that no tag
    /// can name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// From 1; each writing makes the next one.
    pub version: u64,
    /// When this version was written.
    pub at: Timestamp,
}

/// A version of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// From 1.
    pub version: u64,
    /// Its text.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it: an ARN.
    pub by: String,
}

/// Policies as their administrator sees them: read anew each time, with their versions.
pub trait PolicyStore {
    /// All policies by name, following every page.
    async fn policies(&self) -> Result<Vec<StoredPolicy>, CallError>;
    /// One policy; `None` if there is none of that name.
    async fn stored_policy(&self, name: &PolicyName) -> Result<Option<StoredPolicy>, CallError>;
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It may be kept for less than a minute.
    Kept,
    /// It is asked for now.
    Fresh,
}

/// The versions of policies.
pub trait PolicyHistory {
    /// The versions that Parameter Store keeps (the newest 100), oldest first, following every
    /// page; empty if there is no such policy. Functions may get an answer of less than a minute
    /// ago, unless they ask for a fresh one.
    async fn policy_versions(
        &self,
        name: &PolicyName,
        how: Freshness,
    ) -> Result<Vec<PolicyVersion>, CallError>;
}

/// The stack's limits, as it states them for whoever writes policies.
pub trait BoundsReader {
    /// The text that states them; `None` if the stack states none.
    async fn stated_bounds(&self) -> Result<Option<String>, CallError>;
}

/// The right to write policies.
pub trait PolicyWriter {
    /// Writes a policy that is not there yet and gives its version; `None` if there is one already:
    /// nothing was written.
    async fn create_policy(&self, name: &PolicyName, text: &str) -> Result<Option<u64>, CallError>;
    /// Writes a policy over whatever is there and gives its version. Parameter Store knows no
    /// condition on this, so only the version tells whether somebody else wrote in between.
    async fn replace_policy(&self, name: &PolicyName, text: &str) -> Result<u64, CallError>;
    /// Deletes a policy with all its versions; `false` if there was none of that name.
    async fn delete_policy(&self, name: &PolicyName) -> Result<bool, CallError>;
}

/// The switch that stops every mutation.
pub trait KillSwitch {
    /// Whether it is on. A parameter that does not exist is off; a read that fails, and any value
    /// but `off`, are on.
    async fn is_on(&self) -> bool;
}

/// Who calls, as AWS sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The caller's ARN.
    pub arn: String,
    /// The account.
    pub account: AccountId,
}

/// The right to turn the kill switch, and what there is to know of it.
pub trait SwitchKeeper {
    /// The parameter's value as it is now; `None` if it does not exist.
    async fn switch_value(&self) -> Result<Option<String>, CallError>;
    /// Writes the parameter.
    async fn put_switch(&self, to: Position) -> Result<(), CallError>;
    /// What is recorded of it; untouched if there is nothing yet.
    async fn switch_record(&self, stack: &StackName) -> Result<Switch, CallError>;
    /// Who turns it.
    async fn caller(&self) -> Result<Caller, CallError>;
}

/// The table, for reading. Every read is consistent.
pub trait RecordReader {
    /// A press and the hour's count; untouched and empty if there is nothing yet.
    async fn press_and_budget(&self, key: &PressKey) -> Result<(Press, Budget), CallError>;
    /// An instance's enrolment with its button and the hour's count; empty, untouched and empty if
    /// there is nothing yet.
    async fn enrolment(&self, key: &EnrolmentKey) -> Result<Enrolled, CallError>;
    /// A family with its rows and pending hints.
    async fn family(&self, id: &FamilyId) -> Result<Option<Family>, CallError>;
    /// The family that an image belongs to.
    async fn family_of_image(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<Option<FamilyId>, CallError>;
    /// The policy text kept under a hash.
    async fn kept_policy(&self, hash: &str) -> Result<Option<String>, CallError>;
}

/// What one read of an instance's enrolment gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Its seats.
    pub enrolment: Enrolment,
    /// Its button.
    pub press: Press,
    /// The account's count.
    pub budget: Budget,
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Written.
    Yes,
    /// Nothing was written: a condition did not hold. Load again and plan again.
    Conflict,
}

/// The table, for writing.
pub trait RecordWriter {
    /// Writes one transaction, if every condition in it holds. An error with [`Fault::Unknown`] may
    /// have been written: read again before anything else.
    async fn commit(&self, transaction: &Transaction) -> Result<Committed, CallError>;
    /// Adds 1 to the family's pending hints if `holder` still has its lease; `false` if not.
    async fn leave_hint(&self, family: &FamilyId, holder: &str) -> Result<bool, CallError>;
    /// Keeps a message that was rejected, for 30 days. Repeating it is harmless.
    async fn keep_rejected(&self, rejected: &RejectedMessage) -> Result<(), CallError>;
}

/// A message that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedMessage {
    /// The queue's id of it.
    pub message_id: String,
    /// The function that rejected it.
    pub function: &'static str,
    /// A short stable word.
    pub code: String,
    /// Why.
    pub reason: String,
    /// The beginning of it, made safe.
    pub excerpt: String,
    /// When.
    pub at: Timestamp,
}

/// Which message to send for something that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A family, for the function whose turn it is.
    Family {
        /// Which.
        family: FamilyId,
        /// Whose turn.
        role: amiline_domain::family::Role,
        /// Since when.
        at: Timestamp,
    },
    /// An instance to look at again.
    Press {
        /// Which.
        key: PressKey,
        /// Since when.
        at: Timestamp,
    },
    /// An instance whose turn has come, or whose enrolment is to be looked at again.
    Enrolment {
        /// Which.
        key: EnrolmentKey,
        /// Since when.
        at: Timestamp,
    },
    /// A history item that was not published in time.
    History {
        /// Its partition key.
        pk: String,
        /// Its sort key.
        sk: String,
        /// Since when.
        at: Timestamp,
    },
    /// A digest of a day that was read in part.
    Digest {
        /// Which.
        key: DigestKey,
        /// Since when.
        at: Timestamp,
    },
}

/// What was told of policies.
pub trait WatchReader {
    /// What was told of these policies; those of which nothing was are left out.
    async fn watches(
        &self,
        policies: &[PolicyName],
    ) -> Result<BTreeMap<PolicyName, Watch>, CallError>;
}

/// What was made under policies.
pub trait DayCountReader {
    /// How many images were asked for under a policy on its newest day.
    async fn day_count(&self, policy: &PolicyName) -> Result<DayCount, CallError>;
}

/// What was made of instances.
pub trait MadeReader {
    /// A page of what was made of an instance under policies, newest first, and where to go on.
    async fn made(&self, key: &EnrolmentKey, from: Option<String>) -> Result<MadePage, CallError>;
}

/// A page of what was made of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadePage {
    /// What was made.
    pub made: Vec<Made>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// Enrolments, many at once.
pub trait EnrolmentReader {
    /// The enrolments of these instances; those that have none are left out.
    async fn enrolments(
        &self,
        keys: &[EnrolmentKey],
    ) -> Result<BTreeMap<EnrolmentKey, Enrolment>, CallError>;
}

/// The index of what is due.
pub trait DueReader {
    /// How many parts the index has.
    fn shards(&self) -> u32;
    /// One page of what was due at `now` in one part, and where to go on.
    async fn due(
        &self,
        shard: u32,
        now: Timestamp,
        from: Option<String>,
    ) -> Result<DuePage, CallError>;
    /// The hour's count.
    async fn budget(&self, account: &AccountId) -> Result<Budget, CallError>;
    /// Those of the presses that are under way: their families have due times of their own.
    async fn presses_under_way(&self, keys: &[PressKey]) -> Result<BTreeSet<PressKey>, CallError>;
}

/// A page of what is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// What is due, oldest first.
    pub items: Vec<Due>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// Sending messages to the functions' queues.
pub trait Messenger {
    /// Sends every message, in batches, sending again the ones that a batch refused; an error if
    /// any was not sent.
    async fn send(&self, queue: Queue, bodies: &[String]) -> Result<(), CallError>;
}

/// Telling what happened, and noting who was told.
pub trait Announcer {
    /// The stack that the news are of: messages say which command to type for it.
    fn address(&self) -> StackAddress;
    /// Publishes a notice on a topic.
    async fn publish(&self, topic: Topic, notice: &Notice) -> Result<(), CallError>;
    /// Puts events on the bus in one call: at most as many as `amiline_domain::bus::batches` puts
    /// together. The bus takes or refuses each by itself: the places of those that it refused, and
    /// why. An error is about all of them.
    async fn put_on_bus(
        &self,
        events: &[BusEvent],
    ) -> Result<BTreeMap<usize, CallError>, CallError>;
    /// Marks a history item as announced: every receiver was told.
    async fn mark_announced(&self, subject: &Subject, seq: u64) -> Result<(), CallError>;
    /// Adds to those who were told of a history item that goes on waiting for the others.
    async fn note_told(
        &self,
        subject: &Subject,
        seq: u64,
        told: &BTreeSet<Receiver>,
    ) -> Result<(), CallError>;
    /// A history item that still waits to be announced; `None` if it is gone or was announced.
    async fn waiting_history(&self, pk: &str, sk: &str) -> Result<Option<Unannounced>, CallError>;
}

/// For people: lists, newest first.
pub trait Catalogue {
    /// The newest families, at most `limit`; with `after`, those that were made before that one.
    async fn families(
        &self,
        limit: usize,
        after: Option<&Family>,
    ) -> Result<Vec<Family>, CallError>;
    /// The newest families of an instance, at most `limit`.
    async fn families_of_instance(
        &self,
        region: &Region,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Vec<Family>, CallError>;
    /// A family's history, oldest first.
    async fn history(&self, id: &FamilyId) -> Result<Vec<HistoryItem>, CallError>;
}
