//! What has become of requests. Numbers only, each right by itself; two of them may be of different moments.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::error::ViewError;

/// Figures since the start, and of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests, those included that are refused.
    pub requests: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Refused: [`ViewError::Busy`].
    pub busy: u64,
    /// [`ViewError::TimedOut`].
    pub timed_out: u64,
    /// [`ViewError::TooLarge`].
    pub too_large: u64,
    /// [`ViewError::Died`].
    pub died: u64,
    /// [`ViewError::Malformed`].
    pub malformed: u64,
    /// [`ViewError::BadOperation`] and [`ViewError::NoSuchRoot`].
    pub refused: u64,
    /// [`ViewError::Unavailable`].
    pub unavailable: u64,
    /// Given up by whoever asked.
    pub abandoned: u64,
    /// Workers started.
    pub workers_started: u64,
    /// Workers that ended otherwise than they should have: killed by the kernel, by the watchdog, or for what they said.
    pub workers_lost: u64,
    /// Workers that have a request now.
    pub workers_busy: usize,
    /// Workers that wait for one now.
    pub workers_idle: usize,
    /// Requests that wait for a worker now.
    pub waiting: usize,
}

/// [`Counters`] as they grow.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: AtomicU64,
    answered: AtomicU64,
    busy: AtomicU64,
    timed_out: AtomicU64,
    too_large: AtomicU64,
    died: AtomicU64,
    malformed: AtomicU64,
    refused: AtomicU64,
    unavailable: AtomicU64,
    pub(super) abandoned: AtomicU64,
    pub(super) workers_started: AtomicU64,
    pub(super) workers_lost: AtomicU64,
    pub(super) workers_busy: AtomicUsize,
    pub(super) waiting: AtomicUsize,
}

impl Tally {
    /// A request has ended.
    pub(super) fn count<T>(&self, result: &Result<T, ViewError>) {
        let counter = match result {
            Ok(_) => &self.answered,
            Err(ViewError::Busy) => &self.busy,
            Err(ViewError::TimedOut { .. }) => &self.timed_out,
            Err(ViewError::TooLarge { .. }) => &self.too_large,
            Err(ViewError::Died(_)) => &self.died,
            Err(ViewError::Malformed) => &self.malformed,
            Err(ViewError::BadOperation { .. } | ViewError::NoSuchRoot) => &self.refused,
            Err(ViewError::Unavailable { .. }) => &self.unavailable,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self, workers_idle: usize) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            requests: read(&self.requests),
            answered: read(&self.answered),
            busy: read(&self.busy),
            timed_out: read(&self.timed_out),
            too_large: read(&self.too_large),
            died: read(&self.died),
            malformed: read(&self.malformed),
            refused: read(&self.refused),
            unavailable: read(&self.unavailable),
            abandoned: read(&self.abandoned),
            workers_started: read(&self.workers_started),
            workers_lost: read(&self.workers_lost),
            workers_busy: self.workers_busy.load(Ordering::Relaxed),
            workers_idle,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// One more, as long as it is there.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a AtomicUsize);

impl<'a> Held<'a> {
    pub(super) fn on(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
