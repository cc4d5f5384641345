//! A server that answers as a test says, and remembers what it was asked.

use crate::client::Clients;
use crate::settings::Settings;
use crate::world::Aws;
use amiline_domain::ids::Region;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::{Credentials, Region as SdkRegion, SharedCredentialsProvider};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An answer: a status and a body. `None` never answers.
pub(crate) type Answer = Option<(u16, String)>;

/// The id of every request.
pub(crate) const REQUEST: &str = "59dbff89-35bd-4eac-99ed-be587EXAMPLE";

pub(crate) struct Stub {
    pub(crate) endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Gives the answers in turn, and the last one from then on.
    pub(crate) async fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone(), Arc::clone(&seen)));
            }
        });
        Self { endpoint, asked }
    }

    /// The bodies of the requests so far, form encoding taken off.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answers: Vec<Answer>, seen: Arc<Mutex<Vec<String>>>) {
    let mut bytes = Vec::new();
    let body = loop {
        let mut buffer = [0; 8192];
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            break body.to_owned();
        }
    };
    let index = {
        let mut seen = seen.lock().unwrap();
        seen.push(decoded(&body));
        (seen.len() - 1).min(answers.len() - 1)
    };
    match &answers[index] {
        Some((status, body)) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nx-amzn-requestid: {REQUEST}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
        None => std::future::pending().await,
    }
}

fn decoded(body: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        let escaped = (byte == b'%').then(|| {
            let digits: String =
                [rest.next(), rest.next()].into_iter().flatten().map(char::from).collect();
            u8::from_str_radix(&digits, 16).ok()
        });
        bytes.push(escaped.flatten().unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A world whose AWS is at that address.
pub(crate) fn world<S: Settings>(endpoint: &str) -> Aws<S> {
    let settings = S::from_source(&|name| {
        let value = match name {
            "AWS_REGION" => "us-east-1",
            "AMILINE_STACK" | "AMILINE_TAG_PREFIX" => "amiline",
            "AMILINE_ACCOUNT" => "111111111111",
            "AMILINE_MAX_IMAGES_PER_HOUR" | "AMILINE_MINIMUM_INTERVAL_MINUTES" => "5",
            "AMILINE_ALLOWED_REGIONS"
            | "AMILINE_ALLOWED_ACCOUNTS"
            | "AMILINE_ALLOWED_KEYS"
            | "AMILINE_ALLOWED_ORGANIZATIONAL_UNITS"
            | "AMILINE_ALLOWED_ORGANIZATIONS"
            | "AMILINE_SOURCE_REGIONS" => "",
            "AMILINE_LOG" => "info",
            "AWS_ENDPOINT_URL" => return None,
            _ => "x",
        };
        Some(value.to_owned())
    });
    let home = Region::new("us-east-1").unwrap();
    let credentials = Credentials::new("AKID", "SECRET", None, None, "test");
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(500)).build();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(timeouts)
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .endpoint_url(endpoint)
        .build();
    Aws::new(Clients::new(config, home), settings.unwrap())
}
