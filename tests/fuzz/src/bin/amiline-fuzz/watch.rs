//! An eye on inputs that do not come to an end, which the search itself cannot see.

use crate::report;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An input takes milliseconds at most. One that was running at a look and is at the next one
/// hangs.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What runs now.
#[derive(Default)]
struct Now {
    target: &'static str,
    input: Vec<u8>,
    number: u64,
}

/// The watch; it ends with this.
pub(crate) struct Watch {
    now: Arc<Mutex<Now>>,
    _until: Sender<()>,
}

impl Watch {
    pub(crate) fn start(seed: u64) -> Self {
        let now = Arc::<Mutex<Now>>::default();
        let (until, ended) = channel();
        let seen = Arc::clone(&now);
        std::thread::spawn(move || look(&seen, &ended, seed));
        Self { now, _until: until }
    }

    pub(crate) fn about_to_run(&self, target: &'static str, input: &[u8]) {
        let mut now = lock(&self.now);
        now.target = target;
        now.input.clear();
        now.input.extend_from_slice(input);
        now.number = now.number.saturating_add(1);
    }

    /// Nothing runs.
    pub(crate) fn rest(&self) {
        lock(&self.now).target = "";
    }
}

fn lock(now: &Mutex<Now>) -> MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look(now: &Mutex<Now>, ended: &Receiver<()>, seed: u64) {
    let mut last = 0;
    while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let now = lock(now);
        if !now.target.is_empty() && now.number == last {
            report::hangs(now.target, seed, &now.input);
            // The search is stuck: there is nobody to tell.
            std::process::exit(1);
        }
        last = now.number;
    }
}
