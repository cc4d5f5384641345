//! The local AWS as a lab, through the SDK adapters.
//!
//! The deployed functions work on what is deployed, so the suite has a table, queues, a topic and parameters of its
//! own. The table's keys and indexes are read from the deployed one.

use crate::lab::Lab;
use amiline_app::ports::Queue;
use amiline_app::settings::{BoundedStack, Stack};
use amiline_aws::Aws;
use amiline_aws::client::{Clients, lambda_config};
use amiline_aws::settings::{CreateImage, DistributeImage, Notify, Process, ScheduleTick};
use amiline_domain::bounds::Bounds;
use amiline_domain::ids::{AccountId, ImageId, InstanceId, KeyAlias, Region, StackName, TagPrefix};
use amiline_domain::image::RootDevice;
use amiline_domain::tags::TagKeys;
use amiline_fakecloud::{Launch, Volume};
use amiline_local::aws::{AccessKey, list, text};
use amiline_local::{
    ACCOUNT, ACCOUNTS_SHARED_WITH, DESTINATION_REGIONS, HOME_REGION, KEY_ALIAS, LocalAws, aws::Aws as Keeper,
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
const SUBSCRIBER: &str = "conformance-subscriber";
/// An image that the emulator does not know: it gives every instance of it the volumes that the call names.
const ANY_IMAGE: &str = "ami-0123456789abcdef0";
const MOMENT: Duration = Duration::from_millis(40);

/// A local AWS, with a stack of the suite's own.
pub struct Local {
    keeper: Keeper,
    endpoint: String,
    access_key: AccessKey,
    queues: [String; 3],
    subscriber: String,
    topic: String,
    numbers: Cell<u32>,
}

impl Local {
    /// How long images must be pending in the local AWS: until they are settled.
    pub const PENDING_SECONDS: f64 = 600.0;

    /// Makes the suite's own table, queues and topic in a local AWS.
    pub async fn in_place(aws: &LocalAws) -> Self {
        let mut lab = Self {
            keeper: aws.aws(),
            endpoint: aws.endpoint().to_owned(),
            access_key: aws.access_key(),
            queues: Default::default(),
            subscriber: String::new(),
            topic: String::new(),
            numbers: Cell::default(),
        };
        lab.make_table(&aws.deployed().table).await;
        let functions = ["create-image", "distribute-image", "notify"];
        for (place, function) in functions.into_iter().enumerate() {
            lab.queues[place] = lab.make_queue(&format!("{STACK}-{function}")).await;
        }
        let topic = lab.sns("CreateTopic", &[("Name", "conformance-notifications")]).await;
        lab.topic = text(&topic, "/TopicArn").to_owned();
        let (topic, endpoint) = (lab.topic.clone(), format!("arn:aws:sqs:{HOME_REGION}:{ACCOUNT}:{SUBSCRIBER}"));
        lab.subscriber = lab.make_queue(SUBSCRIBER).await;
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": endpoint,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }]});
        let open = json!({"QueueUrl": lab.subscriber, "Attributes": {"Policy": policy.to_string()}});
        lab.json("sqs", "AmazonSQS.SetQueueAttributes", open).await;
        lab.sns("Subscribe", &[("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &endpoint)]).await;
        for region in [lab.home(), lab.elsewhere()] {
            // As in an account that nobody has set up.
            lab.let_ebs_encrypt(&region, false).await;
            lab.ec2(&region, "ResetEbsDefaultKmsKeyId", &[]).await;
        }
        lab
    }

    async fn make_table(&self, like: &str) {
        let deployed = self.json("dynamodb", "DynamoDB_20120810.DescribeTable", json!({"TableName": like})).await;
        let deployed = &deployed["Table"];
        let indexes = list(deployed, "/GlobalSecondaryIndexes").iter().map(|index| {
            let (name, keys, projection) = (&index["IndexName"], &index["KeySchema"], &index["Projection"]);
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

    async fn make_queue(&self, name: &str) -> String {
        let queue = self.json("sqs", "AmazonSQS.CreateQueue", json!({"QueueName": name})).await;
        text(&queue, "/QueueUrl").to_owned()
    }

    async fn json(&self, service: &str, target: &str, body: Value) -> Value {
        self.keeper.json(service, HOME_REGION, target, &body).await.unwrap_or_else(|e| panic!("{target}: {e}"))
    }

    async fn sns(&self, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.keeper.query("sns", HOME_REGION, "2010-03-31", action, parameters).await;
        answer.unwrap_or_else(|e| panic!("{action}: {e}"))
    }

    async fn ec2(&self, region: &Region, action: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.keeper.ec2(region.as_str(), action, parameters).await;
        answer.unwrap_or_else(|e| panic!("{action}: {e}"))
    }

    async fn control(&self, name: &str, body: Value) {
        let answer = self.keeper.control(&format!("/_local/ec2/{name}"), &body).await;
        answer.unwrap_or_else(|e| panic!("{name}: {e}"));
    }

    async fn put_parameter(&self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => {
                let body = json!({"Name": name, "Value": value, "Type": "String", "Overwrite": true});
                self.json("ssm", "AmazonSSM.PutParameter", body).await;
            }
            None => {
                // It may not be there, which is as good.
                let _ = self.keeper.json("ssm", HOME_REGION, "AmazonSSM.DeleteParameter", &json!({"Name": name})).await;
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

    /// An image with an instance-store root, which only RegisterImage makes.
    async fn instance_store_image(&self, region: &Region) -> String {
        let name = format!("instance store {}", self.number());
        let parameters = [("Name", name.as_str()), ("ImageLocation", "bucket/image.manifest.xml")];
        let image = text(&self.ec2(region, "RegisterImage", &parameters).await, "/imageId").to_owned();
        self.settle(region, &ImageId::new(image.as_str()).unwrap()).await;
        image
    }

    /// As the adapters configure it inside Lambda, but for the access key.
    fn clients(&self) -> Clients {
        let home = self.home();
        let key = Credentials::new(&self.access_key.id, &self.access_key.secret, None, None, "the suite");
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

impl Lab for Local {
    type CreateImage = Aws<CreateImage>;
    type DistributeImage = Aws<DistributeImage>;
    type ScheduleTick = Aws<ScheduleTick>;
    type Notify = Aws<Notify>;
    type Operator = Aws<amiline_aws::Operator>;

    fn create_image(&self) -> Aws<CreateImage> {
        self.world(CreateImage {
            stack: self.bounded(),
            process: self.process(),
            table: TABLE.to_owned(),
            policy_path: POLICY_PATH.to_owned(),
            kill_switch: KILL_SWITCH.to_owned(),
            distribute_queue: self.queues[1].clone(),
        })
    }

    fn distribute_image(&self) -> Aws<DistributeImage> {
        self.world(DistributeImage {
            stack: self.bounded(),
            process: self.process(),
            table: TABLE.to_owned(),
            kill_switch: KILL_SWITCH.to_owned(),
        })
    }

    fn schedule_tick(&self) -> Aws<ScheduleTick> {
        let [create_queue, distribute_queue, notify_queue] = self.queues.clone();
        self.world(ScheduleTick {
            stack: self.stack(),
            process: self.process(),
            table: TABLE.to_owned(),
            create_queue,
            distribute_queue,
            notify_queue,
            source_regions: vec![self.home(), self.elsewhere()],
        })
    }

    fn notify(&self) -> Aws<Notify> {
        let (stack, process, topic) = (self.stack(), self.process(), self.topic.clone());
        self.world(Notify { stack, process, table: TABLE.to_owned(), topic })
    }

    fn operator(&self) -> Aws<amiline_aws::Operator> {
        let (stack, prefix) = (StackName::new(STACK).unwrap(), TagPrefix::new(STACK).unwrap());
        self.world(amiline_aws::Operator::of(stack, prefix))
    }

    fn number(&self) -> u32 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    fn account(&self) -> AccountId {
        AccountId::new(ACCOUNT).unwrap()
    }

    fn other_account(&self) -> AccountId {
        AccountId::new(ACCOUNTS_SHARED_WITH[0]).unwrap()
    }

    fn home(&self) -> Region {
        Region::new(HOME_REGION).unwrap()
    }

    fn elsewhere(&self) -> Region {
        Region::new(DESTINATION_REGIONS[0]).unwrap()
    }

    fn key(&self) -> KeyAlias {
        KeyAlias::new(KEY_ALIAS).unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "the local AWS takes real time")]
    async fn pass(&self) {
        tokio::time::sleep(MOMENT).await;
    }

    async fn launch(&self, region: &Region, launch: &Launch, count: usize) -> Vec<InstanceId> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
        add("MinCount", &count.to_string());
        add("MaxCount", &count.to_string());
        if launch.root_device == RootDevice::InstanceStore {
            add("ImageId", &self.instance_store_image(region).await);
        } else {
            add("ImageId", ANY_IMAGE);
            for (place, volume) in launch.volumes.iter().enumerate() {
                let device = format!("BlockDeviceMapping.{}", place + 1);
                let name = ["/dev/xvda", "/dev/sdb", "/dev/sdc", "/dev/sdd"][place];
                add(&format!("{device}.DeviceName"), name);
                add(&format!("{device}.Ebs.VolumeSize"), "8");
                if *volume != Volume::Plain {
                    add(&format!("{device}.Ebs.Encrypted"), "true");
                }
                if let Volume::Under(key) = volume {
                    add(&format!("{device}.Ebs.KmsKeyId"), key);
                }
            }
        }
        if !launch.tags.is_empty() {
            add("TagSpecification.1.ResourceType", "instance");
        }
        for (place, (key, value)) in launch.tags.iter().enumerate() {
            add(&format!("TagSpecification.1.Tag.{}.Key", place + 1), key);
            add(&format!("TagSpecification.1.Tag.{}.Value", place + 1), value);
        }
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        let answer = self.ec2(region, "RunInstances", &parameters).await;
        let instances = list(&answer, "/instancesSet").iter().map(|instance| text(instance, "/instanceId"));
        instances.map(|id| InstanceId::new(id).unwrap()).collect()
    }

    async fn terminate(&self, region: &Region, instance: &InstanceId) {
        self.ec2(region, "TerminateInstances", &[("InstanceId.1", instance.as_str())]).await;
    }

    async fn let_images_take(&self, seconds: Option<u32>) {
        let seconds = seconds.map_or(Self::PENDING_SECONDS, f64::from);
        self.control("pending", json!({"seconds": seconds})).await;
    }

    async fn settle(&self, region: &Region, image: &ImageId) {
        self.control("settle", json!({"region": region, "image_id": image})).await;
    }

    async fn fail(&self, region: &Region, image: &ImageId, why: &str) {
        self.control("settle", json!({"region": region, "image_id": image, "message": why})).await;
    }

    async fn disable(&self, region: &Region, image: &ImageId) {
        self.ec2(region, "DisableImage", &[("ImageId", image.as_str())]).await;
    }

    async fn deregister(&self, region: &Region, image: &ImageId) {
        self.ec2(region, "DeregisterImage", &[("ImageId", image.as_str())]).await;
    }

    async fn shared_with(&self, region: &Region, image: &ImageId) -> Vec<AccountId> {
        let parameters = [("ImageId", image.as_str()), ("Attribute", "launchPermission")];
        let answer = self.ec2(region, "DescribeImageAttribute", &parameters).await;
        let permissions = list(&answer, "/launchPermission").iter();
        permissions.map(|permission| AccountId::new(text(permission, "/userId")).unwrap()).collect()
    }

    async fn let_ebs_encrypt(&self, region: &Region, on: bool) {
        self.ec2(region, if on { "EnableEbsEncryptionByDefault" } else { "DisableEbsEncryptionByDefault" }, &[]).await;
    }

    async fn put_policy(&self, name: &str, text: Option<&str>) {
        self.put_parameter(&format!("{POLICY_PATH}/{name}"), text).await;
    }

    async fn put_bounds(&self, text: Option<&str>) {
        self.put_parameter(BOUNDS, text).await;
    }

    async fn put_kill_switch(&self, value: Option<&str>) {
        self.put_parameter(KILL_SWITCH, value).await;
    }

    async fn take_messages(&self, queue: Queue) -> Vec<String> {
        let place = match queue {
            Queue::Create => 0,
            Queue::Distribute => 1,
            Queue::Notify => 2,
        };
        self.drain(&self.queues[place]).await
    }

    async fn take_published(&self) -> Vec<(String, Vec<(String, String)>)> {
        let envelopes = self.drain(&self.subscriber).await;
        let read = |envelope: String| {
            let envelope: Value = serde_json::from_str(&envelope).expect("what SNS sends to a queue is JSON");
            let attributes = envelope["MessageAttributes"].as_object().cloned().unwrap_or_default();
            let attributes = attributes.iter().map(|(name, value)| (name.clone(), text(value, "/Value").to_owned()));
            (text(&envelope, "/Message").to_owned(), attributes.collect())
        };
        envelopes.into_iter().map(read).collect()
    }
}
