//! A value with its past, for reads that lag behind.

use jiff::Timestamp;

/// Every value that something ever had, and since when. Describes that lag read an older one.
#[derive(Debug, Clone)]
pub(crate) struct Versioned<T> {
    past: Vec<(Timestamp, T)>,
}

impl<T: Clone> Versioned<T> {
    pub(crate) fn new(at: Timestamp, value: T) -> Self {
        Self { past: vec![(at, value)] }
    }

    /// The value now.
    pub(crate) fn current(&self) -> &T {
        &self.past.last().expect("never empty").1
    }

    /// Changes it from now on.
    pub(crate) fn change<R>(&mut self, at: Timestamp, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.current().clone();
        let result = change(&mut value);
        self.past.push((at, value));
        result
    }

    /// The value that a read which is behind until `at` shows; `None` if it did not exist then.
    pub(crate) fn as_of(&self, at: Timestamp) -> Option<&T> {
        self.past.iter().rev().find(|(since, _)| *since <= at).map(|(_, value)| value)
    }
}
