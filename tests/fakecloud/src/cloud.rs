//! The cloud as a test holds it: time, faults and switches.

use crate::faults::{FaultKind, FaultRule};
use crate::gate::Call;
use crate::limits::Dark;
use crate::settings::{Plant, STACK};
use crate::state::State;
use crate::world::World;
use amiline_app::settings::{BoundedStack, Stack, WatchedStack};
use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{AccountId, KeyAlias, Region, StackName, TagPrefix};
use amiline_domain::image::{ImageState, ObservedImage};
use amiline_domain::tags::TagKeys;
use amiline_domain::target::ShareTarget;
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

type Decide = dyn FnMut(&Call) -> Option<FaultKind>;

/// A whole cloud in memory. Cheap to clone; every clone is the same cloud.
#[derive(Clone)]
pub struct FakeCloud {
    pub(crate) state: Rc<RefCell<State>>,
    decide: Rc<RefCell<Option<Box<Decide>>>>,
    /// Images that some describe showed as available.
    pub(crate) seen_available: Rc<RefCell<BTreeSet<(Region, String)>>>,
}

impl FakeCloud {
    /// An account with these Regions (home is added if it is not among them), at noon on 24
    /// November 2026.
    pub fn new(account: &str, home: &str, regions: &[&str]) -> Self {
        Self::with_seed(account, home, regions, 0)
    }

    /// The same with other ids.
    pub fn with_seed(account: &str, home: &str, regions: &[&str], seed: u64) -> Self {
        let account = AccountId::new(account).expect("an account id");
        let home = crate::region(home);
        let all: BTreeSet<Region> =
            regions.iter().map(|name| crate::region(name)).chain([home.clone()]).collect();
        let state = State::new(account, home, all.into_iter().collect(), seed);
        Self {
            state: Rc::new(RefCell::new(state)),
            decide: Rc::default(),
            seen_available: Rc::default(),
        }
    }

    pub(crate) fn next_invocation(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        state.invocations += 1;
        state.invocations
    }

    /// Every port, as this caller has them. Make one for each invocation.
    pub fn as_caller(&self, caller: &str) -> World {
        World::new(self.clone(), caller)
    }

    /// The Region that the stack is deployed to.
    pub fn home(&self) -> Region {
        self.state.borrow().home.clone()
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.state.borrow().account.clone()
    }

    /// Every Region.
    pub fn regions(&self) -> Vec<Region> {
        self.state.borrow().regions.keys().cloned().collect()
    }

    /// The stack `amiline` in this cloud.
    pub fn stack(&self) -> Stack {
        let prefix = self.state.borrow().settings.tag_prefix().to_owned();
        Stack {
            name: StackName::new(STACK).unwrap(),
            account: self.account(),
            home: self.home(),
            keys: TagKeys::new(TagPrefix::new(prefix).unwrap()),
        }
    }

    /// The stack as the tick sees it, watching these Regions.
    pub fn watched_stack(&self, source_regions: &[Region]) -> WatchedStack {
        let BoundedStack { stack, bounds } = self.bounded_stack(&[]);
        WatchedStack { stack, source_regions: source_regions.to_vec(), bounds }
    }

