//! The local AWS as the stories use it: an operator's hands, a subscriber's inbox, and eyes on EC2
//! and the call log.

use crate::hearing::Ears;
use amiline_local::aws::{AccessKey, Aws, list, text};
use amiline_local::gateway::Record;
use amiline_local::{DESTINATION_REGIONS, HOME_REGION, LocalAws, Options};
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(crate) const BUTTON: &str = "amiline:image";
pub(crate) const STATUS: &str = "amiline:status";
/// How long a press may take to be answered when nothing is in its way; the machine may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(45);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) type Tags = BTreeMap<String, String>;

/// A local AWS with subscribers to its topics and a rule on its bus.
pub(crate) struct Cloud {
    pub(crate) local: LocalAws,
    pub(crate) aws: Aws,
    pub(crate) ears: Ears,
    notes: Mutex<Vec<String>>,
}

/// An image as EC2 shows it, with the Region that was asked.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) region: &'static str,
    pub(crate) id: String,
    pub(crate) shown: Value,
    pub(crate) tags: Tags,
}

/// Home first.
pub(crate) fn regions() -> impl Iterator<Item = &'static str> {
    std::iter::once(HOME_REGION).chain(DESTINATION_REGIONS)
}

/// Asks again and again until there is an answer. `Err` says what was found instead, for the
/// message of the failure.
pub(crate) async fn eventually<T, F>(
    deadline: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let since = Instant::now();
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(instead) if since.elapsed() > deadline => {
                panic!("after {deadline:?} not {what}: {instead}")
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// Whether it holds; what it was asked of is the answer to why not.
pub(crate) fn holds(it: bool, seen: &dyn std::fmt::Debug) -> Result<(), String> {
    if it { Ok(()) } else { Err(format!("{seen:?}")) }
}

impl Cloud {
    pub(crate) async fn start(options: Options) -> Self {
        let local = LocalAws::start(options).expect("the local AWS starts");
        let aws = local.aws();
        let mut cloud = Self { local, aws, ears: Ears::default(), notes: Mutex::default() };
        cloud.ears = Ears::of(&cloud).await;
        cloud
    }

    /// Something worth reading, printed when all stories have been told.
    pub(crate) fn note(&self, text: String) {
        self.notes.lock().expect("no panic under the lock").push(text);
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().expect("no panic under the lock"))
    }

    // ------------------------------------------------------------------------------------------------
    // instances

    pub(crate) async fn launch(&self) -> String {
        self.launch_many(1).await.remove(0)
    }

    pub(crate) async fn launch_many(&self, count: usize) -> Vec<String> {
        self.launch_of("ami-12c6146b", count).await
    }

    pub(crate) async fn launch_of(&self, image: &str, count: usize) -> Vec<String> {
        let count = count.to_string();
        let asked = [
            ("ImageId", image),
            ("MinCount", &count),
            ("MaxCount", &count),
            ("InstanceType", "t3.micro"),
        ];
        let answer = self.ec2("RunInstances", &asked).await;
        list(&answer, "/instancesSet")
            .iter()
            .map(|one| text(one, "/instanceId").to_owned())
            .collect()
    }

    /// One EC2 action at home that has to succeed.
    pub(crate) async fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        self.ec2_in(HOME_REGION, action, parameters).await
    }

    pub(crate) async fn ec2_in(
        &self,
        region: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Value {
        let answer = self.aws.ec2(region, action, parameters).await;
        answer.unwrap_or_else(|error| panic!("{action} {parameters:?} in {region}: {error}"))
    }

    pub(crate) async fn tag(&self, resource: &str, key: &str, value: &str) {
        self.ec2(
            "CreateTags",
            &[("ResourceId.1", resource), ("Tag.1.Key", key), ("Tag.1.Value", value)],
        )
        .await;
    }

    pub(crate) async fn untag(&self, resource: &str, key: &str) {
        self.ec2("DeleteTags", &[("ResourceId.1", resource), ("Tag.1.Key", key)]).await;
    }

    /// Launches an instance and presses its button.
    pub(crate) async fn pressed(&self, policy: &str) -> String {
        let instance = self.launch().await;
        self.tag(&instance, BUTTON, policy).await;
        instance
    }

    pub(crate) async fn tags(&self, instance: &str) -> Tags {
        let answer = self.ec2("DescribeInstances", &[("InstanceId.1", instance)]).await;
        tags_of(&answer, "/reservationSet/0/instancesSet/0/tagSet")
    }

    /// Waits until the button has sprung back and the status begins so; gives the status.
    pub(crate) async fn answered(&self, instance: &str, status: &str, within: Duration) -> String {
        eventually(within, &format!("{instance} answered with {status:?}"), async || {
            let tags = self.tags(instance).await;
            let found = tags
                .get(STATUS)
                .filter(|found| found.starts_with(status) && !tags.contains_key(BUTTON));
            found.cloned().ok_or_else(|| {
                format!("{tags:?}; the logs are in {}", self.local.run_directory().display())
            })
        })
        .await
    }

    /// The same, while the tick is invoked by hand and looks ahead, as in a world without events.
    pub(crate) async fn answered_by_ticks(
        &self,
        instance: &str,
        status: &str,
        within: Duration,
    ) -> String {
        eventually(within, &format!("{instance} answered with {status:?} by ticks"), async || {
            let tags = self.tags(instance).await;
            if let Some(found) =
                tags.get(STATUS).filter(|s| s.starts_with(status) && !tags.contains_key(BUTTON))
            {
                return Ok(found.clone());
            }
            self.tick(86_400).await;
            Err(format!("{tags:?}"))
        })
        .await
    }

    // ---------------------------------------------------------------------------------------------------
    // images

    pub(crate) async fn images(
        &self,
        region: &'static str,
        filters: &[(&str, &str)],
    ) -> Vec<Image> {
        let names: Vec<(String, String)> = (1..=filters.len())
            .map(|n| (format!("Filter.{n}.Name"), format!("Filter.{n}.Value.1")))
            .collect();
        let mut asked = vec![("Owner.1", "self")];
        for ((name, value), filter) in names.iter().zip(filters) {
            asked.extend([(name.as_str(), filter.0), (value.as_str(), filter.1)]);
        }
        let answer = self.ec2_in(region, "DescribeImages", &asked).await;
        let image = |shown: &Value| Image {
            region,
            id: text(shown, "/imageId").to_owned(),
            tags: tags_of(shown, "/tagSet"),
            shown: shown.clone(),
        };
        list(&answer, "/imagesSet").iter().map(image).collect()
    }

    /// The images made of an instance, by EC2's own record of where they come from, never by tags.
    pub(crate) async fn images_of(&self, instance: &str) -> Vec<Image> {
        self.images(HOME_REGION, &[("source-instance-id", instance)]).await
    }

    /// The copies of an image in the destinations, by EC2's own record.
    pub(crate) async fn copies_of(&self, image: &str) -> Vec<Image> {
        let mut copies = Vec::new();
        for region in DESTINATION_REGIONS {
            copies.extend(self.images(region, &[("source-image-id", image)]).await);
        }
        copies
    }

    /// One image of the instance, one copy in each destination, all of them tagged, as a completed
    /// press leaves it.
    pub(crate) async fn one_family(&self, instance: &str) -> (Image, Vec<Image>) {
        let mut images = self.images_of(instance).await;
        assert_eq!(images.len(), 1, "images of {instance}: {images:?}");
        let image = images.remove(0);
        let copies = self.copies_of(&image.id).await;
        let places: Vec<_> = copies.iter().map(|copy| copy.region).collect();
        assert_eq!(places, DESTINATION_REGIONS, "copies of {}", image.id);
        for made in copies.iter().chain([&image]) {
            assert_eq!(
                made.tags.get("amiline:managed-by").map(String::as_str),
                Some("amiline"),
                "{made:?}"
            );
            assert_eq!(
                made.tags.get("amiline:family"),
                image.tags.get("amiline:family"),
                "{made:?}"
            );
            assert!(made.tags.contains_key("amiline:intent"), "{made:?}");
        }
        (image, copies)
    }

    pub(crate) async fn snapshots(&self, image: &Image) -> Vec<Value> {
        let devices = list(&image.shown, "/blockDeviceMapping").iter();
        let ids: Vec<String> =
            devices.map(|device| text(device, "/ebs/snapshotId").to_owned()).collect();
        assert!(
            !ids.is_empty() && ids.iter().all(|id| !id.is_empty()),
            "{image:?} has no snapshots"
        );
        let names: Vec<String> = (1..=ids.len()).map(|n| format!("SnapshotId.{n}")).collect();
        let asked: Vec<_> =
            names.iter().map(String::as_str).zip(ids.iter().map(String::as_str)).collect();
        let answer = self.ec2_in(image.region, "DescribeSnapshots", &asked).await;
        list(&answer, "/snapshotSet").to_vec()
    }

    // ------------------------------------------------------------------------------------------
    // queues, functions

    pub(crate) async fn sqs(&self, action: &str, asked: &Value) -> Value {
        let answer = self.aws.json("sqs", HOME_REGION, &format!("AmazonSQS.{action}"), asked).await;
        answer.unwrap_or_else(|error| panic!("{action}: {error}"))
    }

    pub(crate) fn queue(&self, function: &str) -> String {
        self.local.deployed().queues[function].url.clone().expect("the function has a queue")
    }

    pub(crate) async fn send(&self, function: &str, body: &str) {
        self.sqs("SendMessage", &json!({"QueueUrl": self.queue(function), "MessageBody": body}))
            .await;
    }

    /// Messages of a function that wait or are being worked on.
    pub(crate) async fn backlog(&self, url: &str) -> u64 {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let answer = self
            .sqs("GetQueueAttributes", &json!({"QueueUrl": url, "AttributeNames": names}))
            .await;
        names
            .iter()
            .map(|name| text(&answer, &format!("/Attributes/{name}")).parse::<u64>().unwrap())
            .sum()
    }

    /// Messages of a function that nobody works on yet.
    pub(crate) async fn waiting(&self, function: &str) -> u64 {
        let name = "ApproximateNumberOfMessages";
        let asked = json!({"QueueUrl": self.queue(function), "AttributeNames": [name]});
        let answer = self.sqs("GetQueueAttributes", &asked).await;
        text(&answer, &format!("/Attributes/{name}")).parse().unwrap()
    }

    pub(crate) async fn dead_letters(&self) -> u64 {
        let mut all = 0;
        for queues in self.local.deployed().queues.values() {
            all += self.backlog(&queues.dead_letter_url).await;
        }
        all
    }

    /// Waits until no message waits or is being worked on.
    pub(crate) async fn idle(&self, function: &str) {
        eventually(SOON, &format!("{function} idle"), async || {
            let left = self.backlog(&self.queue(function)).await;
            holds(left == 0, &left)
        })
        .await;
    }

    pub(crate) async fn tick(&self, due_within_seconds: u32) {
        self.schedule("Tick", json!({"due_within_seconds": due_within_seconds})).await;
    }

    /// The hourly sweep, which holds every tag against its enrolment.
    pub(crate) async fn sweep(&self) {
        self.schedule("Tick", json!({"sweep": true})).await;
    }

    /// A sweep by which every family is asked with whom its images are shared, whosever turn it is.
    pub(crate) async fn sweep_all_shares(&self) {
        self.schedule("Tick", json!({"sweep": true, "all_shares": true})).await;
    }

    /// As a schedule invokes the tick's function.
    pub(crate) async fn schedule(&self, asked: &str, detail: Value) {
        let asked = json!({"source": "amiline", "detail-type": asked, "detail": detail});
        let function = &self.local.deployed().functions["schedule-tick"];
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self
            .aws
            .rest("lambda", HOME_REGION, Method::POST, &path, asked.to_string().into())
            .await;
        let answer = String::from_utf8(answer.expect("the tick is invoked").to_vec()).unwrap();
        assert!(!answer.contains("errorMessage"), "{answer}");
    }

    // -------------------------------------------------------------------------------------------------
    // controls

    pub(crate) async fn control(&self, path: &str, asked: Value) -> Value {
        let answer = self.aws.control(path, &asked).await;
        answer.unwrap_or_else(|error| panic!("{path} {asked}: {error}"))
    }

    pub(crate) async fn fault(&self, fault: Value) {
        self.control("/_amiline/faults", fault).await;
    }

    /// As after the start: no faults, all events once, nothing hidden.
    pub(crate) async fn calm(&self) {
        let cleared = self
            .aws
            .rest("gateway", HOME_REGION, Method::DELETE, "/_amiline/faults", "".into())
            .await;
        cleared.expect("faults are cleared");
        self.control("/_local/ec2/drop-events", json!({"detail_types": []})).await;
        self.control("/_local/ec2/duplicate-events", json!({"detail_types": []})).await;
        self.control("/_local/ec2/hide-images", json!({"seconds": 0})).await;
        self.control("/_local/ec2/pending", json!({"seconds": 1})).await;
    }

    // -------------------------------------------------------------------------------------------------
    // call log

    /// A place in the call log.
    pub(crate) fn mark(&self) -> usize {
        self.local.calls_since(0).len()
    }

    pub(crate) fn calls(&self, since: usize, caller: &str, action: &str) -> Vec<Arc<Record>> {
        let mut calls = self.local.calls_since(since);
        calls.retain(|call| {
            call.caller == caller && format!("{}:{}", call.service, call.action) == action
        });
        calls
    }

    /// How often CreateImage took effect for an instance, by whoever.
    pub(crate) fn created(&self, instance: &str) -> usize {
        let calls = self.local.calls_since(0);
        let of = |call: &&Arc<Record>| call.action == "CreateImage" && call.made.is_some();
        calls.iter().filter(of).filter(|call| parameter(call, "InstanceId") == instance).count()
    }

    /// How often CopyImage took effect for an image.
    pub(crate) fn copied(&self, image: &str) -> usize {
        let calls = self.local.calls_since(0);
        let of = |call: &&Arc<Record>| call.action == "CopyImage" && call.made.is_some();
        calls.iter().filter(of).filter(|call| parameter(call, "SourceImageId") == image).count()
    }

    /// As another account sees it.
    pub(crate) fn as_account(&self, account: &str) -> Aws {
        let key = AccessKey { id: account.to_owned(), secret: "test".to_owned() };
        Aws::new(self.local.endpoint().trim_start_matches("http://"), key)
    }
}

pub(crate) fn parameter<'a>(call: &'a Record, name: &str) -> &'a str {
    call.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn tags_of(value: &Value, pointer: &str) -> Tags {
    list(value, pointer)
        .iter()
        .map(|tag| (text(tag, "/key").to_owned(), text(tag, "/value").to_owned()))
        .collect()
}
