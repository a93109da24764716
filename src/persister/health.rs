//! How writing goes, for health checks and metrics: read by any thread at any time. Decides nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::instruments::{Batch, Batches, Timed, Timings};

/// A write or sync that takes longer has stuck: even a slow disk needs a tenth of a second.
pub const STUCK: Duration = Duration::from_secs(10);

/// Counters since the start, and what is true now. Each is right by itself; two read one after the other need not fit together.
#[derive(Debug)]
pub struct Health {
    writable: AtomicBool,
    ended: AtomicBool,
    started: Instant,
    /// When the step at hand began, in milliseconds since `started` and one more; 0 while there is none.
    busy_since_ms: AtomicU64,
    queued_records: AtomicU64,
    batches: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    failures: AtomicU64,
    /// What the disk lacks, for people.
    lacking: Mutex<Option<Arc<str>>>,
    /// Written once or twice for each batch, so nobody waits for it.
    measured: Mutex<(Timings, Batches)>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            writable: AtomicBool::new(true),
            ended: AtomicBool::default(),
            started: Instant::now(),
            busy_since_ms: AtomicU64::default(),
            queued_records: AtomicU64::default(),
            batches: AtomicU64::default(),
            records: AtomicU64::default(),
            bytes: AtomicU64::default(),
            failures: AtomicU64::default(),
            lacking: Mutex::default(),
            measured: Mutex::default(),
        }
    }
}

impl Health {
    /// The last write worked, or none was tried yet. False for good when the persister has ended.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// The persister has ended: nothing will ever be written again.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// How long the write or sync at hand has been going on.
    #[must_use]
    pub fn busy_for(&self) -> Duration {
        self.busy_at(self.elapsed_ms())
    }

    /// The disk does not answer.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.busy_for() > STUCK
    }

    fn busy_at(&self, elapsed_ms: u64) -> Duration {
        match self.busy_since_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since_ms => Duration::from_millis(elapsed_ms.saturating_sub(since_ms - 1)),
        }
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

    /// How much space the disk lacks, where that is why writes fail.
    #[must_use]
    pub fn lacking(&self) -> Option<Arc<str>> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long batches ([`Timed::Commit`]) and syncs ([`Timed::Sync`]) took.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.measured().0
    }

    /// How many records were in a batch ([`Batch::Commit`]).
    #[must_use]
    pub fn sizes(&self) -> Batches {
        self.measured().1
    }

    pub(super) fn begins(&self) {
        self.begins_at(self.elapsed_ms());
    }

    fn begins_at(&self, elapsed_ms: u64) {
        self.busy_since_ms.store(elapsed_ms + 1, Ordering::Relaxed);
    }

    pub(super) fn rests(&self) {
        self.busy_since_ms.store(0, Ordering::Relaxed);
    }

    pub(super) fn ends(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.set_writable(false);
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("no process runs for 2^64 milliseconds")
    }

    pub(super) fn queued(&self, records: u64) {
        self.queued_records.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, records: u64) {
        self.queued_records.fetch_sub(records, Ordering::Relaxed);
    }

    pub(super) fn wrote(&self, records: usize, bytes: usize, took: Duration) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let (timings, sizes) = &mut *self.measured();
        timings.record(Timed::Commit, micros(took));
        sizes.record(Batch::Commit, records as u64);
    }

    pub(super) fn synced(&self, took: Duration) {
        self.measured().0.record(Timed::Sync, micros(took));
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_lacking(&self, lacking: Option<Arc<str>>) {
        *self.lacking.lock().unwrap_or_else(PoisonError::into_inner) = lacking;
    }

    pub(super) fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Relaxed);
    }

    /// Plain numbers, whole between two statements: poison says nothing.
    fn measured(&self) -> MutexGuard<'_, (Timings, Batches)> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_does_not_end_is_seen_and_so_is_its_end() {
        let health = Health::default();
        assert_eq!(health.busy_at(60_000), Duration::ZERO, "nothing is written");
        for began_ms in [0, 7_000] {
            health.begins_at(began_ms);
            assert_eq!(health.busy_at(began_ms + 10_500), Duration::from_millis(10_500));
        }
        assert!(health.busy_at(17_500) > STUCK);
        health.rests();
        assert!(!health.is_stuck());
        health.ends();
        assert!(health.has_ended() && !health.is_writable());
    }
}
