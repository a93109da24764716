//! How workers are run: how many, how long, how large. The same figures hold on both ends of the pipes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::settings::Settings;

/// The command that makes a process a worker.
pub const COMMAND: &str = "view-worker";

/// A worker takes up to so many times the bytes of a document while it looks at it; it is not given what could never fit. Ten times is what small
/// edits take in memory, and an edit may have two documents.
const MEMORY_PER_INPUT_BYTE_MIN: usize = 8;

/// How workers are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The program, which knows the command [`COMMAND`].
    pub program: PathBuf,
    /// Workers at once.
    pub workers_max: usize,
    /// Requests that may wait for one.
    pub waiting_max: usize,
    /// How long a request may take, waiting included.
    pub timeout: Duration,
    /// Address space of a worker.
    pub memory_bytes: usize,
    /// How large an answer may be.
    pub answer_bytes_max: usize,
    /// How many requests a worker is given before another takes its place.
    pub requests_per_worker_max: u32,
}

impl Options {
    /// As set. The program is this one, whatever has been put in its place on disk since.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            program: "/proc/self/exe".into(),
            workers_max: settings.view_workers,
            waiting_max: settings.view_waiting_max,
            timeout: Duration::from_millis(settings.view_timeout_ms),
            memory_bytes: settings.view_memory_bytes,
            answer_bytes_max: settings.view_answer_bytes_max,
            requests_per_worker_max: u32::try_from(settings.view_requests_per_worker_max)
                .expect("the setting is bounded"),
        }
    }

    /// What a worker is given at most.
    pub(super) fn input_bytes_max(&self) -> usize {
        self.memory_bytes / MEMORY_PER_INPUT_BYTE_MIN
    }

    /// The time in which a worker that nobody watches any more ends: that of all its requests, and a second to start.
    fn cpu_seconds(&self) -> u64 {
        self.timeout.as_secs().saturating_add(1).saturating_mul(self.requests_per_worker_max.into()).saturating_add(1)
    }

    /// The command line of a worker; [`Bounds`] on the other end.
    pub(super) fn arguments(&self) -> [OsString; 4] {
        [
            COMMAND.into(),
            self.memory_bytes.to_string().into(),
            self.cpu_seconds().to_string().into(),
            self.answer_bytes_max.to_string().into(),
        ]
    }
}

/// What a worker was told at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Address space.
    pub memory_bytes: u64,
    /// Processor time, of all its life.
    pub cpu_seconds: u64,
    /// How large an answer may be.
    pub answer_bytes_max: usize,
}
