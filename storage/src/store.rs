//! The contract of a store, and the limits of what it takes. Does not know where the bytes go.

use crate::{DocumentKey, Limit, NewVersion, StoreError, Version};

/// The longest document name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 4 << 10;
/// The largest update of one record, in bytes.
pub const UPDATE_BYTES_MAX: usize = 64 << 20;
/// The largest snapshot, in bytes. A snapshot is one write batch, held in memory about twice while it is written.
pub const SNAPSHOT_BYTES_MAX: usize = 512 << 20;

// One update may be the whole document, and must still fit a snapshot afterwards.
const _: () = assert!(UPDATE_BYTES_MAX <= SNAPSHOT_BYTES_MAX);
// rkyv's relative pointers are 32 bits wide and signed.
const _: () = assert!(SNAPSHOT_BYTES_MAX < i32::MAX as usize);

/// One record to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append<'a> {
    /// The document that the update belongs to.
    pub document: DocumentKey,
    /// The document's name, at most [`NAME_BYTES_MAX`] bytes. Stored with sequence 1, ignored with any other.
    pub name: &'a str,
    /// The update's number in its document: the first is 1, and each follows the one before without a gap.
    pub sequence: u64,
    /// At most [`UPDATE_BYTES_MAX`] opaque bytes.
    pub update: &'a [u8],
}

/// An update read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of a log record: the update's number. Of a snapshot: the number of the last update that it holds.
    pub sequence: u64,
    /// The bytes, as they were given.
    pub update: Vec<u8>,
}

/// All that is stored of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The name that came with the first record. The caller compares it with the name it derived the key from.
    pub name: String,
    /// When the first record was appended, in milliseconds since 1970, by this machine's clock.
    pub created_ms: u64,
    /// The last snapshot.
    pub snapshot: Option<Record>,
    /// The records after the snapshot, ascending, without a gap.
    pub log: Vec<Record>,
}

/// A document that is to be there no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion<'a> {
    /// The document.
    pub document: DocumentKey,
    /// Its name, as it came with its first record.
    pub name: &'a str,
    /// The first records of the document that takes its place; none where none does.
    pub successor: &'a [&'a [u8]],
}

impl<'a> Deletion<'a> {
    /// The successor's records.
    pub(crate) fn appends(self) -> impl Iterator<Item = Append<'a>> {
        let Self { document, name, successor } = self;
        (1..).zip(successor).map(move |(sequence, update)| Append { document, name, sequence, update })
    }
}

/// Which documents to list: those whose names begin with a text, from a name on, in the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing<'a> {
    /// What their names begin with; nothing for all.
    pub prefix: &'a str,
    /// Only names behind this one.
    pub after: Option<&'a str>,
    /// So many at most.
    pub limit: usize,
}

/// One document of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What is known of it at a glance; nothing where that is damaged.
    pub outline: Option<Outline>,
}

/// What is known of a document without looking at its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// When its first record was appended, in milliseconds since 1970, by this machine's clock.
    pub created_ms: u64,
    /// The sequence of its snapshot; 0 where it has none.
    pub snapshot_sequence: u64,
    /// The size of its snapshot in bytes; 0 where it has none.
    pub snapshot_bytes: u64,
    /// When its snapshot was taken, in milliseconds since 1970, by this machine's clock; 0 where it has none.
    pub snapshot_ms: u64,
}

/// What is known of a document without its updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The document's name.
    pub name: String,
    /// What is known at a glance.
    pub outline: Outline,
    /// Its last record.
    pub sequence: u64,
    /// Records after the snapshot.
    pub log_records: u64,
    /// Bytes of their updates.
    pub log_bytes: u64,
    /// When its last record was written, in milliseconds since 1970, by this machine's clock. Where a snapshot has taken that in, when the
    /// snapshot was taken; 0 where an earlier build wrote it.
    pub updated_ms: u64,
}

/// What an append waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The batch is on disk: it survives power loss.
    Synced,
    /// The batch is handed to the kernel: it survives the death of the process, and power loss only from the next
    /// successful sync on.
    Written,
}

