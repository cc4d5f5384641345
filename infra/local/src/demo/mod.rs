//! The demonstration: tag an instance, and watch until its image is in every Region and everybody
//! was told.
//!
//! What it says comes from EC2, from a queue subscribed to the notification topic and from the call
//! log. Amiline's own table is never read: a record that says "done" proves nothing.

mod inbox;
mod observe;
mod report;
mod tick;
mod verdict;
mod watch;

pub use inbox::{Notification, subscribe};
pub use observe::{ImageSeen, Observation, SnapshotSeen};
pub use report::Report;
pub use verdict::Outcome;

use crate::aws::{Aws, AwsError, text};
use crate::error::LocalError;
use crate::gateway::Record;
use crate::stack::{LocalAws, Options};
use crate::{DESTINATION_REGIONS, HOME_REGION, KEY_ALIAS, Progress};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The tag that is the button, and the policy that its value names.
pub const BUTTON: (&str, &str) = ("amiline:image", "default");

/// Which events EC2 never sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// State changes of images.
    Ami,
    /// Changes of tags.
    Tag,
    /// Both.
    All,
}

impl Dropped {
    fn detail_types(self) -> Vec<String> {
        let (ami, tag) = ("EC2 AMI State Change", "Tag Change on Resource");
        let types = match self {
            Self::Ami => vec![ami],
            Self::Tag => vec![tag],
            Self::All => vec![ami, tag],
        };
        types.into_iter().map(str::to_owned).collect()
    }
}

/// How to run it.
#[derive(Debug, Clone)]
pub struct Script {
    /// How long images stay pending.
    pub pending_seconds: f64,
    /// Events to drop; the demo then invokes the tick itself.
    pub drop_events: Option<Dropped>,
    /// How the local AWS is started otherwise.
    pub options: Options,
    /// Whether to say what is seen as it happens.
    pub progress: Progress,
}

/// What the scene is, once it is set.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) instance: String,
    /// The customer key of each Region, by ARN.
    pub(crate) keys: BTreeMap<String, String>,
    pub(crate) queue_url: String,
}

/// Runs it from an empty machine to the report.
pub fn run(script: &Script) -> Result<Report, LocalError> {
    let since = Instant::now();
    let local = LocalAws::start(Options {
        pending_seconds: script.pending_seconds,
        drop_events: script.drop_events.map(Dropped::detail_types).unwrap_or_default(),
        ..script.options.clone()
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| LocalError::Thread { what: "an async runtime", source })?;
    let ready = since.elapsed();
    let report = runtime.block_on(play(&local, script, ready));
    local.stop();
    report
}

async fn play(local: &LocalAws, script: &Script, ready: Duration) -> Result<Report, LocalError> {
    let aws = local.aws();
    let scene = set(local, &aws).await.map_err(LocalError::aws("setting the scene of the demo"))?;
    let before = local.calls_since(0).len();
    let tagged = Instant::now();
    let (key, value) = BUTTON;
    let tag =
        [("ResourceId.1", scene.instance.as_str()), ("Tag.1.Key", key), ("Tag.1.Value", value)];
    aws.ec2(HOME_REGION, "CreateTags", &tag)
        .await
        .map_err(LocalError::aws("tagging the instance"))?;
    let watched = watch::until_done(local, &aws, &scene, script, tagged).await?;
    let calls = quiet(local, before).await;
    Ok(Report::new(local, scene, watched, &calls, ready))
}

/// The calls since `before`, once no function has made one for a moment: the last notification
/// arrives before its sender has noted that it was sent.
async fn quiet(local: &LocalAws, before: usize) -> Vec<Arc<Record>> {
    let mut clock = tokio::time::interval(Duration::from_millis(250));
    clock.tick().await;
    let mut calls = local.calls_since(before);
    for _ in 0..20 {
        clock.tick().await;
        let now = local.calls_since(before);
        if now.len() == calls.len() {
            break;
        }
        calls = now;
    }
    calls
}

/// A subscriber, an instance that runs, and the keys by their ARNs.
async fn set(local: &LocalAws, aws: &Aws) -> Result<Scene, AwsError> {
    let mut keys = BTreeMap::new();
    for region in crate::deploy::regions() {
        let key = aws
            .json("kms", region, "TrentService.DescribeKey", &json!({"KeyId": KEY_ALIAS}))
            .await?;
        keys.insert(region.to_owned(), text(&key, "/KeyMetadata/Arn").to_owned());
    }
    let queue_url =
        subscribe(aws, &local.deployed().notification_topic(), "amiline-demo-inbox").await?;
    let launch = [
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("InstanceType", "t3.micro"),
    ];
    let launched = aws.ec2(HOME_REGION, "RunInstances", &launch).await?;
    let instance = text(&launched, "/instancesSet/0/instanceId").to_owned();
    Ok(Scene { instance, keys, queue_url })
}

/// Every Region that an image is wanted in.
pub(crate) fn wanted_regions() -> Vec<&'static str> {
    std::iter::once(HOME_REGION).chain(DESTINATION_REGIONS).collect()
}
