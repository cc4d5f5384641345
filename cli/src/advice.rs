//! What to tell a person about a call that failed, in one paragraph: what happened, and what to do.

use crate::args::Args;
use crate::commands::{connect, stack_of};
use amiline_app::policies::BoundsError;
use amiline_app::ports::CallError;
use amiline_aws::{Credentials, NO_CREDENTIALS, NO_HOST};

/// Codes of credentials that were valid once.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];
/// Codes of keys that the Region does not know.
const UNKNOWN_KEYS: [&str; 4] =
    ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"];
/// Codes of a signature that does not fit.
const BAD_SIGNATURE: [&str; 5] = [
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "RequestTimeTooSkewed",
    "RequestExpired",
];
const DENIED: [&str; 4] =
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"];
const NO_ANSWER: [&str; 2] = ["NoAnswer", "Timeout"];

/// A word for programs and a paragraph for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

/// What to tell of a failed call; nothing, if the call itself says all there is.
pub(crate) async fn advise(call: &CallError, args: &Args) -> Option<Advice> {
    let code = call.code.as_str();
    let region = &call.region;
    let service = call.action.split(':').next().unwrap_or_default();
    let credentials = async || Credentials::of(&args.sign_in()).await;
    let (kind, message) = if code == NO_CREDENTIALS {
        let credentials = credentials().await;
        let message = match &credentials {
            Credentials::Nothing | Credentials::Lost { .. } => {
                format!("there are no AWS credentials: {credentials}")
            }
            Credentials::Process(profile) => {
                format!(
                    "the credential_process of profile {profile} gave no credentials: {credentials}"
                )
            }
            Credentials::Mfa { .. } => format!("AWS gave no credentials: {credentials}"),
            // Whoever signs in again may not assume the role then either.
            _ if DENIED.iter().any(|code| call.message.starts_with(code)) => {
                format!(
                    "AWS gave no credentials: {}. Ask for that right, or take another profile",
                    call.message
                )
            }
            Credentials::Sso(profile) | Credentials::Login(profile) => {
                format!("profile {profile} is not signed in, or no longer: {credentials}")
            }
            Credentials::Environment | Credentials::Keys(_) | Credentials::Other(_) => {
                format!(
                    "there are no AWS credentials: {}; {credentials}",
                    call.message.trim_end_matches(['.', ' ', ':'])
                )
            }
        };
        ("credentials", message)
    } else if EXPIRED.contains(&code) {
        ("credentials", format!("the AWS session has expired: {}", credentials().await))
    } else if UNKNOWN_KEYS.contains(&code) {
        let message = format!(
            "AWS does not know these credentials in {region} ({code}): they are wrong or were deleted, or the account has not \
             enabled that Region. To correct them, {}; for another Region, give --region",
            credentials().await
        );
        ("credentials", message)
    } else if BAD_SIGNATURE.contains(&code) {
        let message = format!(
            "AWS refused the request's signature ({code}): set the clock of this machine, or correct the secret access key, \
             which does not belong to the key id"
        );
        ("credentials", message)
    } else if code == NO_HOST {
        ("network", no_host(service, call, args))
    } else if NO_ANSWER.contains(&code) {
        ("network", no_answer(service, call, args))
    } else if service == "dynamodb" && code == "ResourceNotFoundException" {
        ("stack", no_table(call, args).await)
    } else if DENIED.contains(&code) {
        let message = format!(
            "these credentials may not do that: {} of {} in {region} is denied: {}. Sign in as somebody who may, or ask for \
             that right",
            call.action,
            call.subject,
            call.message.trim_end_matches('.')
        );
        ("denied", message)
    } else {
        return None;
    };
    Some(Advice { kind, message })
}

/// What a failed call says to a person, in any case.
pub(crate) async fn said(call: &CallError, args: &Args) -> String {
    advise(call, args).await.map_or_else(|| call.to_string(), |advice| advice.message)
}

fn no_host(service: &str, call: &CallError, args: &Args) -> String {
    match args.endpoint() {
        Some(endpoint) => format!(
            "the host of {endpoint} has no address (DNS): correct --endpoint-url or AWS_ENDPOINT_URL, or check the network"
        ),
        None => format!(
            "this machine finds no host for {service} in {} (DNS): correct the Region if it is misspelt (--region, \
             AWS_REGION); otherwise check the network, and HTTPS_PROXY if you use a proxy",
            call.region
        ),
    }
}

fn no_answer(service: &str, call: &CallError, args: &Args) -> String {
    let place = match args.endpoint() {
        Some(endpoint) => format!("{service} at {endpoint}"),
        None => format!("{service} in {}", call.region),
    };
    format!(
        "{place} does not answer: {}. Check the network, HTTPS_PROXY and NO_PROXY, and --endpoint-url or AWS_ENDPOINT_URL",
        call.message.trim_end_matches('.')
    )
}

/// The stack's table is not there: its name is another, or its Region. What the stack states of
/// itself tells which.
async fn no_table(call: &CallError, args: &Args) -> String {
    let (stack, prefix, region) = (&args.stack, &args.prefix, &call.region);
    let stated = match connect(args).await {
        Ok(aws) => stack_of(args, &aws).await,
        Err(_) => Err(BoundsError::Missing { region: region.clone(), prefix: prefix.clone() }),
    };
    match stated {
        Err(BoundsError::OtherStack(other)) => format!(
            "there is no stack {stack} in {region}: the parameters under /{prefix} are those of the stack {other}; give \
             --stack {other}, or another --prefix"
        ),
        Err(BoundsError::Missing { .. }) => format!(
            "there is no stack {stack} in {region}, and no parameters under /{prefix} either: the Region is probably not \
             the stack's home; give --region, or another --stack and --prefix"
        ),
        Ok(_) | Err(BoundsError::Unreadable(_) | BoundsError::Call(_)) => format!(
            "there is no table {stack}-lineage in {region}: correct --stack or --region; if both are right, the table was \
             deleted, or the stack is not deployed yet"
        ),
    }
}