/// Where documents are kept.
///
/// A document has one owner. Its calls for one document come one after the other, but for two freedoms: reads may run
/// beside anything, and a snapshot beside appends of later sequences.
///
/// When `append`, `sync` or `snapshot` fails in a way that [stops writes](StoreError::stops_writes), all writes are
/// refused with that error until [`Store::recover`] succeeds, while reads go on. What the failed call wrote is
/// undecided: it may or may not be there after recovery, wholly or not at all. After a failed sync the same holds for
/// everything that was only `Written` since the last good one. So after recovery the caller appends again all that
/// it does not know to be durable, with the same sequences and bytes.
pub trait Store: Send + Sync {
    /// Appends all records, or none, in one write batch. With [`Durability::Synced`] it returns once the batch and
    /// everything before it is on disk. The same record may be appended again.
    fn append(&self, records: &[Append<'_>], durability: Durability) -> Result<(), StoreError>;

    /// Makes everything appended so far durable.
    fn sync(&self) -> Result<(), StoreError>;

    /// Reads a document; `None` where nothing was ever appended to it.
    fn load(&self, document: DocumentKey) -> Result<Option<Stored>, StoreError>;

    /// The records after a sequence (0: all), ascending; `None` where a snapshot has already replaced some of them.
    fn tail(&self, document: DocumentKey, after: u64) -> Result<Option<Vec<Record>>, StoreError>;

    /// Puts a snapshot that holds all updates up to `sequence`, in place of the older one and of these records, in
    /// one synced batch. A snapshot at or below the sequence of the stored one changes nothing.
    fn snapshot(&self, document: DocumentKey, sequence: u64, update: &[u8]) -> Result<(), StoreError>;

    /// Takes all these documents away, with everything that is kept of them, and puts their successors in their places, all or none; returns once
    /// that is on disk. One that is not there is not missed.
    ///
    /// Whoever asks for it takes care that nothing of these documents is being written, read or appended again meanwhile. What was
    /// appended to them before need not be known to be durable: it is not to be appended again. A document that is appended to afterwards is
    /// a new one, whose sequences begin at 1.
    fn delete(&self, documents: &[Deletion<'_>]) -> Result<(), StoreError>;

    /// Makes a failed store writable again, or says why it cannot be: probes whether the disk takes what it must, then
    /// repairs. Costs next to nothing where nothing failed.
    fn recover(&self) -> Result<(), StoreError>;
}

/// What is kept beside the documents' records, for those who look at documents from outside. Its writes are refused like the store's.
pub trait Catalog: Store {
    /// Documents by name.
    fn list(&self, listing: Listing<'_>) -> Result<Vec<Listed>, StoreError>;

    /// What is known of a document without its updates, which are read to find out; `None` where nothing was ever appended to it.
    fn describe(&self, document: DocumentKey) -> Result<Option<Description>, StoreError>;

    /// The name of a document; `None` where nothing is stored of it. Its updates are not read.
    fn name(&self, document: DocumentKey) -> Result<Option<String>, StoreError>;

    /// Whether anything is stored of a document, be it damaged or not.
    fn contains(&self, document: DocumentKey) -> Result<bool, StoreError>;

    /// Keeps a version, in one synced batch. [`StoreError::Unknown`] where the document is another one, or gone.
    fn save_version(&self, version: NewVersion<'_>) -> Result<Version, StoreError>;

    /// All versions of a document, ascending. Damaged ones are left out here, and named when they are asked for.
    fn versions(&self, document: DocumentKey) -> Result<Vec<Version>, StoreError>;

    /// A version and its state; `None` where it is not there.
    fn version(&self, document: DocumentKey, id: u64) -> Result<Option<(Version, Vec<u8>)>, StoreError>;

    /// Takes versions away, all or none, and returns once that is on disk. Those that are not there are not missed.
    fn delete_versions(&self, document: DocumentKey, ids: &[u64]) -> Result<(), StoreError>;
}

/// Refuses records that break the limits: the caller's fault, found before anything is written.
pub fn check_append(records: &[Append<'_>]) -> Result<(), StoreError> {
    for record in records {
        if record.sequence == 0 {
            return Err(StoreError::SequenceZero { document: record.document });
        }
        check_bytes(Limit::Name, record.name.len(), NAME_BYTES_MAX)?;
        check_bytes(Limit::Update, record.update.len(), UPDATE_BYTES_MAX)?;
    }
    Ok(())
}

/// Refuses a snapshot that breaks the limits: the caller's fault, found before anything is written.
pub fn check_snapshot(document: DocumentKey, sequence: u64, update: &[u8]) -> Result<(), StoreError> {
    if sequence == 0 {
        return Err(StoreError::SequenceZero { document });
    }
    check_bytes(Limit::Snapshot, update.len(), SNAPSHOT_BYTES_MAX)
}

pub(crate) fn check_bytes(limit: Limit, bytes: usize, max: usize) -> Result<(), StoreError> {
    if bytes > max { Err(StoreError::TooLarge { limit, bytes, max }) } else { Ok(()) }
}
