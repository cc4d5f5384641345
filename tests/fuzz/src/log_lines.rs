//! What production would write to its log, kept instead, and checked.

use crate::properties::line;
use crate::target::Broken;
use amiline_domain::history::REASONS_CHARACTERS;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// Characters of one value in the log: the longest is a reason of a history item. CloudWatch takes
/// 1 MiB a line.
const VALUE_CHARACTERS_MAX: usize = REASONS_CHARACTERS;

/// What one piece of work wrote.
#[derive(Debug)]
pub(crate) struct Logged {
    bytes: Vec<u8>,
    events: usize,
}

/// A line, whose keys are each there once.
#[derive(Debug, PartialEq)]
pub(crate) struct Line(BTreeMap<String, Value>);

impl Line {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Line;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if fields.insert(key.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("{key:?} is there twice")));
                    }
                }
                Ok(Line(fields))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// Does a piece of work and keeps what it logs, in the form of every function's log.
pub(crate) fn logged<T>(work: impl FnOnce() -> T) -> (T, Logged) {
    thread_local! {
        static LOG: Log = Log::new();
    }
    LOG.with(|log| {
        log.clear();
        let done = tracing::dispatcher::with_default(&log.dispatch, work);
        (done, log.take())
    })
}

impl Logged {
    /// The lines, as far as they are lines: one for each event, each a JSON object with what every
    /// line has.
    pub(crate) fn lines(&self) -> Result<Vec<Line>, Broken> {
        let law = "every log statement writes one line of valid JSON";
        let text = std::str::from_utf8(&self.bytes).map_err(|e| Broken::new(law, e.to_string()))?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(Broken::new(law, format!("the last line does not end: {text:?}")));
        }
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        if lines.len() != self.events {
            return Err(Broken::new(
                law,
                format!("{} lines of {} events: {text:?}", lines.len(), self.events),
            ));
        }
        lines.into_iter().map(parsed).collect()
    }

    /// The lines, whose values also went through `domain::escape` as the rules of the house say.
    pub(crate) fn safe_lines(&self) -> Result<Vec<Line>, Broken> {
        let lines = self.lines()?;
        for (key, value) in lines.iter().flat_map(|line| &line.0) {
            if let Some(text) = value.as_str() {
                line(&format!("{key:?} in the log"), text, VALUE_CHARACTERS_MAX)?;
            }
        }
        Ok(lines)
    }
}

fn parsed(text: &str) -> Result<Line, Broken> {
    let law = "a line of the log is a JSON object with timestamp, level, target and message";
    let line: Line =
        serde_json::from_str(text).map_err(|e| Broken::new(law, format!("{e}: {text:?}")))?;
    let missing = ["timestamp", "level", "target", "message"]
        .into_iter()
        .find(|key| line.text(key).is_none());
    match missing {
        Some(key) => Err(Broken::new(law, format!("no {key}: {text:?}"))),
        None if text.bytes().any(|byte| byte < b' ') => {
            Err(Broken::new(law, format!("a control character: {text:?}")))
        }
        None => Ok(line),
    }
}

struct Log {
    dispatch: Dispatch,
    buffer: Buffer,
    events: Arc<AtomicUsize>,
}

impl Log {
    fn new() -> Self {
        let (buffer, events) = (Buffer::default(), Arc::new(AtomicUsize::new(0)));
        let writer = buffer.clone();
        let subscriber = amiline_log::subscriber("info", move || writer.clone())
            .with(Count(Arc::clone(&events)));
        Self { dispatch: Dispatch::new(subscriber), buffer, events }
    }

    fn clear(&self) {
        // What a panic left over.
        drop(self.take());
    }

    fn take(&self) -> Logged {
        Logged {
            bytes: std::mem::take(&mut *self.buffer.lock()),
            events: self.events.swap(0, Ordering::Relaxed),
        }
    }
}

/// Counts what passes the filter.
struct Count(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_comes_back_as_lines() {
        let ((), logged) = logged(|| {
            tracing::info!(reason = "a\nb", "one");
            tracing::debug!("not at this level");
            tracing::warn!("two");
        });
        let lines = logged.lines().unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].text("reason"), Some("a\nb"));
        assert!(logged.safe_lines().is_err(), "a line break in a value");
    }

    #[test]
    fn lines_that_are_none_are_seen() {
        for text in ["", "{", "[]", r#"{"message":"m","level":"INFO","target":"t"}"#] {
            assert!(parsed(text).is_err(), "{text}");
        }
        let twice =
            r#"{"timestamp":"t","level":"INFO","target":"t","message":"m","level":"ERROR"}"#;
        assert!(parsed(twice).is_err());
    }
}
