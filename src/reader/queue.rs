//! Jobs in the order in which they are to be done, and which documents are being worked on. Does not know what a job does.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use selvedge_shards::DocumentId;

use super::job::{Asked, Job};
use super::lock;

/// So many times in a row documents with urgent jobs go before documents whose snapshot waits. Without the exception logs would grow
/// without bound under a load of catch-ups that never ends.
const URGENT_IN_A_ROW_MAX: u32 = 16;

/// Bounded: see [`Queue::push`].
#[derive(Debug)]
pub(super) struct Queue {
    jobs_max: usize,
    inner: Mutex<Inner>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    documents: HashMap<DocumentId, Lane>,
    urgent: Kind,
    snapshots: Kind,
    /// Takes of urgent jobs since the last of snapshots.
    urgent_in_a_row: u32,
    closed: bool,
}

/// One of the two kinds of jobs.
#[derive(Debug, Default)]
struct Kind {
    /// Documents with such jobs, each at most once. One that is being worked on when its turn comes loses its place, and gets
    /// another when that work is finished.
    documents: VecDeque<DocumentId>,
    /// Jobs in all lanes.
    jobs: usize,
}

/// The jobs of one document. Invariant: there are jobs, or it is being worked on.
#[derive(Debug, Default)]
struct Lane {
    urgent: Waiting,
    snapshots: Waiting,
    /// A thread has taken jobs and not finished them.
    busy: bool,
    /// While they were being done, the document was given up.
    evicted: bool,
}

/// The jobs of one document and kind. Invariant: where there are some and the document is not busy, it has a place.
#[derive(Debug, Default)]
struct Waiting {
    jobs: Vec<Asked>,
    /// The document stands in [`Kind::documents`]; then there are jobs.
    placed: bool,
}

impl Queue {
    pub(super) fn new(jobs_max: usize) -> Self {
        Self { jobs_max, inner: Mutex::default(), filled: Condvar::new() }
    }

