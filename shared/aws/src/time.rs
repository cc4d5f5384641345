//! The one place where the system's clock is read and where time is waited for.

use jiff::Timestamp;
use std::time::Duration;

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Waits between half of `longest` and all of it, so that those who were refused together do not
/// come back together.
#[expect(clippy::disallowed_methods, reason = "the one place that waits")]
pub(crate) async fn pause(longest: Duration) {
    let half = longest / 2;
    let more = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
    tokio::time::sleep(half + Duration::from_millis(fastrand::u64(0..=more))).await;
}
