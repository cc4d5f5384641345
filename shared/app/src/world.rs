//! The sets of ports that the functions have, by name.

use crate::ports::{
    Announcer, AnswerKeeper, Catalogue, Clock, DayCountReader, DayReader, DigestKeeper, DueReader,
    EnrolmentReader, ImageCopier, ImageCreator, ImageLister, ImageReader, ImageSharer,
    InstanceReader, InstanceTagger, KeyReader, KillSwitch, MadeReader, Messenger, PermissionReader,
    PolicyHistory, PolicyReader, PolicyStore, RecordReader, RecordWriter, TagReader, WatchReader,
};

/// What `create-image` has.
pub trait Create:
    Clock
    + InstanceReader
    + ImageReader
    + ImageCreator
    + InstanceTagger
    + AnswerKeeper
    + PolicyReader
    + PolicyStore
    + PolicyHistory
    + MadeReader
    + WatchReader
    + DayCountReader
    + KillSwitch
    + RecordReader
    + RecordWriter
    + Messenger
{
}

impl<T> Create for T where
    T: Clock
        + InstanceReader
        + ImageReader
        + ImageCreator
        + InstanceTagger
        + AnswerKeeper
        + PolicyReader
        + PolicyStore
        + PolicyHistory
        + MadeReader
        + WatchReader
        + DayCountReader
        + KillSwitch
        + RecordReader
        + RecordWriter
        + Messenger
{
}

/// What `distribute-image` has.
pub trait Distribute:
    Clock
    + ImageReader
    + KeyReader
    + ImageCopier
    + ImageSharer
    + InstanceTagger
    + AnswerKeeper
    + PermissionReader
    + KillSwitch
    + RecordReader
    + RecordWriter
{
}

impl<T> Distribute for T where
    T: Clock
        + ImageReader
        + KeyReader
        + PermissionReader
        + ImageCopier
        + ImageSharer
        + InstanceTagger
        + AnswerKeeper
        + KillSwitch
        + RecordReader
        + RecordWriter
{
}

/// What `schedule-tick` has: no port that changes anything in EC2.
pub trait Tick:
    Clock
    + TagReader
    + ImageLister
    + PolicyStore
    + PolicyHistory
    + DueReader
    + EnrolmentReader
    + MadeReader
    + WatchReader
    + DayReader
    + Messenger
{
}

impl<T> Tick for T where
    T: Clock
        + TagReader
        + ImageLister
        + PolicyStore
        + PolicyHistory
        + DueReader
        + EnrolmentReader
        + MadeReader
        + WatchReader
        + DayReader
        + Messenger
{
}

/// What `notify` has: it tells, and notes that it did.
pub trait Notify: Clock + Announcer + DayReader + DigestKeeper {}

impl<T> Notify for T where T: Clock + Announcer + DayReader + DigestKeeper {}

/// What the operator's command has.
pub trait Operate: Clock + RecordReader + RecordWriter + Messenger + Catalogue {}

impl<T> Operate for T where T: Clock + RecordReader + RecordWriter + Messenger + Catalogue {}
