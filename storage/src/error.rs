//! What can go wrong with a store, and whose fault it is. Does not know what the server tells its clients.

use std::{fmt, path::PathBuf};

use crate::DocumentKey;

/// An error of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The operator's: another process, or another store of this one, holds the directory. Nothing was touched.
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The operator's: the directory cannot be read, written or made.
    NotAccessible {
        /// The directory, or the file in it.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The operator's: the directory holds something else, or only a part of a store. Nothing was touched.
    NotADatabase {
        /// The directory.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The operator's: the directory was written by a version that this one cannot read. Nothing was touched.
    Version {
        /// The directory.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The format that this build reads and writes.
        supported: u32,
    },
    /// The disk's: there is no space left. Writes fail until there is and [`Store::recover`](crate::Store::recover)
    /// has succeeded; reads go on.
    Full,
    /// The disk's: there is less space left than going on takes. The same holds, until there is so much; nothing was written to find that out.
    Short {
        /// Bytes that have to be free.
        needed_bytes: u64,
        /// Bytes that are.
        free_bytes: u64,
    },
    /// The disk's: reading or writing failed. After a failed write, writes fail until
    /// [`Store::recover`](crate::Store::recover) has succeeded; reads go on.
    Io {
        /// What the system or RocksDB said.
        why: String,
    },
    /// The disk's: RocksDB found one of its files damaged when it merged it with others, and takes no writes because of it. They
    /// fail until [`Store::recover`](crate::Store::recover) has succeeded, after which files are no longer merged; reads go on.
    Damaged {
        /// What RocksDB said.
        why: String,
    },
    /// The disk's: this document cannot be read. Others are not affected.
    Corrupt {
        /// The document.
        document: DocumentKey,
        /// The record's sequence, or the snapshot's; 0 where the document's meta record is meant.
        sequence: u64,
        /// What is wrong.
        why: Corruption,
    },
    /// The disk's: this version cannot be read. Its document and its other versions are not affected.
    CorruptVersion {
        /// The document.
        document: DocumentKey,
        /// The version's number.
        id: u64,
        /// What is wrong.
        why: Corruption,
    },
    /// The caller's: a snapshot or a version of a document to which nothing was appended, or that is another by now.
    Unknown {
        /// The document.
        document: DocumentKey,
    },
    /// The caller's: sequences start at 1.
    SequenceZero {
        /// The document.
        document: DocumentKey,
    },
    /// The caller's: more bytes than the store takes.
    TooLarge {
        /// Which limit.
        limit: Limit,
        /// The bytes given.
        bytes: usize,
        /// The most that is taken.
        max: usize,
    },
}

/// What has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A document's name.
    Name,
    /// One update.
    Update,
    /// One snapshot, or one version.
    Snapshot,
    /// The name of a version, or of its author.
    VersionText,
}

/// How a stored record is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// It is no archive: cut off, or its inner pointers lead nowhere.
    Malformed,
    /// It is of a format that this build does not know.
    Format {
        /// The record's format.
        found: u16,
    },
    /// Its bytes are not the ones written, or were written under another key.
    Checksum,
    /// It is not there, though the records around it say that it was.
    Missing,
    /// RocksDB found its own file damaged.
    Block {
        /// What RocksDB said.
        why: String,
    },
}

impl StoreError {
    /// Whether a write that fails with this error stops all writes until [`Store::recover`](crate::Store::recover)
    /// succeeds. After any other error the store is as it was before the call.
    pub fn stops_writes(&self) -> bool {
        match self {
            StoreError::Full | StoreError::Short { .. } | StoreError::Io { .. } | StoreError::Damaged { .. } => true,
            StoreError::Locked { .. }
            | StoreError::NotAccessible { .. }
            | StoreError::NotADatabase { .. }
            | StoreError::Version { .. }
            | StoreError::Corrupt { .. }
            | StoreError::CorruptVersion { .. }
            | StoreError::Unknown { .. }
            | StoreError::SequenceZero { .. }
            | StoreError::TooLarge { .. } => false,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked { path } => write!(f, "{} is in use by another process", path.display()),
            StoreError::NotAccessible { path, why } => write!(f, "{} is not accessible: {why}", path.display()),
            StoreError::NotADatabase { path, why } => write!(f, "{} is not a Selvedge store: {why}", path.display()),
            StoreError::Version { path, found, supported } => {
                write!(f, "the store in {} has format {found}, this build reads format {supported}", path.display())
            }
            StoreError::Full => write!(f, "no space left on the disk"),
            StoreError::Short { needed_bytes, free_bytes } => write!(
                f,
                "no space left on the disk: to go on, the store needs {} MiB free, there are {} MiB",
                needed_bytes.div_ceil(1 << 20),
                free_bytes >> 20
            ),
            StoreError::Io { why } => write!(f, "the disk failed: {why}"),
            StoreError::Damaged { why } => write!(f, "a file of the store is damaged, restore it from a backup: {why}"),
            StoreError::Corrupt { document, sequence, why } => {
                write!(f, "document {document} is damaged at sequence {sequence}: {why}")
            }
            StoreError::CorruptVersion { document, id, why } => {
                write!(f, "version {id} of document {document} is damaged: {why}")
            }
            StoreError::Unknown { document } => write!(f, "nothing was ever appended to document {document}"),
            StoreError::SequenceZero { document } => write!(f, "sequence 0 for document {document}: they start at 1"),
            StoreError::TooLarge { limit, bytes, max } => write!(f, "{limit} of {bytes} bytes, more than {max}"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Name => "a name",
            Limit::Update => "an update",
            Limit::Snapshot => "a snapshot",
            Limit::VersionText => "the name of a version or of its author",
        })
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corruption::Malformed => write!(f, "the record is malformed"),
            Corruption::Format { found } => write!(f, "the record has the unknown format {found}"),
            Corruption::Checksum => write!(f, "the checksum does not match"),
            Corruption::Missing => write!(f, "the record is missing"),
            Corruption::Block { why } => write!(f, "RocksDB's file is damaged: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}
