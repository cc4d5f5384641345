//! What a place must offer for the suite to be run in it.

use amiline_app::ports::{
    Announcer, BoundsReader, ButtonReader, Catalogue, Clock, DueReader, ImageCopier, ImageCreator, ImageReader,
    ImageSharer, InstanceReader, InstanceTagger, KeyReader, KillSwitch, Messenger, PolicyReader, PolicyStore,
    PolicyWriter, Queue, RecordReader, RecordWriter,
};
use amiline_domain::ids::{AccountId, ImageId, InstanceId, KeyAlias, Region};
use amiline_fakecloud::Launch;

/// A cloud with the ports of each function, and with what only its keeper can do.
///
/// Images stay pending until [`Lab::settle`], unless [`Lab::let_images_take`] says otherwise. Nobody else works on
/// the table, the queues and the parameters. Each call of a function's method gives a fresh world, which remembers
/// nothing.
pub trait Lab {
    /// What `create-image` has.
    type CreateImage: Clock
        + InstanceReader
        + ImageReader
        + ImageCreator
        + InstanceTagger
        + PolicyReader
        + KillSwitch
        + RecordReader
        + RecordWriter
        + Messenger;
    /// What `distribute-image` has.
    type DistributeImage: ImageReader
        + KeyReader
        + ImageCopier
        + ImageSharer
        + InstanceTagger
        + KillSwitch
        + RecordReader
        + RecordWriter;
    /// What `schedule-tick` has.
    type ScheduleTick: DueReader + ButtonReader + Messenger;
    /// What `notify` has.
    type Notify: Announcer + RecordReader + RecordWriter;
    /// What the operator's command has.
    type Operator: Catalogue + RecordReader + RecordWriter + Messenger + PolicyStore + PolicyWriter + BoundsReader;

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
    /// Images that are asked for from now on are pending for so many seconds; `None`: until they are settled.
    async fn let_images_take(&self, seconds: Option<u32>);
    /// A pending image becomes what it will be, now.
    async fn settle(&self, region: &Region, image: &ImageId);
    /// A pending image fails now.
    async fn fail(&self, region: &Region, image: &ImageId, why: &str);
    /// Somebody disables an image.
    async fn disable(&self, region: &Region, image: &ImageId);
    /// Somebody deregisters an image.
    async fn deregister(&self, region: &Region, image: &ImageId);
    /// The accounts that may launch an image besides its owner.
    async fn shared_with(&self, region: &Region, image: &ImageId) -> Vec<AccountId>;
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
    /// Takes what was published since the last time, as a subscribed queue gets it: the message, and the attributes
    /// by name.
    async fn take_published(&self) -> Vec<(String, Vec<(String, String)>)>;
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
