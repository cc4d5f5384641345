//! Who hears of what happened: people by topics, programs by the bus.

use crate::history::{EventKind, HistoryItem, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A topic that people and queues subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Everything that is announced.
    Notifications,
    /// What somebody has to act on.
    Attention,
    /// What became of a policy's images of a day.
    Digest,
    /// The same news as for everything, less the steps on the way, in the form of AWS's chat
    /// service.
    Chat,
}

impl Topic {
    /// A short name, for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::Notifications => "notifications",
            Topic::Attention => "attention",
            Topic::Digest => "digest",
            Topic::Chat => "chat",
        }
    }
}

/// One who is told. Each is told for itself: what one has is not lost for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receiver {
    /// The topic for everything.
    Notifications,
    /// The topic for what needs a person.
    Attention,
    /// The topic for a chat channel.
    Chat,
    /// The bus for programs.
    Bus,
}

/// How a receiver is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A topic.
    Topic(Topic),
    /// The bus.
    Bus,
}

impl Receiver {
    /// As in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Receiver::Notifications => "notifications",
            Receiver::Attention => "attention",
            Receiver::Chat => "chat",
            Receiver::Bus => "bus",
        }
    }

    /// How it is reached.
    pub fn way(self) -> Way {
        match self {
            Receiver::Notifications => Way::Topic(Topic::Notifications),
            Receiver::Attention => Way::Topic(Topic::Attention),
            Receiver::Chat => Way::Topic(Topic::Chat),
            Receiver::Bus => Way::Bus,
        }
    }
}

/// Who hears of an event. What stands only in the history has no receiver. The topic for everything
/// and the bus hear of all the rest, the chat of all but the steps of a family, and the topic for
/// what needs a person of that alone.
pub fn receivers(event: EventKind) -> BTreeSet<Receiver> {
    if !event.is_announced() {
        return BTreeSet::new();
    }
    let attention = match event.severity() {
        Severity::Error => Some(Receiver::Attention),
        Severity::Info | Severity::Warning => None,
    };
    let chat = (!event.is_step()).then_some(Receiver::Chat);
    [Receiver::Notifications, Receiver::Bus].into_iter().chain(attention).chain(chat).collect()
}

/// A history item that waits until everybody was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unannounced {
    /// The item.
    pub item: HistoryItem,
    /// Who has it already.
    pub told: BTreeSet<Receiver>,
}

impl Unannounced {
    /// An item that nobody has yet.
    pub fn by_nobody(item: HistoryItem) -> Self {
        Self { item, told: BTreeSet::new() }
    }

    /// Who is still to be told.
    pub fn missing(&self) -> BTreeSet<Receiver> {
        receivers(self.item.event).difference(&self.told).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Receiver::{Attention, Bus, Chat, Notifications};

    #[test]
    fn only_what_needs_a_person_goes_to_the_topic_for_that_and_steps_go_nowhere() {
        let table: [(&[Receiver], &[EventKind]); 4] = [
            (
                &[],
                &[
                    EventKind::ImageRequested,
                    EventKind::CopyStarted,
                    EventKind::ImageShared,
                    EventKind::FamilyRetried,
                ],
            ),
            (
                &[Notifications, Bus],
                &[
                    EventKind::ImageCreating,
                    EventKind::ImageAvailable,
                    EventKind::ImageFailed,
                    EventKind::CopyAvailable,
                    EventKind::CopyFailed,
                    EventKind::ShareFailed,
                ],
            ),
            (
                &[Notifications, Chat, Bus],
                &[
                    EventKind::ImageDeregistered,
                    EventKind::ImageDisabled,
                    EventKind::ImageEnabled,
                    EventKind::SharedByOthers,
                    EventKind::ShareTakenBack,
                    EventKind::SharesInOrder,
                    EventKind::FamilyComplete,
                    EventKind::RequestRejected,
                    EventKind::SlotsMissed,
                    EventKind::CoverageRestored,
                    EventKind::EnrolmentEnded,
                    EventKind::PolicyAccepted,
                    EventKind::KillSwitchOn,
                    EventKind::KillSwitchOff,
                ],
            ),
            (
                &[Notifications, Attention, Chat, Bus],
                &[
                    EventKind::DuplicateFound,
                    EventKind::ImageMadePublic,
                    EventKind::FamilyPartial,
                    EventKind::FamilyFailed,
                    EventKind::CoverageLost,
                    EventKind::PolicyRefused,
                ],
            ),
        ];
        for (expected, events) in table {
            for event in events {
                assert_eq!(
                    receivers(*event),
                    expected.iter().copied().collect(),
                    "{}",
                    event.as_str()
                );
            }
        }
    }

    #[test]
    fn the_record_names_receivers_as_they_are_called() {
        for receiver in [Notifications, Attention, Chat, Bus] {
            assert_eq!(serde_json::to_value(receiver).unwrap(), receiver.as_str());
        }
    }
}
