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

/// All keys of a document, in any column family that begins its keys with it: what follows is never longer than this end.
pub(super) fn of(document: DocumentKey) -> Range<Vec<u8>> {
    document.0.to_vec()..[&document.0[..], &[0xff; VERSION_PART_KEY_BYTES - 16 + 1]].concat()
}

/// Document, then number, big-endian: a document's versions lie together, ascending.
pub(super) fn version(document: DocumentKey, id: u64) -> [u8; LOG_KEY_BYTES] {
    log(document, id)
}

/// The number in a version's key; `None` where the key has another length.
pub(super) fn version_id(key: &[u8]) -> Option<u64> {
    log_sequence(key)
}

/// The bytes of the key of a version's part.
pub(super) const VERSION_PART_KEY_BYTES: usize = 28;

/// Document, number, part, big-endian.
pub(super) fn version_part(document: DocumentKey, id: u64, part: u32) -> [u8; VERSION_PART_KEY_BYTES] {
    let mut key = [0; VERSION_PART_KEY_BYTES];
    key[..LOG_KEY_BYTES].copy_from_slice(&version(document, id));
    key[LOG_KEY_BYTES..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The keys of all parts of a version.
pub(super) fn version_parts(document: DocumentKey, id: u64) -> Range<Vec<u8>> {
    let end = [&version_part(document, id, u32::MAX)[..], &[0]].concat();
    version_part(document, id, 0).to_vec()..end
}
