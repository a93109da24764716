//! What the persister does next: which records make a batch, when to sync, what a failure means. Knows neither the store, the
//! clock nor the thread that carries it out, so a simulator can.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use selvedge_shards::{DocumentId, Now, Sequence};
use selvedge_storage::{Durability, SNAPSHOT_BYTES_MAX, UPDATE_BYTES_MAX};

use super::{Append, Change, Deletion, Fsync};

/// Records in one batch at most: some milliseconds of a fast disk. More would only make the first of them wait for the last.
pub const BATCH_RECORDS_MAX: usize = 4096;

/// Bytes in one batch from which on nothing is added to it. One record may be larger.
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// Bytes that are written but not synced, from which on [`Fsync::Interval`] does not wait for its time, and even [`Fsync::Never`] syncs:
/// they are kept in memory, because a failed sync means writing them again. Without them the log would have a gap, and nothing behind
/// a gap can be read.
pub const UNSYNCED_BYTES_MAX: usize = 64 << 20;

// A batch overshoots by one record at most, or by those that belong together: no more than the largest document, which fits a snapshot twice.
const _: () = assert!(BATCH_BYTES_MAX + UPDATE_BYTES_MAX + 2 * SNAPSHOT_BYTES_MAX < u32::MAX as usize);

/// First wait before a failed write is tried again. Each further one is twice as long, up to [`BACKOFF_MS_MAX`].
const BACKOFF_MS_MIN: u64 = 50;

/// Longest wait: how long after a full disk has room again at most commits go on.
const BACKOFF_MS_MAX: u64 = 5_000;

/// Counted for each record beside its update: name, sequence and the struct itself.
const RECORD_OVERHEAD_BYTES: usize = 128;

/// What to do next. All but [`Step::Wait`] and [`Step::Drained`] are answered with [`Batcher::conclude`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Append [`Batcher::batch`].
    Write(Durability),
    /// Delete [`Batcher::deletions`]. Done only when it is on disk, with everything written before.
    Delete,
    /// Sync what was only written.
    Sync,
    /// Make the store writable again.
    Recover,
    /// Nothing to do before something is appended, or this moment comes.
    Wait {
        /// `None`: only an append changes anything.
        until: Option<Now>,
    },
    /// Nothing to do ever again: [`Batcher::drain`] was called and everything is durable.
    Drained,
}

/// What a core is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// One for each batch and core that has records in it.
    Committed {
        /// Who.
        core: usize,
        /// How many records.
        records: u64,
        /// Each of its documents in the batch with the last record of it.
        commits: Vec<(DocumentId, Sequence)>,
    },
    /// One for each batch of deletions and core that has some in it. Of what takes their places, a [`Report::Committed`] follows.
    Deleted {
        /// Who.
        core: usize,
        /// The documents.
        documents: Vec<DocumentId>,
    },
    /// Writing fails. Once in a stall for each core that has something to commit, so every core that hears it hears of a commit when
    /// it is over; a core with nothing at stake hears it when it appends.
    Failed {
        /// Who.
        core: usize,
        /// What is wrong.
        reason: Arc<str>,
    },
}

/// The records that are not durable, and what is being done about it.
#[derive(Debug)]
pub struct Batcher {
    fsync: Fsync,
    /// Oldest first. The first `written` are acknowledged and wait for a sync, the next `batch` are being written, the rest waits.
    records: VecDeque<Change>,
    written: usize,
    written_bytes: usize,
    batch: usize,
    /// So many of the first were reported. Above `written` only after a failure: what was acknowledged is then written again,
    /// and not reported again.
    acknowledged: usize,
    waiting_bytes: usize,
    /// When the first write of those that no sync followed was done.
    unsynced_since: Option<Now>,
    stall: Option<Stall>,
    /// Given by [`Self::next`] and not concluded.
    step: Option<Step>,
    draining: bool,
    reports: VecDeque<Report>,
}

#[derive(Debug)]
struct Stall {
    reason: Arc<str>,
    retry_at: Now,
    backoff_ms: u64,
    /// The store says that it is writable again; what is written next must prove it.
    recovered: bool,
    told: BTreeSet<usize>,
}

impl Batcher {
    /// Nothing to do yet.
    #[must_use]
    pub fn new(fsync: Fsync) -> Self {
        Self {
            fsync,
            records: VecDeque::new(),
            written: 0,
            written_bytes: 0,
            batch: 0,
            acknowledged: 0,
            waiting_bytes: 0,
            unsynced_since: None,
            stall: None,
            step: None,
            draining: false,
            reports: VecDeque::new(),
        }
    }

    /// Takes a record or a deletion in. Also while a step is being carried out.
    pub fn gather(&mut self, change: impl Into<Change>) {
        let change = change.into();
        if let Some(stall) = &mut self.stall
            && stall.told.insert(change.core())
        {
            self.reports.push_back(Report::Failed { core: change.core(), reason: Arc::clone(&stall.reason) });
        }
        self.waiting_bytes += size(&change);
        self.records.push_back(change);
    }

