//! Everything that the cloud holds, and how its time passes.

use crate::events::{Bus, EventKind};
use crate::faults::{FaultPlan, RefusedEntries};
use crate::gate::Call;
use crate::happenings::Happenings;
use crate::identity::Ids;
use crate::limits::{Bucket, DOCUMENTED, Dark};
use crate::parameters::Parameters;
use crate::queues::{OnBus, Published, Queues};
use crate::refusal::Refusal;
use crate::region::RegionState;
use crate::settings::Settings;
use crate::store::Store;
use crate::trace::{Trace, put};
use amiline_app::functions::Queue;
use amiline_domain::ids::{AccountId, ImageId, InstanceId, Region};
use jiff::{SignedDuration, Timestamp};
use std::cell::Cell;
use std::collections::BTreeMap;

/// Something that happens by itself at its time.
#[derive(Debug, Clone)]
pub(crate) enum Later {
    /// A pending image becomes available or fails.
    Settle(Region, ImageId),
    /// A pending instance runs.
    Run(Region, InstanceId),
    /// A delayed event arrives.
    Arrive(EventKind, Queue, String),
}

/// The whole cloud.
pub(crate) struct State {
    pub(crate) now: Timestamp,
    pub(crate) account: AccountId,
    pub(crate) home: Region,
    pub(crate) regions: BTreeMap<Region, RegionState>,
    pub(crate) ids: Ids,
    pub(crate) settings: Settings,
    pub(crate) trace: Trace,
    pub(crate) happenings: Happenings,
    pub(crate) invocations: u64,
    pub(crate) calls_made: u64,
    pub(crate) faults: FaultPlan,
    /// Of the call that is being carried out.
    pub(crate) refused_entries: RefusedEntries,
    pub(crate) bus: Bus,
    pub(crate) queues: Queues,
    pub(crate) published: Vec<Published>,
    pub(crate) on_bus: Vec<OnBus>,
    /// How many of the notices and of the events on the bus were found in a history.
    pub(crate) found_recorded: Cell<(usize, usize)>,
    pub(crate) parameters: Parameters,
    pub(crate) store: Store,
    dark: BTreeMap<Region, Dark>,
    throttled: bool,
    /// Requests that were refused for their rate.
    pub(crate) refused_for_rate: u64,
    buckets: BTreeMap<(Region, &'static str), Bucket>,
    agenda: BTreeMap<(Timestamp, u64), Later>,
    agenda_next: u64,
}

impl State {
    pub(crate) fn new(account: AccountId, home: Region, regions: Vec<Region>, seed: u64) -> Self {
        let mut ids = Ids::new(seed);
        let regions = regions
            .into_iter()
            .map(|region| (region.clone(), RegionState::new(&account, &region, &mut ids)))
            .collect();
        Self {
            now: "2026-11-24T12:00:00Z".parse().unwrap(),
            account,
            home,
            regions,
            ids,
            settings: Settings::default(),
            trace: Trace::default(),
            happenings: Happenings::default(),
            invocations: 0,
            calls_made: 0,
            faults: FaultPlan::default(),
            refused_entries: RefusedEntries::default(),
            bus: Bus::default(),
            queues: Queues::default(),
            published: Vec::new(),
            on_bus: Vec::new(),
            found_recorded: Cell::default(),
            parameters: Parameters::default(),
            store: Store::default(),
            dark: BTreeMap::new(),
            throttled: false,
            refused_for_rate: 0,
            buckets: BTreeMap::new(),
            agenda: BTreeMap::new(),
            agenda_next: 0,
        }
    }

    /// Adds a line to the trace; `write` puts its text.
    pub(crate) fn write_line(&mut self, write: impl FnOnce(&mut String)) {
        self.trace.line(self.now, write);
    }

    pub(crate) fn line(&mut self, text: std::fmt::Arguments<'_>) {
        self.write_line(|line| put(line, text));
    }

    /// A Region of this cloud; a Region that it was not made with is an error of the test.
    pub(crate) fn region(&self, region: &Region) -> &RegionState {
        self.regions.get(region).unwrap_or_else(|| panic!("the cloud was made without {region}"))
    }

    pub(crate) fn region_mut(&mut self, region: &Region) -> &mut RegionState {
        self.regions
            .get_mut(region)
            .unwrap_or_else(|| panic!("the cloud was made without {region}"))
    }

    /// The moment that a describe in the Region shows.
    pub(crate) fn seen_until(&self, region: &Region) -> Timestamp {
        self.now - SignedDuration::from_secs(self.region(region).lag_seconds)
    }

    /// The moment that a describe of images in the Region shows.
    pub(crate) fn images_seen_until(&self, region: &Region) -> Timestamp {
        let place = self.region(region);
        self.now - SignedDuration::from_secs(place.image_lag_seconds.unwrap_or(place.lag_seconds))
    }

    pub(crate) fn set_dark(&mut self, region: &Region, dark: Option<Dark>) {
        match dark {
            Some(dark) => self.dark.insert(region.clone(), dark),
            None => self.dark.remove(region),
        };
    }

    pub(crate) fn is_dark(&self, region: &Region) -> bool {
        self.dark.contains_key(region)
    }

    pub(crate) fn throttle_as_documented(&mut self) {
        self.throttled = true;
    }

    pub(crate) fn set_bucket(
        &mut self,
        region: &Region,
        action: &'static str,
        size: u32,
        per_second: u32,
    ) {
        self.buckets.insert((region.clone(), action), Bucket::new(size, per_second, self.now));
    }

    /// What may refuse any call: the Region, and its request rate.
    pub(crate) fn admit(&mut self, call: &Call) -> Result<(), Refusal> {
        if let Some(dark) = self.dark.get(&call.region) {
            return Err(dark.refusal());
        }
        let key = (call.region.clone(), call.action);
        let documented = DOCUMENTED.iter().find(|(action, _, _)| *action == call.action);
        if let (true, Some((_, size, rate))) =
            (self.throttled && !self.buckets.contains_key(&key), documented)
        {
            self.buckets.insert(key.clone(), Bucket::new(*size, *rate, self.now));
        }
        let taken = self.buckets.get_mut(&key).map_or(Ok(()), |bucket| bucket.take(self.now));
        self.refused_for_rate += u64::from(taken.is_err());
        taken
    }

    /// Lets something happen after so many seconds.
    pub(crate) fn schedule(&mut self, seconds: i64, what: Later) {
        let at = self.now + SignedDuration::from_secs(seconds);
        self.agenda_next += 1;
        self.agenda.insert((at, self.agenda_next), what);
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_later(&self) -> Option<Timestamp> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets time pass; everything that falls into it happens at its own moment.
    pub(crate) fn pass_time(&mut self, millis: i64) {
        let until = self.now + SignedDuration::from_millis(millis);
        while let Some(entry) = self.agenda.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), later) = entry.remove_entry();
            self.now = self.now.max(at);
            match later {
                Later::Settle(region, image) => self.settle(&region, &image),
                Later::Run(region, instance) => self.run_instance(&region, &instance),
                Later::Arrive(kind, queue, body) => self.arrive(kind, queue, body),
            }
        }
        self.now = until;
    }
}
