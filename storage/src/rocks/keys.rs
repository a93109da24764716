//! The keys of the column families, in the order in which they are read. Does not know their values.

use std::ops::Range;

use crate::DocumentKey;

/// The bytes of a log record's key.
pub(super) const LOG_KEY_BYTES: usize = 24;

/// Document, then sequence, big-endian: a document's records lie together, ascending.
pub(super) fn log(document: DocumentKey, sequence: u64) -> [u8; LOG_KEY_BYTES] {
    let mut key = [0; LOG_KEY_BYTES];
    key[..16].copy_from_slice(&document.0);
    key[16..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// The sequence in a log record's key; `None` where the key has another length.
pub(super) fn log_sequence(key: &[u8]) -> Option<u64> {
    let key: &[u8; LOG_KEY_BYTES] = key.try_into().ok()?;
    key.last_chunk().copied().map(u64::from_be_bytes)
}

/// The keys of a document's records from a sequence on.
pub(super) fn log_from(document: DocumentKey, first: u64) -> Range<Vec<u8>> {
    // One byte longer than the last possible record, so that it lies behind it and before the next document.
    let end = [&log(document, u64::MAX)[..], &[0]].concat();
    log(document, first).to_vec()..end
}

/// Document, then part, big-endian.
pub(super) fn snapshot_part(document: DocumentKey, part: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&document.0);
    key[16..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The first key that cannot belong to this document, in any column family: none has longer ones.
pub(super) fn behind(document: DocumentKey) -> Vec<u8> {
    [&document.0[..], &[0xff; LOG_KEY_BYTES]].concat()
}
