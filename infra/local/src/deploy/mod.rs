//! Deploying the real templates to the emulators, and everything an account has before Amiline
//! comes.

mod expected;

use crate::aws::{Aws, AwsError, list, text};
use crate::error::LocalError;
use crate::places::Places;
use crate::prepare::Package;
use crate::template::{Function, Templates, functions, set_code, settle_conditions};
use crate::{ACCOUNT, ACCOUNTS_SHARED_WITH, DESTINATION_REGIONS, HOME_REGION, KEY_ALIAS, STACK};
use bytes::Bytes;
use hyper::Method;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const BUCKET: &str = "amiline-artifacts";
const CLOUDFORMATION: &str = "2010-05-15";
const STACK_WITHIN: Duration = Duration::from_secs(60);

/// A function's queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queues {
    /// What wakes it; none for the function that is invoked by a schedule.
    pub url: Option<String>,
    /// What it could not do.
    pub dead_letter_url: String,
}

/// What was deployed, by its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// The table's name.
    pub table: String,
    /// ARN by topic name.
    pub topics: BTreeMap<String, String>,
    /// The ARN of the bus that programs listen to.
    pub bus: String,
    /// Queues by function, as in `create-image`.
    pub queues: BTreeMap<String, Queues>,
    /// Deployed name by function, as in `create-image`.
    pub functions: BTreeMap<String, String>,
}

/// Deploys to an account that is empty.
pub(crate) struct Deployment<'a> {
    pub(crate) places: &'a Places,
    /// Calls through the endpoint.
    pub(crate) aws: &'a Aws,
    /// Calls past the gateway: packages are large.
    pub(crate) storage: &'a Aws,
    pub(crate) templates: &'a Templates,
    pub(crate) parameters: &'a BTreeMap<String, String>,
    pub(crate) packages: &'a BTreeMap<String, Package>,
}

