//! Operations that took too long, with the document and the cause as far as they are known. Whoever measures compares with a bound that is a
//! plain number; only what is above it comes here. Does not know who measures, and does not know what is slow.

mod collected;
mod ring;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use selvedge_shards::DocumentId;

pub use collected::{Collected, KEPT_MAX, Kept};
use ring::Ring;

use crate::alerts::SlowMs;
use crate::instruments::Timed;

/// One that took too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slow {
    /// When it ended.
    pub at: SystemTime,
    /// What it was.
    pub timed: Timed,
    /// For which document, if for one.
    pub document: Option<DocumentId>,
    /// How long it took.
    pub took: Duration,
    /// Why.
    pub cause: Cause,
}

/// Why something took long, as far as whoever measured it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It waited for a commit.
    Commit,
    /// Writes fail, and it waited until they worked again.
    Stalled,
    /// It waited for this long until a reader had time.
    ReaderQueue {
        /// Milliseconds.
        waited_ms: u64,
    },
    /// The document is large.
    LargeDocument {
        /// Bytes.
        bytes: u64,
    },
    /// A ring to another core was full.
    Mesh,
    /// The core was busy with a turn: so much came in it.
    Turn {
        /// Completions, notes and parcels.
        arrivals: u64,
    },
    /// The disk took so long.
    Disk,
    /// Not known.
    Unknown,
}

impl Cause {
    /// As others read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Stalled => "writes_stalled",
            Self::ReaderQueue { .. } => "reader_queue",
            Self::LargeDocument { .. } => "large_document",
            Self::Mesh => "mesh",
            Self::Turn { .. } => "turn",
            Self::Disk => "disk",
            Self::Unknown => "unknown",
        }
    }
}

/// Where slow operations are laid down: one ring for each core, and one for all other threads, so that those who are slow do not wait for
/// one another.
#[derive(Debug)]
pub struct Log {
    /// Microseconds, by operation; [`u64::MAX`] where none is slow.
    bounds_us: [AtomicU64; Timed::ALL.len()],
    rings: Box<[Mutex<Ring>]>,
}

impl Default for Log {
    /// Of no core.
    fn default() -> Self {
        Self::new(0)
    }
}

impl Log {
    /// Of so many cores. Nothing is slow before bounds are set.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self {
            bounds_us: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
            rings: (0..=cores).map(|_| Mutex::default()).collect(),
        }
    }

    /// From now on.
    pub fn set_bounds(&self, slow: &SlowMs) {
        for (timed, bound) in Timed::ALL.into_iter().zip(&self.bounds_us) {
            let us = match slow.of(timed) {
                0 => u64::MAX,
                ms => ms.saturating_mul(1_000),
            };
            bound.store(us, Ordering::Relaxed);
        }
    }

    /// Whether so many microseconds are too long.
    #[must_use]
    pub fn is_slow(&self, timed: Timed, us: u64) -> bool {
        us >= self.bounds_us[timed as usize].load(Ordering::Relaxed)
    }

    /// One of a core.
    pub fn record_of_core(&self, core: usize, slow: Slow) {
        self.record(core.min(self.rings.len() - 1), slow);
    }

    /// One of another thread.
    pub fn record_of_others(&self, slow: Slow) {
        self.record(self.rings.len() - 1, slow);
    }

    fn record(&self, ring: usize, slow: Slow) {
        self.rings[ring].lock().unwrap_or_else(PoisonError::into_inner).push(slow);
    }

    /// All that were laid down since the last time, oldest first, and how many found no room.
    fn take(&self) -> (Vec<Slow>, u64) {
        let (mut taken, mut missed) = (Vec::new(), 0);
        for ring in &self.rings {
            missed += ring.lock().unwrap_or_else(PoisonError::into_inner).take(&mut taken);
        }
        taken.sort_by_key(|slow| slow.at);
        (taken, missed)
    }
}
