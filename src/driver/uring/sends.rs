//! Frames that the kernel is sending. Apart from the connections, so that one that sends nothing pays nothing.

use std::num::NonZeroU32;

use selvedge_shards::Frame;

/// Names a send in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(NonZeroU32);

/// A frame on its way.
pub(super) struct Sending {
    frame: Frame,
    /// Bytes that the kernel has taken.
    sent: usize,
}

impl Sending {
    /// What the kernel has yet to take.
    pub(super) fn rest(&self) -> &[u8] {
        &self.frame.as_ref()[self.sent..]
    }

    /// The kernel took `bytes` more.
    pub(super) fn advance(&mut self, bytes: usize) {
        assert!(bytes <= self.rest().len(), "the kernel sends what it was given");
        self.sent += bytes;
    }

    pub(super) fn into_frame(self) -> Frame {
        self.frame
    }
}

/// All sends in flight of a core. Holds as many places as there ever were at once.
#[derive(Default)]
pub(super) struct Sends {
    places: Vec<Option<Sending>>,
    free: Vec<Slot>,
}

impl Sends {
    /// Keeps the frame's bytes where they are until [`Sends::remove`].
    pub(super) fn insert(&mut self, frame: Frame) -> Slot {
        let sending = Some(Sending { frame, sent: 0 });
        if let Some(slot) = self.free.pop() {
            self.places[Self::place(slot)] = sending;
            return slot;
        }
        self.places.push(sending);
        let number = u32::try_from(self.places.len()).ok().and_then(NonZeroU32::new);
        Slot(number.expect("each connection sends once at a time, and has a 32 bit index"))
    }

    pub(super) fn at(&mut self, slot: Slot) -> &mut Sending {
        self.places[Self::place(slot)].as_mut().expect("a slot is used until it is removed")
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Sending {
        self.free.push(slot);
        self.places[Self::place(slot)].take().expect("a slot is removed once")
    }

    fn place(slot: Slot) -> usize {
        slot.0.get() as usize - 1
    }
}
