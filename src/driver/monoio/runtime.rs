//! monoio's runtime, on io_uring or on epoll, whichever is granted. Knows nothing of sockets.

use std::future::Future;
use std::io;

use monoio::time::TimeDriver;
use monoio::{FusionRuntime, IoUringDriver, LegacyDriver, RuntimeBuilder};

/// Entries of the submission queue, or events of one epoll call.
const ENTRIES: u32 = 4096;
/// Completions of one turn that need no memory of the kernel's own.
const COMPLETION_ENTRIES: u32 = 32_768;

pub(super) struct Runtime(FusionRuntime<TimeDriver<IoUringDriver>, TimeDriver<LegacyDriver>>);

impl Runtime {
    /// On io_uring where the kernel grants it, otherwise on epoll.
    pub(super) fn open() -> io::Result<Self> {
        if !monoio::utils::detect_uring() {
            return Self::open_epoll();
        }
        let mut ring = monoio_io_uring::IoUring::builder();
        // Not DEFER_TASKRUN: monoio submits without asking for completions where a turn must not wait, and would never see any.
        ring.setup_cqsize(COMPLETION_ENTRIES).setup_single_issuer().setup_coop_taskrun();
        // A kernel older than 6.0 does not know the flags.
        Self::open_ring(ring)
            .or_else(|_| Self::open_ring(monoio_io_uring::IoUring::builder()))
            .or_else(|_| Self::open_epoll())
    }

    pub(super) fn open_epoll() -> io::Result<Self> {
        let runtime = RuntimeBuilder::<LegacyDriver>::new().with_entries(ENTRIES).enable_timer().build()?;
        Ok(Self(FusionRuntime::Legacy(runtime)))
    }

    fn open_ring(builder: monoio_io_uring::Builder) -> io::Result<Self> {
        let runtime = RuntimeBuilder::<IoUringDriver>::new().with_entries(ENTRIES).uring_builder(builder);
        Ok(Self(FusionRuntime::Uring(runtime.enable_timer().build()?)))
    }

    pub(super) fn is_epoll(&self) -> bool {
        match &self.0 {
            FusionRuntime::Uring(_) => false,
            FusionRuntime::Legacy(_) => true,
        }
    }

    pub(super) fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}