    /// The stack with every Region allowed, these accounts, organizations and units, 50 images an
    /// hour and no minimum interval.
    pub fn bounded_stack(&self, friends: &[&str]) -> BoundedStack {
        let (mut accounts, mut organizations, mut units) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for friend in friends {
            match friend.parse().expect("an account id or an ARN") {
                ShareTarget::Account(id) => drop(accounts.insert(id)),
                ShareTarget::Organization(arn) => drop(organizations.insert(arn)),
                ShareTarget::OrganizationalUnit(arn) => drop(units.insert(arn)),
            }
        }
        let bounds = Bounds {
            regions: self.regions().into_iter().collect(),
            accounts,
            organizations,
            organizational_units: units,
            keys: [KeyAlias::new("alias/amiline").expect("an alias")].into(),
            images_per_hour_max: 50,
            interval_minutes_min: 0,
        };
        BoundedStack { stack: self.stack(), bounds }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    /// Lets so many seconds pass. Images settle and delayed events arrive, each at its moment.
    pub fn advance(&self, seconds: i64) {
        self.state.borrow_mut().pass_time(seconds * 1000);
    }

    /// The same in thousandths of a second.
    pub fn advance_millis(&self, millis: i64) {
        self.state.borrow_mut().pass_time(millis);
    }

    /// When the next thing happens by itself: an image settles, a delayed event arrives.
    pub fn next_by_itself(&self) -> Option<Timestamp> {
        self.state.borrow().next_later()
    }

    /// Each call takes so long (0 at first).
    pub fn set_call_millis(&self, millis: i64) {
        self.state.borrow_mut().settings.call_millis = millis;
    }

    // Faults.

    /// From now on the calls that fit go wrong.
    pub fn inject(&self, rule: FaultRule) {
        self.state.borrow_mut().faults.add(rule);
    }

    /// The call with this number (from 1, over the cloud's life; see [`FakeCloud::calls_made`])
    /// goes wrong.
    pub fn inject_at(&self, index: u64, kind: FaultKind) {
        self.state.borrow_mut().faults.add_at(index, kind);
    }

    /// Asks a function about every call that no rule fits, as a seeded simulation does.
    pub fn decide_faults(&self, decide: impl FnMut(&Call) -> Option<FaultKind> + 'static) {
        *self.decide.borrow_mut() = Some(Box::new(decide));
    }

    /// No more faults of any kind.
    pub fn clear_faults(&self) {
        self.state.borrow_mut().faults.clear();
        *self.decide.borrow_mut() = None;
    }

    pub(crate) fn fault_of(&self, call: &Call) -> Option<FaultKind> {
        let planned = self.state.borrow_mut().faults.draw(call);
        planned.or_else(|| self.decide.borrow_mut().as_mut().and_then(|decide| decide(call)))
    }

    /// A Region stops answering, or answers again.
    pub fn set_dark(&self, region: &Region, dark: Option<Dark>) {
        self.state.borrow_mut().set_dark(region, dark);
    }

    /// EC2's request rates hold from now on, as documented (aws-behaviour.md#ec2-request-rates).
    pub fn throttle_as_documented(&self) {
        self.state.borrow_mut().throttle_as_documented();
    }

    /// Requests that were refused for their rate.
    pub fn throttled_calls(&self) -> u64 {
        self.state.borrow().refused_for_rate
    }

    /// One action's request rate in a Region.
    pub fn throttle(&self, region: &Region, action: &'static str, bucket: u32, per_second: u32) {
        self.state.borrow_mut().set_bucket(region, action, bucket, per_second);
    }

    // Switches of the whole cloud.

    /// EC2 forgets that names are unique: what would happen if it did.
    pub fn set_lax_names(&self, lax: bool) {
        self.state.borrow_mut().settings.lax_names = lax;
    }

    /// Seconds for which a deregistered image is shown and holds its name (60 at first).
    pub fn set_ghost_seconds(&self, seconds: i64) {
        self.state.borrow_mut().settings.ghost_seconds = seconds;
    }

    /// Whether two images of one instance need 15 seconds between them (they do at first).
    pub fn set_volume_rate(&self, on: bool) {
        self.state.borrow_mut().settings.volume_rate = on;
    }

    /// The most images of one instance in the making without a reboot (no limit at first).
    pub fn set_no_reboot_max(&self, max: usize) {
        self.state.borrow_mut().settings.no_reboot_max = Some(max);
    }

    /// Items on a page of describes and of the index (1000 at first).
    pub fn set_page_size(&self, size: usize) {
        self.state.borrow_mut().settings.page_size = size.max(1);
    }

    /// Seconds by which the index of what is due lags behind the table.
    pub fn set_index_lag(&self, seconds: i64) {
        self.state.borrow_mut().settings.index_lag_seconds = seconds;
    }

    /// Reads of a family take its rows before its own item, with a turn of the others between.
    pub fn set_torn_reads(&self, torn: bool) {
        self.state.borrow_mut().settings.torn_reads = torn;
    }

    pub(crate) fn torn_reads(&self) -> bool {
        self.state.borrow().settings.torn_reads
    }

    /// Parts of the index of what is due (16 at first, as the table has).
    pub fn set_index_parts(&self, parts: u32) {
        self.state.borrow_mut().settings.shards = parts.clamp(1, 16);
    }

    /// Breaks the model itself.
    pub fn plant(&self, plant: Plant) {
        self.state.borrow_mut().settings.plant = Some(plant);
    }

    /// Whether the tag rule lets only events in that show the button, as the template's does.
    pub fn set_rule_wants_button(&self, wants: bool) {
        self.state.borrow_mut().settings.rule_wants_button = wants;
    }

    /// The stack's tag prefix (`amiline` at first).
    pub fn set_tag_prefix(&self, prefix: &str) {
        self.state.borrow_mut().settings.set_tag_prefix(prefix);
    }

    // Switches of a Region.

    /// Describes in the Region lag behind by so many seconds.
    pub fn set_lag(&self, region: &Region, seconds: i64) {
        self.state.borrow_mut().region_mut(region).lag_seconds = seconds;
    }

    /// Describes of images in the Region lag behind by so many seconds, whatever those of instances
    /// do.
    pub fn set_image_lag(&self, region: &Region, seconds: i64) {
        self.state.borrow_mut().region_mut(region).image_lag_seconds = Some(seconds);
    }

    /// Seconds that created images are pending (60 at first); `None`: until [`FakeCloud::finish`]
    /// or [`FakeCloud::fail`]. Images that are pending already keep their time.
    pub fn set_create_seconds(&self, region: &Region, seconds: Option<i64>) {
        self.state.borrow_mut().region_mut(region).create_seconds = seconds;
    }

    /// The same for copies (120 at first).
    pub fn set_copy_seconds(&self, region: &Region, seconds: Option<i64>) {
        self.state.borrow_mut().region_mut(region).copy_seconds = seconds;
    }

    /// Copies that may be in flight to the Region (20 at first).
    pub fn set_copies_max(&self, region: &Region, max: usize) {
        self.state.borrow_mut().region_mut(region).copies_max = max;
    }

    /// The next image that is created in or copied to the Region ends `failed`.
    pub fn fail_next(&self, region: &Region, why: &str) {
        self.state.borrow_mut().region_mut(region).failures.push_back(why.to_owned());
    }

    /// Every image that is pending in the Region ends `failed`, until `None`.
    pub fn set_failing(&self, region: &Region, why: Option<&str>) {
        self.state.borrow_mut().region_mut(region).failing = why.map(str::to_owned);
    }

    /// The Region's "EBS encryption by default".
    pub fn set_encrypts_by_default(&self, region: &Region, on: bool) {
        self.state.borrow_mut().region_mut(region).encrypts_by_default = on;
    }

    /// Whether the Region's events reach home (they do at first), as `regional.yaml` makes them.
    pub fn set_forwarded(&self, region: &Region, forwarded: bool) {
        self.state.borrow_mut().region_mut(region).forwarded = forwarded;
    }

    pub(crate) fn note_seen(&self, region: &Region, images: &[ObservedImage]) {
        let available = images.iter().filter(|image| image.state == ImageState::Available);
        self.seen_available
            .borrow_mut()
            .extend(available.map(|image| (region.clone(), image.id.to_string())));
    }
}
