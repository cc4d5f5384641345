//! Every mutant: what it does wrong, and whose software once did.

/// Something wrong with the product, as it once was wrong with somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// It creates the image and tags it in a second call.
    CreateThenTag,
    /// It copies with a new token and name each time.
    RandomClientToken,
    /// It reads one page of a list and takes it for all.
    FirstPageOnly,
    /// It sends CreateImage again at once when no answer came.
    RetryUnderAnotherName,
    /// It copies each of our images that becomes available, copies too.
    CopiesWhateverIsAvailable,
    /// It publishes what it is about to record.
    AnnouncesBeforeRecording,
    /// It takes a failed publish for done.
    PublishedAtMostOnce,
    /// It takes a call of PutEvents that succeeded for all of its events.
    RefusedEntryDropped,
    /// It marks as announced what the bus or a topic does not have.
    OneReceiverIsEnough,
    /// It takes a lease that never ends.
    LeaseWithoutTakeover,
    /// It works on what another invocation is working on.
    LeaseIgnored,
    /// It writes whatever the version.
    LastWriterWins,
    /// It waits for an event with no time of its own.
    NoDueTime,
    /// It records an image as available when EC2 begins it.
    AvailableWhilePending,
    /// It takes an image that a read does not show for a failed one.
    NotFoundMeansFailed,
    /// It takes a call without an answer for a refused one.
    UnknownMeansFailed,
    /// It gives a copy up when EC2 is busy.
    BusyMeansFailed,
    /// It takes whatever image holds the name for its own.
    AdoptByName,
    /// It copies without naming the key.
    DefaultKey,
    /// It copies under one key, whatever its destination's is.
    OneKeyEverywhere,
    /// It copies without the time that it was given.
    ForgetsTheTime,
    /// It leaves NoReboot to EC2.
    RebootByDefault,
    /// It fails on a message that it cannot read.
    PoisonComesAgain,
    /// It looks only at what is due today.
    TodayOnly,
    /// It forgets how many images were asked for.
    NoHourlyLimit,
    /// It adds an account that the stack does not allow.
    SharesWithWhoeverIsNamed,
    /// It shares with the whole organization instead of a unit of it.
    SharesWithTheWholeOrganization,
    /// It removes the button whatever its value.
    RemovesWhateverIsThere,
    /// It takes the kill switch for off.
    SwitchFailsOpen,
    /// It takes a slot at its minute or never.
    SlotOnTimeOnly,
    /// It leaves no device out.
    LeavesNothingOut,
    /// It gives copies its own tags only.
    CopiesWithoutTags,
    /// It names an image as its instance is named.
    NamesAsTagged,
    /// It drops a policy whose newest text is none.
    ForgetsTheVersionBefore,
    /// It forgets how many images were made on the day.
    NoDailyLimit,
    /// It forgets what it told of the coverage.
    TellsAgain,
    /// It overlooks the images that an instance has.
    OverlooksImages,
    /// It forgets which refusal it told.
    TellsEachRefusal,
    /// It denies an image to everybody if EC2 refuses one of them.
    RefusesAllForOne,
    /// It reboots members of Auto Scaling groups.
    RebootsMembers,
    /// It takes a pending instance for a running one.
    DoesNotWait,
    /// A good answer to one who asked covers the bad one to another.
    CoversTheWorse,
    /// It forgets how far it read a day.
    ForgetsTheDraft,
    /// It takes for shared what it shared, and for nothing more.
    BelievesItsRecord,
}

