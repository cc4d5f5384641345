//! The one endpoint in front of both emulators: it routes, logs every call, and injects faults.
//!
//! `/_amiline/*` is its own; `/_local/*` are the emulators' test controls; all else is AWS.

mod action;
mod admin;
mod caller;
mod fault;
mod forward;
mod log;
mod route;
#[cfg(test)]
mod tests;

pub(crate) use caller::SETUP_HEADER;
pub use fault::{Fault, FaultKind};
pub use log::{Happening, Record};

use crate::error::LocalError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

/// Where the emulators listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upstreams {
    pub(crate) moto: u16,
    pub(crate) ministack: u16,
}

/// The gateway's shared parts.
#[derive(Debug)]
pub(crate) struct Gateway {
    upstreams: Upstreams,
    forwarder: forward::Forwarder,
    faults: fault::Faults,
    callers: caller::Callers,
    log: log::CallLog,
}

/// The connection is closed without an answer: hyper does that when a service fails.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost on purpose")]
struct LostReply;

type Answer = Result<Response<Bytes>, LostReply>;

impl Gateway {
    /// A gateway that logs to `call_log`. Function names in the log lose the prefix `STACK-`.
    pub(crate) fn new(
        upstreams: Upstreams,
        stack: &str,
        call_log: &Path,
    ) -> Result<Arc<Self>, LocalError> {
        Ok(Arc::new(Self {
            upstreams,
            forwarder: forward::Forwarder::new(),
            faults: fault::Faults::default(),
            callers: caller::Callers::new(stack),
            log: log::CallLog::create(call_log)?,
        }))
    }

    /// Serves AWS and the controls until the runtime ends.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        accept(listener, move |request| self.clone().answer(request)).await;
    }

    /// Serves the EC2 emulator's way to ministack (events, keys, identities), so that each event is
    /// seen here.
    pub(crate) async fn serve_side_door(self: Arc<Self>, listener: TcpListener) {
        accept(listener, move |request| self.clone().side_door(request)).await;
    }

    /// What happens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Happening> {
        self.log.listen()
    }

    /// The calls so far, from this line of the log on.
    pub(crate) fn calls_since(&self, line: usize) -> Vec<Arc<Record>> {
        self.log.since(line)
    }

    async fn answer(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        let path = request.uri().path();
        if path.starts_with("/_amiline/") {
            return Ok(admin::answer(&self, &request));
        }
        if path.starts_with("/_local/ec2/") {
            return Ok(self
                .forwarder
                .send(self.upstreams.moto, request)
                .await
                .unwrap_or_else(forward::unreachable));
        }
        if matches!(path, "/_local/functions" | "/_local/schedules/fire" | "/_local/events/refuse")
        {
            let answer = self.forwarder.send(self.upstreams.ministack, request).await;
            return Ok(answer.unwrap_or_else(forward::unreachable));
        }
        self.call(request).await
    }

    async fn side_door(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        if request.uri().path() == "/_local/events"
            && let Ok(event) = serde_json::from_slice(request.body())
        {
            self.log.tell(Happening::Event(Arc::new(event)));
        }
        Ok(self
            .forwarder
            .send(self.upstreams.ministack, request)
            .await
            .unwrap_or_else(forward::unreachable))
    }

    /// One AWS call: read, struck by a fault or forwarded, logged.
    async fn call(&self, request: Request<Bytes>) -> Answer {
        let (since, time) = (Instant::now(), jiff::Timestamp::now());
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let scope = route::Scope::read(request.headers(), query);
        let upstream = match route::upstream(scope.as_ref()) {
            route::Upstream::Moto => self.upstreams.moto,
            route::Upstream::Ministack => self.upstreams.ministack,
        };
        let (key, region, service) = scope.map_or_else(Default::default, |scope| {
            (Some(scope.access_key), scope.region, scope.service)
        });
        let caller = if request.headers().contains_key(SETUP_HEADER) {
            "setup".to_owned()
        } else {
            self.callers.name(key.as_deref(), &self.forwarder, self.upstreams.ministack).await
        };
        let action = action::read(
            &service,
            request.method(),
            path,
            query,
            request.headers(),
            request.body(),
        );
        let fault = self.faults.take(&caller, &service, &action.name, &region);
        let kind = fault.as_ref().map(|fault| fault.fault);

        let refusal = kind.and_then(|kind| fault::refusal(kind, &service, action.protocol));
        let (response, error) = if let Some((code, status)) = refusal {
            let message = fault::message(kind, &service, &action.name, &region);
            (Some(fault::render(code, status, action.protocol, &message)), None)
        } else {
            if let (Some(FaultKind::Delay), Some(fault)) = (kind, &fault) {
                tokio::time::sleep(Duration::from_millis(fault.milliseconds.unwrap_or(1000))).await;
            }
            match self.forwarder.send(upstream, request).await {
                Ok(response) => (Some(response), None),
                Err(problem) => (None, Some(problem.to_string())),
            }
        };
        let lost = kind == Some(FaultKind::EffectThenLostReply);
        let body = response.as_ref().map(|response| response.body().clone()).unwrap_or_default();
        let refused = response.as_ref().filter(|response| response.status().as_u16() >= 400);
        self.log.append(Record {
            time: time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            caller,
            service,
            region,
            made: refused.is_none().then(|| action::made(&action.name, &body)).flatten(),
            action: action.name,
            parameters: action.parameters,
            status: response.as_ref().filter(|_| !lost).map(|response| response.status().as_u16()),
            error: refused.map(|response| crate::aws::error(response.headers(), &body).0).or(error),
            fault: kind,
            milliseconds: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        if let (true, Some(held)) = (lost, fault.and_then(|fault| fault.milliseconds)) {
            tokio::time::sleep(Duration::from_millis(held)).await;
        }
        match response {
            Some(response) if !lost => Ok(response),
            _ => Err(LostReply),
        }
    }
}

/// Answers connections for ever. What a request asks for is done even if its caller is gone before
/// the answer: AWS does not stop either when a client is killed.
async fn accept<F, R>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Bytes>) -> R + Clone + Send + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: connections that end free some.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let Ok(body) = body.collect().await else { return Err(LostReply) };
                    let work = answer(Request::from_parts(head, body.to_bytes()));
                    tokio::spawn(work)
                        .await
                        .unwrap_or(Err(LostReply))
                        .map(|response| response.map(Full::new))
                }
            });
            // An error is a caller that went away, or a reply that is lost on purpose.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Listens on a port of this machine only; on any free one for `None`.
pub(crate) async fn listen(port: Option<u16>) -> Result<(TcpListener, u16), LocalError> {
    let port = port.unwrap_or(0);
    let failed = |source| LocalError::Port { port, source };
    let listener =
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}
