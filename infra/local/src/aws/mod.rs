//! A small AWS client for setting up and for watching: signed requests over plain HTTP, answers as
//! JSON values.
//!
//! Not the AWS SDK, so that the local runner is built in seconds and can say what it does while the
//! SDK, which the functions use, is being built.

mod sign;
mod xml;

use crate::gateway::SETUP_HEADER;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::HOST;
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

pub(crate) use xml::error;
pub use xml::{list, text};

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id, which names the caller in the call log.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

/// Why a call gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The request could not be sent, or no answer came.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// AWS refused.
    #[error("{code}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The error code.
        code: String,
        /// Its explanation.
        message: String,
    },
    /// The answer could not be read.
    #[error("the answer is not understood: {0}")]
    Form(String),
}

impl AwsError {
    /// The error code, if AWS answered with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::NoAnswer(_) | Self::Form(_) => None,
        }
    }
}

/// Calls one endpoint under one access key.
#[derive(Debug, Clone)]
pub struct Aws {
    authority: String,
    key: AccessKey,
    setting_up: bool,
    http: Client<HttpConnector, Full<Bytes>>,
}

struct Call<'a> {
    service: &'a str,
    region: &'a str,
    method: Method,
    /// Path and query, already encoded.
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Bytes,
}

impl Aws {
    /// A client of `http://AUTHORITY`.
    pub fn new(authority: &str, key: AccessKey) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { authority: authority.to_owned(), key, setting_up: false, http }
    }

    /// The same, for calls that the log should tell from the operator's.
    pub(crate) fn setting_up(self) -> Self {
        Self { setting_up: true, ..self }
    }

    /// One EC2 action.
    pub async fn ec2(
        &self,
        region: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, AwsError> {
        self.query("ec2", region, "2016-11-15", action, parameters).await
    }

    /// One action of a service that takes forms and answers in XML. Gives what is inside
    /// `ACTIONResult`, if there is such an element, and otherwise inside the root.
    pub async fn query(
        &self,
        service: &str,
        region: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, AwsError> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", version)
            .extend_pairs(parameters)
            .finish();
        let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let call =
            Call { service, region, method: Method::POST, path: "/", headers, body: body.into() };
        let answer = self.send(call).await?;
        xml::result(&answer, action).map_err(AwsError::Form)
    }

    /// One action of a service that speaks AWS JSON; `target` as in `DynamoDB_20120810.Query`.
    pub async fn json(
        &self,
        service: &str,
        region: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, AwsError> {
        let kind = if matches!(service, "dynamodb" | "sqs") { "1.0" } else { "1.1" };
        let kind = format!("application/x-amz-json-{kind}");
        let headers = vec![("content-type", kind.as_str()), ("x-amz-target", target)];
        let body = body.to_string().into();
        let answer = self
            .send(Call { service, region, method: Method::POST, path: "/", headers, body })
            .await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|problem| AwsError::Form(problem.to_string()))
    }

    /// One call of a service with paths, such as Lambda or S3. Gives the body.
    pub async fn rest(
        &self,
        service: &str,
        region: &str,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, AwsError> {
        self.send(Call { service, region, method, path, headers: Vec::new(), body }).await
    }

    /// Asks a control of the local AWS itself, below `/_amiline/` or `/_local/`. Not signed.
    pub async fn control(&self, path: &str, body: &Value) -> Result<Value, AwsError> {
        let problem = |what: &dyn std::fmt::Display| AwsError::NoAnswer(what.to_string());
        let request = Request::post(format!("http://{}{path}", self.authority));
        let request = request.body(Full::new(body.to_string().into())).map_err(|e| problem(&e))?;
        let body = self.answer(request).await?;
        serde_json::from_slice(&body).map_err(|problem| AwsError::Form(problem.to_string()))
    }

    async fn send(&self, call: Call<'_>) -> Result<Bytes, AwsError> {
        let problem = |what: &dyn std::fmt::Display| AwsError::NoAnswer(what.to_string());
        let uri: Uri =
            format!("http://{}{}", self.authority, call.path).parse().map_err(|e| problem(&e))?;
        let payload =
            if call.service == "s3" { sign::UNSIGNED.to_owned() } else { sign::hash(&call.body) };
        let signed = sign::Signing {
            key: &self.key,
            region: call.region,
            service: call.service,
            method: call.method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            host: &self.authority,
            payload: &payload,
            at: jiff::Timestamp::now(),
        }
        .headers();
        let mut request =
            Request::builder().method(call.method).uri(uri).header(HOST, &self.authority);
        for (name, value) in &signed {
            request = request.header(*name, value);
        }
        if self.setting_up {
            request = request.header(SETUP_HEADER, "yes");
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body)).map_err(|e| problem(&e))?;
        self.answer(request).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Bytes, AwsError> {
        let problem = |what: &dyn std::fmt::Display| AwsError::NoAnswer(what.to_string());
        let response = self.http.request(request).await.map_err(|e| problem(&chain(&e)))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|e| problem(&e))?.to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        let (code, message) = xml::error(&head.headers, &body);
        Err(AwsError::Refused { status: head.status.as_u16(), code, message })
    }
}

/// An error with its causes: "client error (Connect)" alone says too little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
