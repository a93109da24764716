//! The handle by which a test or a simulation makes a memory store fail. Does not know what the store then does.

use std::sync::{Arc, Mutex};

use super::{Disk, lock};
use crate::DocumentKey;

/// Orders faults of one [`MemoryStore`](crate::MemoryStore). Clones order them of the same store.
#[derive(Clone)]
pub struct Faults {
    disk: Arc<Mutex<Disk>>,
}

impl Faults {
    pub(super) fn new(disk: Arc<Mutex<Disk>>) -> Faults {
        Faults { disk }
    }

    /// The next `count` writes fail. The probe of a recovery is a write.
    pub fn fail_writes(&self, count: u32) {
        lock(&self.disk).plan.writes = count;
    }

    /// The next `count` syncs fail: those of appends, of snapshots, and of the probe of a recovery.
    pub fn fail_syncs(&self, count: u32) {
        lock(&self.disk).plan.syncs = count;
    }

    /// The next `count` loads and tails fail.
    pub fn fail_reads(&self, count: u32) {
        lock(&self.disk).plan.reads = count;
    }

    /// The disk holds this many bytes from now on, `None` for any number. What it already holds stays.
    pub fn limit_capacity(&self, bytes: Option<u64>) {
        lock(&self.disk).plan.capacity_bytes = bytes;
    }

    /// Damages the log record of this sequence, or the snapshot of it, until it is written again or trimmed.
    pub fn corrupt(&self, document: DocumentKey, sequence: u64) {
        lock(&self.disk).corrupt(document, sequence);
    }

    /// Power loss and restart: synced writes survive, and of the others any number of the first, chosen by the seed.
    /// Ordered failures of writes, syncs and reads are forgotten; the capacity and damaged records stay.
    pub fn crash(&self) {
        lock(&self.disk).crash();
    }
}