    /// The next batch is not full yet.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        self.records.len() - self.written < BATCH_RECORDS_MAX && self.waiting_bytes < BATCH_BYTES_MAX
    }

    /// Nothing will be gathered any more: as soon as everything is durable, [`Step::Drained`] comes.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Everything gathered is durable, and a drain was asked for.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.draining && self.records.is_empty() && self.unsynced_since.is_none()
    }

    /// Records that are not known to be durable.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Everything gathered is durable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Everything gathered is written and acknowledged, though perhaps not durable.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.stall.is_none() && self.records.len() == self.written
    }

    /// Why nothing is committed at present.
    #[must_use]
    pub fn stalled(&self) -> Option<&Arc<str>> {
        self.stall.as_ref().map(|stall| &stall.reason)
    }

    /// Nothing is committed at present.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// What to do. A step that is to be concluded must be before the next is asked for.
    pub fn next(&mut self, now: Now) -> Step {
        assert!(self.step.is_none(), "a step is concluded before the next");
        let step = self.decide(now);
        match step {
            Step::Write(_) | Step::Delete => self.batch = self.batch_len(),
            Step::Sync | Step::Recover => {}
            Step::Wait { .. } | Step::Drained => return step,
        }
        self.step = Some(step);
        step
    }

    fn decide(&self, now: Now) -> Step {
        let waiting = self.records.get(self.written);
        let write = |durability| match waiting {
            Some(Change::Delete(_)) => Step::Delete,
            Some(Change::Append(_)) | None => Step::Write(durability),
        };
        if let Some(stall) = &self.stall {
            return match () {
                // Whatever the setting: a write that is not synced proves nothing after a failed sync.
                () if stall.recovered => write(Durability::Synced),
                () if now < stall.retry_at => Step::Wait { until: Some(stall.retry_at) },
                () => Step::Recover,
            };
        }
        let sync_at = self.sync_at();
        if sync_at.is_some_and(|at| at <= now) {
            Step::Sync
        } else if waiting.is_some() {
            write(match self.fsync {
                Fsync::Always => Durability::Synced,
                Fsync::Interval { .. } | Fsync::Never => Durability::Written,
            })
        } else if self.draining {
            if self.unsynced_since.is_some() { Step::Sync } else { Step::Drained }
        } else {
            Step::Wait { until: sync_at }
        }
    }

    /// When what is written must be synced.
    fn sync_at(&self) -> Option<Now> {
        let since = self.unsynced_since?;
        match self.fsync {
            Fsync::Interval { .. } if self.written_bytes >= UNSYNCED_BYTES_MAX => Some(since),
            Fsync::Interval { ms } => Some(Now(since.0.saturating_add(ms))),
            Fsync::Never if self.written_bytes >= UNSYNCED_BYTES_MAX => Some(since),
            Fsync::Always | Fsync::Never => None,
        }
    }

    /// As many records as a batch takes, or as many deletions; at least one where there is one.
    fn batch_len(&self) -> usize {
        let mut bytes = 0;
        let mut waiting = self.records.range(self.written..).take(BATCH_RECORDS_MAX).peekable();
        let deletes = waiting.peek().is_some_and(|first| first.is_deletion());
        waiting
            .take_while(|change| {
                let fits = bytes < BATCH_BYTES_MAX && change.is_deletion() == deletes;
                bytes += size(change);
                fits
            })
            .count()
    }

    /// The records to be written by [`Step::Write`], in order.
    pub fn batch(&self) -> impl Iterator<Item = &Append> {
        self.in_batch().filter_map(|change| match change {
            Change::Append(append) => Some(append),
            Change::Delete(_) => None,
        })
    }

    /// The documents to be deleted by [`Step::Delete`].
    pub fn deletions(&self) -> impl Iterator<Item = &Deletion> {
        self.in_batch().filter_map(|change| match change {
            Change::Append(_) => None,
            Change::Delete(deletion) => Some(deletion),
        })
    }

    fn in_batch(&self) -> impl Iterator<Item = &Change> {
        self.records.range(self.written..self.written + self.batch)
    }

    /// What came of the step; of a failure, what is wrong in a few words.
    pub fn conclude(&mut self, now: Now, result: Result<(), Arc<str>>) {
        let step = self.step.take().expect("there is a step to conclude");
        if let Err(reason) = result {
            self.fail(now, reason);
            return;
        }
        match step {
            Step::Write(durability) => {
                self.stall = None;
                self.acknowledge();
                self.wrote(now, durability);
            }
            Step::Delete => {
                self.stall = None;
                self.acknowledge();
                self.wrote(now, Durability::Synced);
            }
            Step::Sync => self.release(self.written),
            Step::Recover => match &mut self.stall {
                // What could prove it does not exist.
                Some(_) if self.records.is_empty() => self.stall = None,
                Some(stall) => stall.recovered = true,
                None => unreachable!("only a stalled store is recovered"),
            },
            Step::Wait { .. } | Step::Drained => unreachable!("these are not concluded"),
        }
    }

    fn wrote(&mut self, now: Now, durability: Durability) {
        let through = self.written + std::mem::take(&mut self.batch);
        match durability {
            Durability::Synced => self.release(through),
            Durability::Written => {
                let bytes: usize = self.records.range(self.written..through).map(size).sum();
                self.written_bytes += bytes;
                self.waiting_bytes -= bytes;
                self.written = through;
                self.unsynced_since.get_or_insert(now);
            }
        }
    }

    /// Forgets the first records: nothing has to be done for them again.
    fn release(&mut self, through: usize) {
        for (at, change) in self.records.drain(..through).enumerate() {
            let bytes = size(&change);
            *(if at < self.written { &mut self.written_bytes } else { &mut self.waiting_bytes }) -= bytes;
        }
        self.written = 0;
        self.acknowledged = self.acknowledged.saturating_sub(through);
        self.unsynced_since = None;
    }

    /// Reports the batch, but for what was reported before.
    fn acknowledge(&mut self) {
        let through = self.written + self.batch;
        let from = self.acknowledged.max(self.written).min(through);
        let mut commits: BTreeMap<usize, (u64, BTreeMap<DocumentId, Sequence>)> = BTreeMap::new();
        let mut deleted: BTreeMap<usize, Vec<DocumentId>> = BTreeMap::new();
        for change in self.records.range(from..through) {
            match change {
                Change::Append(append) => {
                    let (records, documents) = commits.entry(append.core).or_default();
                    *records += 1 + append.more.len() as u64;
                    documents.insert(append.document, append.last());
                }
                Change::Delete(deletion) => {
                    deleted.entry(deletion.core).or_default().push(deletion.document);
                    let count = deletion.successor.len() as u64;
                    if count > 0 {
                        let (records, documents) = commits.entry(deletion.core).or_default();
                        *records += count;
                        documents.insert(deletion.document, Sequence(count));
                    }
                }
            }
        }
        self.acknowledged = self.acknowledged.max(through);
        // What begins in the place of what was deleted is told of after its end.
        self.reports.extend(deleted.into_iter().map(|(core, documents)| Report::Deleted { core, documents }));
        self.reports.extend(commits.into_iter().map(|(core, (records, documents))| Report::Committed {
            core,
            records,
            commits: documents.into_iter().collect(),
        }));
    }

    /// Starts a stall, or makes it last longer. All that is not known to be durable will be written again, in order: what the failed
    /// step wrote, and after a failed sync what only waited for it, may be there or not.
    fn fail(&mut self, now: Now, reason: Arc<str>) {
        self.waiting_bytes += std::mem::take(&mut self.written_bytes);
        (self.written, self.batch) = (0, 0);
        self.drop_superseded();
        let backoff_ms = self.stall.as_ref().map_or(BACKOFF_MS_MIN, |stall| BACKOFF_MS_MAX.min(stall.backoff_ms * 2));
        let retry_at = Now(now.0.saturating_add(backoff_ms));
        if let Some(stall) = &mut self.stall {
            // The clients were told the first reason; the operator finds the last in the log and the health check.
            (stall.reason, stall.retry_at, stall.backoff_ms, stall.recovered) = (reason, retry_at, backoff_ms, false);
            return;
        }
        let told: BTreeSet<usize> = self.records.range(self.acknowledged..).map(Change::core).collect();
        self.reports.extend(told.iter().map(|&core| Report::Failed { core, reason: Arc::clone(&reason) }));
        self.stall = Some(Stall { reason, retry_at, backoff_ms, recovered: false, told });
    }

    /// What was acknowledged of a document and is followed by its deletion is not written again. The failed step may have deleted the document:
    /// then a part of it would stand there until it is deleted once more, or for ever, if the process dies before that.
    fn drop_superseded(&mut self) {
        let mut deleted = BTreeSet::new();
        let mut kept = VecDeque::with_capacity(self.records.len());
        for (at, change) in std::mem::take(&mut self.records).into_iter().enumerate().rev() {
            match &change {
                Change::Append(append) if at < self.acknowledged && deleted.contains(&append.document) => {
                    self.waiting_bytes -= size(&change);
                    self.acknowledged -= 1;
                    continue;
                }
                Change::Append(_) => {}
                Change::Delete(deletion) => drop(deleted.insert(deletion.document)),
            }
            kept.push_front(change);
        }
        self.records = kept;
    }

    /// What is to be told, in order.
    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Append(append) => append.records().map(|(_, update)| update.len() + RECORD_OVERHEAD_BYTES).sum(),
        Change::Delete(deletion) => {
            deletion.successor.iter().map(|update| update.len() + RECORD_OVERHEAD_BYTES).sum::<usize>()
                + RECORD_OVERHEAD_BYTES
        }
    }
}

#[cfg(test)]
mod tests;