/// One stack to be made.
struct Stack<'a> {
    name: &'a str,
    region: &'a str,
    template: &'a Path,
    body: &'a Value,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Deployment<'_> {
    /// All of it.
    pub(crate) async fn run(&self) -> Result<Deployed, LocalError> {
        let template = self.places.template();
        let mut body = self.templates.as_written(&template)?;
        self.upload(&mut body).await?;
        let parameters =
            self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let home = Stack {
            name: STACK,
            region: HOME_REGION,
            template: &template,
            body: &body,
            parameters,
        };
        let outputs = self.create(&home).await?;
        let transformed = self.templates.transformed(self.parameters)?;
        expected::check(self.aws, STACK, HOME_REGION, &transformed, &[]).await?;
        self.deploy_regional().await?;
        for region in regions() {
            self.set_up_ec2(region).await?;
        }
        Deployed::from_outputs(&outputs)
    }

    async fn upload(&self, template: &mut Value) -> Result<(), LocalError> {
        let aws = |what: &str| LocalError::aws(what.to_owned());
        let put = |path: String, body| async move {
            self.storage.rest("s3", HOME_REGION, Method::PUT, &path, body).await
        };
        put(format!("/{BUCKET}"), Bytes::new())
            .await
            .map_err(aws("making a bucket for the packages"))?;
        for function in functions(template) {
            let Function { binary, .. } = &function;
            let Some(Package { file, key }) = self.packages.get(binary) else {
                return Err(LocalError::NoBinary { name: binary.clone() });
            };
            let package = std::fs::read(file).map_err(LocalError::file("read", file))?;
            put(format!("/{BUCKET}/{key}"), package.into())
                .await
                .map_err(aws(&format!("uploading {binary}")))?;
            set_code(template, &function, &format!("s3://{BUCKET}/{key}"));
        }
        Ok(())
    }

    /// `regional.yaml`: in the home Region it makes only the key, elsewhere it also forwards
    /// events.
    async fn deploy_regional(&self) -> Result<(), LocalError> {
        let template = self.places.regional();
        let body = self.templates.as_written(&template)?;
        let shared = ACCOUNTS_SHARED_WITH.join(",");
        let bus = format!("{STACK}-inbound");
        let prefix = self.parameters.get("TagPrefix").map_or("amiline", String::as_str);
        for region in regions() {
            let parameters = vec![
                ("HomeRegion", HOME_REGION),
                ("InboundBusName", bus.as_str()),
                ("TagPrefix", prefix),
                ("CreateKey", "true"),
                ("KeyAlias", KEY_ALIAS),
                ("ShareWithAccounts", shared.as_str()),
            ];
            let name = format!("{STACK}-regional");
            self.create(&Stack {
                name: &name,
                region,
                template: &template,
                body: &body,
                parameters,
            })
            .await?;
            let false_here: &[&str] = if region == HOME_REGION { &["IsElsewhere"] } else { &[] };
            expected::check(self.aws, &name, region, &body, false_here).await?;
        }
        Ok(())
    }

    /// New volumes are encrypted under the customer key, and images cannot be made public, as on a
    /// new account.
    async fn set_up_ec2(&self, region: &str) -> Result<(), LocalError> {
        let calls = [
            ("EnableEbsEncryptionByDefault", vec![]),
            ("ModifyEbsDefaultKmsKeyId", vec![("KmsKeyId", KEY_ALIAS)]),
            (
                "EnableImageBlockPublicAccess",
                vec![("ImageBlockPublicAccessState", "block-new-sharing")],
            ),
        ];
        for (action, parameters) in calls {
            let what = || format!("{action} in {region}");
            self.aws
                .ec2(region, action, &parameters)
                .await
                .map_err(|source| LocalError::Aws { what: what(), source })?;
        }
        Ok(())
    }

    /// Creates a stack; gives its outputs.
    async fn create(&self, stack: &Stack<'_>) -> Result<BTreeMap<String, String>, LocalError> {
        let what = format!("creating stack {} in {}", stack.name, stack.region);
        let mut body = stack.body.clone();
        settle_conditions(&mut body, stack.region);
        // A request holds no more than 51,200 bytes of template, so it goes by way of S3, as `sam
        // deploy` sends it.
        let path = format!("/{BUCKET}/{}-{}.template.json", stack.name, stack.region);
        let uploaded =
            self.storage.rest("s3", HOME_REGION, Method::PUT, &path, body.to_string().into()).await;
        uploaded
            .map_err(LocalError::aws(format!("uploading the template of stack {}", stack.name)))?;
        let url = format!("https://s3.amazonaws.com{path}");
        let mut form = vec![
            ("StackName".to_owned(), stack.name),
            ("TemplateURL".to_owned(), &url),
            ("Capabilities.member.1".to_owned(), "CAPABILITY_NAMED_IAM"),
            ("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND"),
        ];
        for (index, (name, value)) in (1..).zip(&stack.parameters) {
            form.push((format!("Parameters.member.{index}.ParameterKey"), name));
            form.push((format!("Parameters.member.{index}.ParameterValue"), value));
        }
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.cloudformation(stack, "CreateStack", &form).await.map_err(LocalError::aws(&what))?;
        let since = Instant::now();
        loop {
            let named = [("StackName", stack.name)];
            let answer = self
                .cloudformation(stack, "DescribeStacks", &named)
                .await
                .map_err(LocalError::aws(&what))?;
            let status = text(&answer, "/Stacks/0/StackStatus");
            if status == "CREATE_COMPLETE" {
                let outputs = list(&answer, "/Stacks/0/Outputs").iter();
                let output = |o: &Value| {
                    (text(o, "/OutputKey").to_owned(), text(o, "/OutputValue").to_owned())
                };
                return Ok(outputs.map(output).collect());
            }
            if !status.ends_with("_IN_PROGRESS") || since.elapsed() > STACK_WITHIN {
                return Err(LocalError::Stack {
                    stack: stack.name.to_owned(),
                    region: stack.region.to_owned(),
                    status: status.to_owned(),
                    reasons: self.reasons(stack).await,
                    template: stack.template.to_owned(),
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn reasons(&self, stack: &Stack<'_>) -> String {
        let events =
            self.cloudformation(stack, "DescribeStackEvents", &[("StackName", stack.name)]).await;
        let events = events.unwrap_or_default();
        let failed = list(&events, "/StackEvents")
            .iter()
            .filter(|event| text(event, "/ResourceStatus").ends_with("FAILED"));
        let reason = |e: &Value| {
            format!("{}: {}", text(e, "/LogicalResourceId"), text(e, "/ResourceStatusReason"))
        };
        let reasons: Vec<String> = failed.map(reason).collect();
        if reasons.is_empty() { "no event says why".to_owned() } else { reasons.join("; ") }
    }

    async fn cloudformation(
        &self,
        stack: &Stack<'_>,
        action: &str,
        form: &[(&str, &str)],
    ) -> Result<Value, AwsError> {
        self.aws.query("cloudformation", stack.region, CLOUDFORMATION, action, form).await
    }
}

impl Deployed {
    fn from_outputs(outputs: &BTreeMap<String, String>) -> Result<Self, LocalError> {
        let output = |name: &str| {
            outputs.get(name).cloned().ok_or_else(|| LocalError::Answer {
                what: "infra/template.yaml".to_owned(),
                problem: format!(
                    "it has no output {name}, by which the local AWS finds what was deployed"
                ),
            })
        };
        let topic = |arn: String| (arn.rsplit(':').next().unwrap_or_default().to_owned(), arn);
        let mut queues = BTreeMap::new();
        let mut functions = BTreeMap::new();
        for (name, deployed) in outputs {
            let Some(id) = name.strip_suffix("FunctionName") else { continue };
            let function =
                deployed.strip_prefix(&format!("{STACK}-")).unwrap_or(deployed).to_owned();
            let url = outputs.get(&format!("{id}QueueUrl")).cloned();
            let dead_letter_url = output(&format!("{id}DeadLetterQueueUrl"))?;
            queues.insert(function.clone(), Queues { url, dead_letter_url });
            functions.insert(function, deployed.clone());
        }
        Ok(Self {
            table: output("LineageTableName")?,
            topics: BTreeMap::from([
                topic(output("NotificationTopicArn")?),
                topic(output("AttentionTopicArn")?),
                topic(output("DigestTopicArn")?),
                topic(output("ChatTopicArn")?),
                topic(output("AlarmTopicArn")?),
            ]),
            bus: output("OutcomeBusArn")?,
            queues,
            functions,
        })
    }

    /// The topic that says what became of images.
    pub fn notification_topic(&self) -> String {
        self.topic("notifications")
    }

    /// The topic that says what somebody has to act on.
    pub fn attention_topic(&self) -> String {
        self.topic("attention")
    }

    /// The topic for daily digests.
    pub fn digest_topic(&self) -> String {
        self.topic("digest")
    }

    /// The topic for a chat channel.
    pub fn chat_topic(&self) -> String {
        self.topic("chat")
    }

    fn topic(&self, name: &str) -> String {
        let name = format!("{STACK}-{name}");
        let made = || format!("arn:aws:sns:{HOME_REGION}:{ACCOUNT}:{name}");
        self.topics.get(&name).cloned().unwrap_or_else(made)
    }
}

/// The home Region first.
pub(crate) fn regions() -> impl Iterator<Item = &'static str> {
    std::iter::once(HOME_REGION).chain(DESTINATION_REGIONS)
}
