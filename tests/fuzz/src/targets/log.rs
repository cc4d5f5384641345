//! Lines of the log: any text, in every way in which a statement of ours logs one.

use super::{events, joined, parts};
use crate::log_lines::{Line, logged};
use crate::properties::holds;
use crate::target::{Broken, Outcome, Target};
use std::io;

pub(super) const TARGET: Target = Target { name: "log", longest: 8000, seeds, run };

fn seeds() -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = vec![
        joined(&["request-1", "a reason", "an id"]),
        joined(&["\u{0}\n\r", "\"}\n{", "\u{2028}"]),
    ];
    seeds.extend(events()?);
    Ok(seeds)
}

#[derive(Debug)]
struct Shown<'a>(#[expect(dead_code, reason = "for Debug")] &'a str);

fn run(input: &[u8]) -> Outcome {
    let [request, text, other] = parts::<3>(input);
    let shown = Shown(&text);
    let ((), log) = logged(|| {
        // The Lambda runtime's span, in which all of ours is.
        let span = tracing::info_span!(target: "lambda_runtime", "Lambda runtime invoke", requestId = request, xrayTraceId = other);
        span.in_scope(|| {
            tracing::info!(reason = text, error = %text, decision = ?text, "ours");
            tracing::error!(reason = Some(text.as_str()), why = None::<&str>, of = ?shown, count = text.len(), "{other}");
            tracing::warn!(target: "hyper", code = ?Some(&text), "{}", text);
        });
    });
    let lines = log.lines()?;
    let [ours, formatted, theirs] = lines.as_slice() else {
        return Err(Broken::new("each statement writes a line", format!("{lines:?}")));
    };
    is(ours, "reason", &text)?;
    is(ours, "error", &text)?;
    is(ours, "decision", &format!("{text:?}"))?;
    is(formatted, "reason", &text)?;
    is(formatted, "of", &format!("{shown:?}"))?;
    is(formatted, "message", &other)?;
    is(theirs, "message", &text)?;
    for (line, level) in [(ours, "INFO"), (formatted, "ERROR"), (theirs, "WARN")] {
        is(line, "level", level)?;
        let id = line
            .value("span")
            .and_then(|span| span.get("requestId"))
            .and_then(serde_json::Value::as_str);
        holds("a line says which request it is of", id == Some(request.as_str()), || {
            format!("{id:?}")
        })?;
    }
    Ok(format!("{} {} {}", size(&text), kinds(&text), kinds(&(request + &other))))
}

/// What was logged is read back: nothing is lost, and nothing gets into another field.
fn is(line: &Line, key: &str, expected: &str) -> Result<(), Broken> {
    let seen = line.text(key);
    holds("a field of the log reads as what was logged", seen == Some(expected), || {
        format!("{key}: {seen:?} of {expected:?}")
    })
}

/// About how long a text is.
fn size(text: &str) -> u32 {
    usize::BITS.saturating_sub(text.len().leading_zeros())
}

/// Of what a text is.
fn kinds(text: &str) -> String {
    let kinds = [
        text.chars().any(char::is_control),
        text.contains(['"', '\\']),
        !text.is_ascii(),
        text.chars().any(|c| u32::from(c) > 0xffff),
    ];
    kinds.map(|has| if has { '1' } else { '0' }).into_iter().collect()
}
