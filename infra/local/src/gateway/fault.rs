//! Faults on request: which calls they strike, and what the caller gets instead, in its service's
//! own form.

use super::action::Protocol;
use bytes::Bytes;
use hyper::Response;
use hyper::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Mutex;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Refused as too frequent, with no effect.
    Throttle,
    /// Refused as not allowed, with no effect.
    Deny,
    /// An internal error, with no effect.
    #[serde(rename = "error-500")]
    Error500,
    /// Done, late.
    Delay,
    /// Done, and the connection closed without an answer.
    EffectThenLostReply,
}

/// A fault to come. Fields that are absent match every call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The caller as the call log names it, as in `create-image`.
    #[serde(default)]
    pub caller: Option<String>,
    /// `service:Action`, as in `ec2:CreateImage`; `ec2:*` is every action of EC2.
    #[serde(default)]
    pub action: Option<String>,
    /// The Region.
    #[serde(default)]
    pub region: Option<String>,
    /// How many calls it strikes; counts down to 0.
    #[serde(default = "one")]
    pub count: u32,
    /// What happens to them.
    pub fault: FaultKind,
    /// For `delay`: how long, 1000 if absent. For `effect-then-lost-reply`: how long the caller is
    /// kept waiting before the connection is closed, 0 if absent; the call is in the log by then.
    #[serde(default)]
    pub milliseconds: Option<u64>,
}

fn one() -> u32 {
    1
}

impl Fault {
    fn strikes(&self, caller: &str, service: &str, action: &str, region: &str) -> bool {
        let matches = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let in_service =
            self.action.as_deref().is_some_and(|wanted| wanted.strip_suffix(":*") == Some(service));
        self.count > 0
            && matches(&self.caller, caller)
            && matches(&self.region, region)
            && (in_service || matches(&self.action, &format!("{service}:{action}")))
    }
}

