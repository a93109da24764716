//! A store opened for looking only: nothing is locked, written or repaired. For those who verify a backup, or look into a document beside a
//! server that runs.

use std::path::Path;

use super::RocksOptions;
use super::database::{Access, Database, Merging};
use super::directory;
use crate::{Corruption, Description, DocumentKey, StoreError, Stored};

/// What was in the store when it was opened.
pub struct Examination {
    database: Database,
}

/// One thing found by walking over all keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A document that says that it is there. Whether it can be read shows when it is loaded.
    Document(DocumentKey),
    /// A version of a document. Whether it can be read shows when it is.
    Version {
        /// Whose.
        document: DocumentKey,
        /// Its number.
        id: u64,
    },
    /// Records or parts of a snapshot of a document that is not there.
    Stray {
        /// Whose they would be.
        document: DocumentKey,
        /// In which column family.
        family: &'static str,
    },
    /// An entry of the index of names that is not what was written.
    DamagedName {
        /// Whose.
        name: String,
        /// What is wrong.
        why: Corruption,
    },
    /// A name in the index whose document is not there, or has another name.
    StrayName {
        /// Which.
        name: String,
        /// Of which document it says that it is its name.
        document: DocumentKey,
    },
    /// The rest of a column family cannot be read.
    Unreadable {
        /// Which.
        family: &'static str,
        /// What RocksDB said.
        why: String,
    },
    /// A key that is none of ours.
    Foreign {
        /// In which column family.
        family: &'static str,
        /// How long it is.
        bytes: usize,
    },
}

impl Examination {
    /// Opens the store in `path`. The store of a running server can be looked at, too: what is there now is seen, as long as the server does
    /// not remove the files that it is in.
    ///
    /// # Errors
    ///
    /// There is no complete store of this format, or it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let database = directory::look(path.as_ref())?;
        let options = RocksOptions::default();
        Ok(Self { database: Database::open(&database, &options, Access::Read, Merging::Never)? })
    }

    /// Walks over all keys, document by document, then name by name, and shows what is there.
    ///
    /// # Errors
    ///
    /// The walk cannot go on.
    pub fn walk(&self, mut show: impl FnMut(Found)) -> Result<(), StoreError> {
        self.database.walk(&mut show)
    }

    /// Whether a document is in the index of names, and is listed with that. So are all of a store of an earlier build, which has none.
    ///
    /// # Errors
    ///
    /// The index cannot be read there.
    pub fn is_named(&self, name: &str, document: DocumentKey) -> Result<bool, StoreError> {
        self.database.is_named(name, document)
    }

    /// About how many documents there are: what RocksDB keeps for itself, for a progress bar.
    #[must_use]
    pub fn documents_about(&self) -> u64 {
        self.database.documents_about()
    }

    /// What is known of a document without its updates.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn describe(&self, document: DocumentKey) -> Result<Option<Description>, StoreError> {
        self.database.describe(document)
    }

    /// Reads a version, and checks every checksum of it. Gives its update.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not whole.
    pub fn version(&self, document: DocumentKey, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.database.version(document, id)?.map(|(_, update)| update))
    }

    /// Reads all of a document, and checks every checksum of it.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not whole.
    pub fn load(&self, document: DocumentKey) -> Result<Option<Stored>, StoreError> {
        self.database.load(document)
    }
}
