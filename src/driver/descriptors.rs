//! Where sockets are held: which bound there is to their number. Knows nothing of how.

/// Where a driver holds its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// Each is a descriptor of the process, of which there are as many as RLIMIT_NOFILE allows.
    Process,
    /// Each is a slot in the table of an io_uring ring, and a descriptor of the process only in passing: when it is accepted, and when it
    /// moves to another core. A ring has as many slots as RLIMIT_NOFILE allows, and a driver as many rings as it needs. Linux 6.13.
    Direct {
        /// Slots of one ring at most, however many RLIMIT_NOFILE allows. Each takes 8 bytes of the kernel's memory before it is used.
        slots_per_ring_max: u32,
    },
}

impl Descriptors {
    /// [`Descriptors::Direct`] as a server wants it: 2 MiB for the table of a ring, and the fewest rings.
    pub const DIRECT: Self = Self::Direct { slots_per_ring_max: 1 << 18 };
}
