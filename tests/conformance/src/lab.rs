//! What a place must offer for the suite to be run in it.

use amiline_app::functions::Queue;
use amiline_app::ports::{
    Announcer, AnswerKeeper, BoundsReader, Catalogue, Clock, DayCountReader, DayReader,
    DigestKeeper, DueReader, EnrolmentReader, ImageCopier, ImageCreator, ImageLister, ImageReader,
    ImageSharer, InstanceReader, InstanceTagger, KeyReader, KillSwitch, MadeReader, Messenger,
    PermissionReader, PolicyHistory, PolicyReader, PolicyStore, PolicyWriter, RecordReader,
    RecordWriter, TagReader, WatchReader,
};
use amiline_domain::ids::{AccountId, ImageId, InstanceId, KeyAlias, Region};
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::Launch;
use serde_json::Value;
use std::collections::BTreeMap;

/// What was published, as a subscribed queue gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The subject.
    pub subject: String,
    /// The message.
    pub message: String,
    /// The attributes by name.
    pub attributes: BTreeMap<String, String>,
}

/// What arrived of an event on the bus, as a rule's target gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromBus {
    /// The `source`.
    pub source: String,
    /// The `detail-type`.
    pub detail_type: String,
    /// The `detail`.
    pub detail: Value,
}

/// A cloud with the ports of each function, and with what only its keeper can do.
///
/// Images stay pending until [`Lab::settle`], unless [`Lab::let_images_take`] says otherwise.
/// Nobody else works on the table, the queues and the parameters. Each call of a function's method
/// gives a fresh world, which remembers nothing. Two snapshots of one volume need no time between
/// them until [`Lab::let_volumes_rest`].
pub trait Lab {
    /// What `create-image` has.
    type CreateImage: Clock
        + InstanceReader
        + ImageReader
        + ImageCreator
        + InstanceTagger
        + AnswerKeeper
        + PolicyReader
        + PolicyHistory
        + MadeReader
        + WatchReader
        + DayCountReader
        + KillSwitch
        + RecordReader
        + RecordWriter
        + Messenger;
    /// What `distribute-image` has.
    type DistributeImage: ImageReader
        + KeyReader
        + PermissionReader
        + ImageCopier
        + ImageSharer
        + InstanceTagger
        + AnswerKeeper
        + KillSwitch
        + RecordReader
        + RecordWriter;
    /// What `schedule-tick` has.
    type ScheduleTick: DueReader
        + DayReader
        + EnrolmentReader
        + MadeReader
        + WatchReader
        + TagReader
        + ImageLister
        + PolicyStore
        + PolicyHistory
        + Messenger;
    /// What `notify` has.
    type Notify: Announcer + DayReader + DigestKeeper + RecordReader + RecordWriter;
    /// What the operator's command has.
    type Operator: Catalogue
        + RecordReader
        + RecordWriter
        + Messenger
        + PolicyStore
        + PolicyHistory
        + PolicyWriter
        + BoundsReader;

    /// A fresh world of `create-image`.
    fn create_image(&self) -> Self::CreateImage;
    /// A fresh world of `distribute-image`.
    fn distribute_image(&self) -> Self::DistributeImage;
    /// A fresh world of `schedule-tick`.
    fn schedule_tick(&self) -> Self::ScheduleTick;
    /// A fresh world of `notify`.
    fn notify(&self) -> Self::Notify;
    /// A fresh world of the operator.
    fn operator(&self) -> Self::Operator;

    /// A number that this lab has not given before, from 1.
    fn number(&self) -> u32;
    /// The account.
    fn account(&self) -> AccountId;
    /// Another account.
    fn other_account(&self) -> AccountId;
    /// The Region that the stack is in.
    fn home(&self) -> Region;
    /// Another Region.
    fn elsewhere(&self) -> Region;
    /// The alias of a customer key that both Regions have.
    fn key(&self) -> KeyAlias;