    /// Queues the job, or gives it back where `jobs_max` of its kind are waiting.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let document = job.document;
        let mut inner = self.inner();
        let Inner { documents, urgent, snapshots, .. } = &mut *inner;
        let kind = if job.is_urgent() { urgent } else { snapshots };
        if kind.jobs >= self.jobs_max {
            return Err(job);
        }
        kind.jobs += 1;
        let lane = documents.entry(document).or_default();
        let waiting = if job.is_urgent() { &mut lane.urgent } else { &mut lane.snapshots };
        waiting.jobs.push(Asked { job, since: Instant::now() });
        if !lane.busy {
            kind.place(document, waiting);
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for a document with jobs and takes them: all of one kind. The document is not given to another thread before
    /// [`Self::finish`]. `None` when the queue is closed.
    pub(super) fn take(&self) -> Option<(DocumentId, Vec<Asked>)> {
        let mut inner = self.inner();
        loop {
            if inner.closed {
                return None;
            }
            if let Some(taken) = inner.take() {
                return Some(taken);
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The jobs that were taken are done. True if the document was given up meanwhile and nobody has come back to it.
    pub(super) fn finish(&self, document: DocumentId) -> bool {
        let mut inner = self.inner();
        let Inner { documents, urgent, snapshots, .. } = &mut *inner;
        let lane = documents.get_mut(&document).expect("a lane stays while it is worked on");
        lane.busy = false;
        let evicted = mem::take(&mut lane.evicted);
        if lane.urgent.jobs.is_empty() && lane.snapshots.jobs.is_empty() {
            documents.remove(&document);
            return evicted;
        }
        urgent.place(document, &mut lane.urgent);
        snapshots.place(document, &mut lane.snapshots);
        self.filled.notify_one();
        false
    }

    /// The document is given up.
    pub(super) fn evict(&self, document: DocumentId) {
        if let Some(lane) = self.inner().documents.get_mut(&document) {
            lane.evicted = true;
        }
    }

    /// Jobs that nobody has taken.
    pub(super) fn waiting(&self) -> usize {
        let inner = self.inner();
        inner.urgent.jobs + inner.snapshots.jobs
    }

    /// Lets nobody wait any more.
    pub(super) fn close(&self) {
        self.inner().closed = true;
        self.filled.notify_all();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    fn take(&mut self) -> Option<(DocumentId, Vec<Asked>)> {
        let Self { documents, urgent, snapshots, urgent_in_a_row, .. } = self;
        let urgent_of: Of = |lane| &mut lane.urgent;
        let snapshots_of: Of = |lane| &mut lane.snapshots;
        if *urgent_in_a_row < URGENT_IN_A_ROW_MAX
            && let Some(taken) = urgent.take(documents, urgent_of)
        {
            *urgent_in_a_row += 1;
            return Some(taken);
        }
        *urgent_in_a_row = 0;
        snapshots.take(documents, snapshots_of).or_else(|| urgent.take(documents, urgent_of))
    }
}

/// A lane's jobs of one kind.
type Of = fn(&mut Lane) -> &mut Waiting;

impl Kind {
    fn place(&mut self, document: DocumentId, waiting: &mut Waiting) {
        if !waiting.placed && !waiting.jobs.is_empty() {
            waiting.placed = true;
            self.documents.push_back(document);
        }
    }

    fn take(&mut self, documents: &mut HashMap<DocumentId, Lane>, of: Of) -> Option<(DocumentId, Vec<Asked>)> {
        loop {
            let document = self.documents.pop_front()?;
            let lane = documents.get_mut(&document).expect("a document with a place has a lane");
            let busy = lane.busy;
            let waiting = of(lane);
            waiting.placed = false;
            if busy {
                continue;
            }
            let jobs = mem::take(&mut waiting.jobs);
            self.jobs -= jobs.len();
            lane.busy = true;
            return Some((document, jobs));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use selvedge_shards::Sequence;

    use super::super::job::Task;
    use super::*;

    fn load(document: u8) -> Job {
        Job { core: 0, document: DocumentId([document; 16]), task: Task::Load { name: Arc::from("name") } }
    }

    fn snapshot(document: u8) -> Job {
        Job { core: 0, document: DocumentId([document; 16]), task: Task::Snapshot { through: Sequence(1) } }
    }

    fn push(queue: &Queue, jobs: impl IntoIterator<Item = Job>) {
        jobs.into_iter().for_each(|job| queue.push(job).expect("there is room"));
    }

    fn take(queue: &Queue) -> Option<(u8, usize, bool)> {
        let (document, jobs) = queue.inner().take()?;
        assert!(jobs.windows(2).all(|two| two[0].job.is_urgent() == two[1].job.is_urgent()));
        Some((document.0[0], jobs.len(), jobs[0].job.is_urgent()))
    }

    fn finish(queue: &Queue, document: u8) -> bool {
        queue.finish(DocumentId([document; 16]))
    }

    #[test]
    fn a_document_is_given_to_one_thread_with_all_its_jobs() {
        let queue = Queue::new(100);
        push(&queue, [load(1), load(2), load(1), load(1)]);
        assert_eq!(take(&queue), Some((1, 3, true)));
        push(&queue, [load(1), snapshot(1)]);
        assert_eq!(take(&queue), Some((2, 1, true)));
        assert_eq!(take(&queue), None, "both are being worked on");
        assert!(!finish(&queue, 1));
        assert_eq!(take(&queue), Some((1, 1, true)));
        assert_eq!(take(&queue), None);
        finish(&queue, 1);
        assert_eq!(take(&queue), Some((1, 1, false)));
        push(&queue, [load(1)]);
        assert_eq!(take(&queue), None);
        finish(&queue, 1);
        finish(&queue, 2);
        assert_eq!(take(&queue), Some((1, 1, true)));
        finish(&queue, 1);
        assert_eq!((take(&queue), queue.waiting(), queue.inner().documents.len()), (None, 0, 0));
    }

    #[test]
    fn a_document_whose_turn_comes_while_it_is_busy_gets_another() {
        let queue = Queue::new(100);
        push(&queue, [snapshot(1), load(1)]);
        assert_eq!(take(&queue), Some((1, 1, true)));
        assert_eq!(take(&queue), None, "its snapshot has lost its place");
        finish(&queue, 1);
        assert_eq!(take(&queue), Some((1, 1, false)));
    }

    #[test]
    fn snapshots_wait_for_others_but_not_for_ever() {
        let queue = Queue::new(1000);
        push(&queue, [snapshot(200)]);
        push(&queue, (0..100).map(load));
        let taken: Vec<_> = std::iter::from_fn(|| take(&queue)).collect();
        let place = taken.iter().position(|&(_, _, urgent)| !urgent);
        assert_eq!(place, Some(URGENT_IN_A_ROW_MAX as usize));
        assert_eq!(taken.len(), 101);
    }

    #[test]
    fn each_kind_is_bounded_by_itself() {
        let queue = Queue::new(3);
        push(&queue, (0..3).map(snapshot));
        assert!(queue.push(snapshot(4)).is_err());
        push(&queue, (0..3).map(load));
        assert!(queue.push(load(0)).is_err());
        take(&queue).expect("there are jobs");
        push(&queue, [load(7)]);
        assert!(queue.push(load(8)).is_err());
    }

    #[test]
    fn who_finishes_hears_that_the_document_was_given_up() {
        let queue = Queue::new(10);
        push(&queue, [load(1)]);
        take(&queue);
        queue.evict(DocumentId([1; 16]));
        assert!(finish(&queue, 1));
        push(&queue, [load(1)]);
        take(&queue);
        queue.evict(DocumentId([1; 16]));
        push(&queue, [load(1)]);
        assert!(!finish(&queue, 1), "somebody has come back");
    }

    #[test]
    fn closing_ends_the_waiting() {
        let queue = Queue::new(10);
        push(&queue, [load(1)]);
        queue.close();
        assert!(queue.take().is_none());
    }
}
