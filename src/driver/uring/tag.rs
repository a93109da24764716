//! What a completion answers, packed into the 64 bits that io_uring carries through.

use crate::driver::ConnectionKey;

/// What was asked of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// One of the accepts on this core's listener.
    Accept = 1,
    /// The multishot poll on the waker's eventfd.
    Event = 2,
    /// Another ring's message: nobody here asked for it.
    Woken = 3,
    /// A message to the ring of the core in `index`; answered only if it failed.
    Notify = 4,
    /// The multishot poll of a connection.
    Poll = 5,
    /// One receive of a connection.
    Receive = 6,
    /// The send of a connection.
    Send = 7,
    /// A cancellation; answered only if there was nothing to cancel.
    Cancel = 8,
    /// The connect of a connection.
    Connect = 9,
    /// The multishot poll on the bell of the auxiliary rings.
    Bell = 10,
    /// The making of a process descriptor for a connection in a slot.
    Install = 11,
}

/// What a completion answers, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    pub(super) key: ConnectionKey,
}

const GENERATION_BITS: u32 = 24;

impl Tag {
    pub(super) fn new(kind: Kind, key: ConnectionKey) -> Self {
        assert!(key.generation < 1 << GENERATION_BITS, "a generation has 24 bits");
        Self { kind, key }
    }

    /// For what belongs to the core as a whole.
    pub(super) fn of_core(kind: Kind) -> Self {
        Self::new(kind, ConnectionKey { index: 0, generation: 0 })
    }

    /// Exactly one completion without the MORE flag will come for it.
    pub(super) fn is_answered(self) -> bool {
        match self.kind {
            Kind::Accept
            | Kind::Event
            | Kind::Poll
            | Kind::Receive
            | Kind::Send
            | Kind::Connect
            | Kind::Bell
            | Kind::Install => true,
            Kind::Woken | Kind::Notify | Kind::Cancel => false,
        }
    }

    pub(super) fn encode(self) -> u64 {
        (self.kind as u64) << 56 | u64::from(self.key.generation) << 32 | u64::from(self.key.index)
    }

    /// # Panics
    ///
    /// If nothing of ours was ever encoded so: memory shared with the kernel is broken.
    pub(super) fn decode(bits: u64) -> Self {
        let kind = match bits >> 56 {
            1 => Kind::Accept,
            2 => Kind::Event,
            3 => Kind::Woken,
            4 => Kind::Notify,
            5 => Kind::Poll,
            6 => Kind::Receive,
            7 => Kind::Send,
            8 => Kind::Cancel,
            9 => Kind::Connect,
            10 => Kind::Bell,
            11 => Kind::Install,
            other => panic!("a completion of kind {other}, which was never asked for"),
        };
        let generation = (bits >> 32) as u32 & ((1 << GENERATION_BITS) - 1);
        Self { kind, key: ConnectionKey { index: bits as u32, generation } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_as_it_was() {
        let kinds = [
            Kind::Accept,
            Kind::Event,
            Kind::Woken,
            Kind::Notify,
            Kind::Poll,
            Kind::Receive,
            Kind::Send,
            Kind::Cancel,
            Kind::Connect,
            Kind::Bell,
            Kind::Install,
        ];
        for kind in kinds {
            for (index, generation) in [(0, 0), (u32::MAX, 0), (0, (1 << 24) - 1), (u32::MAX, (1 << 24) - 1), (7, 9)] {
                let tag = Tag::new(kind, ConnectionKey { index, generation });
                assert_eq!(Tag::decode(tag.encode()), tag);
            }
        }
    }
}
