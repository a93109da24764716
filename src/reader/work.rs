//! What one reader does with the jobs of one document. Knows the store and the cache, but not who waits for the answers.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use selvedge_protocol::update::StateVector;
use selvedge_shards::reading::{CatchUpFrom, CaughtUp, Loaded, ReadFailed, State, publish_records};
use selvedge_shards::{DocumentId, Sequence};
use selvedge_storage::{DocumentKey, StoreError};

use super::Shared;
use super::job::{Asked, Job, Task};
use super::stored::{assemble, key, last, records};
use crate::inbox::Note;

/// What was read of the document for the jobs at hand.
type Assembled = Result<Arc<State>, ReadFailed>;

/// Two equal ones have the same answer.
#[derive(PartialEq, Eq, Hash)]
enum Wanted {
    /// Lacks all but this encoded state vector.
    Since(Vec<u8>),
    /// Lacks the records between.
    Records { after: Sequence, through: Sequence },
}

impl Shared {
    /// A thread's life.
    pub(super) fn work(&self) {
        while let Some((document, jobs)) = self.queue.take() {
            self.handle(document, jobs);
            if self.queue.finish(document) {
                self.cache().remove(document);
            }
        }
    }

    fn handle(&self, document: DocumentId, jobs: Vec<Asked>) {
        // All of it is committed: each job's shard says so.
        let through = jobs.iter().filter_map(|asked| wants_state(&asked.job.task)).max();
        let mut state = None;
        let mut answers = HashMap::new();
        let taken = Instant::now();
        for Asked { job, since } in jobs {
            let timed = job.timed();
            let Job { core, task, .. } = job;
            let note = match task {
                Task::Load { name } => {
                    Note::Loaded { document, result: guarded(document, || self.load(document, &name)) }
                }
                Task::CatchUp { job, from, through: job_through } => {
                    let result = match from {
                        CatchUpFrom::StateVector(client) => {
                            let through = through.expect("the job at hand wants the state");
                            let answer = answers.entry(Wanted::Since(client.encode()));
                            answer.or_insert_with(|| {
                                let state = state.get_or_insert_with(|| self.state(document, through));
                                self.answer(document, state, &client)
                            })
                        }
                        CatchUpFrom::Sequence(after) => answers
                            .entry(Wanted::Records { after, through: job_through })
                            .or_insert_with(|| self.publish(document, after, job_through)),
                    };
                    Note::CaughtUp { document, job, result: result.clone() }
                }
                Task::Snapshot { through } => {
                    Note::SnapshotTaken { document, result: guarded(document, || self.snapshot(document, through)) }
                }
            };
            self.took(timed, since.elapsed(), || {
                let waited = taken.saturating_duration_since(since);
                (document, waited, bytes_in(&note))
            });
            (self.deliver)(core, note);
        }
    }

    fn load(&self, document: DocumentId, name: &str) -> Result<Box<Loaded>, ReadFailed> {
        let Some(stored) = self.store.load(key(document)).map_err(read_failed)? else {
            return Ok(Box::default());
        };
        if stored.name != name {
            return Err(ReadFailed::Corrupt(format!("{:?} is stored under this document's id", stored.name).into()));
        }
        let log_bytes = stored.log.iter().map(|record| record.update.len() as u64).sum();
        let snapshot_bytes = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.update.len() as u64);
        let log_records = stored.log.len() as u64;
        // Nothing of the document is on its way to the disk before it is loaded, so all that is there is committed.
        let state = assemble(&stored, last(&stored))?;
        drop(stored);
        let known = state.known()?;
        let sequence = state.sequence;
        self.cache().insert(document, Arc::new(state));
        Ok(Box::new(Loaded { sequence, known, log_records, log_bytes, bytes: snapshot_bytes + log_bytes }))
    }

    /// The document through this record at least. Further only where a job before this one, or a snapshot, went further: all of that is
    /// committed as well.
    fn state(&self, document: DocumentId, through: Sequence) -> Assembled {
        guarded(document, || {
            let cached = self.cache().find(document);
            if let Some(cached) = cached {
                if cached.sequence >= through {
                    return Ok(cached);
                }
                let tail = self.store.tail(key(document), cached.sequence.0).map_err(read_failed)?;
                // Where a snapshot has replaced the records that it lacks, it is read from the start.
                if let Some(tail) = tail {
                    let state = Arc::new(cached.advance(&records(&tail), through)?);
                    self.cache().insert(document, Arc::clone(&state));
                    return Ok(state);
                }
            }
            let stored = self.store.load(key(document)).map_err(read_failed)?;
            let state =
                stored.map_or_else(|| State::assemble(None, &[], through), |stored| assemble(&stored, through))?;
            let state = Arc::new(state);
            self.cache().insert(document, Arc::clone(&state));
            Ok(state)
        })
    }

    fn answer(&self, document: DocumentId, state: &Assembled, client: &StateVector) -> Result<CaughtUp, ReadFailed> {
        let state = state.as_ref().map_err(ReadFailed::clone)?;
        self.bounded(document, || state.answer(client, self.options.part_bytes_max))
    }

    fn publish(&self, document: DocumentId, after: Sequence, through: Sequence) -> Result<CaughtUp, ReadFailed> {
        self.bounded(document, || {
            let part_bytes_max = self.options.part_bytes_max;
            match self.store.tail(key(document), after.0).map_err(read_failed)? {
                Some(tail) => publish_records(&records(&tail), after, through, part_bytes_max),
                None => self.state(document, through)?.publish(part_bytes_max),
            }
        })
    }

    /// Makes an answer only where there is room for it.
    fn bounded(
        &self,
        document: DocumentId,
        make: impl FnOnce() -> Result<CaughtUp, ReadFailed>,
    ) -> Result<CaughtUp, ReadFailed> {
        if !self.delivered().has_room() {
            return Err(ReadFailed::Busy);
        }
        let answer = guarded(document, make)?;
        self.delivered().insert(&answer.frames);
        Ok(answer)
    }

    fn snapshot(&self, document: DocumentId, through: Sequence) -> Result<(Sequence, u64), ReadFailed> {
        let state = self.state(document, through)?.compact(self.options.compaction)?;
        self.store.snapshot(key(document), state.sequence.0, state.update()).map_err(read_failed)?;
        let taken = (state.sequence, state.update().len() as u64);
        self.cache().insert(document, Arc::new(state));
        Ok(taken)
    }
}

