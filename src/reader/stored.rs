//! From the words of the store to those of the shards: the two crates do not know each other. Reads nothing by itself.

use selvedge_shards::reading::{ReadFailed, Record, State};
use selvedge_shards::{DocumentId, Sequence};
use selvedge_storage::{self as storage, DocumentKey, Stored};

/// The document through a record, as one update.
///
/// # Errors
///
/// What is stored has a hole, ends before that record, or is no update.
pub fn assemble(stored: &Stored, through: Sequence) -> Result<State, ReadFailed> {
    State::assemble(stored.snapshot.as_ref().map(record), &records(&stored.log), through)
}

/// The last record that is stored; 0 where there is none.
#[must_use]
pub fn last(stored: &Stored) -> Sequence {
    let last = stored.log.last().or(stored.snapshot.as_ref());
    Sequence(last.map_or(0, |last| last.sequence))
}

/// A log's records, borrowed.
#[must_use]
pub fn records(log: &[storage::Record]) -> Vec<Record<'_>> {
    log.iter().map(record).collect()
}

fn record(record: &storage::Record) -> Record<'_> {
    Record { sequence: Sequence(record.sequence), update: &record.update }
}

/// What a document is called on disk.
#[must_use]
pub fn key(document: DocumentId) -> DocumentKey {
    DocumentKey(document.0)
}
