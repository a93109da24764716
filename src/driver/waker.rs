//! Ends a driver's turn from any thread. Knows nothing of what the woken core is to do.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// Ends a driver's turn from any thread. Cheap to clone; a wake that comes before the turn is not lost, and several make one.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Written to from threads that have no ring, and for drivers that have none.
    event: OwnedFd,
    /// The ring to send a message to, where the driver has one. Only a number: when the driver is gone the kernel refuses the
    /// message, or a ring that took the number ends one turn for nothing.
    ring: Option<RawFd>,
    /// A wake is on its way and the driver has not yet seen it: further ones need no system call.
    pending: AtomicBool,
}

impl Waker {
    /// A waker whose signals arrive at [`Waker::event`], or as a message to `ring`.
    pub(super) fn new(ring: Option<RawFd>) -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Shared { event, ring, pending: AtomicBool::new(false) })))
    }

    /// Ends the driver's turn, or lets its next one not wait.
    pub fn wake(&self) {
        if self.claim() {
            self.signal();
        }
    }

    /// Whether a signal must be sent now: none is on its way.
    ///
    /// Whoever finds one on its way may rely on it: what was written before this call is seen by the driver's thread after its
    /// [`Waker::reset`], because both are read-modify-writes of one word.
    pub(super) fn claim(&self) -> bool {
        !self.0.pending.swap(true, Ordering::AcqRel)
    }

    /// The driver's turn has ended: from here on a wake needs a new signal.
    pub(super) fn reset(&self) {
        self.0.pending.swap(false, Ordering::AcqRel);
    }

    /// Sends the signal by the eventfd, which works from every thread.
    pub(super) fn signal(&self) {
        // The only error is a full counter, and then the driver is about to wake up anyway.
        let _ = rustix::io::write(&self.0.event, &1u64.to_ne_bytes());
    }

    /// Takes the signals out of the eventfd.
    pub(super) fn drain(&self) {
        // The only error is that there is none.
        let _ = rustix::io::read(&self.0.event, &mut [0u8; 8]);
    }

    pub(super) fn event(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }

    pub(super) fn ring(&self) -> Option<RawFd> {
        self.0.ring
    }

    /// Both end the turns of the same driver.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
