//! What is checked, by name: the invariants of ARCHITECTURE.md, and what a person who tags an
//! instance may expect.
//!
//! A check looks at what really happened in the cloud and at what was announced, never at the
//! record alone. Each counts how often it had something to look at: one that never had is vacuous,
//! and says nothing.

mod calls;
mod desired;
mod digests;
mod making;
pub(crate) mod news;
mod oracle;
mod repeats;
pub(crate) mod rest;
mod shares;
pub(crate) mod slots;
mod statuses;
mod transactions;
mod truth;
mod writes;

pub use oracle::Oracle;

/// One thing that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`says` is the documentation, and the report prints it")]
pub enum Check {
    OneCreate,
    OneCopy,
    TaggedFromBirth,
    AvailableWasSeen,
    OwnImagesOnly,
    ReferencedIsKept,
    SharesWithinBounds,
    PlacesWithinBounds,
    NeverLessEncrypted,
    RebootsByPolicyOnly,
    BoundedEffects,
    ReplayIsQuiet,
    OneWorker,
    DeadLeaseTakenOver,
    PressWasSeen,
    RecordedBeforeAnnounced,
    OutcomesAnnounced,
    RightReceivers,
    DigestIsTrue,
    FailuresRecorded,
    LineageKept,
    MessagesAccounted,
    ConvergesWithoutEvents,
    NeighboursNotHeldUp,
    KillSwitchStops,
    NoPanic,
    SameTrace,
    HourlyLimit,
    MinimumInterval,
    NoInventedPress,
    AnswerBeforeRemoval,
    PressAnswered,
    RefusalsHaveReasons,
    AnnouncedIsTrue,
    DesiredState,
    ComesToRest,
    TwinsLeftAlone,
    NewsNotForgotten,
    CallsAreWellFormed,
    AlwaysDue,
    IntentFirst,
    StatusIsTrue,
    EnrolmentWasSeen,
    SlotsAreReal,
    SlotsTaken,
    TagsAsAsked,
    DevicesAsAsked,
    NamesAsAsked,
    DailyLimit,
    NewsAreTrue,
    NewsInTurn,
    RefusalsToldOnce,
    WorseAnswerStays,
    SharesAsTold,
}

impl Check {
    /// Every check.
    pub const ALL: [Check; 54] = [
        Check::OneCreate,
        Check::OneCopy,
        Check::TaggedFromBirth,
        Check::AvailableWasSeen,
        Check::OwnImagesOnly,
        Check::ReferencedIsKept,
        Check::SharesWithinBounds,
        Check::PlacesWithinBounds,
        Check::NeverLessEncrypted,
        Check::RebootsByPolicyOnly,
        Check::BoundedEffects,
        Check::ReplayIsQuiet,
        Check::OneWorker,
        Check::DeadLeaseTakenOver,
        Check::PressWasSeen,
        Check::RecordedBeforeAnnounced,
        Check::OutcomesAnnounced,
        Check::RightReceivers,
        Check::DigestIsTrue,
        Check::FailuresRecorded,
        Check::LineageKept,
        Check::MessagesAccounted,
        Check::ConvergesWithoutEvents,
        Check::NeighboursNotHeldUp,
        Check::KillSwitchStops,
        Check::NoPanic,
        Check::SameTrace,
        Check::HourlyLimit,
        Check::MinimumInterval,
        Check::NoInventedPress,
        Check::AnswerBeforeRemoval,
        Check::PressAnswered,
        Check::RefusalsHaveReasons,
        Check::AnnouncedIsTrue,
        Check::DesiredState,
        Check::ComesToRest,
        Check::TwinsLeftAlone,
        Check::NewsNotForgotten,
        Check::CallsAreWellFormed,
        Check::AlwaysDue,
        Check::IntentFirst,
        Check::StatusIsTrue,
        Check::EnrolmentWasSeen,
        Check::SlotsAreReal,
        Check::SlotsTaken,
        Check::TagsAsAsked,
        Check::DevicesAsAsked,
        Check::NamesAsAsked,
        Check::DailyLimit,
        Check::NewsAreTrue,
        Check::NewsInTurn,
        Check::RefusalsToldOnce,
        Check::WorseAnswerStays,
        Check::SharesAsTold,
    ];

