//! The buffers that the kernel receives into: one group for the whole core. Knows nothing of who receives.
#![expect(unsafe_code, reason = "the kernel writes into the buffers, and reads the ring that offers them")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

use super::ring::Ring;
use crate::driver::RECEIVE_BYTES_MAX;

/// The group's name in the ring.
pub(super) const GROUP: u16 = 0;
/// Buffers of a core. More would not stay in the L2 cache; fewer would split the receives of a busy turn.
pub(super) const COUNT: u16 = 256;

/// The kernel wants the ring on a page of its own.
const RING_BYTES: usize = 4096;
const _: () = assert!(COUNT.is_power_of_two() && COUNT as usize * size_of::<BufRingEntry>() <= RING_BYTES);

/// The ring that offers buffers to the kernel, followed by the buffers.
pub(super) struct Buffers {
    /// One allocation: `RING_BYTES` of ring, then `COUNT` buffers of `RECEIVE_BYTES_MAX`.
    memory: NonNull<u8>,
    /// Buffers offered since the start, modulo 2^16; the kernel sees it on [`Buffers::publish`].
    tail: u16,
    /// The kernel may never let go of the memory.
    abandoned: bool,
}

impl Buffers {
    const LAYOUT: Layout = match Layout::from_size_align(RING_BYTES + COUNT as usize * RECEIVE_BYTES_MAX, RING_BYTES) {
        Ok(layout) => layout,
        Err(_) => panic!("the buffers fit into memory"),
    };

    /// Registers the group. It must be kept until the ring is closed and nothing is in flight.
    pub(super) fn register(ring: &Ring) -> io::Result<Self> {
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(Self::LAYOUT) };
        let memory = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(Self::LAYOUT));
        // Every page is written to, so that it is there from the start, and neither the first connections nor whoever measures what a
        // connection costs pays for it. Not with zeros: the compiler would ask the kernel for untouched pages instead.
        // SAFETY: the allocation has exactly so many bytes, and the ring comes first in it.
        unsafe {
            memory.write_bytes(1, Self::LAYOUT.size());
            memory.write_bytes(0, RING_BYTES);
        }
        let mut buffers = Self { memory, tail: 0, abandoned: false };
        // SAFETY: the address is that of `COUNT` entries on a page boundary, and stays valid until `Drop`, which comes after the end of
        // the ring: `Uring` keeps that order.
        unsafe { ring.submitter().register_buf_ring_with_flags(memory.as_ptr() as u64, COUNT, GROUP, 0) }?;
        for id in 0..COUNT {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// The first `length` bytes of a buffer that a completion named, and that was not given back since.
    pub(super) fn filled(&mut self, id: u16, length: usize) -> &mut [u8] {
        assert!(id < COUNT && length <= RECEIVE_BYTES_MAX, "the kernel names a buffer that it was offered");
        // SAFETY: inside the allocation by the assertion, and initialised since it was made. Between the completion that named it and
        // `give_back` the kernel does not touch it, and `self` is borrowed for as long as the slice lives.
        unsafe { std::slice::from_raw_parts_mut(self.buffer(id), length) }
    }

    /// Offers a buffer again, from the next [`Buffers::publish`] on.
    pub(super) fn give_back(&mut self, id: u16) {
        let place = usize::from(self.tail & (COUNT - 1));
        let address = self.buffer(id) as u64;
        // SAFETY: `place` is inside the ring. The kernel reads entries below the published tail only, and this one is not; that no buffer is
        // offered twice, so that the ring never overtakes itself, is kept by giving back once for each completion.
        let entry = unsafe { &mut *self.memory.cast::<BufRingEntry>().as_ptr().add(place) };
        entry.set_addr(address);
        entry.set_len(RECEIVE_BYTES_MAX as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was given back.
    pub(super) fn publish(&self) {
        // SAFETY: the address is that of the ring's first entry, where the kernel has put the tail.
        let tail = unsafe { BufRingEntry::tail(self.memory.cast::<BufRingEntry>().as_ptr()) };
        // SAFETY: valid and aligned as part of the allocation; shared with the kernel, hence atomic.
        unsafe { AtomicU16::from_ptr(tail.cast_mut()) }.store(self.tail, Ordering::Release);
    }

    /// Leaves the memory to the kernel, which did not let go of it.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }

    fn buffer(&self, id: u16) -> *mut u8 {
        assert!(id < COUNT, "the kernel names a buffer that it was offered");
        // SAFETY: inside the allocation.
        unsafe { self.memory.as_ptr().add(RING_BYTES + usize::from(id) * RECEIVE_BYTES_MAX) }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if self.abandoned {
            return;
        }
        // SAFETY: allocated in `register` with this layout. The kernel no longer writes to it: the ring is closed and nothing is
        // in flight, or else `Uring` has called `abandon`.
        unsafe { dealloc(self.memory.as_ptr(), Self::LAYOUT) }
    }
}
