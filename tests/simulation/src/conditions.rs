//! Under what conditions a run takes place: drawn from its choices, calm if they are.

use crate::choices::Choices;

/// How deliveries of events go wrong, each in ten thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliveries {
    /// Lost.
    pub lost: u32,
    /// Delivered more than once.
    pub doubled: u32,
    /// Late, by seconds to hours.
    pub late: u32,
}

/// The conditions of one run. Rates are in ten thousand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Turns of invocations while things go wrong.
    pub turns: u32,
    /// Minutes while things go wrong, at most.
    pub minutes: i64,
    /// Calls that go wrong.
    pub faults: u32,
    /// Turns in which the invocation dies.
    pub crashes: u32,
    /// Turns that take long.
    pub stalls: u32,
    /// Acknowledgements that get lost, so that the message comes again.
    pub lost_acks: u32,
    /// Rare turns of our own code.
    pub rare: u32,
    /// Thousandths of a second that a turn takes, at most.
    pub latency_millis: i64,
    /// Seconds by which clocks differ, at most.
    pub skew: i64,
    /// What becomes of events.
    pub events: Deliveries,
    /// What becomes of the table's stream.
    pub stream: Deliveries,
    /// Ticks that do not happen.
    pub lost_ticks: u32,
    /// Ticks that happen twice.
    pub doubled_ticks: u32,
    /// Whether ticks that would find nothing run too.
    pub idle_ticks: bool,
    /// What people do while things go wrong.
    pub acts: u32,
    /// Instances at the beginning.
    pub instances: u32,
    /// Seconds by which reads lag.
    pub lag: i64,
    /// Seconds by which reads of images lag: less than the five minutes for which a call's outcome
    /// is waited for.
    pub image_lag: i64,
    /// Seconds by which the index lags.
    pub index_lag: i64,
    /// Items on a page.
    pub page: usize,
    /// Parts of the index.
    pub parts: u32,
    /// Seconds that a new image is pending, at most.
    pub pending: i64,
    /// Whether the destinations' events reach home.
    pub forwarded: bool,
    /// Whether reads of a family may fall between two transactions.
    pub torn: bool,
    /// Whether EC2's request rates hold.
    pub throttled: bool,
    /// Copies that may be in flight to a Region.
    pub copies_max: usize,
    /// Images of an instance that EC2 makes at once without a reboot; none: as many as are asked
    /// for.
    pub at_once_max: Option<usize>,
    /// Whether EBS encrypts new snapshots by default.
    pub encrypts_by_default: bool,
    /// Seconds for which a deregistered image is shown and holds its name.
    pub ghosts: i64,
    /// Images in an hour that the stack allows.
    pub images_per_hour: u32,
    /// Minutes between two images of an instance.
    pub interval_minutes: u32,
    /// Whether the Region that is off is among the allowed ones.
    pub allows_what_is_off: bool,
    /// Whether a Region stops answering for an hour.
    pub dark: bool,
    /// Whether people enrol instances in schedules, which a sweep looks after every hour.
    pub enrols: bool,
}

impl Conditions {
    /// The conditions of a run with these choices.
    pub fn of(choices: &Choices) -> Self {
        let quiet = Deliveries { lost: 0, doubled: 0, late: 0 };
        let mut conditions = Self {
            turns: *choices.one_of(&[60, 120, 40, 200]),
            minutes: *choices.one_of(&[45, 90, 240, 1800]),
            faults: *choices.one_of(&[0, 150, 400, 1200, 50]),
            crashes: *choices.one_of(&[0, 80, 300]),
            stalls: *choices.one_of(&[0, 60, 300]),
            lost_acks: *choices.one_of(&[0, 500, 2500]),
            rare: *choices.one_of(&[0, 300]),
            latency_millis: *choices.one_of(&[0, 300, 3000]),
            skew: *choices.one_of(&[0, 0, 20]),
            events: *choices.one_of(&[
                quiet,
                Deliveries { lost: 2000, doubled: 2000, late: 2000 },
                Deliveries { lost: 10_000, doubled: 0, late: 0 },
                Deliveries { lost: 500, doubled: 6000, late: 1000 },
                Deliveries { lost: 500, doubled: 500, late: 6000 },
            ]),
            stream: *choices.one_of(&[
                quiet,
                Deliveries { lost: 1500, doubled: 3000, late: 0 },
                Deliveries { lost: 10_000, doubled: 0, late: 0 },
            ]),
            lost_ticks: *choices.one_of(&[0, 3000]),
            doubled_ticks: *choices.one_of(&[0, 2000]),
            idle_ticks: choices.often(300),
            acts: *choices.one_of(&[1, 3, 6, 10]),
            instances: *choices.one_of(&[1, 2, 3]),
            lag: *choices.one_of(&[0, 3, 30, 200]),
            image_lag: *choices.one_of(&[0, 3, 30, 0, 280]),
            index_lag: *choices.one_of(&[0, 5]),
            page: *choices.one_of(&[1000, 1, 2]),
            parts: *choices.one_of(&[1, 1, 1, 2, 1, 2, 1, 16]),
            // A copy takes twice as long: a day at the most
            // (aws-behaviour.md#an-image-may-take-24-hours).
            pending: *choices.one_of(&[
                60, 10, 60, 600, 10, 300, 60, 10, 60, 600, 10, 300, 60, 10, 20_000, 43_000,
            ]),
            forwarded: !choices.often(2500),
            torn: choices.often(3000),
            throttled: choices.often(500),
            copies_max: *choices.one_of(&[20, 1, 2]),
            at_once_max: *choices.one_of(&[None, Some(1)]),
            encrypts_by_default: choices.often(1000),
            ghosts: *choices.one_of(&[60, 0, 900]),
            images_per_hour: *choices.one_of(&[50, 1, 3]),
            interval_minutes: *choices.one_of(&[0, 30]),
            allows_what_is_off: choices.often(3000),
            dark: choices.often(1500),
            enrols: choices.schedules(),
        };
        // One in sixteen is without any trouble: there the naive model excuses nothing.
        if choices.below(16) == 1 {
            conditions = Self {
                acts: conditions.acts,
                instances: conditions.instances,
                enrols: conditions.enrols,
                ..Self::calm()
            };
        }
        conditions
    }

    /// No trouble at all.
    pub fn calm() -> Self {
        Self { acts: 0, ..Self::of(&Choices::calm()) }
    }

    /// Whether every event is lost.
    pub fn without_events(&self) -> bool {
        self.events.lost >= 10_000
    }
}
