//! The key of a document on disk. Does not know how a name becomes a key.

use std::fmt;

/// 16 bytes that name a document on disk. Its owner derives them from the document's name by a cryptographic hash, and
/// compares the name that [`Stored`](crate::Stored) gives back, so that a collision is noticed and not served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey(pub [u8; 16]);

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentKey({self})")
    }
}
