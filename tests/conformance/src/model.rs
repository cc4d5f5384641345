//! The cloud in memory as a lab.

use crate::lab::Lab;
use amiline_app::ports::Queue;
use amiline_domain::ids::{AccountId, ImageId, InstanceId, KeyAlias, Region};
use amiline_fakecloud::{FakeCloud, Launch, Permission, World};
use std::cell::Cell;

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
}

impl Default for Model {
    fn default() -> Self {
        let cloud = FakeCloud::new(ACCOUNT, HOME, &[ELSEWHERE]);
        cloud.create_key_everywhere(KEY);
        set_seconds(&cloud, None);
        Self { cloud, numbers: Cell::default(), published: Cell::default() }
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

    async fn deregister(&self, region: &Region, image: &ImageId) {
        self.cloud.deregister(region, image);
    }

    async fn shared_with(&self, region: &Region, image: &ImageId) -> Vec<AccountId> {
        let permissions = self.cloud.launch_permissions(region, image).into_iter();
        permissions
            .map(|permission| match permission {
                Permission::Account(account) => account,
                Permission::Everybody => panic!("{image} is public"),
            })
            .collect()
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

    async fn take_published(&self) -> Vec<(String, Vec<(String, String)>)> {
        let all = self.cloud.notices();
        let from = self.published.replace(all.len());
        let of = |(name, value): (&'static str, String)| (name.to_owned(), value);
        all.into_iter()
            .skip(from)
            .map(|published| {
                let attributes = published.notice.attributes.into_iter().filter(|(_, value)| !value.is_empty());
                (published.notice.json, attributes.map(of).collect())
            })
            .collect()
    }
}
