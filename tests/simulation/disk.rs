//! The made-up disk and those who wait for it: the persister, carried by its own batcher, and the readers, by the pure functions that the
//! real ones use. Work takes time, fails when told to, and its effect on the store may come at its start or at its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use selvedge::persister::{Append, Batcher, Change, Fsync, Report, Step};
use selvedge::reader::stored::{assemble, key, last, records};
use selvedge_protocol::update::Compaction;
use selvedge_shards::reading::{CatchUpFrom, CaughtUp, Loaded, ReadFailed, State, publish_records};
use selvedge_shards::{DocumentId, Input, Now, Sequence};
use selvedge_storage::{self as storage, Faults, MemoryStore, Store, StoreError};

use crate::agenda::{Agenda, Event};
use crate::random::Random;

/// What outlives the server.
pub(crate) struct Disk {
    pub(crate) store: MemoryStore,
    pub(crate) faults: Faults,
    /// About how long a write or a read takes.
    pub(crate) write_ms: u64,
    pub(crate) read_ms: u64,
    /// Until then writes take about so long.
    pub(crate) slow_until: Option<(u64, u64)>,
    /// Until then there is not much room.
    full_until: Option<u64>,
    /// So many of the next jobs find the readers overloaded.
    pub(crate) busy: u32,
    random: Random,
}

impl Disk {
    pub(crate) fn new(write_ms: u64, read_ms: u64, mut random: Random) -> Self {
        let store = MemoryStore::new(random.next());
        let faults = store.faults();
        Self { store, faults, write_ms, read_ms, slow_until: None, full_until: None, busy: 0, random }
    }

    /// All that is stored of a document, as one update.
    pub(crate) fn state(&self, document: DocumentId) -> Option<State> {
        let stored = self.store.load(key(document)).expect("reads do not fail when checks read")?;
        Some(assemble(&stored, last(&stored)).expect("what is stored is whole"))
    }

    /// There is room for so many more bytes, for a while.
    pub(crate) fn fill_until(&mut self, until: u64, more_bytes: u64) {
        self.full_until = Some(until);
        self.faults.limit_capacity(Some(more_bytes));
    }

    /// A process opens the store that another one has left: what that had written is made durable before anything else is.
    pub(crate) fn reopen(&mut self) {
        self.faults.fail_writes(0);
        self.faults.fail_syncs(0);
        let full = self.store.recover().is_err();
        assert!(full || self.store.sync().is_ok(), "nothing fails here but for want of room");
    }

    /// Nothing fails any more.
    pub(crate) fn mend(&mut self) {
        (self.slow_until, self.full_until, self.busy) = (None, None, 0);
        self.faults.limit_capacity(None);
        self.faults.fail_writes(0);
        self.faults.fail_syncs(0);
        self.faults.fail_reads(0);
    }

    fn write_takes(&mut self, now: u64) -> u64 {
        if self.full_until.is_some_and(|until| until <= now) {
            self.full_until = None;
            self.faults.limit_capacity(None);
        }
        match self.slow_until {
            Some((until, ms)) if now < until => self.random.wait(ms),
            Some(_) | None => self.random.wait(self.write_ms),
        }
    }

    /// Does it now, or leaves it to the end of the time that it takes.
    fn at_once(&mut self) -> bool {
        self.random.percent(50)
    }
}

type Written = Result<(), StoreError>;

/// The persister's thread.
pub(crate) struct Persister {
    life: u32,
    batcher: Batcher,
    running: Option<(Step, Option<Written>)>,
}

impl Persister {
    pub(crate) fn new(life: u32, fsync: Fsync) -> Self {
        Self { life, batcher: Batcher::new(fsync), running: None }
    }

    pub(crate) fn gather(&mut self, change: impl Into<Change>, agenda: &mut Agenda) {
        self.batcher.gather(change);
        agenda.after(0, Event::Persist { life: self.life });
    }

    /// Begins what there is to do.
    pub(crate) fn go_on(&mut self, disk: &mut Disk, agenda: &mut Agenda) {
        if self.running.is_some() {
            return;
        }
        let step = self.batcher.next(Now(agenda.now));
        match step {
            Step::Write(_) | Step::Delete | Step::Sync | Step::Recover => {
                let result = disk.at_once().then(|| self.carry_out(step, disk));
                self.running = Some((step, result));
                let takes_ms = disk.write_takes(agenda.now);
                agenda.after(takes_ms, Event::Persisted { life: self.life });
            }
            Step::Wait { until: Some(until) } => agenda.at(until.0, Event::Persist { life: self.life }),
            Step::Wait { until: None } | Step::Drained => {}
        }
    }

    /// What was begun is done.
    pub(crate) fn done(&mut self, disk: &mut Disk, agenda: &mut Agenda) {
        let (step, result) = self.running.take().expect("something was begun");
        let result = result.unwrap_or_else(|| self.carry_out(step, disk));
        self.batcher.conclude(Now(agenda.now), result.map_err(|error| Arc::from(error.to_string())));
        agenda.after(0, Event::Persist { life: self.life });
    }

