//! What is taken once a second. Plain figures: who reads them where, the caller knows.

use serde::Serialize;

use crate::instruments::Timings;

/// Everything that is judged.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// What has come and gone since the start.
    pub traffic: Traffic<u64>,
    /// How long it took, of all threads together.
    pub timings: Box<Timings>,
    /// Each core.
    pub cores: Vec<CoreSample>,
    /// Sessions that were given less than the others.
    pub sessions_behind: u64,
    /// Memory.
    pub memory: Memory,
    /// The disk.
    pub storage: Storage,
}

/// What moves. As totals since the start, or a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic<T> {
    /// Connections accepted.
    pub connections: T,
    /// Messages of clients.
    pub messages: T,
    /// Updates of clients, whatever became of them.
    pub updates: T,
    /// Updates that were new.
    pub updates_accepted: T,
    /// Updates of which all was known.
    pub updates_duplicate: T,
    /// Updates that were refused, too large for their document, or dropped.
    pub updates_refused: T,
    /// Updates that came while nothing could be written: not the fault of whoever sent them.
    pub updates_stalled: T,
    /// Awareness updates of clients.
    pub awareness: T,
    /// Frames with updates given to sessions.
    pub deliveries: T,
    /// Bytes received from sockets.
    pub bytes_received: T,
    /// Bytes sent to sockets.
    pub bytes_sent: T,
    /// Records written to disk.
    pub records: T,
    /// Documents read.
    pub loads: T,
    /// Documents that could not be read.
    pub loads_failed: T,
}

impl<T: Copy> Traffic<T> {
    /// Each figure with that of another, made into something else.
    fn with<U>(&self, other: &Self, make: impl Fn(T, T) -> U) -> Traffic<U> {
        Traffic {
            connections: make(self.connections, other.connections),
            messages: make(self.messages, other.messages),
            updates: make(self.updates, other.updates),
            updates_accepted: make(self.updates_accepted, other.updates_accepted),
            updates_duplicate: make(self.updates_duplicate, other.updates_duplicate),
            updates_refused: make(self.updates_refused, other.updates_refused),
            updates_stalled: make(self.updates_stalled, other.updates_stalled),
            awareness: make(self.awareness, other.awareness),
            deliveries: make(self.deliveries, other.deliveries),
            bytes_received: make(self.bytes_received, other.bytes_received),
            bytes_sent: make(self.bytes_sent, other.bytes_sent),
            records: make(self.records, other.records),
            loads: make(self.loads, other.loads),
            loads_failed: make(self.loads_failed, other.loads_failed),
        }
    }

    /// Each figure, made into something else.
    #[must_use]
    pub fn map<U>(&self, make: impl Fn(T) -> U) -> Traffic<U> {
        self.with(self, |figure, _| make(figure))
    }
}

impl Traffic<u64> {
    /// What came in each second since then.
    #[must_use]
    pub fn per_second_since(&self, then: &Self, seconds: f64) -> Traffic<f64> {
        self.with(then, |now, then| now.saturating_sub(then) as f64 / seconds)
    }

    /// Everything of which the error rate says how much failed.
    pub(super) fn attempted(&self) -> u64 {
        self.updates + self.loads + self.loads_failed
    }

    /// What of that failed. Of a disk that takes nothing other alerts speak.
    pub(super) fn failed(&self) -> u64 {
        self.updates_refused + self.loads_failed
    }
}

/// One core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreSample {
    /// Its loop has turned of late.
    pub turns_lately: bool,
    /// Turns of its loop.
    pub turns: u64,
    /// Microseconds of processor time of its thread.
    pub cpu_us: u64,
    /// The share of time in which it works, in thousandths.
    pub load_permille: u64,
    /// Connections now.
    pub connections: u64,
    /// Sessions now.
    pub sessions: u64,
    /// Documents that it owns and has open.
    pub documents: u64,
}

/// Memory of the process, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What counts against the budget.
    pub used_bytes: u64,
    /// The setting; 0 for none.
    pub budget_bytes: u64,
    /// Asked of the allocator and not given back.
    pub allocated_bytes: u64,
    /// What the allocator has of the kernel.
    pub resident_bytes: u64,
    /// What is known to hold it.
    pub by_purpose: Vec<(&'static str, u64)>,
}

impl Memory {
    /// From here on nobody new is let in ([`crate::limits::Stage::RefuseJoins`]).
    pub const REFUSES_JOINS_PERCENT: f64 = 90.0;

    /// Of the budget; nothing without one.
    #[must_use]
    pub fn used_percent(&self) -> Option<f64> {
        (self.budget_bytes > 0).then(|| self.used_bytes as f64 * 100.0 / self.budget_bytes as f64)
    }
}

/// How writing goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Storage {
    /// Writes work.
    pub writable: bool,
    /// How long the write or sync at hand has been going on.
    pub busy_seconds: f64,
    /// Writes, syncs and recoveries that failed since the start.
    pub failures: u64,
}

impl Sample {
    /// Sessions of all cores.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.cores.iter().map(|core| core.sessions).sum()
    }

    /// Of all sessions, those that are behind; nothing where there are few.
    pub(super) fn behind_percent(&self, sessions_min: u64) -> Option<f64> {
        let sessions = self.sessions();
        (sessions >= sessions_min).then(|| self.sessions_behind as f64 * 100.0 / sessions as f64)
    }
}
