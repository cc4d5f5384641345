//! Ids that look like AWS's, from a counter and a seed.

use amiline_domain::ids::{ImageId, InstanceId, SnapshotId, short_digest};
use std::collections::BTreeMap;

/// Gives out ids; the same seed gives the same ones in the same order, kind by kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    seed: u64,
    next: BTreeMap<&'static str, u64>,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, next: BTreeMap::new() }
    }

    fn hex(&mut self, kind: &'static str, length: usize) -> String {
        let next = self.next.entry(kind).or_insert(0);
        *next += 1;
        short_digest(&[kind, &self.seed.to_string(), &next.to_string()], length)
    }

    pub(crate) fn image(&mut self) -> ImageId {
        ImageId::new(format!("ami-{}", self.hex("image", 17))).unwrap()
    }

    pub(crate) fn instance(&mut self) -> InstanceId {
        InstanceId::new(format!("i-{}", self.hex("instance", 17))).unwrap()
    }

    pub(crate) fn snapshot(&mut self) -> SnapshotId {
        SnapshotId::new(format!("snap-{}", self.hex("snapshot", 17))).unwrap()
    }

    /// A UUID, for event, request, message and key ids.
    pub(crate) fn uuid(&mut self, kind: &'static str) -> String {
        let h = self.hex(kind, 32);
        format!("{}-{}-{}-{}-{}", &h[0..8], &h[8..12], &h[12..16], &h[16..20], &h[20..32])
    }
}