    /// The invariant of ARCHITECTURE.md that it checks; none for what follows from several, or is a
    /// promise to people.
    pub fn invariant(self) -> Option<u8> {
        Some(match self {
            Check::OneCreate => 1,
            Check::OneCopy => 2,
            Check::TaggedFromBirth => 3,
            Check::AvailableWasSeen => 4,
            Check::OwnImagesOnly => 5,
            Check::ReferencedIsKept => 6,
            Check::SharesWithinBounds => 13,
            Check::PlacesWithinBounds => 14,
            Check::NeverLessEncrypted => 15,
            Check::RebootsByPolicyOnly => 16,
            Check::BoundedEffects => 17,
            Check::ReplayIsQuiet => 18,
            Check::OneWorker | Check::DeadLeaseTakenOver => 20,
            Check::PressWasSeen | Check::EnrolmentWasSeen => 21,
            Check::RecordedBeforeAnnounced | Check::OutcomesAnnounced | Check::RightReceivers => 22,
            Check::FailuresRecorded => 23,
            Check::LineageKept => 24,
            Check::MessagesAccounted => 25,
            Check::ConvergesWithoutEvents => 26,
            Check::NeighboursNotHeldUp => 27,
            Check::KillSwitchStops => 28,
            Check::NoPanic => 29,
            Check::SameTrace => 30,
            Check::HourlyLimit
            | Check::MinimumInterval
            | Check::NoInventedPress
            | Check::AnswerBeforeRemoval
            | Check::PressAnswered
            | Check::RefusalsHaveReasons
            | Check::AnnouncedIsTrue
            | Check::DesiredState
            | Check::ComesToRest
            | Check::TwinsLeftAlone
            | Check::NewsNotForgotten
            | Check::CallsAreWellFormed
            | Check::AlwaysDue
            | Check::IntentFirst
            | Check::StatusIsTrue
            | Check::SlotsAreReal
            | Check::SlotsTaken
            | Check::DigestIsTrue
            | Check::TagsAsAsked
            | Check::DevicesAsAsked
            | Check::NamesAsAsked
            | Check::DailyLimit
            | Check::NewsAreTrue
            | Check::NewsInTurn
            | Check::RefusalsToldOnce
            | Check::WorseAnswerStays
            | Check::SharesAsTold => return None,
        })
    }

