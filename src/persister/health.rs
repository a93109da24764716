//! How writing goes, for health checks and metrics: read by any thread at any time. Decides nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Buckets of the sync times: bucket `n` counts those below 2^n microseconds that no smaller bucket counts; the last takes all above.
pub const SYNC_BUCKETS: usize = 24;

/// Counters since the start, and what is true now. Each is right by itself; two read one after the other need not fit together.
#[derive(Debug)]
pub struct Health {
    writable: AtomicBool,
    queued_records: AtomicU64,
    batches: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    failures: AtomicU64,
    syncs: AtomicU64,
    sync_micros_sum: AtomicU64,
    sync_micros_max: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_BUCKETS],
}

impl Default for Health {
    fn default() -> Self {
        Self {
            writable: AtomicBool::new(true),
            queued_records: AtomicU64::default(),
            batches: AtomicU64::default(),
            records: AtomicU64::default(),
            bytes: AtomicU64::default(),
            failures: AtomicU64::default(),
            syncs: AtomicU64::default(),
            sync_micros_sum: AtomicU64::default(),
            sync_micros_max: AtomicU64::default(),
            sync_buckets: Default::default(),
        }
    }
}

impl Health {
    /// The last write worked, or none was tried yet. False for good when the persister has ended.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Records handed over and not committed.
    #[must_use]
    pub fn queued_records(&self) -> u64 {
        self.queued_records.load(Ordering::Relaxed)
    }

    /// Batches written.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Records written. A record that is written again after a failure counts again.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Bytes of the updates written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Writes, syncs and recoveries that failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Syncs done, those of synced batches included.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Time that syncs took, all together; of a synced batch with its write.
    #[must_use]
    pub fn sync_micros_sum(&self) -> u64 {
        self.sync_micros_sum.load(Ordering::Relaxed)
    }

    /// Time that the longest took.
    #[must_use]
    pub fn sync_micros_max(&self) -> u64 {
        self.sync_micros_max.load(Ordering::Relaxed)
    }

    /// How many syncs took how long: see [`SYNC_BUCKETS`].
    #[must_use]
    pub fn sync_buckets(&self) -> [u64; SYNC_BUCKETS] {
        self.sync_buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed))
    }

    pub(super) fn queued(&self) {
        self.queued_records.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, records: u64) {
        self.queued_records.fetch_sub(records, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, records: usize, bytes: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn synced(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.sync_micros_sum.fetch_add(micros, Ordering::Relaxed);
        self.sync_micros_max.fetch_max(micros, Ordering::Relaxed);
        self.sync_buckets[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Relaxed);
    }
}

fn bucket(micros: u64) -> usize {
    let bits = (u64::BITS - micros.leading_zeros()) as usize;
    bits.min(SYNC_BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_below_its_power_of_two() {
        for (micros, expected) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1023, 10), (1024, 11), (u64::MAX, 23)] {
            assert_eq!(bucket(micros), expected, "{micros} us");
        }
    }
}
