//! `/_amiline/*`: the gateway's own controls. JSON in and out.
//!
//! `GET health`, `GET calls?since=LINE`, and `POST`, `GET`, `DELETE faults`.

use super::{Fault, Gateway};
use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

pub(super) fn answer(gateway: &Gateway, request: &Request<Bytes>) -> Response<Bytes> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/_amiline/health") => (StatusCode::OK, json!({"status": "ok"})),
        (&Method::GET, "/_amiline/calls") => {
            calls(gateway, request.uri().query().unwrap_or_default())
        }
        (&Method::GET, "/_amiline/faults") => {
            (StatusCode::OK, json!({"faults": gateway.faults.all()}))
        }
        (&Method::POST, "/_amiline/faults") => {
            match serde_json::from_slice::<Fault>(request.body()) {
                Ok(fault) => {
                    gateway.faults.add(fault);
                    (StatusCode::CREATED, json!({"faults": gateway.faults.all()}))
                }
                Err(problem) => {
                    (StatusCode::BAD_REQUEST, json!({"error": format!("not a fault: {problem}")}))
                }
            }
        }
        (&Method::DELETE, "/_amiline/faults") => {
            gateway.faults.clear();
            (StatusCode::OK, json!({"faults": []}))
        }
        _ => (
            StatusCode::NOT_FOUND,
            json!({"error": "the gateway has health, calls and faults below /_amiline/"}),
        ),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}

fn calls(gateway: &Gateway, query: &str) -> (StatusCode, Value) {
    let since = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "since")
        .map(|(_, line)| line);
    match since.as_deref().unwrap_or("0").parse::<usize>() {
        Ok(since) => {
            let calls = gateway.calls_since(since);
            let next = since.saturating_add(calls.len());
            let calls: Vec<_> = calls.iter().map(AsRef::as_ref).collect();
            (StatusCode::OK, json!({"calls": calls, "next": next}))
        }
        Err(problem) => {
            (StatusCode::BAD_REQUEST, json!({"error": format!("since is not a number: {problem}")}))
        }
    }
}
