//! What the process is given by its machine: CPUs and descriptors; and how it ends when an invariant is broken. Knows nothing of
//! connections.

use std::panic;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::control;

/// Raises the limit of open files as far as it goes, and says how many there may be.
pub(super) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files stays where it is");
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The CPUs that the process may use; empty where the kernel does not say.
pub(super) fn allowed_cpus() -> Vec<usize> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect(),
        Err(error) => {
            tracing::warn!(%error, "the kernel does not say which CPUs may be used: threads are not pinned");
            Vec::new()
        }
    }
}

/// Binds the calling thread to one CPU. A core that is not bound serves as well, only slower.
pub(super) fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!(%error, cpu, "a core is not pinned");
    }
}

/// Makes a panic of any thread end the process at once: a core that is gone would leave its documents out of reach while everything
/// else looks healthy, and state that broke an invariant must not be served any further. What was acknowledged is on disk.
///
/// But for the control plane and the watch: what panics there has answered one request, or found what is told to people, and touched no document.
pub(super) fn abort_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        if [control::THREAD_NAME, control::WATCH_THREAD_NAME].contains(&name) {
            tracing::error!(thread = name, %panicked, "an invariant of the control plane is broken");
            return report(panicked);
        }
        tracing::error!(thread = name, %panicked, "an invariant is broken: the process aborts");
        report(panicked);
        std::process::abort();
    }));
}
