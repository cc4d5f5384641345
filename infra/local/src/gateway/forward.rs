//! Passing a request on, as it came, and the answer back.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONNECTION, EXPECT, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use hyper::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// Headers that concern one connection and are not passed on.
const ONE_HOP: [HeaderName; 7] = [
    CONNECTION,
    EXPECT,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

#[derive(Debug)]
pub(super) struct Forwarder(Client<HttpConnector, Full<Bytes>>);

#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    #[error("the emulator did not answer: {0}")]
    Client(#[from] hyper_util::client::legacy::Error),
    #[error("the emulator's answer broke off: {0}")]
    Body(#[from] hyper::Error),
    #[error("the address is not understood: {0}")]
    Address(#[from] hyper::http::Error),
}

impl Forwarder {
    pub(super) fn new() -> Self {
        // Shorter than either emulator keeps a connection.
        let idle = Duration::from_secs(10);
        Self(
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(idle)
                .build_http(),
        )
    }

    /// The emulator's answer. The host stays as the client sent it: it is signed, and queue URLs
    /// repeat it.
    pub(super) async fn send(
        &self,
        port: u16,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ForwardError> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = Uri::builder()
            .scheme("http")
            .authority(format!("127.0.0.1:{port}"))
            .path_and_query(path)
            .build()?;
        strip(&mut head.headers);
        let response = self.0.request(Request::from_parts(head, Full::new(body))).await?;
        let (mut head, body) = response.into_parts();
        strip(&mut head.headers);
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in ONE_HOP {
        headers.remove(name);
    }
}

/// What is answered if an emulator is gone.
pub(super) fn unreachable(problem: ForwardError) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(problem.to_string()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
