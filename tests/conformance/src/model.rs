//! The cloud in memory as a lab.

use crate::lab::{FromBus, Lab, Published, announcement};
use amiline_app::functions::Queue;
use amiline_domain::bus::{BusEvent, SOURCE};
use amiline_domain::ids::{AccountId, ImageId, InstanceId, KeyAlias, Region};
use amiline_domain::policy::CopyMinutes;
use amiline_domain::receiver::Topic;
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::{FakeCloud, FaultKind, FaultRule, Forged, Launch, Permission, World};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

const ACCOUNT: &str = "111111111111";
const OTHER_ACCOUNT: &str = "222222222222";
const HOME: &str = "us-east-1";
const ELSEWHERE: &str = "us-west-2";
const KEY: &str = "alias/amiline";

/// A cloud in memory, new and empty.
pub struct Model {
    cloud: FakeCloud,
    numbers: Cell<u32>,
    published: Cell<usize>,
    for_attention: Cell<usize>,
    on_bus: Cell<usize>,
    dead: RefCell<BTreeMap<Queue, usize>>,
}

impl Default for Model {
    fn default() -> Self {
        let cloud = FakeCloud::new(ACCOUNT, HOME, &[ELSEWHERE]);
        cloud.create_key_everywhere(KEY);
        set_seconds(&cloud, None);
        cloud.set_volume_rate(false);
        // As many as the adapters ask for on a page of the index.
        cloud.set_page_size(100);
        Self {
            cloud,
            numbers: Cell::default(),
            published: Cell::default(),
            for_attention: Cell::default(),
            on_bus: Cell::default(),
            dead: RefCell::default(),
        }
    }
}

fn set_seconds(cloud: &FakeCloud, seconds: Option<i64>) {
    for region in cloud.regions() {
        cloud.set_create_seconds(&region, seconds);
        cloud.set_copy_seconds(&region, seconds);
    }
}

impl Lab for Model {
    type CreateImage = World;
    type DistributeImage = World;
    type ScheduleTick = World;
    type Notify = World;
    type Operator = World;

    fn create_image(&self) -> World {
        self.cloud.as_caller("create-image")
    }

    fn distribute_image(&self) -> World {
        self.cloud.as_caller("distribute-image")
    }

    fn schedule_tick(&self) -> World {
        self.cloud.as_caller("schedule-tick")
    }

    fn notify(&self) -> World {
        self.cloud.as_caller("notify")
    }

    fn operator(&self) -> World {
        self.cloud.as_caller("operator")
    }

    fn number(&self) -> u32 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    fn account(&self) -> AccountId {
        self.cloud.account()
    }

    fn other_account(&self) -> AccountId {
        AccountId::new(OTHER_ACCOUNT).unwrap()
    }

    fn home(&self) -> Region {
        self.cloud.home()
    }

    fn elsewhere(&self) -> Region {
        amiline_fakecloud::region(ELSEWHERE)
    }

    fn key(&self) -> KeyAlias {
        KeyAlias::new(KEY).unwrap()
    }

    async fn pass(&self) {
        self.cloud.advance(1);
    }

    async fn launch(&self, region: &Region, launch: &Launch, count: usize) -> Vec<InstanceId> {
        (0..count).map(|_| self.cloud.launch_with(region, launch.clone())).collect()
    }

    async fn terminate(&self, region: &Region, instance: &InstanceId) {
        self.cloud.terminate(region, instance);
    }

    async fn close(&self, target: &ShareTarget) {
        self.cloud.close(target);
    }

    async fn let_images_take(&self, seconds: Option<u32>) {
        set_seconds(&self.cloud, seconds.map(i64::from));
    }

    async fn settle(&self, region: &Region, image: &ImageId) {
        self.cloud.finish(region, image);
    }

    async fn fail(&self, region: &Region, image: &ImageId, why: &str) {
        self.cloud.fail(region, image, why);
    }

    async fn disable(&self, region: &Region, image: &ImageId) {
        self.cloud.disable(region, image);
    }

    async fn enable(&self, region: &Region, image: &ImageId) {
        self.cloud.enable(region, image);
    }

    async fn deregister(&self, region: &Region, image: &ImageId) {
        self.cloud.deregister(region, image);
    }

    async fn make_public(&self, region: &Region, image: &ImageId, on: bool) {
        match on {
            true => self.cloud.share(region, image, Permission::Everybody).expect("a share"),
            false => self.cloud.unshare(region, image, &Permission::Everybody),
        }
    }

    async fn shared_with(&self, region: &Region, image: &ImageId) -> Vec<ShareTarget> {
        let permissions = self.cloud.launch_permissions(region, image).into_iter();
        permissions
            .map(|permission| match permission {
                Permission::Target(target) => target,
                Permission::Everybody => panic!("{image} is public"),
            })
            .collect()
    }

    async fn promised_minutes(&self, region: &Region, image: &ImageId) -> Vec<Option<u32>> {
        let image = self.cloud.image(region, image);
        image.snapshots.iter().map(|_| image.within_minutes.map(CopyMinutes::get)).collect()
    }

