//! The local AWS as a lab, through the SDK adapters.
//!
//! The deployed functions work on what is deployed, so the suite has a table, queues, topics, a bus
//! and parameters of its own. The table's keys and indexes are read from the deployed one.

mod lab;

use crate::lab::Lab;
use amiline_app::functions::Queue;
use amiline_app::settings::{BoundedStack, Stack};
use amiline_aws::Aws;
use amiline_aws::client::{Clients, lambda_config};
use amiline_aws::settings::Process;
use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{ImageId, Region, StackName, TagPrefix};
use amiline_domain::tags::TagKeys;
use amiline_local::aws::{AccessKey, list, text};
use amiline_local::{
    ACCOUNT, ACCOUNTS_SHARED_WITH, HOME_REGION, KEY_ALIAS, LocalAws, aws::Aws as Keeper,
};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;

/// The stack that the suite's table and queues belong to.
const STACK: &str = "conformance";
const TABLE: &str = "conformance-lineage";
const POLICY_PATH: &str = "/conformance/policies";
const BOUNDS: &str = "/conformance/bounds";
const KILL_SWITCH: &str = "/conformance/kill-switch";
const BUS: &str = "conformance-outcomes";
/// An image that the emulator does not know: it gives every instance of it the volumes that the
/// call names.
const ANY_IMAGE: &str = "ami-0123456789abcdef0";
const MOMENT: Duration = Duration::from_millis(40);

/// A queue, and where what could not be done goes.
#[derive(Default)]
struct QueuePair {
    url: String,
    dead_letters: String,
}

/// A topic, and the queue that hears it.
#[derive(Default)]
struct Subscriber {
    topic: String,
    queue: String,
}

/// A local AWS, with a stack of the suite's own.
pub struct Local {
    keeper: Keeper,
    /// The keeper of another account.
    other: Keeper,
    endpoint: String,
    access_key: AccessKey,
    queues: [QueuePair; 3],
    subscriber: Subscriber,
    attentive: Subscriber,
    /// The queue of a rule that lets everything in that is put on the bus.
    from_bus: String,
    numbers: Cell<u32>,
}

impl Local {
    /// How long images must be pending in the local AWS: until they are settled.
    pub const PENDING_SECONDS: f64 = 600.0;

    /// Makes the suite's own table, queues and topic in a local AWS.
    pub async fn in_place(aws: &LocalAws) -> Self {
        let mut lab = Self {
            keeper: aws.aws(),
            other: another_account(aws),
            endpoint: aws.endpoint().to_owned(),
            access_key: aws.access_key(),
            queues: Default::default(),
            subscriber: Subscriber::default(),
            attentive: Subscriber::default(),
            from_bus: String::new(),
            numbers: Cell::default(),
        };
        lab.make_table(&aws.deployed().table).await;
        let functions = ["create-image", "distribute-image", "notify"];
        for (place, function) in functions.into_iter().enumerate() {
            let like =
                aws.deployed().queues[function].url.as_deref().expect("the function has a queue");
            lab.queues[place] = lab.make_queues(&format!("{STACK}-{function}"), like).await;
        }
        lab.subscriber = lab.subscribe("conformance-notifications").await;
        lab.attentive = lab.subscribe("conformance-attention").await;
        lab.from_bus = lab.listen_on_bus().await;
        for region in [lab.home(), lab.elsewhere()] {
            // As in an account that nobody has set up.
            lab.let_ebs_encrypt(&region, false).await;
            lab.ec2(&region, "ResetEbsDefaultKmsKeyId", &[]).await;
        }
        lab
    }