/// Bytes of the document that the answer tells of: all of it, or what somebody lacked.
fn bytes_in(note: &Note) -> u64 {
    match note {
        Note::Loaded { result: Ok(loaded), .. } => loaded.bytes,
        Note::CaughtUp { result: Ok(caught_up), .. } => {
            caught_up.frames.iter().map(|frame| frame.as_ref().len() as u64).sum()
        }
        Note::SnapshotTaken { result: Ok((_, bytes)), .. } => *bytes,
        Note::Loaded { result: Err(_), .. }
        | Note::CaughtUp { result: Err(_), .. }
        | Note::Prepared { .. }
        | Note::SnapshotTaken { result: Err(_), .. }
        | Note::Committed(_)
        | Note::CommitFailed(_)
        | Note::Deleted(_)
        | Note::Authority(_)
        | Note::Rules(_)
        | Note::Farewell(_)
        | Note::Errand(_) => 0,
    }
}

/// The record that must be in the state that the task works on.
fn wants_state(task: &Task) -> Option<Sequence> {
    match task {
        Task::CatchUp { from: CatchUpFrom::StateVector(_), through, .. } => Some(*through),
        Task::CatchUp { from: CatchUpFrom::Sequence(_), .. } | Task::Load { .. } | Task::Snapshot { .. } => None,
    }
}

/// A panic costs one document its answer, and not the thread: the bytes came from outside once, and who waits must hear something.
/// Nothing is half done then, because what is made is only kept when it is whole.
fn guarded<T>(document: DocumentId, read: impl FnOnce() -> Result<T, ReadFailed>) -> Result<T, ReadFailed> {
    let result = catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|panic| Err(ReadFailed::Corrupt(format!("reading it panics: {}", panic_text(&*panic)).into())));
    match &result {
        Err(ReadFailed::Corrupt(why)) => {
            tracing::error!(document = %DocumentKey(document.0), %why, "a document is damaged")
        }
        Err(ReadFailed::Storage(why)) => {
            tracing::warn!(document = %DocumentKey(document.0), %why, "a document is not read")
        }
        Err(ReadFailed::Busy) | Ok(_) => {}
    }
    result
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// Whether trying again may help.
fn read_failed(error: StoreError) -> ReadFailed {
    let why = error.to_string().into();
    match error {
        StoreError::Corrupt { .. } | StoreError::CorruptVersion { .. } => ReadFailed::Corrupt(why),
        StoreError::Locked { .. }
        | StoreError::NotAccessible { .. }
        | StoreError::NotADatabase { .. }
        | StoreError::Version { .. }
        | StoreError::Full
        | StoreError::Short { .. }
        | StoreError::Io { .. }
        | StoreError::Damaged { .. }
        | StoreError::Unknown { .. }
        | StoreError::SequenceZero { .. }
        | StoreError::TooLarge { .. } => ReadFailed::Storage(why),
    }
}
