//! The store on a disk, in RocksDB. Does not know what an update means, nor who waits for its commit.

mod checkpoint;
mod database;
mod deletion;
mod directory;
mod examine;
mod figures;
mod held;
mod keys;
mod names;
mod options;
mod versions;
mod write_ahead_log;

use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    Append, Catalog, Deletion, Description, DocumentKey, Durability, Listed, Listing, NewVersion, Record, Store,
    StoreError, Stored, Version, check_append, check_snapshot, version::check_version,
};
use database::{Access, Database, Merging, WrittenAt};
use directory::Directory;
pub use directory::UNFINISHED;
pub use examine::{Examination, Found};
pub use figures::{FamilyFigures, Figures, LEVELS};
pub use held::{HeldStore, files};
pub use options::RocksOptions;
pub use write_ahead_log::{BrokenLog, broken_log};

/// A store in a directory of its own, which it holds locked as long as it lives.
pub struct RocksStore {
    /// Held for writing only while a failed database is closed and opened again, so that no read ever delays an append.
    /// None where that failed and the database could not even be opened for reading.
    database: RwLock<Option<Database>>,
    /// Dropped, and with that unlocked, after the database in it is closed.
    directory: Directory,
    options: RocksOptions,
    /// One write at a time, so that none begins after one that failed. Taken before `database`.
    writes: Mutex<Gate>,
    /// RocksDB found a file damaged when it merged it. Until the end of the process none are merged.
    damaged: AtomicBool,
    /// Times that RocksDB refused a write for now, and it was tried again.
    refusals: AtomicU64,
    /// Where the log that was replayed at the opening ended too early.
    broken_log: Option<BrokenLog>,
    /// When a document was last deleted. The next of its name says that it was made later, however fast it was and whatever the clock does: the time
    /// tells the two apart.
    deleted_ms: AtomicU64,
    /// One snapshot at a time, because it reads the document's meta record before it writes it. Taken before `writes`.
    snapshots: Mutex<()>,
}

/// Every this many refusals of one write, some seconds, the disk is probed.
const STALL_PROBE_INTERVAL: u32 = 200;

/// Whether writes may pass.
enum Gate {
    Open,
    /// A write failed with this. RocksDB is not asked again before it was opened anew: what it would do after a failed
    /// sync is not what acknowledgements need (see `docs/STORAGE.md`, "Recovery").
    Closed(StoreError),
}

impl RocksStore {
    /// Opens the store in `path`, or makes one where `path` is missing or empty. Anything else there is left untouched.
    pub fn open(path: impl AsRef<Path>, options: RocksOptions) -> Result<RocksStore, StoreError> {
        let mut directory = Directory::claim(path.as_ref())?;
        let access = match () {
            () if directory.is_new() => Access::Create,
            () if directory.is_older() => Access::Upgrade,
            () => Access::Write,
        };
        // Before it is replayed, and with that removed.
        let broken_log = if directory.is_new() { None } else { write_ahead_log::look_through(&directory.database())? };
        let database = Database::open(&directory.database(), &options, access, Merging::Automatic)?;
        directory.finish()?;
        Ok(RocksStore {
            database: RwLock::new(Some(database)),
            directory,
            options,
            writes: Mutex::new(Gate::Open),
            damaged: AtomicBool::new(false),
            refusals: AtomicU64::new(0),
            broken_log,
            deleted_ms: AtomicU64::new(0),
            snapshots: Mutex::new(()),
        })
    }

    /// How the store is at this moment; `None` where the database could not be opened again after a failed write. Looks at files, and may wait for
    /// an opening: nothing for a thread that must not wait.
    pub fn figures(&self) -> Option<Figures> {
        self.database().as_ref().map(Database::figures)
    }

    /// Where the log that was replayed at the opening was damaged, with batches behind that place: they are lost, whether they were
    /// acknowledged or not.
    pub fn broken_log(&self) -> Option<&BrokenLog> {
        self.broken_log.as_ref()
    }

    /// Times that a write had to wait because RocksDB took none for the moment; it was tried again after some milliseconds each time.
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    fn now(&self) -> WrittenAt {
        let now_ms = now_ms();
        let deleted_ms = self.deleted_ms.load(Ordering::Relaxed);
        WrittenAt { now_ms, created_ms: now_ms.max(deleted_ms.saturating_add(1)) }
    }

    fn read<T>(&self, read: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        read(self.database().as_ref().ok_or_else(unreadable)?)
    }

    /// Passes the gate, and closes it behind a write that failed.
    fn write<T>(&self, write: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut gate = self.gate();
        if let Gate::Closed(failure) = &*gate {
            return Err(failure.clone());
        }
        let result = self.read(write);
        if let Err(failure) = &result
            && failure.stops_writes()
        {
            if matches!(failure, StoreError::Damaged { .. }) {
                self.damaged.store(true, Ordering::Relaxed);
            }
            *gate = Gate::Closed(failure.clone());
        }
        result
    }

