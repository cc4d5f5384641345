//! The call log: one JSON line for each call, kept in a file and in memory, and told to whoever
//! listens.

use crate::error::LocalError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it arrived: RFC 3339, milliseconds, UTC.
    pub time: String,
    /// A function (`create-image`), `operator`, `setup`, `account-222222222222` or `unsigned`.
    pub caller: String,
    /// The signed service name, as in `ec2`.
    pub service: String,
    /// The signed Region.
    pub region: String,
    /// `CreateImage`; for services with paths other than Invoke, method and path.
    pub action: String,
    /// What it was about: ids, names, tag keys; never whole bodies.
    pub parameters: Map<String, Value>,
    /// The id of the image or instance that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
    /// HTTP status; none if the answer was lost or none came.
    pub status: Option<u16>,
    /// AWS error code.
    pub error: Option<String>,
    /// The fault that struck it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<super::FaultKind>,
    /// How long it took.
    pub milliseconds: u64,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A call ended.
    Call(Arc<Record>),
    /// EC2 sent an event, in EventBridge's form.
    Event(Arc<Value>),
}

/// The log.
#[derive(Debug)]
pub(super) struct CallLog {
    written: Mutex<Written>,
    feed: broadcast::Sender<Happening>,
}

#[derive(Debug)]
struct Written {
    file: File,
    records: Vec<Arc<Record>>,
}

impl CallLog {
    pub(super) fn create(path: &Path) -> Result<Self, LocalError> {
        let file = File::create(path).map_err(LocalError::file("create", path))?;
        // Slow listeners lose the oldest; the file and the memory lose nothing.
        let (feed, _) = broadcast::channel(4096);
        Ok(Self { written: Mutex::new(Written { file, records: Vec::new() }), feed })
    }

    pub(super) fn append(&self, record: Record) {
        let record = Arc::new(record);
        if let Ok(mut line) = serde_json::to_vec(record.as_ref()) {
            line.push(b'\n');
            let mut written = self.locked();
            // A full disk must not stop the local AWS; what is in memory still counts.
            let _ = written.file.write_all(&line);
            written.records.push(record.clone());
        }
        self.tell(Happening::Call(record));
    }

    pub(super) fn tell(&self, happening: Happening) {
        // Nobody listening is no error.
        let _ = self.feed.send(happening);
    }

    pub(super) fn since(&self, line: usize) -> Vec<Arc<Record>> {
        self.locked().records.get(line..).unwrap_or_default().to_vec()
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Happening> {
        self.feed.subscribe()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
