//! How the process is, for whoever asks over HTTP: a few atomics, shared by all threads. Does not know who sets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::limits::{Pressure, Stage};
use crate::persister;

/// One for the process.
#[derive(Debug, Default)]
pub struct Health {
    connections: AtomicUsize,
    draining: AtomicBool,
    writing: Arc<persister::Health>,
    pressure: Arc<Pressure>,
}

impl Health {
    /// Of a process that serves, writes as well as this says, and has memory as this says.
    #[must_use]
    pub fn new(writing: Arc<persister::Health>, pressure: Arc<Pressure>) -> Self {
        Self { writing, pressure, ..Self::default() }
    }

    /// A connection came. Says how many there are with it.
    pub fn connected(&self) -> usize {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A connection went.
    pub fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Nothing new is taken from here on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Nothing new is taken.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// How short memory is.
    #[must_use]
    pub fn memory(&self) -> Stage {
        self.pressure.stage()
    }

    /// What the process used when it was last measured, in bytes.
    #[must_use]
    pub fn memory_used_bytes(&self) -> usize {
        self.pressure.used_bytes()
    }

    /// Why no new clients should be sent here, if so.
    #[must_use]
    pub fn unready(&self) -> Option<&'static str> {
        if self.is_draining() {
            Some("draining")
        } else if !self.writing.is_writable() {
            Some("storage writes fail")
        } else if self.pressure.stage() != Stage::Plenty {
            Some("memory is short")
        } else {
            None
        }
    }
}
