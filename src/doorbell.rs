//! Whether a core sleeps, and how to wake it. Knows nothing of what it is woken for.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use crate::driver::Waker;

/// One core's doorbell. Whoever has something for the core queues it first and rings then; only a core that has said that it
/// is going to sleep costs the ringer a system call, and only the first ringer pays.
///
/// The two sides each write, fence and read: the ringer its queue and then the flag, the core its flag and then the queues. So at
/// least one of them sees the other, and nothing is left lying while the core sleeps.
#[derive(Debug, Default)]
pub struct Doorbell {
    sleeping: AtomicBool,
    /// Set when the core's driver stands. Until then the core is not asleep: it looks into its queues before it sleeps first.
    waker: OnceLock<Waker>,
}

impl Doorbell {
    /// Gives the bell its wire. Once.
    pub fn connect(&self, waker: Waker) {
        assert!(self.waker.set(waker).is_ok(), "a doorbell is connected once");
    }

    /// For threads without a driver: wakes the core if it sleeps.
    pub fn ring(&self) {
        if self.claim()
            && let Some(waker) = self.waker.get()
        {
            waker.wake();
        }
    }

    /// The core sleeps and the caller is the one who has to wake it. To be asked after something was queued.
    #[must_use]
    pub fn claim(&self) -> bool {
        fence(Ordering::SeqCst);
        self.sleeping.load(Ordering::Relaxed) && self.sleeping.swap(false, Ordering::AcqRel)
    }

    /// The core is going to sleep. It must look into all its queues once more after this.
    pub fn announce_sleep(&self) {
        self.sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The core is awake, whoever woke it.
    pub fn awake(&self) {
        self.sleeping.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_ringer_has_to_wake_a_sleeper() {
        let bell = Doorbell::default();
        assert!(!bell.claim(), "an awake core needs no wake");
        bell.announce_sleep();
        assert!(bell.claim());
        assert!(!bell.claim());
        bell.announce_sleep();
        bell.awake();
        assert!(!bell.claim());
    }
}