    /// What cores are to be told, as inputs.
    pub(crate) fn poll_report(&mut self) -> Option<(usize, Vec<Input<'static>>)> {
        Some(match self.batcher.poll_report()? {
            Report::Committed { core, commits, .. } => {
                let inputs = commits.into_iter().map(|(document, sequence)| Input::Committed { document, sequence });
                (core, inputs.collect())
            }
            Report::Deleted { core, documents } => {
                (core, documents.into_iter().map(|document| Input::Deleted { document }).collect())
            }
            Report::Failed { core, reason } => (core, vec![Input::CommitFailed { reason }]),
        })
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_none() && self.batcher.is_idle()
    }

    fn carry_out(&self, step: Step, disk: &Disk) -> Result<(), StoreError> {
        match step {
            Step::Write(durability) => {
                let records: Vec<storage::Append<'_>> = self.batcher.batch().flat_map(borrowed).collect();
                disk.store.append(&records, durability)
            }
            Step::Delete => {
                let deletions = self.batcher.deletions();
                let successors: Vec<Vec<&[u8]>> =
                    deletions.map(|deletion| deletion.successor.iter().map(Vec::as_slice).collect()).collect();
                let documents = self.batcher.deletions().zip(&successors).map(|(deletion, successor)| {
                    storage::Deletion { document: key(deletion.document), name: &deletion.name, successor }
                });
                disk.store.delete(&documents.collect::<Vec<_>>())
            }
            Step::Sync => disk.store.sync(),
            Step::Recover => disk.store.recover(),
            Step::Wait { .. } | Step::Drained => unreachable!("these are not carried out"),
        }
    }
}

fn borrowed(append: &Append) -> impl Iterator<Item = storage::Append<'_>> {
    append.records().map(|(sequence, update)| storage::Append {
        document: key(append.document),
        name: &append.name,
        sequence: sequence.0,
        update,
    })
}

/// One thing to read.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) core: usize,
    pub(crate) document: DocumentId,
    pub(crate) task: Task,
}

#[derive(Debug)]
pub(crate) enum Task {
    Load { name: Arc<str> },
    CatchUp { job: u64, from: CatchUpFrom, through: Sequence },
    Snapshot { through: Sequence },
}

