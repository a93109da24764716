//! What a core's loop counts, and where other threads read it. The loop adds to plain numbers; once a tick it lays a copy out. Does not
//! know who looks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::connection::{ConnectionCounters, PulseCounters};
use crate::driver::{self, Operation};
use crate::instruments::{Batches, Timings};
use crate::limits;
use crate::tls;

/// Counters of one core's loop. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Turns of the loop; each is one entry into the kernel, or a few.
    pub turns: u64,
    /// Turns that could sleep, because nothing was left to do.
    pub waits: u64,
    /// Microseconds of CPU that the core's thread took, in the kernel too: sends are made there.
    pub cpu_us: u64,
    /// Operations given to the driver.
    pub operations: u64,
    /// Completions shown by the driver.
    pub completions: u64,
    /// Turns that brought at least one completion.
    pub turns_with_completions: u64,
    /// The most completions that one turn brought.
    pub completions_max: u64,
    /// Notes of the persister and the readers.
    pub notes: u64,
    /// Parcels of other cores.
    pub parcels: u64,
    /// Messages of sessions.
    pub messages: u64,
}

impl Counters {
    /// A turn begins, with these operations, and may wait for so long.
    pub(super) fn count_turn(&mut self, operations: &[Operation], timeout: Duration) {
        self.turns += 1;
        self.waits += u64::from(!timeout.is_zero());
        self.operations += operations.len() as u64;
    }

    /// Completions, notes and parcels.
    pub(super) fn arrivals(&self) -> u64 {
        self.completions + self.notes + self.parcels
    }

    /// The driver has shown so much in a turn.
    pub(super) fn count_completions(&mut self, completions: u64) {
        self.completions += completions;
        self.turns_with_completions += u64::from(completions > 0);
        self.completions_max = self.completions_max.max(completions);
    }
}

/// What a core has counted up to its last tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// The loop's.
    pub core: Counters,
    /// Its driver's.
    pub driver: driver::Counters,
    /// The shard's.
    pub shard: selvedge_shards::Counters,
    /// What came of limits.
    pub limits: limits::Counters,
    /// Of its TLS sessions.
    pub tls: tls::Counters,
    /// Of the pulses of its connections.
    pub pulses: PulseCounters,
    /// Of connections that came and went.
    pub connections: ConnectionCounters,
    /// How long things took it.
    pub timings: Timings,
    /// How much it did at once.
    pub batches: Batches,
}

/// Where the cores lay out what they have counted, by number. Each writes its own place four times in a second, so nobody waits for a lock
/// on the way of a message.
#[derive(Debug)]
pub struct Board(Box<[Mutex<Counted>]>);

impl Board {
    /// For so many cores.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self((0..cores).map(|_| Mutex::default()).collect())
    }

    /// A core's latest.
    pub fn write(&self, core: usize, counted: Counted) {
        *self.0[core].lock().unwrap_or_else(PoisonError::into_inner) = counted;
    }

    /// What all cores have laid out, in order.
    pub fn read(&self) -> impl Iterator<Item = Counted> {
        self.0.iter().map(|place| *place.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// CPU time of the calling thread, in microseconds.
pub(super) fn thread_cpu_us() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("a thread's time is not negative");
    seconds * 1_000_000 + u64::try_from(time.tv_nsec).expect("a thread's time is not negative") / 1_000
}
