//! How every function writes its log: one JSON object a line. It is a crate of its own so that
//! tests see the same lines as CloudWatch without the AWS SDK.

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

/// What writes the log of a function to `writer`. JSON escapes every value, so nothing that is
/// logged can break a line (invariant 29).
///
/// `level` is for our own crates; the libraries are heard only when something is wrong, and the
/// Lambda runtime's span adds the request id.
pub fn subscriber<W>(
    level: &str,
    writer: W,
) -> impl Subscriber + for<'s> LookupSpan<'s> + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("lambda_runtime", LevelFilter::INFO)
        .with_target("amiline", level.parse().unwrap_or(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_ansi(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(lines).with(filter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(level: &str, log: impl FnOnce()) -> Vec<serde_json::Value> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), log);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_hostile_value_stays_in_its_field_of_its_line() {
        let hostile = "a\"}\n{\"level\":\"ERROR\"}\r\u{0}\u{1b}[31m";
        let lines = written(
            "info",
            || tracing::warn!(reason = hostile, error = %hostile, decision = ?hostile, "press"),
        );
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "press");
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["reason"], hostile);
        assert_eq!(lines[0]["error"], hostile);
        assert_eq!(lines[0]["decision"], format!("{hostile:?}"));
    }

    #[test]
    fn our_crates_are_heard_at_the_level_given_and_libraries_only_when_something_is_wrong() {
        let log = || {
            tracing::debug!("ours");
            tracing::info!(target: "hyper", "theirs");
            tracing::warn!(target: "hyper", "theirs, and wrong");
        };
        let messages = |level| {
            written(level, log).iter().map(|line| line["message"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(messages("info"), ["theirs, and wrong"]);
        assert_eq!(messages("debug"), ["ours", "theirs, and wrong"]);
        assert_eq!(messages("no level"), ["theirs, and wrong"]);
    }
}