    /// What it says.
    pub fn says(self) -> &'static str {
        match self {
            Check::OneCreate => {
                "one CreateImage takes effect for an intent, and the next attempt only after a failure was seen"
            }
            Check::OneCopy => "one live copy for a source image and destination",
            Check::TaggedFromBirth => {
                "images and snapshots carry managed-by and intent from the creating call on"
            }
            Check::AvailableWasSeen => {
                "a record says available only of an image that a describe showed so"
            }
            Check::OwnImagesOnly => {
                "copied and shared are only images that this invocation saw to be ours"
            }
            Check::ReferencedIsKept => "nothing that is in use is disabled or deregistered",
            Check::SharesWithinBounds => {
                "shared only with those whom the stack allows, never with everybody"
            }
            Check::PlacesWithinBounds => "made only in Regions that the stack allows",
            Check::NeverLessEncrypted => {
                "a copy is encrypted as its source or better, and under the key of its destination"
            }
            Check::RebootsByPolicyOnly => "an instance is rebooted only if its policy says so",
            Check::BoundedEffects => {
                "one intent leads to one create, K copies and one share an image"
            }
            Check::ReplayIsQuiet => "every event again, at rest, changes nothing",
            Check::OneWorker => {
                "only the holder of a family's lease acts on it, and no two at once"
            }
            Check::DeadLeaseTakenOver => "a family whose role died is taken over and ended",
            Check::PressWasSeen => {
                "nothing begins without a read of the tag after the read of an idle press"
            }
            Check::RecordedBeforeAnnounced => {
                "what is announced was recorded, and always in the same words"
            }
            Check::OutcomesAnnounced => {
                "whatever is to be announced is announced, to everybody who is to hear of it"
            }
            Check::RightReceivers => {
                "the bus and each topic are told of what they are there for, and nothing else"
            }
            Check::DigestIsTrue => {
                "each policy of a day has a digest that counts its presses, always with the same id"
            }
            Check::FailuresRecorded => {
                "every image that failed is recorded and announced as failed"
            }
            Check::LineageKept => "ids, rows and history are never rewritten",
            Check::MessagesAccounted => {
                "messages in are done, rejected with a reason, or dead-lettered"
            }
            Check::ConvergesWithoutEvents => "the desired state is reached with every event lost",
            Check::NeighboursNotHeldUp => {
                "a dead Region or a poison message delays the others by at most a tick"
            }
            Check::KillSwitchStops => {
                "nothing changes in EC2 that was not preceded by a read of the switch as off"
            }
            Check::NoPanic => "no input makes our code panic",
            Check::SameTrace => "the same seed gives the same trace",
            Check::HourlyLimit => "no more images in an hour than the stack allows",
            Check::MinimumInterval => "no two images of an instance closer than the stack allows",
            Check::NoInventedPress => "every family answers a press that a person made",
            Check::AnswerBeforeRemoval => {
                "the button's tag is removed only once its press is answered"
            }
            Check::PressAnswered => "every press that nobody took back is answered",
            Check::RefusalsHaveReasons => {
                "a press is refused only for a reason that holds, and admitted only without one"
            }
            Check::AnnouncedIsTrue => "what is announced as complete exists",
            Check::DesiredState => "what exists is what the naive model says should exist",
            Check::ComesToRest => "once faults stop, everything ends within two looks",
            Check::TwinsLeftAlone => {
                "of two images with one intent the other is announced, never copied, never shared"
            }
            Check::NewsNotForgotten => {
                "what an acknowledged event told of an image stands in the record"
            }
            Check::CallsAreWellFormed => "EC2 never refuses a call for how it was put together",
            Check::AlwaysDue => {
                "whatever is unfinished is due within the hour, from the transaction on that made it unfinished"
            }
            Check::IntentFirst => {
                "a creating call is in the record before it is made, and a token stands for one call"
            }
            Check::EnrolmentWasSeen => {
                "no slot is taken without a read of a tag that names its policy"
            }
            Check::SlotsAreReal => {
                "a slot is one of its policy's, after the enrolment, and taken once"
            }
            Check::SlotsTaken => {
                "every slot of an enrolled instance is taken or said to be missed, once nothing goes wrong"
            }
            Check::TagsAsAsked => {
                "images and snapshots are made with our tags and those that the policy asks for, and with no others"
            }
            Check::DevicesAsAsked => {
                "what the policy leaves out is in no image, and every other device is as asked for"
            }
            Check::NamesAsAsked => "a name is one that EC2 takes, and begins as the policy says",
            Check::DailyLimit => "no more images a day are asked for than a policy allows",
            Check::NewsAreTrue => "coverage is lost, or a policy cannot be used, when that is told",
            Check::NewsInTurn => "coverage that is lost is told once, and so is its end",
            Check::RefusalsToldOnce => {
                "the same refusal of the same instance is told once a day, and a repeat only after it was told"
            }
            Check::WorseAnswerStays => {
                "what went wrong for one is shown though another was answered a moment later"
            }
            Check::SharesAsTold => {
                "the record says with whom an image is shared as EC2 does, and what somebody changed of it is told once"
            }
            Check::StatusIsTrue => {
                "the status tag says what the record says, in the words that the outcome asks for"
            }
        }
    }
}

/// How often each check had something to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally([u64; Check::ALL.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; Check::ALL.len()])
    }
}

impl Tally {
    /// How often this one had.
    pub fn of(&self, check: Check) -> u64 {
        self.0[Self::place(check)]
    }

    pub(crate) fn count(&mut self, check: Check) {
        self.0[Self::place(check)] += 1;
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    #[expect(
        clippy::as_conversions,
        reason = "an enum's number is its place in ALL; a test holds it"
    )]
    fn place(check: Check) -> usize {
        check as usize
    }
}

/// Something that must hold and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which check.
    pub check: Check,
    /// What was found.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.check.invariant() {
            Some(number) => write!(f, "invariant {number}: {}: {}", self.check.says(), self.what),
            None => write!(f, "{}: {}", self.check.says(), self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_its_own_place() {
        for (place, check) in Check::ALL.into_iter().enumerate() {
            assert_eq!(Tally::place(check), place, "{check:?}");
        }
    }
}
