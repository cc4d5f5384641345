//! How a person's command gets to AWS: the configuration that the AWS CLI would use, and what to
//! advise when it gives no credentials. The functions have their own way (`client::lambda_config`).

use crate::client::{retries, timeouts};
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::{Region as SdkRegion, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_types::os_shim_internal::{Env, Fs};
use std::fmt;

use amiline_domain::escape::one_line;
use amiline_domain::ids::Region;
use thiserror::Error;

/// Profiles that follow each other by `source_profile`, at most.
const SOURCES_MAX: usize = 8;
const NAME_CHARACTERS: usize = 100;

/// What a person says about signing in; what is not said, the environment and the profile say.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// The home Region of the stack.
    pub region: Option<Region>,
    /// The profile, which then counts more than keys in the environment.
    pub profile: Option<String>,
    /// Where AWS is, instead of at AWS.
    pub endpoint: Option<String>,
}

/// Why the operator's command cannot reach AWS.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// No Region is configured.
    #[error(
        "no AWS Region is configured: give --region, set AWS_REGION, or give the profile a region, the one the stack is in"
    )]
    NoRegion,
    /// What is configured is no Region.
    #[error("{0}; correct --region, AWS_REGION or the profile's region")]
    BadRegion(#[from] amiline_domain::ids::InvalidId),
    /// A profile is named that there is not.
    #[error(
        "there is no AWS profile {0}: `aws configure list-profiles` lists those that there are; correct --profile or AWS_PROFILE"
    )]
    NoProfile(String),
    /// The files with the profiles are broken.
    #[error("the AWS configuration cannot be read: {0}; correct the file")]
    BrokenFiles(String),
    /// What is configured is no address.
    #[error(
        "{0} is no endpoint: give an address such as http://localhost:4566 in --endpoint-url or AWS_ENDPOINT_URL"
    )]
    BadEndpoint(String),
}

/// The configuration on a person's machine: profiles, SSO and everything else that the AWS CLI
/// knows.
pub(crate) async fn operator_config(sign_in: &SignIn) -> Result<SdkConfig, ConnectError> {
    let profiles = profiles(sign_in.profile.as_deref()).await?;
    let named = profiles.selected_profile();
    if !matches!(named, "" | "default") && profiles.get_profile(named).is_none() {
        return Err(ConnectError::NoProfile(one_line(named, NAME_CHARACTERS)));
    }
    let http = http_client();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .timeout_config(timeouts())
        .retry_config(retries());
    if let Some(region) = &sign_in.region {
        loader = loader.region(SdkRegion::new(region.to_string()));
    }
    if let Some(endpoint) = &sign_in.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(profile) = &sign_in.profile {
        let region =
            aws_config::profile::ProfileFileRegionProvider::builder().profile_name(profile).build();
        let region = match &sign_in.region {
            Some(region) => Some(SdkRegion::new(region.to_string())),
            None => aws_config::meta::region::ProvideRegion::region(&region).await,
        };
        let provider = ProviderConfig::without_region().with_http_client(http).with_region(region);
        // The default chain would ask the environment first, so that keys there would hide the
        // profile that was named.
        let credentials = ProfileFileCredentialsProvider::builder()
            .configure(&provider)
            .profile_name(profile)
            .build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    let config = loader.load().await;
    match config.endpoint_url() {
        Some(endpoint) if !is_endpoint(endpoint) => {
            Err(ConnectError::BadEndpoint(one_line(endpoint, NAME_CHARACTERS)))
        }
        Some(_) | None => Ok(config),
    }
}

fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some_and(|host| {
        !host.is_empty() && !host.starts_with(':') && !host.contains(char::is_whitespace)
    })
}

/// As the functions' client, but by the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name.
fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
            .proxy_config(ProxyConfig::from_env());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        if let Some(settings) = settings {
            connector = connector.connector_settings(settings.clone());
        }
        connector.build()
    })
}

async fn profiles(named: Option<&str>) -> Result<ProfileSet, ConnectError> {
    let (fs, env, files) = (Fs::real(), Env::real(), Default::default());
    let loaded =
        aws_config::profile::load(&fs, &env, &files, named.map(|name| name.to_owned().into()))
            .await;
    loaded.map_err(|error| {
        ConnectError::BrokenFiles(one_line(
            &crate::telemetry::chain(&error).replace('\n', " "),
            300,
        ))
    })
}

