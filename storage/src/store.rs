//! The contract of a store, and the limits of what it takes. Does not know where the bytes go.

use crate::{DocumentKey, Limit, StoreError};

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
    /// The last snapshot.
    pub snapshot: Option<Record>,
    /// The records after the snapshot, ascending, without a gap.
    pub log: Vec<Record>,
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

    /// Makes a failed store writable again, or says why it cannot be: probes whether the disk takes what it must, then
    /// repairs. Costs next to nothing where nothing failed.
    fn recover(&self) -> Result<(), StoreError>;
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

fn check_bytes(limit: Limit, bytes: usize, max: usize) -> Result<(), StoreError> {
    if bytes > max { Err(StoreError::TooLarge { limit, bytes, max }) } else { Ok(()) }
}
