//! The one thread that writes: it commits in groups what all cores append, and tells each core what is durable. It does not know
//! what is in a record, and decides nothing itself: that is [`Batcher`]'s.
//!
//! While one batch is being synced the next gathers by itself, so batches grow with the load and the cost of a sync is shared by
//! all who wait for it.
//!
//! Cores hand records over through `std::sync::mpsc`, whose unbounded channel is a lock-free list of blocks: a send is one atomic
//! addition and a write, and only the send that finds the persister asleep pays for waking it. A core never waits here. The
//! channel needs no bound of its own: a shard stops reading from sessions when too many of its bytes are uncommitted, so the cores
//! bound what can be in it.

mod batcher;
mod health;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use selvedge_shards::{DocumentId, Now, Sequence};
use selvedge_storage::{self as storage, DocumentKey, Durability, Store, StoreError};

pub use batcher::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Batcher, Report, Step, UNSYNCED_BYTES_MAX};
pub use health::{Health, STUCK};

use crate::inbox::{Deliver, Note};

/// How long the thread still tries to write what it has when everybody who could drain it is gone.
const ABANDONED_DRAIN: Duration = Duration::from_secs(5);

/// How much longer than its deadline a drain waits for the answer of a disk that is in the middle of a write.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// What "committed" means: the `fsync` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// On disk: survives power loss.
    Always,
    /// With the kernel: survives the death of the process. On disk, and safe from power loss, this much later at most.
    Interval {
        /// Milliseconds between two syncs.
        ms: u64,
    },
    /// With the kernel, which writes when it likes: survives the death of the process. Synced only when the persister would otherwise keep
    /// more than [`UNSYNCED_BYTES_MAX`], when a write has failed, and at the end.
    Never,
}

/// A record on its way to the disk, or several of one document that get there together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Who is told of the commit.
    pub core: usize,
    /// The document.
    pub document: DocumentId,
    /// Its name, for the first record.
    pub name: Arc<str>,
    /// Number of the record. Each document's records come in order, without a gap.
    pub sequence: Sequence,
    /// A canonical update.
    pub update: Vec<u8>,
    /// Those of the records that follow. Mostly there are none.
    pub more: Vec<Vec<u8>>,
}

impl Append {
    /// Number of the last record.
    #[must_use]
    pub fn last(&self) -> Sequence {
        Sequence(self.sequence.0 + self.more.len() as u64)
    }

    /// Each record with its number.
    pub fn records(&self) -> impl Iterator<Item = (Sequence, &[u8])> {
        let updates = std::iter::once(&self.update).chain(&self.more);
        (self.sequence.0..).map(Sequence).zip(updates.map(Vec::as_slice))
    }
}

/// A document whose records are to go, from the disk too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Who is told when it has gone.
    pub core: usize,
    /// The document. All that was appended to it is committed, and nothing more is appended before it has gone.
    pub document: DocumentId,
    /// Its name.
    pub name: Arc<str>,
    /// The first records of the document that takes its place, which gets to the disk together with the deletion; none where none does.
    pub successor: Vec<Vec<u8>>,
}

/// One thing to do, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A record more.
    Append(Append),
    /// A document less.
    Delete(Deletion),
}

impl Change {
    fn core(&self) -> usize {
        match self {
            Self::Append(append) => append.core,
            Self::Delete(deletion) => deletion.core,
        }
    }

    /// That are done when it is.
    fn records(&self) -> u64 {
        match self {
            Self::Append(append) => 1 + append.more.len() as u64,
            Self::Delete(deletion) => 1 + deletion.successor.len() as u64,
        }
    }

    fn is_deletion(&self) -> bool {
        match self {
            Self::Append(_) => false,
            Self::Delete(_) => true,
        }
    }
}

impl From<Append> for Change {
    fn from(append: Append) -> Self {
        Self::Append(append)
    }
}

impl From<Deletion> for Change {
    fn from(deletion: Deletion) -> Self {
        Self::Delete(deletion)
    }
}

/// A core's way to the persister. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Appender {
    commands: Sender<Command>,
    health: Arc<Health>,
}

impl Appender {
    /// Queues the record; [`Note::Committed`] follows. Never waits.
    pub fn append(&self, append: Append) {
        self.queue(Change::Append(append));
    }

    /// Queues the deletion; [`Note::Deleted`] follows. Never waits.
    pub fn delete(&self, deletion: Deletion) {
        self.queue(Change::Delete(deletion));
    }

    fn queue(&self, change: Change) {
        self.health.queued(change.records());
        // Gone only if it panicked, and then nothing would be acknowledged ever again.
        self.commands.send(Command::Change(change)).expect("the persister lives as long as anybody appends");
    }
}