    async fn make_table(&self, like: &str) {
        let deployed = self
            .json("dynamodb", "DynamoDB_20120810.DescribeTable", json!({"TableName": like}))
            .await;
        let deployed = &deployed["Table"];
        let indexes = list(deployed, "/GlobalSecondaryIndexes").iter().map(|index| {
            let (name, keys, projection) =
                (&index["IndexName"], &index["KeySchema"], &index["Projection"]);
            json!({"IndexName": name, "KeySchema": keys, "Projection": projection})
        });
        let table = json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": deployed["AttributeDefinitions"],
            "KeySchema": deployed["KeySchema"],
            "GlobalSecondaryIndexes": indexes.collect::<Vec<_>>(),
        });
        self.json("dynamodb", "DynamoDB_20120810.CreateTable", table).await;
    }

    /// Makes a topic, and a queue of the same name that hears it.
    async fn subscribe(&self, name: &str) -> Subscriber {
        let topic = self.sns("CreateTopic", &[("Name", name)]).await;
        let topic = text(&topic, "/TopicArn").to_owned();
        let endpoint = format!("arn:aws:sqs:{HOME_REGION}:{ACCOUNT}:{name}");
        let queue = self.make_queue(name).await;
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": endpoint,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }]});
        let open = json!({"QueueUrl": queue, "Attributes": {"Policy": policy.to_string()}});
        self.json("sqs", "AmazonSQS.SetQueueAttributes", open).await;
        self.sns(
            "Subscribe",
            &[("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &endpoint)],
        )
        .await;
        Subscriber { topic, queue }
    }

    /// Makes the bus, and a queue that gets everything that is put there; gives the queue.
    async fn listen_on_bus(&self) -> String {
        self.json("events", "AWSEvents.CreateEventBus", json!({"Name": BUS})).await;
        let (rule, queue) = ("conformance-all", "conformance-from-bus");
        let url = self.make_queue(queue).await;
        let pattern = json!({"account": [ACCOUNT]}).to_string();
        let rule_of = json!({"Name": rule, "EventBusName": BUS, "EventPattern": pattern});
        self.json("events", "AWSEvents.PutRule", rule_of).await;
        let target =
            json!({"Id": "1", "Arn": format!("arn:aws:sqs:{HOME_REGION}:{ACCOUNT}:{queue}")});
        let targets = json!({"Rule": rule, "EventBusName": BUS, "Targets": [target]});
        self.json("events", "AWSEvents.PutTargets", targets).await;
        url
    }

    async fn make_queue(&self, name: &str) -> String {
        let queue = self.json("sqs", "AmazonSQS.CreateQueue", json!({"QueueName": name})).await;
        text(&queue, "/QueueUrl").to_owned()
    }

    /// A queue with a dead-letter queue, which gives up when the deployed one does.
    async fn make_queues(&self, name: &str, like: &str) -> QueuePair {
        let asked = json!({"QueueUrl": like, "AttributeNames": ["RedrivePolicy"]});
        let deployed = self.json("sqs", "AmazonSQS.GetQueueAttributes", asked).await;
        let redrive: Value =
            serde_json::from_str(text(&deployed, "/Attributes/RedrivePolicy")).expect("a policy");
        let (url, dead) = (self.make_queue(name).await, format!("{name}-dead-letters"));
        let dead_letters = self.make_queue(&dead).await;
        let redrive = json!({
            "deadLetterTargetArn": format!("arn:aws:sqs:{HOME_REGION}:{ACCOUNT}:{dead}"),
            "maxReceiveCount": redrive["maxReceiveCount"],
        });
        let attributes =
            json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": redrive.to_string()}});
        self.json("sqs", "AmazonSQS.SetQueueAttributes", attributes).await;
        QueuePair { url, dead_letters }
    }

    async fn json(&self, service: &str, target: &str, body: Value) -> Value {
        self.keeper
            .json(service, HOME_REGION, target, &body)
            .await
            .unwrap_or_else(|e| panic!("{target}: {e}"))
    }

    async fn sns(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.keeper.query("sns", HOME_REGION, "2010-03-31", action, parameters).await;
        answer.unwrap_or_else(|e| panic!("{action}: {e}"))
    }

    async fn ec2(&self, region: &Region, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.keeper.ec2(region.as_str(), action, parameters).await;
        answer.unwrap_or_else(|e| panic!("{action}: {e}"))
    }

    /// Each snapshot that was made for an image, whether a describe shows it with the image or not.
    async fn snapshots_of(&self, region: &Region, image: &ImageId) -> Vec<Value> {
        // What EC2 writes into the description names the image
        // (aws-behaviour.md#snapshot-descriptions-name-the-image).
        let asked = [
            ("Owner.1", "self"),
            ("Filter.1.Name", "description"),
            ("Filter.1.Value.1", &format!("*{image}*")),
        ];
        let answer = self.ec2(region, "DescribeSnapshots", &asked).await;
        list(&answer, "/snapshotSet").to_vec()
    }

    async fn control(&self, name: &str, body: Value) -> Value {
        let answer = self.keeper.control(&format!("/_local/ec2/{name}"), &body).await;
        answer.unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    async fn kms(&self, region: &Region, action: &str, body: Value) -> Value {
        let answer = self
            .keeper
            .json("kms", region.as_str(), &format!("TrentService.{action}"), &body)
            .await;
        answer.unwrap_or_else(|e| panic!("{action}: {e}"))
    }

    async fn put_parameter(&self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => {
                let body =
                    json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true});
                self.json("ssm", "AmazonSSM.PutParameter", body).await;
            }
            None => {
                // It may not be there, which is as good.
                let _ = self
                    .keeper
                    .json("ssm", HOME_REGION, "AmazonSSM.DeleteParameter", &json!({"Name": name}))
                    .await;
            }
        }
    }

    async fn drain(&self, url: &str) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let asked = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0});
            let answer = self.json("sqs", "AmazonSQS.ReceiveMessage", asked).await;
            let messages = list(&answer, "/Messages");
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                bodies.push(text(message, "/Body").to_owned());
                let done = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
                self.json("sqs", "AmazonSQS.DeleteMessage", done).await;
            }
        }
    }

    fn queue(&self, queue: Queue) -> &QueuePair {
        match queue {
            Queue::Create => &self.queues[0],
            Queue::Distribute => &self.queues[1],
            Queue::Notify => &self.queues[2],
        }
    }

    /// An image with an instance-store root, which only RegisterImage makes.
    async fn instance_store_image(&self, region: &Region) -> String {
        let name = format!("instance store {}", self.number());
        let parameters = [("Name", name.as_str()), ("ImageLocation", "bucket/image.manifest.xml")];
        let image =
            text(&self.ec2(region, "RegisterImage", &parameters).await, "/imageId").to_owned();
        self.settle(region, &ImageId::new(image.as_str()).unwrap()).await;
        image
    }

    /// As the adapters configure it inside Lambda, but for the access key.
    fn clients(&self) -> Clients {
        let home = self.home();
        let key =
            Credentials::new(&self.access_key.id, &self.access_key.secret, None, None, "the suite");
        let config = lambda_config(&home, Some(&self.endpoint)).into_builder();
        let config = config.credentials_provider(SharedCredentialsProvider::new(key)).build();
        Clients::new(config, home)
    }

    fn world<S>(&self, settings: S) -> Aws<S> {
        Aws::new(self.clients(), settings)
    }

    fn stack(&self) -> Stack {
        Stack {
            name: StackName::new(STACK).unwrap(),
            account: self.account(),
            home: self.home(),
            keys: TagKeys::new(TagPrefix::new(STACK).unwrap()),
        }
    }

    fn bounded(&self) -> BoundedStack {
        let bounds = Bounds {
            regions: [self.home(), self.elsewhere()].into(),
            accounts: [self.other_account()].into(),
            organizations: [].into(),
            organizational_units: [].into(),
            keys: [KEY_ALIAS.parse().unwrap()].into(),
            images_per_hour_max: 50,
            interval_minutes_min: 0,
        };
        BoundedStack { stack: self.stack(), bounds }
    }

    fn process(&self) -> Process {
        Process { log: "info".to_owned(), endpoint: Some(self.endpoint.clone()) }
    }
}

/// Another account's root: the emulators take an account's id for its key, and any secret.
fn another_account(aws: &LocalAws) -> Keeper {
    let key = AccessKey { id: ACCOUNTS_SHARED_WITH[0].to_owned(), secret: "test".to_owned() };
    Keeper::new(aws.endpoint().trim_start_matches("http://"), key)
}