    /// Closes the database and opens it again. Where it cannot be opened for writing it is opened for reading, so that
    /// documents stay readable until the next try.
    fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database_mut();
        // The old one must be closed first: it holds RocksDB's lock.
        *database = None;
        let path = self.directory.database();
        let merging = if self.damaged.load(Ordering::Relaxed) { Merging::Never } else { Merging::Automatic };
        match Database::open(&path, &self.options, Access::Write, merging) {
            Ok(writable) => {
                *database = Some(writable);
                Ok(())
            }
            Err(failure) => {
                *database = Database::open(&path, &self.options, Access::Read, Merging::Never).ok();
                Err(failure)
            }
        }
    }

    /// Whether a write that RocksDB refuses for now should wait: not where the disk takes no flush, which it waits for.
    fn check_stall(&self, refusals: u32) -> Result<(), StoreError> {
        self.refusals.fetch_add(1, Ordering::Relaxed);
        if refusals.is_multiple_of(STALL_PROBE_INTERVAL) {
            self.directory.probe(self.options.memtables_bytes as u64)?;
        }
        Ok(())
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.writes.lock().expect("nothing panics while writing")
    }

    fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().expect("nothing panics while reopening")
    }

    fn database_mut(&self) -> RwLockWriteGuard<'_, Option<Database>> {
        self.database.write().expect("nothing panics while reopening")
    }
}

impl Store for RocksStore {
    fn append(&self, records: &[Append<'_>], durability: Durability) -> Result<(), StoreError> {
        check_append(records)?;
        self.write(|database| database.append(records, durability, self.now(), |refusals| self.check_stall(refusals)))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.write(Database::sync)
    }

    fn load(&self, document: DocumentKey) -> Result<Option<Stored>, StoreError> {
        self.read(|database| database.load(document))
    }

    fn tail(&self, document: DocumentKey, after: u64) -> Result<Option<Vec<Record>>, StoreError> {
        self.read(|database| database.tail(document, after))
    }

    fn snapshot(&self, document: DocumentKey, sequence: u64, update: &[u8]) -> Result<(), StoreError> {
        check_snapshot(document, sequence, update)?;
        let _one_at_a_time = self.snapshots.lock().expect("nothing panics while taking a snapshot");
        // The batch is built before the gate is passed: copying megabytes must not delay appends.
        let batch = self.read(|database| database.prepare_snapshot(document, sequence, update, now_ms()))?;
        match batch {
            Some(batch) => {
                self.write(|database| database.commit(batch, Durability::Synced, |refusals| self.check_stall(refusals)))
            }
            None => Ok(()),
        }
    }

    fn delete(&self, documents: &[Deletion<'_>]) -> Result<(), StoreError> {
        for deletion in documents {
            check_append(&deletion.appends().collect::<Vec<_>>())?;
        }
        // Also with those that keep versions, so that none is kept of what is gone.
        let _one_at_a_time = self.snapshots.lock().expect("nothing panics while taking a snapshot");
        self.write(|database| {
            // Later than each of them was made, also if that was within this millisecond, or before the clock was set back.
            let made_ms = documents.iter().filter_map(|gone| database.made_ms(gone.document)).max();
            let now = self.now();
            let now = WrittenAt { created_ms: now.created_ms.max(made_ms.unwrap_or(0).saturating_add(1)), ..now };
            self.deleted_ms.store(now.created_ms, Ordering::Relaxed);
            let batch = database.prepare_deletion(documents, now)?;
            database.commit(batch, Durability::Synced, |refusals| self.check_stall(refusals))
        })
    }

    fn recover(&self) -> Result<(), StoreError> {
        let mut gate = self.gate();
        match &*gate {
            Gate::Open => return Ok(()),
            Gate::Closed(_) => {}
        }
        let unsorted_bytes = self.database().as_ref().map(Database::unsorted_bytes);
        let tried = self.directory.probe_opening(unsorted_bytes).and_then(|()| self.reopen());
        *gate = match &tried {
            Ok(()) => Gate::Open,
            Err(failure) => Gate::Closed(failure.clone()),
        };
        tried
    }
}

impl Catalog for RocksStore {
    fn list(&self, listing: Listing<'_>) -> Result<Vec<Listed>, StoreError> {
        self.read(|database| database.list(listing))
    }

    fn describe(&self, document: DocumentKey) -> Result<Option<Description>, StoreError> {
        self.read(|database| database.describe(document))
    }

    fn name(&self, document: DocumentKey) -> Result<Option<String>, StoreError> {
        self.read(|database| Ok(database.meta(document)?.map(|meta| meta.name)))
    }

    fn contains(&self, document: DocumentKey) -> Result<bool, StoreError> {
        self.read(|database| database.contains(document))
    }

    fn save_version(&self, version: NewVersion<'_>) -> Result<Version, StoreError> {
        check_version(&version)?;
        let _one_at_a_time = self.snapshots.lock().expect("nothing panics while taking a snapshot");
        let (batch, version) = self.read(|database| database.prepare_version(version, now_ms()))?;
        self.write(|database| database.commit(batch, Durability::Synced, |refusals| self.check_stall(refusals)))?;
        Ok(version)
    }

    fn versions(&self, document: DocumentKey) -> Result<Vec<Version>, StoreError> {
        self.read(|database| database.versions(document))
    }

    fn version(&self, document: DocumentKey, id: u64) -> Result<Option<(Version, Vec<u8>)>, StoreError> {
        self.read(|database| database.version(document, id))
    }

    fn delete_versions(&self, document: DocumentKey, ids: &[u64]) -> Result<(), StoreError> {
        self.write(|database| {
            let batch = database.prepare_version_deletion(document, ids)?;
            database.commit(batch, Durability::Synced, |refusals| self.check_stall(refusals))
        })
    }
}

fn unreadable() -> StoreError {
    StoreError::Io { why: "the database could not be opened again after a failed write".to_owned() }
}

/// The edge where the time comes in: it is kept for people to read and decides nothing.
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
