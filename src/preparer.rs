//! The threads that hold large updates of sessions against their documents, so that no core does. They know no document and no session: what comes of
//! an update stands in [`selvedge_shards::Large`].

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use selvedge_shards::{DocumentId, Large};

use crate::inbox::{Deliver, Note};
use crate::priority;

/// One update of a core's.
#[derive(Debug)]
pub struct Job {
    /// Who gets the answer.
    pub core: usize,
    /// The document.
    pub document: DocumentId,
    /// Comes back with the answer.
    pub job: u64,
    /// The update, and what it is to be held against.
    pub large: Box<Large>,
}

/// The way to the threads. Clones lead to the same ones.
#[derive(Clone)]
pub struct Preparer(Arc<Shared>);

/// The threads' owner.
pub struct Preparers {
    preparer: Preparer,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    deliver: Deliver,
}

/// Bounded by what each core has under way.
#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Preparer {
    /// Queues the job; the answer comes as a note. Holds a lock for a moment, but never waits for work.
    pub fn submit(&self, job: Job) {
        self.0.queue().jobs.push_back(job);
        self.0.filled.notify_one();
    }
}

impl Preparers {
    /// Starts so many threads.
    ///
    /// # Errors
    ///
    /// The system has not enough threads to give; those that were started end.
    pub fn spawn(threads: usize, deliver: Deliver) -> io::Result<Self> {
        assert!(threads > 0, "somebody has to prepare");
        let shared = Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new(), deliver });
        let mut preparers = Self { preparer: Preparer(shared), threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let shared = Arc::clone(&preparers.preparer.0);
            let thread = thread::Builder::new().name(format!("preparer-{number}"));
            preparers.threads.push(thread.spawn(move || {
                priority::stand_back();
                shared.work();
            })?);
        }
        Ok(preparers)
    }

    /// The way to the threads, for a core.
    #[must_use]
    pub fn preparer(&self) -> Preparer {
        self.preparer.clone()
    }

    /// Ends the threads when they have finished what they are at; what waits is dropped.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Preparers {
    fn drop(&mut self) {
        self.preparer.0.queue().closed = true;
        self.preparer.0.filled.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a preparer has panicked");
            }
        }
    }
}

impl Shared {
    /// A thread's life.
    fn work(&self) {
        while let Some(Job { core, document, job, large }) = self.take() {
            let judged = Box::new(large.judge());
            (self.deliver)(core, Note::Prepared { document, job, judged });
        }
    }

    /// The oldest job; none once the queue is closed.
    fn take(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing that panics runs under the lock.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
