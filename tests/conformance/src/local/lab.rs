//! What the suite does to the local AWS.

use super::{
    ANY_IMAGE, BOUNDS, BUS, KILL_SWITCH, Local, MOMENT, POLICY_PATH, STACK, Subscriber, TABLE,
};
use crate::lab::{FromBus, Lab, Published, announcement};
use amiline_app::functions::Queue;
use amiline_aws::Aws;
use amiline_aws::settings::{CreateImage, DistributeImage, Notify, ScheduleTick};
use amiline_domain::ids::{AccountId, ImageId, InstanceId, KeyAlias, Region, StackName, TagPrefix};
use amiline_domain::image::RootDevice;
use amiline_domain::target::ShareTarget;
use amiline_fakecloud::{Launch, Volume};
use amiline_local::aws::{list, text};
use amiline_local::{ACCOUNT, ACCOUNTS_SHARED_WITH, DESTINATION_REGIONS, HOME_REGION, KEY_ALIAS};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
            distribute_queue: self.queues[1].url.clone(),
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
        let [create_queue, distribute_queue, notify_queue] =
            [0, 1, 2].map(|place: usize| self.queues[place].url.clone());
        self.world(ScheduleTick {
            stack: self.stack(),
            process: self.process(),
            table: TABLE.to_owned(),
            create_queue,
            distribute_queue,
            notify_queue,
            policy_path: POLICY_PATH.to_owned(),
            bounds: self.bounded().bounds,
            source_regions: vec![self.home(), self.elsewhere()],
        })
    }

    fn notify(&self) -> Aws<Notify> {
        self.world(Notify {
            stack: self.stack(),
            process: self.process(),
            table: TABLE.to_owned(),
            topic: self.subscriber.topic.clone(),
            attention_topic: self.attentive.topic.clone(),
            // Nothing is published there: what is for a digest or a chat is a notice like any
            // other.
            digest_topic: self.attentive.topic.clone(),
            chat_topic: self.attentive.topic.clone(),
            bus: format!("arn:aws:events:{HOME_REGION}:{ACCOUNT}:event-bus/{BUS}"),
        })
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
        let mut add =
            |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
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
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        // Nobody waits as long as a launch that stays pending until the test says otherwise.
        let pending = launch.pending_seconds.unwrap_or(86_400);
        self.control("instance-pending", json!({"seconds": pending})).await;
        let answer = self.ec2(region, "RunInstances", &parameters).await;
        self.control("instance-pending", json!({"seconds": 0})).await;
        let instances =
            list(&answer, "/instancesSet").iter().map(|instance| text(instance, "/instanceId"));
        instances.map(|id| InstanceId::new(id).unwrap()).collect()
    }

    async fn terminate(&self, region: &Region, instance: &InstanceId) {
        self.ec2(region, "TerminateInstances", &[("InstanceId.1", instance.as_str())]).await;
    }

    async fn close(&self, target: &ShareTarget) {
        self.control("close-target", json!({"target": target})).await;
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

    async fn enable(&self, region: &Region, image: &ImageId) {
        self.ec2(region, "EnableImage", &[("ImageId", image.as_str())]).await;
    }

    async fn deregister(&self, region: &Region, image: &ImageId) {
        self.ec2(region, "DeregisterImage", &[("ImageId", image.as_str())]).await;
    }

    async fn make_public(&self, region: &Region, image: &ImageId, on: bool) {
        // It is on at first, as in every new account.
        self.ec2(region, "DisableImageBlockPublicAccess", &[]).await;
        let group =
            if on { "LaunchPermission.Add.1.Group" } else { "LaunchPermission.Remove.1.Group" };
        self.ec2(region, "ModifyImageAttribute", &[("ImageId", image.as_str()), (group, "all")])
            .await;
    }

    async fn shared_with(&self, region: &Region, image: &ImageId) -> Vec<ShareTarget> {
        let parameters = [("ImageId", image.as_str()), ("Attribute", "launchPermission")];
        let answer = self.ec2(region, "DescribeImageAttribute", &parameters).await;
        let permissions = list(&answer, "/launchPermission").iter();
        let kinds = ["/userId", "/organizationArn", "/organizationalUnitArn"];
        let target = |permission: &Value| {
            let named =
                kinds.iter().find_map(|kind| permission.pointer(kind).and_then(Value::as_str));
            named
                .and_then(|named| named.parse().ok())
                .unwrap_or_else(|| panic!("{image} is shared with {permission}"))
        };
        permissions.map(target).collect()
    }

    async fn promised_minutes(&self, region: &Region, image: &ImageId) -> Vec<Option<u32>> {
        let minutes = |snapshot: &Value| {
            let minutes = snapshot
                .pointer("/completionDurationMinutes")
                .map(|_| text(snapshot, "/completionDurationMinutes"));
            let kind = if minutes.is_some() { "time-based" } else { "standard" };
            assert_eq!(text(snapshot, "/transferType"), kind, "{snapshot}");
            minutes.map(|minutes| minutes.parse().unwrap())
        };
        self.snapshots_of(region, image).await.iter().map(minutes).collect()
    }

    async fn snapshot_tags(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Vec<BTreeMap<String, String>> {
        let tags = |snapshot: &Value| {
            let tags = list(snapshot, "/tagSet").iter();
            tags.map(|tag| (text(tag, "/key").to_owned(), text(tag, "/value").to_owned())).collect()
        };
        self.snapshots_of(region, image).await.iter().map(tags).collect()
    }

    async fn devices(&self, region: &Region, image: &ImageId) -> BTreeMap<String, bool> {
        let answer = self.ec2(region, "DescribeImages", &[("ImageId.1", image.as_str())]).await;
        let device = |device: &Value| {
            (
                text(device, "/deviceName").to_owned(),
                text(device, "/ebs/deleteOnTermination") == "true",
            )
        };
        list(&answer, "/imagesSet/0/blockDeviceMapping").iter().map(device).collect()
    }

    async fn image_of_another_account(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> ImageId {
        let call = async |action, parameters: &[(&str, &str)]| {
            let answer = self.other.ec2(HOME_REGION, action, parameters).await;
            answer.unwrap_or_else(|e| panic!("{action}: {e}"))
        };
        let one = [("ImageId", ANY_IMAGE), ("MinCount", "1"), ("MaxCount", "1")];
        let instance =
            text(&call("RunInstances", &one).await, "/instancesSet/0/instanceId").to_owned();
        let mut asked =
            vec![("InstanceId".to_owned(), instance), ("Name".to_owned(), name.to_owned())];
        asked.push(("TagSpecification.1.ResourceType".to_owned(), "image".to_owned()));
        for (place, (key, value)) in tags.iter().enumerate() {
            asked.push((format!("TagSpecification.1.Tag.{}.Key", place + 1), key.clone()));
            asked.push((format!("TagSpecification.1.Tag.{}.Value", place + 1), value.clone()));
        }
        let asked: Vec<(&str, &str)> =
            asked.iter().map(|(name, value)| (&**name, &**value)).collect();
        let image = ImageId::new(text(&call("CreateImage", &asked).await, "/imageId")).unwrap();
        self.settle(&self.home(), &image).await;
        let with_us = [("ImageId", image.as_str()), ("LaunchPermission.Add.1.UserId", ACCOUNT)];
        call("ModifyImageAttribute", &with_us).await;
        image
    }

    async fn let_volumes_rest(&self, on: bool) {
        // Longer than EC2's 15 seconds, which would pass by themselves.
        self.control("snapshot-gap", json!({"seconds": if on { 600 } else { 0 }})).await;
    }

    async fn make_key(&self) -> KeyAlias {
        let alias = format!("alias/made-{}", self.number());
        for region in [self.home(), self.elsewhere()] {
            let key = self.kms(&region, "CreateKey", json!({})).await;
            let alias = json!({"AliasName": alias, "TargetKeyId": key["KeyMetadata"]["KeyId"]});
            self.kms(&region, "CreateAlias", alias).await;
        }
        KeyAlias::new(alias).unwrap()
    }

    async fn let_key_work(&self, region: &Region, key: &KeyAlias, on: bool) {
        let found = self.kms(region, "DescribeKey", json!({"KeyId": key})).await;
        let action = if on { "EnableKey" } else { "DisableKey" };
        self.kms(region, action, json!({"KeyId": found["KeyMetadata"]["KeyId"]})).await;
    }

    async fn announced(&self, about: &str) -> Vec<Value> {
        let log = self.control("events", json!({})).await;
        let ours = list(&log, "/events").iter().filter(|event| {
            let ruled = matches!(
                text(event, "/detail-type"),
                "EC2 AMI State Change" | "Tag Change on Resource"
            );
            ruled && text(event, "/resources/0").ends_with(about)
        });
        ours.map(announcement).collect()
    }

    async fn let_ebs_encrypt(&self, region: &Region, on: bool) {
        self.ec2(
            region,
            if on { "EnableEbsEncryptionByDefault" } else { "DisableEbsEncryptionByDefault" },
            &[],
        )
        .await;
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
        self.drain(&self.queue(queue).url).await
    }

    async fn receives_max(&self, queue: Queue) -> usize {
        let asked = json!({"QueueUrl": self.queue(queue).url, "AttributeNames": ["RedrivePolicy"]});
        let answer = self.json("sqs", "AmazonSQS.GetQueueAttributes", asked).await;
        let redrive: serde_json::Value =
            serde_json::from_str(text(&answer, "/Attributes/RedrivePolicy")).unwrap();
        let max = &redrive["maxReceiveCount"];
        max.as_u64()
            .map(|max| usize::try_from(max).unwrap())
            .or_else(|| max.as_str()?.parse().ok())
            .expect("a number")
    }

    async fn fail_message(&self, queue: Queue) -> Option<String> {
        let url = &self.queue(queue).url;
        // Hidden from nobody for no time: as when a function gave it back.
        let asked = json!({"QueueUrl": url, "MaxNumberOfMessages": 1, "WaitTimeSeconds": 0, "VisibilityTimeout": 0});
        let answer = self.json("sqs", "AmazonSQS.ReceiveMessage", asked).await;
        list(&answer, "/Messages").first().map(|message| text(message, "/Body").to_owned())
    }

    async fn take_dead_letters(&self, queue: Queue) -> Vec<String> {
        self.drain(&self.queue(queue).dead_letters).await
    }

    async fn kept_rejected(&self, day: &str, message_id: &str) -> Option<[String; 4]> {
        let key = json!({"pk": {"S": format!("REJECTED#{day}")}, "sk": {"S": message_id}});
        let asked = json!({"TableName": TABLE, "Key": key, "ConsistentRead": true});
        let answer = self.json("dynamodb", "DynamoDB_20120810.GetItem", asked).await;
        let item = answer.get("Item")?;
        Some(
            ["function", "code", "reason", "excerpt"]
                .map(|name| text(item, &format!("/{name}/S")).to_owned()),
        )
    }

    async fn take_published(&self) -> Vec<Published> {
        self.heard(&self.subscriber).await
    }

    async fn take_calls_for_attention(&self) -> Vec<Published> {
        self.heard(&self.attentive).await
    }

    async fn take_from_bus(&self) -> Vec<FromBus> {
        let read = |body: String| {
            let event: Value =
                serde_json::from_str(&body).expect("what EventBridge sends to a queue is JSON");
            let (source, detail_type) =
                (text(&event, "/source").to_owned(), text(&event, "/detail-type").to_owned());
            FromBus { source, detail_type, detail: event["detail"].clone() }
        };
        self.drain(&self.from_bus).await.into_iter().map(read).collect()
    }

    async fn let_bus_refuse(&self, places: &[u32]) {
        let asked = self.keeper.control("/_local/events/refuse", &json!({"places": places})).await;
        asked.expect("the bus is told");
    }
}

impl Local {
    async fn heard(&self, subscriber: &Subscriber) -> Vec<Published> {
        let envelopes = self.drain(&subscriber.queue).await;
        let read = |envelope: String| {
            let envelope: Value =
                serde_json::from_str(&envelope).expect("what SNS sends to a queue is JSON");
            let attributes = envelope["MessageAttributes"].as_object().cloned().unwrap_or_default();
            let attributes = attributes
                .iter()
                .map(|(name, value)| (name.clone(), text(value, "/Value").to_owned()));
            let (subject, message) =
                (text(&envelope, "/Subject").to_owned(), text(&envelope, "/Message").to_owned());
            Published { subject, message, attributes: attributes.collect() }
        };
        envelopes.into_iter().map(read).collect()
    }
}