type Answers = Vec<(usize, Input<'static>)>;

/// What was done at the start, or what is to be done at the end.
type Work = Result<Answers, Vec<Job>>;

/// The threads that read: each works on one document at a time, no two on the same, and takes all jobs of one kind that wait for it.
pub(crate) struct Readers {
    life: u32,
    waiting: Vec<Job>,
    /// What each thread is at.
    threads: Vec<Option<(DocumentId, Work)>>,
    cache: BTreeMap<DocumentId, State>,
    part_bytes_max: usize,
    compaction: Compaction,
}

impl Readers {
    pub(crate) fn new(life: u32, threads: usize, part_bytes_max: usize, compaction: Compaction) -> Self {
        let threads = (0..threads).map(|_| None).collect();
        Self { life, waiting: Vec::new(), threads, cache: BTreeMap::new(), part_bytes_max, compaction }
    }

    /// Queues the job. Gives an answer where there is no room.
    pub(crate) fn submit(&mut self, job: Job, disk: &mut Disk, agenda: &mut Agenda) -> Option<Input<'static>> {
        if disk.busy > 0 {
            disk.busy -= 1;
            return Some(refused(job, ReadFailed::Busy));
        }
        self.waiting.push(job);
        self.begin(disk, agenda);
        None
    }

    pub(crate) fn evict(&mut self, document: DocumentId) {
        self.cache.remove(&document);
    }

    /// A thread has done its work.
    pub(crate) fn done(&mut self, thread: usize, disk: &mut Disk, agenda: &mut Agenda) -> Answers {
        let (document, work) = self.threads[thread].take().expect("a thread that is done was at something");
        let answers = work.unwrap_or_else(|jobs| self.read(document, jobs, disk));
        self.begin(disk, agenda);
        answers
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.threads.iter().all(Option::is_none)
    }

    /// Gives idle threads work: whatever comes first mostly, anything sometimes, as threads may overtake each other.
    fn begin(&mut self, disk: &mut Disk, agenda: &mut Agenda) {
        for thread in 0..self.threads.len() {
            if self.threads[thread].is_some() {
                continue;
            }
            let busy: Vec<DocumentId> = self.threads.iter().flatten().map(|(document, _)| *document).collect();
            let free: Vec<usize> =
                (0..self.waiting.len()).filter(|&at| !busy.contains(&self.waiting[at].document)).collect();
            if free.is_empty() {
                return;
            }
            let first = if disk.random.percent(70) { free[0] } else { disk.random.pick(&free) };
            let document = self.waiting[first].document;
            let urgent = is_urgent(&self.waiting[first]);
            let jobs: Vec<Job> =
                self.waiting.extract_if(.., |job| job.document == document && is_urgent(job) == urgent).collect();
            let work = if disk.at_once() { Ok(self.read(document, jobs, disk)) } else { Err(jobs) };
            self.threads[thread] = Some((document, work));
            agenda.after(disk.random.wait(disk.read_ms), Event::Read { life: self.life, thread });
        }
    }

    fn read(&mut self, document: DocumentId, jobs: Vec<Job>, disk: &Disk) -> Answers {
        let wants_state = |job: &Job| match job.task {
            Task::CatchUp { from: CatchUpFrom::StateVector(_), through, .. } => Some(through),
            Task::CatchUp { from: CatchUpFrom::Sequence(_), .. } | Task::Load { .. } | Task::Snapshot { .. } => None,
        };
        let furthest = jobs.iter().filter_map(wants_state).max();
        let answer = |job: Job| {
            let input = match job.task {
                Task::Load { name } => Input::Loaded { document, result: self.load(document, &name, disk) },
                Task::CatchUp { job, from: CatchUpFrom::StateVector(client), .. } => {
                    let through = furthest.expect("this job wants the state");
                    let state = self.state(document, through, disk);
                    let result = state.and_then(|state| state.answer(&client, self.part_bytes_max));
                    Input::CaughtUp { document, job, result }
                }
                Task::CatchUp { job, from: CatchUpFrom::Sequence(after), through } => {
                    Input::CaughtUp { document, job, result: self.publish(document, after, through, disk) }
                }
                Task::Snapshot { through } => {
                    Input::SnapshotTaken { document, result: self.snapshot(document, through, disk) }
                }
            };
            (job.core, input)
        };
        jobs.into_iter().map(answer).collect()
    }

    fn load(&mut self, document: DocumentId, name: &str, disk: &Disk) -> Result<Box<Loaded>, ReadFailed> {
        let Some(stored) = disk.store.load(key(document)).map_err(read_failed)? else {
            return Ok(Box::default());
        };
        assert_eq!(stored.name, name, "the store keeps names");
        let log_bytes = stored.log.iter().map(|record| record.update.len() as u64).sum();
        let snapshot_bytes = stored.snapshot.as_ref().map_or(0, |snapshot| snapshot.update.len() as u64);
        let state = assemble(&stored, last(&stored))?;
        let (known, sequence) = (state.known()?, state.sequence);
        self.cache.insert(document, state);
        let log_records = stored.log.len() as u64;
        Ok(Box::new(Loaded { sequence, known, log_records, log_bytes, bytes: snapshot_bytes + log_bytes }))
    }

    fn state(&mut self, document: DocumentId, through: Sequence, disk: &Disk) -> Result<State, ReadFailed> {
        if let Some(cached) = self.cache.get(&document) {
            if cached.sequence >= through {
                return Ok(cached.clone());
            }
            let tail = disk.store.tail(key(document), cached.sequence.0).map_err(read_failed)?;
            if let Some(tail) = tail {
                let state = cached.advance(&records(&tail), through)?;
                self.cache.insert(document, state.clone());
                return Ok(state);
            }
        }
        let stored = disk.store.load(key(document)).map_err(read_failed)?;
        let state = match stored {
            None => State::assemble(None, &[], through)?,
            Some(stored) => assemble(&stored, through)?,
        };
        self.cache.insert(document, state.clone());
        Ok(state)
    }

    fn publish(
        &mut self,
        document: DocumentId,
        after: Sequence,
        through: Sequence,
        disk: &Disk,
    ) -> Result<CaughtUp, ReadFailed> {
        match disk.store.tail(key(document), after.0).map_err(read_failed)? {
            Some(tail) => publish_records(&records(&tail), after, through, self.part_bytes_max),
            None => self.state(document, through, disk)?.publish(self.part_bytes_max),
        }
    }

    fn snapshot(
        &mut self,
        document: DocumentId,
        through: Sequence,
        disk: &Disk,
    ) -> Result<(Sequence, u64), ReadFailed> {
        let state = self.state(document, through, disk)?.compact(self.compaction)?;
        disk.store.snapshot(key(document), state.sequence.0, state.update()).map_err(read_failed)?;
        let taken = (state.sequence, state.update().len() as u64);
        self.cache.insert(document, state);
        Ok(taken)
    }
}

fn is_urgent(job: &Job) -> bool {
    match job.task {
        Task::Load { .. } | Task::CatchUp { .. } => true,
        Task::Snapshot { .. } => false,
    }
}

fn refused(job: Job, why: ReadFailed) -> Input<'static> {
    let document = job.document;
    match job.task {
        Task::Load { .. } => Input::Loaded { document, result: Err(why) },
        Task::CatchUp { job, .. } => Input::CaughtUp { document, job, result: Err(why) },
        Task::Snapshot { .. } => Input::SnapshotTaken { document, result: Err(why) },
    }
}

/// Nothing is damaged here, so a failed read is worth another try.
fn read_failed(error: StoreError) -> ReadFailed {
    ReadFailed::Storage(error.to_string().into())
}
