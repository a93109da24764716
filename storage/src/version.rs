//! Versions: whole states of a document, kept by number beside its log. Does not know what a state means, nor when one is kept.

use crate::{DocumentKey, Limit, StoreError};

/// The longest name of a version, and of its author, in bytes of UTF-8.
pub const VERSION_TEXT_BYTES_MAX: usize = 1 << 10;

/// A version, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number among those of its document: the later, the higher, and never given twice.
    pub id: u64,
    /// What it is called; may be empty.
    pub name: String,
    /// Who kept it, where that is known.
    pub author: Option<String>,
    /// When it was kept, in milliseconds since 1970, by this machine's clock.
    pub taken_ms: u64,
    /// The last record that is in it.
    pub sequence: u64,
    /// The size of its state.
    pub bytes: u64,
    /// It was kept by a rule, not by hand.
    pub is_automatic: bool,
}

/// A version to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewVersion<'a> {
    /// The document.
    pub document: DocumentKey,
    /// When the document was made that the state was read of: it is kept only if that is still the one that is stored.
    pub created_ms: u64,
    /// At most [`VERSION_TEXT_BYTES_MAX`] bytes.
    pub name: &'a str,
    /// At most [`VERSION_TEXT_BYTES_MAX`] bytes.
    pub author: Option<&'a str>,
    /// By a rule, not by hand.
    pub is_automatic: bool,
    /// The last record that is in the state.
    pub sequence: u64,
    /// The state: at most [`SNAPSHOT_BYTES_MAX`](crate::SNAPSHOT_BYTES_MAX) opaque bytes.
    pub update: &'a [u8],
}

/// Refuses a version that breaks the limits: the caller's fault, found before anything is written.
pub(crate) fn check_version(version: &NewVersion<'_>) -> Result<(), StoreError> {
    if version.sequence == 0 {
        return Err(StoreError::SequenceZero { document: version.document });
    }
    let author = version.author.unwrap_or_default();
    for text in [version.name, author] {
        crate::store::check_bytes(Limit::VersionText, text.len(), VERSION_TEXT_BYTES_MAX)?;
    }
    crate::store::check_bytes(Limit::Snapshot, version.update.len(), crate::SNAPSHOT_BYTES_MAX)
}
