//! The SDK's clients: one configuration, one HTTP client, one client per service and Region, made
//! when first needed.

use amiline_domain::ids::Region;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::{Region as SdkRegion, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(20);
const ATTEMPTS_MAX: u32 = 3;

/// The configuration inside Lambda, put together by hand: the credentials are in the environment,
/// so walking the default chain would cost time in each cold start and find nothing else.
pub fn lambda_config(home: &Region, endpoint: Option<&str>) -> SdkConfig {
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(home.to_string()))
        .credentials_provider(credentials)
        .http_client(http_client())
        .timeout_config(timeouts())
        .retry_config(retries());
    config.set_endpoint_url(endpoint.map(str::to_owned));
    config.build()
}

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
        .build_https()
}

pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX)
}

/// No retries by the SDK, for the one call that has no client token
/// (aws-behaviour.md#createimage-has-no-client-token).
pub(crate) fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}

/// The clients.
#[derive(Debug)]
pub struct Clients {
    config: SdkConfig,
    home: Region,
    ec2: Mutex<BTreeMap<Region, aws_sdk_ec2::Client>>,
    kms: Mutex<BTreeMap<Region, aws_sdk_kms::Client>>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    sns: OnceLock<aws_sdk_sns::Client>,
    eventbridge: OnceLock<aws_sdk_eventbridge::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
}

impl Clients {
    /// Clients with this configuration; those without a Region of their own are for `home`.
    pub fn new(config: SdkConfig, home: Region) -> Self {
        Self {
            config,
            home,
            ec2: Mutex::default(),
            kms: Mutex::default(),
            dynamodb: OnceLock::new(),
            sqs: OnceLock::new(),
            sns: OnceLock::new(),
            eventbridge: OnceLock::new(),
            ssm: OnceLock::new(),
            sts: OnceLock::new(),
        }
    }

    pub(crate) fn home(&self) -> &Region {
        &self.home
    }

    pub(crate) fn ec2(&self, region: &Region) -> aws_sdk_ec2::Client {
        per_region(&self.ec2, region, |region| {
            let config = aws_sdk_ec2::config::Builder::from(&self.config).region(region).build();
            aws_sdk_ec2::Client::from_conf(config)
        })
    }

    pub(crate) fn kms(&self, region: &Region) -> aws_sdk_kms::Client {
        per_region(&self.kms, region, |region| {
            let config = aws_sdk_kms::config::Builder::from(&self.config).region(region).build();
            aws_sdk_kms::Client::from_conf(config)
        })
    }

    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.config))
    }

    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.config))
    }

    pub(crate) fn sns(&self) -> &aws_sdk_sns::Client {
        self.sns.get_or_init(|| aws_sdk_sns::Client::new(&self.config))
    }

    pub(crate) fn eventbridge(&self) -> &aws_sdk_eventbridge::Client {
        self.eventbridge.get_or_init(|| aws_sdk_eventbridge::Client::new(&self.config))
    }

    pub(crate) fn ssm(&self) -> &aws_sdk_ssm::Client {
        self.ssm.get_or_init(|| aws_sdk_ssm::Client::new(&self.config))
    }

    pub(crate) fn sts(&self) -> &aws_sdk_sts::Client {
        self.sts.get_or_init(|| aws_sdk_sts::Client::new(&self.config))
    }
}

fn per_region<C: Clone>(
    clients: &Mutex<BTreeMap<Region, C>>,
    region: &Region,
    make: impl FnOnce(SdkRegion) -> C,
) -> C {
    // A client is complete before it is put in, so a lock left by a panic holds nothing broken.
    let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    clients
        .entry(region.clone())
        .or_insert_with(|| make(SdkRegion::new(region.to_string())))
        .clone()
}
