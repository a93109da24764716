//! A store in memory, for simulation and tests: deterministic, and with a disk that fails when told to. Does not know
//! files; what it keeps is gone with it.

mod disk;
mod faults;

use std::sync::{Arc, Mutex, MutexGuard};

use crate::{
    Append, Catalog, Deletion, Description, DocumentKey, Durability, Listed, Listing, NewVersion, Record, Store,
    StoreError, Stored, Version, check_append, check_snapshot, version::check_version,
};
use disk::{Change, Disk};
pub use faults::Faults;

/// A store in memory. What a crash leaves of it is what the contract of [`Store`] promises and nothing more; where the
/// contract leaves it open, the seed decides.
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
}

impl MemoryStore {
    /// An empty store. The seed decides what survives of unsynced and failed writes.
    pub fn new(seed: u64) -> MemoryStore {
        MemoryStore { disk: Arc::new(Mutex::new(Disk::new(seed))) }
    }

    /// The handle that makes this store fail and crash.
    pub fn faults(&self) -> Faults {
        Faults::new(Arc::clone(&self.disk))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }
}

impl Store for MemoryStore {
    fn append(&self, records: &[Append<'_>], durability: Durability) -> Result<(), StoreError> {
        check_append(records)?;
        self.disk().write(Change::append(records), durability)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.disk().sync()
    }

    fn load(&self, document: DocumentKey) -> Result<Option<Stored>, StoreError> {
        self.disk().load(document)
    }

    fn tail(&self, document: DocumentKey, after: u64) -> Result<Option<Vec<Record>>, StoreError> {
        self.disk().tail(document, after)
    }

    fn snapshot(&self, document: DocumentKey, sequence: u64, update: &[u8]) -> Result<(), StoreError> {
        check_snapshot(document, sequence, update)?;
        let mut disk = self.disk();
        match disk.snapshot_sequence(document)? {
            Some(stored) if sequence <= stored => Ok(()),
            Some(_) | None => disk.write(Change::snapshot(document, sequence, update), Durability::Synced),
        }
    }

    fn delete(&self, documents: &[Deletion<'_>]) -> Result<(), StoreError> {
        for deletion in documents {
            check_append(&deletion.appends().collect::<Vec<_>>())?;
        }
        self.disk().write(Change::delete(documents), Durability::Synced)
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.disk().recover()
    }
}

impl Catalog for MemoryStore {
    fn list(&self, listing: Listing<'_>) -> Result<Vec<Listed>, StoreError> {
        self.disk().list(listing)
    }

    fn describe(&self, document: DocumentKey) -> Result<Option<Description>, StoreError> {
        self.disk().describe(document)
    }

    fn name(&self, document: DocumentKey) -> Result<Option<String>, StoreError> {
        Ok(self.disk().describe(document)?.map(|description| description.name))
    }

    fn contains(&self, document: DocumentKey) -> Result<bool, StoreError> {
        self.disk().contains(document)
    }

    fn save_version(&self, version: NewVersion<'_>) -> Result<Version, StoreError> {
        check_version(&version)?;
        self.disk().keep_version(version)
    }

    fn versions(&self, document: DocumentKey) -> Result<Vec<Version>, StoreError> {
        self.disk().versions(document)
    }

    fn version(&self, document: DocumentKey, id: u64) -> Result<Option<(Version, Vec<u8>)>, StoreError> {
        self.disk().version(document, id)
    }

    fn delete_versions(&self, document: DocumentKey, ids: &[u64]) -> Result<(), StoreError> {
        self.disk().write(Change::DropVersions { document, ids: ids.to_vec() }, Durability::Synced)
    }
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().expect("nothing panics while the disk is locked")
}
