//! What is put on the stack's own bus: the notification's document, for programs.

use crate::fault::{Fault, classify};
use crate::history::HistoryItem;
use crate::notice;
use jiff::Timestamp;

/// The `source` of every event on the bus. EventBridge keeps those that begin with `aws.` to itself
/// (aws-behaviour.md#putevents-succeeds-in-part).
pub const SOURCE: &str = "amiline";

/// Events in one call of PutEvents.
pub const ENTRIES_MAX: usize = 10;

/// Bytes in one call of PutEvents, and so in one event too.
pub const BYTES_MAX: usize = 256 * 1024;

/// What EventBridge counts of an entry besides its texts: its time.
const TIME_BYTES: usize = 14;

/// An event for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusEvent {
    /// Its `detail-type`: the document's `event`. The set is closed;
    /// `events/notification.schema.json` lists it.
    pub detail_type: &'static str,
    /// Its `detail`: the notification's document.
    pub detail: String,
    /// Its `time`: when it was recorded.
    pub at: Timestamp,
}

impl BusEvent {
    /// Its size, as EventBridge counts it.
    pub fn bytes(&self) -> usize {
        [SOURCE.len(), self.detail_type.len(), self.detail.len()]
            .into_iter()
            .fold(TIME_BYTES, usize::saturating_add)
    }
}

/// The event of a history item. The same item always gives the same event.
pub fn event(item: &HistoryItem) -> BusEvent {
    BusEvent { detail_type: item.event.as_str(), detail: notice::document(item), at: item.at }
}

/// What it means that the bus refused one event of a call, by the entry's error code.
/// `InternalFailure` and `ThrottlingException` may pass later (API reference,
/// PutEventsResultEntry): an entry with an error was not taken.
pub fn refusal(code: &str) -> Fault {
    match code {
        "InternalFailure" | "InternalException" => Fault::Later,
        _ => classify(Some(code), Some(400)),
    }
}

/// The events in as few calls as their number and size allow, in their order. One that is too large
/// by itself stands alone, so that its refusal is nobody else's.
pub fn batches<T>(events: Vec<(T, BusEvent)>) -> Vec<Vec<(T, BusEvent)>> {
    let mut batches: Vec<Vec<(T, BusEvent)>> = Vec::new();
    let mut bytes: usize = 0;
    for (whose, event) in events {
        let grown = bytes.saturating_add(event.bytes());
        match batches.last_mut().filter(|batch| batch.len() < ENTRIES_MAX && grown < BYTES_MAX) {
            Some(batch) => {
                bytes = grown;
                batch.push((whose, event));
            }
            None => {
                bytes = event.bytes();
                batches.push(vec![(whose, event)]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(sizes: &[usize]) -> Vec<(usize, BusEvent)> {
        let event = |size: usize| BusEvent {
            detail_type: "family-complete",
            detail: "x".repeat(size),
            at: Timestamp::UNIX_EPOCH,
        };
        sizes.iter().map(|size| event(*size)).enumerate().collect()
    }

    /// Twenty destinations, an encrypted home copy and the source, each shared with as many
    /// accounts as a policy's 4 KB can name.
    #[test]
    fn the_largest_family_fits_one_event() {
        let accounts: Vec<String> =
            (0..280).map(|n| format!("{:012}", 100_000_000_000_u64 + n)).collect();
        let image = serde_json::json!({"region": "ap-northeast-1", "image": "ami-0f1e2d3c4b5a69788",
            "state": "available", "role": "source", "shared_with": accounts});
        let item: HistoryItem = serde_json::from_value(serde_json::json!({
            "family": "fam-0123456789abcdef", "seq": 3, "prev_hash": "", "hash": "00ff", "outcome_id": "0123456789abcdef",
            "at": "2026-11-23T10:19:33Z", "event": "family-complete", "account": "111111111111", "region": "us-east-1",
            "instance": "i-0a1b2c3d4e5f60718", "policy": "default", "image": "ami-0f1e2d3c4b5a69788",
            "reason": {"code": "failed-in-ec2", "message": "x".repeat(500)}, "images": vec![image; 22],
        }))
        .unwrap();
        assert!((80_000..BYTES_MAX).contains(&event(&item).bytes()), "{}", event(&item).bytes());
    }

    fn places(sizes: &[usize]) -> Vec<Vec<usize>> {
        batches(events(sizes))
            .into_iter()
            .map(|batch| batch.into_iter().map(|(place, _)| place).collect())
            .collect()
    }

    #[test]
    fn an_entry_is_put_again_only_if_it_may_be_taken() {
        let table = [
            ("InternalFailure", Fault::Later),
            ("ThrottlingException", Fault::Later),
            ("AccessDeniedException", Fault::NeedsPerson),
            ("InvalidAccountIdException", Fault::NeedsPerson),
            ("NotAuthorizedForSourceException", Fault::NeedsPerson),
            ("NotAuthorizedForDetailTypeException", Fault::NeedsPerson),
            ("RedactionFailure", Fault::NeedsPerson),
            ("InvalidArgument", Fault::Reject),
            ("MalformedDetail", Fault::Reject),
        ];
        for (code, fault) in table {
            assert_eq!(refusal(code), fault, "{code}");
        }
    }

    #[test]
    fn a_call_takes_ten_events_and_no_more_bytes_than_eventbridge() {
        assert!(places(&[]).is_empty());
        assert_eq!(places(&[1; 10]), [(0..10).collect::<Vec<_>>()]);
        assert_eq!(places(&[1; 21]), [(0..10).collect::<Vec<_>>(), (10..20).collect(), vec![20]]);
        assert_eq!(places(&[100_000, 100_000, 100_000, 1]), [vec![0, 1], vec![2, 3]]);
        assert_eq!(places(&[1, BYTES_MAX, 1]), [vec![0], vec![1], vec![2]]);
        for batch in batches(events(&[90_000, 80_000, 70_000, 60_000, 250_000, 3])) {
            let bytes: usize = batch.iter().map(|(_, event)| event.bytes()).sum();
            assert!(bytes < BYTES_MAX && batch.len() <= ENTRIES_MAX, "{bytes}");
        }
    }
}
