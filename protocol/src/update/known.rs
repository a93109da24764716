//! What a server keeps of a document in memory: which units exist and which are deleted, but none of the content.

mod deletes;

pub use deletes::KnownDeletes;

use super::delete_set::walk_delete_set;
use super::limits::Limits;
use super::structs::{Body, Id};
use super::walk::{close, open, walk};
use super::{Accepted, Refused, Result, StateVector};
use crate::lib0::put_uint;

/// State vector and deletions of a causally complete document.
///
/// Deletions are kept because a delete set says nothing of what is news: a client that lacks nothing sends the whole
/// delete set of the document each time it reconnects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    clocks: StateVector,
    deletes: KnownDeletes,
}

impl Known {
    /// What is known of a document with this state, in one pass.
    ///
    /// The state must be causally complete, as whatever [`super::accept()`] lets in is. Gaps, and deletions of what does
    /// not exist, are refused as [`Refused::Incomplete`]; references are not followed.
    pub fn of(state: &[u8]) -> Result<Self> {
        let mut r = open(state, &Limits::UNLIMITED)?;
        let mut clocks: Vec<(u64, u32)> = Vec::new();
        walk(&mut r, &Limits::UNLIMITED, |s| {
            if clocks.last().is_none_or(|&(client, _)| client != s.id.client) {
                if s.id.clock > 0 {
                    return Err(Refused::Incomplete(Id { client: s.id.client, clock: 0 }));
                }
                clocks.push((s.id.client, 0));
            }
            if let Body::Skip = s.body {
                return Err(Refused::Incomplete(s.id));
            }
            if let Some(last) = clocks.last_mut() {
                last.1 = s.end;
            }
            Ok(())
        })?;
        let clocks: StateVector = clocks.into_iter().rev().collect();
        let mut deletes = super::DeleteSet::default();
        let mut beyond = None;
        walk_delete_set(&mut r, &Limits::UNLIMITED, |range| {
            if range.end > clocks.clock(range.client) {
                beyond.get_or_insert(Id { client: range.client, clock: range.end - 1 });
            }
            deletes.push(range);
        })?;
        close(&r)?;
        if let Some(id) = beyond {
            return Err(Refused::Incomplete(id));
        }
        deletes.normalise();
        let mut known = Self { clocks, deletes: KnownDeletes::default() };
        known.deletes.extend(&deletes);
        Ok(known)
    }

    /// Takes in what [`super::accept()`] accepted against this; or against what it was before, where no client whose structs are in it stands at
    /// another clock by now. Deletions may be known by then.
    pub fn apply(&mut self, accepted: &Accepted<'_>) {
        self.clocks.raise(&accepted.clocks);
        self.deletes.extend(&accepted.deletes);
    }

    /// The next clock of every client.
    #[must_use]
    pub fn clocks(&self) -> &StateVector {
        &self.clocks
    }

    /// What is deleted.
    #[must_use]
    pub fn deletes(&self) -> &KnownDeletes {
        &self.deletes
    }

    /// The state vector as a SyncStep1 carries it.
    #[must_use]
    pub fn state_vector_bytes(&self) -> Vec<u8> {
        self.clocks.encode()
    }

    /// All deletions as an update without structs: the answer to a client that lacks none. `00 00` when there are none.
    #[must_use]
    pub fn encode_deletes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + 8 * self.deletes.ranges());
        put_uint(&mut out, 0);
        self.deletes.put(&mut out);
        out
    }

    /// Whether a peer with this state vector lacks no struct.
    #[must_use]
    pub fn is_covered_by(&self, peer: &StateVector) -> bool {
        peer.covers(&self.clocks)
    }

    /// How many clients have written to the document.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clocks.len()
    }

    /// How many ranges its deletions take.
    #[must_use]
    pub fn delete_ranges(&self) -> usize {
        self.deletes.ranges()
    }

    /// About how much memory this takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.clocks.memory_bytes() + self.deletes.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lib0::Malformed;
    use crate::update::{Verdict, accept};

    /// Client 2: "ab" then a Gc of 3; client 1: "x" after the "b". Deleted: 2:1-4.
    const STATE: [u8; 27] =
        [2, 2, 2, 0, 4, 1, 1, b't', 2, b'a', b'b', 0, 3, 1, 1, 0, 0x84, 2, 1, 1, b'x', 1, 2, 1, 1, 3, 0];

    fn state() -> &'static [u8] {
        &STATE[..26]
    }

    #[test]
    fn a_stored_state_is_known_as_if_its_updates_had_been_accepted() {
        let mut grown = Known::default();
        let Verdict::Accepted(accepted) = accept(&grown, state(), &Limits::default()) else { panic!("complete") };
        grown.apply(&accepted);
        let known = Known::of(state()).expect("complete");
        assert_eq!(known, grown);
        assert_eq!((known.clients(), known.delete_ranges()), (2, 1));
        assert_eq!(known.state_vector_bytes(), [2, 2, 5, 1, 1]);
        assert_eq!(known.encode_deletes(), [0, 1, 2, 1, 1, 3]);
        assert!(known.memory_bytes() >= size_of::<Known>() + 2 * 16 + 8);
    }

    #[test]
    fn an_empty_document_has_no_deletions() {
        assert_eq!(Known::of(&[0, 0]), Ok(Known::default()));
        assert_eq!(Known::default().encode_deletes(), [0, 0]);
        assert_eq!(Known::default().state_vector_bytes(), [0]);
    }

    #[test]
    fn a_state_with_gaps_is_incomplete() {
        let late = [1, 1, 7, 2, 0, 1, 0];
        assert_eq!(Known::of(&late), Err(Refused::Incomplete(Id { client: 7, clock: 0 })));
        let skip = [1, 3, 7, 0, 0, 2, 10, 1, 0, 1, 0];
        assert_eq!(Known::of(&skip), Err(Refused::Incomplete(Id { client: 7, clock: 2 })));
        let beyond = [1, 1, 7, 0, 0, 2, 1, 7, 1, 1, 2];
        assert_eq!(Known::of(&beyond), Err(Refused::Incomplete(Id { client: 7, clock: 2 })));
        assert_eq!(Known::of(&STATE), Err(Refused::TrailingBytes));
        assert_eq!(Known::of(&state()[..9]), Err(Malformed::CountTooLarge.into()));
    }

    #[test]
    fn a_peer_covers_it_when_it_lacks_no_struct() {
        let known = Known::of(state()).expect("complete");
        let peer = |clocks: &[(u64, u32)]| -> StateVector { clocks.iter().copied().collect() };
        assert!(known.is_covered_by(&peer(&[(1, 1), (2, 5), (9, 4)])));
        assert!(!known.is_covered_by(&peer(&[(1, 1), (2, 4)])));
    }
}