impl Mutant {
    /// Every mutant that concerns what exists today.
    pub const ALL: [Mutant; 44] = [
        Mutant::CreateThenTag,
        Mutant::RandomClientToken,
        Mutant::FirstPageOnly,
        Mutant::RetryUnderAnotherName,
        Mutant::CopiesWhateverIsAvailable,
        Mutant::AnnouncesBeforeRecording,
        Mutant::PublishedAtMostOnce,
        Mutant::RefusedEntryDropped,
        Mutant::OneReceiverIsEnough,
        Mutant::LeaseWithoutTakeover,
        Mutant::LeaseIgnored,
        Mutant::LastWriterWins,
        Mutant::NoDueTime,
        Mutant::AvailableWhilePending,
        Mutant::NotFoundMeansFailed,
        Mutant::UnknownMeansFailed,
        Mutant::BusyMeansFailed,
        Mutant::AdoptByName,
        Mutant::DefaultKey,
        Mutant::OneKeyEverywhere,
        Mutant::ForgetsTheTime,
        Mutant::RebootByDefault,
        Mutant::PoisonComesAgain,
        Mutant::TodayOnly,
        Mutant::NoHourlyLimit,
        Mutant::SharesWithWhoeverIsNamed,
        Mutant::SharesWithTheWholeOrganization,
        Mutant::RemovesWhateverIsThere,
        Mutant::SwitchFailsOpen,
        Mutant::SlotOnTimeOnly,
        Mutant::LeavesNothingOut,
        Mutant::CopiesWithoutTags,
        Mutant::NamesAsTagged,
        Mutant::ForgetsTheVersionBefore,
        Mutant::NoDailyLimit,
        Mutant::TellsAgain,
        Mutant::OverlooksImages,
        Mutant::TellsEachRefusal,
        Mutant::CoversTheWorse,
        Mutant::DoesNotWait,
        Mutant::RefusesAllForOne,
        Mutant::RebootsMembers,
        Mutant::ForgetsTheDraft,
        Mutant::BelievesItsRecord,
    ];

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Mutant::CreateThenTag => "create, then tag",
            Mutant::RandomClientToken => "random client token",
            Mutant::FirstPageOnly => "first page only",
            Mutant::RetryUnderAnotherName => "retries a create under another name",
            Mutant::CopiesWhateverIsAvailable => "copies on every available",
            Mutant::AnnouncesBeforeRecording => "announces before recording",
            Mutant::PublishedAtMostOnce => "publishes at most once",
            Mutant::RefusedEntryDropped => "a failed entry of a batch is dropped",
            Mutant::OneReceiverIsEnough => "one receiver is enough",
            Mutant::LeaseWithoutTakeover => "lease without takeover",
            Mutant::LeaseIgnored => "lease ignored",
            Mutant::LastWriterWins => "last writer wins",
            Mutant::NoDueTime => "no due time",
            Mutant::AvailableWhilePending => "available while pending",
            Mutant::NotFoundMeansFailed => "not found means failed",
            Mutant::UnknownMeansFailed => "unknown means failed",
            Mutant::BusyMeansFailed => "busy means failed",
            Mutant::AdoptByName => "adopts by name",
            Mutant::DefaultKey => "default key",
            Mutant::OneKeyEverywhere => "one key everywhere",
            Mutant::ForgetsTheTime => "forgets the time of a copy",
            Mutant::RebootByDefault => "reboots by default",
            Mutant::PoisonComesAgain => "poison comes again",
            Mutant::TodayOnly => "today only",
            Mutant::NoHourlyLimit => "no limit",
            Mutant::SharesWithWhoeverIsNamed => "shares beyond the allow-list",
            Mutant::SharesWithTheWholeOrganization => "shares with the whole organization",
            Mutant::RemovesWhateverIsThere => "removes whatever is there",
            Mutant::SwitchFailsOpen => "switch fails open",
            Mutant::SlotOnTimeOnly => "a slot on time only",
            Mutant::LeavesNothingOut => "leaves nothing out",
            Mutant::CopiesWithoutTags => "copies without tags",
            Mutant::NamesAsTagged => "names as tagged",
            Mutant::ForgetsTheVersionBefore => "forgets the version before",
            Mutant::NoDailyLimit => "no daily limit",
            Mutant::TellsAgain => "tells again",
            Mutant::OverlooksImages => "overlooks images",
            Mutant::TellsEachRefusal => "tells each refusal",
            Mutant::CoversTheWorse => "covers the worse answer",
            Mutant::RefusesAllForOne => "refuses all for one",
            Mutant::RebootsMembers => "reboots members of groups",
            Mutant::DoesNotWait => "does not wait until an instance runs",
            Mutant::ForgetsTheDraft => "forgets how far it read a day",
            Mutant::BelievesItsRecord => "believes its record of shares",
        }
    }

    /// The public issue that it comes from, and what was seen there.
    pub fn comes_from(self) -> &'static str {
        match self {
            Mutant::CreateThenTag => {
                "cloudposse/terraform-aws-ec2-ami-backup#16: CreateTags answered InvalidAMIID.NotFound, images stayed untagged"
            }
            Mutant::RandomClientToken => {
                "miztiik/Serverless-AMI-Baker#9: retries were switched off for lack of idempotence"
            }
            Mutant::FirstPageOnly => {
                "github-aws-runners/terraform-aws-github-runner#4601: no pagination, good AMIs deleted"
            }
            Mutant::RetryUnderAnotherName => {
                "miztiik/Serverless-AMI-Baker#8: two or three AMIs per run"
            }
            Mutant::CopiesWhateverIsAvailable => {
                "cloud-custodian/cloud-custodian#744: copies flood the destination"
            }
            Mutant::AnnouncesBeforeRecording => {
                "martinbaillie/packer-plugin-ami-copy#1: success is told when the copy call returns"
            }
            Mutant::PublishedAtMostOnce => {
                "robinjmurphy/sqs-to-lambda#4: a notification that fails is dropped without a word"
            }
            Mutant::RefusedEntryDropped => {
                "swarmion/swarmion#1890: an event that PutEvents answered as failed was ignored"
            }
            Mutant::OneReceiverIsEnough => "no public issue: ARCHITECTURE.md#what-carries-it",
            Mutant::LeaseWithoutTakeover => {
                "awslabs/aws-ops-automator#2: the concurrency row stuck at 1"
            }
            Mutant::LeaseIgnored => "miztiik/Serverless-AMI-Baker#8: two or three AMIs per run",
            Mutant::LastWriterWins => {
                "MinaProtocol/coda-automation#93: concurrent access to state breaks things"
            }
            Mutant::NoDueTime => {
                "aws-powertools/powertools-lambda-python#4759: in progress for ever"
            }
            Mutant::AvailableWhilePending => "SUSE-Enceladus/ec2imgutils#45: shared while pending",
            Mutant::NotFoundMeansFailed => {
                "ansible-collections/amazon.aws#1321: NotFound right after the create"
            }
            Mutant::UnknownMeansFailed => "hashicorp/packer#8116: orphaned images and snapshots",
            Mutant::BusyMeansFailed => {
                "Clever/ebs-snapshots#33: what came late was starved by the copy quota"
            }
            Mutant::AdoptByName => {
                "hashicorp/packer#6584, CVE-2018-15869: images chosen by name alone"
            }
            Mutant::DefaultKey => "hashicorp/packer#7673: copies under the wrong key",
            Mutant::OneKeyEverywhere => {
                "hashicorp/packer#9427: the key of a Region does not replace the key for all"
            }
            Mutant::ForgetsTheTime => {
                "no public issue: a promise to whoever has to start again in another Region"
            }
            Mutant::RebootByDefault => "boto/boto#3736: instances rebooted by create_image",
            Mutant::PoisonComesAgain => "bonclay7/aws-amicleaner#90: one bad item stops the run",
            Mutant::TodayOnly => {
                "miztiik/serverless-ami-replicator: copies only images dated today"
            }
            Mutant::NoHourlyLimit => "aws-samples/copy-encrypted-ami#3: the copy quota is flooded",
            Mutant::SharesWithWhoeverIsNamed => "no public issue: ARCHITECTURE.md#invariants, 13",
            Mutant::SharesWithTheWholeOrganization => {
                "no public issue: ARCHITECTURE.md#invariants, 13"
            }
            Mutant::RemovesWhateverIsThere => "no public issue: ARCHITECTURE.md#what-carries-it",
            Mutant::SwitchFailsOpen => "no public issue: ARCHITECTURE.md#invariants, 28",
            Mutant::SlotOnTimeOnly => {
                "gallowaystorm delete-ami.py: DeleteOn == today, so that a missed day leaks for ever"
            }
            Mutant::LeavesNothingOut => {
                "aws/aws-cli#6334, mitchellh/goamz#251: NoDevice left nothing out"
            }
            Mutant::CopiesWithoutTags => {
                "hashicorp/packer-plugin-amazon#295: images in other Regions are left without tags"
            }
            Mutant::NamesAsTagged => {
                "webdigi/AWS-AMI-Automated-Creation-Deletion#6: an instance's name made InvalidAMIName.Malformed"
            }
            Mutant::ForgetsTheVersionBefore => {
                "no public issue: docs/decisions/policies-stay-in-force.md"
            }
            Mutant::NoDailyLimit => {
                "no public issue: docs/decisions/a-full-day-delays-slots-and-rejects-presses.md"
            }
            Mutant::TellsAgain => {
                "no public issue: docs/decisions/coverage-is-judged-from-records.md"
            }
            Mutant::TellsEachRefusal => {
                "no public issue: a tool that puts the button back each minute"
            }
            Mutant::RefusesAllForOne => {
                "hashicorp/packer-plugin-amazon#120: one bad account, and nobody gets the image"
            }
            Mutant::RebootsMembers => {
                "no public issue: aws-behaviour.md#createimage-reboots-unless-told-otherwise"
            }
            Mutant::DoesNotWait => {
                "hashicorp/packer PR#9579: CreateImage of an instance that is pending"
            }
            Mutant::CoversTheWorse => {
                "no public issue: docs/decisions/one-status-for-all-requests.md"
            }
            Mutant::ForgetsTheDraft => {
                "no public issue: docs/decisions/digests-are-read-when-due.md"
            }
            Mutant::OverlooksImages => {
                "no public issue: docs/decisions/coverage-is-judged-from-records.md"
            }
            Mutant::BelievesItsRecord => {
                "no public issue: docs/decisions/launch-permissions-are-read-in-turns.md"
            }
        }
    }
}

/// Bugs of others that concern code which does not exist yet: what, and where it was seen. They
/// arrive with retirement.
pub const PENDING: [(&str, &str); 8] = [
    (
        "deregisters what is in use",
        "widdix/aws-ec2-ami-cleanup#5, wata727/packer-plugin-amazon-ami-management#30",
    ),
    (
        "a usage read that fails counts as unused",
        "github-aws-runners/terraform-aws-github-runner#4601",
    ),
    (
        "deletes what is due exactly today, so that a missed day leaks for ever",
        "gallowaystorm delete-ami.py, DeleteOn == today",
    ),
    ("counts pending and failed images as the newest to keep", "bonclay7/aws-amicleaner#57"),
    ("retention in local time", "hashicorp/terraform#23238"),
    ("deletes the root snapshot only", "fog/fog-aws#380"),
    ("reads one page of a thousand snapshots", "cloudposse/terraform-aws-ec2-ami-backup cleanup"),
    (
        "deletes snapshots that an image still refers to",
        "ministryofjustice/modernisation-platform#11224",
    ),
];