/// The thread's owner.
#[derive(Debug)]
pub struct Persister {
    appender: Appender,
    drained: Receiver<Result<(), DrainFailed>>,
    thread: JoinHandle<()>,
}

/// Not everything that was received could be committed before the deadline. What was not was never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainFailed {
    /// Records that are not on disk, as far as is known.
    pub records: u64,
    /// Why.
    pub reason: Arc<str>,
}

impl fmt::Display for DrainFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records were not committed: {}", self.records, self.reason)
    }
}

impl std::error::Error for DrainFailed {}

#[derive(Debug)]
enum Command {
    Change(Change),
    Drain { deadline: Instant },
}

impl Persister {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn spawn(store: Arc<dyn Store>, fsync: Fsync, deliver: Deliver) -> io::Result<Self> {
        let (commands, received) = mpsc::channel();
        let (done, drained) = mpsc::channel();
        let health = Arc::new(Health::default());
        let writer = Writer {
            store,
            deliver,
            received,
            health: Arc::clone(&health),
            batcher: Batcher::new(fsync),
            started: Instant::now(),
            deadline: None,
            needed_bytes: None,
        };
        let thread = thread::Builder::new().name("persister".to_owned()).spawn(move || {
            let result = writer.run();
            // Nobody listens when the owner is gone or has given up.
            drop(done.send(result));
        })?;
        Ok(Self { appender: Appender { commands, health }, drained, thread })
    }

    /// A way to the thread, for a core.
    #[must_use]
    pub fn appender(&self) -> Appender {
        self.appender.clone()
    }

    /// How writing goes.
    #[must_use]
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.appender.health)
    }

    /// Commits and syncs everything appended before this call, and ends the thread. To be called when the cores have ended: what
    /// is appended later is lost.
    ///
    /// # Errors
    ///
    /// When that could not be done in time; also where the disk does not answer at all.
    pub fn drain(self, timeout: Duration) -> Result<(), DrainFailed> {
        let Self { appender: Appender { commands, health }, drained, thread } = self;
        let failed = |reason: &str| DrainFailed { records: health.queued_records(), reason: reason.into() };
        if commands.send(Command::Drain { deadline: Instant::now() + timeout }).is_err() {
            return Err(failed("the persister has panicked"));
        }
        match drained.recv_timeout(timeout.saturating_add(DRAIN_GRACE)) {
            Ok(result) => {
                thread.join().map_err(|_| failed("the persister has panicked"))?;
                result
            }
            Err(RecvTimeoutError::Timeout) => Err(failed("the disk does not answer")),
            Err(RecvTimeoutError::Disconnected) => Err(failed("the persister has panicked")),
        }
    }
}

/// The thread's own half: carries out what the batcher decides.
struct Writer {
    store: Arc<dyn Store>,
    deliver: Deliver,
    received: Receiver<Command>,
    health: Arc<Health>,
    batcher: Batcher,
    started: Instant,
    /// Set while draining.
    deadline: Option<Instant>,
    /// What has to be free on the disk, as was told last.
    needed_bytes: Option<u64>,
}

impl Drop for Writer {
    /// Also when unwinding: whoever asks afterwards must not hear that writes work.
    fn drop(&mut self) {
        self.health.ends();
    }
}