    /// Lets a moment pass: what lags behind may catch up.
    async fn pass(&self);
    /// Launches instances.
    async fn launch(&self, region: &Region, launch: &Launch, count: usize) -> Vec<InstanceId>;
    /// Terminates an instance.
    async fn terminate(&self, region: &Region, instance: &InstanceId);
    /// Images that are asked for from now on are pending for so many seconds; `None`: until they
    /// are settled.
    async fn let_images_take(&self, seconds: Option<u32>);
    /// A pending image becomes what it will be, now.
    async fn settle(&self, region: &Region, image: &ImageId);
    /// A pending image fails now.
    async fn fail(&self, region: &Region, image: &ImageId, why: &str);
    /// Somebody disables an image.
    async fn disable(&self, region: &Region, image: &ImageId);
    /// Somebody enables a disabled image.
    async fn enable(&self, region: &Region, image: &ImageId);
    /// Somebody deregisters an image.
    async fn deregister(&self, region: &Region, image: &ImageId);
    /// An account is closed, or an organizational unit deleted.
    async fn close(&self, target: &ShareTarget);
    /// Somebody makes an image public, or takes that back.
    async fn make_public(&self, region: &Region, image: &ImageId, on: bool);
    /// Who may launch an image besides its owner.
    async fn shared_with(&self, region: &Region, image: &ImageId) -> Vec<ShareTarget>;
    /// The time within which EC2 completes each snapshot of an image, in minutes; `None`: when it
    /// can.
    async fn promised_minutes(&self, region: &Region, image: &ImageId) -> Vec<Option<u32>>;
    /// The tags of each snapshot of an image, whether a describe shows them with the image or not.
    async fn snapshot_tags(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Vec<BTreeMap<String, String>>;
    /// The EBS devices of an image, and whether the volume of each is deleted with an instance that
    /// is launched from it.
    async fn devices(&self, region: &Region, image: &ImageId) -> BTreeMap<String, bool>;
    /// Another account makes an image at home, with these tags, and lets this account launch it.
    async fn image_of_another_account(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> ImageId;
    /// Whether two snapshots of one volume need some time between them from now on.
    async fn let_volumes_rest(&self, on: bool);
    /// Makes a customer key in both Regions, under an alias that nobody has.
    async fn make_key(&self) -> KeyAlias;
    /// Somebody disables or enables a key in a Region.
    async fn let_key_work(&self, region: &Region, key: &KeyAlias, on: bool);
    /// Everything that EC2 announced of an image's state or a resource's tags, oldest first, by the
    /// end of the ARN. Of each event all but its version, its id and its time.
    async fn announced(&self, about: &str) -> Vec<Value>;
    /// Switches the Region's "EBS encryption by default", which is off at first.
    async fn let_ebs_encrypt(&self, region: &Region, on: bool);
    /// Writes a policy, or takes it away.
    async fn put_policy(&self, name: &str, text: Option<&str>);
    /// Writes what the stack states of its limits, or takes it away.
    async fn put_bounds(&self, text: Option<&str>);
    /// Writes the kill switch, or takes it away.
    async fn put_kill_switch(&self, value: Option<&str>);
    /// Takes the messages out of a queue that are in it now.
    async fn take_messages(&self, queue: Queue) -> Vec<String>;
    /// How often a message of this queue is received before it is given up.
    async fn receives_max(&self, queue: Queue) -> usize;
    /// Receives a message and does not acknowledge it; `None` if there is none.
    async fn fail_message(&self, queue: Queue) -> Option<String>;
    /// Takes the messages out of a queue's dead-letter queue that are in it now.
    async fn take_dead_letters(&self, queue: Queue) -> Vec<String>;
    /// A rejected message that was kept on the day, by its id: function, code, reason and excerpt.
    async fn kept_rejected(&self, day: &str, message_id: &str) -> Option<[String; 4]>;
    /// Takes what was published on the topic for everything since the last time.
    async fn take_published(&self) -> Vec<Published>;
    /// Takes what was published on the topic for what needs a person since the last time.
    async fn take_calls_for_attention(&self) -> Vec<Published>;
    /// Takes what arrived from the bus since the last time.
    async fn take_from_bus(&self) -> Vec<FromBus>;
    /// The next call that puts events on the bus succeeds and refuses those at these places.
    async fn let_bus_refuse(&self, places: &[u32]);
}

/// Lets moments pass until it is so. Whoever asks says what was expected if it never is.
pub(crate) async fn until<L: Lab>(lab: &L, mut so: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..150 {
        if so().await {
            return true;
        }
        lab.pass().await;
    }
    false
}

/// Of an event all but its version, its id and its time.
pub(crate) fn announcement(event: &Value) -> Value {
    let kept = ["detail-type", "source", "account", "region", "resources", "detail"];
    kept.into_iter().map(|name| (name.to_owned(), event[name].clone())).collect()
}
