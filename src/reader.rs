//! The threads that read: they load documents, make what somebody lacks, and take snapshots, so that no core ever waits for a disk or
//! handles a large document. They know nothing of sessions; what is made of the bytes stands in [`selvedge_shards::reading`].
//!
//! A document is worked on by one thread at a time, which takes all jobs that wait for it together: two jobs never read the same
//! bytes twice, and equal requests share one answer. What was read stays in a cache under one budget.

mod cache;
mod delivered;
mod job;
mod queue;
pub mod stored;
mod work;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use selvedge_protocol::update::Compaction;
use selvedge_shards::DocumentId;
use selvedge_shards::reading::ReadFailed;
use selvedge_storage::Store;

pub use cache::{CACHED_OVERHEAD_BYTES, Lookups};
pub use job::{Job, Task};

use crate::inbox::Deliver;
use crate::instruments::{Timed, Timings};
use crate::priority;
use crate::slow::{self, Cause, Slow};
use cache::Cache;
use delivered::Delivered;
use queue::Queue;

/// A document that takes so many bytes takes its time.
const LARGE_BYTES: u64 = 4 << 20;

/// What the threads may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many threads, at least 1.
    pub threads: usize,
    /// Loads and catch-ups that may wait, and as many snapshots. Beyond, the answer is [`ReadFailed::Busy`].
    pub jobs_max: usize,
    /// Bytes of documents' states that are kept for the next who wants them.
    pub cache_bytes_max: usize,
    /// Bytes of catch-ups that are made and not sent yet. Beyond, the answer is [`ReadFailed::Busy`]: state vectors come from outside,
    /// and whoever sends many different ones must not make the whole document be kept in memory once for each.
    pub delivered_bytes_max: usize,
    /// About how large a message of a catch-up is.
    pub part_bytes_max: usize,
    /// What a snapshot keeps of what was deleted.
    pub compaction: Compaction,
}

/// The way to the threads. Clones lead to the same ones.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// The threads' owner.
pub struct Readers {
    reader: Reader,
    threads: Vec<JoinHandle<()>>,
}

/// What all threads work on.
struct Shared {
    store: Arc<dyn Store>,
    deliver: Deliver,
    options: Options,
    queue: Queue,
    cache: Mutex<Cache>,
    delivered: Mutex<Delivered>,
    timings: Mutex<Timings>,
    slow: Arc<slow::Log>,
}

impl Reader {
    /// Queues the job; the answer comes as a note, at once where too many are waiting. Holds a lock for a moment, but never waits for work.
    pub fn submit(&self, job: Job) {
        if let Err(job) = self.shared.queue.push(job) {
            let (core, note) = job.refused(ReadFailed::Busy);
            (self.shared.deliver)(core, note);
        }
    }

    /// Nobody uses the document any more: forgets what is cached of it.
    pub fn evict(&self, document: DocumentId) {
        self.shared.queue.evict(document);
        self.shared.cache().remove(document);
    }

    /// Jobs that wait, those being worked on not counted.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.queue.waiting()
    }

    /// How long loads, catch-ups and snapshots took that were answered.
    #[must_use]
    pub fn timings(&self) -> Timings {
        *lock(&self.shared.timings)
    }

    /// Bytes in the cache.
    #[must_use]
    pub fn cached_bytes(&self) -> usize {
        self.shared.cache().bytes()
    }

    /// How often a document was found in the cache.
    #[must_use]
    pub fn cache_lookups(&self) -> Lookups {
        self.shared.cache().lookups()
    }

    /// Bytes of catch-ups that are made and not sent yet.
    #[must_use]
    pub fn delivered_bytes(&self) -> usize {
        self.shared.delivered().bytes()
    }
}

impl Readers {
    /// Starts the threads. What takes them too long they lay down in `slow`.
    ///
    /// # Errors
    ///
    /// The system has not enough threads to give; those that were started end.
    pub fn spawn(store: Arc<dyn Store>, options: Options, deliver: Deliver, slow: Arc<slow::Log>) -> io::Result<Self> {
        assert!(options.threads > 0, "somebody has to read");
        let shared = Arc::new(Shared {
            store,
            deliver,
            options,
            queue: Queue::new(options.jobs_max),
            cache: Mutex::new(Cache::new(options.cache_bytes_max)),
            delivered: Mutex::new(Delivered::new(options.delivered_bytes_max)),
            timings: Mutex::default(),
            slow,
        });
        let mut readers = Self { reader: Reader { shared }, threads: Vec::with_capacity(options.threads) };
        for number in 0..options.threads {
            let shared = Arc::clone(&readers.reader.shared);
            let thread = thread::Builder::new().name(format!("reader-{number}"));
            readers.threads.push(thread.spawn(move || {
                priority::stand_back();
                shared.work();
            })?);
        }
        Ok(readers)
    }

    /// The way to the threads, for a core.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Ends the threads when they have finished what they are at; jobs that wait are dropped without an answer.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.reader.shared.queue.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader has panicked");
            }
        }
    }
}

impl Shared {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        lock(&self.cache)
    }

    fn delivered(&self) -> MutexGuard<'_, Delivered> {
        lock(&self.delivered)
    }

    /// A job was done so long after it was asked for. Where that was too long: for which document, how long of it the job waited for a reader, and how large the
    /// answer is.
    fn took(&self, timed: Timed, time: Duration, about: impl FnOnce() -> (DocumentId, Duration, u64)) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        lock(&self.timings).record(timed, us);
        if self.slow.is_slow(timed, us) {
            let (document, waited, bytes) = about();
            let cause = match () {
                () if waited > time / 2 => Cause::ReaderQueue { waited_ms: waited.as_millis() as u64 },
                () if bytes >= LARGE_BYTES => Cause::LargeDocument { bytes },
                () => Cause::Disk,
            };
            self.slow.record_of_others(Slow {
                at: SystemTime::now(),
                timed,
                document: Some(document),
                took: time,
                cause,
            });
        }
    }
}

/// Nothing that panics runs under these locks, and what they guard is whole between two statements; so poison says nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
