//! Names of things: shards, documents, sessions, sequences. Types, so that one cannot be passed for another.

use sha2::{Digest, Sha256};

/// A core's share of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

/// What a document is called in memory, between cores and on disk: the first 16 bytes of the SHA-256 of its name. A cryptographic
/// hash, because names come from outside and two that met in one id would share a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(pub [u8; 16]);

impl DocumentId {
    /// The id of a name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// The shard that owns the document, where there are `shards` of them (at least 1).
    #[must_use]
    pub fn owner(&self, shards: u16) -> ShardId {
        let mut head = [0; 8];
        head.copy_from_slice(&self.0[..8]);
        let owner = u64::from_be_bytes(head) % u64::from(shards);
        ShardId(u16::try_from(owner).expect("a remainder of a u16 fits one"))
    }
}

/// A session on this core, chosen by whoever attaches it: indexes are dense (they are places in a table), and a place that is
/// used again has another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    /// Place in the table.
    pub index: u32,
    /// Which of the place's owners.
    pub generation: u32,
}

/// A session anywhere on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionRef {
    /// Where its socket lives.
    pub shard: ShardId,
    /// Its name there.
    pub session: SessionId,
}

/// Number of a record in a document's op log. The first is 1; 0 is before all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Documents that a shard has deleted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeletionCount(pub u64);

impl DeletionCount {
    /// One more.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A finer reading of the clock, in microseconds. For measuring only: nothing is decided by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// Microseconds from `then` to this reading.
    #[must_use]
    pub fn since(self, then: Moment) -> u64 {
        self.0.saturating_sub(then.0)
    }
}

/// A reading of the clock, in milliseconds since some moment before the start. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(pub u64);

impl Now {
    /// Milliseconds from `then` to this reading.
    #[must_use]
    pub fn since(self, then: Now) -> u64 {
        self.0.saturating_sub(then.0)
    }
}
