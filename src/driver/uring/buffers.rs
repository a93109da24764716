//! The buffers that the kernel receives into: one pool for the whole core, whichever ring receives. Knows nothing of who receives.
#![expect(unsafe_code, reason = "the kernel writes into the buffers while they are lent to it")]

use std::ptr::NonNull;

use crate::driver::RECEIVE_BYTES_MAX;

/// Buffers of a core. More would not stay in the L2 cache; fewer would split the receives of a busy turn.
const COUNT: usize = 256;

type Buffer = [u8; RECEIVE_BYTES_MAX];

/// Names a buffer that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BufferId(u8);

// Every buffer has a name.
const _: () = assert!(COUNT == 1 << u8::BITS);

/// All buffers, and which of them are free.
pub(super) struct Buffers {
    /// `COUNT` buffers, owned. A pointer and not a box: a box would claim that nobody else writes to them.
    memory: NonNull<Buffer>,
    /// The one given back last is taken first: it is still in the cache.
    free: Vec<BufferId>,
    /// The kernel may never let go of the memory.
    abandoned: bool,
}

impl Buffers {
    pub(super) fn new() -> Self {
        // Not zeros, for which the allocator would ask for untouched pages: they are there from the start, and neither the first
        // connections nor whoever measures what a connection costs pays for them.
        let buffers = vec![[1; RECEIVE_BYTES_MAX]; COUNT].into_boxed_slice();
        let free = (0..=u8::MAX).map(BufferId).collect();
        Self { memory: NonNull::from(Box::leak(buffers)).cast(), free, abandoned: false }
    }

    /// A buffer that nobody else has until it is given back.
    pub(super) fn take(&mut self) -> Option<BufferId> {
        self.free.pop()
    }

    pub(super) fn any_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Where a buffer is, for the kernel to write [`RECEIVE_BYTES_MAX`] bytes. Valid until `self` is dropped.
    pub(super) fn address(&self, id: BufferId) -> *mut u8 {
        // SAFETY: inside the allocation, because every id is below `COUNT`.
        unsafe { self.memory.add(usize::from(id.0)) }.as_ptr().cast()
    }

    /// The first `length` bytes of a buffer.
    ///
    /// # Safety
    ///
    /// The kernel does not write to this buffer: no receive into it is in flight.
    pub(super) unsafe fn filled(&mut self, id: BufferId, length: usize) -> &mut [u8] {
        assert!(length <= RECEIVE_BYTES_MAX, "the kernel receives what it was asked for");
        // SAFETY: inside the allocation by the assertion, and initialised since it was made. `self` is borrowed for as long as the slice
        // lives, and the caller keeps the kernel away.
        unsafe { std::slice::from_raw_parts_mut(self.address(id), length) }
    }

    /// Nobody has it any more. To be called once for each [`Buffers::take`].
    pub(super) fn give_back(&mut self, id: BufferId) {
        debug_assert!(!self.free.contains(&id), "{id:?} is free");
        self.free.push(id);
    }

    /// Leaves the memory to the kernel, which did not let go of it.
    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if self.abandoned {
            return;
        }
        let buffers = NonNull::slice_from_raw_parts(self.memory, COUNT);
        // SAFETY: made from such a box in `new` and freed nowhere else. The kernel does not write to it any more: nothing is in flight, or
        // else `Uring` has called `abandon`.
        drop(unsafe { Box::from_raw(buffers.as_ptr()) });
    }
}
