//! What a request works on: a descriptor of the process, or a slot of the ring that it is given to. Knows nothing of requests.

use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{squeue, types};

/// A number, and what it counts.
#[derive(Clone, Copy)]
pub(super) struct Target {
    number: i32,
    flags: squeue::Flags,
}

impl Target {
    pub(super) fn descriptor(descriptor: BorrowedFd<'_>) -> Self {
        Self { number: descriptor.as_raw_fd(), flags: squeue::Flags::empty() }
    }

    pub(super) fn slot(slot: u32) -> Self {
        let number = i32::try_from(slot).expect("a table has less than 2^20 slots");
        Self { number, flags: squeue::Flags::FIXED_FILE }
    }

    /// The number alone; only together with [`Target::flags`] it is what it should be.
    pub(super) fn number(self) -> types::Fd {
        types::Fd(self.number)
    }

    pub(super) fn flags(self) -> squeue::Flags {
        self.flags
    }
}