/// Where credentials come from, as far as advice depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing is configured.
    Nothing,
    /// The environment's variables.
    Environment,
    /// Keys in a profile.
    Keys(String),
    /// A profile that IAM Identity Center signs in.
    Sso(String),
    /// A profile that `aws login` signs in.
    Login(String),
    /// A profile with a program that gives them.
    Process(String),
    /// A role that wants a code.
    Mfa {
        /// The profile to ask with.
        profile: String,
    },
    /// A profile whose source is a profile that there is not.
    Lost {
        /// The profile that was asked.
        profile: String,
        /// What it, or one on the way, names as its source.
        source: String,
    },
    /// A profile with a role, or with something else.
    Other(String),
}

impl Credentials {
    /// Where the command gets its credentials.
    pub async fn of(sign_in: &SignIn) -> Self {
        let env = Env::real();
        if sign_in.profile.is_none()
            && env.get("AWS_ACCESS_KEY_ID").is_ok_and(|key| !key.is_empty())
        {
            return Self::Environment;
        }
        match profiles(sign_in.profile.as_deref()).await {
            Ok(profiles) => Self::in_profiles(&profiles),
            Err(_) => Self::Nothing,
        }
    }

    fn in_profiles(profiles: &ProfileSet) -> Self {
        let selected = profiles.selected_profile();
        let mut name = selected;
        for _ in 0..SOURCES_MAX {
            let Some(profile) = profiles.get_profile(name) else {
                let (profile, source) =
                    (one_line(selected, NAME_CHARACTERS), one_line(name, NAME_CHARACTERS));
                return if name == selected {
                    Self::Nothing
                } else {
                    Self::Lost { profile, source }
                };
            };
            let shown = || one_line(name, NAME_CHARACTERS);
            let has = |key: &str| profile.get(key).is_some();
            match profile.get("source_profile") {
                _ if has("role_arn") && has("mfa_serial") => {
                    return Self::Mfa { profile: one_line(selected, NAME_CHARACTERS) };
                }
                Some(source) if has("role_arn") && source != name => name = source,
                Some(_) | None if has("sso_session") || has("sso_start_url") => {
                    return Self::Sso(shown());
                }
                Some(_) | None if has("login_session") => return Self::Login(shown()),
                Some(_) | None if has("credential_process") => return Self::Process(shown()),
                Some(_) | None if has("aws_access_key_id") && name == selected => {
                    return Self::Keys(shown());
                }
                Some(_) | None if has("aws_access_key_id") => {
                    return Self::Other(one_line(selected, NAME_CHARACTERS));
                }
                Some(_) | None if has("role_arn") => return Self::Other(shown()),
                Some(_) | None => break,
            }
        }
        Self::Nothing
    }
}

impl fmt::Display for Credentials {
    /// What to do to have credentials again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str(
                "sign in with `aws login` or `aws sso login`, name a profile with --profile or AWS_PROFILE, or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
            Self::Environment => f.write_str(
                "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a session, AWS_SESSION_TOKEN to values that are \
                 valid now, or unset them and name a profile with --profile",
            ),
            Self::Keys(profile) => {
                write!(f, "`aws configure --profile {profile}` stores other keys in profile {profile}")
            }
            Self::Sso(profile) => write!(f, "run `aws sso login --profile {profile}`, then this command again"),
            Self::Login(profile) => write!(f, "run `aws login --profile {profile}`, then this command again"),
            Self::Process(_) => f.write_str("run that program by hand to see what it says"),
            // The AWS CLI asks for the code and keeps to it (its reference, `aws configure
            // export-credentials`); the SDK reads no mfa_serial.
            Self::Mfa { profile } => write!(
                f,
                "profile {profile} has an mfa_serial, and only the AWS CLI asks for the code: run `eval \"$(aws configure \
                 export-credentials --profile {profile} --format env)\"`, then this command without --profile"
            ),
            Self::Lost { profile, source } => write!(
                f,
                "profile {profile} takes them from profile {source}, which does not exist; correct source_profile in the AWS \
                 configuration"
            ),
            Self::Other(profile) => {
                write!(f, "`aws sts get-caller-identity --profile {profile}` shows what profile {profile} gives")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_with_a_host() {
        for good in [
            "http://localhost:4566",
            "https://vpce-1.ec2.us-east-1.vpce.amazonaws.com/",
            "http://[::1]:1",
        ] {
            assert!(is_endpoint(good), "{good}");
        }
        for bad in [
            "",
            "localhost:4566",
            "nonsense",
            "http://",
            "https:///x",
            "http://:80",
            "ftp://x",
            "http://a b",
        ] {
            assert!(!is_endpoint(bad), "{bad}");
        }
    }
}