impl Writer {
    fn run(mut self) -> Result<(), DrainFailed> {
        loop {
            self.gather();
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) && !self.batcher.is_drained() {
                return Err(self.give_up());
            }
            let step = self.batcher.next(self.now());
            match step {
                Step::Write(_) | Step::Delete | Step::Sync | Step::Recover => self.health.begins(),
                Step::Wait { .. } | Step::Drained => self.health.rests(),
            }
            match step {
                Step::Write(durability) => self.write(durability),
                Step::Delete => self.delete(),
                Step::Sync => self.sync(),
                Step::Recover => {
                    let result = self.store.recover();
                    self.conclude(result);
                }
                Step::Wait { until } => self.wait(until),
                Step::Drained => return Ok(()),
            }
        }
    }

    fn now(&self) -> Now {
        Now(u64::try_from(self.started.elapsed().as_millis()).expect("no process runs for 2^64 milliseconds"))
    }

    /// Takes what has come, as far as one batch goes; the rest waits as well where it is.
    fn gather(&mut self) {
        while self.batcher.wants_more() {
            match self.received.try_recv() {
                Ok(command) => self.take(command),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.abandoned(),
            }
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&mut self, until: Option<Now>) {
        let until = until.map(|now| self.started + Duration::from_millis(now.0));
        let until = until.into_iter().chain(self.deadline).min();
        let command = match until {
            None => self.received.recv().map_err(RecvTimeoutError::from),
            Some(until) => self.received.recv_timeout(until.saturating_duration_since(Instant::now())),
        };
        match command {
            Ok(command) => self.take(command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                self.abandoned();
                // The channel does not wait any more.
                if let Some(until) = until {
                    thread::sleep(until.saturating_duration_since(Instant::now()));
                }
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Change(change) => {
                self.batcher.gather(change);
                self.report();
            }
            Command::Drain { deadline } => {
                self.deadline = Some(deadline);
                self.batcher.drain();
            }
        }
    }

    fn abandoned(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + ABANDONED_DRAIN);
        self.batcher.drain();
    }

    fn write(&mut self, durability: Durability) {
        let records: Vec<storage::Append<'_>> = self.batcher.batch().flat_map(borrowed).collect();
        let (count, bytes) = (records.len(), records.iter().map(|record| record.update.len()).sum());
        let start = Instant::now();
        let result = self.store.append(&records, durability);
        drop(records);
        if result.is_ok() {
            let took = start.elapsed();
            self.health.wrote(count, bytes, took);
            if durability == Durability::Synced {
                self.health.synced(took);
            }
        }
        self.conclude(result);
    }

    fn delete(&mut self) {
        let deletions = self.batcher.deletions();
        let successors: Vec<Vec<&[u8]>> =
            deletions.map(|deletion| deletion.successor.iter().map(Vec::as_slice).collect()).collect();
        let documents = self.batcher.deletions().zip(&successors).map(|(deletion, successor)| storage::Deletion {
            document: DocumentKey(deletion.document.0),
            name: &deletion.name,
            successor,
        });
        let result = self.store.delete(&documents.collect::<Vec<_>>());
        self.conclude(result);
    }

    fn sync(&mut self) {
        let start = Instant::now();
        let result = self.store.sync();
        if result.is_ok() {
            self.health.synced(start.elapsed());
        }
        self.conclude(result);
    }

    fn conclude(&mut self, result: Result<(), StoreError>) {
        let failed = result.as_ref().err().map(|error| Arc::<str>::from(error.to_string()));
        let is_space = matches!(result, Err(StoreError::Full | StoreError::Short { .. }));
        let needed_bytes = match result {
            Err(StoreError::Short { needed_bytes, .. }) => Some(needed_bytes),
            Ok(()) | Err(_) => None,
        };
        self.health.set_lacking(failed.clone().filter(|_| is_space));
        let stalled = self.batcher.is_stalled();
        self.batcher.conclude(self.now(), failed.map_or(Ok(()), Err));
        match (stalled, self.batcher.stalled()) {
            (false, Some(reason)) => tracing::error!(%reason, "commits stall"),
            (true, None) => tracing::info!("commits go on"),
            // The failure itself did not say it, and what is free changes all the time.
            (true, Some(reason)) if needed_bytes.is_some() && needed_bytes != self.needed_bytes => {
                tracing::warn!(%reason, "commits still stall");
            }
            (true, Some(_)) | (false, None) => {}
        }
        self.needed_bytes = needed_bytes;
        if let Err(error) = result {
            self.health.failed();
            // Only a mistake of ours is refused for itself; it is tried again like the rest, because giving up a record would make a gap.
            if !error.stops_writes() {
                tracing::error!(%error, "the store refuses what no shard may append");
            }
        }
        self.health.set_writable(!self.batcher.is_stalled());
        self.report();
    }

    fn report(&mut self) {
        while let Some(report) = self.batcher.poll_report() {
            match report {
                Report::Committed { core, records, commits } => {
                    self.health.committed(records);
                    (self.deliver)(core, Note::Committed(commits));
                }
                Report::Deleted { core, documents } => {
                    self.health.committed(documents.len() as u64);
                    (self.deliver)(core, Note::Deleted(documents));
                }
                Report::Failed { core, reason } => (self.deliver)(core, Note::CommitFailed(reason)),
            }
        }
    }

    fn give_up(&mut self) -> DrainFailed {
        let reason = self.batcher.stalled().cloned().unwrap_or_else(|| "the time is over".into());
        DrainFailed { records: self.health.queued_records().max(self.batcher.len() as u64), reason }
    }
}

fn borrowed(append: &Append) -> impl Iterator<Item = storage::Append<'_>> {
    append.records().map(|(sequence, update)| storage::Append {
        document: DocumentKey(append.document.0),
        name: &append.name,
        sequence: sequence.0,
        update,
    })
}

#[cfg(test)]
mod tests;