/// The faults to come, oldest first.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(super) fn add(&self, fault: Fault) {
        self.locked().push(fault);
    }

    pub(super) fn all(&self) -> Vec<Fault> {
        self.locked().clone()
    }

    pub(super) fn clear(&self) {
        self.locked().clear();
    }

    /// The first fault that strikes this call, counted down.
    pub(super) fn take(
        &self,
        caller: &str,
        service: &str,
        action: &str,
        region: &str,
    ) -> Option<Fault> {
        let mut faults = self.locked();
        let fault =
            faults.iter_mut().find(|fault| fault.strikes(caller, service, action, region))?;
        fault.count = fault.count.saturating_sub(1);
        Some(fault.clone())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The error code and status of a refusal, as the service would give them; none for faults that
/// have an effect.
pub(super) fn refusal(
    kind: FaultKind,
    service: &str,
    protocol: Protocol,
) -> Option<(&'static str, u16)> {
    let refusal = match (kind, protocol) {
        (FaultKind::Throttle, Protocol::Ec2) => ("RequestLimitExceeded", 503),
        (FaultKind::Throttle, Protocol::Query) => ("Throttling", 400),
        (FaultKind::Throttle, Protocol::RestJson) if service == "lambda" => {
            ("TooManyRequestsException", 429)
        }
        (FaultKind::Throttle, Protocol::RestJson) => ("ThrottlingException", 429),
        (FaultKind::Throttle, Protocol::Json) => ("ThrottlingException", 400),
        (FaultKind::Throttle, Protocol::S3) => ("SlowDown", 503),
        (FaultKind::Deny, Protocol::Ec2) => ("UnauthorizedOperation", 403),
        (FaultKind::Deny, Protocol::Query) if service == "sns" => ("AuthorizationError", 403),
        (FaultKind::Deny, Protocol::Query | Protocol::S3) => ("AccessDenied", 403),
        (FaultKind::Deny, Protocol::RestJson) => ("AccessDeniedException", 403),
        (FaultKind::Deny, Protocol::Json) => ("AccessDeniedException", 400),
        (FaultKind::Error500, Protocol::Ec2 | Protocol::S3) => ("InternalError", 500),
        (FaultKind::Error500, Protocol::Query) => ("InternalFailure", 500),
        (FaultKind::Error500, Protocol::RestJson) if service == "lambda" => {
            ("ServiceException", 500)
        }
        (FaultKind::Error500, Protocol::RestJson | Protocol::Json) => ("InternalServerError", 500),
        (FaultKind::Delay | FaultKind::EffectThenLostReply, _) => return None,
    };
    Some(refusal)
}

/// What a refusal says. A denial is as long as a real one: it names the policy that denied, and EC2
/// appends an encoded part for `sts decode-authorization-message`.
pub(super) fn message(
    kind: Option<FaultKind>,
    service: &str,
    action: &str,
    region: &str,
) -> String {
    match kind {
        Some(FaultKind::Deny) => {
            let encoded = match service {
                "ec2" => format!(" Encoded authorization failure message: {}", "4fVx".repeat(225)),
                _ => String::new(),
            };
            format!(
                "You are not authorized to perform this operation. User: arn:aws:sts::000000000000:assumed-role/\
                 amiline-DistributeImageRole-1ABCDEFGHIJK2/amiline-distribute-image is not authorized to perform: \
                 {service}:{action} on resource: arn:aws:{service}:{region}::image/ami-0123456789abcdef0 with an explicit \
                 deny in a service control policy: arn:aws:organizations::222222222222:policy/o-123example/\
                 service_control_policy/p-abcdefgh.{encoded}"
            )
        }
        Some(
            FaultKind::Throttle
            | FaultKind::Error500
            | FaultKind::Delay
            | FaultKind::EffectThenLostReply,
        )
        | None => "Asked for at /_amiline/faults of the local AWS.".to_owned(),
    }
}

/// A refusal as the service's protocol writes it.
pub(super) fn render(
    code: &str,
    status: u16,
    protocol: Protocol,
    message: &str,
) -> Response<Bytes> {
    let id = "00000000-0000-0000-0000-000000000000";
    let (kind, body) = match protocol {
        Protocol::Ec2 => (
            "text/xml;charset=UTF-8",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
                 <Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
            ),
        ),
        Protocol::Query => {
            let fault = if status >= 500 { "Receiver" } else { "Sender" };
            let body = format!(
                "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{id}</RequestId></ErrorResponse>"
            );
            ("text/xml", body)
        }
        Protocol::S3 => (
            "application/xml",
            format!(
                "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>"
            ),
        ),
        Protocol::Json => {
            ("application/x-amz-json-1.1", json!({"__type": code, "message": message}).to_string())
        }
        Protocol::RestJson => ("application/json", json!({"message": message}).to_string()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert("x-amzn-requestid", hyper::header::HeaderValue::from_static(id));
    if let (Protocol::Json | Protocol::RestJson, Ok(code)) = (protocol, code.parse()) {
        headers.insert("x-amzn-errortype", code);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: serde_json::Value) -> Fault {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_fault_strikes_what_it_names_and_counts_down() {
        let faults = Faults::default();
        faults.add(fault(
            json!({"caller": "create-image", "action": "ec2:CreateImage", "count": 2, "fault": "throttle"}),
        ));
        assert!(faults.take("operator", "ec2", "CreateImage", "us-east-1").is_none());
        assert!(faults.take("create-image", "ec2", "DescribeImages", "us-east-1").is_none());
        assert!(faults.take("create-image", "ec2", "CreateImage", "us-east-1").is_some());
        assert!(faults.take("create-image", "ec2", "CreateImage", "eu-west-1").is_some());
        assert!(faults.take("create-image", "ec2", "CreateImage", "us-east-1").is_none());
        assert_eq!(faults.all().first().unwrap().count, 0);
        faults.clear();
        assert!(faults.all().is_empty());
    }

    #[test]
    fn a_fault_of_a_whole_service_in_one_region() {
        let faults = Faults::default();
        faults.add(fault(
            json!({"action": "ec2:*", "region": "us-west-2", "fault": "deny", "caller": null}),
        ));
        assert!(faults.take("x", "ec2", "CopyImage", "eu-west-1").is_none());
        assert!(faults.take("x", "sqs", "SendMessage", "us-west-2").is_none());
        assert!(faults.take("x", "ec2", "CopyImage", "us-west-2").is_some());
    }

    #[test]
    fn unknown_faults_and_fields_are_refused() {
        for bad in [
            json!({"fault": "explode"}),
            json!({"fault": "deny", "acton": "ec2:CreateImage"}),
            json!({}),
        ] {
            assert!(serde_json::from_value::<Fault>(bad).is_err());
        }
    }

    #[test]
    fn every_protocol_reads_its_own_errors() {
        for (kind, service, protocol, code, status) in [
            (FaultKind::Throttle, "ec2", Protocol::Ec2, "RequestLimitExceeded", 503),
            (FaultKind::Deny, "ec2", Protocol::Ec2, "UnauthorizedOperation", 403),
            (FaultKind::Error500, "ec2", Protocol::Ec2, "InternalError", 500),
            (FaultKind::Throttle, "sns", Protocol::Query, "Throttling", 400),
            (FaultKind::Deny, "sns", Protocol::Query, "AuthorizationError", 403),
            (FaultKind::Throttle, "dynamodb", Protocol::Json, "ThrottlingException", 400),
            (FaultKind::Deny, "ssm", Protocol::Json, "AccessDeniedException", 400),
            (FaultKind::Throttle, "lambda", Protocol::RestJson, "TooManyRequestsException", 429),
            (FaultKind::Throttle, "s3", Protocol::S3, "SlowDown", 503),
        ] {
            let (given, with) = refusal(kind, service, protocol).unwrap();
            let response = render(
                given,
                with,
                protocol,
                &message(Some(kind), service, "CopyImage", "us-east-1"),
            );
            assert_eq!(response.status().as_u16(), status);
            let (head, body) = response.into_parts();
            assert_eq!(crate::aws::error(&head.headers, &body).0, code);
        }
        assert_eq!(refusal(FaultKind::EffectThenLostReply, "ec2", Protocol::Ec2), None);
    }
}