    async fn snapshot_tags(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Vec<BTreeMap<String, String>> {
        let snapshots = self.cloud.snapshots(region).into_iter();
        snapshots
            .filter(|snapshot| snapshot.image == *image)
            .map(|snapshot| snapshot.tags)
            .collect()
    }

    async fn devices(&self, region: &Region, image: &ImageId) -> BTreeMap<String, bool> {
        let devices = self.cloud.image(region, image).devices.into_iter();
        devices.map(|device| (device.name.to_string(), device.delete_on_termination)).collect()
    }

    async fn image_of_another_account(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> ImageId {
        let owner = Some(self.other_account());
        let forged =
            Forged { name: name.to_owned(), tags: tags.clone(), owner, ..Forged::default() };
        self.cloud.forge(&self.home(), forged).unwrap()
    }

    async fn let_volumes_rest(&self, on: bool) {
        self.cloud.set_volume_rate(on);
    }

    async fn make_key(&self) -> KeyAlias {
        let alias = format!("alias/made-{}", self.number());
        self.cloud.create_key_everywhere(&alias);
        KeyAlias::new(alias).unwrap()
    }

    async fn let_key_work(&self, region: &Region, key: &KeyAlias, on: bool) {
        self.cloud.set_key_enabled(region, key.as_str(), on);
    }

    async fn announced(&self, about: &str) -> Vec<Value> {
        let events =
            self.cloud.events().into_iter().map(|event| serde_json::from_str(&event.body).unwrap());
        let ours =
            events.filter(|event: &Value| event["resources"][0].as_str().unwrap().ends_with(about));
        ours.map(|event| announcement(&event)).collect()
    }

    async fn let_ebs_encrypt(&self, region: &Region, on: bool) {
        self.cloud.set_encrypts_by_default(region, on);
    }

    async fn put_policy(&self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.cloud.put_policy(name, text),
            None => self.cloud.delete_policy(name),
        }
    }

    async fn put_bounds(&self, text: Option<&str>) {
        self.cloud.state_bounds(text);
    }

    async fn put_kill_switch(&self, value: Option<&str>) {
        self.cloud.set_kill_switch_value(value);
    }

    async fn take_messages(&self, queue: Queue) -> Vec<String> {
        let waiting = self.cloud.waiting(queue);
        self.cloud.lose_all(queue);
        waiting.into_iter().map(|message| message.body).collect()
    }

    async fn receives_max(&self, queue: Queue) -> usize {
        amiline_fakecloud::receives_max(queue)
    }

    async fn fail_message(&self, queue: Queue) -> Option<String> {
        let message = self.cloud.take(queue)?;
        let body = message.body.clone();
        self.cloud.give_back(queue, message);
        Some(body)
    }

    async fn take_dead_letters(&self, queue: Queue) -> Vec<String> {
        let all = self.cloud.dead_letters(queue);
        let from = self.dead.borrow_mut().insert(queue, all.len()).unwrap_or_default();
        all.into_iter().skip(from).map(|message| message.body).collect()
    }

    async fn kept_rejected(&self, day: &str, message_id: &str) -> Option<[String; 4]> {
        let mut kept = self.cloud.rejected().into_iter();
        let found = kept
            .find(|kept| kept.message_id == message_id && kept.at.to_string().starts_with(day))?;
        Some([found.function.to_owned(), found.code, found.reason, found.excerpt])
    }

    async fn take_published(&self) -> Vec<Published> {
        since(&self.published, self.cloud.notices())
    }

    async fn take_calls_for_attention(&self) -> Vec<Published> {
        since(&self.for_attention, self.cloud.notices_on(Topic::Attention))
    }

    async fn take_from_bus(&self) -> Vec<FromBus> {
        let all = self.cloud.bus_events();
        let from = self.on_bus.replace(all.len());
        let arrived = |event: &BusEvent| FromBus {
            source: SOURCE.to_owned(),
            detail_type: event.detail_type.to_owned(),
            detail: serde_json::from_str(&event.detail).expect("a detail is JSON"),
        };
        all.into_iter().skip(from).map(|on_bus| arrived(&on_bus.event)).collect()
    }

    async fn let_bus_refuse(&self, places: &[u32]) {
        let places = places.iter().fold(0, |all, place| all | 1 << place);
        self.cloud.inject(
            FaultRule::new(FaultKind::SomeRefused(places)).action("events:PutEvents").once(),
        );
    }
}

/// What a topic took since the last time.
fn since(place: &Cell<usize>, all: Vec<amiline_fakecloud::Published>) -> Vec<Published> {
    let from = place.replace(all.len());
    let of = |(name, value): (&'static str, String)| (name.to_owned(), value);
    all.into_iter()
        .skip(from)
        .map(|published| {
            let notice = (*published.notice).clone();
            let attributes = notice.attributes.into_iter().filter(|(_, value)| !value.is_empty());
            Published {
                subject: notice.subject,
                message: notice.json,
                attributes: attributes.map(of).collect(),
            }
        })
        .collect()
}
