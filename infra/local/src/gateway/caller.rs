//! Who an access key belongs to, in the words of the call log.

use super::forward::Forwarder;
use bytes::Bytes;
use hyper::Request;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Mutex;

/// The header by which the local AWS says that it is setting itself up; it has no key of its own,
/// since the emulators know only keys that stand for accounts.
pub(crate) const SETUP_HEADER: &str = "x-amiline-setup";

/// Names by access key. A function's key says nothing by itself, so ministack is asked once.
#[derive(Debug)]
pub(super) struct Callers {
    prefix: String,
    known: Mutex<HashMap<String, String>>,
}

impl Callers {
    pub(super) fn new(stack: &str) -> Self {
        Self { prefix: format!("{stack}-"), known: Mutex::default() }
    }

    pub(super) async fn name(
        &self,
        key: Option<&str>,
        forwarder: &Forwarder,
        ministack: u16,
    ) -> String {
        let Some(key) = key else { return "unsigned".to_owned() };
        if key != crate::ACCOUNT && key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit())
        {
            return format!("account-{key}");
        }
        if !key.starts_with("ASIA") && !key.starts_with("AKIA") {
            return "operator".to_owned();
        }
        if let Some(name) = self.locked().get(key) {
            return name.clone();
        }
        let Some(name) = self.ask(key, forwarder, ministack).await else {
            return "operator".to_owned();
        };
        self.locked().insert(key.to_owned(), name.clone());
        name
    }

    async fn ask(&self, key: &str, forwarder: &Forwarder, ministack: u16) -> Option<String> {
        let key: String = form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let uri = format!("/_local/identity?access_key={key}");
        let request = Request::get(uri).header("host", "localhost").body(Bytes::new()).ok()?;
        let answer = forwarder.send(ministack, request).await.ok()?;
        let identity: Value = serde_json::from_slice(answer.body()).ok()?;
        let role = || {
            identity.get("arn")?.as_str().filter(|arn| !arn.ends_with(":root"))?.rsplit('/').next()
        };
        let name = identity.get("function").and_then(Value::as_str).or_else(role)?;
        Some(name.strip_prefix(&self.prefix).unwrap_or(name).to_owned())
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
